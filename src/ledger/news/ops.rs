//! The operations by which news change, and their list for a commit.

use serde::{Deserialize, Serialize};

use super::hosts::KnownHost;
use super::kinds::{Kind, Pair};
use crate::ledger::Day;

/// What is known of the whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct About {
    /// The key of the hashes by which kinds are known; zeros until the first line.
    pub key: [u64; 2],
    /// The day of the first line.
    pub began: Day,
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
    /// So many kinds are kept.
    KeepKinds(usize),
    /// So many kinds of hosts are kept.
    KeepPairs(usize),
    /// So many hosts are kept.
    KeepHosts(usize),
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
