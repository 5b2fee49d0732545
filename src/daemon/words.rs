//! The line that `systemctl status` shows.

use std::time::Duration;

use super::Daemon;
use crate::clock::Time;
use crate::counters::Counter;
use crate::process::service;

/// At most so often the line is told anew.
const PAUSE: Duration = Duration::from_secs(1);

/// What the service manager was told, and when it may be told more.
#[derive(Debug)]
pub(super) struct Words {
    listened_to: bool,
    told: String,
    /// Something happened that the line may have to show.
    stale: bool,
    next: Time,
}

impl Words {
    pub(super) fn new(now: Time) -> Self {
        Self {
            listened_to: service::listens(),
            told: String::new(),
            stale: true,
            next: now,
        }
    }

    /// Something happened.
    pub(super) fn stale(&mut self) {
        self.stale = true;
    }

    /// When the line is to be told anew.
    pub(super) fn next(&self) -> Option<Time> {
        (self.listened_to && self.stale).then_some(self.next)
    }
}

impl Daemon {
    /// Tells the service manager how far we are, if that changed.
    pub(super) fn tell(&mut self, now: Time) {
        if self.words.next().is_none_or(|next| now < next) {
            return;
        }
        let text = self.summary();
        let words = &mut self.words;
        words.stale = false;
        if text != words.told {
            service::status(&text);
            words.told = text;
            words.next = now + PAUSE;
        }
    }

    fn summary(&self) -> String {
        let counters = self.monitor.counters();
        format!(
            "{} read, {} delivered, {} waiting",
            counted(counters.get(Counter::Lines), "line"),
            counted(counters.get(Counter::Delivered), "report"),
            self.outbox.letters().len(),
        )
    }
}

fn counted(n: u64, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}
