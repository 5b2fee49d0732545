//! Which rules took more lines than usual, and which none.
//!
//! A rule took more than usual if it has more than twice the most lines of any period of the last four weeks
//! (`set trends_factor`), and at least twenty (`set trends_floor`). It is gone if it has none, though it had at least
//! five on each of the last eight equal days of the week. Both are plain sentences; on 600 rules of a site they are
//! wrong six times a week, where the usual statistics are so hundreds of times.

use super::calendar::{Calendar, Slot};
use super::note::{Note, What};
use super::record::RuleHistory;
use super::running::Running;
use crate::clock::Time;
use crate::config::TrendsSettings;
use crate::ledger::Day;

/// The days with which a period is compared.
pub(super) const WINDOW: u16 = 28;
/// Periods with which one is compared, at least, where these days hold fewer.
const FEWEST: usize = 4;
/// Whole periods among them, at least.
const WHOLE: usize = 3;
/// The equal days before that must have had lines of a rule that is gone, and how many of them must be whole.
const EQUAL_DAYS: usize = 8;
const WHOLE_DAYS: usize = 6;
/// The days in which they come.
const EQUAL_WITHIN: u16 = 7 * EQUAL_DAYS as u16;
/// The lines of a rule on each of these days, at least.
const SOME: u32 = 5;
/// Periods that a note shows besides its own, at most.
const SHOWN: usize = 6;
/// Notes that are kept for a report, at most.
const MOST: usize = 20;

impl Note {
    /// How far from usual it is: the notes of a report are sorted by it.
    fn weight(&self) -> (bool, u64) {
        match &self.what {
            What::More { count, most, .. } => {
                let times = u64::from(*count) * 1000 / u64::from(*most).max(1);
                (true, times)
            }
            What::Gone { fewest, .. } => (false, u64::from(*fewest)),
        }
    }
}

/// A scheduled minute of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Period<'a> {
    /// The name of the queue.
    pub queue: &'a str,
    /// The keys of the rules whose home it is.
    pub keys: &'a [u64],
    /// The day of the minute.
    pub day: Day,
    /// The time that it is.
    pub now: Time,
}

/// What the rules of a queue are judged by.
pub(super) struct Judge<'a> {
    pub settings: &'a TrendsSettings,
    pub calendar: &'a Calendar,
    pub running: &'a Running,
    pub day: Day,
    pub now: Time,
    /// Whether the period ends.
    pub ends: bool,
}

impl Judge<'_> {
    /// What is to be told of a rule.
    pub(super) fn note(&self, rule: &RuleHistory) -> Option<Note> {
        let what = match rule.now {
            0 => self.gone(rule)?,
            _ => self.more(rule)?,
        };
        Some(Note {
            key: rule.key,
            unit: self.calendar.unit,
            day: self.day,
            what,
        })
    }

    /// The periods of a rule that are known, the newest first, with their counts.
    fn known<'r>(&self, rule: &'r RuleHistory) -> impl Iterator<Item = (Slot, u32)> + use<'r, '_> {
        let slots = self.calendar.slots.iter().zip(0..);
        slots.map_while(|(slot, ago)| Some((*slot, rule.ago(ago)?)))
    }

    fn more(&self, rule: &RuleHistory) -> Option<What> {
        let (count, settings) = (rule.now, self.settings);
        if rule.told_more || u64::from(count) < settings.floor || !self.calendar.is_one(self.now) {
            return None;
        }
        let ago = |slot: &Slot| self.day.since(slot.day);
        // What is not known for so long is learnt still.
        if !self.known(rule).any(|(slot, _)| ago(&slot) >= WINDOW) {
            return None;
        }
        let days = self.known(rule).filter(|(slot, _)| ago(slot) <= WINDOW);
        let window = days.count().max(FEWEST);
        let whole = self.known(rule).take(window).filter(|(slot, _)| slot.whole);
        let counts: Vec<u32> = whole.map(|(_, count)| count).collect();
        let most = counts.iter().copied().max()?;
        if counts.len() < WHOLE || u64::from(count) <= settings.factor.saturating_mul(most.into()) {
            return None;
        }
        let shown = self.known(rule).take(SHOWN.min(window));
        let mut before: Vec<Option<u32>> = shown
            .map(|(slot, count)| slot.whole.then_some(count))
            .collect();
        before.reverse();
        let host = self.running.most(rule.key);
        Some(What::More {
            count,
            most,
            host: host.map(|(host, count)| (host.clone(), count)),
            so_far: !self.ends,
            before,
        })
    }

    fn gone(&self, rule: &RuleHistory) -> Option<What> {
        if !self.ends || rule.told_gone || !self.calendar.is_whole(self.now) {
            return None;
        }
        let ago = |slot: &Slot| self.day.since(slot.day);
        // Periods that are longer than weeks have no equal days.
        let long = self.calendar.unit > 7;
        let equal = |slot: &Slot| ago(slot).is_multiple_of(7) && ago(slot) <= EQUAL_WITHIN;
        let days = self.known(rule).filter(|(slot, _)| long || equal(slot));
        let whole = days.take(EQUAL_DAYS).filter(|(slot, _)| slot.whole);
        let counts: Vec<u32> = whole.map(|(_, count)| count).collect();
        let (fewest, most) = (*counts.iter().min()?, *counts.iter().max()?);
        let known = match long {
            true => rule.known() >= EQUAL_DAYS,
            false => self.known(rule).any(|(slot, _)| ago(&slot) >= EQUAL_WITHIN),
        };
        (known && counts.len() >= WHOLE_DAYS && fewest >= SOME).then_some(What::Gone {
            days: counts.len() as u8,
            fewest,
            most,
        })
    }
}

impl Calendar {
    /// Adds what the next report is to tell. Of a rule it tells the last.
    pub(super) fn tell(&mut self, notes: Vec<Note>) {
        for note in notes {
            self.notes.retain(|known| known.key != note.key);
            self.notes.push(note);
        }
        self.notes
            .sort_by_key(|note| std::cmp::Reverse(note.weight()));
        let over = self.notes.len().saturating_sub(MOST);
        self.notes.truncate(MOST);
        self.over = self
            .over
            .saturating_add(u32::try_from(over).unwrap_or(u32::MAX));
    }
}
