//! Reports: which queues are due, and the way of their reports into the outbox.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::counters::Counter;
use crate::monitor::DueReports;
use crate::report::{Report, Status};

impl Daemon {
    /// Makes reports if a scheduled minute, the end of a window or the next look at the `[now]` queues has come.
    pub(super) fn check_if_due(&mut self, now: Time) {
        let scheduled = self.next_due.is_some_and(|due| now >= due) || self.monitor.overdue();
        let checked = now >= self.next_check && self.monitor.now_waiting();
        if (scheduled && self.ready()) || checked {
            self.check(now, None);
        }
    }

    /// Makes the reports that are due. With a status, each report of a check that a signal asked for
    /// begins with its words.
    pub(super) fn check(&mut self, now: Time, status: Option<Status>) {
        log::debug!("checking queues");
        for queue in self.monitor.passing(now) {
            self.outbox.retry_queue(&queue, now);
        }
        self.hand_in(now);
        for queue in self.monitor.now_with_lines() {
            self.outbox.retry_blocking(&queue, now);
        }
        let asked = match self.asks_for_alarms(now) {
            true => self.monitor.now_with_lines().into_iter().collect(),
            false => BTreeSet::new(),
        };
        let (outbox, resolver) = (&self.outbox, &self.resolver);
        let names = |host: &[u8]| resolver.as_ref()?.name(host);
        self.monitor.announce(outbox.unsent(now));
        let waiting = |queue: &str| outbox.waiting(queue) || asked.contains(queue);
        let due = self.monitor.due(now, status, &waiting, &names);
        if asked.is_empty() {
            // The answer about lines that other consoles have mailed is for this check alone.
            self.monitor.set_mailed_elsewhere(BTreeMap::new());
        }
        let config = self.monitor.config().clone();
        // A `[now]` queue has no scheduled minutes: its mails that wait are tried again with its next report.
        for queue in due
            .iter()
            .filter_map(|d| config.queues.get(d.queue.index()))
        {
            self.outbox.retry_queue(&queue.name, now);
        }
        self.queue_reports(due, now, None);
        if config.trends.on {
            // A period may have ended.
            self.commits.changed(now, true, &config.state);
        }
        let sleep = config.sleep.max(Duration::from_secs(1));
        while self.next_check <= now {
            self.next_check = (self.next_check + sleep).max(now + sleep / 2);
        }
        if let Some(until) = self.next_alarm() {
            self.next_check = self.next_check.min(until);
        }
        self.plan();
    }

    /// Whether a scheduled report may be made: not while lines of its time are still to be read,
    /// nor while all that is overdue waits for the delivery of a report before.
    pub(super) fn ready(&self) -> bool {
        let due = self.next_due.is_some_and(|due| self.clock.now() >= due);
        let outbox = &self.outbox;
        // What is handed in to a site waits for no mail.
        let waits = |queue: &str| self.site.is_none() && outbox.waiting(queue);
        !self.catching_up && (due || self.monitor.overdue_but(&waits))
    }

    /// Makes a report of every queue, and tries all that waits in the outbox.
    pub(super) fn flush(&mut self, now: Time, status: Status) {
        self.flush_queues(now, status);
        self.outbox.retry_all(now);
        self.dispatch(now);
    }

    /// Makes a report of every queue.
    pub(super) fn flush_queues(&mut self, now: Time, status: Status) {
        log::debug!("flushing all queues");
        self.monitor.announce(self.outbox.unsent(now));
        let resolver = &self.resolver;
        let names = |host: &[u8]| resolver.as_ref()?.name(host);
        let due = self.monitor.flush(now, Some(status), &names);
        self.queue_reports(due, now, None);
    }

    /// Moves reports from their queues into the outbox. The reports of a site have Message-IDs that begin as `named`
    /// says.
    pub(super) fn queue_reports(&mut self, due: Vec<DueReports>, now: Time, named: Option<&str>) {
        for due in due {
            let mut settlement = Some(due.settlement);
            for (report, number) in due.reports.into_iter().zip(1..) {
                log::debug!("queue {}: mailing", report.queue);
                let pager = report.pager;
                let hostname = &self.identity.hostname;
                let pushed = match (&report.notification, named) {
                    (Some(_), _) => self.outbox.push_notification(report, now, hostname),
                    (None, Some(named)) => {
                        let message_id =
                            format!("{named}.{number}.tenshi@{}", hostname.replace(' ', "-"));
                        Ok(self.outbox.push_as(report, now, message_id))
                    }
                    (None, None) => Ok(self.outbox.push(report, now, hostname)),
                };
                let id = match pushed {
                    Ok(id) => id,
                    Err(report) => {
                        self.left_out(&report);
                        continue;
                    }
                };
                self.commits.mail(id);
                if !pager {
                    self.outbox.carried(&due.announced, id);
                }
                if let Some(settlement) = settlement.take() {
                    // Several reports may have become one.
                    self.settlements.entry(id).or_default().extend(settlement);
                }
            }
        }
    }

    /// Tells of a report for which a program of `set notify` has no room, and counts it.
    fn left_out(&mut self, report: &Report) {
        self.monitor.count_event(Counter::NotifyLeftOut);
        let Some(notification) = &report.notification else {
            return;
        };
        let (queue, program) = (&report.queue, &notification.program);
        if self.outbox.first_left_out(program) {
            let text = format!(
                "notify {program}: reports are left out from now on, since too much waits for this program; the \
                 first is one of queue {queue}"
            );
            log::error!("{text}");
            self.monitor.remark(text);
        }
    }
}
