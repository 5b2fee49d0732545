//! Loops over any other body (Perl's CURLYX and WHILEM).

use super::machine::{Frame, Machine, Round, Try};
use super::program::Op;

impl Machine<'_> {
    pub(super) fn begin_loop(&mut self, turn: usize) -> bool {
        self.frames.push(Frame::Loop {
            outer: self.current,
        });
        self.rounds.push(Round {
            outer: self.current,
            count: 0,
            last: None,
            op: self.pc,
        });
        self.current = Some(self.rounds.len() - 1);
        self.go(turn, self.pos)
    }

    /// The end of a round, or the beginning of the first.
    pub(super) fn turn(&mut self) -> bool {
        let Some(id) = self.current else {
            return false;
        };
        let round = &mut self.rounds[id];
        let done = round.count;
        round.count += 1;
        let last = round.last;
        let Op::Loop { bounds, .. } = &self.program.code[round.op] else {
            return false;
        };
        if done < bounds.min {
            return self.round(Try::Needed, id, self.pos, last);
        }
        if last == Some(self.pos) {
            return self.after(false, id, self.pos, last);
        }
        if bounds.lazy {
            return self.after(true, id, self.pos, last);
        }
        if done < bounds.max {
            return self.round(Try::More, id, self.pos, last);
        }
        self.after(false, id, self.pos, last)
    }

    pub(super) fn round(&mut self, which: Try, id: usize, pos: usize, last: Option<usize>) -> bool {
        let Op::Loop { floor, .. } = &self.program.code[self.rounds[id].op] else {
            return false;
        };
        let saved = self.save(*floor);
        self.frames.push(Frame::Round {
            which,
            id,
            pos,
            saved,
            last,
        });
        self.rounds[id].last = Some(pos);
        self.go(self.rounds[id].op + 1, pos)
    }

    pub(super) fn after(&mut self, lazy: bool, id: usize, pos: usize, last: Option<usize>) -> bool {
        let Op::Loop { after, .. } = &self.program.code[self.rounds[id].op] else {
            return false;
        };
        self.frames.push(Frame::After {
            lazy,
            id,
            pos,
            last,
        });
        self.current = self.rounds[id].outer;
        self.go(*after, pos)
    }

    pub(super) fn give_up_round(&mut self, id: usize, last: Option<usize>) {
        let round = &mut self.rounds[id];
        round.last = last;
        round.count -= 1;
    }
}
