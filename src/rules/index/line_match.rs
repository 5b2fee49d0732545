//! A line that is matched against its candidate rules.

use super::candidate::{Candidate, Strategy};
use super::grams::LineGrams;
use super::rule_info::{RuleInfo, WordStart};
use crate::config::{Action, Rule};
use crate::pattern::{Budget, Found, Pattern, Spans};
use crate::record::MessageText;

/// Patterns that are tried on a line before its grams are noted: as a rule one of the first takes it.
const FEW: u32 = 3;

/// A line, and what is needed to match it against its candidate rules.
pub(super) struct LineMatch<'a, 't> {
    pub infos: &'a [RuleInfo],
    pub rules: &'a [Rule],
    pub host: &'a [u8],
    pub text: &'a mut MessageText<'t>,
    /// Whether the message holds a newline, as an element of a Redis list may.
    pub newlines: bool,
    /// Where the first blank of the message ends, if the tag in front of it has the usual form and the
    /// message holds no newline: [`Strategy::Continuation`] is right for such lines only.
    pub after_tag: Option<usize>,
    /// The bytes behind the first two blanks.
    pub words: [WordStart; 2],
    pub spans: &'a mut Spans,
    pub budget: &'a mut Budget,
    pub grams: &'a mut LineGrams,
    /// Whether the grams of this line are noted.
    pub noted: bool,
    /// Patterns that were tried.
    pub tried: u32,
    /// Whether the line enters each group; known where the number is `line`.
    pub groups: &'a mut [(u64, bool)],
    /// The number of this line.
    pub line: u64,
}

impl LineMatch<'_, '_> {
    /// Whether this rule takes the line. The cheap tests come first; where they do not decide, the engine
    /// does.
    #[inline(always)]
    pub(super) fn is_taken_by(&mut self, candidate: &Candidate) -> bool {
        if !candidate.prefilter.passes(self.words) {
            return false;
        }
        let found = match (&candidate.strategy, self.after_tag) {
            (Strategy::All, _) if !self.newlines => {
                self.spans.0.clear();
                Some(true)
            }
            _ if !self.may_be(candidate) => Some(false),
            (Strategy::Continuation(continuation), Some(place)) => {
                let spans = candidate.spans.then_some(&mut *self.spans);
                continuation.matches(self.text.tail(), place, spans)
            }
            _ => None,
        };
        found.unwrap_or_else(|| self.is_matched_by(candidate))
    }

    /// Whether the line may hold the literals of this rule. Where that costs more than to try the pattern, it
    /// is not found out.
    #[inline(always)]
    fn may_be(&mut self, candidate: &Candidate) -> bool {
        if !candidate.slow && self.tried < FEW {
            self.tried += 1;
            return true;
        }
        if !self.noted {
            self.noted = true;
            self.grams.note(self.text.message());
        }
        self.grams.may_hold(&candidate.grams)
    }

    /// Whether the engine of the rule's pattern finds it in the message.
    fn is_matched_by(&mut self, candidate: &Candidate) -> bool {
        if !candidate
            .group
            .is_none_or(|group| self.enters(group as usize))
        {
            return false;
        }
        let pattern = &candidate.pattern;
        let message = self.text.message();
        let found = match candidate.spans {
            true => pattern.captures_within(message, self.newlines, self.spans, self.budget),
            false => pattern.is_match_within(message, self.newlines, self.budget),
        };
        self.noted(found, pattern)
    }

    /// Notes a pattern that was given up. Returns whether the pattern matches.
    fn noted(&mut self, found: Found, pattern: &Pattern) -> bool {
        if found == Found::GaveUp {
            self.budget.give_up(pattern);
        }
        found == Found::Yes
    }

    /// Whether the line enters this group and all groups around it.
    fn enters(&mut self, group: usize) -> bool {
        if let Some(&(line, entered)) = self.groups.get(group)
            && line == self.line
        {
            return entered;
        }
        let (Some(rule), Some(info)) = (self.rules.get(group), self.infos.get(group)) else {
            return false;
        };
        let outer = info.group;
        let entered = outer.is_none_or(|outer| self.enters(outer)) && {
            let found = match rule.action {
                Action::GroupHost { .. } => {
                    let newlines = memchr::memchr(b'\n', self.host).is_some();
                    rule.pattern
                        .is_match_within(self.host, newlines, self.budget)
                }
                _ => {
                    let message = self.text.message();
                    rule.pattern
                        .is_match_within(message, self.newlines, self.budget)
                }
            };
            self.noted(found, &rule.pattern)
        };
        if let Some(known) = self.groups.get_mut(group) {
            *known = (self.line, entered);
        }
        entered
    }
}
