//! What the watch of silence is told from outside: the configuration, the hushes, the clock's zone.

use std::time::Duration;

use bstr::{BStr, BString};
use chrono::{FixedOffset, TimeDelta};

use crate::clock::Time;
use crate::schedule::CronSpec;

/// How a host or a file is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// By what it did in the last four weeks (`set silence QUEUE`).
    Learnt,
    /// By a fixed time (`set silence QUEUE PATTERN DURATION`).
    Fixed(Duration),
    /// Not at all.
    Off,
}

/// A time in which silences of a host are planned, by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hush {
    /// The host, or the path of a file.
    pub host: BString,
    /// When it begins.
    pub from: Time,
    /// When it ends.
    pub until: Time,
    /// The reason.
    pub why: BString,
}

impl Hush {
    /// The end of the hush, if it is one of this name and covers some of the time between two instants.
    pub fn covers(&self, name: &BStr, from: Time, to: Time) -> Option<Time> {
        let covers = self.host == name && self.from <= to && self.until > from;
        covers.then_some(self.until)
    }
}

/// What is known of a site besides its lines.
pub trait Site {
    /// How the host or file of this name is watched.
    fn mode(&self, name: &BStr) -> Mode;

    /// The end of the last hush of this name that covers some of the time between two instants.
    fn hushed(&self, name: &BStr, from: Time, to: Time) -> Option<Time>;

    /// Whether a source of lines is known not to be read.
    fn blind(&self, source: &BStr) -> bool;

    /// Whether another console tells the silence of a host that it heard too; the last line of the host came at
    /// `last`.
    fn told_elsewhere(&self, _name: &BStr, _last: Time) -> bool {
        false
    }

    /// Whether there are other consoles that hear hosts too.
    fn has_consoles(&self) -> bool {
        false
    }

    /// How long the word of another console may be on its way.
    fn way(&self) -> TimeDelta {
        TimeDelta::zero()
    }

    /// Whether a scheduled report tells of hosts that fall silent again and again.
    fn digest(&self) -> bool;

    /// Whether lines about this name are read at once; about no name, those that are of many hosts.
    fn at_once(&self, name: Option<&BStr>) -> bool;

    /// The first minute after an instant that a schedule names.
    fn next(&self, schedule: &CronSpec, after: Time) -> Option<Time>;

    /// How far local time is from UTC at an instant.
    fn offset(&self, at: Time) -> FixedOffset;
}
