//! The messages that rules expect, and these rules.

use bstr::BStr;

use crate::config::{Action, Config, QueueId, RuleId};
use crate::ledger::silence::{Expectation, Expected};
use crate::schedule::Schedule;

/// The messages that are expected, and the rules that expect them.
#[derive(Debug, Default)]
pub(super) struct Expecting {
    pub expected: Expected,
    pub rules: Vec<Expectation>,
    /// The number of each of these rules, and the queue that is told.
    pub ids: Vec<(RuleId, QueueId)>,
}

impl Expecting {
    pub(super) fn new(config: &Config) -> Self {
        let mut expecting = Self::default();
        expecting.read(config);
        expecting
    }

    pub(super) fn read(&mut self, config: &Config) {
        (self.rules, self.ids) = (Vec::new(), Vec::new());
        for (rule, id) in config.rules.iter().zip(0..) {
            let Action::Expect(message) = &rule.action else {
                continue;
            };
            let pattern = BStr::new(rule.pattern.source());
            let queue = config.queues.get(message.queue.index());
            self.ids.push((RuleId(id), message.queue));
            self.rules.push(Expectation {
                name: format!("{} {pattern}", config.target(&rule.action)),
                pattern: pattern.to_owned(),
                begins: message.begins.clone(),
                grace: message.grace,
                at_once: queue.is_some_and(|queue| queue.schedule == Schedule::Now),
            });
        }
    }
}
