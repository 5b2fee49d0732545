//! What a snapshot keeps of a monitor. Queues are known again by their names, rules by their text
//! (module `rule_names`), so that the configuration may change between two runs.

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::heard::Heard;
use super::saved_continuation::{SavedContinued, SavedContinuing};
use super::window::SavedBundles;
use crate::clock::Time;
use crate::counters::Counters;
use crate::ledger::Ledger;
use crate::ledger::silence::{SavedExpected, SavedSilence};
use crate::queue::Tally;

/// Everything that a monitor goes on from after a restart.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct SavedMonitor {
    /// When the snapshot was made.
    pub made: Time,
    /// The last instant up to which schedules were looked at.
    pub looked: Time,
    /// The queues with what they have collected.
    pub queues: Vec<SavedQueue>,
    /// The escalation counters.
    pub escalations: Vec<SavedCounter>,
    /// The previous line of each host (for `repeat`) whose source is not known: older snapshots have those.
    pub last: Vec<SavedLast>,
    /// The previous line of each host of each source, for `repeat`.
    pub sources: Vec<SavedSource>,
    /// The continuation lines of the queues.
    pub continued: SavedContinued,
    /// What becomes of the lines that continue the previous line of each source and host.
    pub continuing: SavedContinuing,
    /// Remarks that the next report has to carry.
    pub remarks: Vec<String>,
    /// The windows of bundled queues, and the pages of the last hour.
    pub bundles: SavedBundles,
    /// The silences of hosts and files.
    pub silence: SavedSilence,
    /// The messages that came which rules expect.
    pub expected: SavedExpected,
    /// The hosts and lines since the last reports of the queues with `set quiet`.
    pub heard: Heard,
    /// Everything counted.
    pub counters: Counters,
    /// What the site is known by.
    pub ledger: Ledger,
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
    /// When it is due next; of a `[now]` queue the end of its window, if one is open.
    pub next: Option<Time>,
    /// From when to when nobody watched, if the next report covers such a time.
    pub gap: Option<(Time, Time)>,
}

impl<T> SavedQueue<T> {
    /// Takes off what it has collected.
    pub fn split(self) -> (SavedQueue<()>, T) {
        (
            SavedQueue {
                name: self.name,
                tally: (),
                start: self.start,
                overdue: self.overdue,
                schedule: self.schedule,
                next: self.next,
                gap: self.gap,
            },
            self.tally,
        )
    }
}

impl SavedQueue<()> {
    /// The queue with what it has collected.
    pub fn with<T>(self, tally: T) -> SavedQueue<T> {
        SavedQueue {
            name: self.name,
            tally,
            start: self.start,
            overdue: self.overdue,
            schedule: self.schedule,
            next: self.next,
            gap: self.gap,
        }
    }
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
    /// The source, as [`crate::input::Batch::source`] names it.
    pub source: B,
    /// The lines.
    pub last: Vec<L>,
}

/// The last lines that changed since the last commit.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SourcesChange<S = SavedSource> {
    /// Whether all lines of before are forgotten.
    pub anew: bool,
    /// The lines that are new or other ones.
    pub sources: Vec<S>,
}
