//! A clock that was set back: what was noted at a time that is still to come.

use super::site::Site;
use super::state::State;
use super::table::{Silence, TURN, Watch, quarter};
use super::watch::Learnt;
use crate::clock::Time;

impl Silence {
    /// To be called when the clock was set back.
    pub(super) fn clock_was_set_back(&mut self, now: Time, site: &dyn Site) {
        let quarter = quarter(now, site);
        let was_ahead = self.leap.is_undone(now);
        for (slot, watch) in self.watches.iter_mut().enumerate() {
            let Some(watch) = watch else { continue };
            let before = watch.clone();
            watch.clock_was_set(now);
            if was_ahead {
                watch.learnt.forget_after(now, quarter);
            }
            if *watch != before {
                self.changed.insert(slot);
            }
            watch.due = watch.due.map(|due| due.min(now + TURN));
        }
        self.next = self.next.map(|next| next.min(now + TURN));
        self.site_clock_was_set(now);
        if was_ahead {
            self.whole.clock_was_set(now.timestamp());
        }
        self.leap.clock_was_set_back(now);
    }

    /// Takes the times of the whole site back that are still to come.
    pub(super) fn site_clock_was_set(&mut self, now: Time) {
        self.heard = self.heard.min(now);
        if let Some(outage) = &mut self.outage {
            outage.since = outage.since.min(now);
        }
    }
}

impl Watch {
    /// Takes the times back that are still to come: until the clock has come there, no silence would be one. What was
    /// learnt stays: the clock may have been right before, and be behind now.
    pub(super) fn clock_was_set(&mut self, now: Time) {
        self.held = self.held.min(now);
        self.learnt.last = self.learnt.last.min(now);
        if let State::Silent(silent) | State::Returning(silent, _) = &mut self.state {
            silent.since = silent.since.min(now);
            silent.at = silent.at.min(now);
        }
        if let State::Returning(_, back) = &mut self.state {
            back.at = back.at.min(now);
        }
        if let Some(past) = &mut self.past {
            past.since = past.since.min(now);
            past.back = past.back.min(now);
        }
    }
}

impl Learnt {
    /// Forgets what was learnt by a clock that was ahead.
    fn forget_after(&mut self, now: Time, quarter: i64) {
        self.first = self.first.min(now);
        self.ring.clock_was_set(quarter);
        self.pauses.clock_was_set(now.timestamp());
        let [later, earlier] = self.broken.map(|at| at.filter(|at| *at <= now));
        self.broken = [later.or(earlier), later.and(earlier)];
        self.in_vain = self.in_vain.filter(|at| *at <= now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::pauses::Pauses;
    use super::super::ring::Ring;

    #[test]
    fn quarters_and_pauses_of_days_to_come_are_forgotten() {
        let mut ring = Ring::default();
        for quarter in [9_000, 9_500, 9_504] {
            ring.mark(quarter);
        }
        ring.clock_was_set(9_500);
        assert!(ring.has(9_504), "the hour that comes twice");
        ring.clock_was_set(9_499);
        assert!(ring.has(9_000) && !ring.has(9_500) && !ring.has(9_504));
        ring.mark(900_000);
        ring.clock_was_set(9_600);
        ring.mark(9_600);
        assert!(ring.has(9_600) && !ring.has(9_000));
        let day = 24 * 3600;
        let mut pauses = Pauses::default();
        pauses.note(5000 * day, 50);
        pauses.clock_was_set(100 * day);
        assert_eq!(pauses.longest(), 50);
        pauses.note(128 * day, 7);
        assert_eq!(
            pauses.longest(),
            7,
            "it goes with the day that it stands for"
        );
    }
}
