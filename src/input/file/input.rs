//! The log files of a configuration as an input of the daemon.

use std::io;
use std::time::Duration;

use super::{Begun, Follower, FollowerThread, OpenFileBudget, RealFs, Settings, spawn};
use crate::config::{Config, Journal, TailSettings, TailStart, is_own_log};
use crate::input::charsets::SharedCharsets;
use crate::input::journal::syslog_file;
use crate::input::{Drain, Input, InputThread, Start};
use crate::process::limits;

/// The followed log files (`set logfile`).
#[derive(Debug)]
struct LogFiles {
    begin_at: TailStart,
    charsets: SharedCharsets,
    /// The follower, once it is started.
    follower: Option<FollowerThread>,
}

/// The log files of a configuration, if we follow them ourselves and no `set tail` program does.
pub(in crate::input) fn configured(config: &Config) -> Vec<Box<dyn Input>> {
    match &config.inputs.tail {
        TailSettings::Follow { start } => vec![Box::new(LogFiles {
            begin_at: *start,
            charsets: SharedCharsets::new(config),
            follower: None,
        })],
        TailSettings::Command { .. } => Vec::new(),
    }
}

impl Input for LogFiles {
    fn describe(&self) -> String {
        "log files".into()
    }

    /// What the log files hold open is counted by the follower itself.
    fn open_files(&self) -> usize {
        0
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        let config = start.config;
        let settings = Settings {
            start: self.begin_at,
            wait_for_missing: config.inputs.tail_missing,
            max_line: config.inputs.max_line,
            catchup: config.state.catchup,
            containers: config.lines.json.on,
            olddirs: config.inputs.olddirs.clone(),
            charsets: self.charsets.clone(),
        };
        let taken = limits::open_now() + start.other_files;
        let budget = OpenFileBudget::new(limits::open_files(), taken);
        let (logs, resume) = (&config.inputs.logfiles, start.resume);
        let follower = Follower::new(RealFs, settings, logs, resume.files.clone());
        let mut follower = follower.within(budget);
        if config.inputs.journals.contains(&Journal::Auto) && syslog_file().is_none() {
            // Their lines are in the journal.
            follower.excuse(is_own_log);
        }
        follower.resume_patterns(resume.patterns.clone());
        let thread = spawn(follower, start.clock.clone(), start.events.clone())?;
        self.follower = Some(thread);
        Ok(())
    }

    fn threads(&self) -> &[InputThread] {
        &[]
    }

    fn drain(&self, drain: Drain) -> usize {
        self.follower
            .iter()
            .for_each(|follower| follower.drain(drain));
        usize::from(self.follower.is_some())
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        self.charsets.set(config);
        if let Some(follower) = &self.follower {
            follower.set_paths(config.inputs.logfiles.clone());
        }
        Ok(false)
    }

    /// The follower keeps nothing elsewhere: it goes with the process.
    fn stop(self: Box<Self>) -> Vec<InputThread> {
        Vec::new()
    }

    fn begun(&mut self) -> Begun {
        let follower = self.follower.as_mut();
        follower.map(FollowerThread::begun).unwrap_or_default()
    }

    fn still(&self) -> Option<Duration> {
        self.follower.as_ref().map(FollowerThread::still)
    }
}
