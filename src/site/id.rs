//! The names of things on the board: consoles, shares, and the number of the board itself.

use std::fmt;

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// The form of the shares that this program writes and reads. A program that has another one leaves them alone.
const FORM: &str = "1";

/// The times that a report may have, s since the epoch: from 1970 up to the year 3000. What others write on the board
/// is not believed more: sums and calendars end somewhere.
const SLOTS: std::ops::Range<i64> = 0..32_503_680_000;

/// A console as its state knows itself: a console whose state is lost has another run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ConsoleId {
    /// The name (`set site_console`).
    pub name: String,
    /// A random number that is made with the state.
    pub run: u64,
}

impl fmt::Display for ConsoleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:x}", self.name, self.run)
    }
}

impl ConsoleId {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, run) = text.split_once('/')?;
        Some(Self {
            name: name.to_owned(),
            run: u64::from_str_radix(run, 16).ok()?,
        })
    }
}

/// The random number of a board: a board that was wiped has another one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct BoardNumber(pub u64);

impl fmt::Display for BoardNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The name of a share, which no other share ever has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ShareId {
    /// The queue.
    pub queue: String,
    /// The time of the report, s since the epoch: the minute of the schedule.
    pub slot: i64,
    /// The console whose counts it has.
    pub owner: ConsoleId,
    /// Its number among the shares of that console, from 1.
    pub number: u64,
}

/// The name on the board.
impl fmt::Display for ShareId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            queue,
            slot,
            owner,
            number,
        } = self;
        write!(f, "{FORM}/{owner}/{number}/{slot}/{queue}")
    }
}

impl ShareId {
    /// Reads a name of the board; nothing if it is no share of a form that this program knows.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(6, '/');
        if parts.next()? != FORM {
            return None;
        }
        let (console, run) = (parts.next()?, parts.next()?);
        let id = Self {
            owner: ConsoleId {
                name: console.to_owned(),
                run: u64::from_str_radix(run, 16).ok()?,
            },
            number: parts.next()?.parse().ok()?,
            slot: parts.next()?.parse().ok()?,
            queue: parts.next()?.to_owned(),
        };
        // By another spelling it would not be found again.
        (SLOTS.contains(&id.slot) && id.to_string() == name).then_some(id)
    }
}

/// Whether a time that stands on the board may be the time of a report.
pub(super) fn is_sane(time: Time) -> bool {
    SLOTS.contains(&time.timestamp())
}

/// The time of a slot.
pub(super) fn time_of(slot: i64) -> Time {
    DateTime::from_timestamp(slot, 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let id = ShareId {
            queue: "a/b c".into(),
            slot: 60,
            owner: ConsoleId {
                name: "b.example".into(),
                run: u64::MAX,
            },
            number: 7,
        };
        assert_eq!(ShareId::parse(&id.to_string()), Some(id.clone()));
        let owner = id.owner.to_string();
        assert_eq!(ConsoleId::parse(&owner), Some(id.owner));
        for other in [
            "",
            "2/b/1/1/1/q",
            "1/b/x/1/1/q",
            "1/b/1/1/1",
            "1/b/1/-1/1/q",
            "1/b/1/1/-60/q",
            "1/b/1/1/32503680000/q",
            "1/b/1/1/8210266876799/q",
            "1/b/1/1/9223372036854775807/q",
            "1/b/1/1/060/q",
            "1/b/0A/1/60/q",
        ] {
            assert_eq!(ShareId::parse(other), None, "{other}");
        }
    }
}
