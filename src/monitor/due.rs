//! Which queues are to be reported, and their reports.

use bstr::BString;
use chrono::Local;

use super::Monitor;
use crate::clock::Time;
use crate::config::{Action, MailQueue, Output, Queue, QueueId, RuleId, SortOrder};
use crate::queue::HostLines;
use crate::report::{self, Report, Status};
use crate::schedule::Schedule;

/// The hosts and escalation counters that a report speaks of: settled when it is delivered.
pub type Hosts = Vec<(RuleId, BString, u64)>;

/// A queue's reports, just taken out of it. A queue with pagers among its recipients has two.
#[derive(Debug)]
pub struct Due {
    /// The queue.
    pub queue: QueueId,
    /// What is to be delivered.
    pub reports: Vec<Report>,
    /// What [`Monitor::delivered`] is to be told once they are.
    pub hosts: Hosts,
}

impl Monitor {
    /// The reports that have fallen due up to `now`.
    ///
    /// A `[now]` queue is due whenever it holds lines; ask every `sleep` seconds. A cron queue is
    /// due if a minute of its schedule has begun since the last call, however long ago that was.
    /// A queue that is `waiting` (for the delivery of its report before) goes on collecting. A cron
    /// queue that is due and empty is named without a report: its time has come all the same.
    pub fn due(
        &mut self,
        now: Time,
        status: Option<Status>,
        waiting: &dyn Fn(&str) -> bool,
    ) -> Vec<Due> {
        let config = self.config.clone();
        for (queue, state) in config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule {
                state.overdue |= spec.due(self.looked, now, &Local).is_some();
            }
        }
        self.looked = now;
        let ready = |(index, queue): (usize, &Queue)| {
            let now_queue = queue.schedule == Schedule::Now;
            let ripe = now_queue || self.queues.get(index).is_some_and(|q| q.overdue);
            (ripe && !waiting(&queue.name)).then_some(index)
        };
        let ready: Vec<usize> = config.queues.iter().enumerate().filter_map(ready).collect();
        let report = |index: usize| {
            let at_once = config.queues.get(index)?.schedule == Schedule::Now;
            let queue = QueueId(u16::try_from(index).ok()?);
            let none = || Due {
                queue,
                reports: Vec::new(),
                hosts: Vec::new(),
            };
            self.report(index, now, status)
                .or_else(|| (!at_once).then(none))
        };
        ready.into_iter().filter_map(report).collect()
    }

    /// The reports of all queues, whatever their schedules.
    pub fn flush(&mut self, now: Time, status: Option<Status>) -> Vec<Due> {
        (0..self.queues.len())
            .filter_map(|index| self.report(index, now, status))
            .collect()
    }

    /// When [`Self::due`] is to be asked next; `[now]` queues apart.
    pub fn next_due(&self) -> Option<Time> {
        let next = |queue: &Queue| match &queue.schedule {
            Schedule::Now => None,
            Schedule::Cron(spec) => spec.next(self.looked, &Local),
        };
        self.config.queues.iter().filter_map(next).min()
    }

    /// Whether a `[now]` queue holds lines.
    pub fn now_waiting(&self) -> bool {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .into_iter()
            .any(|(q, w)| q.schedule == Schedule::Now && !w.tally.is_empty())
    }

    /// Whether a queue has waited past its scheduled time for the delivery of its report before.
    pub fn overdue(&self) -> bool {
        self.queues.iter().any(|queue| queue.overdue)
    }

    /// Whether no queue holds lines.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.tally.is_empty())
    }

    /// A report was taken by its server: its lines count for no further escalation.
    pub fn delivered(&mut self, hosts: &Hosts) {
        for (rule, host, count) in hosts {
            self.escalations.settle(*rule, host.as_ref(), *count);
        }
    }

    fn report(&mut self, index: usize, now: Time, status: Option<Status>) -> Option<Due> {
        let config = self.config.clone();
        let queue = config.queues.get(index)?;
        let waiting = self.queues.get_mut(index)?;
        waiting.overdue = false;
        if waiting.tally.is_empty() {
            return None;
        }
        let tally = std::mem::take(&mut waiting.tally);
        let order = match queue.output {
            Output::Mail(_) => config.report.sort_order,
            Output::Csv(_) => SortOrder::Ascending,
        };
        let lines = tally.lines(order, &queue.thresholds);
        if lines.is_empty() {
            return None;
        }
        let start = std::mem::replace(&mut waiting.start, now);
        let id = QueueId(u16::try_from(index).ok()?);
        let hosts = self.escalated(id, &lines);
        let maker = Maker {
            config: &config,
            queue,
            lines: &lines,
            start,
            now,
            status,
        };
        let reports = match &queue.output {
            Output::Mail(mail) => maker.mails(mail),
            Output::Csv(_) => maker.csv().into_iter().collect(),
        };
        Some(Due {
            queue: id,
            reports,
            hosts,
        })
    }

    /// The escalation counters of the rules whose leftmost queue this is, for the report's hosts.
    fn escalated(&self, queue: QueueId, lines: &[HostLines<'_>]) -> Hosts {
        let leftmost = |(index, action): (usize, &Action)| match action {
            Action::Queues(targets) => {
                let counts = targets.iter().any(|t| t.escalation.is_some());
                let first = targets.first().is_some_and(|t| t.queue == queue);
                (counts && first)
                    .then(|| u32::try_from(index).ok().map(RuleId))
                    .flatten()
            }
            _ => None,
        };
        let actions = self
            .config
            .rules
            .iter()
            .map(|rule| &rule.action)
            .enumerate();
        let rules: Vec<RuleId> = actions.filter_map(leftmost).collect();
        let counters = rules.iter().flat_map(|&rule| {
            lines.iter().map(move |host| {
                (
                    rule,
                    host.host.to_owned(),
                    self.escalations.get(rule, host.host),
                )
            })
        });
        counters.filter(|(_, _, count)| *count > 0).collect()
    }
}

/// Makes the reports of one queue.
struct Maker<'a> {
    config: &'a crate::config::Config,
    queue: &'a Queue,
    lines: &'a [HostLines<'a>],
    start: Time,
    now: Time,
    status: Option<Status>,
}

impl Maker<'_> {
    /// The full form for ordinary recipients, the short one for pagers.
    fn mails(&self, mail: &MailQueue) -> Vec<Report> {
        let settings = &self.config.report;
        let mut reports = Vec::new();
        for pager in [false, true] {
            if !mail.recipients.iter().any(|r| r.pager == pager) {
                continue;
            }
            let body = match pager {
                true => report::pager(self.lines, settings.pager_limit),
                false => report::text(self.lines, settings.limit, self.status, &|_| None),
            };
            reports.push(self.mail(mail, pager, body));
        }
        reports
    }

    fn mail(&self, mail: &MailQueue, pager: bool, body: BString) -> Report {
        let settings = &self.config.report;
        let mut subject = mail
            .subject
            .clone()
            .unwrap_or_else(|| settings.subject.clone());
        subject.extend_from_slice(format!(" [{}]", self.queue.name).as_bytes());
        let words: Vec<&[u8]> = mail.recipients.iter().map(|r| r.text.as_slice()).collect();
        Report {
            queue: self.queue.name.clone(),
            from: mail.from.clone(),
            sender: mail.sender.clone(),
            to: bstr::join(",", words).into(),
            recipients: mail
                .recipients
                .iter()
                .filter(|r| r.pager == pager)
                .map(|r| r.address.clone())
                .collect(),
            subject,
            start: (self.queue.schedule != Schedule::Now).then_some(self.start),
            made: self.now,
            body,
            pager,
        }
    }

    fn csv(&self) -> Option<Report> {
        let body = report::csv(self.lines).ok()?;
        Some(Report {
            queue: self.queue.name.clone(),
            from: BString::default(),
            sender: crate::config::Address::new("")?,
            to: BString::default(),
            recipients: Vec::new(),
            subject: BString::default(),
            start: Some(self.start),
            made: self.now,
            body,
            pager: false,
        })
    }
}
