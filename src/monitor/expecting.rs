//! Messages that rules expect: which came, and the lines about those that did not.

use std::collections::BTreeMap;

use bstr::{BStr, BString};

use super::expectations::Expecting;
use super::monitor::Monitor;
use crate::clock::Time;
use crate::config::{QueueId, RuleId};
use crate::hosts::Host;
use crate::ledger::silence::{Expectation, ExpectedChange, Line, SavedExpected};
use crate::shown::shown;

impl Monitor {
    /// Begins to expect what the rules of the configuration do.
    pub(super) fn begin_expecting(&mut self, now: Time) {
        let Expecting {
            expected, rules, ..
        } = &mut self.expecting;
        let known = self.watching.known(&self.config);
        expected.configure(rules, now, &known);
    }

    /// Goes on under another configuration.
    pub(super) fn reconfigure_expecting(&mut self, now: Time) {
        self.expecting.read(&self.config);
        self.begin_expecting(now);
    }

    /// Goes on from what a commit of `made` holds: until `now`, nobody watched.
    pub(super) fn restore_expected(&mut self, saved: SavedExpected, (made, now): (Time, Time)) {
        self.expecting.expected.restore(saved);
        self.unwatched(made, now);
        self.begin_expecting(now);
    }

    /// To be called when the clock was set back.
    pub(super) fn expected_clock_was_set_back(&mut self, now: Time) {
        let Expecting {
            expected, rules, ..
        } = &mut self.expecting;
        let known = self.watching.known(&self.config);
        expected.clock_was_set_back(rules, now, &known);
    }

    /// Takes note that nobody watched between two instants.
    pub(super) fn unwatched(&mut self, from: Time, to: Time) {
        self.expecting.expected.unwatched(from, to);
    }

    /// Takes note that a host sent the message of a rule.
    #[cold]
    pub(super) fn came(&mut self, rule: RuleId, host: Host<'_>) {
        let Expecting {
            expected,
            rules,
            ids,
        } = &mut self.expecting;
        let Some(index) = ids.iter().position(|(id, _)| *id == rule) else {
            return;
        };
        let (Some(rule), Some((_, queue))) = (rules.get(index), ids.get(index)) else {
            return;
        };
        let known = self.watching.known(&self.config);
        let queue = *queue;
        let source = BStr::new(&self.watching.source);
        let line = expected.came(rule, (host.name(), source), self.looked, &known);
        if self.watching.elsewhere.is_on() {
            self.watching.elsewhere.came_here(rule.hash(), host.name());
        }
        if let Some(line) = line {
            self.count_silence(queue.index(), &line);
        }
    }

    /// Takes note that hosts sent messages to another console of the site; each has the hash of its rule.
    pub(super) fn came_elsewhere(&mut self, console: &str, messages: &[(u64, BString)], now: Time) {
        if messages.is_empty() {
            return;
        }
        let Expecting {
            expected,
            rules,
            ids,
        } = &mut self.expecting;
        let known = self.watching.known(&self.config);
        let rules = rules.iter().zip(ids.iter());
        let rules: BTreeMap<u64, (&Expectation, QueueId)> = rules
            .map(|(rule, (_, queue))| (rule.hash(), (rule, *queue)))
            .collect();
        let mut lines = Vec::new();
        for (rule, host) in messages {
            // Another console may have rules that this one does not have.
            if let Some((rule, queue)) = rules.get(rule) {
                let from = (BStr::new(host), console);
                let line = expected.came_elsewhere(rule, from, now, &known);
                lines.extend(line.map(|line| (*queue, line)));
            }
        }
        for (queue, line) in lines {
            self.count_silence(queue.index(), &line);
        }
    }

    /// When the next expected message must have come.
    pub(super) fn next_expected(&self) -> Option<Time> {
        let known = self.watching.known(&self.config);
        self.expecting.expected.next(&self.expecting.rules, &known)
    }

    /// Looks at the messages that must have come by `now`, and counts lines about those that did not.
    pub(super) fn check_expected(&mut self, now: Time) {
        let Expecting {
            expected,
            rules,
            ids,
        } = &mut self.expecting;
        let known = self.watching.known(&self.config);
        let found = expected.check(rules, now, &known);
        let queue = |(index, line): (usize, Line)| Some((ids.get(index)?.1, line));
        let lines: Vec<(QueueId, Line)> = found.lines.into_iter().filter_map(queue).collect();
        let unknown = found.unknown.into_iter();
        let unknown: Vec<RuleId> = unknown.filter_map(|at| Some(ids.get(at)?.0)).collect();
        for (queue, line) in lines {
            self.count_silence(queue.index(), &line);
        }
        for rule in unknown {
            if let Some(rule) = self.config.rules.get(rule.index()) {
                let (place, pattern) = (&rule.place, shown(rule.pattern.source()));
                self.remarks
                    .push(format!("{place}: no host has sent this yet: {pattern}"));
            }
        }
    }

    /// The messages that came, for a snapshot.
    pub fn saved_expected(&self) -> &SavedExpected {
        self.expecting.expected.saved()
    }

    /// What changed since the last commit.
    pub fn expected_changes(&self) -> Option<ExpectedChange> {
        self.expecting.expected.changes()
    }

    /// To be called when a commit was made of all that came.
    pub(super) fn expected_committed(&mut self) {
        self.expecting.expected.committed();
    }
}
