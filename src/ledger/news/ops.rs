//! The operations by which news change, and their list for a commit.

use serde::{Deserialize, Serialize};

use super::hosts::KnownHost;
use super::kinds::{Kind, Pair};
use super::rules::RuleRecord;
use super::waiting::{Item, Told};
use crate::ledger::Day;

/// What is known of the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The key of the hashes by which kinds are known; zeros until the first line.
    pub key: [u64; 2],
    /// The day of the first line.
    pub began: Day,
    /// Whether old logs were learnt: no day is needed for that.
    pub learnt: bool,
    /// Whether a report said when news begin.
    pub announced: bool,
    /// The last day on which it was looked for what is to be forgotten.
    pub tidied: Day,
}

/// An operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// What is known of the whole is this.
    About(About),
    /// A kind is new, or known better.
    Kind(Kind),
    /// A kind of a host is new, or known better.
    Pair(Pair),
    /// The host of this number is this one.
    Host(u16, KnownHost),
    /// What was not seen since this day is forgotten.
    ForgetBefore(Day),
    /// This number of kinds is kept; the kinds least recently seen are forgotten.
    KeepKinds(usize),
    /// This number of kinds of hosts is kept; the pairs least recently seen are forgotten.
    KeepPairs(usize),
    /// This number of hosts is kept; the hosts least recently seen are forgotten.
    KeepHosts(usize),
    /// What is known of the rule of this hash is this.
    Rule(u64, Box<RuleRecord>),
    /// The rules of these hashes are not in the configuration any more.
    ForgetRules(Vec<u64>),
    /// The next report of a queue has something more to tell.
    Wait(String, Wait),
    /// The report of a queue was made: it told this.
    Report(String, Vec<Told>),
}

/// Something more for the next report of a queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Wait {
    /// An item.
    Item(Box<Item>),
    /// The line of this number belongs to the item of this place.
    Line(u32, u32),
    /// The new host of this place has one more kind.
    HostKind(u32),
    /// There is one more item than are kept.
    More,
    /// One more kind was taken over.
    TakenOver,
}

/// The operations since the last commit.
#[derive(Clone, Debug)]
pub struct Log {
    /// Whether no commit holds what was before them, or there are too many: all is written whole.
    pub whole: bool,
    pub ops: Vec<Op>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            whole: true,
            ops: Vec::new(),
        }
    }
}

/// What is equal does not depend on what is committed of it.
impl PartialEq for Log {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Operations between two commits, at most: more cost more than the whole.
pub const MOST: usize = 1 << 17;
