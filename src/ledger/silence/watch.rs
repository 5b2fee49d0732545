//! The watch of one host or file: what its silences were, and from when on one is more than usual.

use std::time::Duration;

use chrono::TimeDelta;

use super::pauses::Pauses;
use super::ring::{QUARTER, Ring, WEEK};
use super::site::Mode;
use crate::clock::Time;

/// No silence is told that is shorter.
const LEAST: Duration = Duration::from_secs(15 * 60);
/// The time after which the longest pause is known well enough: it has seen two ends of a week.
const LEARN: TimeDelta = TimeDelta::days(14);
/// The time over which a host is looked back at.
const BACK: TimeDelta = TimeDelta::days(28);
/// The numbers of quarter hours with lines that rule B asks for, behind the same time of each of the last four weeks:
/// the first number counts that all four weeks reached at about the same time.
const HELD: [u32; 2] = [8, 16];
/// The number of quarter hours within which the times of four weeks are about the same time: six hours. The times of a
/// host that writes by chance are further apart.
const ALIKE: i64 = 24;

/// What a watch has learnt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Learnt {
    /// The first line.
    pub first: Time,
    /// The last line.
    pub last: Time,
    /// The quarter hours with lines.
    pub ring: Ring,
    /// The longest pauses.
    pub pauses: Pauses,
    /// The last two times at which a silence ended by itself that was longer than rule A has it; the later one
    /// first.
    pub broken: [Option<Time>; 2],
    /// When rule B would have told of a silence that ended by itself, the last time.
    pub in_vain: Option<Time>,
}

/// Why a silence is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// Rule A: it is longer than the longest pause of four weeks, some times over.
    Pause(u32),
    /// Rule B: in each of the last four weeks there were lines in the same stretch of the week.
    Weekly,
    /// It is longer than the configuration allows.
    Fixed(Duration),
}

impl Learnt {
    /// What is known with the first line.
    pub(super) fn new(now: Time) -> Self {
        Self {
            first: now,
            last: now,
            ring: Ring::default(),
            pauses: Pauses::default(),
            broken: [None; 2],
            in_vain: None,
        }
    }

    /// How many times the longest pause a silence may last. `None` if the host keeps to no rule: it broke it
    /// twice in four weeks, the second time three times over.
    fn factor(&self) -> Option<u32> {
        let lately = |at: &&Time| self.last - **at < BACK;
        match self.broken.iter().flatten().filter(lately).count() {
            0 => Some(2),
            1 => Some(3),
            _ => None,
        }
    }

    /// Whether the host is known long enough for its pauses to mean something.
    fn is_known(&self) -> bool {
        self.last - self.first >= LEARN
    }

    /// Whether the host is known long enough and keeps to no rule.
    pub(super) fn is_irregular(&self) -> bool {
        self.is_known() && self.factor().is_none()
    }

    /// The longest silence that rule A allows.
    pub(super) fn allowed(&self) -> Option<TimeDelta> {
        let longest = self.pauses.longest();
        if longest == 0 || !self.is_known() {
            return None;
        }
        let seconds = u64::from(longest) * u64::from(self.factor()?);
        TimeDelta::from_std(Duration::from_secs(seconds).max(LEAST)).ok()
    }

    /// The number of quarter hours behind `quarter` in which each of the last four weeks had its lines: rule B
    /// tells of a silence that began in `quarter` when they are over. Nothing if a week had too few, or if the
    /// host is not known for four weeks.
    fn weekly(&self, quarter: i64) -> Option<i64> {
        if self.last - self.first < BACK {
            return None;
        }
        HELD.into_iter().find_map(|held| {
            let (mut least, mut most) = (WEEK, 0);
            for week in 1..=4 {
                let ahead = self.ring.nth_behind(quarter - week * WEEK, held)?;
                (least, most) = (least.min(ahead), most.max(ahead));
            }
            (most - least <= ALIKE).then_some(most)
        })
    }

    /// Whether rule B is trusted: in four weeks it would have told of nothing that ended by itself.
    fn weekly_is_trusted(&self) -> bool {
        let since = self.in_vain.unwrap_or(self.first + BACK);
        self.last - since >= BACK
    }

    /// When a silence that begins at `begin`, in the local quarter hour `quarter`, is told at the earliest.
    pub(super) fn deadline(&self, mode: Mode, begin: Time, quarter: i64) -> Option<Time> {
        match mode {
            Mode::Off => None,
            Mode::Fixed(time) => Some(begin + time),
            Mode::Learnt => {
                let pause = self.allowed().map(|allowed| begin + allowed);
                let weekly = self
                    .weekly(quarter)
                    .filter(|_| self.weekly_is_trusted())
                    .map(|ahead| quarter_begin(begin, ahead + 1));
                pause.into_iter().chain(weekly).min()
            }
        }
    }

    /// Why a silence from `begin` to `now` is to be told, if it is; `quarter` and `now_quarter` are the local quarter
    /// hours of these two times.
    pub(super) fn verdict(
        &self,
        mode: Mode,
        (begin, quarter): (Time, i64),
        (now, now_quarter): (Time, i64),
    ) -> Option<Why> {
        match mode {
            Mode::Off => None,
            Mode::Fixed(time) => (now - begin)
                .to_std()
                .is_ok_and(|silent| silent >= time)
                .then_some(Why::Fixed(time)),
            Mode::Learnt => {
                if self.allowed().is_some_and(|allowed| now - begin >= allowed) {
                    return Some(Why::Pause(self.pauses.longest()));
                }
                let weekly = self.weekly_is_trusted() && self.weekly_passed(quarter, now_quarter);
                weekly.then_some(Why::Weekly)
            }
        }
    }

    fn weekly_passed(&self, quarter: i64, now: i64) -> bool {
        // Most silences are too short to look back for.
        now - quarter > i64::from(HELD[0])
            && self
                .weekly(quarter)
                .is_some_and(|ahead| now > quarter + ahead)
    }

    /// The quarter hour of the day at whose beginning the host had written on the day of `now` in each of the last
    /// four weeks, since a silence that began in `begin`.
    pub(super) fn written_by(&self, begin: i64, now: i64) -> Option<i64> {
        const DAY: i64 = WEEK / 7;
        let midnight = now - now.rem_euclid(DAY);
        let mut by = 0;
        for back in (1..=4).map(|week| week * WEEK) {
            let from = midnight.max(begin + 1) - back;
            let first = (from..=now - back).find(|quarter| self.ring.has(*quarter))?;
            by = by.max(first + 1 + back - midnight);
        }
        (by < DAY).then_some(by)
    }

    /// Learns from a silence that ended by itself at `now`.
    pub(super) fn learn(&mut self, (begin, quarter): (Time, i64), (now, now_quarter): (Time, i64)) {
        let silent = (now - begin).max(TimeDelta::zero());
        if self.is_known() {
            let factor = self.factor().unwrap_or(3);
            let bound = Duration::from_secs(u64::from(self.pauses.longest()) * u64::from(factor));
            if silent
                .to_std()
                .is_ok_and(|silent| silent > bound.max(LEAST))
            {
                self.broken = [Some(now), self.broken[0]];
            }
            if self.weekly_passed(quarter, now_quarter) {
                self.in_vain = Some(now);
            }
        }
        let seconds = u32::try_from(silent.num_seconds()).unwrap_or(u32::MAX);
        self.pauses.note(now.timestamp(), seconds);
    }
}

/// The beginning of the quarter hour that is this number of them behind the one of `time`.
fn quarter_begin(time: Time, ahead: i64) -> Time {
    let into = time.timestamp().rem_euclid(QUARTER);
    time + TimeDelta::seconds(ahead * QUARTER - into)
}
