//! `continue` and `set join on`: a line that belongs to the line before of its source and host. It is not counted;
//! the first such lines of a line are kept as text beside its count.
//!
//! Nothing waits for the end of a record, and no clock is looked at: what is known of the line before is in the
//! state, so that neither the way in which lines are read nor a restart changes the reports.

use bstr::BString;

use super::monitor::{Monitor, Scratch};
use super::previous::{Continues, PreviousLine, TakenBy, targets_of};
use super::trace;
use crate::config::{Config, QueueId};
use crate::counters::Counter;
use crate::hosts::Host;
use crate::queue::Continuation;
use crate::record::{MessageText, UNPREFIXED};
use crate::rules;

impl Monitor {
    /// Notes the host of the line that is being taken: a line without a known prefix may belong to it.
    #[inline]
    pub(super) fn note_latest(&mut self, host: &[u8]) {
        if !self.continuing.on {
            return;
        }
        let number = self.hosts.host(host).number();
        self.previous.set_latest(self.source, number);
    }

    /// Notes a line that is in no queue: its continuation lines are dropped as it is.
    #[inline]
    pub(super) fn note_uncounted(&mut self, host: &[u8]) {
        if !self.continuing.on {
            return;
        }
        let number = self.hosts.host(host).number();
        self.previous.set_latest(self.source, number);
        self.close(number);
    }

    /// Notes that the continuation lines of this host are dropped, up to its next line.
    fn close(&mut self, host: usize) {
        let closed = |line: &PreviousLine| line.continues == Continues::Closed;
        if !self.previous.own(self.source, host).is_some_and(closed) {
            let change = |line: &mut PreviousLine| line.continues = Continues::Closed;
            self.previous.set(self.source, host, change);
        }
    }

    /// Notes a line without a known prefix, which is in the queue `noprefix`.
    pub(super) fn note_unprefixed(&mut self, line: &[u8]) {
        let host = self.hosts.host(UNPREFIXED).number();
        self.previous.set_latest(self.source, host);
        let change = |previous: &mut PreviousLine| previous.take_unprefixed(line);
        self.previous.set(self.source, host, change);
    }

    /// Takes a line without a known prefix that belongs to the line before of its source. Returns whether it does.
    pub(super) fn joins(&mut self, line: &[u8], config: &Config, scratch: &mut Scratch) -> bool {
        let latest = self.previous.latest(self.source);
        let Some(host) = latest.and_then(|number| self.hosts.name(number)) else {
            return false;
        };
        let host = host.to_owned();
        let Scratch {
            spans,
            masked,
            budget,
            ..
        } = scratch;
        let by_rule = match self.continuing.rules {
            true => rules::decide_continuation(&config.rules, &host, line, spans, budget),
            false => None,
        };
        let rule = by_rule.and_then(|id| config.rules.get(id.index()));
        if rule.is_none() && (!config.lines.join || host == UNPREFIXED) {
            return false;
        }
        trace::continues(line, rule);
        masked.clear();
        match rule {
            Some(rule) => {
                let mask = &config.report.mask;
                let mut text = MessageText::from(line);
                rules::mask(&mut text, &rule.pattern, spans, mask, masked);
            }
            None => masked.extend_from_slice(line),
        }
        let host = Host::clone(&self.hosts.host(&host));
        self.continuation(config, host, masked);
        true
    }

    /// Takes a continuation line of the line before of this host; `text` is what the report shows of it.
    pub(super) fn continuation(&mut self, config: &Config, host: Host<'_>, text: &[u8]) {
        self.count_event(Counter::Continued);
        let number = host.number();
        let Some(line) = self.previous.own(self.source, number) else {
            return self.count_event(Counter::ContinueDropped);
        };
        let (first, owned) = match line.continues {
            Continues::Open => (true, u64::MAX),
            Continues::Kept(queues) if queues != 0 => (false, queues),
            Continues::Kept(_) | Continues::Closed => return,
        };
        if config.continue_lines == 0 || text.trim_ascii().is_empty() {
            return;
        }
        let queues = self.queues_of(config, &line.by);
        let before = line.line.clone();
        let mut kept = 0;
        for (bit, queue) in bits(owned).zip(queues) {
            let Some(bit) = bit else {
                continue;
            };
            if self.keep(config, queue, (host, &before), (text, first)) {
                kept |= bit;
            }
        }
        let continues = Continues::Kept(kept);
        let change = |line: &mut PreviousLine| line.continues = continues;
        if first || kept != owned {
            self.previous.set(self.source, number, change);
        }
    }

    /// The queues that a previous line was counted in.
    fn queues_of(&self, config: &Config, by: &TakenBy) -> Vec<QueueId> {
        let targets = match by {
            TakenBy::Rule(rule) => targets_of(config, *rule),
            TakenBy::Queues(targets) => targets,
            TakenBy::Unprefixed => return config.noprefix.into_iter().collect(),
            TakenBy::None | TakenBy::Trash | TakenBy::Gone => &[],
        };
        targets.iter().map(|target| target.queue).collect()
    }

    /// Keeps a continuation line in a queue. Returns whether the next ones of this line may be kept there, too.
    fn keep(
        &mut self,
        config: &Config,
        queue: QueueId,
        (host, line): (Host<'_>, &BString),
        (text, first): (&[u8], bool),
    ) -> bool {
        // The line before may wait to be counted.
        self.count_batch();
        let Some(state) = self.queues.get_mut(queue.index()) else {
            return false;
        };
        let (most, bound) = (config.continue_lines, config.state.bound());
        let kept = state
            .tally
            .continue_line((host, line), text, (first, most), bound);
        if kept == Continuation::Over {
            self.count_event(Counter::ContinueOverLimit);
        }
        kept != Continuation::NotFirst && !(first && kept == Continuation::Over)
    }

    /// To be called when the lines of a queue left it for a report: what continues them comes too late.
    pub(super) fn release(&mut self, queue: QueueId) {
        if !self.continuing.on {
            return;
        }
        let config = self.config.clone();
        let mut held = std::mem::take(&mut self.previous);
        held.change_each(|line| {
            let Continues::Kept(owned) = line.continues else {
                return None;
            };
            let queues = self.queues_of(&config, &line.by);
            let theirs = |(bit, of): (Option<u64>, QueueId)| bit.filter(|_| of == queue);
            let released = bits(owned).zip(queues).filter_map(theirs);
            let left = owned & !released.fold(0, |all, bit| all | bit);
            (left != owned).then_some(Continues::Kept(left))
        });
        self.previous = held;
    }
}

/// Each bit of a set of queues, in the order of the queues of a rule; nothing for a queue that is not in it. Queues
/// beyond the 64th are in none.
fn bits(set: u64) -> impl Iterator<Item = Option<u64>> {
    let each = (0..u64::BITS).map(move |at| Some(1 << at).filter(|bit| set & bit != 0));
    each.chain(std::iter::repeat(None))
}
