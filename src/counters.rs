//! Counters of events: lines read, dropped or cut, reports delivered or delayed. `tenshi status` shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $label:literal,)+) => {
        /// A kind of event that is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Counter { $($(#[$doc])* $name,)+ }

        /// The counters of all kinds of events since the state was begun. A snapshot holds them by their
        /// names: a program that knows more or fewer of them reads those that it knows.
        #[derive(Clone, PartialEq, Eq, Debug, Default)]
        #[allow(non_snake_case)]
        pub struct Counters { $($name: u64,)+ }

        impl Counter {
            /// All kinds of events, in a fixed order.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }

        impl Counters {
            /// Adds `n` events of this kind.
            pub fn add(&mut self, counter: Counter, n: u64) {
                match counter {
                    $(Counter::$name => self.$name = self.$name.saturating_add(n),)+
                }
            }

            /// The number of events of this kind.
            pub fn get(&self, counter: Counter) -> u64 {
                match counter { $(Counter::$name => self.$name,)+ }
            }

            /// All counters, each with the words that `tenshi status` shows for it, in a fixed order.
            pub fn all(&self) -> Vec<(Counter, &'static str, u64)> {
                vec![$((Counter::$name, $label, self.$name),)+]
            }
        }
    };
}

counters! {
    /// Lines taken in from all inputs.
    Lines: "lines read",
    /// Lines that a rule took.
    Matched: "lines matched by a rule",
    /// Lines that no rule took.
    Unmatched: "lines matched by no rule",
    /// Lines without a known prefix, sent to `noprefix` or, without that queue, dropped.
    NoPrefix: "lines without a known prefix",
    /// Lines whose prefix matched without giving a host.
    NoHost: "lines whose prefix gave no host",
    /// Lines cut at `max_line`.
    TooLong: "lines cut for their length",
    /// Lines that are not valid UTF-8, shown with `\xNN`.
    NotUtf8: "lines not valid UTF-8",
    /// Lines counted only as "other" because a queue was at `max_lines` or `max_memory`.
    OverLimit: "lines over a queue's max_lines or max_memory",
    /// Matches that were given up at the budget of the line, and taken for no match.
    GaveUp: "matches given up at the limit of a line",
    /// `repeat` lines that could not be counted (no group, no number, no previous line, queue gone).
    RepeatDropped: "repetitions that could not be counted",
    /// Bytes of a log known to be lost (rotated away or compressed unread).
    BytesLost: "bytes of logs lost unread",
    /// Times an input was found missing, unreadable or disconnected.
    InputFaults: "input faults",
    /// Reports that a mail server or command took.
    Delivered: "reports delivered",
    /// Attempts to deliver that failed and are tried again.
    DeliveryFailed: "delivery attempts failed",
    /// Recipients refused by the mail server while others took the report.
    RecipientRejected: "recipients rejected",
    /// Reports that the mail server refused for good (5xx), kept in the outbox.
    Refused: "reports refused by the mail server",
    /// Filter, CSV, notify, heartbeat and sendmail commands that failed or timed out.
    CommandFailed: "filter, csv, notify, heartbeat and sendmail commands failed",
    /// Snapshots that could not be written.
    SnapshotFailed: "snapshots that could not be written",
    /// Messages of RFC 5424 whose structured data was left out.
    StructuredDropped: "messages whose structured data was left out",
    /// `repeat` lines whose number was over `repeat_limit`.
    RepeatOverLimit: "repetitions over repeat_limit, not counted",
    /// Entries of the journal known to be lost: removed before they were read, or damaged.
    JournalLost: "journal entries lost unread",
    /// Lines that belong to the line before (`continue`, `set join on`): they are not counted in a queue.
    Continued: "lines that continue the line before",
    /// Lines that belong to the line before, where that line is not known: the first lines of a host.
    ContinueDropped: "continuation lines without a line before",
    /// Lines that belong to the line before, whose text was not kept because a queue was at `max_lines` or
    /// `max_memory`.
    ContinueOverLimit: "continuation lines over a queue's max_lines or max_memory",
    /// Messages that look like an object of JSON and are none, or too deep a one: they stay as they are.
    JsonInvalid: "messages that look like JSON and are not",
    /// Reports that pagers did not get, since the pages of the hour were used up (`set pager_hour`).
    PageWithheld: "pager reports over pager_hour, mailed only",
    /// Kinds of lines that were not kept for `set news`, or had to go for others (`news_max`).
    KindsOver: "kinds of lines over news_max, not kept",
    /// Reports left out for a program of `set notify`, since too much waited for it.
    NotifyLeftOut: "reports left out for notify programs",
    /// Delivered letters that could not be archived (`set archive`).
    NotArchived: "delivered letters that could not be archived",
    /// Lines that `set trends` counted for their rule, but not for their host.
    TrendHostsOver: "lines counted for trends without their host",
}

impl Counter {
    /// The name of the counter for programs and in snapshots: `lines`, `no_prefix`.
    pub fn name(self) -> String {
        let mut name = String::new();
        for letter in format!("{self:?}").chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = self.all();
        serializer.collect_map(all.into_iter().map(|(counter, _, n)| (counter.name(), n)))
    }
}

impl<'de> Deserialize<'de> for Counters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved = BTreeMap::<String, u64>::deserialize(deserializer)?;
        let mut counters = Self::default();
        for counter in Counter::ALL {
            if let Some(n) = saved.get(&counter.name()) {
                counters.add(*counter, *n);
            }
        }
        Ok(counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_names_for_programs() {
        assert_eq!(Counter::Lines.name(), "lines");
        assert_eq!(Counter::NotUtf8.name(), "not_utf8");
        assert_eq!(Counter::SnapshotFailed.name(), "snapshot_failed");
    }

    /// What a program that has another set of counters wrote is read as far as it is known.
    #[test]
    fn a_counter_that_came_or_went_costs_no_other_one() {
        let saved = BTreeMap::from([("lines", 3_u64), ("of_tomorrow", 9), ("refused", 1)]);
        let bytes = postcard::to_stdvec(&saved).unwrap();
        let read: Counters = postcard::from_bytes(&bytes).unwrap();
        let mut want = Counters::default();
        want.add(Counter::Lines, 3);
        want.add(Counter::Refused, 1);
        assert_eq!(read, want);
        let bytes = postcard::to_stdvec(&want).unwrap();
        assert_eq!(postcard::from_bytes::<Counters>(&bytes).unwrap(), want);
    }
}
