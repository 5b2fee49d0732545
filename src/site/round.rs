//! A round, as it begins and as it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::board::Fault;
use super::id::{BoardNumber, ConsoleId, ShareId};
use super::merge::{Doubt, Merged};
use super::record::{Lesson, Record};
use super::saved::SavedSite;
use crate::clock::Time;

/// What a console means to do on its visit: what it has committed, and what it saw last.
#[derive(Clone, Debug)]
pub struct Round {
    pub(super) now: Time,
    pub(super) wait: Duration,
    pub(super) giveup: Duration,
    pub(super) mirror: bool,
    /// A number for a board without one.
    pub(super) fresh: BoardNumber,
    /// The state as it is committed.
    pub(super) saved: SavedSite,
    /// Our next word, as it is if all our shares are on the board.
    pub(super) record: Record,
    /// The other consoles that are not waited for any more.
    pub(super) given_up: BTreeSet<String>,
    /// When each other console was last heard of.
    pub(super) since: BTreeMap<String, Time>,
    /// The shares that were on the board without a reporter for long.
    pub(super) stale: BTreeSet<ShareId>,
    /// The board that has our lessons up to this number.
    pub(super) lessons_at: (Option<BoardNumber>, u64),
}

/// What came of a round.
#[derive(Debug)]
pub struct Answer(pub(super) Result<Visit, Fault>);

impl Answer {
    /// No answer came for long: the board hangs. The round may still go on, so no other one may begin before it is
    /// over, and what it finds then is left for the next one to find.
    pub fn missing() -> Self {
        Self(Err(Fault("it hangs".into())))
    }
}

/// What a console saw and did on the board.
#[derive(Debug, Default)]
pub(super) struct Visit {
    pub number: Option<BoardNumber>,
    /// Whether nothing but the number was asked for.
    pub brief: bool,
    /// The own shares that are to be noted as put.
    pub put: Vec<(u64, Vec<Doubt>)>,
    /// Whether the board has our list of what we took.
    pub published: bool,
    /// The words of the other consoles.
    pub records: BTreeMap<String, Record>,
    /// The own shares that a reporter has.
    pub let_go: Vec<u64>,
    /// The own shares whose reporter is gone, and which it is.
    pub rehand: Vec<(u64, Doubt)>,
    /// The shares whose claims are off the board.
    pub swept: Vec<ShareId>,
    /// The shares of which the board knows that we have them.
    pub done: Vec<ShareId>,
    /// What is to be reported by us.
    pub merged: Vec<Merged>,
    /// The shares that have no reporter.
    pub waiting: Vec<ShareId>,
    /// The lessons of other consoles, and how far each is read.
    pub lessons: Vec<Lesson>,
    pub learnt: Vec<(ConsoleId, u64)>,
    /// The number of our last lesson on the board.
    pub taught: u64,
    /// Whether we lead.
    pub leads: bool,
    /// What is on the board and cannot be read.
    pub unreadable: Vec<String>,
}
