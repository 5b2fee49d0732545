//! The service manager's watchdog (`WatchdogSec=`), which kills a daemon that gives no sign of life in time.
//!
//! The manager measures by a clock that nobody sets, and so do the pings: by the wall clock, an hour set back would be
//! an hour without a ping.

use std::time::{Duration, Instant};

/// The pings of a run.
#[derive(Debug)]
pub(super) struct Watchdog {
    /// The interval in which the service manager wants a sign of life, if it wants any.
    interval: Option<Duration>,
    /// When the next ping is due.
    next: Instant,
}

impl Watchdog {
    /// The pings of a run that begins `now`; the first is due at once.
    pub(super) fn new(interval: Option<Duration>, now: Instant) -> Self {
        Self {
            interval,
            next: now,
        }
    }

    /// Whether a ping is due, which counts as made then.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let Some(interval) = self.interval.filter(|_| now >= self.next) else {
            return false;
        };
        self.next = now + interval / 2;
        true
    }

    /// The time until the next ping is due; nothing if none is wanted.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.interval?;
        Some(self.next.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_made_twice_in_each_interval() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut watchdog = Watchdog::new(Some(Duration::from_secs(60)), begun);
        assert_eq!(watchdog.wait(begun), Some(Duration::ZERO));
        let pings: Vec<u64> = (0..100).filter(|s| watchdog.is_due(at(*s))).collect();
        assert_eq!(pings, [0, 30, 60, 90]);
        assert_eq!(watchdog.wait(at(99)), Some(Duration::from_secs(21)));
        let mut none = Watchdog::new(None, begun);
        assert!(!none.is_due(at(99)) && none.wait(at(99)).is_none());
    }
}
