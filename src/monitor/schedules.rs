//! Which queues are due, by their schedules.

use chrono::Local;

use super::monitor::Monitor;
use super::queue_state::QueueState;
use crate::clock::{EXACT, Time};
use crate::config::{Queue, QueueId};
use crate::schedule::Schedule;

impl Monitor {
    /// Makes overdue all queues that are scheduled for the minute of `now` and were not mailed in it, even
    /// if it is the minute of the start.
    pub fn mark_due_this_minute(&mut self, now: Time) {
        let minute = |time: Time| time.timestamp().div_euclid(60);
        let before = now - chrono::TimeDelta::minutes(1);
        for (queue, state) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && (state.holds() || queue.quiet)
                && state
                    .mailed
                    .is_none_or(|mailed| minute(mailed) != minute(now))
                && spec.due(before, now, &Local).is_some()
            {
                state.overdue = true;
            }
        }
    }

    /// Looks at the schedules up to `now`: queues with lines, or with `set quiet`, whose scheduled minute has come are
    /// overdue.
    /// To be called before lines are counted that were read at `now`: they came after that minute.
    pub fn advance_to(&mut self, now: Time) {
        if now < self.looked {
            for window in self.queues.iter_mut().filter_map(|q| q.window.as_mut()) {
                window.clock_was_set(now);
            }
            // The clock was set back: what was next is worked out anew. A minute that has come stays one that has come
            // if the clock is only set more exactly.
            if self.looked - now > EXACT {
                self.begin_schedules(now);
            }
            return;
        }
        self.looked = now;
        self.pass_trends(now);
        for (queue, state) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && state.next.is_some_and(|next| next <= now)
            {
                state.overdue |= state.holds() || queue.quiet;
                self.passed = true;
                state.next = spec.next(now, &Local);
            }
        }
        self.end_windows(now);
    }

    /// To be called when the clock was set back, `much` if not only by moments: what was put off to a time of the clock
    /// before is planned anew, also if no line comes.
    pub fn clock_was_set_back(&mut self, now: Time, much: bool) {
        self.advance_to(now);
        self.bundling.pages.prune(now);
        self.loss_warnings.clock_was_set_back(now);
        if much {
            self.expected_clock_was_set_back(now);
        }
    }

    /// After a restart: makes overdue all queues whose scheduled minute passed while the program was not
    /// running. Those without lines too, since the lines of before that minute may be read only now.
    pub(super) fn mark_missed_schedules(&mut self, now: Time) {
        for (queue, state) in self.config.queues.iter().zip(&mut self.queues) {
            if let Schedule::Cron(spec) = &queue.schedule
                && state.next.is_some_and(|next| next <= now)
            {
                state.overdue = true;
                self.passed = true;
                state.next = spec.next(now, &Local);
            }
        }
        self.looked = self.looked.max(now);
        self.end_windows(now);
    }

    /// Works out the next scheduled minute of each queue after `looked`, and the ends of windows.
    pub(super) fn begin_schedules(&mut self, looked: Time) {
        self.looked = looked;
        let config = &self.config;
        let queues = config.queues.iter().zip(&mut self.queues);
        for ((queue, state), number) in queues.zip(0..) {
            state.next = match &queue.schedule {
                Schedule::Now => state.window_end(&config.bundle, QueueId(number)),
                Schedule::Cron(spec) => spec.next(looked, &Local),
            };
        }
    }

    /// The next scheduled minute of the queues that hold lines, report without any or tell trends, and of the
    /// `others`: queues with a refused report to try again. A `[now]` queue has none but the end of its window.
    pub fn next_due(&self, others: &dyn Fn(&str) -> bool) -> Option<Time> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let wanted = queues.zip(0..).filter(|((queue, state), index)| {
            let told = state.holds() || queue.quiet || self.trends_due(*index);
            // A site has a report whoever has lines.
            told || others(&queue.name) || self.console.is_some()
        });
        let next = wanted.filter_map(|((_, state), _)| state.next);
        next.chain(self.next_page()).min()
    }

    /// The instant up to which schedules were looked at.
    pub fn looked(&self) -> Time {
        self.looked
    }

    /// The names of the queues whose scheduled minute came since the last look at the schedules.
    pub fn passing(&self, now: Time) -> Vec<String> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let passing = queues.filter(|(_, w)| w.next.is_some_and(|next| next <= now));
        passing.map(|(q, _)| q.name.clone()).collect()
    }

    /// Whether a look at the `[now]` queues may find something to be mailed: one that is not bundled holds lines.
    pub fn now_waiting(&self) -> bool {
        let settings = &self.config.bundle;
        let queues = self.config.queues.iter().zip(&self.queues);
        let wants = |(queue, number): ((&Queue, &QueueState), u16)| {
            let (queue, state) = queue;
            queue.schedule == Schedule::Now && state.wants_look(settings, QueueId(number))
        };
        queues.zip(0..).any(wants)
    }

    /// The names of the `[now]` queues that hold lines.
    pub fn now_with_lines(&self) -> Vec<String> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let now = queues.filter(|(q, w)| q.schedule == Schedule::Now && !w.tally.is_empty());
        now.map(|(q, _)| q.name.clone()).collect()
    }

    /// Whether any queue is overdue.
    pub fn overdue(&self) -> bool {
        self.queues.iter().any(|queue| queue.overdue)
    }

    /// Whether any queue is overdue that is not `waiting` for the delivery of its report before.
    pub fn overdue_but(&self, waiting: &dyn Fn(&str) -> bool) -> bool {
        let queues = self.config.queues.iter().zip(&self.queues);
        queues
            .into_iter()
            .any(|(q, w)| w.overdue && !waiting(&q.name) && !self.waits_for_page(q))
    }
}
