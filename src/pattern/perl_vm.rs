//! Captures in loops as Perl 5.36 leaves them: a closed room behind [`PerlVm::captures`].
//!
//! What `(a(b)?)+` leaves in its inner group is decided by how Perl's own matcher goes about loops:
//! which groups it unsets on its way back, and which it forgets to. No engine does this, so for patterns that have such
//! groups this small backtracking machine takes the steps of Perl's matcher (`regexec.c`), as a rule once an engine has
//! said that the subject matches.

mod back;
mod fixed;
mod machine;
mod program;
mod rounds;
mod step;

use super::ast::Node;
use super::budget::StepBudget;
use super::matches::{Found, Spans};
use machine::Machine;
use program::Program;

/// Steps after which the engine's own answer is taken, if there is one.
const STEP_LIMIT: u64 = 100_000;

/// A pattern as a program for the machine.
#[derive(Debug)]
pub(super) struct PerlVm {
    program: Program,
}

/// What an engine has found before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EngineMatch {
    /// Nothing: no engine knows what Perl would find.
    Unknown,
    /// A match that begins at this byte. Perl may begin its match later, or find none.
    Doubted(usize),
    /// A match that begins at this byte, as Perl's does. Only the groups are in doubt.
    Certain(usize),
}

impl PerlVm {
    /// Compiles a pattern of `groups` groups.
    pub(super) fn new(root: &Node, groups: usize) -> Self {
        Self {
            program: Program::new(root, groups),
        }
    }

    /// Finds Perl's match and its groups. `spans` holds the groups of the engine's match, if there is one; they are
    /// left as they are where Perl's groups take too many steps to find.
    pub(super) fn captures(
        &self,
        subject: &[u8],
        engine: EngineMatch,
        spans: &mut Spans,
        budget: &mut StepBudget,
    ) -> Found {
        let start = match engine {
            EngineMatch::Unknown => {
                spans.0.clear();
                return self.search(0, subject, spans, budget);
            }
            EngineMatch::Doubted(start) | EngineMatch::Certain(start) => start,
        };
        let limit = STEP_LIMIT.min(budget.left());
        match self.attempt(start, limit, subject, spans, budget) {
            Found::No if engine == EngineMatch::Doubted(start) => {
                let mut later = Spans::default();
                match self.search(start + 1, subject, &mut later, budget) {
                    Found::GaveUp => {}
                    Found::No => return Found::No,
                    Found::Yes => *spans = later,
                }
                Found::Yes
            }
            _ => Found::Yes,
        }
    }

    /// Finds the leftmost match that begins at `first` or later.
    fn search(
        &self,
        first: usize,
        subject: &[u8],
        spans: &mut Spans,
        budget: &mut StepBudget,
    ) -> Found {
        for start in first..=subject.len() {
            match self.attempt(start, budget.left(), subject, spans, budget) {
                Found::No => {}
                found => return found,
            }
        }
        Found::No
    }

    /// Matches at `start`, in at most `limit` steps.
    fn attempt(
        &self,
        start: usize,
        limit: u64,
        subject: &[u8],
        spans: &mut Spans,
        budget: &mut StepBudget,
    ) -> Found {
        let mut machine = Machine::new(&self.program, subject, limit);
        let found = machine.run(start);
        let left = machine.steps();
        budget.pay(limit - left);
        match found {
            Some(found) => {
                spans.0 = found;
                Found::Yes
            }
            None if left == 0 => Found::GaveUp,
            None => Found::No,
        }
    }
}
