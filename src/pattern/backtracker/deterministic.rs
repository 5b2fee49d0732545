//! The walk along a pattern as long as there is one way to go on: without a stack of choices.

use super::cursor::Cursor;
use super::groups::{Groups, NoCaptures};
use super::literal::begins_with;
use super::program::{Act, Op, Position, Run, Ways};
use crate::pattern::budget::StepBudget;

/// What ended a walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The end of the pattern.
    Match,
    /// A step that cannot be taken.
    Fail,
    /// A step that can be taken in several ways, or a spent budget.
    Choice,
}

/// Where and why a walk ended.
pub(super) struct Reached {
    /// What ended the walk.
    pub outcome: Outcome,
    /// Position reached, not yet charged to the step budget.
    pub start: Position,
    /// The other way of the choice that was kept in mind, if it was not taken yet.
    pub other: Option<Position>,
}

/// Takes steps from `start` on. Without captures, one choice is kept in mind: as a rule it is the only one,
/// and its first way fails soon.
#[allow(
    clippy::too_many_lines,
    reason = "a flat match over the steps: calls cost a tenth of the speed"
)]
#[inline(always)]
pub(super) fn walk<G: Groups>(
    ops: &[Op],
    subject: &[u8],
    start: Position,
    groups: &mut G,
    budget: &mut StepBudget,
) -> Reached {
    let (mut cursor, mut step) = (Cursor::new(subject, start.at), start.step);
    let mut other = None;
    let outcome = loop {
        let Some(op) = ops.get(step) else {
            break Outcome::Match;
        };
        let mut next = op.next;
        let taken = match &op.act {
            Act::Short(word, length) if word.may_be(cursor.next_eight()) => {
                Ok(usize::from(*length))
            }
            Act::RunOne(run) => run.taken(run.class.run_one(cursor, run.max as usize)),
            Act::RunFew(run) => run.taken(run.class.run_few(cursor, run.max as usize)),
            Act::Fork(fork) => match fork.open(cursor, budget) {
                Ways::BOTH if G::NEXT == NoCaptures::NEXT && other.is_none() => {
                    let [one, two] = fork.ways.map(|way| usize::from(way[G::NEXT]));
                    other = Some(Position {
                        step: two,
                        at: cursor.at(),
                    });
                    step = one;
                    continue;
                }
                Ways::BOTH => break Outcome::Choice,
                Ways::NEITHER => Err(0),
                open => {
                    next = fork.way(open);
                    Ok(0)
                }
            },
            &Act::Open(group) => {
                groups.open(group, cursor.at());
                Ok(0)
            }
            &Act::Close(group) => {
                groups.close(group, cursor.at());
                Ok(0)
            }
            Act::Medium(medium) => medium.taken(cursor.rest),
            Act::Long(bytes) if begins_with(cursor.rest, bytes) => Ok(bytes.len()),
            Act::AtEnd if cursor.rest.is_empty() => Ok(0),
            Act::Rest(min) if cursor.rest.len() >= *min => Ok(cursor.rest.len()),
            Act::Chain(chain) => match chain.end(subject, cursor.at(), groups, budget) {
                Some(end) => {
                    cursor = Cursor::new(subject, end);
                    break Outcome::Match;
                }
                None => Err(cursor.rest.len()),
            },
            Act::One(class) if cursor.rest.first().is_some_and(|&b| class.contains(b)) => Ok(1),
            Act::Repeat(_) => break Outcome::Choice,
            Act::Run(run) => run.taken(run.class.run_any(cursor.rest, run.max as usize)),
            Act::Until(run) => run.until(cursor),
            Act::AtStart if cursor.at() == 0 => Ok(0),
            Act::Nothing => Ok(0),
            _ => Err(0),
        };
        match cursor.advance(taken) {
            Ok(rest) => cursor.rest = rest,
            Err(read) => {
                cursor.rest = read;
                if G::NEXT == NoCaptures::NEXT
                    && let Some(start) = other.take()
                {
                    budget.pay_for(cursor.at() - start.at);
                    if budget.unspent().is_some() {
                        (cursor, step) = (Cursor::new(subject, start.at), start.step);
                        continue;
                    }
                    // The caller finds that the budget is spent.
                    break Outcome::Choice;
                }
                break Outcome::Fail;
            }
        }
        step = usize::from(next[G::NEXT]);
    };
    let at = cursor.at();
    let start = Position { step, at };
    Reached {
        outcome,
        start,
        other,
    }
}

impl Run {
    /// Number of bytes that the run takes (`Ok`) of `length` that it can, or that it read in vain (`Err`).
    #[inline(always)]
    fn taken(&self, length: usize) -> Result<usize, usize> {
        if length < usize::from(self.min) {
            return Err(length);
        }
        Ok(length - usize::from(self.back))
    }

    /// Number of bytes that the run takes (`Ok`) where the subject ends `back` bytes behind it, or that it
    /// read in vain (`Err`).
    fn until(&self, cursor: Cursor<'_>) -> Result<usize, usize> {
        let length = cursor.rest.len().checked_sub(usize::from(self.back));
        let length = length.filter(|&length| length >= usize::from(self.min));
        let length = length.ok_or(0_usize)?;
        let taken = self.class.run(cursor.whole, cursor.at(), length);
        if taken < length {
            Err(taken)
        } else {
            Ok(length)
        }
    }
}
