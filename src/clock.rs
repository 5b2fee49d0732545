//! The clock: only [`SystemClock`] asks the machine for the time, so a test steps time where a user would
//! have to wait.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// An instant on the wall clock.
pub type Time = DateTime<Utc>;

/// A source of the time.
pub trait Clock: Send + Sync {
    /// The current time.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Utc::now()
    }
}

/// A clock that stands still until it is moved, for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<Time>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Time) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock forward by `step`.
    pub fn advance(&self, step: Duration) {
        *self.hand() += step;
    }

    /// Sets the clock to `time`, be it earlier or later.
    pub fn set(&self, time: Time) {
        *self.hand() = time;
    }

    /// The time that the clock shows.
    fn hand(&self) -> std::sync::MutexGuard<'_, Time> {
        // A poisoned clock still shows a time: the value cannot be half written.
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.hand()
    }
}
