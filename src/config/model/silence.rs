//! The settings of silence: who is watched, and when nobody is to be told.

use std::time::Duration;

use bstr::BStr;
use chrono::TimeZone;

use super::QueueId;
use crate::clock::Time;
use crate::pattern::{Found, Pattern};
use crate::schedule::CronSpec;

/// `set silence` and `set hush`.
#[derive(Clone, Debug, Default)]
pub struct SilenceSettings {
    /// `set silence QUEUE`: the queue of all hosts and files that no rule names; they are watched by what they did.
    pub learnt: Option<QueueId>,
    /// `set silence QUEUE PATTERN DURATION` and `set silence off PATTERN`: the first that matches counts.
    pub rules: Vec<SilenceRule>,
    /// `set hush PATTERN [WHEN] DURATION`.
    pub hushes: Vec<PlannedHush>,
}

/// How hosts of some names are watched.
#[derive(Clone, Debug)]
pub struct SilenceRule {
    /// The pattern of their names.
    pub pattern: Pattern,
    /// The longest silence, and the queue that is told of a longer one; nothing if none is told.
    pub watch: Option<(QueueId, Duration)>,
}

/// A time in which silences of some hosts are planned.
#[derive(Clone, Debug)]
pub struct PlannedHush {
    /// The pattern of the names of hosts and files.
    pub pattern: Pattern,
    /// When it begins.
    pub begins: CronSpec,
    /// How long it lasts.
    pub lasts: Duration,
}

impl PlannedHush {
    /// The end of the last one that covers some of the time between two instants, if it is one of this name.
    pub fn covers<Z: TimeZone>(&self, name: &BStr, from: Time, to: Time, zone: &Z) -> Option<Time> {
        if self.pattern.is_match(name) != Found::Yes {
            return None;
        }
        let begun = self.begins.due(from - self.lasts, to, zone)?;
        Some(begun + self.lasts)
    }
}

impl SilenceSettings {
    /// Whether anything is watched.
    pub fn is_on(&self) -> bool {
        self.learnt.is_some() || self.rules.iter().any(|rule| rule.watch.is_some())
    }

    /// The rule for a name, if one has it.
    pub fn rule(&self, name: &BStr) -> Option<&SilenceRule> {
        let mut rules = self.rules.iter();
        rules.find(|rule| rule.pattern.is_match(name) == Found::Yes)
    }

    /// The queue that is told of the silence of a host or file.
    pub fn queue(&self, name: &BStr) -> Option<QueueId> {
        match self.rule(name) {
            Some(rule) => rule.watch.map(|(queue, _)| queue),
            None => self.learnt,
        }
    }

    /// The queue for what is not of one host.
    pub fn console(&self) -> Option<QueueId> {
        let named = |rule: &SilenceRule| rule.watch.map(|(queue, _)| queue);
        self.learnt.or_else(|| self.rules.iter().find_map(named))
    }
}
