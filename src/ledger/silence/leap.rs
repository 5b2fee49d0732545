//! A clock that is far ahead for a moment, as on a machine that starts with a wrong time.

use chrono::TimeDelta;

use crate::clock::Time;

/// A longer step forward may be a clock that is wrong: for a day nothing is learnt or forgotten by it.
const LEAP: TimeDelta = TimeDelta::days(60);
/// How long that lasts.
const DOUBT: TimeDelta = TimeDelta::days(1);

/// The time at which the clock was found far ahead of the time before, if it was.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Leap(Option<Time>);

impl Leap {
    /// Takes note that `now` is the time after `before`.
    pub(super) fn note(&mut self, before: Time, now: Time) {
        if now - before > LEAP {
            self.0 = Some(now);
        }
    }

    /// To be called when the clock was set back: if that is about as far as it had leapt, it is right again.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        self.0 = self.0.filter(|at| *at - now < LEAP);
    }

    /// Whether the clock may be wrong.
    pub(super) fn is_doubted(self, now: Time) -> bool {
        self.0.is_some_and(|at| now - at < DOUBT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_far_ahead_is_doubted_for_a_day_or_until_it_is_right() {
        let (now, day) = (Time::default(), TimeDelta::days(1));
        let mut leap = Leap::default();
        leap.note(now, now + LEAP);
        assert!(!leap.is_doubted(now + LEAP));
        let ahead = now + LEAP + day;
        leap.note(now, ahead);
        assert!(leap.is_doubted(ahead) && !leap.is_doubted(ahead + day));
        leap.clock_was_set_back(ahead - day);
        assert!(leap.is_doubted(ahead - day), "not far enough");
        leap.clock_was_set_back(now);
        assert!(!leap.is_doubted(now));
    }
}
