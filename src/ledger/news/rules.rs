//! What is known of rules: which of them are new, and which make kinds without end.

use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::ledger::Day;

/// The number of new kinds on a day beyond which a rule may lack a mask.
pub const MANY: u32 = 50;
/// The number of days in a row, each with more new kinds than [`MANY`], that show that a rule lacks a mask.
const DAYS: u8 = 3;
/// The number of days after the last such day beyond which the rule does not lack a mask any more.
const CALM: u16 = 7;
/// The number of days after which a rule that lacks a mask is named again.
const AGAIN: u16 = 7;
/// The words of a line that are looked at for the one that varies.
const WORDS: usize = 24;
/// The bytes that are kept of the last new kind.
const LONGEST: usize = 512;

/// What is known of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct RuleRecord {
    /// The last day on which its kinds are taken over without news, if the rule was new or changed.
    pub grace: Option<Day>,
    /// Whether its queue was not reported since it is known: its kinds are taken over until then.
    pub unreported: bool,
    /// The last day with a new kind.
    pub day: Day,
    /// The number of new kinds on that day.
    pub today: u32,
    /// The number of new kinds on the last day with many.
    pub rate: u32,
    /// The last day with many.
    pub loud: Day,
    /// The number of days in a row with many, up to `loud`.
    streak: u8,
    /// The day on which it was last named.
    pub named: Option<Day>,
    /// The last new kind, to be compared with the next one.
    last: BString,
    /// How often each word differed between two new kinds.
    differed: Vec<u16>,
}

impl RuleRecord {
    /// A rule that is new on this day, or that was changed.
    pub fn changed(today: Day) -> Self {
        Self {
            grace: Some(today.after(1)),
            unreported: true,
            ..Self::default()
        }
    }

    /// Whether its kinds are taken over without news.
    pub fn takes_over(&self, today: Day) -> bool {
        self.unreported || self.grace.is_some_and(|until| today <= until)
    }

    /// Whether it makes kinds without end, so that these are no news.
    pub fn lacks_mask(&self, today: Day) -> bool {
        self.streak >= DAYS && today.since(self.loud) <= CALM
    }

    /// Whether it is to be named for that.
    pub fn is_to_be_named(&self, today: Day) -> bool {
        let again = |named| today.since(named) >= AGAIN;
        self.lacks_mask(today) && self.named.is_none_or(again)
    }

    /// Counts a kind that was never seen before. While all is `learning`, many kinds are new of any rule.
    pub fn count(&mut self, today: Day, line: &[u8], learning: bool) {
        if self.day != today {
            (self.day, self.today) = (today, 0);
        }
        self.today = self.today.saturating_add(1);
        if self.today > MANY && !learning {
            if self.loud != today {
                self.streak = match today.since(self.loud) {
                    1 => self.streak.saturating_add(1),
                    // It lacks a mask still: a quiet weekend does not count.
                    days if self.streak >= DAYS && days <= CALM => self.streak,
                    _ => 1,
                };
                self.loud = today;
            }
            self.rate = self.today;
        }
        // What varies is known by then.
        if self.today <= 4 * MANY {
            self.compare(line);
        }
    }

    /// Notes which words of a new kind differ from the words of the new kind before it.
    fn compare(&mut self, line: &[u8]) {
        let line = line.get(..LONGEST).unwrap_or(line);
        let words = |text: &[u8]| text.fields().count();
        if words(line) == words(&self.last) {
            let pairs = line.fields().zip(self.last.fields()).take(WORDS);
            for (at, (one, other)) in pairs.enumerate() {
                if self.differed.len() <= at {
                    self.differed.resize(at + 1, 0);
                }
                if let Some(count) = self.differed.get_mut(at).filter(|_| one != other) {
                    *count = count.saturating_add(1);
                }
            }
        }
        self.last = line.into();
    }

    /// The number of the word that varies, from 1 on, if one does so more than the others.
    pub fn varies(&self) -> Option<usize> {
        let all: u32 = self.differed.iter().map(|count| u32::from(*count)).sum();
        let counts = self.differed.iter().zip(1..);
        let (most, at) = counts.max_by_key(|(count, _)| **count)?;
        (2 * u32::from(*most) > all).then_some(at)
    }
}

/// `1st`, `2nd`, `3rd`, `4th`.
pub fn ordinal(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_makes_kinds_without_end_is_named_once_a_week() {
        let mut rule = RuleRecord::default();
        let mut day = Day::numbered(100);
        for _ in 0..3 {
            assert!(!rule.lacks_mask(day));
            for n in 0..=MANY {
                rule.count(day, format!("app: user u{n} is gone").as_bytes(), false);
            }
            day = day.after(1);
        }
        assert!(rule.is_to_be_named(day));
        assert_eq!(rule.varies(), Some(3));
        rule.named = Some(day);
        assert!(!rule.is_to_be_named(day.after(6)));
        assert!(rule.lacks_mask(rule.loud.after(7)) && !rule.lacks_mask(rule.loud.after(8)));
    }

    #[test]
    fn two_busy_days_are_no_rule_without_a_mask() {
        let mut rule = RuleRecord::default();
        for day in [1, 2, 4, 5, 7, 8].map(Day::numbered) {
            for n in 0..200 {
                rule.count(day, format!("{n}").as_bytes(), false);
            }
            assert!(!rule.lacks_mask(day));
        }
    }

    #[test]
    fn ordinals() {
        let all = [1, 2, 3, 4, 11, 12, 13, 21, 22, 23, 111].map(ordinal);
        let want = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "23rd", "111th",
        ];
        assert_eq!(all, want);
    }
}
