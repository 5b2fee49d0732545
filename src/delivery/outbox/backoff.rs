//! The pauses while the mail server does not let us in: a wrong password, a certificate that is not
//! verified.
//!
//! Trying again as fast as a `[now]` queue asks for would be 17,280 failed logins a day, for which
//! providers lock accounts. So all mails together make pauses, each twice as long as the one
//! before, and after each only one mail tries the server.

use std::time::Duration;

use crate::clock::Time;

/// The first pause.
const FIRST: Duration = Duration::from_secs(30);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(3600);

/// The state of the pauses. It is not kept over a restart: a start tries the server once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct ServerBackoff {
    /// How often access was denied since it was granted last.
    denials: u32,
    /// The end of the pause.
    until: Option<Time>,
}

impl ServerBackoff {
    /// Whether access was denied, and not granted since.
    pub(super) fn is_active(&self) -> bool {
        self.denials > 0
    }

    /// The server denied access. Gives the time of the next attempt.
    pub(super) fn denied(&mut self, now: Time) -> Time {
        self.denials = self.denials.saturating_add(1);
        self.unreachable(now)
    }

    /// The server was not reached: the pause begins again, as long as before. Gives the time of the
    /// next attempt.
    pub(super) fn unreachable(&mut self, now: Time) -> Time {
        let doubled = FIRST.saturating_mul(1 << self.denials.saturating_sub(1).min(10));
        let until = now + doubled.min(LONGEST);
        self.until = Some(until);
        until
    }

    /// The server granted access. Says whether it had denied it before.
    pub(super) fn granted(&mut self) -> bool {
        std::mem::take(self).is_active()
    }

    /// Ends the pause, because an admin asked for an attempt.
    pub(super) fn end_pause(&mut self) {
        self.until = None;
    }

    /// To be called when the clock may have been set back: the pause is no longer than any.
    pub(super) fn clock_was_set(&mut self, now: Time) {
        self.until = self.until.map(|until| until.min(now + LONGEST));
    }

    /// When a mail that is due at `due` may try the server.
    pub(super) fn not_before(&self, due: Time) -> Time {
        self.until.map_or(due, |until| until.max(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_end_when_somebody_gets_in() {
        let (mut backoff, mut now) = (ServerBackoff::default(), Time::default());
        let mut tries = 0;
        let day = now + Duration::from_secs(24 * 3600);
        while now < day {
            now = backoff.denied(now);
            tries += 1;
        }
        assert!((24..40).contains(&tries), "{tries} logins a day");
        assert_eq!(backoff.not_before(Time::default()), now);
        assert!(backoff.granted() && !backoff.granted());
        assert_eq!(backoff.not_before(Time::default()), Time::default());
        assert_eq!(backoff.denied(now), now + FIRST);
        assert_eq!(backoff.unreachable(now), now + FIRST, "not longer for that");
        backoff.end_pause();
        assert!(backoff.is_active());
        assert_eq!(backoff.not_before(now), now);
        let until = backoff.denied(now);
        backoff.clock_was_set(now);
        assert_eq!(backoff.not_before(now), until);
        let back = now - Duration::from_secs(7200);
        backoff.clock_was_set(back);
        assert_eq!(backoff.not_before(back), back + LONGEST);
    }
}
