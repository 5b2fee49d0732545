//! The backtracker: matches most patterns without an engine.
//!
//! Most rules look like `^prog: text (.+) more (?:a|b) (\S+)`: literals, repeated sets, and a few
//! alternatives. Such a pattern is matched from left to right with the choices that Perl makes, in
//! Perl's order; where a literal follows a repeat, its last place is looked for instead of trying
//! each. What would take more than a bounded number of steps is left to the engines, which are linear.

mod attempt;
mod chain;
mod chain_steps;
mod class;
mod compile;
mod cursor;
mod deterministic;
mod groups;
mod literal;
mod program;
mod steps;

use std::cell::RefCell;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::ast::Node;
use super::budget::StepBudget;
use super::matches::{Span, Spans};
use attempt::{Attempt, Choice, Choices};
use cursor::Cursor;
use deterministic::{Outcome, walk};
use groups::{Captures, Groups, NoCaptures};
use program::{Act, Op, Position, Run, Ways};
use steps::Step;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Backtracker {
    /// Whether a match can only begin at the start of the subject.
    anchored: bool,
    /// Whether most subjects fail at their first bytes.
    quick: bool,
    ops: Arc<[Op]>,
    /// Finds the literal that the pattern begins with, where it is not anchored.
    finder: Option<Box<Finder<'static>>>,
    groups: usize,
}

/// The rest of a pattern behind a head that it matches in one way only: it goes on with this step.
#[derive(Clone, Debug)]
pub struct Continuation {
    ops: Arc<[Op]>,
    step: u32,
    groups: u32,
}

impl Continuation {
    /// Whether the rest of the pattern matches from byte `at` of the subject on, which must hold no
    /// newline; `None` if only a match of the whole pattern can tell. With `spans`, the groups are noted
    /// there, but the start of group 0 is not known.
    #[inline(always)]
    pub fn matches(&self, subject: &[u8], at: usize, spans: Option<&mut Spans>) -> Option<bool> {
        match spans {
            Some(spans) => self.program().captures(subject, self.start(at), spans),
            None => self.program().is_match(subject, self.start(at)),
        }
    }

    fn program(&self) -> Program<'_> {
        Program {
            ops: &self.ops,
            finder: None,
            groups: self.groups as usize,
        }
    }

    fn start(&self, at: usize) -> Position {
        Position {
            step: self.step as usize,
            at,
        }
    }
}

thread_local! {
    /// The stack of choices, reused from match to match.
    static CHOICES: RefCell<Choices> = const { RefCell::new(Vec::new()) };
}

impl Backtracker {
    /// Compiles a pattern with this many groups; `None` if it is left to the engines.
    pub(super) fn new(root: &Node, groups: usize) -> Option<Self> {
        let (steps, mut anchored) = compile::steps(root)?;
        let begin = steps.iter().find(|step| !matches!(step, Step::Open(_)));
        let mut finder = None;
        if !anchored {
            match begin {
                Some(Step::Literal(bytes)) => {
                    finder = Some(Box::new(Finder::new(bytes).into_owned()));
                }
                // It takes all that stands before a match: if there is one, there is one at the start.
                Some(Step::Repeat(repeat)) if repeat.run.takes_all() => anchored = true,
                Some(Step::Chain(_)) => anchored = true,
                Some(Step::Run(run)) if run.takes_all() => anchored = true,
                Some(Step::AtStart) | None => anchored = true,
                // Without a literal to jump to, each place would have to be tried.
                Some(_) => return None,
            }
        }
        let begins_anyhow = matches!(begin, Some(Step::Repeat(_) | Step::Chain(_)));
        Some(Self {
            anchored,
            quick: anchored && !begins_anyhow,
            ops: Op::link(steps)?.into(),
            finder,
            groups,
        })
    }

    /// Whether most subjects fail at their first bytes.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Whether the pattern matches; `None` if the engines have to decide. The subject must hold no newline.
    pub(super) fn is_match(&self, subject: &[u8]) -> Option<bool> {
        self.program().is_match(subject, Position::default())
    }

    /// The rest of the pattern in subjects that begin with `head`, if it does not depend on what comes behind the head.
    /// A `1` at `number` stands for any decimal number. With `spans`, no group may begin in the head.
    pub(super) fn continuation(
        &self,
        head: &[u8],
        number: Option<usize>,
        spans: bool,
    ) -> Option<Continuation> {
        if !self.anchored {
            return None;
        }
        // The length of a step that does not touch the number.
        let apart = |at: usize, length: usize| {
            let apart = number.is_none_or(|number| number < at || at + length <= number);
            apart.then_some(length)
        };
        let (mut step, mut at) = (0, 0);
        while at < head.len() {
            let op = self.ops.get(step)?;
            let here = number == Some(at);
            let mut next = op.next;
            let cursor = Cursor::new(head, at);
            at += match &op.act {
                Act::Short(word, length) if word.may_be(cursor.next_eight()) => {
                    apart(at, usize::from(*length))?
                }
                Act::Medium(medium) => {
                    let length = usize::from(medium.length);
                    let same = medium.is(cursor.rest.get(..length)?);
                    apart(at, length).filter(|_| same)?
                }
                Act::Long(bytes) if head[at..].starts_with(bytes) => apart(at, bytes.len())?,
                Act::One(class) if class.contains(head[at]) => apart(at, 1)?,
                Act::RunOne(run) | Act::RunFew(run) | Act::Run(run) => {
                    let length = run_in(run, head, at, here)?;
                    if !here {
                        apart(at, length + usize::from(run.back))?;
                    }
                    length
                }
                Act::Fork(fork) if !here => {
                    let open = fork.open_for(head.get(at));
                    if open == Ways::BOTH || open == Ways::NEITHER {
                        return None;
                    }
                    next = fork.way(open);
                    0
                }
                Act::Nothing => 0,
                Act::Open(_) | Act::Close(_) if !spans => 0,
                _ => return None,
            };
            step = usize::from(next[usize::from(spans)]);
        }
        // A literal may go on behind the head with zeros, for which there is no byte yet.
        if at != head.len() {
            return None;
        }
        Some(Continuation {
            ops: Arc::clone(&self.ops),
            step: u32::try_from(step).ok()?,
            groups: u32::try_from(self.groups).ok()?,
        })
    }

    /// The leftmost match and its groups; `None` if the engines have to decide. The subject must hold no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], spans: &mut Spans) -> Option<bool> {
        self.program().captures(subject, Position::default(), spans)
    }

    fn program(&self) -> Program<'_> {
        Program {
            ops: &self.ops,
            finder: self.finder.as_deref(),
            groups: self.groups,
        }
    }
}

/// A program, borrowed for a match.
#[derive(Clone, Copy)]
struct Program<'a> {
    ops: &'a [Op],
    finder: Option<&'a Finder<'static>>,
    groups: usize,
}

impl Program<'_> {
    #[inline(never)]
    fn is_match(self, subject: &[u8], start: Position) -> Option<bool> {
        self.run(subject, start, &mut NoCaptures, |found| found.is_some())
    }

    #[inline(never)]
    fn captures(self, subject: &[u8], start: Position, spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        spans.0.resize(self.groups + 1, None);
        let found = self.run(subject, start, &mut Captures(&mut spans.0), |found| found);
        match found {
            Some(Some(whole)) => spans.0[0] = Some(whole),
            _ => spans.0.clear(),
        }
        found.map(|found| found.is_some())
    }

    /// Passes the span of the leftmost match to `found`; `None` if the engines have to decide.
    #[inline(always)]
    fn run<T>(
        self,
        subject: &[u8],
        start: Position,
        groups: &mut impl Groups,
        found: impl Fn(Span) -> T,
    ) -> Option<T> {
        let mut budget = StepBudget::for_attempt(subject.len());
        let mut ways = [None; 2];
        // Most subjects leave one way only.
        if self.finder.is_none() {
            let reached = walk(self.ops, subject, start, groups, &mut budget);
            match reached.outcome {
                Outcome::Match => return Some(found(Some((0, reached.start.at)))),
                Outcome::Fail => return Some(found(None)),
                Outcome::Choice => ways = [reached.other, Some(reached.start)],
            }
        }
        let whole = self.choose(subject, ways, groups.spans(), budget)?;
        Some(found(whole))
    }

    /// The span of the leftmost match where there are choices: `start` is where to go on, `other` a choice
    /// to come back to.
    #[inline(never)]
    fn choose(
        self,
        subject: &[u8],
        [other, start]: [Option<Position>; 2],
        spans: Option<&mut [Span]>,
        budget: StepBudget,
    ) -> Option<Span> {
        CHOICES.with_borrow_mut(|choices| {
            choices.clear();
            choices.extend(other.map(Choice::Branch));
            let mut attempt = Attempt {
                ops: self.ops,
                subject,
                choices,
                spans,
                budget,
            };
            let (start, end) = match (self.finder, start) {
                (Some(finder), _) => attempt.search(finder)?,
                (None, start) => (0, attempt.at(start.unwrap_or_default())?),
            };
            Some(end.map(|end| (start, end)))
        })
    }
}

/// Number of bytes that a run takes at `at`, if the head alone determines it; `number` tells whether a
/// number stands there.
fn run_in(run: &Run, head: &[u8], at: usize, number: bool) -> Option<usize> {
    if number {
        let digits = (b'0'..=b'9').all(|digit| run.class.contains(digit));
        let ends = head.get(at + 1).is_some_and(|&b| !run.class.contains(b));
        let whole = run.min <= 1 && run.max == u32::MAX && run.back == 0;
        return (digits && ends && whole).then_some(1);
    }
    let length = run.class.run(head, at, run.max as usize);
    let inside = at + length < head.len() && length >= usize::from(run.min);
    inside.then(|| length - usize::from(run.back))
}

#[cfg(test)]
mod tests;
