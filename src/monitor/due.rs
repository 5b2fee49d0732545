//! The reports of queues that are due.

use bstr::{BStr, BString};
use chrono::Local;

use super::bundling::Share;
use super::monitor::Monitor;
use super::report_builder::ReportBuilder;
use crate::clock::Time;
use crate::config::{Action, Queue, QueueId, RuleId, SortOrder};
use crate::queue::{HostLines, OTHER_HOSTS, Tally};
use crate::report::{Page, Report, Status, Unsent};
use crate::schedule::Schedule;

/// The escalation counters of a report's rules and hosts: rule, host, number of lines. They begin anew
/// with the report; if it cannot be sent, they go on ([`Monitor::undelivered`]).
pub type EscalationSettlement = Vec<(RuleId, BString, u64)>;

/// The full name of a host, where it is known (`set resolve`).
pub(super) type Names<'a> = &'a dyn Fn(&[u8]) -> Option<String>;

/// The reports of a queue that fell due. A queue with pagers among its recipients has two.
#[derive(Debug)]
pub struct DueReports {
    /// The queue.
    pub queue: QueueId,
    /// The reports to be delivered.
    pub reports: Vec<Report>,
    /// The numbers of the undelivered mails that the first report speaks of ([`Monitor::announce`]).
    pub announced: Vec<u64>,
    /// The escalation counters that begin anew with the reports.
    pub settlement: EscalationSettlement,
}

impl Monitor {
    /// The reports that have fallen due up to `now`.
    ///
    /// A `[now]` queue is due whenever it holds lines; ask every `sleep` seconds. Of one that is bundled, some
    /// lines may wait for the end of its window. A cron queue is
    /// due if a minute of its schedule has begun since the last call, however long ago that was.
    /// A queue that is `waiting` (for the delivery of its report before) goes on collecting. `names` gives
    /// the full name of a host, where it is known (`set resolve`).
    pub fn due(
        &mut self,
        now: Time,
        status: Option<Status>,
        waiting: &dyn Fn(&str) -> bool,
        names: &dyn Fn(&[u8]) -> Option<String>,
    ) -> Vec<DueReports> {
        self.advance_to(now);
        self.bundling.pages.prune(now);
        let config = self.config.clone();
        let ready = |(index, queue): (usize, &Queue)| {
            let now_queue = queue.schedule == Schedule::Now;
            let overdue = self.queues.get(index).is_some_and(|q| q.overdue);
            // In a site, what is scheduled is handed in.
            let ripe = now_queue || (overdue && self.console.is_none());
            (ripe && !waiting(&queue.name)).then_some(index)
        };
        let ready: Vec<usize> = config.queues.iter().enumerate().filter_map(ready).collect();
        let report = |index: usize| {
            if self.waits_for_page(config.queues.get(index)?) {
                return None;
            }
            let share = self.share(index, now);
            let report = share.and_then(|share| self.report(index, share, now, (status, names)));
            report.or_else(|| self.quiet_report(index, now, status))
        };
        ready.into_iter().filter_map(report).collect()
    }

    /// The reports of all queues, whatever their schedules.
    pub fn flush(
        &mut self,
        now: Time,
        status: Option<Status>,
        names: &dyn Fn(&[u8]) -> Option<String>,
    ) -> Vec<DueReports> {
        self.advance_to(now);
        (0..self.queues.len())
            .filter_map(|index| self.report(index, Share::Whole, now, (status, names)))
            .collect()
    }

    /// Sets the sentences that the next reports carry about mails that nobody has taken, in the place of
    /// those set before.
    pub fn announce(&mut self, announcements: Vec<Unsent>) {
        self.announcements = announcements;
    }

    /// Whether no queue holds lines.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.tally.is_empty())
    }

    /// To be called when a report could not be sent: its lines count again for escalation.
    pub fn undelivered(&mut self, hosts: &EscalationSettlement) {
        for (rule, host, count) in hosts {
            self.escalations.give_back(*rule, host.as_ref(), *count);
        }
    }

    /// To be called when a report was sent at last that could not be sent before: its lines count no more
    /// for escalation.
    pub fn delivered_at_last(&mut self, hosts: &EscalationSettlement) {
        for (rule, host, count) in hosts {
            self.escalations.settle(*rule, host.as_ref(), *count);
        }
    }

    /// Takes the reports of this share of its lines out of the queue of this number; nothing if no line is to be
    /// reported.
    fn report(
        &mut self,
        index: usize,
        share: Share,
        now: Time,
        (status, names): (Option<Status>, Names<'_>),
    ) -> Option<DueReports> {
        self.count_often(index, now);
        let config = self.config.clone();
        let queue = config.queues.get(index)?;
        let state = self.queues.get_mut(index)?;
        state.overdue = false;
        if state.tally.is_empty() && !state.trends {
            return None;
        }
        self.note_news(now);
        let state = self.queues.get_mut(index)?;
        let (tally, start) = (std::mem::take(&mut state.tally), state.start);
        let id = QueueId(u16::try_from(index).ok()?);
        self.release(id);
        let lines = self.lines_of(index, &tally, &share);
        if lines.is_empty() && matches!(share, Share::First(_)) {
            // Other consoles have mailed these lines: the queue goes on with all that it has gathered besides.
            self.note_mailed(index, (&share, &tally), &lines, (start, now));
            self.keep_rest(index, tally, &share);
            return None;
        }
        let news = self.take_news(index, &tally, &lines, now);
        let gathered = self.note_mailed(index, (&share, &tally), &lines, (start, now));
        if lines.is_empty() && !self.queues.get(index)?.trends {
            return None;
        }
        let (mut settlement, mut trends) = (EscalationSettlement::new(), None);
        if matches!(share, Share::Whole) {
            trends = self.take_trends(index, now);
            let state = self.queues.get_mut(index)?;
            (state.start, state.mailed) = (now, Some(now));
            settlement = self.escalated(id, &lines);
            self.heard_until(&queue.name, start);
        }
        let mut remarks = self.remarks_for(index, start, now);
        remarks.extend(self.take_left_out(index));
        let announced = std::mem::take(&mut self.announced);
        let page = queue.output.mail().map(|mail| self.page(mail, now));
        let builder = ReportBuilder {
            remarks: &remarks,
            gathered,
            page: page.unwrap_or(Page::Sent),
            news: news.as_ref(),
            quiet: None,
            trends: trends.as_ref(),
            names,
            config: &config,
            queue,
            lines: &lines,
            start,
            now,
            status,
        };
        let reports = builder.reports();
        self.keep_rest(index, tally, &share);
        Some(DueReports {
            queue: id,
            reports,
            announced,
            settlement,
        })
    }

    /// The scheduled report of a queue without lines, if it is to be mailed (`set quiet`).
    fn quiet_report(
        &mut self,
        index: usize,
        now: Time,
        status: Option<Status>,
    ) -> Option<DueReports> {
        let config = self.config.clone();
        let queue = config.queues.get(index).filter(|queue| queue.quiet)?;
        let mail = queue.output.mail()?;
        let state = self.queues.get_mut(index)?;
        let start = std::mem::replace(&mut state.start, now);
        state.mailed = Some(now);
        let quiet = self.heard_until(&queue.name, start)?;
        let remarks = self.remarks_for(index, start, now);
        let announced = std::mem::take(&mut self.announced);
        let page = self.page(mail, now);
        let builder = ReportBuilder {
            remarks: &remarks,
            news: None,
            gathered: None,
            page,
            quiet: Some(&quiet),
            trends: None,
            names: &|_| None,
            config: &config,
            queue,
            lines: &[],
            start,
            now,
            status,
        };
        Some(DueReports {
            queue: QueueId(u16::try_from(index).ok()?),
            reports: builder.mails(mail),
            announced,
            settlement: EscalationSettlement::new(),
        })
    }

    /// The lines of a queue that are to be reported. The lines that other consoles have mailed are left out.
    fn lines_of<'t>(
        &mut self,
        index: usize,
        tally: &'t Tally,
        share: &Share,
    ) -> Vec<HostLines<'t>> {
        let config = self.config.clone();
        let Some((queue, state)) = config.queues.get(index).zip(self.queues.get(index)) else {
            return Default::default();
        };
        let order = match queue.output.mail() {
            Some(_) => config.report.sort_order,
            None => SortOrder::Ascending,
        };
        let mut gave_up = Vec::new();
        let mut lines = match share {
            Share::Whole => tally.lines(order, &queue.thresholds, &mut gave_up),
            Share::First(numbers) => tally.lines_of(numbers, order),
        };
        if state.window.is_some() {
            // A report has them already.
            for host in &mut lines {
                host.lines.retain(|(count, _)| *count > 0);
            }
            lines.retain(|host| !host.lines.is_empty() || host.others > 0);
        }
        for (pattern, length) in gave_up {
            self.note_limit(&pattern, length);
        }
        if queue.schedule == Schedule::Now {
            self.leave_out_mailed(index, &queue.name, &mut lines);
        }
        lines
    }

    /// The sentences that a report carries besides its lines; none where only pagers and programs read it.
    pub(super) fn remarks_for(&mut self, index: usize, start: Time, now: Time) -> Vec<String> {
        let config = self.config.clone();
        let queue = config.queues.get(index);
        match queue.and_then(|queue| queue.output.mail()) {
            Some(mail) if mail.wants(false) => {}
            _ => return Vec::new(),
        }
        let mut remarks = std::mem::take(&mut self.remarks);
        let name = queue.map(|queue| &queue.name);
        let (theirs, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.announcements)
            .into_iter()
            .partition(|unsent| unsent.not_in.is_none() || unsent.not_in.as_ref() != name);
        self.announcements = others;
        for unsent in theirs {
            self.announced.extend(unsent.mails);
            remarks.push(unsent.text);
        }
        let scheduled = queue.is_some_and(|queue| queue.schedule != Schedule::Now);
        if scheduled && let Some(irregular) = self.irregular_hosts(now) {
            remarks.push(irregular);
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

    /// Takes out the escalation counters of the report's hosts, for the rules whose leftmost queue this is.
    pub(super) fn escalated(
        &mut self,
        queue: QueueId,
        lines: &[HostLines<'_>],
    ) -> EscalationSettlement {
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
