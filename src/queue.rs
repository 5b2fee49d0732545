//! Counts of lines, a queue and host.

mod lines;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::config::{SortOrder, Threshold};
use crate::fast::Map;
use crate::pattern::{Found, Pattern};
use lines::Lines;

/// So often in a report a threshold's pattern may hit its limit before it is left out.
const MOST_LIMITS: usize = 20;

/// What a queue has collected since its last report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    hosts: Map<BString, HostTally>,
    distinct: usize,
}

/// What a queue has collected of one host.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct HostTally {
    lines: Lines,
    /// Lines over the queue's bound, counted but not kept.
    others: u64,
}

/// The lines of one host in the order of a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostLines<'a> {
    /// The host.
    pub host: &'a BStr,
    /// Count and masked line.
    pub lines: Vec<(u64, &'a BStr)>,
    /// How many lines more there were that are counted here only (`set max_lines`).
    pub others: u64,
}

impl Tally {
    /// Counts `n` lines more. Gives whether the line was kept: beyond `max_lines` distinct lines a
    /// new one is only counted for its host.
    pub fn add(&mut self, host: &[u8], line: &[u8], n: u64, max_lines: usize) -> bool {
        self.change(host, line, max_lines, n, |count| count.saturating_add(n))
    }

    /// Sets a line's count: an escalated line carries the running total of its rule.
    pub fn set(&mut self, host: &[u8], line: &[u8], total: u64, max_lines: usize) -> bool {
        self.change(host, line, max_lines, 1, |_| total)
    }

    fn change(
        &mut self,
        host: &[u8],
        line: &[u8],
        max_lines: usize,
        n: u64,
        new: impl Fn(u64) -> u64,
    ) -> bool {
        let tally = self.hosts.entry_ref(BStr::new(host)).or_default();
        if tally.lines.update(line, &new) {
            return true;
        }
        if self.distinct >= max_lines || !tally.lines.insert(line, new(0)) {
            tally.others = tally.others.saturating_add(n);
            return false;
        }
        self.distinct += 1;
        true
    }

    /// Whether there are lines of this host.
    pub fn knows(&self, host: &[u8]) -> bool {
        self.hosts.contains_key(BStr::new(host))
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// How many distinct lines there are.
    pub fn distinct(&self) -> usize {
        self.distinct
    }

    /// How many lines there are in all.
    pub fn total(&self) -> u64 {
        let host = |h: &HostTally| {
            let add = |sum: u64, (_, n): (&BStr, u64)| sum.saturating_add(n);
            h.lines.iter().fold(h.others, add)
        };
        self.hosts.values().map(host).fold(0, u64::saturating_add)
    }

    /// The hosts, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &BStr> {
        self.sorted().into_iter().map(|(host, _)| host)
    }

    fn sorted(&self) -> Vec<(&BStr, &HostTally)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(h, t)| (h.as_ref(), t)).collect();
        hosts.sort_unstable_by_key(|&(host, _)| host);
        hosts
    }

    /// The lines that are to be reported: hosts by name, lines by count and, where equal, by text.
    /// Lines that a threshold holds back are left out, and so are hosts without a line. Patterns
    /// that hit their limit hold back nothing, and go to `gave_up` with the length of the line.
    pub fn lines(
        &self,
        order: SortOrder,
        thresholds: &[Threshold],
        gave_up: &mut Vec<(Pattern, usize)>,
    ) -> Vec<HostLines<'_>> {
        self.sorted()
            .into_iter()
            .map(|(host, tally)| {
                let mut lines: Vec<(u64, &BStr)> = tally
                    .lines
                    .iter()
                    .filter(|&(line, count)| !held_back(line, count, thresholds, gave_up))
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

/// Whether any threshold for this line is not reached (`set threshold`).
fn held_back(
    line: &[u8],
    count: u64,
    thresholds: &[Threshold],
    gave_up: &mut Vec<(Pattern, usize)>,
) -> bool {
    thresholds.iter().any(|threshold| {
        let pattern = &threshold.pattern;
        if count >= threshold.count.get() || given_up(pattern, gave_up) >= MOST_LIMITS {
            return false;
        }
        let found = pattern.is_match(line);
        if found == Found::GaveUp {
            gave_up.push((pattern.clone(), line.len()));
        }
        found == Found::Yes
    })
}

fn given_up(pattern: &Pattern, gave_up: &[(Pattern, usize)]) -> usize {
    gave_up
        .iter()
        .filter(|(known, _)| known.is(pattern))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut tally = Tally::default();
        for line in ["b", "a", "c", "c", "b", "c"] {
            assert!(tally.add(b"h2", line.as_bytes(), 1, 100));
        }
        tally.add(b"h1", b"x", 2, 100);
        tally.add(b"h1", b"w", 2, 100);
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
        let mut tally = Tally::default();
        assert!(tally.add(b"h", b"one", 1, 1));
        assert!(!tally.add(b"h", b"two", 3, 1));
        assert!(tally.add(b"h", b"one", 1, 1));
        let lines = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        assert_eq!(
            (lines[0].lines.len(), lines[0].others, tally.total()),
            (1, 3, 5)
        );
    }
}
