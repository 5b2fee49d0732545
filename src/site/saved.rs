//! What a console keeps of its site in its state. All that changes is changed by an [`Op`], and a commit writes the
//! operations since the one before: what it costs is what changed, however much is held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::id::{BoardNumber, ConsoleId, ShareId, time_of};
use super::merge::Doubt;
use super::record::Lesson;
use crate::clock::Time;

/// The numbers of boards that are remembered after they were left.
const MOST_LEFT: usize = 64;
/// The lessons that are kept for others to read.
pub(super) const LESSONS: u64 = 32;

/// The part of the state that belongs to the site.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SavedSite {
    /// The name of the site.
    pub(super) site: String,
    /// This console.
    pub(super) me: ConsoleId,
    /// The number of the last share that was made.
    pub(super) last: u64,
    /// The board of the last round.
    pub(super) board: Option<BoardNumber>,
    /// The boards before it.
    pub(super) left: Vec<BoardNumber>,
    /// The board that has our list of what we took.
    pub(super) published: Option<BoardNumber>,
    /// All slots up to this time are handed in or were empty, s since the epoch.
    pub(super) handed: i64,
    /// The own shares that no reporter is known to have, by their numbers.
    pub(super) shares: BTreeMap<u64, OwnShare>,
    /// The shares that stand in our letters and of which their owners may not know it.
    pub(super) taken: BTreeMap<ShareId, Todo>,
    /// The own shares that were let go, and when, s since the epoch: their claims are still on the board.
    pub(super) gone: Vec<(ShareId, i64)>,
    /// The other consoles.
    pub(super) members: BTreeMap<String, Known>,
    /// The last time of which we made a report, of each queue.
    pub(super) reported: BTreeMap<String, i64>,
    /// The lessons for the others, by their numbers.
    pub(super) lessons: BTreeMap<u64, Lesson>,
    /// The number of the last lesson.
    pub(super) taught: u64,
    /// The number of the last lesson that was read, of each console.
    pub(super) learnt: BTreeMap<ConsoleId, u64>,
}

/// A share of this console.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct OwnShare {
    pub id: ShareId,
    pub packed: Arc<BString>,
    pub handed_in: Time,
    /// The board on which it may be, from before it is written there.
    pub put: Option<BoardNumber>,
    /// Where else its counts may stand.
    pub doubts: Vec<Doubt>,
}

/// What is still to be written of a share that we took.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Todo {
    /// Nothing.
    Nothing,
    /// That we have the share.
    Done,
    /// That nobody else may take the share, and that we have it: it was mailed while the board was away.
    ClaimAndDone,
}

/// Another console, as far as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub run: u64,
    /// When it was last heard of, by our clock.
    pub since: Time,
    /// For how long it has said nothing while we looked, s.
    pub silent: u64,
    /// When its state was lost, if it was.
    pub lost: Option<Time>,
}

/// A change of the state of the site.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(super) enum Op {
    /// Another site or console: nothing of the one before is known to the board.
    Begin { site: String, me: ConsoleId },
    /// A share of ours is made.
    HandIn(Box<OwnShare>),
    /// All slots up to this time are handed in or empty.
    Passed(i64),
    /// The board has this number.
    Board(BoardNumber),
    /// The board of this number has our list.
    Published(BoardNumber),
    /// The shares of these numbers may be on this board from now on, with these doubts besides.
    Put(Vec<(u64, Vec<Doubt>)>, BoardNumber),
    /// A reporter has the shares of these numbers.
    LetGo(Vec<u64>, i64),
    /// A share goes under another name.
    Rehand(u64, Box<OwnShare>, i64),
    /// These shares stand in a letter.
    Reported(Vec<(ShareId, Todo)>, i64),
    /// The last report of a queue.
    Told(String, i64),
    /// The board knows that we have these shares.
    Done(Vec<ShareId>),
    /// The owners of these shares have let go of them, or are known no more: they need not be remembered.
    Pruned(Vec<ShareId>),
    /// The claims of these shares are off the board.
    Swept(Vec<ShareId>),
    /// Another console is known, or no longer.
    Member(String, Option<Known>),
    /// A lesson for the others.
    Teach(Lesson),
    /// The last lesson of another console that was read.
    Learnt(ConsoleId, u64),
    /// The clock was set back to this time.
    SetBack(i64),
}

/// What changed in the part of the site since the last commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SiteChange(pub(super) Vec<Op>);

impl SavedSite {
    /// Makes the changes of a commit.
    pub fn apply(&mut self, change: SiteChange) {
        for op in change.0 {
            self.perform(op);
        }
    }

    /// The number of shares that no reporter is known to have.
    pub fn waiting(&self) -> usize {
        self.shares.len()
    }

    pub(super) fn perform(&mut self, op: Op) {
        match op {
            Op::Begin { site, me } => self.begin(site, me),
            Op::HandIn(share) => self.add(*share),
            Op::Passed(slot) => self.handed = self.handed.max(slot),
            Op::Board(number) => {
                self.left.extend(self.board.replace(number));
                let over = self.left.len().saturating_sub(MOST_LEFT);
                self.left.drain(..over);
            }
            Op::Published(number) => self.published = Some(number),
            Op::Put(numbers, board) => self.put(numbers, board),
            Op::LetGo(numbers, now) => {
                for number in numbers {
                    self.let_go(number, now);
                }
            }
            Op::Rehand(old, new, now) => {
                self.let_go(old, now);
                self.add(*new);
            }
            Op::Reported(ids, now) => self.reported(ids, now),
            Op::Told(queue, slot) => {
                let last = self.reported.entry(queue).or_insert(slot);
                *last = slot.max(*last);
            }
            Op::Done(ids) => self.done(ids),
            Op::Pruned(ids) => {
                for id in ids {
                    self.taken.remove(&id);
                }
            }
            Op::Swept(ids) => {
                let ids: BTreeSet<ShareId> = ids.into_iter().collect();
                self.gone.retain(|(id, _)| !ids.contains(id));
            }
            Op::Member(name, known) => match known {
                Some(known) => {
                    self.members.insert(name, known);
                }
                None => {
                    self.members.remove(&name);
                    self.learnt.retain(|console, _| console.name != name);
                }
            },
            Op::Teach(lesson) => {
                self.taught += 1;
                self.lessons.insert(self.taught, lesson);
                let first = self.taught.saturating_sub(LESSONS - 1);
                self.lessons.retain(|number, _| *number >= first);
            }
            Op::Learnt(console, number) => {
                self.learnt.insert(console, number);
            }
            Op::SetBack(now) => self.set_back(now),
        }
    }

    /// Nothing was handed in, nor reported, at a time that is still to come: shares of that time may still be made.
    fn set_back(&mut self, now: i64) {
        self.handed = self.handed.min(now);
        self.reported.retain(|_, last| *last <= now);
        let at = time_of(now);
        for share in self.shares.values_mut() {
            share.handed_in = share.handed_in.min(at);
        }
    }

    fn put(&mut self, numbers: Vec<(u64, Vec<Doubt>)>, board: BoardNumber) {
        for (number, doubts) in numbers {
            if let Some(share) = self.shares.get_mut(&number) {
                share.put = Some(board);
                add_doubts(&mut share.doubts, doubts);
            }
        }
    }

    fn done(&mut self, ids: Vec<ShareId>) {
        for id in ids {
            if id.owner == self.me {
                // Its owner knows.
                self.taken.remove(&id);
            } else if let Some(todo) = self.taken.get_mut(&id) {
                *todo = Todo::Nothing;
            }
        }
    }

    /// Shares that were never put are handed in by the new console; what was put stays under its old name, for the
    /// member to mail alone.
    fn begin(&mut self, site: String, me: ConsoleId) {
        let shares = std::mem::take(&mut self.shares);
        let (last, handed) = (self.last, self.handed);
        *self = Self {
            site,
            me,
            last,
            handed,
            ..Self::default()
        };
        for (number, mut share) in shares {
            if share.put.is_none() {
                share.id.owner = self.me.clone();
            }
            self.shares.insert(number, share);
        }
    }

    fn add(&mut self, share: OwnShare) {
        self.last = self.last.max(share.id.number);
        self.shares.insert(share.id.number, share);
    }

    fn let_go(&mut self, number: u64, now: i64) {
        if let Some(share) = self.shares.remove(&number) {
            self.gone.push((share.id, now));
        }
    }

    fn reported(&mut self, ids: Vec<(ShareId, Todo)>, now: i64) {
        for (id, todo) in ids {
            let own = self
                .shares
                .get(&id.number)
                .is_some_and(|share| share.id == id);
            if own {
                self.let_go(id.number, now);
            }
            if todo != Todo::Nothing {
                self.taken.insert(id, todo);
            }
        }
    }

    /// The share with this number is the first that may still be put; all before are let go.
    pub(super) fn open_from(&self) -> u64 {
        let first = self.shares.keys().next().copied();
        first.unwrap_or(self.last + 1)
    }
}

pub(super) fn add_doubts(doubts: &mut Vec<Doubt>, more: Vec<Doubt>) {
    for doubt in more {
        if !doubts.contains(&doubt) {
            doubts.push(doubt);
        }
    }
}
