//! What the service manager shows of us: one line with the counters.

use super::Daemon;
use crate::clock::Time;
use crate::counters::Counters;
use crate::process::service;

/// The line is sent at most once in this time.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// What was told, and when there may be more to tell.
#[derive(Debug)]
pub(super) struct Telling {
    /// Whether anybody listens.
    on: bool,
    told: String,
    not_before: Time,
    /// Something may have changed since.
    pending: bool,
}

impl Telling {
    pub(super) fn new() -> Self {
        Self {
            on: service::managed(),
            told: String::new(),
            not_before: Time::default(),
            pending: false,
        }
    }

    /// When to look again.
    pub(super) fn next(&self) -> Option<Time> {
        self.pending.then_some(self.not_before)
    }
}

impl Daemon {
    /// Tells the service manager how far we are, if that changed.
    pub(super) fn tell_manager(&mut self, now: Time) {
        let telling = &mut self.telling;
        telling.pending = telling.on && now < telling.not_before;
        if !telling.on || telling.pending || self.stop_by.is_some() {
            return;
        }
        let text = line(self.monitor.counters(), self.outbox.mails().len());
        if text != telling.told {
            service::status(&text);
            telling.told = text;
            telling.not_before = now + PAUSE;
        }
    }
}

/// All that was counted.
fn line(counters: &Counters, waiting: usize) -> String {
    let counted = counters
        .all()
        .into_iter()
        .filter(|(_, _, count)| *count > 0);
    let mut parts: Vec<String> = counted
        .map(|(_, label, count)| format!("{label}: {count}"))
        .collect();
    if waiting > 0 {
        parts.push(format!("reports waiting: {waiting}"));
    }
    match parts.is_empty() {
        true => "no lines yet".into(),
        false => parts.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counter;

    #[test]
    fn the_line_names_what_was_counted_and_nothing_else() {
        let mut counters = Counters::default();
        assert_eq!(line(&counters, 0), "no lines yet");
        counters.add(Counter::Lines, 3);
        counters.add(Counter::Delivered, 1);
        assert_eq!(
            line(&counters, 2),
            "lines read: 3, reports delivered: 1, reports waiting: 2"
        );
    }
}
