//! A line and the rules that may take it.

use super::Candidate;
use super::facts::Facts;
use crate::config::{Action, Rule};
use crate::pattern::{Found, Pattern, Spans};

/// A line on its way through the rules.
pub(super) struct Line<'a> {
    pub facts: &'a [Facts],
    pub rules: &'a [Rule],
    pub host: &'a [u8],
    pub message: &'a [u8],
    /// Whether the message holds a newline, as an element of a Redis list may.
    pub newlines: bool,
    pub spans: &'a mut Spans,
    pub gave_up: &'a mut Vec<Pattern>,
    pub groups: &'a mut [(u64, bool)],
    pub stamp: u64,
}

impl Line<'_> {
    /// Whether this rule takes the line.
    pub(super) fn takes(&mut self, candidate: &Candidate) -> bool {
        if !candidate
            .group
            .is_none_or(|group| self.enters(group as usize))
        {
            return false;
        }
        let pattern = &candidate.pattern;
        let found = match candidate.spans {
            true => pattern.captures_in(self.message, self.newlines, self.spans),
            false => pattern.is_match_in(self.message, self.newlines),
        };
        self.judge(found, pattern)
    }

    fn judge(&mut self, found: Found, pattern: &Pattern) -> bool {
        if found == Found::GaveUp {
            self.gave_up.push(pattern.clone());
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
                Action::GroupHost { .. } => rule.pattern.is_match(self.host),
                _ => rule.pattern.is_match_in(self.message, self.newlines),
            };
            self.judge(found, &rule.pattern)
        };
        if let Some(known) = self.groups.get_mut(group) {
            *known = (self.stamp, entered);
        }
        entered
    }
}
