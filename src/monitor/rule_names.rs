//! Names of rules that a restart does not change.

use std::collections::HashMap;

use bstr::BStr;

use crate::config::{Action, Config, RuleId, Target};

/// Stable names of the rules with queues, for the snapshot: a rule is known again by its queues and its
/// pattern, so that the configuration may change between two runs.
#[derive(Clone, Debug, Default)]
pub(super) struct RuleNames {
    names: HashMap<RuleId, String>,
    ids: HashMap<String, RuleId>,
}

impl RuleNames {
    /// The names of the rules of this configuration.
    pub(super) fn new(config: &Config) -> Self {
        let mut names = Self::default();
        let mut twins = HashMap::new();
        for (index, rule) in config.rules.iter().enumerate() {
            let (Action::Queues(targets), Ok(id)) = (&rule.action, u32::try_from(index)) else {
                continue;
            };
            let queue = |t: &Target| {
                let name = config
                    .queues
                    .get(t.queue.index())
                    .map_or("", |q| q.name.as_str());
                t.escalation
                    .map_or(name.to_owned(), |n| format!("{name}:{n}"))
            };
            let queues: Vec<String> = targets.iter().map(queue).collect();
            let text = format!("{} {}", queues.join(","), BStr::new(rule.pattern.source()));
            // A rule that is written twice: the names differ in how often it was written before.
            let before = twins.entry(text.clone()).or_insert(0_usize);
            let name = format!("{before} {text}");
            *before += 1;
            names.names.insert(RuleId(id), name.clone());
            names.ids.insert(name, RuleId(id));
        }
        names
    }

    /// The name of a rule; nothing if the rule has no queues.
    pub(super) fn name(&self, rule: RuleId) -> Option<&str> {
        self.names.get(&rule).map(String::as_str)
    }

    /// The rule of this name, if the configuration still has it.
    pub(super) fn id(&self, name: &str) -> Option<RuleId> {
        self.ids.get(name).copied()
    }
}
