//! The commands: what a command line asks for, once it is read.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueEnum;

/// The configuration that is read if none is named.
pub const CONFIGURATION: &str = "/etc/tenshi/tenshi.conf";

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Monitor the logs.
    Run(RunArgs),
    /// `-C`: check the configuration.
    Check {
        /// The configuration file.
        config: PathBuf,
        /// `-d`: show every rule.
        debug: u8,
    },
    /// `-p`: read standard input and measure.
    Profile {
        /// The configuration file.
        config: PathBuf,
        /// `-d`.
        debug: u8,
    },
    /// `replay FILE…`
    Replay {
        /// The configuration file.
        config: PathBuf,
        /// The saved logs.
        files: Vec<PathBuf>,
        /// `-d`.
        debug: u8,
    },
    /// `match REGEX [FILE…]` and `match --pairs FILE`
    Match(MatchArgs),
    /// `status`
    Status(StatusArgs),
    /// `completions SHELL`
    Completions(Shell),
}

/// What `tenshi status` is to show, and where it finds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusArgs {
    /// The configuration file, for its `statedir`.
    pub config: PathBuf,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
    /// How it is shown.
    pub form: StatusForm,
}

/// How a status is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StatusForm {
    /// For people.
    Text,
    /// `--json`
    Json,
    /// `--check`: one line and an exit status for Nagios and its kin.
    Check {
        /// How long the oldest report may wait, seconds.
        age: Levels,
        /// How much of the logs may be unread, bytes.
        lag: Levels,
    },
}

/// From where on a value is a warning, and from where on critical.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Levels {
    /// `--warning`, `--lag-warning`
    pub warning: u64,
    /// `--critical`, `--lag-critical`
    pub critical: u64,
}

/// A shell that completions are written for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
}

/// What `tenshi match` is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MatchArgs {
    /// `REGEX [FILE…]`: show what a pattern makes of lines.
    Lines {
        /// The pattern, bytes as the shell gave them.
        regex: OsString,
        /// Where the lines are; standard input if there is none.
        files: Vec<PathBuf>,
        /// `--mask`.
        mask: OsString,
    },
    /// `--pairs FILE`: answer pairs of a pattern and a subject.
    Pairs(PathBuf),
}

/// How to run the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RunArgs {
    /// The configuration file.
    pub config: PathBuf,
    /// `-f`: stay in the foreground.
    pub foreground: bool,
    /// `-d`: 1 shows what is done, 2 the SMTP dialogue too; stays in the foreground.
    pub debug: u8,
    /// `-P`: instead of the configuration's `pidfile`.
    pub pid_file: Option<PathBuf>,
    /// `--print`: mails go to standard output; stays in the foreground.
    pub print: bool,
    /// `--state-dir`: instead of the configuration's `statedir`.
    pub state_dir: Option<PathBuf>,
}
