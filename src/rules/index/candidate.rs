//! The candidate rules of a line, and their cheap tests before an engine is asked.

use super::grams::RuleGrams;
use super::rule_info::Prefilter;
use crate::config::RuleId;
use crate::pattern::{Continuation, Pattern};

/// A rule that may take the lines of a class.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Candidate {
    pub(super) strategy: Strategy,
    pub(super) prefilter: Prefilter,
    pub(super) grams: RuleGrams,
    /// Whether the grams are looked up before the pattern is tried for the first time on a line.
    pub(super) slow: bool,
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
}
