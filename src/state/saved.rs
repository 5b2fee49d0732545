//! What a snapshot holds.

use std::collections::HashMap;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::counters::Counters;
use crate::delivery::outbox::Outbox;
use crate::input::file::PathMarks;
use crate::input::redis::Counted;
use crate::queue::Tally;

macro_rules! snapshot {
    ($($(#[$doc:meta])* $name:ident: $owned:ty, $borrowed:ty;)+) => {
        /// A snapshot as it is read.
        #[derive(Clone, PartialEq, Debug, Default, Deserialize, Serialize)]
        pub struct Snapshot { $($(#[$doc])* pub $name: $owned,)+ }

        /// A snapshot as it is written, without a copy of the counts.
        #[derive(Debug, Serialize)]
        pub struct SnapshotRef<'a> { $($(#[$doc])* pub $name: $borrowed,)+ }
    };
}

snapshot! {
    /// When it was made.
    made: Time, Time;
    /// When the program that made it was started.
    started: Time, Time;
    /// The last instant up to which schedules were looked at.
    looked: Time, Time;
    /// The positions in the followed files.
    files: Vec<PathMarks>, Vec<&'a PathMarks>;
    /// The queues with what they have collected.
    queues: Vec<SavedQueue>, Vec<SavedQueue<&'a Tally>>;
    /// The escalation counters.
    escalations: Vec<SavedCounter>, Vec<SavedCounter<&'a str, &'a BStr>>;
    /// The last line of each host, for `repeat`, where its source is not known: as snapshots before had it.
    last: Vec<SavedLast>, Vec<SavedLast<&'a str, &'a BStr>>;
    /// The reports on their way.
    outbox: Outbox, &'a Outbox;
    /// What is settled when a letter of the outbox is delivered: letter, rule, host, count.
    settlements: HashMap<u64, Vec<SavedCounter>>, HashMap<u64, Vec<SavedCounter<&'a str, &'a BStr>>>;
    /// What the next report has to tell.
    remarks: Vec<String>, &'a [String];
    /// Everything counted.
    counters: Counters, &'a Counters;
    /// What is wrong with inputs just now, by their names.
    faults: HashMap<String, String>, &'a HashMap<String, String>;
    /// How far the Redis lists are counted.
    redis: Counted, &'a Counted;
    /// The last line of each host of each source, for `repeat`.
    sources: Vec<SavedSource>, Vec<SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>>;
}

/// A queue, by its name.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SavedQueue<T = Tally> {
    /// Its name.
    pub name: String,
    /// What it has collected.
    pub tally: T,
    /// When its next report begins.
    pub start: Time,
    /// Its time has passed, its report before is not delivered yet.
    pub overdue: bool,
    /// When it is mailed, as the configuration writes it: `[now]`, `[0 12 * * *]`.
    pub schedule: String,
    /// When it is due next; nothing for a `[now]` queue.
    pub next: Option<Time>,
    /// From when to when nobody watched, if the next report covers such a time.
    pub gap: Option<(Time, Time)>,
}

/// The counter of a rule and host. A snapshot is written without a copy of their texts: there may be a
/// million of them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SavedCounter<S = String, B = BString> {
    /// The rule, known again by its text.
    pub rule: S,
    /// The host.
    pub host: B,
    /// Its lines.
    pub count: u64,
}

/// The last line of a host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SavedLast<S = String, B = BString> {
    /// The host.
    pub host: B,
    /// The rule that took the line, known again by its text; nothing for `trash`.
    pub rule: Option<S>,
    /// The masked line.
    pub line: B,
}

/// The last lines of the hosts of a source.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SavedSource<L = SavedLast, B = BString> {
    /// The source, as [`crate::input::Origin::name`] gives it.
    pub source: B,
    /// The lines.
    pub last: Vec<L>,
}
