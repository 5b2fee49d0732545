//! The periods of a queue.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::note::Note;
use super::record::PERIODS;
use crate::clock::Time;
use crate::ledger::Day;

/// A period that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slot {
    /// The day on which it ended.
    pub day: Day,
    /// Whether lines were counted all the time; if not, nothing is compared with it.
    pub whole: bool,
}

/// The periods of a queue, and what its next report is to tell.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) struct Calendar {
    /// The length of a period, days.
    pub unit: u16,
    /// When the running period began.
    pub begun: Time,
    /// Whether it began in the middle of a period.
    pub late: bool,
    /// The time in it in which the program was not running, seconds.
    pub down: u32,
    /// The periods that are over, the newest first.
    pub slots: Vec<Slot>,
    /// What the next report is to tell.
    pub notes: Vec<Note>,
    /// The number of notes beyond the bound.
    pub over: u32,
    /// The number of rules that began anew since the last report.
    pub anew: u32,
}

impl Calendar {
    pub(super) fn new(unit: u16, now: Time) -> Self {
        Self {
            unit,
            begun: now,
            late: true,
            down: 0,
            slots: Vec::new(),
            notes: Vec::new(),
            over: 0,
            anew: 0,
        }
    }

    /// The length of a period, seconds.
    fn length(&self) -> i64 {
        TimeDelta::days(i64::from(self.unit)).num_seconds()
    }

    /// Whether the running period is no longer than one and a half periods: else its counts are the counts of several.
    pub(super) fn is_one(&self, now: Time) -> bool {
        (now - self.begun).num_seconds() * 2 <= self.length() * 3
    }

    /// Whether a time is a small part of a period.
    pub(super) fn is_little(&self, seconds: i64) -> bool {
        seconds.saturating_mul(10) <= self.length()
    }

    /// Whether lines were counted all the time of the running period.
    pub(super) fn is_whole(&self, now: Time) -> bool {
        !self.late && self.is_one(now) && self.is_little(i64::from(self.down))
    }

    /// Whether a scheduled minute on this day ends the running period: a queue that is mailed several times a day
    /// has days for periods.
    pub(super) fn ends_on(&self, day: Day) -> bool {
        self.slots.first().is_none_or(|slot| slot.day != day)
    }

    /// Ends the running period.
    pub(super) fn end_period(&mut self, day: Day, now: Time) {
        let whole = self.is_whole(now);
        // The clock was in the future.
        for slot in self.slots.iter_mut().filter(|slot| slot.day >= day) {
            (slot.day, slot.whole) = (day.before(1), false);
        }
        self.slots.insert(0, Slot { day, whole });
        self.slots.truncate(PERIODS);
        (self.begun, self.late, self.down) = (now, false, 0);
    }
}
