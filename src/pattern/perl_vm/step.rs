//! The ways forward: what each instruction does.

use super::machine::{Frame, Machine};
use super::program::Op;
use crate::pattern::budget::price;
use crate::pattern::set::ByteSet;

/// The most ways back that are kept: a match that needs more is given up.
const MOST_FRAMES: usize = 1 << 19;

impl Machine<'_> {
    /// The spans of a match that begins at `start`; `None` if there is none, or no step is left.
    pub(super) fn run(&mut self, start: usize) -> Option<Vec<Option<(usize, usize)>>> {
        self.pos = start;
        while !matches!(self.program.code[self.pc], Op::End) {
            self.steps = self.steps.checked_sub(1)?;
            if self.frames.len() > MOST_FRAMES {
                self.steps = 0;
                return None;
            }
            if !self.step() {
                while !self.back()? {}
            }
        }
        let mut spans: Vec<_> = self.groups.iter().map(|g| g.span).collect();
        spans[0] = Some((self.keep.unwrap_or(start), self.pos));
        Some(spans)
    }

    /// Takes one instruction. Returns whether it succeeded.
    fn step(&mut self) -> bool {
        let program = self.program;
        let pos = self.pos;
        let next = self.pc + 1;
        match &program.code[self.pc] {
            Op::Byte(set) => {
                self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(next, pos + 1)
            }
            Op::Anchor(anchor) => anchor.holds(self.subject, pos) && self.go(next, pos),
            Op::Keep => {
                self.frames.push(Frame::Keep(self.keep.replace(pos)));
                self.go(next, pos)
            }
            Op::Newline(set) => self.newline(set),
            Op::Open(group) => {
                self.groups[*group].opened = pos;
                self.go(next, pos)
            }
            Op::Close(group) => {
                self.set(*group, self.groups[*group].opened, pos);
                self.go(next, pos)
            }
            Op::Branch(starts) => {
                self.frames.push(Frame::Branch {
                    op: self.pc,
                    next: 1,
                    pos,
                    highest: self.highest,
                });
                self.go(starts[0], pos)
            }
            Op::Jump(to) => self.go(*to, pos),
            Op::Bytes { set, bounds, .. } => self.bytes(set, *bounds),
            Op::Fixed { bounds, .. } => self.fixed(*bounds),
            Op::Loop { turn, .. } => self.begin_loop(*turn),
            Op::RoundEnd => self.turn(),
            Op::Look { behind: None, .. } => self.look(self.pc, pos, 0),
            Op::Look {
                behind: Some((least, most)),
                negated,
                after,
            } => {
                if *least > pos {
                    return *negated && self.go(*after, pos);
                }
                self.look(self.pc, pos, (*most).min(pos))
            }
            Op::Atomic { .. } => {
                let inner = self.enter();
                self.frames.push(Frame::Atomic { op: self.pc, inner });
                self.go(next, pos)
            }
            Op::Backref { groups, fold } => self.backref(groups, *fold),
            Op::Test { groups, no } => {
                let set = groups.iter().any(|&g| self.is_set(g).is_some());
                self.go(if set { next } else { *no }, pos)
            }
            Op::Never | Op::End => false,
            Op::Done => self.done(),
        }
    }

    fn newline(&mut self, set: &ByteSet) -> bool {
        let (next, pos) = (self.pc + 1, self.pos);
        if self.subject[pos..].starts_with(b"\r\n") {
            return self.go(next, pos + 2);
        }
        self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(next, pos + 1)
    }

    fn backref(&mut self, groups: &[usize], fold: bool) -> bool {
        let Some((start, end)) = groups.iter().find_map(|&g| self.is_set(g)) else {
            return false;
        };
        self.pay(price(end - start));
        let text = &self.subject[start..end];
        let Some(here) = self.subject.get(self.pos..self.pos + text.len()) else {
            return false;
        };
        let same = if fold {
            here.eq_ignore_ascii_case(text)
        } else {
            here == text
        };
        same && self.go(self.pc + 1, self.pos + text.len())
    }

    /// The end of a match within the match: there is no way back into it.
    fn done(&mut self) -> bool {
        let Some(&at) = self.inner.last() else {
            return false;
        };
        if let Some(Frame::Look { op, pos, .. }) = self.frames.get(at)
            && let Op::Look {
                behind: Some(_), ..
            } = &self.program.code[*op]
            && *pos != self.pos
        {
            return false;
        }
        self.inner.pop();
        self.frames.truncate(at + 1);
        match self.frames.pop() {
            Some(Frame::Look { op, pos, inner, .. }) => {
                self.leave(inner);
                match &self.program.code[op] {
                    Op::Look { negated, after, .. } => !negated && self.go(*after, pos),
                    _ => false,
                }
            }
            Some(Frame::Atomic { op, inner }) => {
                self.leave(inner);
                match &self.program.code[op] {
                    Op::Atomic { after } => self.go(*after, self.pos),
                    _ => false,
                }
            }
            Some(Frame::FixedBody {
                mut state,
                pos,
                inner,
            }) => {
                self.leave(inner);
                state.count += 1;
                state.width = self.pos - pos;
                match &self.program.code[state.op] {
                    Op::Fixed { bounds, .. } => self.fixed_on(state, *bounds),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    pub(super) fn look(&mut self, op: usize, pos: usize, width: usize) -> bool {
        let inner = self.enter();
        self.frames.push(Frame::Look {
            op,
            pos,
            width,
            inner,
        });
        self.go(op + 1, pos - width)
    }
}
