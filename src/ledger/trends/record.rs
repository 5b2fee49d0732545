//! What is known of one rule: its counts of the running period and of the periods before.

use serde::{Deserialize, Serialize};

/// Periods before the running one that are kept: eight weeks of days.
pub const PERIODS: usize = 56;
/// The newest of these periods, whose counts are kept as they are; the counts of older periods are kept up to 65,535.
const RECENT: usize = 35;
/// The number of weeks of the newest periods, and of the older ones.
const RECENT_WEEKS: usize = RECENT / 7;
const OLDER_WEEKS: usize = (PERIODS - RECENT) / 7;

/// The counts of a rule. It takes 200 bytes: there may be thousands of rules.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RuleHistory {
    /// The hash of the rule's text, queue and period.
    pub(super) key: u64,
    /// The lines of the running period.
    pub(super) now: u32,
    /// The number of periods before it that are known.
    known: u8,
    /// Whether it was told of the running period that there are more lines than usual.
    pub(super) told_more: bool,
    /// Whether it was told that no lines come, and none came since.
    pub(super) told_gone: bool,
    /// The counts of the last periods, the newest first.
    recent: [[u32; 7]; RECENT_WEEKS],
    /// The counts of the periods before, the newest first; larger ones are 65,535.
    older: [[u16; 7]; OLDER_WEEKS],
}

impl RuleHistory {
    /// A rule of which nothing is known.
    pub(super) fn new(key: u64) -> Self {
        Self {
            key,
            now: 0,
            known: 0,
            told_more: false,
            told_gone: false,
            recent: Default::default(),
            older: Default::default(),
        }
    }

    /// The lines of the running period.
    pub fn now(&self) -> u32 {
        self.now
    }

    /// The number of periods before that are known.
    pub fn known(&self) -> usize {
        usize::from(self.known)
    }

    /// The lines of a period before: 0 is the last one. Nothing of a period that is not known.
    pub fn ago(&self, periods: usize) -> Option<u32> {
        if periods >= self.known() {
            return None;
        }
        match self.recent.as_flattened().get(periods) {
            Some(count) => Some(*count),
            None => {
                let older = self.older.as_flattened().get(periods - RECENT);
                older.map(|count| u32::from(*count))
            }
        }
    }

    /// Counts lines of the running period.
    pub(super) fn add(&mut self, n: u64) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        self.now = self.now.saturating_add(n);
    }

    /// Ends the running period.
    pub(super) fn end_period(&mut self) {
        let (recent, older) = (
            self.recent.as_flattened_mut(),
            self.older.as_flattened_mut(),
        );
        older.rotate_right(1);
        recent.rotate_right(1);
        if let (Some(newest), Some(first)) = (recent.first_mut(), older.first_mut()) {
            *first = u16::try_from(*newest).unwrap_or(u16::MAX);
            *newest = self.now;
        }
        self.known = self.known.saturating_add(1).min(PERIODS as u8);
        self.told_gone &= self.now == 0;
        self.told_more = false;
        self.now = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_of_eight_weeks_are_kept() {
        let mut rule = RuleHistory::new(1);
        for count in 1..=100 {
            assert_eq!(rule.ago(rule.known()), None);
            rule.add(count * 1000);
            rule.end_period();
        }
        for ago in 0..PERIODS {
            let count = (100 - ago as u32) * 1000;
            let want = if ago < RECENT {
                count
            } else {
                count.min(65_535)
            };
            assert_eq!(rule.ago(ago), Some(want));
        }
        assert_eq!(rule.ago(PERIODS), None);
        rule.add(u64::MAX);
        assert_eq!(rule.now(), u32::MAX);
    }

    #[test]
    fn a_rule_takes_200_bytes() {
        assert_eq!(size_of::<RuleHistory>(), 200);
    }
}
