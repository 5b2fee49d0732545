//! Backreferences and conditionals on groups, which have other numbers in the written text.

use super::{Emitter, Place, Purpose};
use crate::pattern::ast::{Node, Test};
use crate::pattern::diagnostic::PatternError;
use crate::pattern::set::ByteSet;

impl Emitter {
    /// The groups of the text that may be set when this place is reached.
    fn reachable(
        &self,
        groups: &[usize],
        span: (usize, usize),
    ) -> Result<Vec<usize>, PatternError> {
        let mut found = Vec::new();
        for group in groups {
            let set = if self.open.contains(group) {
                false
            } else if self.closed.contains(group) {
                true
            } else {
                let numbers = self.known.get(*group).map_or(0, Vec::len);
                numbers > 0 && self.loops > 0
            };
            if set {
                found.extend(self.known.get(*group).into_iter().flatten());
            } else if self.open.contains(group) && self.loops > 0 {
                return Err(PatternError::unsupported(
                    span,
                    "a backreference inside the group that it means",
                    Some("put the backreference behind the group"),
                ));
            }
        }
        Ok(found)
    }

    pub(super) fn backref(
        &mut self,
        groups: &[usize],
        fold: bool,
        span: (usize, usize),
    ) -> Result<(), PatternError> {
        if self.purpose == Purpose::Superset {
            self.push("(?:[\\x00-\\xFF]*)");
            return Ok(());
        }
        self.out.backtracks = true;
        let numbers = self.reachable(groups, span)?;
        let flag = if fold { "i" } else { "" };
        match numbers.as_slice() {
            [] => self.set(ByteSet::default()),
            [one] => self.push(&format!("(?{flag}:\\{one})")),
            // The first that is set.
            many => {
                for number in many {
                    self.push(&format!("(?({number})(?{flag}:\\{number})|"));
                }
                self.set(ByteSet::default());
                self.push(&")".repeat(many.len()));
            }
        }
        Ok(())
    }

    pub(super) fn switch(
        &mut self,
        test: &Test,
        yes: &Node,
        no: &Node,
        span: (usize, usize),
    ) -> Result<(), PatternError> {
        if self.purpose == Purpose::Superset {
            return self.alternate(&[yes.clone(), no.clone()], Place::Sequence);
        }
        match test {
            Test::Look(look) => {
                self.alternate(&Node::look_branches(look, yes, no), Place::Sequence)
            }
            Test::Set(groups) => {
                let numbers = self.reachable(groups, span)?;
                let [number] = numbers.as_slice() else {
                    if numbers.is_empty() {
                        return self.wrapped("(?:", no, ")");
                    }
                    return Err(PatternError::unsupported(
                        span,
                        "a conditional on several groups at once",
                        Some("give the groups names of their own, and write a branch for each"),
                    ));
                };
                self.out.backtracks = true;
                self.push(&format!("(?({number})"));
                self.node(yes, Place::Sequence)?;
                self.push("|");
                self.node(no, Place::Sequence)?;
                self.push(")");
                Ok(())
            }
        }
    }
}
