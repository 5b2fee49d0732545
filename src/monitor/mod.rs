//! Lines in, due reports out: everything between input and delivery, without either.
//!
//! A [`Monitor`] belongs to the loop alone. It reads no clock and touches no file: the time comes
//! with each call, so a test drives years of schedules in a moment.

mod dropped;
mod due;
mod escalation;
mod repeat;
mod restore;
mod rule_names;
mod saved;
mod sources;
mod trace;

use std::collections::HashMap;
use std::sync::Arc;

use bstr::BStr;
use dropped::Dropped;
pub use due::{DueReports, EscalationSettlement};
pub use escalation::Escalations;
use repeat::Last;
use rule_names::RuleNames;
pub use saved::{SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource};
use sources::{Lasts, SourceId};

use crate::clock::Time;
use crate::config::diagnostic::shown;
use crate::config::{Action, Config, QueueId, RuleId, Target};
use crate::counters::{Counter, Counters};
use crate::hosts::{Host, HostTable};
use crate::pattern::{Budget, Pattern, Spans};
use crate::queue::Tally;
use crate::record::{self, Parsed, Text};
use crate::report::Unsent;
use crate::resolve::Resolver;
use crate::rules::{self, Asked, Index};
use crate::simd::Newlines;

/// More hosts than these are not remembered between their lines.
const MOST_HOSTS: usize = 1 << 14;
/// Nor are names that take more bytes.
const MOST_BYTES: usize = 16 << 20;

/// What lines may cost until it is time to look after all else: steps, some 50 ms.
const SLICE: u64 = 1 << 22;

/// What is known of a site: the counts of its queues, and what they rest on.
#[derive(Debug)]
pub struct Monitor {
    config: Arc<Config>,
    queues: Vec<Waiting>,
    escalations: Escalations,
    hosts: HostTable,
    /// The lines before, by their sources and hosts: what `repeat` adds to.
    lasts: Lasts,
    /// Where the lines come from that are taken now.
    source: SourceId,
    /// Whether a rule can add to it; else it is not kept.
    repeats: bool,
    counters: Counters,
    /// What the next report has to tell: a loss, a time in which nobody watched.
    remarks: Vec<String>,
    /// What the reports made now are to tell of mails that nobody has taken.
    announcements: Vec<Unsent>,
    /// The mails that the report being made tells of.
    announced: Vec<u64>,
    /// Patterns that were told to be at their limit.
    slow: Vec<Pattern>,
    /// What the log is to be told.
    warnings: Vec<String>,
    /// The kinds of drops that were told, and their counts then.
    dropped: Dropped,
    /// Who knows the names of hosts (`set resolve on`).
    resolver: Option<Arc<Resolver>>,
    /// Which rules a line can match.
    index: Index,
    /// By what the rules are known again after a restart.
    names: RuleNames,
    /// The instant up to which schedules were looked at.
    looked: Time,
    /// There is no time for what may take long.
    hurried: bool,
    scratch: Scratch,
}

/// A queue at work.
#[derive(Debug)]
struct Waiting {
    tally: Tally,
    /// When its report begins: the start of the program, then the report before.
    start: Time,
    /// A scheduled time has passed, and the report is yet to be made.
    overdue: bool,
    /// The next scheduled minute.
    next: Option<Time>,
    /// When its last report was made, if there was one in this run.
    mailed: Option<Time>,
    /// From when to when nobody watched, if the next report covers such a time.
    gap: Option<(Time, Time)>,
}

impl Waiting {
    fn new(now: Time) -> Self {
        Self {
            tally: Tally::default(),
            start: now,
            overdue: false,
            next: None,
            mailed: None,
            gap: None,
        }
    }
}

/// Memory that is used again for each line.
#[derive(Debug, Default)]
struct Scratch {
    spans: Spans,
    /// The message, where its process id is taken out.
    message: Vec<u8>,
    /// The line as it is counted.
    masked: Vec<u8>,
    /// What the line may cost.
    budget: Budget,
}

/// What is known of a line before it is looked at.
#[derive(Clone, Copy, Default)]
struct Known {
    /// It is valid UTF-8: if not, it may be all the same.
    utf8: bool,
    /// It holds a newline, as an element of a Redis list may.
    newlines: bool,
}

impl Monitor {
    /// An empty monitor; `now`'s minute counts as looked at, as at every start.
    pub fn new(config: Arc<Config>, now: Time) -> Self {
        let mut monitor = Self {
            queues: config.queues.iter().map(|_| Waiting::new(now)).collect(),
            index: Index::new(&config.rules),
            names: RuleNames::new(&config),
            repeats: repeats(&config),
            config,
            escalations: Escalations::default(),
            hosts: HostTable::default(),
            lasts: Lasts::default(),
            source: SourceId::default(),
            counters: Counters::default(),
            remarks: Vec::new(),
            announcements: Vec::new(),
            announced: Vec::new(),
            slow: Vec::new(),
            warnings: Vec::new(),
            dropped: Dropped::default(),
            resolver: None,
            looked: now,
            hurried: false,
            scratch: Scratch::default(),
        };
        monitor.begin_schedules(now);
        monitor
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// What was counted besides lines.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Adds what an input counted.
    pub fn add_counters(&mut self, more: &Counters) {
        for (counter, _, n) in more.all() {
            self.counters.add(counter, n);
        }
    }

    /// What the next report has to tell.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Has the next report tell this.
    pub fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    /// What the log is to be told since the last call, a line each.
    pub fn take_warnings(&mut self, now: Time) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        let sorted = self.config.noprefix.is_some();
        warnings.extend(self.dropped.tell(&self.counters, sorted, now));
        warnings
    }

    /// Counts a pattern that was given up on a line of `length` bytes, and tells it the first time.
    fn note_limit(&mut self, pattern: &Pattern, length: usize) {
        self.counters.add(Counter::GaveUp, 1);
        if self.slow.iter().any(|known| known.is(pattern)) {
            return;
        }
        self.slow.push(pattern.clone());
        let config = &self.config;
        let text = shown(pattern.source());
        let whose = match config.rules.iter().find(|rule| rule.pattern.is(pattern)) {
            Some(rule) => format!("{}: the pattern of this rule", rule.place),
            None if config
                .lines
                .prefixes
                .iter()
                .any(|prefix| prefix.is(pattern)) =>
            {
                format!("the logprefix `{text}`")
            }
            None => format!("the threshold `{text}`"),
        };
        self.warnings.push(format!(
            "{whose} was given up on a line of {length} bytes, and taken as not matching; \
             from now on that is only counted"
        ));
    }

    /// Shows the full names of hosts in reports, as far as the resolver knows them by then.
    pub fn resolve_with(&mut self, resolver: Arc<Resolver>) {
        self.resolver = Some(resolver);
    }

    /// The names of hosts are to be looked up anew.
    pub fn forget_names(&self) {
        if let Some(resolver) = &self.resolver {
            resolver.flush();
        }
    }

    /// Counts one event.
    pub fn count_event(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    /// Goes on under another configuration: what was collected stays with the queue of its name.
    /// Lines of a queue that is gone cannot be mailed; flush before.
    pub fn reconfigure(&mut self, config: Arc<Config>, now: Time) {
        let old = std::mem::replace(&mut self.config, config);
        let mut waiting: HashMap<String, Waiting> = old
            .queues
            .iter()
            .map(|q| q.name.clone())
            .zip(self.queues.drain(..))
            .collect();
        let config = &self.config;
        self.queues = config
            .queues
            .iter()
            .map(|q| waiting.remove(&q.name).unwrap_or_else(|| Waiting::new(now)))
            .collect();
        self.escalations.clear();
        self.slow.clear();
        let moved = |queue: QueueId| {
            let name = &old.queues.get(queue.index())?.name;
            let index = config.queues.iter().position(|q| q.name == *name)?;
            u16::try_from(index).ok().map(QueueId)
        };
        for last in self.lasts.iter_mut() {
            last.reconfigure(&old, &moved);
        }
        self.repeats = repeats(&self.config);
        if !self.repeats {
            // As from now on it is not kept up, it would be wrong once a rule asks for it again.
            self.lasts.clear();
        }
        self.names = RuleNames::new(&self.config);
        self.index = Index::new(&self.config.rules);
        self.begin_schedules(self.looked);
    }

    /// Takes the complete lines of a batch, each ended by a newline or by the end of the batch, from the
    /// source of this name: a repetition means the line before of its source and host.
    pub fn take_from(&mut self, source: &BStr, text: &[u8]) {
        let mut from = 0;
        while from < text.len() {
            from += self.take_some(source, &text[from..]);
        }
    }

    /// Takes the first lines of a batch, one at least, until they have cost a slice of time: how many
    /// bytes they are with their newlines. What is dear is done in slices, so that whoever calls can
    /// look after all else between them.
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
                self.scratch = scratch;
                return from;
            }
        }
        if from < text.len() {
            self.take_line(&text[from..], Known::default(), &config, &mut scratch);
        }
        self.scratch = scratch;
        text.len()
    }

    /// Whether lines have to do from now on without the matchers that may take long: what those would
    /// have to tell counts as given up.
    pub fn hurry(&mut self, hurried: bool) {
        self.hurried = hurried;
    }

    /// The same from a source without a name.
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
        self.scratch = scratch;
    }

    /// Prepares for lines of this source.
    fn begin(&mut self, source: &BStr) {
        self.bound_hosts();
        if self.repeats {
            self.source = self.lasts.source(source);
        }
    }

    /// Begins the table of hosts anew where it has grown beyond all measure: names can be invented. What
    /// is counted stays; only `repeat` has no line before.
    fn bound_hosts(&mut self) {
        let many = self.hosts.len() > MOST_HOSTS || self.hosts.bytes() > MOST_BYTES;
        if many {
            self.hosts = HostTable::default();
            self.lasts.clear();
            for queue in &mut self.queues {
                queue.tally.forget_numbers();
            }
        } else if self.lasts.full() {
            self.lasts.clear();
        }
    }

    /// Takes a line: the one way from its bytes to the counts.
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
                self.record(config, record.host, &record.message, known, scratch);
            }
            Parsed::NoPrefix => self.unprefixed(line, config),
            Parsed::NoHost => {
                trace::no_rules(line, "whose prefix gave no host", config);
                self.counters.add(Counter::NoHost, 1);
            }
        }
        if !scratch.budget.gave_up().is_empty() {
            self.note_limits(scratch, line.len());
        }
    }

    /// Notes the patterns that were given up on a line of `length` bytes.
    #[cold]
    fn note_limits(&mut self, scratch: &mut Scratch, length: usize) {
        let mut gave_up = std::mem::take(scratch.budget.gave_up());
        for pattern in gave_up.drain(..) {
            self.note_limit(&pattern, length);
        }
        *scratch.budget.gave_up() = gave_up;
    }

    /// Takes a line without a known prefix.
    #[cold]
    fn unprefixed(&mut self, line: &[u8], config: &Config) {
        trace::no_rules(line, "without a known prefix", config);
        self.counters.add(Counter::NoPrefix, 1);
        if let Some(queue) = config.noprefix {
            let host = self.hosts.host(record::UNPREFIXED);
            self.add(queue, host, line, 1);
        }
    }

    /// Takes the message of a host: finds its rule, and counts the line as the rule wants it.
    #[inline(always)]
    fn record(
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
        let mut text = Text::new(written, config.lines.hidepid, message);
        let asked = Asked {
            host,
            text: &mut text,
            newlines: known.newlines,
            spans,
            budget,
        };
        let taken = self.index.decide(&config.rules, asked);
        let rule = taken.and_then(|id| Some((id, config.rules.get(id.index())?)));
        if trace::on() {
            trace::taken(host, text.message(), rule.map(|(_, rule)| rule), config);
        }
        let Some((id, rule)) = rule else {
            self.counters.add(Counter::Unmatched, 1);
            return;
        };
        self.counters.add(Counter::Matched, 1);
        match &rule.action {
            Action::Queues(targets) => {
                masked.clear();
                rules::mask(&mut text, &rule.pattern, spans, &config.report.mask, masked);
                trace::masked(masked, config);
                let host = self.hosts.host(host);
                self.count_line(id, targets, host, masked, 1);
                if self.repeats {
                    self.lasts
                        .set(self.source, host.number(), |last| last.take(id, masked));
                }
            }
            Action::Repeat => {
                let host = self.hosts.host(host);
                self.repeat(config, host, text.message(), spans);
            }
            Action::Trash if self.repeats => {
                let host = self.hosts.host(host);
                self.lasts.set(self.source, host.number(), Last::drop_line);
            }
            Action::Trash | Action::Group { .. } | Action::GroupHost { .. } => {}
        }
    }

    /// Counts a masked line `n` times in the queues of its rule.
    #[inline]
    fn count_line(
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
            return self.add(*queue, host, line, n);
        }
        let highest = targets.iter().filter_map(|t| t.escalation).max();
        let bound = self.config.state.bound();
        let step = highest.map(|_| self.escalations.advance(rule, host.name(), n, bound));
        for target in targets {
            match (target.escalation, highest, step) {
                (Some(at), Some(highest), Some(step)) => {
                    if let Some(total) = step.reaches(at, highest) {
                        self.set(target.queue, host, line, total);
                    }
                }
                _ => self.add(target.queue, host, line, n),
            }
        }
    }

    fn add(&mut self, queue: QueueId, host: Host<'_>, line: &[u8], n: u64) {
        let bound = self.config.state.bound();
        let Some(waiting) = self.queues.get_mut(queue.index()) else {
            return;
        };
        if let Some(resolver) = self
            .resolver
            .as_ref()
            .filter(|_| !waiting.tally.knows(host))
        {
            // The first call begins the search: the name is there when the report is made.
            resolver.name(host.name());
        }
        if !waiting.tally.add(host, line, n, bound) {
            self.counters.add(Counter::OverLimit, n);
        }
    }

    fn set(&mut self, queue: QueueId, host: Host<'_>, line: &[u8], total: u64) {
        let bound = self.config.state.bound();
        if let Some(waiting) = self.queues.get_mut(queue.index())
            && !waiting.tally.set(host, line, total, bound)
        {
            self.counters.add(Counter::OverLimit, 1);
        }
    }
}

/// Whether a rule adds to the line before.
fn repeats(config: &Config) -> bool {
    let mut rules = config.rules.iter();
    rules.any(|rule| rule.action == Action::Repeat)
}

#[cfg(test)]
mod tests;
