//! What is told of a rule in a report.

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::ledger::Day;

/// What a report tells of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Note {
    /// The key of the rule.
    pub key: u64,
    /// The length of its periods, days.
    pub unit: u16,
    /// The day on which that was seen.
    pub day: Day,
    /// What was seen.
    pub what: What,
}

/// What was seen of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum What {
    /// It took more lines than usual.
    More {
        /// Their number.
        count: u32,
        /// The most of any period before.
        most: u32,
        /// The host that had most of them, and its number.
        host: Option<(BString, u32)>,
        /// Whether the period was not over.
        so_far: bool,
        /// The counts of the last periods, the oldest first; nothing for one that was not whole.
        before: Vec<Option<u32>>,
    },
    /// It took none.
    Gone {
        /// The number of equal days before.
        days: u8,
        /// The fewest lines on one of them.
        fewest: u32,
        /// The most lines on one of them.
        most: u32,
    },
}
