//! A monitor's part of a snapshot: written, and gone on from after a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use bstr::BStr;

use super::dropped::Dropped;
use super::repeat::Last;
use super::saved::{SavedCounter, SavedLast, SavedMonitor, SavedQueue, SavedSource};
use super::{EscalationSettlement, Monitor};
use crate::clock::Time;
use crate::config::{Action, RuleId};
use crate::queue::Tally;

/// A restart that took no longer is not worth a word.
const GAP: Duration = Duration::from_secs(60);

impl Monitor {
    /// The queues, for a snapshot.
    pub fn saved_queues(&self) -> Vec<SavedQueue<&Tally>> {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .map(|(queue, waiting)| SavedQueue {
                name: queue.name.clone(),
                tally: &waiting.tally,
                start: waiting.start,
                overdue: waiting.overdue,
                schedule: queue.schedule.to_string(),
                next: waiting.next,
                gap: waiting.gap,
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

    /// What is settled with a letter, for a snapshot.
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

    fn saved_counter<'a>(
        &'a self,
        (rule, host, count): (RuleId, &'a BStr, u64),
    ) -> Option<SavedCounter<&'a str, &'a BStr>> {
        let rule = self.names.name(rule)?;
        Some(SavedCounter { rule, host, count })
    }

    /// The last lines of the hosts whose sources are known, for a snapshot.
    pub fn saved_sources(&self) -> Vec<SavedSource<SavedLast<&str, &BStr>, &BStr>> {
        let mut sources: BTreeMap<&BStr, Vec<SavedLast<&str, &BStr>>> = BTreeMap::new();
        for (source, host, last) in self.lasts.iter() {
            if let (Some(source), Some(last)) = (source, self.saved(host, last)) {
                sources.entry(source).or_default().push(last);
            }
        }
        let saved = sources.into_iter();
        saved
            .map(|(source, last)| SavedSource { source, last })
            .collect()
    }

    /// The last lines from a snapshot of a program that did not tell their sources.
    pub fn saved_last(&self) -> Vec<SavedLast<&str, &BStr>> {
        let lines = self.lasts.iter();
        let unknown = lines.filter(|(source, ..)| source.is_none());
        unknown
            .filter_map(|(_, host, last)| self.saved(host, last))
            .collect()
    }

    fn saved<'a>(&'a self, host: usize, last: &'a Last) -> Option<SavedLast<&'a str, &'a BStr>> {
        let rule = last.rule().and_then(|rule| self.names.name(rule));
        last.can_be_saved().then_some(SavedLast {
            host: self.hosts.name(host)?,
            rule,
            line: last.text(),
        })
    }

    /// What a snapshot settles with a letter, in terms of this configuration.
    pub fn settlement_from(&self, saved: &[SavedCounter]) -> EscalationSettlement {
        let rule = |counter: &SavedCounter| {
            let id = self.names.id(&counter.rule)?;
            Some((id, counter.host.clone(), counter.count))
        };
        saved.iter().filter_map(rule).collect()
    }

    /// Goes on from a snapshot. Gives the names of queues whose lines have no queue any more.
    pub fn restore(&mut self, snapshot: SavedMonitor, now: Time) -> Vec<String> {
        let mut gone = Vec::new();
        for saved in snapshot.queues {
            let index = self.config.queues.iter().position(|q| q.name == saved.name);
            match index.and_then(|index| self.queues.get_mut(index)) {
                Some(waiting) => {
                    waiting.tally = saved.tally;
                    waiting.start = saved.start;
                    waiting.overdue = saved.overdue;
                    let down = (now - snapshot.made).to_std().is_ok_and(|t| t >= GAP);
                    waiting.gap = saved.gap.or(down.then_some((snapshot.made, now)));
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
        let repeats = self.repeats;
        for saved in snapshot.last.iter().filter(|_| repeats) {
            let last = self.last_from(saved);
            let number = self.hosts.host(&saved.host).number();
            self.lasts.of_any(number, last);
        }
        for saved in snapshot.sources.iter().filter(|_| repeats) {
            let source = self.lasts.source(saved.source.as_ref());
            for saved in &saved.last {
                let last = self.last_from(saved);
                let number = self.hosts.host(&saved.host).number();
                self.lasts.set(source, number, |place| *place = last);
            }
        }
        self.counters = snapshot.counters;
        self.dropped = Dropped::since(&self.counters);
        self.remarks = snapshot.remarks;
        self.begin_schedules(snapshot.looked.min(now));
        self.mark_missed_schedules(now);
        gone
    }

    fn last_from(&self, saved: &SavedLast) -> Last {
        let Some(name) = &saved.rule else {
            let mut last = Last::default();
            last.drop_line();
            return last;
        };
        let rule = self.names.id(name);
        let action = rule
            .and_then(|rule| self.config.rules.get(rule.index()))
            .map(|r| &r.action);
        match (rule, action) {
            (Some(rule), Some(Action::Queues(_))) => {
                let mut last = Last::default();
                last.take(rule, &saved.line);
                last
            }
            _ => Last::gone(),
        }
    }
}
