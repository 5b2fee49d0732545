//! An attempt to match where there are choices: ways are tried in Perl's order, with a stack of those to
//! come back to.

use memchr::memmem::Finder;

use super::deterministic::{Outcome, Reached, walk};
use super::groups::{Captures, Groups, NoCaptures};
use super::program::{Act, Op, Position};
use super::steps::{Next, Repeat};
use crate::pattern::budget::StepBudget;
use crate::pattern::matches::Span;

/// A choice to come back to.
#[derive(Clone, Copy)]
pub(super) enum Choice {
    /// Go on at this position.
    Branch(Position),
    /// A repeat may end anywhere from `low` to `high`.
    Shorter {
        step: usize,
        low: usize,
        high: usize,
    },
    /// A lazy repeat may end anywhere from `low` to `high`.
    Longer {
        step: usize,
        low: usize,
        high: usize,
    },
    /// Set a group to what it was before.
    Group { group: u32, span: Span },
}

/// The stack of choices.
pub(super) type Choices = Vec<Choice>;

/// An attempt under way.
pub(super) struct Attempt<'a> {
    pub ops: &'a [Op],
    pub subject: &'a [u8],
    pub choices: &'a mut Choices,
    /// The groups, if they are asked for.
    pub spans: Option<&'a mut [Span]>,
    pub budget: StepBudget,
}

/// Notes the groups, and what they were before as a choice to come back to.
struct UndoableCaptures<'a> {
    now: Captures<'a>,
    choices: &'a mut Choices,
}

impl UndoableCaptures<'_> {
    /// Notes on the stack what a group is now.
    fn keep(&mut self, group: usize) {
        if !self.choices.is_empty()
            && let Some(&span) = self.now.0.get(group)
            && let Ok(group) = u32::try_from(group)
        {
            self.choices.push(Choice::Group { group, span });
        }
    }
}

impl Groups for UndoableCaptures<'_> {
    const NEXT: usize = Captures::NEXT;

    fn open(&mut self, group: usize, at: usize) {
        self.keep(group);
        self.now.open(group, at);
    }

    fn close(&mut self, group: usize, at: usize) {
        self.keep(group);
        self.now.close(group, at);
    }

    fn spans(&mut self) -> Option<&mut [Span]> {
        self.now.spans()
    }
}

impl Attempt<'_> {
    /// The start of the leftmost match and its end. Outer `None`: the budget is spent. Inner `None`: no
    /// match.
    pub(super) fn search(&mut self, finder: &Finder<'_>) -> Option<(usize, Option<usize>)> {
        let mut from = 0;
        while let Some(at) = self.subject.get(from..).and_then(|rest| finder.find(rest)) {
            let start = from + at;
            self.budget.pay_for(at);
            self.budget.unspent()?;
            self.choices.clear();
            if let Some(end) = self.at(Position { step: 0, at: start })? {
                return Some((start, Some(end)));
            }
            if let Some(spans) = &mut self.spans {
                spans.fill(None);
            }
            from = start + 1;
        }
        Some((from, None))
    }

    /// The end of a match that goes on at `start`, or at a choice on the stack. Outer `None`: the budget is
    /// spent. Inner `None`: no match.
    pub(super) fn at(&mut self, start: Position) -> Option<Option<usize>> {
        let mut start = start;
        loop {
            // The last walk may have ended because it was spent.
            self.budget.unspent()?;
            let Reached {
                outcome,
                start: reached,
                other,
            } = self.walk(start);
            self.budget.pay_for(reached.at.saturating_sub(start.at));
            self.choices.extend(other.map(Choice::Branch));
            let next = match outcome {
                Outcome::Match => return Some(Some(reached.at)),
                Outcome::Fail => None,
                Outcome::Choice => {
                    self.budget.unspent()?;
                    self.choose(reached)
                }
            };
            let Some(next) = next.or_else(|| self.back()) else {
                // No choice is left, or no step to look for one.
                return self.budget.unspent().map(|()| None);
            };
            start = next;
        }
    }

    fn walk(&mut self, start: Position) -> Reached {
        let (ops, subject, budget) = (self.ops, self.subject, &mut self.budget);
        match &mut self.spans {
            None => walk(ops, subject, start, &mut NoCaptures, budget),
            Some(spans) => {
                let mut groups = UndoableCaptures {
                    now: Captures(spans),
                    choices: self.choices,
                };
                walk(ops, subject, start, &mut groups, budget)
            }
        }
    }

    /// The number of the step that comes next.
    fn next(&self, next: [u16; 2]) -> usize {
        usize::from(next[usize::from(self.spans.is_some())])
    }

    /// Takes the first way that a step leaves open, and pushes the others.
    fn choose(&mut self, start: Position) -> Option<Position> {
        let Position { step, at } = start;
        let (ops, subject) = (self.ops, self.subject);
        match &ops.get(step)?.act {
            Act::Repeat(repeat) => {
                let length = repeat.run.length(subject, at);
                self.budget.pay_for(length);
                if length < repeat.run.min as usize {
                    return None;
                }
                let (low, high) = (at + repeat.run.min as usize, at + length);
                match repeat.lazy {
                    true => self.longer(repeat, step, low, high),
                    false => self.shorter(repeat, step, low, high),
                }
            }
            // Both ways are open, or the walk had gone on.
            Act::Fork(fork) => {
                let [one, other] = fork.ways.map(|way| self.next(way));
                self.choices
                    .push(Choice::Branch(Position { step: other, at }));
                Some(Position { step: one, at })
            }
            _ => None,
        }
    }

    /// Ends a repeat at the last place from `low` to `high` where what follows may begin.
    fn shorter(
        &mut self,
        repeat: &Repeat,
        step: usize,
        low: usize,
        high: usize,
    ) -> Option<Position> {
        let end = match &repeat.next {
            Next::Any => high,
            next => {
                let found = next.find(self.subject, (low, high), true, &mut self.budget);
                self.budget.pay_for(high - found.unwrap_or(low));
                found?
            }
        };
        if end > low {
            let high = end - 1;
            self.choices.push(Choice::Shorter { step, low, high });
        }
        self.behind(step, end)
    }

    /// Ends a lazy repeat at the first place from `low` to `high` where what follows may begin.
    fn longer(
        &mut self,
        repeat: &Repeat,
        step: usize,
        low: usize,
        high: usize,
    ) -> Option<Position> {
        let end = match &repeat.next {
            Next::Any | Next::Nothing => low,
            next => {
                let found = next.find(self.subject, (low, high), false, &mut self.budget);
                self.budget.pay_for(found.unwrap_or(high) - low);
                found?
            }
        };
        if end < high {
            let low = end + 1;
            self.choices.push(Choice::Longer { step, low, high });
        }
        self.behind(step, end)
    }

    /// The position behind a step, at byte `at`.
    fn behind(&self, step: usize, at: usize) -> Option<Position> {
        let step = self.next(self.ops.get(step)?.next);
        Some(Position { step, at })
    }

    /// Pops choices up to one that can be taken: the position to go on at.
    fn back(&mut self) -> Option<Position> {
        while let Some(choice) = self.choices.pop() {
            self.budget.unspent()?;
            match choice {
                Choice::Branch(start) => return Some(start),
                Choice::Group { group, span } => {
                    let spans = self.spans.as_deref_mut().unwrap_or_default();
                    if let Some(place) = spans.get_mut(group as usize) {
                        *place = span;
                    }
                }
                Choice::Shorter { step, low, high } | Choice::Longer { step, low, high } => {
                    let Some(Act::Repeat(repeat)) = self.ops.get(step).map(|op| &op.act) else {
                        continue;
                    };
                    let start = match choice {
                        Choice::Shorter { .. } => self.shorter(repeat, step, low, high),
                        _ => self.longer(repeat, step, low, high),
                    };
                    if start.is_some() {
                        return start;
                    }
                }
            }
        }
        None
    }
}
