//! The rules one after the other: the definition of which rule takes a line.

use crate::config::{Action, Rule, RuleId};
use crate::pattern::{Budget, Found, Spans};

/// The rule that takes a line, found by a loop over all rules in their order: the definition that
/// [`super::Index::decide`] is held to.
///
/// A line that enters a group and is taken by no rule in it goes on behind the group. After a match `spans`
/// holds the rule's groups. A pattern that would spend more than the line's budget counts as not matching,
/// and is noted in the budget.
pub fn decide(
    rules: &[Rule],
    host: &[u8],
    message: &[u8],
    spans: &mut Spans,
    budget: &mut Budget,
) -> Option<RuleId> {
    decide_with(rules, |_, rule| {
        let found = match_rule(rule, host, message, spans, budget);
        if found == Found::GaveUp {
            budget.give_up(&rule.pattern);
        }
        found
    })
}

/// The rule that takes a line, as [`decide`] finds it. `ask` is called with each rule that the line comes
/// to and the rule's place in the list, and tells whether its pattern matches.
pub fn decide_with(rules: &[Rule], mut ask: impl FnMut(usize, &Rule) -> Found) -> Option<RuleId> {
    let mut at = 0;
    while let Some(rule) = rules.get(at) {
        let found = ask(at, rule) == Found::Yes;
        at = match rule.action {
            Action::Group { end } | Action::GroupHost { end } if !found => end,
            Action::Group { .. } | Action::GroupHost { .. } => at + 1,
            Action::Trash
            | Action::Repeat
            | Action::Continue
            | Action::Expect(_)
            | Action::Queues(_)
                if found =>
            {
                return id(at);
            }
            Action::Trash
            | Action::Repeat
            | Action::Continue
            | Action::Expect(_)
            | Action::Queues(_) => at + 1,
        };
    }
    None
}

/// The `continue` rule that takes a line without a known prefix, whose line before is one of `host`: no other
/// rule is asked, and the line passes the groups as any line does.
pub fn decide_continuation(
    rules: &[Rule],
    host: &[u8],
    line: &[u8],
    spans: &mut Spans,
    budget: &mut Budget,
) -> Option<RuleId> {
    decide_with(rules, |_, rule| match rule.action {
        Action::Continue | Action::Group { .. } | Action::GroupHost { .. } => {
            let found = match_rule(rule, host, line, spans, budget);
            if found == Found::GaveUp {
                budget.give_up(&rule.pattern);
            }
            found
        }
        Action::Trash | Action::Repeat | Action::Expect(_) | Action::Queues(_) => Found::No,
    })
}

/// Whether the pattern of a rule matches: the host for a `group_host`, else the message. `spans` receives
/// the groups of the match, for rules that use them.
pub fn match_rule(
    rule: &Rule,
    host: &[u8],
    message: &[u8],
    spans: &mut Spans,
    budget: &mut Budget,
) -> Found {
    let newlines = |text: &[u8]| memchr::memchr(b'\n', text).is_some();
    let pattern = &rule.pattern;
    match rule.action {
        Action::GroupHost { .. } => pattern.is_match_within(host, newlines(host), budget),
        Action::Group { .. } | Action::Trash | Action::Expect(_) => {
            pattern.is_match_within(message, newlines(message), budget)
        }
        Action::Repeat | Action::Continue | Action::Queues(_) => {
            pattern.captures_within(message, newlines(message), spans, budget)
        }
    }
}

/// The number of the rule at this place in the list.
pub(super) fn id(at: usize) -> Option<RuleId> {
    u32::try_from(at).ok().map(RuleId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    const HEAD: &str =
        "set mailserver localhost\nset queue a a@x a@x [now]\nset queue b b@x b@x [now]\n";

    /// The index of the rule that takes each line.
    fn taken(rules: &str, lines: &[(&str, &str)]) -> Vec<Option<u32>> {
        let config = parse_bytes(format!("{HEAD}{rules}").as_bytes())
            .config
            .unwrap();
        let decide_one = |(host, text): &(&str, &str)| {
            let mut spans = Spans::default();
            decide(
                &config.rules,
                host.as_bytes(),
                text.as_bytes(),
                &mut spans,
                &mut Budget::new(text.len()),
            )
            .map(|r| r.0)
        };
        lines.iter().map(decide_one).collect()
    }

    #[test]
    fn the_first_rule_that_matches_takes_the_line() {
        let rules = "a foo\nb foo|bar\ntrash bar\n";
        assert_eq!(
            taken(rules, &[("h", "foo"), ("h", "bar"), ("h", "qux")]),
            [Some(0), Some(1), None]
        );
    }

    #[test]
    fn a_line_that_nothing_in_its_group_takes_goes_on_behind_it() {
        let rules = "group ^foo\na one\ngroup two\na three\ngroup_end\ngroup_end\nb .*\n";
        let lines = [
            ("h", "foo one"),
            ("h", "foo two three"),
            ("h", "foo four"),
            ("h", "one"),
        ];
        assert_eq!(taken(rules, &lines), [Some(1), Some(3), Some(4), Some(4)]);
    }

    #[test]
    fn a_group_host_looks_at_the_host() {
        let rules = "group_host ^web\na x\ngroup_end\nb .*\n";
        assert_eq!(
            taken(rules, &[("web1", "x"), ("db", "web x")]),
            [Some(1), Some(2)]
        );
    }
}
