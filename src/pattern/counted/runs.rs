//! Runs of bytes of a set.

use super::machine::{Frame, Machine, small};
use super::program::{Row, Run, RunMode};

impl Machine<'_> {
    pub(super) fn run_of_bytes(&mut self, run: &Run) -> bool {
        let (pc, pos) = (self.pc, self.pos);
        let length = |most: usize| {
            let rest = self.subject.get(pos..).unwrap_or_default();
            let rest = rest.get(..most).unwrap_or(rest);
            rest.iter().take_while(|&&b| run.set.contains(b)).count()
        };
        match run.mode {
            RunMode::Possessive => {
                let length = length(run.max);
                self.read(length) && length >= run.min && self.go(pc + 1, pos + length)
            }
            RunMode::Lazy => {
                let length = length(run.min);
                if self.tried(pc, pos) || length < run.min || !self.read(length) {
                    return false;
                }
                self.longer(run, length, pos + length)
            }
            RunMode::Greedy => {
                if self.tried(pc, pos) {
                    return false;
                }
                let mut length = length(run.max);
                if run.max == usize::MAX {
                    // Behind a place that was reached before, all ends were tried.
                    length = self.not_tried(pc, pos, length);
                }
                if length < run.min || !self.read(length) {
                    return false;
                }
                self.shorter(run, pc, pos + run.min, pos + length + 1)
            }
        }
    }

    /// Notes the places of a run as tried. Returns the number of bytes up to the first that was before.
    pub(super) fn not_tried(&mut self, pc: usize, pos: usize, length: usize) -> usize {
        if matches!(self.program.rows.get(pc), Some(Row::None) | None) {
            return length;
        }
        let fresh = (1..=length).find(|&taken| self.tried(pc, pos + taken));
        fresh.map_or(length, |taken| taken - 1)
    }

    /// Ends a run at the last place from `low` to before `high` where what follows may begin.
    pub(super) fn shorter(&mut self, run: &Run, pc: usize, low: usize, high: usize) -> bool {
        let end = match &run.next {
            None => Some(high - 1).filter(|&end| end >= low),
            Some(next) => (low..high)
                .rev()
                .find(|&end| self.byte(end).is_some_and(|b| next.contains(b))),
        };
        self.read(high - end.unwrap_or(low));
        let Some(end) = end else {
            return false;
        };
        if end > low {
            self.frames.push(Frame::Shorter {
                pc: small(pc),
                low: small(low),
                high: small(end),
            });
        }
        self.go(pc + 1, end)
    }

    /// Goes on behind a lazy run that took `taken` bytes up to `pos`.
    pub(super) fn longer(&mut self, run: &Run, taken: usize, pos: usize) -> bool {
        let pc = self.pc;
        if taken < run.max && self.byte(pos).is_some_and(|b| run.set.contains(b)) {
            self.frames.push(Frame::Longer {
                pc: small(pc),
                taken: small(taken),
                pos: small(pos),
            });
        }
        self.go(pc + 1, pos)
    }
}
