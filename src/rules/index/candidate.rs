//! The candidate rules of a line, and their cheap tests before an engine is asked.

use std::cell::OnceCell;

use super::rule_info::{Prefilter, RuleInfo};
use super::scan::LiteralScan;
use crate::config::RuleId;
use crate::pattern::{Continuation, Pattern};
use crate::record::MessageText;

/// A rule that may take the lines of a class.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Candidate {
    pub(super) strategy: Strategy,
    pub(super) prefilter: Prefilter,
    pub pattern: Pattern,
    pub rule: RuleId,
    /// The group that the line must enter, where its class does not tell that it does.
    pub(super) group: Option<u32>,
    /// Whether the groups of the match are wanted; for `trash` they are not.
    pub(super) spans: bool,
}

/// How a candidate is tried.
#[derive(Clone, Debug)]
pub(super) enum Strategy {
    /// It takes every line of the class that holds no newline, and its groups are not wanted.
    All,
    /// On lines without a newline, the pattern is matched from behind the first blank.
    Continuation(Continuation),
    /// The pattern is matched on the whole message.
    Whole,
    /// One of the rule's literals is looked for first.
    Literal,
    /// The literals of all rules are looked for in one scan first.
    Scan,
}

/// The literals of the rules, looked for in one line.
pub(super) struct Literals<'a> {
    pub infos: &'a [RuleInfo],
    pub scan: &'a OnceCell<Option<LiteralScan>>,
    /// The rules whose literals are in the line, a bit each, once the line was scanned.
    pub found: &'a mut Vec<u64>,
    /// Whether there are any such rules; nothing before the line was scanned.
    pub scanned: Option<bool>,
}

impl Literals<'_> {
    /// Whether one of the rule's literals is in the message.
    pub fn may_be(&mut self, candidate: &Candidate, text: &mut MessageText<'_>) -> bool {
        let rule = candidate.rule.index();
        let scan = self.scan.get().and_then(Option::as_ref);
        let Some(scan) = scan.filter(|_| matches!(candidate.strategy, Strategy::Scan)) else {
            let mut literals = self.infos.get(rule).into_iter().flat_map(|f| &f.inside);
            return literals.any(|literal| literal.find(text.message()).is_some());
        };
        let found = &mut *self.found;
        let some = self
            .scanned
            .get_or_insert_with(|| scan.find_rules(text.message(), found));
        let bits = || self.found.get(rule / 64);
        *some && bits().is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }
}
