//! Escalation: each Nth line of a rule and host goes to a further queue.

use std::num::NonZeroU32;

use bstr::{BStr, BString};

use crate::config::{Bound, RuleId};
use crate::hash::Map;
use crate::queue::OTHER_HOSTS;

/// How many lines of each host a rule has taken since its leftmost queue was reported. A report that
/// could not be sent gives its lines back.
#[derive(Clone, Debug, Default)]
pub struct Escalations {
    counters: Map<RuleId, Map<BString, Counted>>,
    /// How many counters there are.
    number: usize,
    /// The bytes that they take, nearly.
    bytes: usize,
}

/// What a counter costs besides the name of its host, bytes: its place in a table that may have grown ahead,
/// and the memory's own book-keeping.
const COST: usize = 2 * size_of::<(BString, Counted)>() + 16;

/// A counter.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    lines: u64,
    /// So far it was seen whether a further queue is reached.
    looked: u64,
}

/// A counter's move from one value to a later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    before: u64,
    after: u64,
}

impl Step {
    /// The running total at the last line of this step that goes to the queue numbered `at`, where
    /// `highest` is the greatest number of the rule and counting begins again after it.
    pub(super) fn reaches(self, at: NonZeroU32, highest: NonZeroU32) -> Option<u64> {
        let (at, highest) = (u64::from(at.get()), u64::from(highest.get()));
        let remainder = at % highest;
        let since = (self.after % highest + highest - remainder) % highest;
        let last = self.after.checked_sub(since)?;
        (last > self.before).then_some(last)
    }
}

impl Escalations {
    /// Moves a counter on by `n` lines. Where there are as many counters as may be, hosts that have none
    /// share one: whoever sends lines can invent names.
    pub(super) fn advance(
        &mut self,
        rule: RuleId,
        host: &[u8],
        n: u64,
        bound: impl Into<Bound>,
    ) -> Step {
        let bound = bound.into();
        let full = self.number >= bound.lines || self.bytes >= bound.bytes;
        let known = |hosts: &Map<BString, Counted>| hosts.contains_key(BStr::new(host));
        let host = match full && !self.counters.get(&rule).is_some_and(known) {
            true => OTHER_HOSTS,
            false => host,
        };
        let counted = self.counter(rule, BStr::new(host));
        // At its end the counter begins anew: it must never stand still.
        let (before, after) = match counted.lines.checked_add(n) {
            Some(after) => (counted.looked, after),
            None => (0, n),
        };
        (counted.lines, counted.looked) = (after, after);
        Step { before, after }
    }

    fn counter(&mut self, rule: RuleId, host: &BStr) -> &mut Counted {
        let hosts = self.counters.entry(rule).or_default();
        hosts.entry_ref(host).or_insert_with(|| {
            self.number += 1;
            self.bytes = self.bytes.saturating_add(COST + host.len());
            Counted::default()
        })
    }

    /// Takes the lines out of a counter, for a report.
    pub(super) fn take(&mut self, rule: RuleId, host: &BStr) -> u64 {
        let hosts = self.counters.get_mut(&rule);
        let Some(counted) = hosts.and_then(|hosts| hosts.remove(host)) else {
            return 0;
        };
        self.removed(host);
        counted.lines
    }

    fn removed(&mut self, host: &BStr) {
        self.number = self.number.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(COST + host.len());
    }

    /// The report with these lines could not be sent: they count again. What they and the lines since
    /// reach together is reached by the next line.
    pub(super) fn give_back(&mut self, rule: RuleId, host: &BStr, lines: u64) {
        let counted = self.counter(rule, host);
        let looked = counted.lines.max(lines);
        counted.lines = counted.lines.checked_add(lines).unwrap_or(lines);
        counted.looked = looked.min(counted.lines);
    }

    /// All counters.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RuleId, &BStr, u64)> {
        self.counters.iter().flat_map(|(&rule, hosts)| {
            let counters = hosts.iter();
            counters.map(move |(host, counted)| (rule, host.as_ref(), counted.lines))
        })
    }

    /// Takes the lines of a report, sent at last, off a counter.
    pub(super) fn settle(&mut self, rule: RuleId, host: &BStr, delivered: u64) {
        if let Some(hosts) = self.counters.get_mut(&rule)
            && let Some(counted) = hosts.get_mut(host)
        {
            counted.lines = counted.lines.saturating_sub(delivered);
            counted.looked = counted.looked.saturating_sub(delivered);
            if counted.lines == 0 {
                hosts.remove(host);
                self.removed(host);
            }
        }
    }

    /// Forgets all counters (a reload).
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The totals at which each queue is reached in a run of single lines.
    fn fired(numbers: &[u32], lines: u64) -> Vec<Vec<u64>> {
        let mut counters = Escalations::default();
        let numbers: Vec<NonZeroU32> = numbers.iter().filter_map(|&n| NonZeroU32::new(n)).collect();
        let highest = *numbers.iter().max().unwrap();
        let mut totals = vec![Vec::new(); numbers.len()];
        for _ in 0..lines {
            let step = counters.advance(RuleId(0), b"h", 1, usize::MAX);
            for (i, &at) in numbers.iter().enumerate() {
                totals[i].extend(step.reaches(at, highest));
            }
        }
        totals
    }

    #[test]
    fn counting_begins_again_after_the_greatest_number() {
        assert_eq!(fired(&[3, 6], 14), [vec![3, 9], vec![6, 12]]);
        assert_eq!(fired(&[3], 7), [vec![3, 6]]);
        assert_eq!(fired(&[1, 4], 6), [vec![1, 5], vec![4]]);
        assert_eq!(fired(&[2, 2], 4), [vec![2, 4], vec![2, 4]]);
    }

    #[test]
    fn hosts_beyond_the_bound_share_a_counter() {
        let mut counters = Escalations::default();
        for n in 0..1_000 {
            let step = counters.advance(RuleId(n % 2), format!("h{n}").as_bytes(), 1, 100);
            let before = u64::from(n.saturating_sub(100) / 2);
            assert_eq!(step.before, before, "{n}");
        }
        assert_eq!(counters.iter().count(), 102);
        let known = counters.advance(RuleId(1), b"h1", 1, 100);
        assert_eq!((known.before, known.after), (1, 2));
        let others = BStr::new(OTHER_HOSTS);
        assert_eq!(counters.take(RuleId(0), others), 450);
        assert_eq!(counters.take(RuleId(0), others), 0);
        counters.settle(RuleId(1), others, 450);
        assert_eq!((counters.number, counters.iter().count()), (100, 100));
    }

    #[test]
    fn counters_have_a_bound_in_bytes() {
        let mut counters = Escalations::default();
        let bound = Bound {
            lines: usize::MAX,
            bytes: 1 << 20,
        };
        for n in 0..100_000 {
            counters.advance(RuleId(0), format!("invented{n}").as_bytes(), 1, bound);
        }
        let kept = counters.iter().count();
        assert!((5_000..12_000).contains(&kept), "{kept}");
        assert_eq!(counters.iter().map(|(_, _, n)| n).sum::<u64>(), 100_000);
        let hosts: Vec<BString> = counters
            .iter()
            .map(|(_, host, _)| host.to_owned())
            .collect();
        for host in hosts {
            counters.take(RuleId(0), host.as_ref());
        }
        assert_eq!((counters.number, counters.bytes), (0, 0));
    }

    #[test]
    fn a_jump_reaches_what_its_lines_would_have_reached() {
        let number = |n| NonZeroU32::new(n).unwrap();
        let step = Step {
            before: 1,
            after: 8,
        };
        assert_eq!(step.reaches(number(3), number(6)), Some(3));
        assert_eq!(step.reaches(number(6), number(6)), Some(6));
        assert_eq!(
            Step {
                before: 3,
                after: 5
            }
            .reaches(number(3), number(6)),
            None
        );
        assert_eq!(
            Step {
                before: 0,
                after: 1
            }
            .reaches(number(6), number(6)),
            None
        );
    }
}
