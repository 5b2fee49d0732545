//! Runs of bytes of a set.

use super::machine::{Frame, Machine, small};
use super::program::{Row, Run, RunMode};

impl Machine<'_> {
    pub(super) fn run_of_bytes(&mut self, run: &Run) -> bool {
        let (pc, pos) = (self.pc, self.pos);
        match run.mode {
            RunMode::Possessive => {
                let length = self.extent(run, run.max, pos);
                length >= run.min && self.go(pc + 1, pos + length)
            }
            RunMode::Lazy => {
                if self.tried(pc, pos) {
                    return false;
                }
                let length = self.extent(run, run.min, pos);
                length >= run.min && self.longer(run, length, pos + length)
            }
            RunMode::Greedy => {
                if self.tried(pc, pos) {
                    return false;
                }
                let length = match run.max {
                    // Behind a place that was reached before, all ends were tried.
                    usize::MAX => self.not_tried(run, pc, pos),
                    max => self.extent(run, max, pos),
                };
                length >= run.min && self.shorter(run, pc, pos + run.min, pos + length + 1)
            }
        }
    }

    /// Counts the bytes that a run can take from `pos` on, up to `most`. They are paid for, whatever comes
    /// of it.
    fn extent(&mut self, run: &Run, most: usize, pos: usize) -> usize {
        let rest = self.subject.get(pos..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        let length = rest.iter().take_while(|&&b| run.set.contains(b)).count();
        self.read(length);
        length
    }

    /// Counts the bytes that a run without a limit takes up to the first place that was tried, and notes
    /// the places before it as tried. Bytes behind such a place are not read again: else a run at each
    /// place of another one would read the rest of the line each time.
    fn not_tried(&mut self, run: &Run, pc: usize, pos: usize) -> usize {
        let rest = self.subject.get(pos..).unwrap_or_default();
        let length = match self.program.rows.get(pc) {
            Some(Row::Bits(row)) => {
                let place = (*row as usize, self.program.row_count, pos + 1);
                untried_bits(&mut self.failed, place, rest, run)
            }
            Some(Row::Stamps(row)) if !self.stamps.is_empty() => {
                let from = *row as usize * (self.subject.len() + 1) + pos + 1;
                let stamps = self.stamps.get_mut(from..).unwrap_or_default();
                let places = stamps.iter_mut().zip(rest);
                let fresh = places
                    .take_while(|(stamp, byte)| **stamp != self.held && run.set.contains(**byte));
                fresh.map(|(stamp, _)| *stamp = self.held).count()
            }
            _ => return self.extent(run, usize::MAX, pos),
        };
        self.read(length);
        length
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

/// Counts the bytes of `rest` that a run takes, each of which leads to a place (the first to `place`) whose
/// bit in this row of all `rows` is not set yet; sets those bits.
fn untried_bits(
    failed: &mut [u64],
    (row, rows, place): (usize, usize, usize),
    rest: &[u8],
    run: &Run,
) -> usize {
    let mut taken = 0;
    while let Some(word) = failed.get_mut((place + taken) / 64 * rows + row) {
        let bit = (place + taken) % 64;
        let rest = rest.get(taken..).unwrap_or_default();
        let free = (*word >> bit).trailing_zeros() as usize;
        let rest = rest.get(..free.min(64 - bit)).unwrap_or(rest);
        let length = rest.iter().take_while(|&&b| run.set.contains(b)).count();
        if length > 0 {
            *word |= u64::MAX >> (64 - length) << bit;
        }
        taken += length;
        if length < 64 - bit {
            break;
        }
    }
    taken
}
