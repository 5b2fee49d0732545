//! `repeat`: "last message repeated 3 times" counts as three more of the host's line before.

use std::sync::Arc;

use bstr::{BStr, BString};

use super::Monitor;
use crate::config::{QueueId, RuleId, Target};
use crate::counters::Counter;
use crate::pattern::Spans;

/// The last line of a host that a rule took.
#[derive(Clone, Debug, Default)]
pub(super) struct Last {
    /// The rule that took it; nothing after a reload, which begins all escalation anew.
    rule: Option<RuleId>,
    /// Its queues; none for `trash`.
    targets: Option<Arc<[Target]>>,
    line: BString,
    /// One of its queues is gone since.
    queue_gone: bool,
}

impl Last {
    /// A rule took this line. Reuses the memory of the line before.
    pub(super) fn take(&mut self, rule: RuleId, targets: &Arc<[Target]>, line: &[u8]) {
        if self.rule != Some(rule) {
            self.rule = Some(rule);
            self.targets = Some(Arc::clone(targets));
        }
        self.line.clear();
        self.line.extend_from_slice(line);
        self.queue_gone = false;
    }

    /// `trash` took the line.
    pub(super) fn drop_line(&mut self) {
        self.rule = None;
        self.targets = None;
        self.line.clear();
        self.queue_gone = false;
    }

    /// A line whose rule is gone: its repetitions belong nowhere.
    pub(super) fn gone() -> Self {
        Self {
            queue_gone: true,
            ..Self::default()
        }
    }

    /// The rule that took it.
    pub(super) fn rule(&self) -> Option<RuleId> {
        self.rule
    }

    /// The masked line.
    pub(super) fn text(&self) -> &BStr {
        self.line.as_ref()
    }

    /// Moves it to the queues of a new configuration.
    pub(super) fn reconfigure(&mut self, moved: &dyn Fn(QueueId) -> Option<QueueId>) {
        let Some(targets) = self.targets.take() else {
            return;
        };
        let plain = targets.iter().filter(|t| t.escalation.is_none());
        let moved = plain.filter_map(|t| {
            Some(Target {
                queue: moved(t.queue)?,
                escalation: None,
            })
        });
        let kept: Vec<Target> = moved.collect();
        self.queue_gone |= kept.len() < targets.len();
        self.rule = None;
        self.targets = Some(kept.into());
    }
}

impl Monitor {
    /// Adds the number of a `repeat` line's first group to the host's line before.
    pub(super) fn repeat(&mut self, host: &[u8], message: &[u8], spans: &Spans) {
        let group = spans.0.get(1).copied().flatten();
        let number = group.and_then(|(start, end)| number(&message[start..end]));
        let (Some(n), Some(last)) = (number, self.last.get(BStr::new(host)).cloned()) else {
            return self.tell(Counter::RepeatDropped);
        };
        let targets = last.targets.as_deref().unwrap_or_default();
        if last.queue_gone && targets.is_empty() {
            return self.tell(Counter::RepeatDropped);
        }
        match last.rule {
            Some(rule) => self.count_line(rule, targets, host, &last.line, n),
            None => {
                for target in targets {
                    self.add(target.queue, host, &last.line, n);
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
