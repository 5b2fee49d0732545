//! The contents of a snapshot, as sections.

use std::collections::{BTreeSet, HashMap};

use bstr::{BStr, BString};
use serde::Serialize;

use crate::clock::Time;
use crate::counters::Counters;
use crate::delivery::outbox::Outbox;
use crate::input::Counted;
use crate::input::file::PathCheckpoints;
use crate::monitor::{SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource};
use crate::queue::Tally;

/// Contents that are written as sections, each with its name and its length in front: a section that
/// is added later, or left out, does not move the others.
///
/// ```text
/// length of the name (u8)  name  length of the body (u64)  body (postcard)
/// ```
///
/// The fields within a section have no names (postcard). A type whose fields change gets a section
/// of another name, and the old one a reader; what an older program must not pass over takes a new
/// version.
pub trait Sections {
    /// Appends the sections to `out`.
    ///
    /// # Errors
    /// A value has no form in postcard.
    fn write(&self, out: Vec<u8>) -> Result<Vec<u8>, String>;
}

fn section(mut out: Vec<u8>, name: &str, body: &impl Serialize) -> Result<Vec<u8>, String> {
    out.push(u8::try_from(name.len()).map_err(|e| e.to_string())?);
    out.extend_from_slice(name.as_bytes());
    let length = out.len();
    out.extend_from_slice(&[0; 8]);
    let begin = out.len();
    let mut out = postcard::to_extend(body, out).map_err(|e| format!("{name}: {e}"))?;
    let written = (out.len() - begin) as u64;
    if let Some(place) = out.get_mut(length..begin) {
        place.copy_from_slice(&written.to_le_bytes());
    }
    Ok(out)
}

/// The name and the body of the first section, and the bytes after it.
fn next_section(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    Some((name, body, rest))
}

macro_rules! snapshot {
    ($($(#[$doc:meta])* $name:ident: $owned:ty, $borrowed:ty;)+) => {
        /// A snapshot as it is read.
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct Snapshot { $($(#[$doc])* pub $name: $owned,)+ }

        /// A snapshot as it is written, without a copy of the counts.
        #[derive(Debug)]
        pub struct SnapshotRef<'a> { $($(#[$doc])* pub $name: $borrowed,)+ }

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
        }
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
    files: Vec<PathCheckpoints>, Vec<&'a PathCheckpoints>;
    /// The patterns of log files, and since when each is followed, ns since the epoch: a file that
    /// came while nothing ran is new from its beginning.
    patterns: HashMap<BString, i64>, &'a HashMap<BString, i64>;
    /// The queues with the lines that they have collected.
    queues: Vec<SavedQueue>, Vec<SavedQueue<&'a Tally>>;
    /// The escalation counters.
    escalations: Vec<SavedCounter>, Vec<SavedCounter<&'a str, &'a BStr>>;
    /// The last line of each host, for `repeat`, where its source is not known: older snapshots had it
    /// so.
    last: Vec<SavedLast>, Vec<SavedLast<&'a str, &'a BStr>>;
    /// The reports that are not delivered yet.
    outbox: Outbox, &'a Outbox;
    /// The escalation counters that are settled when a mail is delivered, by the mail's number.
    settlements: HashMap<u64, Vec<SavedCounter>>, HashMap<u64, Vec<SavedCounter<&'a str, &'a BStr>>>;
    /// The remarks of the next report.
    remarks: Vec<String>, &'a [String];
    /// The counters of `tenshi status`.
    counters: Counters, &'a Counters;
    /// The faults that last, by the name of the input, queue or server.
    faults: HashMap<String, String>, &'a HashMap<String, String>;
    /// The names of those faults by which lines are not read or reports do not arrive.
    blind: BTreeSet<String>, &'a BTreeSet<String>;
    /// How far the numbered sources (the Redis lists) are counted.
    redis: Counted, &'a Counted;
    /// The last line of each host of each source, for `repeat`.
    sources: Vec<SavedSource>, Vec<SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>>;
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
            remarks: take(&mut self.remarks),
            counters: take(&mut self.counters),
        }
    }
}
