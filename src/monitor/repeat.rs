//! `repeat`: "last message repeated 3 times" counts as three more of the previous line of its source
//! and host.

use super::monitor::Monitor;
use super::previous::{PreviousLine, TakenBy, targets_of};
use crate::config::Config;
use crate::counters::Counter;
use crate::hosts::Host;
use crate::pattern::Spans;

impl Monitor {
    /// Takes a `repeat` line: adds the number that its rule's first group matched to the count of the
    /// previous line of its source and host.
    pub(super) fn repeat(
        &mut self,
        config: &Config,
        host: Host<'_>,
        message: &[u8],
        spans: &Spans,
    ) {
        let group = spans.0.get(1).copied().flatten();
        let number = group.and_then(|(start, end)| number(message.get(start..end)?));
        let previous = self.previous.get(self.source, host.number());
        let n = match number {
            Some(Number::Of(n)) if n <= config.repeat_limit => n,
            Some(_) => return self.count_event(Counter::RepeatOverLimit),
            None => return self.count_event(Counter::RepeatDropped),
        };
        let Some(PreviousLine { by, line, .. }) = previous.cloned() else {
            return self.count_event(Counter::RepeatDropped);
        };
        match by {
            TakenBy::None | TakenBy::Unprefixed | TakenBy::Gone => {
                self.count_event(Counter::RepeatDropped)
            }
            TakenBy::Trash => {}
            TakenBy::Rule(rule) => {
                if self.trending.is_on() {
                    self.trending.add(Some(rule), host.number(), n);
                }
                self.count_line(rule, targets_of(config, rule), host, &line, n);
            }
            TakenBy::Queues(targets) => {
                for target in &*targets {
                    self.add((target.queue, None), host, &line, n);
                }
            }
        }
    }
}

/// How often a line was repeated, as it is written.
enum Number {
    Of(u64),
    /// Larger than any number that is counted.
    Huge,
}

/// Reads an unsigned whole number in decimal digits; nothing for any other text.
fn number(digits: &[u8]) -> Option<Number> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let text = str::from_utf8(digits).ok().filter(|_| plain)?;
    Some(text.parse().map_or(Number::Huge, Number::Of))
}
