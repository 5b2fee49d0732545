//! Captures in loops as Perl 5.36 leaves them. What `(a(b)?)+` leaves in its inner group is decided
//! by how Perl's own matcher goes about loops: which groups it unsets on its way back, and which it
//! forgets to. No engine does the same, so for patterns that have such groups this small backtracking
//! matcher takes the steps of Perl's (`regexec.c`) once the engine has said that the line matches.

mod machine;
mod program;

use super::ast::Node;
use super::budget::Budget;
use super::{Found, Spans};
use machine::Machine;
use program::Program;
pub(super) use program::leaks;

/// Steps until the engine's own answer is taken.
const STEP_LIMIT: u64 = 100_000;

/// A pattern made ready.
#[derive(Debug)]
pub(super) struct Imitator {
    program: Program,
}

impl Imitator {
    /// Makes a pattern of `groups` groups ready.
    pub(super) fn new(root: &Node, groups: usize) -> Self {
        Self {
            program: Program::new(root, groups),
        }
    }

    /// Replaces `spans` by those that Perl finds for a match that begins at `start`. Leaves them if
    /// it takes too long to find, or if there is none and the match itself is `sure`; else Perl's
    /// match begins later, or there is none.
    pub(super) fn refine(
        &self,
        subject: &[u8],
        start: usize,
        sure: bool,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Found {
        let limit = STEP_LIMIT.min(budget.left());
        let mut machine = Machine::new(&self.program, subject, limit);
        let found = machine.run(start);
        let left = machine.steps();
        budget.pay(limit - left);
        if let Some(found) = found {
            spans.0 = found;
        } else if !sure && left > 0 {
            let mut later = Spans::default();
            match self.search_from(start + 1, subject, &mut later, budget) {
                Found::GaveUp => {}
                Found::No => return Found::No,
                Found::Yes => *spans = later,
            }
        }
        Found::Yes
    }

    /// Finds the leftmost match itself, for what the engines get wrong.
    pub(super) fn search(&self, subject: &[u8], spans: &mut Spans, budget: &mut Budget) -> Found {
        self.search_from(0, subject, spans, budget)
    }

    fn search_from(
        &self,
        first: usize,
        subject: &[u8],
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Found {
        spans.0.clear();
        for start in first..=subject.len() {
            let limit = budget.left();
            let mut machine = Machine::new(&self.program, subject, limit);
            let found = machine.run(start);
            let left = machine.steps();
            budget.pay(limit - left);
            if let Some(found) = found {
                spans.0 = found;
                return Found::Yes;
            }
            if left == 0 {
                return Found::GaveUp;
            }
        }
        Found::No
    }
}
