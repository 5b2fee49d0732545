//! A monitor's part of a snapshot: written, and gone on from after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use bstr::BStr;

use super::due::EscalationSettlement;
use super::heard::Heard;
use super::loss_warnings::LossWarnings;
use super::monitor::Monitor;
use super::previous::PreviousLine;
use super::saved::{SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource};
use crate::clock::Time;
use crate::config::{Action, RuleId};
use crate::counters::Counter;
use crate::queue::Tally;

/// A time without a running program that is no longer than this is not told in the next report.
const GAP: Duration = Duration::from_secs(60);

impl Monitor {
    /// The queues, for a snapshot.
    pub fn saved_queues(&self) -> Vec<SavedQueue<&Tally>> {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .map(|(queue, state)| SavedQueue {
                name: queue.name.clone(),
                tally: &state.tally,
                start: state.start,
                overdue: state.overdue,
                schedule: queue.schedule.to_string(),
                next: state.next,
                gap: state.gap,
            })
            .collect()
    }

    /// The escalation counters, for a snapshot.
    pub fn saved_escalations(&self) -> Vec<SavedCounter<&str, &BStr>> {
        let counters = self.escalations.iter();
        counters
            .filter_map(|counter| self.saved_counter(counter))
            .collect()
    }

    /// The escalation counters that are settled with a mail, for a snapshot.
    pub fn saved_settlement<'a>(
        &'a self,
        hosts: &'a EscalationSettlement,
    ) -> Vec<SavedCounter<&'a str, &'a BStr>> {
        let counters = hosts
            .iter()
            .map(|(rule, host, count)| (*rule, host.as_ref(), *count));
        counters
            .filter_map(|counter| self.saved_counter(counter))
            .collect()
    }

    pub(super) fn saved_counter<'a>(
        &'a self,
        (rule, host, count): (RuleId, &'a BStr, u64),
    ) -> Option<SavedCounter<&'a str, &'a BStr>> {
        let rule = self.names.name(rule)?;
        Some(SavedCounter { rule, host, count })
    }

    /// The previous lines whose sources are known, for a snapshot.
    pub fn saved_sources(&self) -> Vec<SavedSource<SavedLast<&str, &BStr>, &BStr>> {
        let lines = self.previous.iter();
        let known = lines.filter_map(|(source, host, last)| Some((source?, host, last)));
        self.by_source(known)
    }

    /// Previous lines by their sources.
    pub(super) fn by_source<'a>(
        &'a self,
        lines: impl Iterator<Item = (&'a BStr, usize, &'a PreviousLine)>,
    ) -> Vec<SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>> {
        let mut sources: BTreeMap<&BStr, Vec<SavedLast<&str, &BStr>>> = BTreeMap::new();
        for (source, host, last) in lines {
            if let Some(last) = self.saved(host, last) {
                sources.entry(source).or_default().push(last);
            }
        }
        let saved = sources.into_iter();
        saved
            .map(|(source, last)| SavedSource { source, last })
            .collect()
    }

    /// The previous lines whose sources an older snapshot did not tell, for a snapshot.
    pub fn saved_last(&self) -> Vec<SavedLast<&str, &BStr>> {
        let lines = self.previous.iter();
        let unknown = lines.filter(|(source, ..)| source.is_none());
        unknown
            .filter_map(|(_, host, last)| self.saved(host, last))
            .collect()
    }

    fn saved<'a>(
        &'a self,
        host: usize,
        last: &'a PreviousLine,
    ) -> Option<SavedLast<&'a str, &'a BStr>> {
        let rule = last.rule().and_then(|rule| self.names.name(rule));
        last.can_be_saved().then_some(SavedLast {
            host: self.hosts.name(host)?,
            rule,
            line: last.text(),
        })
    }

    /// The escalation counters that a snapshot settles with a mail, as rules of this configuration.
    pub fn settlement_from(&self, saved: &[SavedCounter]) -> EscalationSettlement {
        let rule = |counter: &SavedCounter| {
            let id = self.names.id(&counter.rule)?;
            Some((id, counter.host.clone(), counter.count))
        };
        saved.iter().filter_map(rule).collect()
    }

    /// Goes on from a snapshot. Returns the names of the queues with lines that the configuration no
    /// longer has.
    pub fn restore(&mut self, snapshot: SavedMonitor, now: Time) -> Vec<String> {
        let mut gone = Vec::new();
        for saved in snapshot.queues {
            let index = self.config.queues.iter().position(|q| q.name == saved.name);
            match index.and_then(|index| self.queues.get_mut(index)) {
                Some(state) => {
                    state.tally = saved.tally;
                    state.start = saved.start;
                    state.overdue = saved.overdue;
                    let down = (now - snapshot.made).to_std().is_ok_and(|t| t >= GAP);
                    state.gap = saved.gap.or(down.then_some((snapshot.made, now)));
                }
                None if saved.tally.is_empty() => {}
                None => gone.push(saved.name),
            }
        }
        for counter in &snapshot.escalations {
            if let Some(rule) = self.names.id(&counter.rule) {
                let all = usize::MAX;
                self.escalations
                    .advance(rule, &counter.host, counter.count, all);
            }
        }
        let repeats = self.keeps_previous;
        for saved in snapshot.last.iter().filter(|_| repeats) {
            let last = self.last_from(saved);
            let number = self.hosts.host(&saved.host).number();
            self.previous.of_any(number, last);
        }
        for saved in snapshot.sources.iter().filter(|_| repeats) {
            let source = self.previous.source(saved.source.as_ref());
            for saved in &saved.last {
                let last = self.last_from(saved);
                let number = self.hosts.host(&saved.host).number();
                self.previous.set(source, number, |place| *place = last);
            }
        }
        self.restore_continuation(snapshot.continued, &snapshot.continuing);
        self.counters = snapshot.counters;
        let read = self.counters.get(Counter::Lines);
        self.heard = Heard::of(&snapshot.heard, &self.config, read);
        self.loss_warnings = LossWarnings::since(&self.counters);
        self.remarks = snapshot.remarks;
        self.ledger = snapshot.ledger;
        self.restore_bundles(snapshot.bundles, now);
        self.restore_silences(snapshot.silence, now);
        self.restore_expected(snapshot.expected, (snapshot.made, now));
        self.begin_news(now);
        self.begin_trends(now);
        self.begin_schedules(snapshot.looked.min(now));
        self.resume_trends(now - snapshot.made, now);
        self.mark_missed_schedules(now);
        gone
    }

    fn last_from(&self, saved: &SavedLast) -> PreviousLine {
        let Some(name) = &saved.rule else {
            let mut last = PreviousLine::default();
            last.drop_line();
            return last;
        };
        let rule = self.names.id(name);
        let action = rule
            .and_then(|rule| self.config.rules.get(rule.index()))
            .map(|r| &r.action);
        match (rule, action) {
            (Some(rule), Some(Action::Queues(_))) => {
                let mut last = PreviousLine::default();
                last.take(rule, &saved.line);
                last
            }
            _ => PreviousLine::gone(),
        }
    }
}
