//! A mail server that does not let us in: a wrong password, a certificate that is not verified.
//!
//! Trying again as fast as a `[now]` queue asks for would be 17,280 failed logins a day, for which
//! providers lock accounts. So there are pauses for all mails together, each twice as long as the
//! one before, and after each only one mail tries the door.

use std::time::Duration;

use crate::clock::Time;

/// The first pause.
const FIRST: Duration = Duration::from_secs(30);
/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(3600);

/// The door of the mail server. Not kept over a restart: a start tries it once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Gate {
    /// How often it was found shut since it was open.
    refusals: u32,
    /// Nobody tries it before.
    until: Option<Time>,
}

impl Gate {
    /// Whether it was found shut, and not open since.
    pub(super) fn is_shut(&self) -> bool {
        self.refusals > 0
    }

    /// It was found shut. Gives when to try it next.
    pub(super) fn shut(&mut self, now: Time) -> Time {
        self.refusals = self.refusals.saturating_add(1);
        self.wait(now)
    }

    /// It was not reached: the pause begins again. Gives when to try it next.
    pub(super) fn wait(&mut self, now: Time) -> Time {
        let doubled = FIRST.saturating_mul(1 << self.refusals.saturating_sub(1).min(10));
        let until = now + doubled.min(LONGEST);
        self.until = Some(until);
        until
    }

    /// Somebody got in. Says whether it was shut before.
    pub(super) fn open(&mut self) -> bool {
        std::mem::take(self).is_shut()
    }

    /// The pause is over: an admin asked for it.
    pub(super) fn hurry(&mut self) {
        self.until = None;
    }

    /// When a mail that is ripe at `ripe` may try it.
    pub(super) fn opens(&self, ripe: Time) -> Time {
        self.until.map_or(ripe, |until| until.max(ripe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_end_when_somebody_gets_in() {
        let (mut gate, mut now) = (Gate::default(), Time::default());
        let mut tries = 0;
        let day = now + Duration::from_secs(24 * 3600);
        while now < day {
            now = gate.shut(now);
            tries += 1;
        }
        assert!((24..40).contains(&tries), "{tries} logins a day");
        assert_eq!(gate.opens(Time::default()), now);
        assert!(gate.open() && !gate.open());
        assert_eq!(gate.opens(Time::default()), Time::default());
        assert_eq!(gate.shut(now), now + FIRST);
        assert_eq!(gate.wait(now), now + FIRST, "not longer for that");
        gate.hurry();
        assert!(gate.is_shut());
        assert_eq!(gate.opens(now), now);
    }
}
