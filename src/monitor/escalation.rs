//! Escalation: each Nth line of a rule and host goes to a further queue.

use std::collections::HashMap;
use std::num::NonZeroU32;

use bstr::{BStr, BString};

use crate::config::RuleId;

/// How many lines of each host a rule has taken since its leftmost queue was delivered.
#[derive(Clone, Debug, Default)]
pub struct Escalations(HashMap<RuleId, HashMap<BString, u64>>);

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
    /// Moves a counter on by `n` lines.
    pub(super) fn advance(&mut self, rule: RuleId, host: &[u8], n: u64) -> Step {
        let hosts = self.0.entry(rule).or_default();
        let before = hosts.get(BStr::new(host)).copied().unwrap_or(0);
        let after = before.saturating_add(n);
        match hosts.get_mut(BStr::new(host)) {
            Some(count) => *count = after,
            None => {
                hosts.insert(BString::from(host), after);
            }
        }
        Step { before, after }
    }

    /// A counter's value.
    pub fn get(&self, rule: RuleId, host: &BStr) -> u64 {
        self.0
            .get(&rule)
            .and_then(|hosts| hosts.get(host))
            .copied()
            .unwrap_or(0)
    }

    /// All counters.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RuleId, &BStr, u64)> {
        self.0.iter().flat_map(|(&rule, hosts)| {
            hosts
                .iter()
                .map(move |(host, &count)| (rule, host.as_ref(), count))
        })
    }

    /// Takes the lines of a delivered report off a counter.
    pub(super) fn settle(&mut self, rule: RuleId, host: &BStr, delivered: u64) {
        if let Some(hosts) = self.0.get_mut(&rule)
            && let Some(count) = hosts.get_mut(host)
        {
            *count = count.saturating_sub(delivered);
            if *count == 0 {
                hosts.remove(host);
            }
        }
    }

    /// Forgets all counters (a reload).
    pub(super) fn clear(&mut self) {
        self.0.clear();
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
            let step = counters.advance(RuleId(0), b"h", 1);
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
