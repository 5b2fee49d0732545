//! The clock: only [`SystemClock`] asks the machine for the time, so a test steps time where a user would
//! have to wait.

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
