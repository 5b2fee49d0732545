//! Escalation (`queue:N`): each Nth line of a rule and host goes to a further queue.

use std::num::NonZeroU32;

use bstr::{BStr, BString};

use crate::config::{Bound, RuleId};
use crate::hash::Map;
use crate::queue::OTHER_HOSTS;

/// Counters of the lines of each rule and host since the rule's leftmost queue was reported. A report that
/// could not be sent gives its lines back.
#[derive(Clone, Debug, Default)]
pub struct Escalations {
    counters: Map<RuleId, Map<BString, EscalationCounter>>,
    /// How many counters there are.
    number: usize,
    /// The memory that the counters take, bytes, nearly.
    bytes: usize,
    /// The counters that changed since the last commit, each at its first change.
    changed: Vec<(RuleId, BString)>,
    /// Whether there was a commit: else there is none that changes could be written behind.
    tracked: bool,
}

/// Memory of a counter without the name of its host, bytes: its place in a table that may have grown ahead,
/// and the allocator's own book-keeping.
const COST: usize = 2 * size_of::<(BString, EscalationCounter)>() + 16;

/// The counter of a rule and host.
#[derive(Clone, Copy, Debug, Default)]
struct EscalationCounter {
    lines: u64,
    /// The number of lines up to which further queues were reached or not; less than `lines` after a report
    /// that could not be sent.
    checked: u64,
    /// Whether it changed since the last commit.
    changed: bool,
}

/// The lines that a counter was moved on by: those after `before`, up to `after`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Advance {
    before: u64,
    after: u64,
}

impl Advance {
    /// The running total at the last of these lines that goes to the queue numbered `at`, where
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
    ) -> Advance {
        let bound = bound.into();
        let full = self.number >= bound.lines || self.bytes >= bound.bytes;
        let known = |hosts: &Map<BString, EscalationCounter>| hosts.contains_key(BStr::new(host));
        let host = match full && !self.counters.get(&rule).is_some_and(known) {
            true => OTHER_HOSTS,
            false => host,
        };
        let counter = self.counter(rule, BStr::new(host));
        // At its end the counter begins anew: it must never stand still.
        let (before, after) = match counter.lines.checked_add(n) {
            Some(after) => (counter.checked, after),
            None => (0, n),
        };
        (counter.lines, counter.checked) = (after, after);
        Advance { before, after }
    }

    fn counter(&mut self, rule: RuleId, host: &BStr) -> &mut EscalationCounter {
        let hosts = self.counters.entry(rule).or_default();
        let counter = hosts.entry_ref(host).or_insert_with(|| {
            self.number += 1;
            self.bytes = self.bytes.saturating_add(COST + host.len());
            EscalationCounter::default()
        });
        if !std::mem::replace(&mut counter.changed, true) && self.tracked {
            self.changed.push((rule, host.to_owned()));
        }
        counter
    }

    /// Removes a counter, for a report. Returns its lines.
    pub(super) fn take(&mut self, rule: RuleId, host: &BStr) -> u64 {
        let hosts = self.counters.get_mut(&rule);
        let Some(counter) = hosts.and_then(|hosts| hosts.remove(host)) else {
            return 0;
        };
        self.removed(host);
        if self.tracked {
            self.changed.push((rule, host.to_owned()));
        }
        counter.lines
    }

    fn removed(&mut self, host: &BStr) {
        self.number = self.number.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(COST + host.len());
    }

    /// Adds the lines of a report that could not be sent to their counter again. A queue that they and the
    /// lines since reach together is reached by the next line.
    pub(super) fn give_back(&mut self, rule: RuleId, host: &BStr, lines: u64) {
        let counter = self.counter(rule, host);
        let checked = counter.lines.max(lines);
        counter.lines = counter.lines.checked_add(lines).unwrap_or(lines);
        counter.checked = checked.min(counter.lines);
    }

    /// All counters: rule, host, number of lines.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RuleId, &BStr, u64)> {
        self.counters.iter().flat_map(|(&rule, hosts)| {
            let counters = hosts.iter();
            counters.map(move |(host, counter)| (rule, host.as_ref(), counter.lines))
        })
    }

    /// The counters that changed since the last commit, each once; one that is gone has no lines.
    pub(super) fn changes(&self) -> Vec<(RuleId, &BStr, u64)> {
        let mut changed: Vec<(RuleId, &BStr)> = self
            .changed
            .iter()
            .map(|(rule, host)| (*rule, host.as_ref()))
            .collect();
        changed.sort_unstable();
        changed.dedup();
        let lines = |(rule, host)| {
            let counter = self.counters.get(&rule).and_then(|hosts| hosts.get(host));
            (rule, host, counter.map_or(0, |counter| counter.lines))
        };
        changed.into_iter().map(lines).collect()
    }

    /// To be called when a commit was made of all counters as they are.
    pub(super) fn committed(&mut self) {
        if !std::mem::replace(&mut self.tracked, true) {
            let counters = self.counters.values_mut().flat_map(Map::values_mut);
            counters.for_each(|counter| counter.changed = false);
        }
        for (rule, host) in std::mem::take(&mut self.changed) {
            let hosts = self.counters.get_mut(&rule);
            if let Some(counter) = hosts.and_then(|hosts| hosts.get_mut(&host)) {
                counter.changed = false;
            }
        }
    }

    /// Takes the lines of a report that was sent at last off their counter.
    pub(super) fn settle(&mut self, rule: RuleId, host: &BStr, delivered: u64) {
        if let Some(hosts) = self.counters.get_mut(&rule)
            && let Some(counter) = hosts.get_mut(host)
        {
            counter.lines = counter.lines.saturating_sub(delivered);
            counter.checked = counter.checked.saturating_sub(delivered);
            if !std::mem::replace(&mut counter.changed, true) && self.tracked {
                self.changed.push((rule, host.to_owned()));
            }
            if counter.lines == 0 {
                hosts.remove(host);
                self.removed(host);
            }
        }
    }

    /// Removes all counters (a reload).
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
            let advance = counters.advance(RuleId(0), b"h", 1, usize::MAX);
            for (i, &at) in numbers.iter().enumerate() {
                totals[i].extend(advance.reaches(at, highest));
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
            let advance = counters.advance(RuleId(n % 2), format!("h{n}").as_bytes(), 1, 100);
            let before = u64::from(n.saturating_sub(100) / 2);
            assert_eq!(advance.before, before, "{n}");
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
        let advance = Advance {
            before: 1,
            after: 8,
        };
        assert_eq!(advance.reaches(number(3), number(6)), Some(3));
        assert_eq!(advance.reaches(number(6), number(6)), Some(6));
        assert_eq!(
            Advance {
                before: 3,
                after: 5
            }
            .reaches(number(3), number(6)),
            None
        );
        assert_eq!(
            Advance {
                before: 0,
                after: 1
            }
            .reaches(number(6), number(6)),
            None
        );
    }
}
