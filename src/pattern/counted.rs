//! The memoized backtracker: it counts its steps, and tries nothing twice at the same place.
//!
//! It takes Perl's ways in Perl's order. What failed once at a place of the subject fails there
//! again, unless it depends on what a group holds: so it is remembered, and the time for most
//! patterns is at most the product of the lengths of pattern and line, as with `regex`. Look-around
//! is asked of an automaton that reads the line once ([`Oracle`]). What is left (backreferences,
//! atomic groups around choices) may still take long, and ends when the line's [`StepBudget`] does.

mod analyse;
mod compile;
mod looks;
mod machine;
mod program;
mod runs;
mod step;

use super::ast::Node;
use super::budget::StepBudget;
use super::matches::{Found, Spans};
use machine::Machine;
use program::Program;

#[cfg(doc)]
use super::lazy_dfa::Oracle;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Counted(Program);

impl Counted {
    /// Compiles a pattern of `groups` groups, for subjects with or without newlines. `None` for one that is
    /// too large, or that captures in a look-behind, which is not implemented here.
    pub(super) fn new(root: &Node, groups: usize, newlines: bool) -> Option<Self> {
        compile::program(root, groups, newlines).map(Self)
    }

    /// Whether the pattern matches.
    pub(super) fn is_match(&self, subject: &[u8], budget: &mut StepBudget) -> Found {
        self.search(subject, budget, false, |_, _| ())
    }

    /// The groups of the leftmost match, and where it began: not where group 0 does if there is a `\K`.
    pub(super) fn captures(
        &self,
        subject: &[u8],
        spans: &mut Spans,
        start: &mut usize,
        budget: &mut StepBudget,
    ) -> Found {
        spans.0.clear();
        self.search(subject, budget, true, |machine, at| {
            *start = at;
            machine.spans(at, &mut spans.0);
        })
    }

    fn search(
        &self,
        subject: &[u8],
        budget: &mut StepBudget,
        spans: bool,
        found: impl FnOnce(&Machine<'_>, usize),
    ) -> Found {
        let program = &self.0;
        let Some(mut machine) = Machine::new(program, subject, budget, spans) else {
            return Found::GaveUp;
        };
        let mut start = 0;
        loop {
            if let Some(first) = &program.first {
                let rest = subject.get(start..).unwrap_or_default();
                let Some(skipped) = first.find(rest) else {
                    machine.read(rest.len());
                    return Found::No;
                };
                machine.read(skipped);
                start += skipped;
            }
            match machine.run(start) {
                Some(true) => {
                    found(&machine, start);
                    return Found::Yes;
                }
                Some(false) if program.anchored || start >= subject.len() => return Found::No,
                Some(false) => start += 1,
                None => return Found::GaveUp,
            }
        }
    }
}

#[cfg(test)]
mod tests;
