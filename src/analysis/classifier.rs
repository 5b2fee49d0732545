//! From a line to the rule that takes it and to the text that is counted, without any counting.

use std::sync::Arc;

use crate::config::{Action, Config, RuleId};
use crate::pattern::{Budget, Spans};
use crate::record::{self, MessageText, Parsed};
use crate::rules::{self, Index, Query};

/// Finds what a configuration does with one line after the other, at the speed of the monitor.
#[derive(Debug)]
pub struct Classifier {
    config: Arc<Config>,
    index: Index,
    spans: Spans,
    budget: Budget,
    /// Whether any rule is a `continue`.
    continues: bool,
    room: Vec<u8>,
    masked: Vec<u8>,
}

/// What a configuration does with a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Outcome {
    /// This rule takes it.
    Rule(RuleId),
    /// No rule takes it: it is dropped.
    Unmatched,
    /// It has no known prefix: it goes to the queue `noprefix` if there is one, and is dropped if not.
    NoPrefix,
    /// Its `logprefix` gave no host: it is dropped.
    NoHost,
}

/// A line as a configuration reads it, and what becomes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Taken<'a> {
    /// What becomes of it.
    pub outcome: Outcome,
    /// The host, as the prefix names it; empty without a known prefix.
    pub host: &'a [u8],
    /// The message as the rules see it; the whole line without a known prefix.
    pub message: &'a [u8],
    /// The text that is counted in the queues of the rule, its groups masked; empty if nothing is counted.
    pub masked: &'a [u8],
    /// The groups of the match, for a rule with queues or a `repeat`.
    pub spans: &'a Spans,
}

impl Classifier {
    /// For lines of this configuration.
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            index: Index::new(&config.rules),
            continues: config
                .rules
                .iter()
                .any(|rule| rule.action == Action::Continue),
            config,
            spans: Spans::default(),
            budget: Budget::default(),
            room: Vec::new(),
            masked: Vec::new(),
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What becomes of a line without its newline.
    pub fn take<'a>(&'a mut self, line: &'a [u8]) -> Taken<'a> {
        let config = &*self.config;
        self.budget.begin(line.len());
        self.budget.gave_up().clear();
        self.masked.clear();
        self.spans.0.clear();
        let parsed = record::parse(line, &config.lines, &mut self.spans, &mut self.budget);
        let record = match parsed {
            Parsed::Record(record) => record,
            Parsed::NoPrefix => return self.unprefixed(line),
            Parsed::NoHost => return self.without_rules(line, Outcome::NoHost),
        };
        let mut room = Vec::new();
        let mut text = MessageText::new(&record.message, config.lines.hidepid, &mut room);
        let query = Query {
            host: record.host,
            newlines: memchr::memchr(b'\n', text.written()).is_some(),
            text: &mut text,
            spans: &mut self.spans,
            budget: &mut self.budget,
        };
        let taken = self.index.decide(&config.rules, query);
        let rule = taken.and_then(|id| config.rules.get(id.index()));
        if let Some(rule) = rule.filter(|rule| matches!(rule.action, Action::Queues(_))) {
            let mask = &config.report.mask;
            rules::mask(
                &mut text,
                &rule.pattern,
                &self.spans,
                mask,
                &mut self.masked,
            );
        }
        self.room.clear();
        self.room.extend_from_slice(text.message());
        Taken {
            outcome: taken.map_or(Outcome::Unmatched, Outcome::Rule),
            host: record.host,
            message: &self.room,
            masked: &self.masked,
            spans: &self.spans,
        }
    }

    /// A line without a known prefix: a `continue` rule may take it, if there is a line before.
    fn unprefixed<'a>(&'a mut self, line: &'a [u8]) -> Taken<'a> {
        let rules = &self.config.rules;
        let taken = match self.continues {
            true => rules::decide_continuation(rules, b"", line, &mut self.spans, &mut self.budget),
            false => None,
        };
        match taken {
            Some(id) => Taken {
                outcome: Outcome::Rule(id),
                host: &[],
                message: line,
                masked: &self.masked,
                spans: &self.spans,
            },
            None => self.without_rules(line, Outcome::NoPrefix),
        }
    }

    /// A line that never comes to the rules.
    fn without_rules<'a>(&'a mut self, line: &'a [u8], outcome: Outcome) -> Taken<'a> {
        if outcome == Outcome::NoPrefix && self.config.noprefix.is_some() {
            self.masked.extend_from_slice(line);
        }
        self.spans.0.clear();
        Taken {
            outcome,
            host: &[],
            message: line,
            masked: &self.masked,
            spans: &self.spans,
        }
    }
}
