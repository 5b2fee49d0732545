//! The monitor itself: its parts, its beginning, and its change of configuration.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bstr::BString;

use super::bundling::Bundling;
use super::continuing::Continuing;
use super::escalation::Escalations;
use super::expectations::Expecting;
use super::heard::Heard;
use super::loss_warnings::LossWarnings;
use super::news_rules::NewsRules;
use super::previous::{PreviousLines, SourceId};
use super::queue_state::QueueState;
use super::rule_names::RuleNames;
use super::saved::SavedQueue;
use super::trending::Trending;
use super::watching::Watching;
use crate::clock::Time;
use crate::config::diagnostic::shown;
use crate::config::{Action, Config, QueueId};
use crate::counters::{Counter, Counters};
use crate::hosts::{Host, HostTable};
use crate::ledger::Ledger;
use crate::pattern::{Budget, Pattern, Spans};
use crate::queue::Batch;
use crate::report::Unsent;
use crate::rules::Index;

/// Hosts that are remembered to be reported with [`Monitor::take_new_hosts`], at most.
const MOST_NEW_HOSTS: usize = 1024;

/// Everything known of a site between its logs and its mails: the counts of its queues, and what they
/// rest on.
#[derive(Debug)]
pub struct Monitor {
    pub(super) config: Arc<Config>,
    /// The queues, in the order of the configuration.
    pub(super) queues: Vec<QueueState>,
    pub(super) escalations: Escalations,
    pub(super) hosts: HostTable,
    /// What the site is known by over weeks and months.
    pub(super) ledger: Ledger,
    /// What bundled queues and pages need besides their windows.
    pub(super) bundling: Bundling,
    /// The silences of hosts and files.
    pub(super) watching: Watching,
    /// The hosts and lines since the last reports of the queues with `set quiet`.
    pub(super) heard: Heard,
    /// The name of this console in its site; nothing where it mails for itself (`set site`).
    pub(super) console: Option<String>,
    /// The lines that other consoles of the site have mailed, by their hashes, with the names of these.
    pub(super) mailed_elsewhere: BTreeMap<u64, String>,
    /// The number of lines that were left out for that reason.
    pub(super) left_out: u64,
    /// Whether a scheduled minute has come that the site does not know of.
    pub(super) passed: bool,
    /// The messages that rules expect.
    pub(super) expecting: Expecting,
    /// The counts of the last lines, for trends.
    pub(super) trending: Trending,
    /// The rules as the ledger knows them.
    pub(super) news_rules: NewsRules,
    /// The previous line of each source and host, which `repeat` adds to and lines continue.
    pub(super) previous: PreviousLines,
    /// The source of the lines that are being taken.
    pub(super) source: SourceId,
    /// Whether previous lines are kept: a `repeat` adds to them, or lines continue them.
    pub(super) keeps_previous: bool,
    /// Whether lines may belong to lines before.
    pub(super) continuing: Continuing,
    /// Whether a queue may have continuation lines.
    pub(super) held_continued: bool,
    pub(super) counters: Counters,
    /// Sentences that the next report has to carry: a loss, a time in which nobody watched.
    pub(super) remarks: Vec<String>,
    /// Sentences for the next reports, about mails that nobody has taken.
    pub(super) announcements: Vec<Unsent>,
    /// The numbers of the mails that the report being made speaks of.
    pub(super) announced: Vec<u64>,
    /// Patterns whose limit was logged already.
    pub(super) limited: Vec<Pattern>,
    /// Warnings that are yet to be logged.
    pub(super) warnings: Vec<String>,
    pub(super) loss_warnings: LossWarnings,
    /// Hosts that a queue had not counted before; kept with `set resolve on` only.
    pub(super) new_hosts: Vec<BString>,
    /// Finds the rule of a line.
    pub(super) index: Index,
    /// Stable rule names for the snapshot.
    pub(super) names: RuleNames,
    /// The instant up to which schedules were looked at.
    pub(super) looked: Time,
    /// Whether matchers that may take long are left out ([`Monitor::hurry`]).
    pub(super) hurried: bool,
    pub(super) scratch: Scratch,
    /// Lines that are yet to be counted; none between two calls from outside.
    pub(super) batch: Batch,
    /// The queues without their lines, as the last commit wrote them; nothing if the next one is to be whole.
    pub(super) committed: Option<Vec<SavedQueue<()>>>,
}

/// Buffers that are used again for each line.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The groups of the rule's match.
    pub spans: Spans,
    /// The message without its process id.
    pub message: Vec<u8>,
    /// The masked line, as it is counted.
    pub masked: Vec<u8>,
    /// The steps that matching the line may still take.
    pub budget: Budget,
}

impl Monitor {
    /// An empty monitor. The minute of `now` counts as looked at, as at every start of the program.
    pub fn new(config: Arc<Config>, now: Time) -> Self {
        let mut monitor = Self {
            queues: config.queues.iter().map(|_| QueueState::new(now)).collect(),
            index: Index::new(&config.rules),
            names: RuleNames::new(&config),
            keeps_previous: keeps_previous(&config),
            continuing: Continuing::new(&config),
            held_continued: config.continues(),
            watching: Watching::new(&config, now),
            console: None,
            passed: false,
            mailed_elsewhere: BTreeMap::new(),
            left_out: 0,
            expecting: Expecting::new(&config),
            heard: Heard::of(&Heard::default(), &config, 0),
            trending: Trending::new(&config),
            config,
            escalations: Escalations::default(),
            bundling: Bundling::default(),
            hosts: HostTable::default(),
            ledger: Ledger::default(),
            news_rules: NewsRules::default(),
            previous: PreviousLines::default(),
            source: SourceId::default(),
            counters: Counters::default(),
            remarks: Vec::new(),
            announcements: Vec::new(),
            announced: Vec::new(),
            limited: Vec::new(),
            warnings: Vec::new(),
            loss_warnings: LossWarnings::default(),
            new_hosts: Vec::new(),
            looked: now,
            hurried: false,
            scratch: Scratch::default(),
            batch: Batch::default(),
            committed: None,
        };
        monitor.begin_bundles();
        monitor.begin_schedules(now);
        monitor.begin_expecting(now);
        monitor.begin_news(now);
        monitor.begin_trends(now);
        monitor
    }

    /// The configuration in force.
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// The counters of all events.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Adds the counters of an input.
    pub fn add_counters(&mut self, more: &Counters) {
        for (counter, _, n) in more.all() {
            self.counters.add(counter, n);
        }
    }

    /// What the site is known by.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The sentences that the next report has to carry.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Adds a sentence that the next report has to carry.
    pub fn remark(&mut self, text: String) {
        self.remarks.push(text);
    }

    /// The warnings since the last call that are to be logged, a line each.
    pub fn take_warnings(&mut self, now: Time) -> Vec<String> {
        let mut warnings = std::mem::take(&mut self.warnings);
        let noprefix_queue = self.config.noprefix.is_some();
        warnings.extend(self.loss_warnings.tell(&self.counters, noprefix_queue, now));
        warnings
    }

    /// Counts a match that was given up on a line of `length` bytes, and has it logged the first time.
    pub(super) fn note_limit(&mut self, pattern: &Pattern, length: usize) {
        self.counters.add(Counter::GaveUp, 1);
        if self.limited.iter().any(|known| known.is(pattern)) {
            return;
        }
        self.limited.push(pattern.clone());
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

    /// Notes a host whose first line of a report comes to a queue, where names are to be resolved.
    pub(super) fn note_new_host(&mut self, host: Host<'_>) {
        if self.config.report.resolve && self.new_hosts.len() < MOST_NEW_HOSTS {
            self.new_hosts.push(host.name().to_owned());
        }
    }

    /// The hosts that queues began to count since the last call, if `set resolve on`: whoever asks for
    /// their full names now has them when the reports are made.
    pub fn take_new_hosts(&mut self) -> Vec<BString> {
        std::mem::take(&mut self.new_hosts)
    }

    /// Counts one event.
    pub fn count_event(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    /// Goes on under another configuration. The lines of a queue stay with the queue of the same name.
    /// Lines of a queue that is gone cannot be mailed any more; flush before.
    pub fn reconfigure(&mut self, config: Arc<Config>, now: Time) {
        self.note_news(now);
        self.settle_trends();
        let old = std::mem::replace(&mut self.config, config);
        let mut known: HashMap<String, QueueState> = old
            .queues
            .iter()
            .map(|q| q.name.clone())
            .zip(self.queues.drain(..))
            .collect();
        let config = &self.config;
        self.queues = config
            .queues
            .iter()
            .map(|q| {
                known
                    .remove(&q.name)
                    .unwrap_or_else(|| QueueState::new(now))
            })
            .collect();
        self.escalations.clear();
        self.committed = None;
        self.limited.clear();
        let moved = |queue: QueueId| {
            let name = &old.queues.get(queue.index())?.name;
            let index = config.queues.iter().position(|q| q.name == *name)?;
            u16::try_from(index).ok().map(QueueId)
        };
        for line in self.previous.iter_mut() {
            line.reconfigure(&old, &moved);
        }
        self.keeps_previous = keeps_previous(&self.config);
        self.continuing = Continuing::new(&self.config);
        self.held_continued |= self.continuing.on;
        if !self.keeps_previous {
            // From now on the previous lines are not kept up: they would be wrong once a rule wants them again.
            self.previous.clear();
        }
        self.names = RuleNames::new(&self.config);
        self.index = Index::new(&self.config.rules);
        self.begin_schedules(self.looked);
        let read = self.counters.get(Counter::Lines);
        self.heard = Heard::of(&self.heard, &self.config, read);
        self.reconfigure_silences(now);
        self.reconfigure_expecting(now);
        self.begin_news(now);
        self.trending = Trending::new(&self.config);
        self.begin_trends(now);
    }
}

/// Whether any rule adds to the previous line, or lines may continue it.
fn keeps_previous(config: &Config) -> bool {
    let mut rules = config.rules.iter();
    config.continues() || rules.any(|rule| rule.action == Action::Repeat)
}
