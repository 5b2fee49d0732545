//! `repeat`: "last message repeated 3 times" counts as three more of the host's line before.

use std::sync::Arc;

use bstr::{BStr, BString};

use super::Monitor;
use crate::config::{Action, Config, QueueId, RuleId, Target};
use crate::counters::Counter;
use crate::hosts::Host;
use crate::pattern::Spans;

/// The line before of a host.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    taken: Taken,
    /// The masked line.
    line: BString,
}

/// What took a line.
#[derive(Clone, Debug, Default)]
enum Taken {
    /// There was none yet.
    #[default]
    None,
    /// A `trash` rule: its repetitions are thrown away too.
    Trash,
    /// A rule with queues.
    Rule(RuleId),
    /// A rule of a configuration that is gone, with these queues that are still there: all escalation
    /// has begun anew since.
    Queues(Arc<[Target]>),
    /// A rule whose queues are gone: repetitions belong nowhere.
    Gone,
}

impl Last {
    /// A rule took this line. Gives how many bytes of memory more that takes.
    pub(super) fn take(&mut self, rule: RuleId, line: &[u8]) -> usize {
        let before = self.line.capacity();
        self.taken = Taken::Rule(rule);
        self.line.clear();
        self.line.extend_from_slice(line);
        self.line.capacity().saturating_sub(before)
    }

    /// `trash` took the line.
    pub(super) fn drop_line(&mut self) {
        self.taken = Taken::Trash;
        self.line.clear();
    }

    /// A line whose rule is gone.
    pub(super) fn gone() -> Self {
        Self {
            taken: Taken::Gone,
            ..Self::default()
        }
    }

    /// Whether it can be known again after a restart. Repetitions of others are counted as such that
    /// nothing is known of.
    pub(super) fn can_be_saved(&self) -> bool {
        matches!(self.taken, Taken::Trash | Taken::Rule(_))
    }

    /// The rule that took it.
    pub(super) fn rule(&self) -> Option<RuleId> {
        match self.taken {
            Taken::Rule(rule) => Some(rule),
            _ => None,
        }
    }

    /// The masked line.
    pub(super) fn text(&self) -> &BStr {
        self.line.as_ref()
    }

    /// Moves it to the queues of a new configuration.
    pub(super) fn reconfigure(&mut self, old: &Config, moved: &dyn Fn(QueueId) -> Option<QueueId>) {
        let targets = match &self.taken {
            Taken::Rule(rule) => targets_of(old, *rule),
            Taken::Queues(targets) => targets,
            Taken::None | Taken::Trash | Taken::Gone => return,
        };
        let plain = targets.iter().filter(|t| t.escalation.is_none());
        let moved = plain.filter_map(|t| {
            Some(Target {
                queue: moved(t.queue)?,
                escalation: None,
            })
        });
        let kept: Vec<Target> = moved.collect();
        self.taken = match kept.is_empty() && !targets.is_empty() {
            true => Taken::Gone,
            false => Taken::Queues(kept.into()),
        };
    }
}

/// The queues of a rule.
pub(super) fn targets_of(config: &Config, rule: RuleId) -> &[Target] {
    match config.rules.get(rule.index()).map(|rule| &rule.action) {
        Some(Action::Queues(targets)) => targets,
        _ => &[],
    }
}

impl Monitor {
    /// Adds the number of a `repeat` line's first group to the host's line before.
    pub(super) fn repeat(
        &mut self,
        config: &Config,
        host: Host<'_>,
        message: &[u8],
        spans: &Spans,
    ) {
        let group = spans.0.get(1).copied().flatten();
        let number = group.and_then(|(start, end)| number(&message[start..end]));
        let last = self.last.get(host.number());
        let (Some(n), Some(Last { taken, line })) = (number, last.cloned()) else {
            return self.tell(Counter::RepeatDropped);
        };
        match taken {
            Taken::None | Taken::Gone => self.tell(Counter::RepeatDropped),
            Taken::Trash => {}
            Taken::Rule(rule) => self.count_line(rule, targets_of(config, rule), host, &line, n),
            Taken::Queues(targets) => {
                for target in &*targets {
                    self.add(target.queue, host, &line, n);
                }
            }
        }
    }
}

/// An unsigned whole number, as a count must be.
fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)?
        .parse()
        .ok()
}
