//! Lines of `[now]` queues that another console has mailed already, where consoles hear the same hosts
//! (`set site NAME URL mirror`).

use std::collections::BTreeMap;

use bstr::BStr;

use super::bundles::Look;
use super::monitor::Monitor;
use crate::clock::Time;
use crate::config::Queue;
use crate::hash::of_texts;
use crate::queue::{HeldBack, HostLines};
use crate::schedule::Schedule;

/// The number of lines that one question asks about, at most; further lines are mailed unasked.
pub const MOST_ALARMS: usize = 200;

/// The hash of a line of a queue, by which all consoles know the line.
fn hash(queue: &str, host: &BStr, line: &BStr) -> u64 {
    of_texts([queue.as_bytes(), host, line])
}

impl Monitor {
    /// The hashes of the lines that are mailed if the queues are looked at now, as far as they are asked for: who asks
    /// for a line claims it, and other consoles leave it out. So nothing is asked for that is not mailed now: the
    /// lines of a queue that is `waiting`, of one that waits for a page, and what thresholds and windows hold back.
    pub fn alarms(&mut self, now: Time, waiting: &dyn Fn(&Queue) -> bool) -> Vec<u64> {
        self.bundling.pages.prune(now);
        let queues = self.config.queues.iter().enumerate();
        let at_once = queues.filter(|(_, queue)| {
            queue.schedule == Schedule::Now && !waiting(queue) && !self.waits_for_page(queue)
        });
        let hashes = at_once.flat_map(|(index, queue)| self.alarms_of(index, queue, now));
        hashes.take(MOST_ALARMS).collect()
    }

    /// The hashes of the lines of a queue that are mailed if it is looked at now.
    fn alarms_of(&self, index: usize, queue: &Queue, now: Time) -> Vec<u64> {
        let Some(state) = self.queues.get(index) else {
            return Vec::new();
        };
        let numbered = |at: u32| state.tally.numbered(at).filter(|(_, _, count)| *count > 0);
        let hashed = |(host, line, _): (&BStr, &BStr, u64)| hash(&queue.name, host, line);
        match self.look(index, now) {
            None => Vec::new(),
            Some(Look::Window(look)) => {
                let new = look.new.into_iter().filter_map(numbered);
                new.take(MOST_ALARMS).map(hashed).collect()
            }
            Some(Look::Whole) => {
                let all = 0..u32::try_from(state.tally.distinct()).unwrap_or(u32::MAX);
                let mut gave_up = Vec::new();
                let mut held = HeldBack::new(&queue.thresholds, &mut gave_up);
                let lines = all.filter_map(numbered);
                let lines = lines.filter(|(_, line, count)| !held.is(line, *count));
                lines.take(MOST_ALARMS).map(hashed).collect()
            }
        }
    }

    /// Takes note of the lines that other consoles have mailed, by their hashes.
    pub fn set_mailed_elsewhere(&mut self, by: BTreeMap<u64, String>) {
        self.mailed_elsewhere = by;
    }

    /// The number of lines that were left out in this run, since another console had mailed them.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Leaves the lines out that another console has mailed, and counts them. A line that this console mailed itself in
    /// the queue's window stays: for ten minutes the others left out what they counted of it.
    pub(super) fn leave_out_mailed(
        &mut self,
        index: usize,
        queue: &str,
        lines: &mut Vec<HostLines<'_>>,
    ) {
        let Some(state) = self.queues.get_mut(index) else {
            return;
        };
        if self.mailed_elsewhere.is_empty() {
            return;
        }
        let window = state.window.as_ref();
        for host in lines.iter_mut() {
            let name = host.host;
            host.lines.retain(|(count, line)| {
                let own = self.bundling.hash(name, line);
                let Some(by) = self.mailed_elsewhere.get(&hash(queue, name, line)) else {
                    return true;
                };
                if window.is_some_and(|window| window.has_mailed(own)) {
                    return true;
                }
                let sum = state.left_out.entry(by.clone()).or_default();
                *sum = sum.saturating_add(*count);
                self.left_out = self.left_out.saturating_add(*count);
                false
            });
        }
        lines.retain(|host| !host.lines.is_empty() || host.others > 0);
    }

    /// The sentence about the lines that were left out since the last report of a queue, if there were any.
    pub(super) fn take_left_out(&mut self, index: usize) -> Option<String> {
        let left_out = std::mem::take(&mut self.queues.get_mut(index)?.left_out);
        let words = left_out
            .iter()
            .map(|(by, count)| format!("{count} in reports of {by}"));
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| format!("Lines left out: {}", words.join(", ")))
    }
}
