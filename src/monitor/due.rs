//! Which queues are to be reported, and their reports.

use bstr::{BStr, BString};
use chrono::Local;

use super::Monitor;
use crate::charset::decode;
use crate::clock::Time;
use crate::config::{Action, MailQueue, Output, Queue, QueueId, RuleId, SortOrder};
use crate::queue::{HostLines, OTHER_HOSTS};
use crate::report::{self, Extent, Form, Report, Status, Unsent};
use crate::resolve::Resolver;
use crate::schedule::Schedule;

/// The hosts and escalation counters that a report speaks of. They begin anew with the report; if it
/// cannot be sent, they go on.
pub type EscalationSettlement = Vec<(RuleId, BString, u64)>;

/// A queue's reports, just taken out of it. A queue with pagers among its recipients has two.
#[derive(Debug)]
pub struct DueReports {
    /// The queue.
    pub queue: QueueId,
    /// What is to be delivered.
    pub reports: Vec<Report>,
    /// The mails that the first of them tells of ([`Monitor::announce`]).
    pub announced: Vec<u64>,
    /// What [`Monitor::undelivered`] is to be told if they cannot be sent.
    pub settlement: EscalationSettlement,
}

impl Monitor {
    /// The reports that have fallen due up to `now`.
    ///
    /// A `[now]` queue is due whenever it holds lines; ask every `sleep` seconds. A cron queue is
    /// due if a minute of its schedule has begun since the last call, however long ago that was.
    /// A queue that is `waiting` (for the delivery of its report before) goes on collecting.
    pub fn due(
        &mut self,
        now: Time,
        status: Option<Status>,
        waiting: &dyn Fn(&str) -> bool,
    ) -> Vec<DueReports> {
        self.advance_to(now);
        let config = self.config.clone();
        let ready = |(index, queue): (usize, &Queue)| {
            let now_queue = queue.schedule == Schedule::Now;
            let ripe = now_queue || self.queues.get(index).is_some_and(|q| q.overdue);
            (ripe && !waiting(&queue.name)).then_some(index)
        };
        let ready: Vec<usize> = config.queues.iter().enumerate().filter_map(ready).collect();
        let report = |index: usize| self.report(index, now, status);
        ready.into_iter().filter_map(report).collect()
    }

    /// What is due in this very minute and was not mailed in it is due (`SIGUSR1`), even if the
    /// minute is that of the start.
    pub fn recall(&mut self, now: Time) {
        let minute = |time: Time| time.timestamp().div_euclid(60);
        let before = now - chrono::TimeDelta::minutes(1);
        for (queue, waiting) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && !waiting.tally.is_empty()
                && waiting
                    .mailed
                    .is_none_or(|mailed| minute(mailed) != minute(now))
                && spec.due(before, now, &Local).is_some()
            {
                waiting.overdue = true;
            }
        }
    }

    /// Time has passed up to `now`: queues with lines whose minute has come are due. Call it before
    /// lines are counted that were read at `now`: they came after that minute.
    pub fn advance_to(&mut self, now: Time) {
        if now < self.looked {
            // The clock was set back: what was next is worked out anew.
            return self.begin_schedules(now);
        }
        self.looked = now;
        for (queue, waiting) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && waiting.next.is_some_and(|next| next <= now)
            {
                waiting.overdue |= !waiting.tally.is_empty();
                waiting.next = spec.next(now, &Local);
            }
        }
    }

    /// After a restart, all queues whose time has come meanwhile are due: those without lines too,
    /// since the lines of before that time may only now be read.
    pub(super) fn mark_missed_schedules(&mut self, now: Time) {
        for (queue, waiting) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && waiting.next.is_some_and(|next| next <= now)
            {
                waiting.overdue = true;
                waiting.next = spec.next(now, &Local);
            }
        }
        self.looked = self.looked.max(now);
    }

    /// Works out when each queue is due next, counted from `looked`.
    pub(super) fn begin_schedules(&mut self, looked: Time) {
        self.looked = looked;
        for (queue, waiting) in self.config.queues.iter().zip(&mut self.queues) {
            waiting.next = match &queue.schedule {
                Schedule::Now => None,
                Schedule::Cron(spec) => spec.next(looked, &Local),
            };
        }
    }

    /// The reports of all queues, whatever their schedules.
    pub fn flush(&mut self, now: Time, status: Option<Status>) -> Vec<DueReports> {
        self.advance_to(now);
        (0..self.queues.len())
            .filter_map(|index| self.report(index, now, status))
            .collect()
    }

    /// When [`Self::due`] is to be asked next; `[now]` queues apart. A queue without lines needs no
    /// look, unless it is one of the `others`: those with a refused report to try again.
    pub fn next_due(&self, others: &dyn Fn(&str) -> bool) -> Option<Time> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let wanted = queues.filter(|(q, w)| !w.tally.is_empty() || others(&q.name));
        wanted.filter_map(|(_, w)| w.next).min()
    }

    /// The instant up to which schedules were looked at.
    pub fn looked(&self) -> Time {
        self.looked
    }

    /// The queues whose time has come between the last look and `now`.
    pub fn passing(&self, now: Time) -> Vec<String> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let passing = queues.filter(|(_, w)| w.next.is_some_and(|next| next <= now));
        passing.map(|(q, _)| q.name.clone()).collect()
    }

    /// Whether a `[now]` queue holds lines.
    pub fn now_waiting(&self) -> bool {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .into_iter()
            .any(|(q, w)| q.schedule == Schedule::Now && !w.tally.is_empty())
    }

    /// The `[now]` queues that hold lines.
    pub fn now_with_lines(&self) -> Vec<String> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let now = queues.filter(|(q, w)| q.schedule == Schedule::Now && !w.tally.is_empty());
        now.map(|(q, _)| q.name.clone()).collect()
    }

    /// Whether the time of a queue has passed without its report.
    pub fn overdue(&self) -> bool {
        self.queues.iter().any(|queue| queue.overdue)
    }

    /// The same, of queues that are not `waiting`.
    pub fn overdue_but(&self, waiting: &dyn Fn(&str) -> bool) -> bool {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .into_iter()
            .any(|(q, w)| w.overdue && !waiting(&q.name))
    }

    /// What the reports made next are to tell of mails that nobody has taken. It replaces what was
    /// given before.
    pub fn announce(&mut self, announcements: Vec<Unsent>) {
        self.announcements = announcements;
    }

    /// Whether no queue holds lines.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.tally.is_empty())
    }

    /// A report could not be sent: its lines count again for escalation.
    pub fn undelivered(&mut self, hosts: &EscalationSettlement) {
        for (rule, host, count) in hosts {
            self.escalations.give_back(*rule, host.as_ref(), *count);
        }
    }

    /// A report that could not be sent was taken at last: its lines count no more.
    pub fn delivered_at_last(&mut self, hosts: &EscalationSettlement) {
        for (rule, host, count) in hosts {
            self.escalations.settle(*rule, host.as_ref(), *count);
        }
    }

    fn report(&mut self, index: usize, now: Time, status: Option<Status>) -> Option<DueReports> {
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
        let mut gave_up = Vec::new();
        let lines = tally.lines(order, &queue.thresholds, &mut gave_up);
        for (pattern, length) in gave_up {
            self.note_limit(&pattern, length);
        }
        let waiting = self.queues.get_mut(index)?;
        if lines.is_empty() {
            return None;
        }
        let start = std::mem::replace(&mut waiting.start, now);
        waiting.mailed = Some(now);
        let id = QueueId(u16::try_from(index).ok()?);
        let settlement = self.escalated(id, &lines);
        let remarks = self.remarks_for(index, start, now);
        let announced = std::mem::take(&mut self.announced);
        let maker = Maker {
            remarks: &remarks,
            resolver: self.resolver.as_deref().filter(|_| config.report.resolve),
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
        Some(DueReports {
            queue: id,
            reports,
            announced,
            settlement,
        })
    }

    /// What this report tells besides its lines: it must have a reader of whole sentences.
    fn remarks_for(&mut self, index: usize, start: Time, now: Time) -> Vec<String> {
        let output = self.config.queues.get(index).map(|queue| &queue.output);
        match output {
            Some(Output::Mail(mail)) if mail.recipients.iter().any(|r| !r.pager) => {}
            _ => return Vec::new(),
        }
        let mut remarks = std::mem::take(&mut self.remarks);
        let name = self.config.queues.get(index).map(|queue| &queue.name);
        let (theirs, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.announcements)
            .into_iter()
            .partition(|unsent| unsent.not_in.is_none() || unsent.not_in.as_ref() != name);
        self.announcements = others;
        for unsent in theirs {
            self.announced.extend(unsent.mails);
            remarks.push(unsent.text);
        }
        let gap = self.queues.get_mut(index).and_then(|w| w.gap.take());
        remarks.extend(gap.map(|(from, to)| {
            let shown = |time: Time| time.with_timezone(&Local).format("%F %T %z").to_string();
            format!(
                "This report covers {} to {}; tenshi was not running for a time between {} and {}",
                shown(start),
                shown(now),
                shown(from),
                shown(to)
            )
        }));
        remarks
    }

    /// The escalation counters of the rules whose leftmost queue this is, for the report's hosts: they
    /// are taken out.
    fn escalated(&mut self, queue: QueueId, lines: &[HostLines<'_>]) -> EscalationSettlement {
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
        let mut hosts = EscalationSettlement::new();
        for rule in rules {
            // The hosts that share a counter may stand in the report by their names.
            let shared = (!lines.is_empty()).then_some(BStr::new(OTHER_HOSTS));
            for host in lines.iter().map(|lines| lines.host).chain(shared) {
                let count = self.escalations.take(rule, host);
                if count > 0 {
                    hosts.push((rule, host.to_owned(), count));
                }
            }
        }
        hosts
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
    remarks: &'a [String],
    resolver: Option<&'a Resolver>,
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
            let form = Form {
                charset: settings.charset,
                mask: &settings.mask,
                extent: Extent {
                    lines: match pager {
                        true => settings.pager_limit,
                        false => settings.limit,
                    },
                    shown: settings.max_shown,
                },
            };
            let body = match pager {
                true => report::pager(self.lines, form),
                false => report::text(self.lines, form, (self.status, self.remarks), &|host| {
                    self.resolver?.name(host)
                }),
            };
            reports.push(self.mail(mail, pager, body));
        }
        reports
    }

    fn mail(&self, mail: &MailQueue, pager: bool, body: BString) -> Report {
        let settings = &self.config.report;
        let shown = |text: &[u8]| decode(settings.charset, text).into_owned();
        let mut subject = shown(mail.subject.as_ref().unwrap_or(&settings.subject));
        subject.extend_from_slice(format!(" [{}]", self.queue.name).as_bytes());
        let words: Vec<Vec<u8>> = mail.recipients.iter().map(|r| shown(&r.text)).collect();
        Report {
            queue: self.queue.name.clone(),
            from: shown(&mail.from).into(),
            sender: mail.sender.clone(),
            to: bstr::join(",", words).into(),
            recipients: mail
                .recipients
                .iter()
                .filter(|r| r.pager == pager)
                .map(|r| r.address.clone())
                .collect(),
            subject: subject.into(),
            start: (self.queue.schedule != Schedule::Now).then_some(self.start),
            made: self.now,
            body: body.into(),
            pager,
        }
    }

    fn csv(&self) -> Option<Report> {
        let body = report::csv(self.lines, self.config.report.csv_safe).ok()?;
        Some(Report {
            queue: self.queue.name.clone(),
            from: BString::default(),
            sender: crate::config::Address::new("")?,
            to: BString::default(),
            recipients: Vec::new(),
            subject: BString::default(),
            start: Some(self.start),
            made: self.now,
            body: body.into(),
            pager: false,
        })
    }
}
