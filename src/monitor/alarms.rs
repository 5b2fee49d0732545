//! Lines of `[now]` queues that another console has mailed already, where consoles hear the same hosts
//! (`set site NAME URL mirror`).

use std::collections::BTreeMap;

use bstr::BStr;

use super::monitor::Monitor;
use crate::hash::of_texts;
use crate::queue::HostLines;
use crate::schedule::Schedule;

/// The number of lines that one question asks about, at most; further lines are mailed unasked.
const MOST: usize = 200;

/// The hash of a line of a queue, by which all consoles know the line.
fn hash(queue: &str, host: &BStr, line: &BStr) -> u64 {
    of_texts([queue.as_bytes(), host, line])
}

impl Monitor {
    /// The hashes of the lines that `[now]` queues hold, as far as they are asked for.
    pub fn alarms(&self) -> Vec<u64> {
        let queues = self.config.queues.iter().zip(&self.queues);
        let at_once = queues.filter(|(queue, _)| queue.schedule == Schedule::Now);
        let hashes = at_once.flat_map(|(queue, state)| {
            let numbers = 0..u32::try_from(state.tally.distinct()).unwrap_or(u32::MAX);
            let lines = numbers.filter_map(|at| state.tally.numbered(at));
            let lines = lines.filter(|(_, _, count)| *count > 0);
            lines.map(|(host, line, _)| hash(&queue.name, host, line))
        });
        hashes.take(MOST).collect()
    }

    /// Takes note of the lines that other consoles have mailed, by their hashes.
    pub fn set_mailed_elsewhere(&mut self, by: BTreeMap<u64, String>) {
        self.mailed_elsewhere = by;
    }

    /// The number of lines that were left out in this run, since another console had mailed them.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Leaves the lines out that another console has mailed, and counts them. Gives the sentence about them.
    pub(super) fn leave_out_mailed(
        &mut self,
        queue: &str,
        lines: &mut Vec<HostLines<'_>>,
    ) -> Option<String> {
        if self.mailed_elsewhere.is_empty() {
            return None;
        }
        let mut left_out: BTreeMap<&str, u64> = BTreeMap::new();
        for host in lines.iter_mut() {
            let name = host.host;
            host.lines.retain(|(count, line)| {
                let by = self.mailed_elsewhere.get(&hash(queue, name, line));
                if let Some(by) = by {
                    let sum = left_out.entry(by).or_default();
                    *sum = sum.saturating_add(*count);
                }
                by.is_none()
            });
        }
        lines.retain(|host| !host.lines.is_empty() || host.others > 0);
        let words = |(by, count): (&&str, &u64)| format!("{count} in reports of {by}");
        let words: Vec<String> = left_out.iter().map(words).collect();
        let all: u64 = left_out.values().sum();
        self.left_out = self.left_out.saturating_add(all);
        (all > 0).then(|| format!("Lines left out: {}", words.join(", ")))
    }
}
