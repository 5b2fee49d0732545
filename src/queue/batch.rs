//! New lines, counted some at a time.
//!
//! What a large queue holds is in no cache of the processor: each new line waits for memory, longer than all
//! else takes that is done with it. For lines that are counted together the memory is fetched at the same time.

use std::hint::black_box;

use super::lines::{Key, LineHash};
use super::{Recent, Tally};
use crate::config::{Bound, RuleId};
use crate::hosts::Host;

/// Number of lines that are counted together, at most: as many as the places of memory that a processor fetches at a
/// time.
const MOST: usize = 32;

/// Lines of some queues that are yet to be counted. The order of lines matters only for the bound of a queue, and
/// they are counted in their order.
#[derive(Debug, Default)]
pub struct Batch {
    lines: Vec<Waiting>,
    /// The texts of the lines, one behind the other.
    text: Vec<u8>,
}

/// A line that is yet to be counted.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// The number of its queue.
    queue: usize,
    /// The rule that took it; nothing for a line that no rule sees.
    rule: Option<RuleId>,
    /// The place of its host in the tally.
    host: u32,
    hash: LineHash,
    /// Where its text ends.
    end: usize,
    n: u64,
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It is counted, or will be at the next [`Batch::count`].
    Yes,
    /// It is counted or will be, and it is time for [`Batch::count`].
    Full,
    /// It was not taken, since the queue does not know its host yet: count what waits, then add it.
    UnknownHost,
}

impl Batch {
    /// Takes a line of a queue that a rule took: adds `n` to its count, at once or with others.
    #[inline]
    pub fn add(
        &mut self,
        (queue, rule): (usize, Option<RuleId>),
        tally: &mut Tally,
        (host, line): (Host<'_>, &[u8]),
        n: u64,
    ) -> Taken {
        let key = match tally.add_recent(host, line, n) {
            Recent::Counted => return Taken::Yes,
            Recent::UnknownHost => return Taken::UnknownHost,
            Recent::Unknown(key) => key,
        };
        self.text.extend_from_slice(line);
        self.lines.push(Waiting {
            queue,
            rule,
            host: key.host,
            hash: key.hash(),
            end: self.text.len(),
            n,
        });
        match self.lines.len() < MOST {
            true => Taken::Yes,
            false => Taken::Full,
        }
    }

    /// Whether no line waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Counts the lines that wait in the tallies of these queues. Returns the number of lines beyond the bound, as
    /// [`Tally::add`] tells them.
    pub fn count<T: Collector>(&mut self, queues: &mut [T], bound: Bound) -> u64 {
        // The processor does not wait for one of these before it asks for the next.
        let fetched = self.lines.iter().fold(0, |fetched, line| {
            let queue = queues.get_mut(line.queue);
            fetched ^ queue.map_or(0, |queue| queue.tally().lines.peek(line.hash))
        });
        black_box(fetched);
        let (mut over, mut begin) = (0, 0);
        for line in &self.lines {
            let key = Key {
                host: line.host,
                line: self.text.get(begin..line.end).unwrap_or_default(),
            };
            begin = line.end;
            let Some(queue) = queues.get_mut(line.queue) else {
                continue;
            };
            let add = |count: u64| count.saturating_add(line.n);
            let before = queue.tally().distinct();
            if !queue.tally().change(key, line.hash, bound, line.n, add) {
                over += line.n;
            }
            if queue.tally().distinct() > before {
                queue.added(line.rule);
            }
        }
        self.lines.clear();
        self.text.clear();
        over
    }
}

/// What collects the lines of a queue.
pub trait Collector {
    /// Its lines.
    fn tally(&mut self) -> &mut Tally;

    /// To be called when a line was added that was not there yet, with the rule that took it.
    fn added(&mut self, rule: Option<RuleId>);
}

impl Collector for Tally {
    fn tally(&mut self) -> &mut Self {
        self
    }

    fn added(&mut self, _: Option<RuleId>) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SortOrder;
    use crate::hosts::HostTable;

    /// Lines that are counted together are counted as one after the other, also where the bound is reached.
    #[test]
    fn a_batch_counts_what_its_lines_count() {
        let mut seed = 1_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let mut refused = 0;
        for round in 0..200_u64 {
            let bound = Bound {
                lines: 1 + random(200) as usize,
                bytes: 1 + random(20_000) as usize,
            };
            let (mut one, mut many) = ([Tally::default(), Tally::default()], Batch::default());
            let (mut all, mut table) = (one.clone(), HostTable::default());
            let (mut over, mut over_all) = (0, 0);
            for _ in 0..random(1_500) {
                let (queue, n) = (random(2) as usize, 1 + random(3));
                let host = format!("host{}", random(1 + round % 30));
                let host = table.host(host.as_bytes());
                let line = format!("line {}", random(300));
                let line = line.as_bytes();
                over += n * u64::from(!one[queue].add(host, line, n, bound));
                match many.add((queue, None), &mut all[queue], (host, line), n) {
                    Taken::Yes => {}
                    Taken::Full => over_all += many.count(&mut all, bound),
                    Taken::UnknownHost => {
                        over_all += many.count(&mut all, bound);
                        over_all += n * u64::from(!all[queue].add(host, line, n, bound));
                    }
                }
            }
            over_all += many.count(&mut all, bound);
            assert!(many.is_empty());
            assert_eq!((over, &one), (over_all, &all), "{round}");
            let lines = |tally: &Tally| {
                tally
                    .lines(SortOrder::Descending, &[], &mut Vec::new())
                    .len()
            };
            assert_eq!(one.each_ref().map(lines), all.each_ref().map(lines));
            refused += over;
        }
        assert!(refused > 1_000, "{refused}");
    }
}
