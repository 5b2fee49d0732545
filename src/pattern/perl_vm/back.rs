//! The ways back: what is done when something that was tried has failed.

use super::machine::{Bytes, Fixed, Frame, Machine, Saved, Try};
use super::program::Op;

impl Machine<'_> {
    /// Undoes the last frame. `Some(true)` if there is another way from there; `None` if no frame or no
    /// step is left.
    pub(super) fn back(&mut self) -> Option<bool> {
        self.steps = self.steps.checked_sub(1)?;
        Some(match self.frames.pop()? {
            Frame::Branch {
                op,
                next,
                pos,
                highest,
            } => self.back_branch(op, next, pos, highest),
            Frame::Keep(old) => {
                self.keep = old;
                false
            }
            Frame::Loop { outer } => {
                self.rounds.pop();
                self.current = outer;
                false
            }
            Frame::Round {
                which,
                id,
                pos,
                saved,
                last,
            } => self.back_round(which, id, pos, &saved, last),
            Frame::After {
                lazy,
                id,
                pos,
                last,
            } => self.back_after(lazy, id, pos, last),
            Frame::FixedBody { state, pos, inner } => {
                self.inner.pop();
                self.leave(inner);
                self.back_body(state, pos)
            }
            Frame::FixedAfter { state, pos } => self.back_fixed(state, pos),
            Frame::Bytes(state) => self.back_bytes(state),
            Frame::Look {
                op,
                pos,
                width,
                inner,
            } => {
                self.inner.pop();
                self.leave(inner);
                self.back_look(op, pos, width)
            }
            Frame::Atomic { inner, .. } => {
                self.inner.pop();
                self.leave(inner);
                false
            }
        })
    }

    fn back_round(
        &mut self,
        which: Try,
        id: usize,
        pos: usize,
        saved: &Saved,
        last: Option<usize>,
    ) -> bool {
        self.current = Some(id);
        self.restore(saved);
        if which == Try::More {
            return self.after(false, id, pos, last);
        }
        self.give_up_round(id, last);
        false
    }

    fn back_body(&mut self, state: Fixed, pos: usize) -> bool {
        self.pos = pos;
        match &self.program.code[state.op] {
            Op::Fixed { bounds, .. } if !bounds.lazy && state.count >= bounds.min => {
                self.fixed_after(state)
            }
            _ => false,
        }
    }

    fn back_branch(&mut self, op: usize, next: usize, pos: usize, highest: usize) -> bool {
        self.unset_above(highest);
        let Op::Branch(starts) = &self.program.code[op] else {
            return false;
        };
        let Some(&start) = starts.get(next) else {
            return false;
        };
        self.frames.push(Frame::Branch {
            op,
            next: next + 1,
            pos,
            highest,
        });
        self.go(start, pos)
    }

    fn back_after(&mut self, lazy: bool, id: usize, pos: usize, last: Option<usize>) -> bool {
        self.current = Some(id);
        let Op::Loop { bounds, .. } = &self.program.code[self.rounds[id].op] else {
            return false;
        };
        if lazy && self.rounds[id].count <= bounds.max {
            return self.round(Try::Reluctant, id, pos, last);
        }
        self.give_up_round(id, last);
        false
    }

    fn back_fixed(&mut self, mut state: Fixed, pos: usize) -> bool {
        self.unset_above(state.highest);
        let Op::Fixed { bounds, .. } = &self.program.code[state.op] else {
            return false;
        };
        self.pos = pos;
        if bounds.lazy {
            return state.count < bounds.max && self.fixed_body(state);
        }
        if state.count == bounds.min {
            return false;
        }
        state.count -= 1;
        self.pos -= state.width;
        self.fixed_after(state)
    }

    fn back_bytes(&mut self, mut state: Bytes) -> bool {
        let Op::Bytes {
            set, bounds, group, ..
        } = &self.program.code[state.op]
        else {
            return false;
        };
        if group.is_some() {
            self.unset_above(state.highest);
        }
        if bounds.lazy {
            let next = self.byte(state.start + state.count);
            if state.count == bounds.max || !next.is_some_and(|b| set.contains(b)) {
                return false;
            }
            state.count += 1;
        } else if state.count == bounds.min {
            return false;
        } else {
            state.count -= 1;
        }
        self.bytes_after(state)
    }

    fn back_look(&mut self, op: usize, pos: usize, width: usize) -> bool {
        let Op::Look {
            behind,
            negated,
            after,
        } = &self.program.code[op]
        else {
            return false;
        };
        if behind.is_some_and(|(least, _)| width > least) {
            return self.look(op, pos, width - 1);
        }
        *negated && self.go(*after, pos)
    }
}
