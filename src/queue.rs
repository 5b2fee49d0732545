//! The lines that a queue collects, counted by host and line.

mod lines;

use std::collections::HashMap;

use bstr::{BStr, BString};
use hashbrown::HashTable;
use serde::{Deserialize, Serialize, Serializer};

use crate::config::{Bound, SortOrder, Threshold};
use crate::hosts::Host;
use crate::pattern::{Budget, Found, Pattern};
use lines::{Change, Lines};

/// Times that a threshold's pattern may be given up in one report, before it is no longer tried.
const MOST_LIMITS: usize = 20;
/// Steps that the thresholds of one report may take: some seconds. After that they are matched without the
/// matchers that may take long.
const MOST_STEPS: u64 = 1 << 28;

/// The lines that a queue has collected since its last report.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "SavedTally")]
pub struct Tally {
    #[serde(serialize_with = "as_map")]
    hosts: Vec<(BString, HostTally)>,
    /// The number of distinct lines of all hosts.
    distinct: usize,
    /// The memory of all lines and hosts, bytes, nearly.
    #[serde(skip)]
    bytes: usize,
    /// The place of each host in `hosts`, by its number in the table of hosts; [`UNKNOWN`] if it was not
    /// looked up yet.
    #[serde(skip)]
    places: Vec<u32>,
    /// The place of each host in `hosts`, by its name.
    #[serde(skip)]
    index: NameIndex,
}

/// The places of hosts by the hashes of their names.
#[derive(Clone, Debug, Default)]
struct NameIndex {
    places: HashTable<u32>,
    hasher: ahash::RandomState,
}

/// Memory of a host besides its name and its lines, bytes: its entry, which may have grown ahead, its
/// place in the index, and the allocator's own book-keeping.
const HOST_COST: usize = 2 * size_of::<(BString, HostTally)>() + 112;

/// The bucket for hosts that are first seen when the queue is full: whoever sends lines can invent names.
pub const OTHER_HOSTS: &[u8] = b"[other hosts]";

/// A tally as a snapshot holds it.
#[derive(Deserialize)]
#[serde(rename = "Tally")]
struct SavedTally {
    hosts: HashMap<BString, HostTally>,
    distinct: usize,
}

impl From<SavedTally> for Tally {
    fn from(saved: SavedTally) -> Self {
        let mut tally = Self {
            distinct: saved.distinct,
            ..Self::default()
        };
        for (name, host) in saved.hosts {
            tally.bytes += host.lines.cost();
            tally.push(name, host);
        }
        tally
    }
}

fn as_map<S: Serializer>(hosts: &[(BString, HostTally)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(hosts.iter().map(|(name, tally)| (name, tally)))
}

/// Tallies are equal if they have the same lines with the same counts, whichever host came first.
impl PartialEq for Tally {
    fn eq(&self, other: &Self) -> bool {
        self.distinct == other.distinct && self.sorted() == other.sorted()
    }
}

impl Eq for Tally {}

/// The place of a host that was not looked up yet.
const UNKNOWN: u32 = u32::MAX;

/// The lines that a queue has collected of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct HostTally {
    lines: Lines,
    /// The number of lines beyond the bound of the queue, whose text was not kept.
    others: u64,
}

/// The lines of one host in the order of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostLines<'a> {
    /// The host.
    pub host: &'a BStr,
    /// Count and masked line.
    pub lines: Vec<(u64, &'a BStr)>,
    /// The number of lines beyond the bound of the queue (`set max_lines`), whose text was not kept.
    pub others: u64,
}

impl Tally {
    /// Adds `n` to the count of a line. Returns whether the line is kept: beyond the bound, a new line is only
    /// counted for its host. All hosts must be of the same table.
    pub fn add(&mut self, host: Host<'_>, line: &[u8], n: u64, bound: impl Into<Bound>) -> bool {
        self.change(host, line, bound.into(), n, |count| count.saturating_add(n))
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
        self.change(host, line, bound.into(), 1, |_| total)
    }

    /// Whether the bound is reached.
    fn is_full(&self, bound: Bound) -> bool {
        self.distinct >= bound.lines || self.bytes >= bound.bytes
    }

    /// Changes the count of a line by `new`; beyond the bound, adds `n` to the other lines of its host.
    fn change(
        &mut self,
        host: Host<'_>,
        line: &[u8],
        bound: Bound,
        n: u64,
        new: impl Fn(u64) -> u64,
    ) -> bool {
        let place = match self.places.get(host.number()) {
            Some(&place) if place != UNKNOWN => place as usize,
            _ => self.place(host, self.is_full(bound)),
        };
        let full = self.is_full(bound);
        let Some((_, tally)) = self.hosts.get_mut(place) else {
            return false;
        };
        match tally.lines.change(line, full, new) {
            Change::Counted => true,
            Change::Added(bytes) => {
                self.distinct += 1;
                self.bytes = self.bytes.saturating_add(bytes);
                true
            }
            Change::Refused => {
                tally.others = tally.others.saturating_add(n);
                false
            }
        }
    }

    /// The place of this host. A new host is added; if the tally is `full`, it gets the place of
    /// [`OTHER_HOSTS`].
    #[cold]
    fn place(&mut self, host: Host<'_>, full: bool) -> usize {
        let known = self.known(host.name());
        let place = known.unwrap_or_else(|| {
            let name = match full {
                true => BStr::new(OTHER_HOSTS),
                false => host.name(),
            };
            let shared = self.known(name).filter(|_| full);
            shared.unwrap_or_else(|| self.push(name.to_owned(), HostTally::default()))
        });
        if self.places.len() <= host.number() {
            self.places.resize(host.number() + 1, UNKNOWN);
        }
        self.places[host.number()] = place;
        place as usize
    }

    /// The place of the host of this name, if it is known.
    fn known(&self, name: &BStr) -> Option<u32> {
        let same = |&place: &u32| {
            let host = self.hosts.get(place as usize);
            host.is_some_and(|(known, _)| known == name)
        };
        let hash = self.index.hasher.hash_one(&**name);
        self.index.places.find(hash, same).copied()
    }

    /// Adds a host that is not known. Returns its place.
    fn push(&mut self, name: BString, tally: HostTally) -> u32 {
        let place = u32::try_from(self.hosts.len()).unwrap_or(UNKNOWN);
        self.bytes = self.bytes.saturating_add(HOST_COST + name.len());
        let Self { hosts, index, .. } = self;
        let hash = index.hasher.hash_one(&**name);
        hosts.push((name, tally));
        let hash_of = |&place: &u32| {
            let host = hosts.get(place as usize);
            host.map_or(0, |(name, _)| index.hasher.hash_one(&***name))
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
        let place = self.places.get(host.number());
        place.is_some_and(|&place| place != UNKNOWN)
    }

    /// Whether no line was collected.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The number of distinct lines.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// The number of all lines, each as often as it came.
    pub fn total(&self) -> u64 {
        let host = |h: &HostTally| {
            let add = |sum: u64, (_, n): (&BStr, u64)| sum.saturating_add(n);
            h.lines.iter().fold(h.others, add)
        };
        let hosts = self.hosts.iter().map(|(_, tally)| host(tally));
        hosts.fold(0, u64::saturating_add)
    }

    /// The names of the hosts, in order.
    pub fn hosts(&self) -> impl Iterator<Item = &BStr> {
        self.sorted().into_iter().map(|(host, _)| host)
    }

    /// The hosts with their lines, in the order of their names.
    fn sorted(&self) -> Vec<(&BStr, &HostTally)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(h, t)| (h.as_ref(), t)).collect();
        hosts.sort_unstable_by_key(|&(host, _)| host);
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
        let mut steps = MOST_STEPS;
        self.sorted()
            .into_iter()
            .map(|(host, tally)| {
                let mut lines: Vec<(u64, &BStr)> = tally
                    .lines
                    .iter()
                    .filter(|&(line, count)| {
                        !held_back(line, count, thresholds, gave_up, &mut steps)
                    })
                    .map(|(line, count)| (count, line))
                    .collect();
                lines.sort_unstable_by(|a, b| match order {
                    SortOrder::Descending => b.0.cmp(&a.0).then(a.1.cmp(b.1)),
                    SortOrder::Ascending => a.0.cmp(&b.0).then(a.1.cmp(b.1)),
                });
                HostLines {
                    host,
                    lines,
                    others: tally.others,
                }
            })
            .filter(|host| !host.lines.is_empty() || host.others > 0)
            .collect()
    }
}

/// Whether a threshold holds this line back (`set threshold`): its pattern matches, its count is not reached.
/// `steps` are those that the thresholds of the report may still take.
fn held_back(
    line: &[u8],
    count: u64,
    thresholds: &[Threshold],
    gave_up: &mut Vec<(Pattern, usize)>,
    steps: &mut u64,
) -> bool {
    let mut budget = Budget::new(line.len());
    if *steps == 0 {
        budget.exhaust();
    }
    let held = thresholds.iter().any(|threshold| {
        let pattern = &threshold.pattern;
        if count >= threshold.count.get() || given_up(pattern, gave_up) >= MOST_LIMITS {
            return false;
        }
        let newlines = memchr::memchr(b'\n', line).is_some();
        let found = pattern.is_match_within(line, newlines, &mut budget);
        if found == Found::GaveUp {
            gave_up.push((pattern.clone(), line.len()));
        }
        found == Found::Yes
    });
    *steps = steps.saturating_sub(budget.spent());
    held
}

/// How often a pattern was given up.
fn given_up(pattern: &Pattern, gave_up: &[(Pattern, usize)]) -> usize {
    gave_up
        .iter()
        .filter(|(known, _)| known.is(pattern))
        .count()
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
        assert!((60..70).contains(&kept), "{kept}");
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
        assert!(
            restored.bytes.abs_diff(tally.bytes) < 70_000,
            "{}",
            restored.bytes
        );
        // Hosts with a short line each, as somebody makes them up.
        let mut tally = Tally::default();
        for n in 0..20_000 {
            let host = format!("invented{n}");
            tally.add(table.host(host.as_bytes()), b"short", 1, bound);
        }
        assert!(
            (5_000..12_000).contains(&tally.distinct()),
            "{}",
            tally.distinct()
        );
        assert_eq!(
            (tally.hosts.len(), tally.total()),
            (tally.distinct() + 1, 20_000)
        );
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
