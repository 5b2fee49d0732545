//! A line and the rules that may take it.

use super::candidate::{Candidate, Literals, Quick};
use super::facts::{Begin, Facts};
use crate::config::{Action, Rule};
use crate::pattern::{Budget, Found, Pattern, Spans};
use crate::record::Text;

/// A line on its way through its candidate rules.
pub(super) struct Line<'a, 't> {
    pub facts: &'a [Facts],
    pub rules: &'a [Rule],
    pub host: &'a [u8],
    pub text: &'a mut Text<'t>,
    /// Whether the message holds a newline, as an element of a Redis list may.
    pub newlines: bool,
    /// Where the first blank of the message ends, if its beginning has the usual form and the message
    /// has no newline: what was worked out for patterns behind that blank holds for such lines only.
    pub begin: Option<usize>,
    /// What stands behind the first two blanks.
    pub begins: [Begin; 2],
    pub spans: &'a mut Spans,
    pub budget: &'a mut Budget,
    pub literals: Literals<'a>,
    pub groups: &'a mut [(u64, bool)],
    pub stamp: u64,
}

impl Line<'_, '_> {
    /// Whether this rule takes the line. The cheap tests come first; the engine has the last word.
    #[inline(always)]
    pub(super) fn takes(&mut self, candidate: &Candidate) -> bool {
        if !candidate.gate.lets(self.begins) {
            return false;
        }
        let found = match (&candidate.quick, self.begin) {
            (Quick::All, _) if !self.newlines => {
                self.spans.0.clear();
                Some(true)
            }
            (Quick::Continuation(continuation), Some(place)) => {
                let spans = candidate.spans.then_some(&mut *self.spans);
                continuation.matches(self.text.tail(), place, spans)
            }
            (Quick::Literal | Quick::Scan, _) if !self.literals.may_be(candidate, self.text) => {
                Some(false)
            }
            _ => None,
        };
        found.unwrap_or_else(|| self.is_matched_by(candidate))
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
        self.judge(found, pattern)
    }

    fn judge(&mut self, found: Found, pattern: &Pattern) -> bool {
        if found == Found::GaveUp {
            self.budget.give_up(pattern);
        }
        found == Found::Yes
    }

    /// Whether the line gets into this group, and so into those around it.
    fn enters(&mut self, group: usize) -> bool {
        if let Some(&(stamp, entered)) = self.groups.get(group)
            && stamp == self.stamp
        {
            return entered;
        }
        let (Some(rule), Some(facts)) = (self.rules.get(group), self.facts.get(group)) else {
            return false;
        };
        let outer = facts.group;
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
            self.judge(found, &rule.pattern)
        };
        if let Some(known) = self.groups.get_mut(group) {
            *known = (self.stamp, entered);
        }
        entered
    }
}
