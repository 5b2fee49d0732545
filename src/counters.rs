//! What is dropped, cut or delayed is counted here, told once, and shown by `tenshi status`.

use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident: $label:literal,)+) => {
        /// One kind of event that is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Counter { $($(#[$doc])* $name,)+ }

        /// The counts of all events since the state was begun.
        #[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
        #[serde(default)]
        #[allow(non_snake_case)]
        pub struct Counters { $($name: u64,)+ }

        impl Counters {
            /// Adds `n` events of this kind.
            pub fn add(&mut self, counter: Counter, n: u64) {
                match counter { $(Counter::$name => self.$name += n,)+ }
            }

            /// How many events of this kind there were.
            pub fn get(&self, counter: Counter) -> u64 {
                match counter { $(Counter::$name => self.$name,)+ }
            }

            /// Every counter with the words that `tenshi status` shows for it, in a fixed order.
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
    /// Attempts to match for which the budget of the line did not do, and that were taken for no match.
    GaveUp: "matches given up at the limit of a line",
    /// `repeat` lines that could not be counted (no group, no number, no line before, queue gone).
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
    /// Filter and CSV commands that failed or timed out.
    CommandFailed: "filter and csv commands failed",
    /// Snapshots that could not be written.
    SnapshotFailed: "snapshots that could not be written",
    /// Messages of RFC 5424 whose structured data came into no line.
    StructuredDropped: "messages whose structured data was left out",
    /// `repeat` lines whose number was over `repeat_limit`.
    RepeatOverLimit: "repetitions over repeat_limit, not counted",
}
