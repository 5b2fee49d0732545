//! A clock that is far ahead for a moment, as on a machine that starts with a wrong time.

use chrono::TimeDelta;

use crate::clock::{LEAP, Time};

/// How long nothing is learnt or forgotten after a long step forward.
const DOUBT: TimeDelta = TimeDelta::days(1);
/// A step that is no longer may be the hour that comes twice, or a clock that is set more exactly.
const HOUR: TimeDelta = TimeDelta::hours(1);

/// The steps of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leap {
    /// The time at which the clock was found far ahead of the time before, if it was.
    doubted: Option<Time>,
    /// The time before the last step forward.
    from: Option<Time>,
}

impl Leap {
    /// Takes note that `now` is the time after `before`.
    pub(super) fn note(&mut self, before: Time, now: Time) {
        if before == Time::default() {
            // There is no time before.
            return;
        }
        if now - before > LEAP {
            self.doubted = Some(now);
        }
        if now - before > HOUR {
            self.from = Some(before);
        }
    }

    /// Whether a clock that was set back to `now` had been ahead. If it is behind now, what was noted before is right.
    pub(super) fn is_undone(self, now: Time) -> bool {
        self.from.is_some_and(|from| now > from - HOUR)
    }

    /// To be called when the clock was set back: if that is about as far as it had leapt, it is right again.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        self.doubted = self.doubted.filter(|at| *at - now < LEAP);
    }

    /// Whether the clock may be wrong.
    pub(super) fn is_doubted(self, now: Time) -> bool {
        self.doubted.is_some_and(|at| now - at < DOUBT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_ahead_is_doubted_for_a_day_or_until_it_is_right() {
        let day = TimeDelta::days(1);
        let now = Time::default() + day;
        let mut leap = Leap::default();
        leap.note(now, now + LEAP);
        assert!(!leap.is_doubted(now + LEAP));
        let ahead = now + LEAP + day;
        leap.note(now, ahead);
        assert!(leap.is_doubted(ahead) && !leap.is_doubted(ahead + day));
        leap.clock_was_set_back(ahead - day);
        assert!(leap.is_doubted(ahead - day), "not far enough");
        assert!(leap.is_undone(now) && !leap.is_undone(now - day));
        leap.clock_was_set_back(now);
        assert!(!leap.is_doubted(now));
    }
}
