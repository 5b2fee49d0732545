//! Why a rule takes a line, and why the rules before it do not.

use std::sync::Arc;

use bstr::BString;

use super::classifier::{Classifier, Outcome};
use super::groups::groups_around;
use crate::config::{Action, Config, Rule, RuleId};
use crate::pattern::{Budget, Found, Reach, Spans};
use crate::record::{PrefixKind, prefix_kind};
use crate::rules;

/// Letters of a pattern that are found in a message before the pattern counts as one that is about it.
const LETTERS: usize = 6;
/// Rules behind the one that takes the line that are looked for, at most.
const MOST_OTHERS: usize = 3;

/// The way of a line through the rules.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The kind of its prefix; nothing if no prefix is known.
    pub prefix: Option<PrefixKind>,
    /// What becomes of the line.
    pub outcome: Outcome,
    /// The host.
    pub host: BString,
    /// The message as the rules see it.
    pub message: BString,
    /// The text that is counted; empty if nothing is.
    pub masked: BString,
    /// The rules that the line came to, in order, up to the one that takes it.
    pub tried: Vec<Tried>,
    /// The rules behind it that would take the line next, in order, if the rules before were not there.
    pub others: Vec<RuleId>,
}

/// A rule that a line came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tried {
    /// The rule.
    pub rule: RuleId,
    /// Whether it matches: a group that matches opens.
    pub found: Found,
    /// How far it matches, if it does not and is about this kind of line: it names the program of the line,
    /// stands in a group that the line entered, or has some words in common with it.
    pub reach: Option<Reach>,
}

/// Explains what a configuration does with a line (without its newline).
pub fn explain(config: &Arc<Config>, line: &[u8]) -> Explanation {
    let mut classifier = Classifier::new(Arc::clone(config));
    let taken = classifier.take(line);
    let (host, message) = (BString::from(taken.host), BString::from(taken.message));
    let explanation = Explanation {
        prefix: prefix_kind(line, &config.lines),
        outcome: taken.outcome,
        masked: taken.masked.into(),
        tried: Vec::new(),
        others: Vec::new(),
        host,
        message,
    };
    match taken.outcome {
        Outcome::NoPrefix | Outcome::NoHost => explanation,
        // A `continue` rule: no other rule is asked.
        Outcome::Rule(_) if explanation.prefix.is_none() => explanation,
        Outcome::Rule(_) | Outcome::Unmatched => with_rules(config, explanation),
    }
}

/// Explains what a configuration does with a message of a host, as the rules see it.
pub fn explain_message(config: &Arc<Config>, host: &[u8], message: &[u8]) -> Explanation {
    let mut spans = Spans::default();
    let mut budget = Budget::new(message.len());
    let taken = rules::decide(&config.rules, host, message, &mut spans, &mut budget);
    let rule = taken.and_then(|id| config.rules.get(id.index()));
    let mut masked = Vec::new();
    if let Some(rule) = rule.filter(|rule| matches!(rule.action, Action::Queues(_))) {
        let mask = &config.report.mask;
        rules::mask(
            &mut message.into(),
            &rule.pattern,
            &spans,
            mask,
            &mut masked,
        );
    }
    let explanation = Explanation {
        prefix: None,
        outcome: taken.map_or(Outcome::Unmatched, Outcome::Rule),
        host: host.into(),
        message: message.into(),
        masked: masked.into(),
        tried: Vec::new(),
        others: Vec::new(),
    };
    with_rules(config, explanation)
}

/// Adds the rules that the message comes to, and the rules behind them that would take it.
fn with_rules(config: &Config, mut explanation: Explanation) -> Explanation {
    let around = groups_around(&config.rules);
    let line = Line::new(&explanation.host, &explanation.message);
    let mut budget = Budget::new(line.message.len());
    let mut tried = Vec::new();
    rules::decide_with(&config.rules, |at, rule| {
        let found = line.ask(rule, &mut budget);
        let inside = around.get(at).is_some_and(|groups| !groups.is_empty());
        let reach = (found != Found::Yes)
            .then(|| line.likely(rule, inside))
            .flatten();
        tried.extend(number(at).map(|rule| Tried { rule, found, reach }));
        found
    });
    let mut passed: Vec<usize> = Vec::new();
    passed.extend(match explanation.outcome {
        Outcome::Rule(id) => Some(id.index()),
        _ => None,
    });
    let mut others = Vec::new();
    while !passed.is_empty() && others.len() < MOST_OTHERS {
        let mut budget = Budget::new(line.message.len());
        let next = rules::decide_with(&config.rules, |at, rule| match passed.contains(&at) {
            true => Found::No,
            false => line.ask(rule, &mut budget),
        });
        let Some(id) = next else {
            break;
        };
        passed.push(id.index());
        others.push(id);
    }
    explanation.tried = tried;
    explanation.others = others;
    explanation
}

/// A host and a message, and where the name of the program in the message ends.
struct Line<'a> {
    host: &'a [u8],
    message: &'a [u8],
    /// The length of the program's name with what stands between it and the text; 0 if there is none.
    program: usize,
}

impl<'a> Line<'a> {
    fn new(host: &'a [u8], message: &'a [u8]) -> Self {
        let blank = message.iter().position(|&byte| byte == b' ');
        let ends = |end: &usize| message.get(..*end).is_some_and(|word| word.ends_with(b":"));
        Self {
            host,
            message,
            program: blank.filter(ends).map_or(0, |end| end + 1),
        }
    }

    fn ask(&self, rule: &Rule, budget: &mut Budget) -> Found {
        rules::match_rule(rule, self.host, self.message, &mut Spans::default(), budget)
    }

    /// How far a rule matches, if it is about this kind of line. `inside`: it stands in a group that the line
    /// entered.
    fn likely(&self, rule: &Rule, inside: bool) -> Option<Reach> {
        let pattern = &rule.pattern;
        if matches!(rule.action, Action::GroupHost { .. }) {
            return inside.then(|| pattern.reach_in_source(self.host));
        }
        let names_program = || pattern.properties().tags.names.is_some();
        let same_program = || {
            let reach = pattern.reach(self.message).subject;
            names_program() && self.program > 0 && reach.start == 0 && reach.end >= self.program
        };
        if inside || same_program() {
            return Some(pattern.reach_in_source(self.message));
        }
        if names_program() {
            return None;
        }
        let reach = pattern.reach_in_source(self.message);
        let found = pattern.source().get(..reach.source?)?;
        (letters(found) >= LETTERS).then_some(reach)
    }
}

/// The number of letters and digits that a pattern has as fixed text, about.
fn letters(pattern: &[u8]) -> usize {
    let (mut count, mut escaped, mut inside) = (0, false, 0_usize);
    for &byte in pattern {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' => escaped = true,
            b'(' | b'[' | b'{' => inside += 1,
            b')' | b']' | b'}' => inside = inside.saturating_sub(1),
            _ if inside == 0 && byte.is_ascii_alphanumeric() => count += 1,
            _ => {}
        }
    }
    count
}

fn number(at: usize) -> Option<RuleId> {
    u32::try_from(at).ok().map(RuleId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn explained(rules: &str, line: &str) -> Explanation {
        let text = format!("set mailserver h\nset hidepid on\nset queue a f@x t@x [now]\n{rules}");
        let config = Arc::new(parse_bytes(text.as_bytes()).config.unwrap());
        explain(&config, line.as_bytes())
    }

    const LINE: &str = "Nov 23 21:44:00 h1 sshd[7]: Failed password for bob via 1.2.3.4";

    #[test]
    fn the_way_of_a_line_is_told_rule_by_rule() {
        let rules = "trash ^cron: x\ngroup ^sshd:\na ^sshd: Failed \\S+ for (\\S+) from\n\
                     a ^sshd: Failed \\S+ for (\\S+) via\ngroup_end\na Failed password\na .*\n";
        let told = explained(rules, LINE);
        assert_eq!(told.outcome, Outcome::Rule(RuleId(3)));
        assert_eq!(told.message, "sshd: Failed password for bob via 1.2.3.4");
        assert_eq!(told.masked, "sshd: Failed password for ______ via 1.2.3.4");
        assert_eq!(told.others, [RuleId(4), RuleId(5)]);
        let found: Vec<_> = told.tried.iter().map(|tried| tried.found).collect();
        assert_eq!(found, [Found::No, Found::Yes, Found::No, Found::Yes]);
        assert_eq!(told.tried[0].reach, None, "it is about another program");
        let reach = told.tried[2].reach.clone().unwrap();
        assert_eq!(
            told.message[reach.subject],
            *b"sshd: Failed password for bob "
        );
        assert_eq!(reach.source, Some("^sshd: Failed \\S+ for (\\S+) ".len()));
    }

    #[test]
    fn rules_without_a_program_are_likely_if_words_of_theirs_are_there() {
        let told = explained(
            "a password for root\na passwd\na ^sshd: Accepted\na .*\n",
            LINE,
        );
        let likely: Vec<_> = told
            .tried
            .iter()
            .map(|tried| tried.reach.is_some())
            .collect();
        assert_eq!(likely, [true, false, true, false]);
        assert_eq!(told.outcome, Outcome::Rule(RuleId(3)));
    }

    #[test]
    fn a_line_without_a_prefix_comes_to_no_rule() {
        let told = explained("a .*\n", "sshd: x");
        assert_eq!((told.prefix, told.outcome), (None, Outcome::NoPrefix));
        assert!(told.tried.is_empty());
    }
}
