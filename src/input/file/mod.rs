//! The follower of log files.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The committed positions of one followed path: one mark a generation, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathMarks {
    /// The path as followed (a glob is expanded).
    pub path: PathBuf,
}
