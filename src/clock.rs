//! The clock: only [`SystemClock`] asks the machine for the time, so a test steps time where a user would
//! have to wait.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// An instant on the wall clock.
pub type Time = DateTime<Utc>;

/// A clock that is set back by no more than this is set a little more exactly, as a time server does each day: what was
/// done by it stays done.
pub const EXACT: TimeDelta = TimeDelta::minutes(1);
/// After a longer step forward the clock may be wrong, as on a machine that starts without the right time: nothing is
/// forgotten by the first look at it.
pub const LEAP: TimeDelta = TimeDelta::days(60);

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

/// A length of time as people write it: a number with `s` for seconds, `m` for minutes, `h` for hours, `d` for
/// days.
pub fn duration(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    let digits = Some(digits).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let seconds = digits.parse::<u64>().ok()?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds))
}
