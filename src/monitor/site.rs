//! A console of a site (`set site`): at its time, a scheduled queue hands in what it has counted. Whoever makes the
//! report has the shares of all consoles (`site_reports`). Queues that are mailed at once stay as they are.

use chrono::{Local, TimeDelta};

use super::monitor::Monitor;
use crate::clock::Time;
use crate::config::QueueId;
use crate::counters::Counter;
use crate::ledger::news::{HandedIn, Reported};
use crate::queue::{HostLines, Tally};
use crate::schedule::Schedule;
use crate::site::Share;

/// A scheduled minute is looked for within this time: schedules of one day in four years are longest.
const LONGEST: TimeDelta = TimeDelta::days(9 * 366);

impl Monitor {
    /// Makes this the console of this name of a site: from now on scheduled queues are not mailed, but handed in.
    pub fn join_site(&mut self, console: &str) {
        self.console = Some(console.to_owned());
        self.watching.elsewhere.join(console);
        self.begin_schedules(self.looked);
    }

    /// Takes out what the scheduled queues hand in that are due by now; nothing where there is no site.
    pub fn hand_in(&mut self, now: Time) -> Vec<Share> {
        if self.console.is_none() {
            return Vec::new();
        }
        self.advance_to(now);
        let config = self.config.clone();
        let queues = config.queues.iter().zip(&self.queues).zip(0..);
        let due = queues.filter_map(|((queue, state), index)| {
            let scheduled = queue.schedule != Schedule::Now && state.overdue;
            scheduled.then_some(index)
        });
        let due: Vec<usize> = due.collect();
        let shares = due.into_iter();
        shares
            .filter_map(|index| self.hand_in_queue(index, now))
            .collect()
    }

    /// Whether no scheduled minute has come by now whose counts are yet to be handed in.
    pub fn nothing_to_hand_in(&self, now: Time) -> bool {
        let mut queues = self.config.queues.iter().zip(&self.queues);
        queues.all(|(queue, state)| {
            let passes = state.next.is_some_and(|next| next <= now);
            queue.schedule == Schedule::Now || (!state.overdue && !passes)
        })
    }

    /// Whether a scheduled minute has come since the last call.
    pub fn take_passed(&mut self) -> bool {
        std::mem::take(&mut self.passed)
    }

    /// Takes out what a queue hands in; nothing if its part of the report is empty. Escalation begins anew.
    fn hand_in_queue(&mut self, index: usize, now: Time) -> Option<Share> {
        self.count_often(index, now);
        let config = self.config.clone();
        let queue = config.queues.get(index)?;
        let slot = self.slot(index, now).unwrap_or(now);
        let state = self.queues.get_mut(index)?;
        state.overdue = false;
        if state.tally.is_empty() && !state.trends && !queue.quiet {
            return None;
        }
        self.note_news(now);
        let state = self.queues.get_mut(index)?;
        let tally = std::mem::take(&mut state.tally);
        let from = std::mem::replace(&mut state.start, now);
        state.mailed = Some(now);
        let id = QueueId(u16::try_from(index).ok()?);
        self.release(id);
        let lines = tally.lines(Default::default(), &[], &mut Vec::new());
        let news = self.hand_in_news(index, &tally, &lines, now);
        self.escalated(id, &lines);
        let trends = self.take_trends(index, now);
        let read = self.counters.get(Counter::Lines);
        let heard = self.heard.take(&queue.name, read);
        // What is said of mails is for a mail of this console.
        let announcements = std::mem::take(&mut self.announcements);
        let remarks = self.remarks_for(index, from, now);
        self.announcements = announcements;
        Some(Share {
            console: self.console.clone()?,
            queue: queue.name.clone(),
            slot,
            from,
            to: now,
            hosts: Share::hosts_of(&tally),
            remarks,
            news,
            trends,
            heard,
        })
    }

    /// The last scheduled minute of a queue up to now, which all consoles have in common.
    fn slot(&self, index: usize, now: Time) -> Option<Time> {
        let Schedule::Cron(spec) = &self.config.queues.get(index)?.schedule else {
            return None;
        };
        spec.due(now - LONGEST, now.max(self.looked), &Local)
    }

    /// What is new in the lines of a queue, as they are handed in.
    fn hand_in_news(
        &mut self,
        index: usize,
        tally: &Tally,
        lines: &[HostLines<'_>],
        now: Time,
    ) -> Option<HandedIn> {
        let config = &self.config;
        let queue = config.queues.get(index)?;
        let id = QueueId(u16::try_from(index).ok()?);
        if !self.queues.get(index)?.fresh.wanted || lines.is_empty() {
            return None;
        }
        let mail = queue.output.mail()?;
        let report = Reported {
            queue: &queue.name,
            is_read: mail.wants(false),
            line: &|at| tally.numbered(at).map(|(host, _, count)| (host, count)),
            rule: &|key| self.news_rules.of_queue(config, key, id),
        };
        let text = |at| tally.numbered(at).map(|(host, line, _)| (host, line));
        let news = &mut self.ledger.news;
        news.hand_in(&report, &text, (&config.news, now))
    }
}
