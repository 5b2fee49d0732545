//! The follower of log files: every line once, over rotation, truncation, restart and crash.
//!
//! The logs are the write-ahead log, and the daemon's state is a fold of them: a [`PathCheckpoints`]
//! goes out with each batch and is committed with the counts of its lines, so after a crash the
//! lines behind the checkpoints are read again and lead to the same state. [`Follower`] is a state
//! machine over a [`FileSystem`]; [`spawn`] runs it in a thread that the kernel wakes early.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::model::TailStart;
use crate::input::charsets::SharedCharsets;

mod beside;
mod checkpoint;
mod checkpoint_change;
mod compressed;
mod container;
mod copies;
mod encoded;
mod follower;
mod fs;
mod generation;
mod index;
mod input;
mod lines;
mod listing;
#[cfg(test)]
mod model;
mod open_files;
mod rotated;
mod start;
#[cfg(test)]
mod tests;
mod thread;
mod track;

pub use checkpoint::{ANCHOR, FileCheckpoint, Fingerprint, HEAD, PathCheckpoints, Standing};
pub use checkpoint_change::PathChange;
pub use follower::{Follower, Turn};
pub use fs::{FileId, FileSystem, Kind, LogFile, Meta, RealFs};
pub(super) use input::configured;
pub use lines::CUT;
pub use listing::Listings;
pub use open_files::OpenFileBudget;
pub use rotated::{bases_of, directories_of, is_compressed};
pub use thread::{Begun, FollowerThread, spawn};

/// How files are followed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where a file that is there at the first start is begun (`set tail`).
    pub start: TailStart,
    /// Wait for files that do not exist at the start (`set tail_missing`).
    pub wait_for_missing: bool,
    /// Longer lines are cut, bytes (`set max_line`).
    pub max_line: usize,
    /// After a restart, files older than this are not caught up with (`set catchup`).
    pub catchup: Option<Duration>,
    /// The logs of containers are known by their paths (`set json on`).
    pub containers: bool,
    /// Other directories with rotated files, from the directory of each log (`set olddir`).
    pub olddirs: Vec<PathBuf>,
    /// The character sets of the logs (`set charset`).
    pub charsets: SharedCharsets,
}
