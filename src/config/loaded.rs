//! The result of reading a configuration: the configuration itself, its errors and warnings, and what it
//! needs of the machine.

use std::path::PathBuf;

use super::diagnostic::{Diagnostic, Place};
use super::model::{Config, Journal};
use super::reporter::{Location, sort};
use crate::logpath::LogPath;

/// The result of reading a configuration. The text alone was looked at: whether the machine has what the
/// configuration needs is found out by [`crate::host_system`].
#[derive(Debug)]
pub struct Loaded {
    /// The configuration; nothing if there was an error.
    pub config: Option<Config>,
    /// All errors and warnings, in the order of the lines.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that were read, the main one first.
    pub files: Vec<PathBuf>,
    /// The directories of `includedir`, in order.
    pub include_dirs: Vec<IncludeDir>,
    /// The accounts, log files and programs that the machine must have.
    pub(crate) needs: Needs,
    /// Whether the last of `diagnostics` says that there were more.
    pub(super) cut: bool,
}

/// A directory whose files are read as a part of the configuration (`includedir`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IncludeDir {
    /// The path, absolute.
    pub path: PathBuf,
    /// The rule before it that takes every line, so that none comes to the rules of its files.
    pub behind: Option<Place>,
}

impl Loaded {
    /// Adds what a look at the machine found. An error there means that there is no configuration.
    pub(crate) fn add(&mut self, findings: Vec<Diagnostic>) {
        if findings.iter().any(Diagnostic::is_error) {
            self.config = None;
        }
        let last = self.cut.then(|| self.diagnostics.pop()).flatten();
        self.diagnostics.extend(findings);
        sort(&mut self.diagnostics, &self.files);
        self.diagnostics.extend(last);
    }
}

/// The needs of a configuration: what the machine must have, each with the location that names it. They
/// are known of a configuration with errors too, so that all that is wrong is told at once.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// The users and groups of `set uid` and `set gid`, in order.
    pub(crate) accounts: Vec<(Account, String, Location)>,
    /// The log files, in order.
    pub(crate) logs: Vec<(LogPath, Location)>,
    /// The journals, in order.
    pub(crate) journals: Vec<(Journal, Location)>,
    /// Whether a log file may come later (`set tail_missing`).
    pub(crate) waits_for_logs: bool,
    /// The programs that must be there at the start, in the order of their lines.
    pub(crate) programs: Vec<(PathBuf, Location)>,
}

/// A kind of account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Account {
    /// `set uid`
    User,
    /// `set gid`
    Group,
}
