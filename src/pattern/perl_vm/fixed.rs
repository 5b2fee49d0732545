//! Loops over single bytes and over bodies of fixed width (Perl's CURLY and CURLYM).

use super::machine::{Bytes, Fixed, Frame, Machine};
use super::program::{Bounds, Op};
use crate::pattern::budget::price;
use crate::pattern::set::ByteSet;

impl Machine<'_> {
    pub(super) fn fixed(&mut self, bounds: Bounds) -> bool {
        let state = Fixed {
            op: self.pc,
            count: 0,
            width: 0,
            highest: self.highest,
        };
        self.fixed_on(state, bounds)
    }

    /// Goes on with another round or with what follows.
    pub(super) fn fixed_on(&mut self, state: Fixed, bounds: Bounds) -> bool {
        let aim = if bounds.lazy { bounds.min } else { bounds.max };
        if state.count < aim {
            self.fixed_body(state)
        } else {
            self.fixed_after(state)
        }
    }

    pub(super) fn fixed_body(&mut self, state: Fixed) -> bool {
        let Op::Fixed { body, .. } = &self.program.code[state.op] else {
            return false;
        };
        let inner = self.enter();
        let pos = self.pos;
        self.frames.push(Frame::FixedBody { state, pos, inner });
        self.go(*body, pos)
    }

    pub(super) fn fixed_after(&mut self, state: Fixed) -> bool {
        let Op::Fixed {
            group, after, next, ..
        } = &self.program.code[state.op]
        else {
            return false;
        };
        let pos = self.pos;
        self.frames.push(Frame::FixedAfter { state, pos });
        if !self.may_follow(*next) {
            return false;
        }
        self.round_group(*group, state.count, state.width);
        self.go(*after, pos)
    }

    pub(super) fn may_follow(&self, next: Option<ByteSet>) -> bool {
        next.is_none_or(|set| self.byte(self.pos).is_some_and(|b| set.contains(b)))
    }

    /// Sets the group around the body of a simple loop, or unsets it if there was no round.
    pub(super) fn round_group(&mut self, group: Option<usize>, count: usize, width: usize) {
        let Some(group) = group else {
            return;
        };
        if count > 0 {
            self.set(group, self.pos - width, self.pos);
        } else {
            self.groups[group].span = None;
        }
    }

    pub(super) fn bytes(&mut self, set: &ByteSet, bounds: Bounds) -> bool {
        let aim = if bounds.lazy { bounds.min } else { bounds.max };
        let count = self.subject[self.pos..]
            .iter()
            .take(aim)
            .take_while(|b| set.contains(**b))
            .count();
        if count < bounds.min {
            return false;
        }
        self.pay(price(count));
        self.bytes_after(Bytes {
            op: self.pc,
            start: self.pos,
            count,
            highest: self.highest,
        })
    }

    pub(super) fn bytes_after(&mut self, state: Bytes) -> bool {
        let Op::Bytes { group, next, .. } = &self.program.code[state.op] else {
            return false;
        };
        self.pos = state.start + state.count;
        self.frames.push(Frame::Bytes(state));
        if !self.may_follow(*next) {
            return false;
        }
        self.round_group(*group, state.count, 1);
        self.go(state.op + 1, self.pos)
    }
}
