//! A round, as it begins and as it ends.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::TimeDelta;

use super::board::Fault;
use super::id::{BoardNumber, ConsoleId, ShareId, time_of};
use super::merge::{Doubt, Merged};
use super::record::{Lesson, Record};
use super::saved::SavedSite;
use crate::clock::Time;

/// What a console means to do on its visit: what it has committed, and what it saw last.
#[derive(Clone, Debug)]
pub struct Round {
    pub(super) now: Time,
    pub(super) wait: Duration,
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
    /// The consoles that are to be forgotten, each with the number of its last word.
    pub(super) forgotten: BTreeMap<String, u64>,
    /// The own shares whose reporter said so `set site_giveup` ago, and does not have them.
    pub(super) claimed_long: BTreeSet<u64>,
    /// The shares that were on the board without a reporter for long.
    pub(super) stale: BTreeSet<ShareId>,
    /// Up to this time nothing was to be handed in, s since the epoch. It need not be kept.
    pub(super) idle: i64,
    /// What we said last on which board, if that is not long ago.
    pub(super) said: Option<(BoardNumber, Record)>,
    /// When the board of the round before was seen first, if that was in this run.
    pub(super) board_since: Option<Time>,
    /// The board that has our lessons up to this number.
    pub(super) lessons_at: (Option<BoardNumber>, u64),
}

/// Which console said that it reports each share.
pub(super) type Claims = BTreeMap<ShareId, Vec<u8>>;

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
    /// The number of the word that stood on the board as ours before we said another one.
    pub own_word: Option<u64>,
    /// The words of the other consoles.
    pub records: BTreeMap<String, Record>,
    /// The own shares that a reporter has.
    pub let_go: Vec<u64>,
    /// The own shares whose reporter is gone, and which it is.
    pub rehand: Vec<(u64, Doubt)>,
    /// The own shares that another console reports, and does not have yet.
    pub claimed: Vec<u64>,
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
    /// What we said on which board.
    pub said: Option<(BoardNumber, Record)>,
    /// Whether we lead.
    pub leads: bool,
    /// What is on the board and cannot be read.
    pub unreadable: Vec<String>,
}

/// How long the words of the other consoles are waited for on a board that is new: it knows nothing of what was
/// reported, nor of who has handed in.
const NEW_BOARD: TimeDelta = TimeDelta::seconds(45);

/// After this time nothing that was written on the board comes late any more.
pub(super) const LATE: TimeDelta = TimeDelta::days(1);

/// When shares of a slot are not waited for any more.
pub(super) fn end_of_wait(slot: i64, wait: Duration, board_since: Option<Time>) -> Time {
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::days(1));
    let end = time_of(slot).checked_add_signed(wait);
    let end = end.unwrap_or(Time::MAX_UTC);
    board_since.map_or(end, |since| end.max(since + wait.min(NEW_BOARD)))
}

/// Whether a time is further in the future than clocks differ: the console that handed in had a clock that was ahead,
/// and nobody else has that time by then. The clock of this console may be behind by an hour.
pub(super) fn is_ahead(slot: i64, now: Time, wait: Duration) -> bool {
    let most = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).max(3600);
    slot > now.timestamp().saturating_add(most)
}

impl Round {
    /// When this board was seen first, if that was in this run.
    pub(super) fn since_board(&self, number: BoardNumber) -> Option<Time> {
        match self.saved.board == Some(number) {
            true => self.board_since,
            false => Some(self.now),
        }
    }

    /// Whether a time is further in the future than clocks differ.
    pub(super) fn is_ahead(&self, slot: i64) -> bool {
        is_ahead(slot, self.now, self.wait)
    }

    /// When shares of a slot are not waited for any more.
    pub(super) fn end_of_wait(&self, slot: i64, board_since: Option<Time>) -> Time {
        end_of_wait(slot, self.wait, board_since)
    }
}
