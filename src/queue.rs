//! The lines that a queue collects, counted by host and line.

mod batch;
mod changes;
mod continue_line;
mod continued;
mod lines;
mod noted;
mod saved;
mod table;
mod text;
mod thresholds;

use std::collections::HashSet;

use bstr::{BStr, BString};
use hashbrown::HashTable;

pub use batch::{Batch, Collector, Taken};
pub use changes::{LinesChange, TallyChange};
pub use continued::{Continuation, Continued};
pub use thresholds::HeldBack;

use crate::config::{Bound, SortOrder, Threshold};
use crate::hosts::Host;
use crate::pattern::Pattern;
use continued::AllContinued;
use lines::{Change, Key, LineHash, Lines};
use noted::Changes;

/// The beginning of the lines that tenshi itself counts under a host, as that the host fell silent.
pub const OWN_LINE: &str = "tenshi: ";

/// The lines that a queue has collected since its last report.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    hosts: Vec<HostTally>,
    /// The lines of all hosts; their keys have the places of the hosts in `hosts`.
    lines: Lines,
    /// The memory of all lines and hosts, bytes, nearly.
    bytes: usize,
    /// The place of each host in `hosts`, by its number in the table of hosts; [`UNKNOWN`] if it was not
    /// looked up yet.
    places: Vec<u32>,
    /// The place of each host in `hosts`, by its name.
    index: NameIndex,
    /// The hosts and lines that changed since the last commit.
    changes: Changes,
    /// The continuation lines of the lines.
    continued: AllContinued,
}

/// What a queue keeps of a host besides its lines.
#[derive(Clone, Debug, Default)]
struct HostTally {
    name: BString,
    /// The number of lines beyond the bound of the queue, whose text was not kept.
    others: u64,
    /// Whether that number changed since the last commit.
    others_changed: bool,
}

/// The places of hosts by the hashes of their names.
#[derive(Clone, Debug, Default)]
struct NameIndex {
    places: HashTable<u32>,
    hasher: ahash::RandomState,
}

/// Memory of a host besides its name and its lines, bytes: its entry, which may have grown ahead, its
/// place in the index, and the allocator's own book-keeping.
const HOST_COST: usize = 2 * size_of::<HostTally>() + 48;

/// The bucket for hosts that are first seen when the queue is full: whoever sends lines can invent names.
pub const OTHER_HOSTS: &[u8] = b"[other hosts]";

/// Tallies are equal if they have the same lines with the same counts, whichever came first.
impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.distinct() == other.distinct() && self.by_host() == other.by_host()
    }
}

impl Eq for Tally {}

/// The place of a host that was not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// The lines of one host in the order of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostLines<'a> {
    /// The host.
    pub host: &'a BStr,
    /// Count and masked line.
    pub lines: Vec<(u64, &'a BStr)>,
    /// The number of lines beyond the bound of the queue (`set max_lines`), whose text was not kept.
    pub others: u64,
    /// The lines that have continuation lines, by their text.
    pub continued: Vec<(&'a BStr, &'a Continued)>,
}

impl HostLines<'_> {
    /// The continuation lines of a line, if it has some.
    pub fn continued_of(&self, line: &BStr) -> Option<&Continued> {
        let place = self
            .continued
            .binary_search_by_key(&line, |(line, _)| *line);
        self.continued.get(place.ok()?).map(|(_, lines)| *lines)
    }
}

impl Tally {
    /// Adds `n` to the count of a line. Returns whether the line is kept: beyond the bound, a new line is only
    /// counted for its host. All hosts must be of the same table.
    pub fn add(&mut self, host: Host<'_>, line: &[u8], n: u64, bound: impl Into<Bound>) -> bool {
        let bound = bound.into();
        let key = self.key(host, line, bound);
        self.change(key, key.hash(), bound, n, |count| count.saturating_add(n))
    }

    /// Sets the count of a line: an escalated line has the running total of its rule. Returns whether the line
    /// is kept, as [`Tally::add`] does.
    pub fn set(
        &mut self,
        host: Host<'_>,
        line: &[u8],
        total: u64,
        bound: impl Into<Bound>,
    ) -> bool {
        let bound = bound.into();
        let key = self.key(host, line, bound);
        self.change(key, key.hash(), bound, 1, |_| total)
    }

    /// Adds `n` to the count of a line if it is one of the recent lines of a host that is known. Returns its key
    /// for [`Batch`] if it is not; nothing if the host is not known.
    #[inline]
    fn add_recent<'a>(&mut self, host: Host<'_>, line: &'a [u8], n: u64) -> Recent<'a> {
        let Some(host) = self.known_place(host) else {
            return Recent::UnknownHost;
        };
        let key = Key { host, line };
        match self.lines.recent(key) {
            Some(at) => {
                if self.lines.update(at, |count| count.saturating_add(n)) {
                    self.changes.line(at);
                }
                Recent::Counted
            }
            None => Recent::Unknown(key),
        }
    }

    /// Whether the bound is reached.
    fn is_full(&self, bound: Bound) -> bool {
        self.distinct() >= bound.lines || self.bytes >= bound.bytes
    }

    /// The key of a line. A host that is not known gets a place.
    #[inline]
    fn key<'a>(&mut self, host: Host<'_>, line: &'a [u8], bound: Bound) -> Key<'a> {
        let host = match self.known_place(host) {
            Some(place) => place,
            None => self.place(host, self.is_full(bound)),
        };
        Key { host, line }
    }

    /// Changes the count of a line by `new`; beyond the bound, adds `n` to the other lines of its host.
    fn change(
        &mut self,
        key: Key<'_>,
        hash: LineHash,
        bound: Bound,
        n: u64,
        new: impl Fn(u64) -> u64,
    ) -> bool {
        let full = self.is_full(bound);
        match self.lines.change(key, hash, full, new) {
            Change::Counted { at, first } => {
                if first {
                    self.changes.line(at);
                }
                true
            }
            Change::Added(bytes) => {
                self.bytes = self.bytes.saturating_add(bytes);
                true
            }
            Change::Refused => {
                if let Some(host) = self.hosts.get_mut(key.host as usize) {
                    host.others = host.others.saturating_add(n);
                    if !std::mem::replace(&mut host.others_changed, true) {
                        self.changes.others(key.host);
                    }
                }
                false
            }
        }
    }

    /// The place of this host, if it was looked up already.
    #[inline]
    fn known_place(&self, host: Host<'_>) -> Option<u32> {
        let place = self.places.get(host.number()).copied();
        place.filter(|place| *place != UNKNOWN)
    }

    /// The place of this host. A new host is added; if the tally is `full`, it gets the place of
    /// [`OTHER_HOSTS`].
    #[cold]
    fn place(&mut self, host: Host<'_>, full: bool) -> u32 {
        let known = self.known(host.name());
        let place = known.unwrap_or_else(|| {
            let name = match full {
                true => BStr::new(OTHER_HOSTS),
                false => host.name(),
            };
            let shared = self.known(name).filter(|_| full);
            shared.unwrap_or_else(|| self.push(name.to_owned(), 0))
        });
        if self.places.len() <= host.number() {
            self.places.resize(host.number() + 1, UNKNOWN);
        }
        self.places[host.number()] = place;
        place
    }

    /// The place of the host of this name, if it is known.
    fn known(&self, name: &BStr) -> Option<u32> {
        let same = |&place: &u32| {
            let host = self.hosts.get(place as usize);
            host.is_some_and(|host| host.name == name)
        };
        let hash = self.index.hasher.hash_one(&**name);
        self.index.places.find(hash, same).copied()
    }

    /// Adds a host that is not known. Returns its place.
    fn push(&mut self, name: BString, others: u64) -> u32 {
        let place = u32::try_from(self.hosts.len()).unwrap_or(UNKNOWN);
        self.bytes = self.bytes.saturating_add(HOST_COST + name.len());
        let Self { hosts, index, .. } = self;
        let hash = index.hasher.hash_one(&**name);
        hosts.push(HostTally {
            name,
            others,
            others_changed: false,
        });
        let hash_of = |&place: &u32| {
            let host = hosts.get(place as usize);
            host.map_or(0, |host| index.hasher.hash_one(&**host.name))
        };
        index.places.insert_unique(hash, place, hash_of);
        place
    }

    /// To be called when another table of hosts is used from now on: the numbers of hosts are other ones.
    pub fn forget_numbers(&mut self) {
        self.places.clear();
    }

    /// Whether this host was counted since the last report, or since the table of hosts began.
    pub fn knows(&self, host: Host<'_>) -> bool {
        self.known_place(host).is_some()
    }

    /// The lines of these numbers as a report shows them: hosts by name, lines by count and, where equal, by text.
    pub fn lines_of(&self, numbers: &[u32], order: SortOrder) -> Vec<HostLines<'_>> {
        // A line stands at one place, so that tells it from all others.
        let place = |line: &BStr| line.as_ptr() as usize;
        let lines = numbers.iter().filter_map(|at| self.numbered(*at));
        let wanted: HashSet<usize> = lines.map(|(_, line, _)| place(line)).collect();
        let mut hosts = self.grouped();
        hosts.sort_unstable_by_key(|host| host.host);
        for host in &mut hosts {
            host.others = 0;
            host.lines.retain(|(_, line)| wanted.contains(&place(line)));
            sort(&mut host.lines, order);
        }
        hosts.retain(|host| !host.lines.is_empty());
        hosts
    }

    /// Sets the counts of these lines to 0, since a report has them. The lines keep their numbers.
    pub fn forget_counts(&mut self, numbers: &[u32]) {
        for at in numbers {
            if self.lines.update(*at, |_| 0) {
                self.changes.line(*at);
            }
        }
    }

    /// Whether any line is to be reported: one that came since its count was forgotten, or one beyond the bound.
    pub fn holds_counts(&self) -> bool {
        let others = self.hosts.iter().any(|host| host.others > 0);
        others || self.lines.iter().any(|(_, count)| count > 0)
    }

    /// Whether no line was collected.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The line of this number, with its host and its count. Lines are numbered as they come, from 0.
    pub fn numbered(&self, at: u32) -> Option<(&BStr, &BStr, u64)> {
        let (key, count) = self.lines.numbered(at)?;
        let host = self.hosts.get(key.host as usize)?;
        Some((host.name.as_ref(), BStr::new(key.line), count))
    }

    /// The number of distinct lines.
    pub fn distinct(&self) -> usize {
        self.lines.len()
    }

    /// The number of distinct lines that no report has yet: a bundled queue keeps those that it mailed early.
    pub fn unreported(&self) -> usize {
        self.lines.iter().filter(|(_, count)| *count > 0).count()
    }

    /// The number of all lines, each as often as it came.
    pub fn total(&self) -> u64 {
        let others = self.hosts.iter().map(|host| host.others);
        let counts = self.lines.iter().map(|(_, count)| count);
        others.chain(counts).fold(0, u64::saturating_add)
    }

    /// The names of the hosts, in order.
    pub fn hosts(&self) -> impl Iterator<Item = &BStr> {
        let mut names: Vec<_> = self.hosts.iter().map(|host| host.name.as_ref()).collect();
        names.sort_unstable();
        names.into_iter()
    }

    /// The hosts with their lines, in the order in which they came, each with room for its lines and no more.
    fn grouped(&self) -> Vec<HostLines<'_>> {
        let mut lengths = vec![0_usize; self.hosts.len()];
        for (key, _) in self.lines.iter() {
            if let Some(length) = lengths.get_mut(key.host as usize) {
                *length += 1;
            }
        }
        let hosts = self.hosts.iter().zip(lengths);
        let mut grouped: Vec<HostLines<'_>> = hosts
            .map(|(host, length)| HostLines {
                host: host.name.as_ref(),
                lines: Vec::with_capacity(length),
                others: host.others,
                continued: Vec::new(),
            })
            .collect();
        for (key, count) in self.lines.iter() {
            if let Some(host) = grouped.get_mut(key.host as usize) {
                host.lines.push((count, BStr::new(key.line)));
            }
        }
        if !self.continued.is_empty() {
            self.put_continued(&mut grouped);
        }
        grouped
    }

    /// The hosts in the order of their names, each with its lines.
    fn by_host(&self) -> Vec<HostLines<'_>> {
        let mut hosts = self.grouped();
        hosts.sort_unstable_by_key(|host| host.host);
        for host in &mut hosts {
            host.lines.sort_unstable();
        }
        hosts
    }

    /// The lines to be reported: hosts by name, lines by count and, where equal, by text. Lines that a
    /// threshold holds back are left out, and so are hosts without a line. Patterns that were given up hold
    /// back nothing; they go to `gave_up` with the length of the line.
    pub fn lines(
        &self,
        order: SortOrder,
        thresholds: &[Threshold],
        gave_up: &mut Vec<(Pattern, usize)>,
    ) -> Vec<HostLines<'_>> {
        let mut hosts = self.grouped();
        hosts.sort_unstable_by_key(|host| host.host);
        keep_reported(&mut hosts, order, thresholds, gave_up);
        hosts
    }
}

/// Keeps of the lines of hosts what is to be reported, in the order of a report: as [`Tally::lines`] says.
pub fn keep_reported(
    hosts: &mut Vec<HostLines<'_>>,
    order: SortOrder,
    thresholds: &[Threshold],
    gave_up: &mut Vec<(Pattern, usize)>,
) {
    let mut held = HeldBack::new(thresholds, gave_up);
    for host in hosts.iter_mut() {
        host.lines.retain(|(count, line)| !held.is(line, *count));
        sort(&mut host.lines, order);
    }
    hosts.retain(|host| !host.lines.is_empty() || host.others > 0);
}

/// Puts the lines of a host into the order of a report.
fn sort(lines: &mut [(u64, &BStr)], order: SortOrder) {
    lines.sort_unstable_by(|a, b| match order {
        SortOrder::Descending => b.0.cmp(&a.0).then(a.1.cmp(b.1)),
        SortOrder::Ascending => a.0.cmp(&b.0).then(a.1.cmp(b.1)),
    });
}

/// The outcome of counting a line that may be a recent one.
enum Recent<'a> {
    /// It was, and was counted.
    Counted,
    /// It was none.
    Unknown(Key<'a>),
    /// Its host has no place yet.
    UnknownHost,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::HostTable;

    fn shown(tally: &Tally, order: SortOrder) -> Vec<(String, Vec<(u64, String)>)> {
        let lines = tally.lines(order, &[], &mut Vec::new());
        let host = |h: &HostLines<'_>| {
            let lines = h.lines.iter().map(|(n, l)| (*n, l.to_string())).collect();
            (h.host.to_string(), lines)
        };
        lines.iter().map(host).collect()
    }

    #[test]
    fn equal_lines_are_one_entry_and_the_order_is_stable() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for line in ["b", "a", "c", "c", "b", "c"] {
            assert!(tally.add(table.host(b"h2"), line.as_bytes(), 1, 100));
        }
        tally.add(table.host(b"h1"), b"x", 2, 100);
        tally.add(table.host(b"h1"), b"w", 2, 100);
        let want = |lines: &[(u64, &str)]| {
            lines
                .iter()
                .map(|(n, l)| (*n, (*l).to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            shown(&tally, SortOrder::Descending),
            [
                ("h1".to_owned(), want(&[(2, "w"), (2, "x")])),
                ("h2".to_owned(), want(&[(3, "c"), (2, "b"), (1, "a")]))
            ]
        );
        assert_eq!(
            shown(&tally, SortOrder::Ascending)[1].1,
            want(&[(1, "a"), (2, "b"), (3, "c")])
        );
        assert_eq!((tally.distinct(), tally.total()), (5, 10));
    }

    #[test]
    fn beyond_the_bound_lines_are_counted_for_their_host() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        let host = table.host(b"h");
        assert!(tally.add(host, b"one", 1, 1));
        assert!(!tally.add(host, b"two", 3, 1));
        assert!(tally.add(host, b"one", 1, 1));
        let lines = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        assert_eq!(
            (lines[0].lines.len(), lines[0].others, tally.total()),
            (1, 3, 5)
        );
    }

    #[test]
    fn beyond_the_bound_new_hosts_are_counted_as_one() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        assert!(tally.add(table.host(b"h"), b"one", 1, 1));
        for number in 0..1_000 {
            let host = format!("invented{number}");
            assert!(!tally.add(table.host(host.as_bytes()), b"one", 1, 1));
        }
        assert_eq!(tally.hosts.len(), 2);
        tally.forget_numbers();
        let mut table = HostTable::default();
        for host in ["x", "h", "invented7"] {
            tally.add(table.host(host.as_bytes()), b"one", 1, 1);
        }
        let bytes = postcard::to_stdvec(&tally).unwrap();
        let mut tally: Tally = postcard::from_bytes(&bytes).unwrap();
        assert!(!tally.add(HostTable::default().host(b"y"), b"one", 1, 1));
        let lines = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        let shown: Vec<(String, u64, usize)> = lines
            .iter()
            .map(|host| (host.host.to_string(), host.others, host.lines.len()))
            .collect();
        let others = String::from_utf8(OTHER_HOSTS.to_vec()).unwrap();
        assert_eq!(shown, [(others, 1_003, 0), ("h".to_owned(), 0, 1)]);
        assert_eq!(tally.total(), 1_005);
    }

    /// Long lines and invented hosts: what is kept has a bound in bytes, and nothing is lost of the counts.
    #[test]
    fn beyond_the_bound_of_bytes_lines_are_only_counted() {
        let bound = Bound {
            lines: 1_000_000,
            bytes: 4 << 20,
        };
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        let long = vec![b'x'; 60_000];
        let mut kept = 0;
        for n in 0..1_000_u64 {
            let line = [n.to_string().as_bytes(), &long].concat();
            kept += u32::from(tally.add(table.host(b"h"), &line, 1, bound));
        }
        assert!((60..=70).contains(&kept), "{kept}");
        for n in 0..20_000 {
            let host = format!("invented{n}");
            tally.add(table.host(host.as_bytes()), b"short", 1, bound);
        }
        // What is known is counted as ever.
        assert!(tally.add(table.host(b"h"), &[b"7", &*long].concat(), 5, bound));
        assert_eq!((tally.hosts.len(), tally.total()), (2, 21_005));
        assert!(tally.bytes < (4 << 20) + 70_000, "{}", tally.bytes);
        let restored: Tally = postcard::from_bytes(&postcard::to_stdvec(&tally).unwrap()).unwrap();
        assert_eq!(restored, tally);
        assert_eq!(restored.bytes, tally.bytes);
        // Hosts with a short line each, as somebody makes them up.
        let mut tally = Tally::default();
        for n in 0..60_000 {
            let host = format!("invented{n}");
            tally.add(table.host(host.as_bytes()), b"short", 1, bound);
        }
        assert!(
            (15_000..30_000).contains(&tally.distinct()),
            "{}",
            tally.distinct()
        );
        // The last host that had room for itself may have none for its line.
        let without_line = tally.hosts.len() - tally.distinct();
        assert!((1..=2).contains(&without_line), "{without_line}");
        assert_eq!(tally.total(), 60_000);
    }

    /// The table of hosts is begun anew for each 16,384 names: that must not cost what all names cost. Here it
    /// would be 10,000,000,000 of them.
    #[test]
    fn a_new_table_of_hosts_costs_nothing_by_the_hosts_that_are_known() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for n in 0..100_000 {
            tally.add(table.host(format!("h{n}").as_bytes()), b"x", 1, usize::MAX);
        }
        for n in 0..100_000 {
            tally.forget_numbers();
            let mut table = HostTable::default();
            tally.add(table.host(format!("h{n}").as_bytes()), b"x", 1, usize::MAX);
        }
        assert_eq!((tally.hosts.len(), tally.total()), (100_000, 200_000));
    }

    #[test]
    fn a_tally_out_of_a_snapshot_goes_on_counting() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for (host, line) in [("a", "x"), ("b", "x"), ("b", "y")] {
            tally.add(table.host(host.as_bytes()), line.as_bytes(), 1, 100);
        }
        let bytes = postcard::to_stdvec(&tally).unwrap();
        let mut again: Tally = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again, tally);
        // The table of another run counts its hosts in another order.
        let mut table = HostTable::default();
        for host in ["c", "b", "a", "b"] {
            again.add(table.host(host.as_bytes()), b"x", 1, 100);
        }
        let line = |n: u64, text: &str| (n, text.to_owned());
        assert_eq!(
            shown(&again, SortOrder::Descending),
            [
                ("a".to_owned(), vec![line(2, "x")]),
                ("b".to_owned(), vec![line(3, "x"), line(1, "y")]),
                ("c".to_owned(), vec![line(1, "x")])
            ]
        );
    }
}
