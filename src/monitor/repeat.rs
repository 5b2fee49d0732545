//! `repeat`: "last message repeated 3 times" counts as three more of the line before, of the
//! same source and host.

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
    /// A rule took this line.
    pub(super) fn take(&mut self, rule: RuleId, line: &[u8]) {
        self.taken = Taken::Rule(rule);
        self.line.clear();
        self.line.extend_from_slice(line);
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

    /// The memory of the line, bytes.
    pub(super) fn room(&self) -> usize {
        self.line.capacity()
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
    /// Adds the number of a `repeat` line's first group to the line before of its source and host.
    pub(super) fn repeat(
        &mut self,
        config: &Config,
        host: Host<'_>,
        message: &[u8],
        spans: &Spans,
    ) {
        let group = spans.0.get(1).copied().flatten();
        let number = group.and_then(|(start, end)| number(message.get(start..end)?));
        let last = self.lasts.get(self.source, host.number());
        let n = match number {
            Some(Number::Of(n)) if n <= config.repeat_limit => n,
            Some(_) => return self.count_event(Counter::RepeatOverLimit),
            None => return self.count_event(Counter::RepeatDropped),
        };
        let Some(Last { taken, line }) = last.cloned() else {
            return self.count_event(Counter::RepeatDropped);
        };
        match taken {
            Taken::None | Taken::Gone => self.count_event(Counter::RepeatDropped),
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
enum Number {
    Of(u64),
    /// It is larger than any that we count.
    Huge,
}

fn number(digits: &[u8]) -> Option<Number> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| plain)?;
    Some(text.parse().map_or(Number::Huge, Number::Of))
}
