//! The contents of a snapshot, as sections, and the changes of each.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use bstr::{BStr, BString};

pub use super::apply::MapChange;
use super::apply::{Apply, CountersChange};
use super::places::Places;
use super::sections::{Sections, next_section, section};
use crate::clock::Time;
use crate::counters::Counters;
use crate::delivery::outbox::{Outbox, OutboxChange};
use crate::input::Counted;
use crate::input::file::{PathChange, PathCheckpoints};
use crate::input::journal::{Positions, PositionsChange};
use crate::ledger::news::Op;
use crate::ledger::silence::{ExpectedChange, SavedExpected, SavedSilence, SilenceChange};
use crate::ledger::{Ledger, News, NewsChange, Trends, TrendsChange, TrendsChangeRef};
use crate::monitor::{
    ContinuedChange, ContinuingChange, Heard, SavedBundles, SavedContinued, SavedContinuing,
    SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource, SourcesChange,
};
use crate::queue::{Continued, Tally, TallyChange};
use crate::report::Notification;
use crate::site::{SavedSite, SiteChange, SiteView};

/// The sections, each with its type as it is read, as it is written, as its changes are read, and as they are
/// written. To keep something more, add a line: its own section, and its own changes, which [`Apply`] makes to
/// it. A section that is small has itself as its changes.
macro_rules! snapshot {
    ($($(#[$doc:meta])* $name:ident: $owned:ty, $borrowed:ty; $change:ty, $changed:ty;)+) => {
        /// A snapshot as it is read.
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct Snapshot { $($(#[$doc])* pub $name: $owned,)+ }

        /// A snapshot as it is written, without a copy of the counts.
        #[derive(Debug)]
        pub struct SnapshotRef<'a> { $($(#[$doc])* pub $name: $borrowed,)+ }

        /// The sections that are not as the last commit wrote them, with what changed in each.
        #[derive(Debug, Default)]
        pub struct ChangesRef<'a> { $($(#[$doc])* pub $name: Option<$changed>,)+ }

        impl Sections for SnapshotRef<'_> {
            fn write(&self, out: Vec<u8>) -> Result<Vec<u8>, String> {
                $(let out = section(out, stringify!($name), &self.$name)?;)+
                Ok(out)
            }
        }

        impl Sections for Snapshot {
            fn write(&self, out: Vec<u8>) -> Result<Vec<u8>, String> {
                $(let out = section(out, stringify!($name), &self.$name)?;)+
                Ok(out)
            }
        }

        impl Sections for ChangesRef<'_> {
            fn write(&self, mut out: Vec<u8>) -> Result<Vec<u8>, String> {
                $(if let Some(changed) = &self.$name {
                    out = section(out, stringify!($name), changed)?;
                })+
                Ok(out)
            }
        }

        impl Snapshot {
            /// Reads the sections that follow each other in `bytes`. One that is not there is
            /// empty, and one of an unknown name is passed over.
            pub(super) fn read(mut bytes: &[u8]) -> Result<Self, String> {
                let mut snapshot = Self::default();
                while !bytes.is_empty() {
                    let (name, body, rest) =
                        next_section(bytes).ok_or("it ends in the middle of a section")?;
                    match name {
                        $(name if name == stringify!($name).as_bytes() => {
                            let read = postcard::from_bytes(body);
                            snapshot.$name =
                                read.map_err(|e| format!("{}: {e}", stringify!($name)))?;
                        })+
                        _ => {}
                    }
                    bytes = rest;
                }
                Ok(snapshot)
            }

            /// Makes the changes of a record to the snapshot. A section of an unknown name is passed over.
            pub(super) fn change(&mut self, mut bytes: &[u8], places: &mut Places) -> Result<(), String> {
                while !bytes.is_empty() {
                    let (name, body, rest) =
                        next_section(bytes).ok_or("it ends in the middle of a section")?;
                    match name {
                        $(name if name == stringify!($name).as_bytes() => {
                            let told = |e: &dyn std::fmt::Display| format!("{}: {e}", stringify!($name));
                            let change: $change = postcard::from_bytes(body).map_err(|e| told(&e))?;
                            Apply::apply(&mut self.$name, change, places).map_err(|e| told(&e))?;
                        })+
                        _ => {}
                    }
                    bytes = rest;
                }
                Ok(())
            }
        }
    };
}

snapshot! {
    /// When it was made.
    made: Time, Time; Time, Time;
    /// When the program that made it was started.
    started: Time, Time; Time, Time;
    /// The last instant up to which schedules were looked at.
    looked: Time, Time; Time, Time;
    /// The positions in the followed files.
    files: Vec<PathCheckpoints>, Vec<&'a PathCheckpoints>; Vec<PathChange>, Vec<PathChange>;
    /// The patterns of log files, and since when each is followed, ns since the epoch: a file that
    /// came while nothing ran is new from its beginning.
    patterns: HashMap<BString, i64>, &'a HashMap<BString, i64>;
        HashMap<BString, i64>, &'a HashMap<BString, i64>;
    /// The queues with the lines that they have collected.
    queues: Vec<SavedQueue>, Vec<SavedQueue<&'a Tally>>;
        Vec<SavedQueue<Option<TallyChange>>>, Vec<SavedQueue<Option<TallyChange<&'a Tally, &'a BStr>>>>;
    /// The escalation counters.
    escalations: Vec<SavedCounter>, Vec<SavedCounter<&'a str, &'a BStr>>;
        CountersChange, Vec<SavedCounter<&'a str, &'a BStr>>;
    /// The last line of each host, for `repeat`, where its source is not known: older snapshots had it
    /// so.
    last: Vec<SavedLast>, Vec<SavedLast<&'a str, &'a BStr>>;
        Vec<SavedLast>, Vec<SavedLast<&'a str, &'a BStr>>;
    /// The reports that are not delivered yet.
    outbox: Outbox, &'a Outbox; OutboxChange, OutboxChange;
    /// The escalation counters that are settled when a mail is delivered, by the mail's number.
    settlements: HashMap<u64, Vec<SavedCounter>>, HashMap<u64, Vec<SavedCounter<&'a str, &'a BStr>>>;
        MapChange<u64, Vec<SavedCounter>>, MapChange<u64, Vec<SavedCounter<&'a str, &'a BStr>>>;
    /// The remarks of the next report.
    remarks: Vec<String>, &'a [String]; Vec<String>, &'a [String];
    /// The counters of `tenshi status`.
    counters: Counters, &'a Counters; Counters, &'a Counters;
    /// The faults that last, by the name of the input, queue or server.
    faults: HashMap<String, String>, &'a HashMap<String, String>;
        HashMap<String, String>, &'a HashMap<String, String>;
    /// The names of those faults by which lines are not read or reports do not arrive.
    blind: BTreeSet<String>, &'a BTreeSet<String>; BTreeSet<String>, &'a BTreeSet<String>;
    /// How far the numbered sources (the Redis lists) are counted.
    redis: Counted, &'a Counted; Counted, &'a Counted;
    /// The last line of each host of each source, for `repeat`.
    sources: Vec<SavedSource>, Vec<SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>>;
        SourcesChange, SourcesChange<SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>>;
    /// The continuation lines of the queues.
    continued: SavedContinued, SavedContinued<&'a str, &'a Continued>;
        BTreeMap<String, ContinuedChange>, BTreeMap<&'a str, ContinuedChange<&'a Continued>>;
    /// What becomes of the lines that continue the last line of each host of each source.
    continuing: SavedContinuing, SavedContinuing<&'a BStr>; ContinuingChange, ContinuingChange<&'a BStr>;
    /// The part of the ledger for `set news`.
    news: News, &'a News; NewsChange, NewsChange<&'a News, &'a [Op]>;
    /// The windows of bundled queues, and the pages of the last hour.
    bundles: SavedBundles, SavedBundles; SavedBundles, SavedBundles;
    /// When each host and file writes, and whose silence was told.
    silence: SavedSilence, SavedSilence; SilenceChange, SilenceChange;
    /// The messages that came which rules expect.
    expected: SavedExpected, &'a SavedExpected; ExpectedChange, ExpectedChange;
    /// The hosts and lines since the last reports of the queues with `set quiet`.
    heard: Heard, &'a Heard; Heard, &'a Heard;
    /// The facts of the reports in the outbox that are for programs of `set notify`, by the mails' numbers.
    notified: BTreeMap<u64, Notification>, BTreeMap<u64, &'a Notification>;
        BTreeMap<u64, Notification>, BTreeMap<u64, &'a Notification>;
    /// How far the journal's files are read.
    journal: Positions, &'a Positions; PositionsChange, &'a PositionsChange;
    /// The part of the ledger for `set trends`.
    trends: Trends, &'a Trends; TrendsChange, TrendsChangeRef<'a>;
    /// What this console keeps of its site (`set site`).
    site: SavedSite, Cow<'a, SavedSite>; SiteChange, SiteChange;
    /// What `tenshi status` shows of the site.
    site_view: Option<SiteView>, Option<SiteView>; Option<SiteView>, Option<SiteView>;
}

impl Snapshot {
    /// Takes out the sections that the monitor goes on from.
    pub fn take_monitor(&mut self) -> SavedMonitor {
        use std::mem::take;
        SavedMonitor {
            made: self.made,
            looked: self.looked,
            queues: take(&mut self.queues),
            escalations: take(&mut self.escalations),
            last: take(&mut self.last),
            sources: take(&mut self.sources),
            continued: take(&mut self.continued),
            continuing: take(&mut self.continuing),
            remarks: take(&mut self.remarks),
            counters: take(&mut self.counters),
            heard: take(&mut self.heard),
            bundles: take(&mut self.bundles),
            silence: take(&mut self.silence),
            expected: take(&mut self.expected),
            ledger: Ledger {
                news: take(&mut self.news),
                trends: take(&mut self.trends),
            },
        }
    }
}
