//! A share: what one console counted for one report.

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::ledger::{Counts, news, trends};
use crate::queue::{Continued, Tally};

/// What one console counted of a queue up to the time of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The name of the console.
    pub console: String,
    /// The name of the queue.
    pub queue: String,
    /// The time of the report: the minute of the schedule, equal on all consoles.
    pub slot: Time,
    /// When the first of the lines came.
    pub from: Time,
    /// When the last of them came.
    pub to: Time,
    /// The hosts with all of their lines, thresholds not applied.
    pub hosts: Vec<HostCounts>,
    /// The remarks of the console for this report.
    pub remarks: Vec<String>,
    /// The news of the console (`set news`).
    pub news: Option<news::HandedIn>,
    /// The trends of the console (`set trends`).
    pub trends: Option<trends::Block>,
    /// What was read since the report before (`set quiet`).
    pub heard: Option<Watched>,
}

/// What a console read between two reports of a queue, whichever queues its lines went to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Watched {
    /// The number of lines.
    pub lines: u64,
    /// The hosts that wrote, by name.
    pub hosts: Vec<BString>,
    /// Whether there were more hosts than are kept.
    pub over: bool,
}

impl Watched {
    /// Adds what another console read.
    pub fn add(&mut self, other: Self, counts: Counts) {
        self.lines = counts.of_both(self.lines, other.lines, u64::saturating_add);
        self.hosts.extend(other.hosts);
        self.hosts.sort_unstable();
        self.hosts.dedup();
        self.over |= other.over;
    }
}

/// The lines of one host with their counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostCounts {
    /// The host.
    pub host: BString,
    /// Count and masked line, each line once.
    pub lines: Vec<(u64, BString)>,
    /// The number of lines beyond the bound of the queue, whose text was not kept.
    pub others: u64,
    /// Continuation lines, each with the index of its line.
    pub continued: Vec<(u32, Continued)>,
}

impl HostCounts {
    /// The number of all lines of the host, each as often as it came.
    pub fn total(&self) -> u64 {
        let counts = self.lines.iter().map(|(count, _)| *count);
        counts.fold(self.others, u64::saturating_add)
    }
}

impl Share {
    /// The hosts of a tally with all of their lines.
    pub fn hosts_of(tally: &Tally) -> Vec<HostCounts> {
        let hosts = tally.lines(crate::config::SortOrder::Descending, &[], &mut Vec::new());
        let host = |host: crate::queue::HostLines<'_>| {
            let lines: Vec<(u64, BString)> = (host.lines.iter())
                .map(|(count, line)| (*count, (*line).to_owned()))
                .collect();
            let mut continued = Vec::new();
            if !host.continued.is_empty() {
                for ((_, line), index) in host.lines.iter().zip(0..) {
                    if let Some(found) = host.continued_of(line) {
                        continued.push((index, found.clone()));
                    }
                }
            }
            HostCounts {
                host: host.host.to_owned(),
                lines,
                others: host.others,
                continued,
            }
        };
        hosts.into_iter().map(host).collect()
    }
}
