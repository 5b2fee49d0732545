//! What a monitor keeps of each queue.

use std::collections::BTreeMap;

use super::window::Window;
use crate::clock::Time;
use crate::config::{BundleSettings, QueueId, RuleId};
use crate::queue::{Collector, Tally};

/// A queue between two of its reports.
#[derive(Debug)]
pub(super) struct QueueState {
    /// The lines collected since the last report.
    pub tally: Tally,
    /// When the next report begins: at the start of the program, then at the report before.
    pub start: Time,
    /// Whether a scheduled minute has passed whose report is yet to be made.
    pub overdue: bool,
    /// Whether its next report tells of hosts that fell silent again and again.
    pub pending: bool,
    /// Whether its next report tells trends.
    pub trends: bool,
    /// The next scheduled minute; of a `[now]` queue the end of its window, nothing while none is open.
    pub next: Option<Time>,
    /// The window of a bundled queue, if one is open.
    pub window: Option<Window>,
    /// When the last report of this run was made.
    pub mailed: Option<Time>,
    /// From when to when the program was not running, if the next report covers such a time.
    pub gap: Option<(Time, Time)>,
    /// The lines whose kinds are yet to be looked up.
    pub fresh: Fresh,
    /// The number of lines that each other console has mailed and that were left out since the last report.
    pub left_out: BTreeMap<String, u64>,
}

impl QueueState {
    /// An empty queue whose report begins at `now`.
    pub(super) fn new(now: Time) -> Self {
        Self {
            tally: Tally::default(),
            start: now,
            overdue: false,
            pending: false,
            trends: false,
            next: None,
            window: None,
            mailed: None,
            gap: None,
            fresh: Fresh::default(),
            left_out: BTreeMap::new(),
        }
    }
}

impl QueueState {
    /// When its window is over; nothing while none is open.
    pub(super) fn window_end(&self, settings: &BundleSettings, queue: QueueId) -> Option<Time> {
        self.window.as_ref()?.end(settings, queue)
    }

    /// Whether a look at a `[now]` queue may find something to be mailed.
    pub(super) fn wants_look(&self, settings: &BundleSettings, queue: QueueId) -> bool {
        let is_open = |window: &&Window| window.end(settings, queue).is_some();
        let open = self.window.as_ref().filter(is_open);
        let in_window = |window: &Window| window.wants_look(settings, self.tally.distinct());
        !self.tally.is_empty() && (self.overdue || open.is_none_or(in_window))
    }

    /// Whether there is something to report.
    pub(super) fn holds(&self) -> bool {
        self.pending || self.trends || !self.tally.is_empty()
    }
}

impl Collector for QueueState {
    fn tally(&mut self) -> &mut Tally {
        &mut self.tally
    }

    #[inline]
    fn added(&mut self, rule: Option<RuleId>) {
        if self.fresh.wanted {
            let last = self.tally.distinct().saturating_sub(1);
            self.fresh
                .lines
                .push((u32::try_from(last).unwrap_or(u32::MAX), rule));
        }
    }
}

/// The last lines that a queue got, while their kinds were not looked up yet.
#[derive(Debug, Default)]
pub(super) struct Fresh {
    /// Whether the queue tells news.
    pub wanted: bool,
    /// The numbers of these lines, each with the rule that took it.
    pub lines: Vec<(u32, Option<RuleId>)>,
}
