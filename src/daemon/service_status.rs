//! The line with the counters that the service manager shows (`systemctl status`).

use std::time::Duration;

use crate::clock::Time;
use crate::counters::Counters;
use crate::process::service;

/// The line is sent at most once in this time.
const PAUSE: Duration = Duration::from_secs(1);

/// The line that is shown, and when the next one may be sent.
#[derive(Debug)]
pub(super) struct ServiceStatus {
    /// Whether there is a service manager.
    on: bool,
    shown: String,
    not_before: Time,
    /// Whether something may have changed since the last line.
    pending: bool,
}

impl ServiceStatus {
    pub(super) fn new() -> Self {
        Self {
            on: service::managed(),
            shown: String::new(),
            not_before: Time::default(),
            pending: false,
        }
    }

    /// To be called when the clock was set back.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        self.not_before = self.not_before.min(now + PAUSE);
    }

    /// When a line that was put off may be sent.
    pub(super) fn next(&self) -> Option<Time> {
        self.pending.then_some(self.not_before)
    }

    /// Shows the counters and the number of reports that wait, if they changed.
    pub(super) fn show(&mut self, now: Time, counters: &Counters, waiting: usize) {
        self.pending = self.on && now < self.not_before;
        if !self.on || self.pending {
            return;
        }
        let text = line(counters, waiting);
        if text != self.shown {
            service::status(&text);
            self.shown = text;
            self.not_before = now + PAUSE;
        }
    }
}

/// The counters that are not zero, with their names.
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
