//! Warnings of lines that are dropped, cut or counted only in part: the first time, then once a day.

use chrono::TimeDelta;

use crate::clock::Time;
use crate::counters::{Counter, Counters};

/// How long after a warning the same warning comes again, if more lines were lost.
const AGAIN: TimeDelta = TimeDelta::days(1);

/// The counters that are warned of, each with the end of its sentence.
const KINDS: &[(Counter, &str)] = &[
    (
        Counter::NoPrefix,
        "dropped: no known prefix (a `set logprefix` reads them, a queue `noprefix` collects them)",
    ),
    (
        Counter::NoHost,
        "dropped: the group of their `logprefix` that gives the host took no part",
    ),
    (Counter::TooLong, "cut: longer than `max_line`"),
    (
        Counter::OverLimit,
        "counted for their host only: their queue is at `max_lines` or `max_memory`",
    ),
    (
        Counter::StructuredDropped,
        "messages of RFC 5424 whose structured data was left out",
    ),
    (
        Counter::KindsOver,
        "of kinds that news does not keep: there are more than `news_max`",
    ),
    (
        Counter::TrendHostsOver,
        "counted for trends without their host: those of 100,000 rules and hosts are kept",
    ),
    (
        Counter::RepeatOverLimit,
        "not counted: a `repeat` of more lines than `repeat_limit` allows",
    ),
    (
        Counter::RepeatDropped,
        "not counted: a `repeat` without a whole number, or without a line before",
    ),
    (
        Counter::ContinueDropped,
        "dropped: a `continue` without a line before",
    ),
    (
        Counter::ContinueOverLimit,
        "not kept: the lines before them are in a queue at `max_lines` or `max_memory`",
    ),
];

/// The last warning of each counter: when it was given in this run, and the count then.
#[derive(Debug, Default)]
pub(super) struct LossWarnings(Vec<(Option<Time>, u64)>);

impl LossWarnings {
    /// No warning is due of what these counters hold: a run before gave it.
    pub(super) fn since(counters: &Counters) -> Self {
        Self(
            KINDS
                .iter()
                .map(|(counter, _)| (None, counters.get(*counter)))
                .collect(),
        )
    }

    /// To be called when the clock was set back: no warning was given at a time that is still to come.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        for (when, _) in &mut self.0 {
            *when = when.map(|when| when.min(now));
        }
    }

    /// The warnings that are due now. Lines without a prefix are no loss if there is a queue for them
    /// (`noprefix_queue`).
    pub(super) fn tell(
        &mut self,
        counters: &Counters,
        noprefix_queue: bool,
        now: Time,
    ) -> Vec<String> {
        self.0.resize(KINDS.len(), (None, 0));
        let mut told = Vec::new();
        for ((counter, words), (when, known)) in KINDS.iter().zip(&mut self.0) {
            let count = counters.get(*counter);
            let silent = noprefix_queue && *counter == Counter::NoPrefix;
            let waited = when.is_none_or(|when| now - when >= AGAIN);
            if count > *known && waited && !silent {
                (*when, *known) = (Some(now), count);
                told.push(format!("{count} lines so far were {words}"));
            }
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_and_again_after_a_day() {
        let (mut dropped, mut counters) = (LossWarnings::default(), Counters::default());
        let start = chrono::DateTime::UNIX_EPOCH;
        assert!(dropped.tell(&counters, false, start).is_empty());
        counters.add(Counter::NoPrefix, 3);
        let told = dropped.tell(&counters, false, start);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("3 lines so far were dropped: no known prefix"));
        counters.add(Counter::NoPrefix, 3);
        assert!(
            dropped
                .tell(&counters, false, start + TimeDelta::hours(23))
                .is_empty()
        );
        assert_eq!(dropped.tell(&counters, false, start + AGAIN).len(), 1);
        assert!(
            dropped.tell(&counters, false, start + AGAIN * 3).is_empty(),
            "nothing new"
        );
        assert!(
            LossWarnings::since(&counters)
                .tell(&counters, false, start)
                .is_empty()
        );
        let mut fresh = LossWarnings::default();
        assert!(
            fresh.tell(&counters, true, start).is_empty(),
            "they are in `noprefix`"
        );
    }
}
