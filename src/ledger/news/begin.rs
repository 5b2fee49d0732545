//! The beginning of news, and what a change of the rules means for them.

use super::key::Keyed;
use super::ops::{About, Op};
use super::rules::RuleRecord;
use super::state::News;
use crate::clock::Time;
use crate::config::NewsSettings;
use crate::ledger::Day;

impl News {
    /// Whether anything was ever noted.
    pub fn has_begun(&self) -> bool {
        self.about.key != [0; 2]
    }

    /// Begins, if that was not done before, and goes on with the rules of these texts. What a rule takes that is
    /// new, or that was changed, is taken over without news: else each improvement of the rules would make all
    /// of their kinds new.
    pub fn begin<'a>(&mut self, rules: impl Iterator<Item = &'a [u8]>, now: Time) {
        let today = Day::of(now);
        let fresh = !self.has_begun();
        if fresh {
            self.perform(Op::About(About {
                key: Keyed::random_key(),
                began: today,
                ..About::default()
            }));
        }
        let keys: std::collections::BTreeSet<u64> = rules.map(|text| self.rule_key(text)).collect();
        let first = self.rules.is_empty();
        let new = keys.iter().filter(|key| !self.rules.contains_key(key));
        let new: Vec<u64> = new.copied().collect();
        for key in new {
            let rule = match first {
                true => RuleRecord::default(),
                false => RuleRecord::changed(today),
            };
            self.perform(Op::Rule(key, Box::new(rule)));
        }
        let gone = self.rules.keys().filter(|key| !keys.contains(key));
        let gone: Vec<u64> = gone.copied().collect();
        if !gone.is_empty() {
            self.perform(Op::ForgetRules(gone));
        }
    }

    /// The key by which the rule of this text is known.
    pub fn rule_key(&self, text: &[u8]) -> u64 {
        Keyed::new(self.about.key).of(text)
    }

    /// Forgets what waits to be told by queues that are not there any more.
    pub fn keep_queues(&mut self, there: impl Fn(&str) -> bool) {
        let gone = self.waiting.keys().filter(|queue| !there(queue));
        let gone: Vec<String> = gone.cloned().collect();
        for queue in gone {
            self.perform(Op::Report(queue, Vec::new()));
        }
    }

    /// Whether all is learnt still, and nothing told.
    pub fn is_learning(&self, settings: &NewsSettings, today: Day) -> bool {
        !self.about.learnt && today.since(self.about.began) < settings.learn
    }

    /// The first day with news.
    pub fn first_day(&self, settings: &NewsSettings) -> Day {
        self.about.began.after(settings.learn)
    }

    /// The day on which the ledger began.
    pub fn began(&self) -> Day {
        self.about.began
    }
}
