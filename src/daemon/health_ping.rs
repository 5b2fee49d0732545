//! The ping of `set heartbeat`: a program is run at its times, while all is well, so that a watcher elsewhere learns
//! from the pings that stop that something is wrong here. (The sign of life in the state directory is `heartbeat`.)
//!
//! All is well if `tenshi status --check` would say OK: [`crate::health`] judges for both. Looking how long the logs
//! are and running the program may take long, so a thread does both, one at a time. One that hangs, in a file system
//! that does not answer, sends no ping, which is right.

use super::event_loop::Daemon;
use super::messages::Message;
use super::pings::{Job, Pinged, next};
use crate::clock::Time;
use crate::config::HealthPing;
use crate::counters::Counter;
use crate::health::{Health, WaitingReport};
use crate::state::LockStatus;
use crate::threads;

impl Daemon {
    /// When the next ping is due.
    pub(super) fn next_ping(&self) -> Option<Time> {
        self.pings.next.map(|(next, _)| next)
    }

    /// Works out when the next ping is due.
    pub(super) fn plan_ping(&mut self, now: Time) {
        self.pings.next = next(self.monitor.config(), now);
    }

    /// Has all be judged, and the program be run if it is well, when the time has come.
    pub(super) fn ping(&mut self, now: Time) {
        let Some((next, planned)) = self.pings.next else {
            return;
        };
        if now < planned {
            // The clock was set back.
            return self.plan_ping(now);
        }
        if now < next {
            return;
        }
        self.plan_ping(now);
        let config = self.monitor.config().clone();
        let Some(HealthPing { command, .. }) = config.health_ping.as_ref() else {
            return;
        };
        if self.pings.running {
            let still =
                "the one before is not over: a file system that does not answer, or the program";
            return self.note_ping(&Pinged::Unwell(still.into()));
        }
        let job = Job {
            command: command.clone(),
            time: config.mail.filter_timeout,
            directory: self.commits.directory(),
            files: self.files.all().cloned().collect(),
            journal: self.journal.all().clone(),
            health: self.own_health(now),
        };
        let messages = self.sender.clone();
        let work = move || {
            // Nobody listens to it once the loop has ended.
            let _ = messages.send(Message::Pinged(job.run()));
        };
        match threads::task("ping", work) {
            Ok(_) => self.pings.running = true,
            Err(e) => self.note_ping(&Pinged::Failed(format!("no thread for it: {e}"))),
        }
    }

    /// Takes the end of a ping.
    pub(super) fn pinged(&mut self, end: &Pinged) {
        self.pings.running = false;
        self.note_ping(end);
    }

    /// Logs how a ping ended, if the one before ended otherwise. It is no fault of ours: one that is would hold back
    /// the next ping.
    fn note_ping(&mut self, end: &Pinged) {
        let fault = match end {
            Pinged::Sent => None,
            Pinged::Unwell(why) => Some(format!("heartbeat: held back: {why}")),
            Pinged::Failed(why) => {
                self.monitor.count_event(Counter::CommandFailed);
                Some(format!("heartbeat: {why}"))
            }
        };
        if self.pings.fault == fault {
            return;
        }
        match &fault {
            Some(fault) => log::warn!("{fault}"),
            None => log::warn!("heartbeat: sent again"),
        }
        self.pings.fault = fault;
    }

    /// What is known of this daemon without a look at the logs and the lock.
    fn own_health(&self, now: Time) -> Health {
        Health {
            now,
            lock: Ok(LockStatus {
                running: true,
                failing: self.commits.failed,
                moved: None,
            }),
            made: self.started,
            outbox: self.outbox.mails().iter().map(WaitingReport::new).collect(),
            lag: 0,
            behind: None,
            faults: self.faults.clone(),
            blind: self.blind.clone(),
        }
    }
}
