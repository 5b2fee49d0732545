//! The rules of the configuration as the ledger knows them: by hashes of their texts.

use std::collections::HashMap;

use crate::config::{Action, Config, QueueId, RuleId};
use crate::ledger::News;
use crate::ledger::news::RuleOf;
use crate::shown::{shown, whole_characters};

/// The bytes of a pattern that are shown, at most.
const PATTERN: usize = 40;

/// The keys of the rules.
#[derive(Debug, Default)]
pub(super) struct NewsRules {
    keys: Vec<u64>,
    /// A rule of each key.
    rules: HashMap<u64, RuleId>,
}

impl NewsRules {
    /// The keys of the rules of this configuration.
    pub(super) fn new(config: &Config, news: &News) -> Self {
        let key = |rule: &crate::config::Rule| news.rule_key(rule.pattern.source());
        let keys: Vec<u64> = config.rules.iter().map(key).collect();
        let numbered = keys.iter().copied().zip((0..).map(RuleId));
        let rules = numbered.collect();
        Self { keys, rules }
    }

    /// The key of a rule; 0 for lines that no rule sees.
    pub(super) fn key(&self, rule: Option<RuleId>) -> u64 {
        let key = rule.and_then(|rule| self.keys.get(rule.index()));
        key.copied().unwrap_or(0)
    }

    /// The keys of the rules whose lines a queue has.
    pub(super) fn keys_of(&self, config: &Config, queue: QueueId) -> Vec<u64> {
        let has = |action: &Action| match action {
            Action::Queues(targets) => targets.iter().any(|target| target.queue == queue),
            _ => false,
        };
        let rules = config.rules.iter().zip(&self.keys);
        let theirs = rules.filter(|(rule, _)| has(&rule.action));
        theirs.map(|(_, key)| *key).collect()
    }

    /// What a report of a queue says of the rule of this key; nothing if it has no line of the rule.
    pub(super) fn of_queue(&self, config: &Config, key: u64, queue: QueueId) -> Option<RuleOf> {
        let rule = config.rules.get(self.rules.get(&key)?.index())?;
        let Action::Queues(targets) = &rule.action else {
            return None;
        };
        let place = targets.iter().position(|target| target.queue == queue)?;
        let source = rule.pattern.source();
        let end = whole_characters(source, PATTERN).min(source.len());
        let cut = if end < source.len() { "..." } else { "" };
        let pattern = shown(source.get(..end).unwrap_or(source));
        let action = config.target(&rule.action);
        Some(RuleOf {
            label: format!("{}: {action} {pattern}{cut}", rule.place),
            first: place == 0,
        })
    }
}
