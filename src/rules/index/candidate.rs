//! The candidate rules of a line, and their cheap tests before an engine is asked.

use std::cell::OnceCell;

use super::facts::{Facts, Gate};
use super::scan::Scan;
use crate::config::RuleId;
use crate::pattern::{Continuation, Pattern};
use crate::record::Text;

/// A rule of a list.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Candidate {
    pub(super) quick: Quick,
    pub(super) gate: Gate,
    pub pattern: Pattern,
    pub rule: RuleId,
    /// The group that must be entered, where the kind of line does not tell that it is.
    pub(super) group: Option<u32>,
    /// Whether the spans of its groups are wanted; of a line that is thrown away they are not.
    pub(super) spans: bool,
}

/// How a candidate is tried.
#[derive(Clone, Debug)]
pub(super) enum Quick {
    /// It takes every such line without newlines, and has no groups that are wanted.
    All,
    /// On lines without newlines its pattern goes on behind the first blank.
    Continuation(Continuation),
    Whole,
    /// Its literal is looked for first.
    Literal,
    /// The same, along with all others.
    Scan,
}

/// What is asked of the literals of a line.
pub(super) struct Literals<'a> {
    pub facts: &'a [Facts],
    pub scan: &'a OnceCell<Option<Scan>>,
    /// The rules whose literals are there, once that was looked for.
    pub wanted: &'a mut Vec<u64>,
    /// Whether there are any.
    pub scanned: Option<bool>,
}

impl Literals<'_> {
    /// Whether one of the rule's literals is in the message.
    pub fn may_be(&mut self, candidate: &Candidate, text: &mut Text<'_>) -> bool {
        let rule = candidate.rule.index();
        let scan = self.scan.get().and_then(Option::as_ref);
        let Some(scan) = scan.filter(|_| matches!(candidate.quick, Quick::Scan)) else {
            let mut literals = self.facts.get(rule).into_iter().flat_map(|f| &f.inside);
            return literals.any(|literal| literal.find(text.message()).is_some());
        };
        let wanted = &mut *self.wanted;
        let some = self
            .scanned
            .get_or_insert_with(|| scan.want(text.message(), wanted));
        let bits = || self.wanted.get(rule / 64);
        *some && bits().is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }
}
