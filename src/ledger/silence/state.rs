//! Where a watch stands between two silences.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// Where a watch stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) enum State {
    /// Lines come.
    #[default]
    Heard,
    /// None come, and that was told.
    Silent(Silent),
    /// Lines come again, too few so far to tell it.
    Returning(Silent, Return),
}

/// A silence that was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Silent {
    /// When it began.
    pub since: Time,
    /// When it was told.
    pub at: Time,
    /// How it was told.
    pub told: Told,
}

impl Silent {
    /// When the host is forgotten.
    pub(super) fn forgotten(&self) -> Time {
        self.at + TimeDelta::days(7)
    }
}

/// How a silence was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// By a line of its own.
    Alone,
    /// With the other silences of a host that falls silent again and again.
    Often,
    /// With other hosts that fell silent at the same time.
    Together,
}

/// The first lines after a silence.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Return {
    /// When the first line came.
    pub at: Time,
    /// The quarter hours with lines since.
    pub quarters: u8,
}

/// A silence that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Past {
    /// When it began.
    pub since: Time,
    /// When it ended.
    pub back: Time,
}

/// The silences of a host that falls silent again and again, since the report that told of them last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Flaps {
    /// When the first of them began.
    pub since: Time,
    /// Their number.
    pub times: u32,
    /// The shortest that is over, seconds.
    pub shortest: u32,
    /// The longest that is over, seconds.
    pub longest: u32,
}

impl Flaps {
    /// A silence that is followed by a second one within a day.
    pub(super) fn new(first: Past) -> Self {
        let seconds = seconds(first);
        Self {
            since: first.since,
            times: 1,
            shortest: seconds,
            longest: seconds,
        }
    }

    /// Takes a silence in that is over.
    pub(super) fn end(&mut self, past: Past) {
        let seconds = seconds(past);
        self.shortest = self.shortest.min(seconds);
        self.longest = self.longest.max(seconds);
    }
}

fn seconds(past: Past) -> u32 {
    u32::try_from((past.back - past.since).num_seconds()).unwrap_or_default()
}
