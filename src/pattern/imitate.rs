//! Captures in loops as Perl 5.36 leaves them. What `(a(b)?)+` leaves in its inner group is decided
//! by how Perl's own matcher goes about loops: which groups it unsets on its way back, and which it
//! forgets to. No engine does the same, so for patterns that have such groups this small backtracking
//! matcher takes the steps of Perl's (`regexec.c`) once the engine has said that the line matches.

mod machine;
mod program;

use super::ast::Node;
use super::{Found, Spans};
use machine::Machine;
use program::Program;
pub(super) use program::leaks;

/// Steps until the engine's own answer is taken.
const STEP_LIMIT: usize = 100_000;

/// Steps until a search is given up.
const SEARCH_LIMIT: usize = 1_000_000;

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
    ) -> Found {
        let mut machine = Machine::new(&self.program, subject, STEP_LIMIT);
        if let Some(found) = machine.run(start) {
            spans.0 = found;
        } else if !sure && machine.steps() > 0 {
            let mut later = Spans::default();
            match self.search_from(start + 1, subject, &mut later) {
                Found::GaveUp => {}
                Found::No => return Found::No,
                Found::Yes => *spans = later,
            }
        }
        Found::Yes
    }

    /// Finds the leftmost match itself, for what the engines get wrong.
    pub(super) fn search(&self, subject: &[u8], spans: &mut Spans) -> Found {
        self.search_from(0, subject, spans)
    }

    fn search_from(&self, first: usize, subject: &[u8], spans: &mut Spans) -> Found {
        spans.0.clear();
        let mut steps = SEARCH_LIMIT;
        for start in first..=subject.len() {
            let mut machine = Machine::new(&self.program, subject, steps);
            if let Some(found) = machine.run(start) {
                spans.0 = found;
                return Found::Yes;
            }
            steps = machine.steps();
            if steps == 0 {
                return Found::GaveUp;
            }
        }
        Found::No
    }
}
