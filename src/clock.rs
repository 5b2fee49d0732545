//! The time, injected: nothing but [`SystemClock`] asks the machine for it, so a test steps time
//! where a user would have to wait.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// An instant on the wall clock.
pub type Time = DateTime<Utc>;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The present instant.
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

/// A clock that stands still until it is moved: for tests, and for replays of saved logs.
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
