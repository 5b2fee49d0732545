//! What the rules of a configuration do with the lines of logs: which take how many, which take none, and what
//! is thrown away.

mod idle;
mod stamp;
mod texts;

use std::sync::Arc;

use bstr::BString;
use chrono::NaiveDateTime;
use rustc_hash::FxHashSet;

use super::classifier::{Classifier, Outcome, Taken};
use super::loud::is_loud;
use crate::config::{Action, Config, Rule, RuleId};
use crate::hash::Map;
use stamp::stamp;
use texts::Texts;

pub use idle::TakenBefore;
pub use texts::Varying;

/// Messages of a rule that are kept, at most.
const SAMPLES: usize = 16;
/// Loud messages of a rule that are kept, at most.
const LOUD: usize = 3;
/// Hosts that are told apart, at most: whoever sends lines can invent names.
const MOST_HOSTS: usize = 1 << 16;

/// What the rules did with the lines so far.
#[derive(Debug)]
pub struct Coverage {
    config: Arc<Config>,
    classifier: Classifier,
    rules: Vec<RuleUse>,
    hosts: Map<BString, u32>,
    hasher: ahash::RandomState,
    /// The local time by which a year is found for lines that have none.
    now: NaiveDateTime,
    lines: u64,
    unmatched: u64,
    no_prefix: u64,
    no_host: u64,
}

/// What a rule did with the lines so far.
#[derive(Debug, Default)]
pub struct RuleUse {
    /// Number of lines that it took.
    pub lines: u64,
    /// The numbers of the hosts that they are of.
    hosts: FxHashSet<u32>,
    /// The latest time on a line.
    pub last: Option<NaiveDateTime>,
    /// Number of lines with words of failure.
    pub loud: u64,
    /// Some of the messages, no two of one kind; host and message.
    samples: Vec<(BString, BString)>,
    /// Some of the messages with words of failure, no two of one kind.
    loud_samples: Vec<BString>,
    kinds: FxHashSet<u64>,
    texts: Texts,
}

impl RuleUse {
    /// Number of hosts.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Up to `most` messages, those with words of failure first.
    pub fn samples(&self, most: usize) -> Vec<&BString> {
        let quiet = self.samples.iter().map(|(_, message)| message);
        let quiet = quiet.filter(|message| !self.loud_samples.contains(message));
        self.loud_samples.iter().chain(quiet).take(most).collect()
    }

    /// Number of different texts that were counted, up to a bound.
    pub fn different(&self) -> usize {
        self.texts.different()
    }

    /// The words that vary in the texts that are counted, and are not masked.
    pub fn varying(&self) -> Vec<Varying> {
        self.texts.varying()
    }
}

impl Coverage {
    /// No line yet. `now` is the local time: a line without a year is taken for one of the year before it.
    pub fn new(config: Arc<Config>, now: NaiveDateTime) -> Self {
        Self {
            rules: config.rules.iter().map(|_| RuleUse::default()).collect(),
            classifier: Classifier::new(Arc::clone(&config)),
            config,
            hosts: Map::default(),
            hasher: ahash::RandomState::new(),
            now,
            lines: 0,
            unmatched: 0,
            no_prefix: 0,
            no_host: 0,
        }
    }

    /// Takes a line (without its newline).
    pub fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        let taken = self.classifier.take(line);
        let id = match taken.outcome {
            Outcome::Rule(id) => id,
            Outcome::Unmatched => {
                self.unmatched += 1;
                return;
            }
            Outcome::NoPrefix => {
                self.no_prefix += 1;
                return;
            }
            Outcome::NoHost => {
                self.no_host += 1;
                return;
            }
        };
        let host = match self.hosts.get(taken.host) {
            Some(&host) => host,
            None if self.hosts.len() < MOST_HOSTS => {
                let next = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
                self.hosts.insert(taken.host.into(), next);
                next
            }
            None => u32::MAX,
        };
        if let Some(used) = self.rules.get_mut(id.index()) {
            used.add(line, &taken, host, self.now, &self.hasher);
        }
    }

    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Number of lines.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Number of lines that no rule took.
    pub fn unmatched(&self) -> u64 {
        self.unmatched
    }

    /// Number of lines without a known prefix.
    pub fn no_prefix(&self) -> u64 {
        self.no_prefix
    }

    /// Number of lines whose prefix gave no host.
    pub fn no_host(&self) -> u64 {
        self.no_host
    }

    /// The rules that take lines, groups not among them, with what they did, in order.
    pub fn rules(&self) -> impl Iterator<Item = (RuleId, &Rule, &RuleUse)> {
        let all = self.config.rules.iter().zip(&self.rules).zip(0..);
        all.map(|((rule, used), id)| (RuleId(id), rule, used))
            .filter(|(_, rule, _)| is_taker(rule))
    }

    /// The rules outside of groups that match every line.
    pub fn catch_alls(&self) -> impl Iterator<Item = (RuleId, &Rule, &RuleUse)> {
        self.rules()
            .filter(|(_, rule, _)| rule.pattern.properties().matches_everything)
    }

    /// The outermost groups of a rule that matched the same text in all lines, by their numbers, with the text.
    pub fn constant_masks(&self, id: RuleId) -> Vec<(usize, &bstr::BStr)> {
        let found = self
            .config
            .rules
            .get(id.index())
            .zip(self.rules.get(id.index()));
        let Some((rule, used)) = found.filter(|(rule, _)| masks(rule)) else {
            return Vec::new();
        };
        let mut constant = used.texts.constant_masks();
        constant.retain(|(group, _)| rule.pattern.parent(*group).is_none());
        constant
    }

    /// For the rules that took no line: the rules before them that took what they match.
    pub fn taken_before(&self) -> Vec<TakenBefore> {
        idle::taken_before(&self.config.rules, &self.rules)
    }
}

impl RuleUse {
    fn add(
        &mut self,
        line: &[u8],
        taken: &Taken<'_>,
        host: u32,
        now: NaiveDateTime,
        hasher: &ahash::RandomState,
    ) {
        self.lines += 1;
        self.hosts.insert(host);
        self.last = self.last.max(stamp(line, now));
        let loud = is_loud(taken.message);
        self.loud += u64::from(loud);
        if !taken.masked.is_empty() {
            let hash = hasher.hash_one(taken.masked);
            self.texts
                .add(taken.message, taken.spans, taken.masked, hash);
        }
        let wanted = self.samples.len() < SAMPLES || (loud && self.loud_samples.len() < LOUD);
        if wanted && self.kinds.insert(hasher.hash_one(kind(taken.message))) {
            if self.samples.len() < SAMPLES {
                self.samples.push((taken.host.into(), taken.message.into()));
            }
            if loud && self.loud_samples.len() < LOUD {
                self.loud_samples.push(taken.message.into());
            }
        }
    }
}

/// A message without its digits: two of one kind seldom differ in anything else.
fn kind(message: &[u8]) -> Vec<u8> {
    message
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_digit())
        .collect()
}

/// Whether a rule takes lines.
fn is_taker(rule: &Rule) -> bool {
    !matches!(rule.action, Action::Group { .. } | Action::GroupHost { .. })
}

/// Whether what the groups of a rule match is masked.
fn masks(rule: &Rule) -> bool {
    matches!(rule.action, Action::Queues(_))
}

#[cfg(test)]
mod tests;
