//! From the bytes of a line to the counts.

use std::sync::Arc;

use bstr::BStr;

use super::monitor::{Monitor, Scratch};
use super::previous::PreviousLine;
use super::trace;
use crate::config::{Action, Config, QueueId, RuleId, Target};
use crate::counters::Counter;
use crate::hosts::{Host, HostTable};
use crate::queue::{Collector, Taken};
use crate::record::{self, JsonForm, MessageText, Parsed};
use crate::rules::{self, Query};
use crate::simd::Newlines;

/// Hosts in the table of hosts, at most, before it begins anew.
pub(super) const MOST_HOSTS: usize = 1 << 14;
/// Bytes of the names in the table of hosts, at most, before it begins anew.
const MOST_BYTES: usize = 16 << 20;

/// Steps of matching that lines may take until the caller has to do other work: some 50 ms.
const SLICE: u64 = 1 << 22;

/// What is known of a line before it is parsed.
#[derive(Clone, Copy, Default)]
struct Known {
    /// Whether it is surely valid UTF-8; if not, that is yet to be found out.
    utf8: bool,
    /// Whether it holds a newline, as an element of a Redis list may.
    newlines: bool,
}

impl Monitor {
    /// Takes the lines of a batch, each ended by a newline or by the end of the batch. `source` names
    /// where they come from: a `repeat` line means the previous line of its source and host.
    pub fn take_from(&mut self, source: &BStr, text: &[u8]) {
        let mut from = 0;
        while from < text.len() {
            from += self.take_some(source, &text[from..]);
        }
    }

    /// Takes the first lines of a batch, one at least, until they have cost a slice of time. Returns how
    /// many bytes of the batch are taken. Lines that cost much are so taken in slices, between which the
    /// caller can do what cannot wait.
    pub fn take_some(&mut self, source: &BStr, text: &[u8]) -> usize {
        self.begin(source);
        let mut spent = 0;
        let config = Arc::clone(&self.config);
        let mut scratch = std::mem::take(&mut self.scratch);
        let (mut newlines, mut from) = (Newlines::new(text), 0);
        while let Some(end) = newlines.next() {
            let known = Known {
                utf8: newlines.ascii(),
                newlines: false,
            };
            self.take_line(&text[from..end], known, &config, &mut scratch);
            from = end + 1;
            spent += scratch.budget.spent();
            if spent > SLICE {
                self.end(scratch);
                return from;
            }
        }
        if from < text.len() {
            self.take_line(&text[from..], Known::default(), &config, &mut scratch);
        }
        self.end(scratch);
        text.len()
    }

    /// Whether lines are from now on matched without the matchers that may take long: a pattern that
    /// needs them counts as given up.
    pub fn hurry(&mut self, hurried: bool) {
        self.hurried = hurried;
    }

    /// Takes the lines of a batch from a source without a name.
    pub fn take(&mut self, text: &[u8]) {
        self.take_from(BStr::new(""), text);
    }

    /// Takes one line without its newline, from a source without a name.
    pub fn line(&mut self, line: &[u8]) {
        self.begin(BStr::new(""));
        let known = Known {
            utf8: false,
            newlines: memchr::memchr(b'\n', line).is_some(),
        };
        let config = Arc::clone(&self.config);
        let mut scratch = std::mem::take(&mut self.scratch);
        self.take_line(line, known, &config, &mut scratch);
        self.end(scratch);
    }

    /// Counts the lines that wait to be counted: behind the last line of a batch, the counts are the counts of all its
    /// lines.
    fn end(&mut self, scratch: Scratch) {
        self.scratch = scratch;
        self.count_batch();
        for state in &mut self.queues {
            if let Some(window) = &mut state.window {
                window.touched = true;
            }
        }
        if self.notes_hosts() {
            self.note_heard();
        }
        self.bound_fresh();
        if self.trending.is_full() {
            self.settle_trends();
        }
    }

    /// Prepares for lines of this source: once a batch, not once a line.
    fn begin(&mut self, source: &BStr) {
        self.bound_hosts();
        self.watching.begin(source);
        if self.keeps_previous {
            self.source = self.previous.source(source);
        }
    }

    /// Begins the table of hosts anew where it has grown over its bound: whoever sends lines can invent
    /// names. The counts stay; the previous lines are forgotten.
    fn bound_hosts(&mut self) {
        let many = self.hosts.len() > MOST_HOSTS || self.hosts.bytes() > MOST_BYTES;
        if many {
            self.settle_trends();
            self.hosts = HostTable::default();
            self.watching.forget_numbers();
            self.previous.clear();
            for queue in &mut self.queues {
                queue.tally.forget_numbers();
            }
        } else if self.previous.full() {
            self.previous.clear();
        }
    }

    /// Takes a line: the one way from its bytes to the counts, for the daemon, `-p`, `-d` and the tests.
    #[inline(always)]
    fn take_line(&mut self, line: &[u8], known: Known, config: &Config, scratch: &mut Scratch) {
        self.counters.add(Counter::Lines, 1);
        if !known.utf8 && std::str::from_utf8(line).is_err() {
            self.counters.add(Counter::NotUtf8, 1);
        }
        if record::drops_structured(line, &config.lines) {
            self.counters.add(Counter::StructuredDropped, 1);
        }
        let Scratch { spans, budget, .. } = scratch;
        budget.begin(line.len());
        if self.hurried {
            budget.exhaust();
        }
        match record::parse(line, &config.lines, spans, budget) {
            Parsed::Record(record) => {
                if record.json == JsonForm::Invalid {
                    self.counters.add(Counter::JsonInvalid, 1);
                }
                self.take_message(config, record.host, &record.message, known, scratch);
            }
            Parsed::NoPrefix => self.unprefixed(line, config, scratch),
            Parsed::NoHost => {
                self.note_uncounted(b"");
                trace::no_rules(line, "whose prefix gave no host");
                self.counters.add(Counter::NoHost, 1);
            }
        }
        if !scratch.budget.gave_up().is_empty() {
            self.note_limits(scratch, line.len());
        }
    }

    /// Counts the patterns that were given up on a line of `length` bytes.
    #[cold]
    fn note_limits(&mut self, scratch: &mut Scratch, length: usize) {
        let mut gave_up = std::mem::take(scratch.budget.gave_up());
        for pattern in gave_up.drain(..) {
            self.note_limit(&pattern, length);
        }
        *scratch.budget.gave_up() = gave_up;
    }

    /// Takes a line without a known prefix: it belongs to the queue `noprefix`, if there is one.
    #[cold]
    fn unprefixed(&mut self, line: &[u8], config: &Config, scratch: &mut Scratch) {
        if config.lines.json.on && line.starts_with(b"{") && line.ends_with(b"}") {
            self.counters.add(Counter::JsonInvalid, 1);
        }
        if self.continuing.on && self.joins(line, config, scratch) {
            return;
        }
        trace::no_rules(line, "without a known prefix");
        self.counters.add(Counter::NoPrefix, 1);
        if self.trending.is_on() {
            self.trending.add_unprefixed();
        }
        if let Some(queue) = config.noprefix {
            let host = self.hosts.host(record::UNPREFIXED);
            self.add((queue, None), host, line, 1);
        }
        if self.continuing.on {
            self.note_unprefixed(line);
        }
    }

    /// Takes the message of a host: finds its rule, and counts the line as the rule wants it.
    #[inline(always)]
    fn take_message(
        &mut self,
        config: &Config,
        host: &[u8],
        written: &[u8],
        known: Known,
        scratch: &mut Scratch,
    ) {
        let Scratch {
            spans,
            message,
            masked,
            budget,
        } = scratch;
        let noted = self.noted(host);
        let mut text = MessageText::new(written, config.lines.hidepid, message);
        let query = Query {
            host,
            text: &mut text,
            newlines: known.newlines,
            spans,
            budget,
        };
        let taken = self.index.decide(&config.rules, query);
        let rule = taken.and_then(|id| Some((id, config.rules.get(id.index())?)));
        if trace::on() {
            trace::taken(host, text.message(), rule.map(|(_, rule)| rule), config);
        }
        if let Some(host) = noted.filter(|_| self.trending.is_on()) {
            self.trending.add(rule.map(|(id, _)| id), host.number(), 1);
        }
        let Some((id, rule)) = rule else {
            self.counters.add(Counter::Unmatched, 1);
            return self.note_uncounted(host);
        };
        self.note_latest(host);
        self.counters.add(Counter::Matched, 1);
        match &rule.action {
            Action::Queues(targets) => {
                masked.clear();
                rules::mask(&mut text, &rule.pattern, spans, &config.report.mask, masked);
                trace::masked(masked);
                let host = noted.unwrap_or_else(|| self.hosts.host(host));
                self.count_line(id, targets, host, masked, 1);
                if self.keeps_previous {
                    let change = |previous: &mut PreviousLine| previous.take(id, masked);
                    self.previous.set(self.source, host.number(), change);
                }
            }
            Action::Repeat => {
                let host = noted.unwrap_or_else(|| self.hosts.host(host));
                self.repeat(config, host, text.message(), spans);
            }
            Action::Continue => {
                masked.clear();
                rules::mask(&mut text, &rule.pattern, spans, &config.report.mask, masked);
                let host = self.hosts.host(host);
                self.continuation(config, host, masked);
            }
            Action::Trash => self.note_dropped(host),
            Action::Expect(_) => {
                let known = self.hosts.host(host);
                self.came(id, known);
                self.note_dropped(host);
            }
            Action::Group { .. } | Action::GroupHost { .. } => {}
        }
    }

    /// Notes that the line of a host was dropped: its repetitions are dropped too.
    #[inline]
    fn note_dropped(&mut self, host: &[u8]) {
        if self.keeps_previous {
            let host = self.hosts.host(host).number();
            let change = PreviousLine::drop_line;
            self.previous.set(self.source, host, change);
        }
    }

    /// The host of a line, if it is noted whatever becomes of the line.
    #[inline(always)]
    fn noted<'h>(&mut self, host: &'h [u8]) -> Option<Host<'h>> {
        if !self.notes_hosts() && !self.trending.is_on() {
            return None;
        }
        let host = self.hosts.host(host);
        if self.notes_hosts() {
            self.watching.note(host.number());
        }
        Some(host)
    }

    /// Counts a masked line `n` times in the queues of its rule.
    #[inline]
    pub(super) fn count_line(
        &mut self,
        rule: RuleId,
        targets: &[Target],
        host: Host<'_>,
        line: &[u8],
        n: u64,
    ) {
        // Nearly all rules have one queue.
        if let [
            Target {
                queue,
                escalation: None,
            },
        ] = targets
        {
            return self.add((*queue, Some(rule)), host, line, n);
        }
        let highest = targets.iter().filter_map(|t| t.escalation).max();
        let bound = self.config.state.bound();
        let advance = highest.map(|_| self.escalations.advance(rule, host.name(), n, bound));
        for target in targets {
            match (target.escalation, highest, advance) {
                (Some(at), Some(highest), Some(advance)) => {
                    if let Some(total) = advance.reaches(at, highest) {
                        self.set((target.queue, rule), host, line, total);
                    }
                }
                _ => self.add((target.queue, Some(rule)), host, line, n),
            }
        }
    }

    /// Adds `n` to the count of a line in a queue: at once if it is a recent line, else with the next batch.
    pub(super) fn add(
        &mut self,
        (queue, rule): (QueueId, Option<RuleId>),
        host: Host<'_>,
        line: &[u8],
        n: u64,
    ) {
        let Some(state) = self.queues.get_mut(queue.index()) else {
            return;
        };
        let tally = &mut state.tally;
        let taken = (queue.index(), rule);
        match self.batch.add(taken, tally, (host, line), n) {
            Taken::Yes => {}
            Taken::Full => self.count_batch(),
            Taken::UnknownHost => self.add_of_new_host((queue, rule), host, line, n),
        }
    }

    /// Adds `n` to the count of a line of a host that the queue does not know yet.
    #[cold]
    fn add_of_new_host(
        &mut self,
        (queue, rule): (QueueId, Option<RuleId>),
        host: Host<'_>,
        line: &[u8],
        n: u64,
    ) {
        // The lines that wait may fill the queue: they are counted first.
        self.count_batch();
        let bound = self.config.state.bound();
        if let Some(state) = self.queues.get_mut(queue.index()) {
            let before = state.tally.distinct();
            if !state.tally.add(host, line, n, bound) {
                self.counters.add(Counter::OverLimit, n);
            }
            if state.tally.distinct() > before {
                state.added(rule);
            }
        }
        self.note_new_host(host);
    }

    /// Counts the lines that wait to be counted together.
    pub(super) fn count_batch(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let bound = self.config.state.bound();
        let over = self.batch.count(&mut self.queues, bound);
        self.counters.add(Counter::OverLimit, over);
    }

    /// Sets the count of a line in a queue that it escalates to.
    fn set(&mut self, (queue, rule): (QueueId, RuleId), host: Host<'_>, line: &[u8], total: u64) {
        // The lines that wait may be equal to this line, and may fill the queue: they are counted first.
        self.count_batch();
        let bound = self.config.state.bound();
        if let Some(state) = self.queues.get_mut(queue.index()) {
            let before = state.tally.distinct();
            if !state.tally.set(host, line, total, bound) {
                self.counters.add(Counter::OverLimit, 1);
            }
            if state.tally.distinct() > before {
                state.added(Some(rule));
            }
        }
    }
}
