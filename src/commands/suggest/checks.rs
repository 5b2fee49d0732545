//! What a configuration says of rules: where they may stand, which queue is theirs, what a check tells of them.

use crate::config::{self, Action, Config, Rule};
use crate::pattern::Found;
use crate::suggest::{self, Block, Loudness};

/// The index of the first rule, outside of groups, that takes every line; the number of rules if none does.
pub(super) fn catch_all(rules: &[Rule]) -> usize {
    let mut end_of_group = 0;
    for (at, rule) in rules.iter().enumerate() {
        match rule.action {
            Action::Group { end } | Action::GroupHost { end } => {
                end_of_group = end_of_group.max(end)
            }
            Action::Trash | Action::Queues(_) if at >= end_of_group && takes_all(rule) => {
                return at;
            }
            _ => {}
        }
    }
    rules.len()
}

/// Whether a rule takes every line, as far as some lines tell that no rule is made for.
fn takes_all(rule: &Rule) -> bool {
    const PROBES: [&[u8]; 3] = [b"x", b"\x01", b"q7 z: \xff"];
    let mut probes = PROBES.iter();
    probes.all(|probe| rule.pattern.is_match(probe) == Found::Yes)
}

/// The name of the queue for a level: the first of the level's usual names that a queue has, or the name of the first
/// queue. Without queues it is the name of the level.
pub(super) fn queue_for(config: &Config, loudness: Loudness) -> String {
    let names: &[&str] = match loudness {
        Loudness::Critical => &[
            "critical", "crit", "alert", "urgent", "report", "warning", "error",
        ],
        Loudness::Report => &["report", "warning", "warn", "error", "errors", "critical"],
        Loudness::Misc => &["misc", "general", "info", "other", "default", "report"],
    };
    let queue = |name: &&&str| config.queues.iter().any(|queue| queue.name == **name);
    match (names.iter().find(queue), config.queues.first()) {
        (Some(name), _) => (*name).to_owned(),
        (None, Some(first)) => first.name.clone(),
        (None, None) => loudness.name().to_owned(),
    }
}

/// A configuration of these rules alone, and what a check tells of it.
fn told_of<'r>(patterns: impl Iterator<Item = &'r [u8]>) -> Vec<config::Diagnostic> {
    let mut text = b"set mailserver localhost\nset logfile /dev/null\nset queue q a@localhost b@localhost [now]\n".to_vec();
    for pattern in patterns {
        text.extend_from_slice(b"q ");
        text.extend_from_slice(pattern);
        text.push(b'\n');
    }
    config::parse_bytes(&text).diagnostics
}

/// What a check of the configuration would tell of a rule with this pattern.
pub(super) fn warnings_of(pattern: &[u8]) -> Option<String> {
    let told = told_of(std::iter::once(pattern));
    told.into_iter().next().map(|told| told.message)
}

/// Leaves rules out that a check of the configuration would not pass without a word, and gives their number.
pub(super) fn leave_out_warned(blocks: &mut [Block]) -> usize {
    let rules = blocks.iter().flat_map(|block| &block.rules);
    let told = told_of(rules.map(|rule| &rule.pattern[..]));
    let is_told = |rule: &suggest::Rule| told.iter().any(|told| told.line.ends_with(&rule.pattern));
    let count = |blocks: &[Block]| blocks.iter().map(|block| block.rules.len()).sum::<usize>();
    let before = count(blocks);
    for block in blocks.iter_mut() {
        block.rules.retain(|rule| !is_told(rule));
    }
    before - count(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn rules(text: &str) -> Config {
        let head = "set mailserver h\nset queue misc f@x t@x [now]\n";
        parse_bytes(format!("{head}{text}").as_bytes())
            .config
            .unwrap()
    }

    #[test]
    fn a_rule_that_takes_every_line_is_no_rule() {
        for (text, want) in [
            ("misc ^a\nmisc .*\n", 1),
            ("misc .\n", 0),
            ("trash ^a\nmisc ^b$\n", 2),
            ("group ^a\nmisc .*\ngroup_end\nmisc ^\n", 2),
        ] {
            assert_eq!(catch_all(&rules(text).rules), want, "{text}");
        }
    }
}
