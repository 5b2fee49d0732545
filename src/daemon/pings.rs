//! A ping of `set heartbeat`: all is judged, and the program is run if it is well. When, and what becomes of it, is in
//! `health_ping`.

use std::path::PathBuf;
use std::time::Duration;

use chrono::Local;

use crate::cli::Levels;
use crate::clock::Time;
use crate::config::{Config, ShellCommand};
use crate::health::{Health, Level, lag};
use crate::input::file::PathCheckpoints;
use crate::input::journal;
use crate::process::child::{Limits, Program};
use crate::state;

/// More output than this of the program is a fault, bytes.
const MOST_OUTPUT: usize = 1024 * 1024;

/// The pings of a run.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The next one, and when that was worked out.
    pub(super) next: Option<(Time, Time)>,
    /// Whether a thread is at one.
    pub(super) running: bool,
    /// How the last one ended, if not as it should.
    pub(super) fault: Option<String>,
}

impl Pings {
    /// The pings of a configuration.
    pub(super) fn new(config: &Config, now: Time) -> Self {
        Self {
            next: next(config, now),
            ..Self::default()
        }
    }
}

/// When the ping after `now` is due, and `now`.
pub(super) fn next(config: &Config, now: Time) -> Option<(Time, Time)> {
    let ping = config.health_ping.as_ref()?;
    ping.when.next(now, &Local).map(|next| (next, now))
}

/// The end of a ping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Pinged {
    /// The program was run, and ended well.
    Sent,
    /// It was not run, for this fault.
    Unwell(String),
    /// It was run and failed, in these words.
    Failed(String),
}

/// What a thread needs for a ping.
pub(super) struct Job {
    pub(super) command: ShellCommand,
    /// The longest time that the program may take.
    pub(super) time: Duration,
    /// The state directory, if there is one.
    pub(super) directory: Option<PathBuf>,
    /// The positions in the logs.
    pub(super) files: Vec<PathCheckpoints>,
    /// The positions in the journal.
    pub(super) journal: journal::Positions,
    /// Without the logs and the lock: these are looked at in the thread.
    pub(super) health: Health,
}

impl Job {
    /// Judges, and runs the program if all is well.
    pub(super) fn run(mut self) -> Pinged {
        if let Some(directory) = &self.directory {
            // As `tenshi status` sees it. Where it sees no state, it cannot say OK.
            if let Err(e) = state::stamp(directory) {
                return Pinged::Unwell(format!("no snapshot can be seen: {e}"));
            }
            self.health.lock = state::lock_status(directory).map_err(|e| e.to_string());
        }
        let (lag, behind) = lag::of_all(&self.files, &journal::unread(&self.journal));
        self.health.lag = lag;
        self.health.behind = behind.map(|path| crate::shown::shown_path(&path).to_string());
        let verdict = self.health.judge(Levels::AGE, Levels::LAG);
        if verdict.level() != Level::Ok {
            let why = verdict.faults().next().unwrap_or_default();
            return Pinged::Unwell(why.to_owned());
        }
        let limits = Limits {
            time: Some(self.time),
            output: Some(MOST_OUTPUT),
        };
        let run = Program::shell(&self.command.line)
            .in_directory("/".as_ref())
            .run(&mut &b""[..], &limits);
        match run.is_good() {
            true => Pinged::Sent,
            false => Pinged::Failed(run.words()),
        }
    }
}
