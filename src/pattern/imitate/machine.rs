//! The machine: Perl's backtracking, with a stack of its own. Here are the ways forward.

mod back;

use super::program::{Bounds, Op, Program};
use crate::pattern::ast::Anchor;
use crate::pattern::budget::price;
use crate::pattern::parse::word;
use crate::pattern::set::ByteSet;

/// More ways back than these are not kept: a match that needs them is given up.
const MOST_FRAMES: usize = 1 << 19;

/// A group: where it began last, and its span if it is set.
#[derive(Clone, Copy, Default)]
struct Group {
    opened: usize,
    span: Option<(usize, usize)>,
}

/// A loop that is under way.
struct Round {
    outer: Option<usize>,
    /// Rounds begun; one less than none at first.
    count: usize,
    /// Where the last round began.
    last: Option<usize>,
    op: usize,
}

/// Groups as they were.
struct Saved {
    floor: usize,
    groups: Vec<Group>,
    highest: usize,
}

/// The state of a loop over a body of fixed width.
#[derive(Clone, Copy)]
struct Fixed {
    op: usize,
    count: usize,
    width: usize,
    highest: usize,
}

/// The state of a loop over bytes.
#[derive(Clone, Copy)]
struct Bytes {
    op: usize,
    start: usize,
    count: usize,
    highest: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Try {
    /// A round of those that must be.
    Needed,
    /// One more while there can be.
    More,
    /// One more, as what follows failed.
    Reluctant,
}

/// What to do when what was tried fails.
enum Frame {
    Branch {
        op: usize,
        next: usize,
        pos: usize,
        highest: usize,
    },
    Keep(Option<usize>),
    Loop {
        outer: Option<usize>,
    },
    Round {
        which: Try,
        id: usize,
        pos: usize,
        saved: Saved,
        last: Option<usize>,
    },
    After {
        lazy: bool,
        id: usize,
        pos: usize,
        last: Option<usize>,
    },
    FixedBody {
        state: Fixed,
        pos: usize,
        inner: Inner,
    },
    FixedAfter {
        state: Fixed,
        pos: usize,
    },
    Bytes(Bytes),
    Look {
        op: usize,
        pos: usize,
        /// How far back it looks now.
        width: usize,
        inner: Inner,
    },
    Atomic {
        op: usize,
        inner: Inner,
    },
}

/// What was under way before a match within the match.
#[derive(Clone, Copy)]
struct Inner {
    current: Option<usize>,
    rounds: usize,
}

pub(super) struct Machine<'a> {
    program: &'a Program,
    subject: &'a [u8],
    steps: u64,
    pc: usize,
    pos: usize,
    groups: Vec<Group>,
    /// The highest group that is set.
    highest: usize,
    keep: Option<usize>,
    frames: Vec<Frame>,
    /// Frames that hold a match within the match.
    inner: Vec<usize>,
    rounds: Vec<Round>,
    current: Option<usize>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(program: &'a Program, subject: &'a [u8], steps: u64) -> Self {
        Self {
            program,
            subject,
            steps,
            pc: 0,
            pos: 0,
            groups: vec![Group::default(); program.groups + 1],
            highest: 0,
            keep: None,
            frames: Vec::new(),
            inner: Vec::new(),
            rounds: Vec::new(),
            current: None,
        }
    }

    /// How many steps are left.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// The spans of a match that begins at `start`.
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

    /// Pays for what one step does not cover.
    fn pay(&mut self, steps: u64) {
        self.steps = self.steps.saturating_sub(steps);
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.subject.get(at).copied()
    }

    fn go(&mut self, pc: usize, pos: usize) -> bool {
        self.pc = pc;
        self.pos = pos;
        true
    }

    /// One instruction. Returns whether it went well.
    fn step(&mut self) -> bool {
        let program = self.program;
        let pos = self.pos;
        let next = self.pc + 1;
        match &program.code[self.pc] {
            Op::Byte(set) => {
                self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(next, pos + 1)
            }
            Op::Anchor(anchor) => self.holds(*anchor) && self.go(next, pos),
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
            Op::Turn => self.turn(),
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

    fn fixed(&mut self, bounds: Bounds) -> bool {
        let state = Fixed {
            op: self.pc,
            count: 0,
            width: 0,
            highest: self.highest,
        };
        self.fixed_on(state, bounds)
    }

    fn begin_loop(&mut self, turn: usize) -> bool {
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

    fn holds(&self, anchor: Anchor) -> bool {
        let pos = self.pos;
        let end = self.subject.len();
        let newline = |at: usize| self.byte(at) == Some(b'\n');
        match anchor {
            Anchor::Start => pos == 0,
            Anchor::LineStart => pos == 0 || (newline(pos - 1) && pos < end),
            Anchor::End => pos == end,
            Anchor::EndOrNewline => pos == end || (newline(pos) && pos + 1 == end),
            Anchor::LineEnd => pos == end || newline(pos),
            Anchor::Word { negated, latin1 } => {
                let set = word(latin1);
                let is = |at: Option<usize>| {
                    at.and_then(|at| self.byte(at))
                        .is_some_and(|b| set.contains(b))
                };
                (is(pos.checked_sub(1)) != is(Some(pos))) != negated
            }
        }
    }

    fn set(&mut self, group: usize, start: usize, end: usize) {
        self.groups[group].span = Some((start, end));
        self.highest = self.highest.max(group);
    }

    fn is_set(&self, group: usize) -> Option<(usize, usize)> {
        self.groups.get(group).and_then(|g| g.span)
    }

    /// Unsets the groups above `highest`, and those only: this is what Perl forgets.
    fn unset_above(&mut self, highest: usize) {
        for group in highest + 1..=self.highest {
            self.groups[group].span = None;
        }
        self.highest = highest;
    }

    fn save(&mut self, floor: usize) -> Saved {
        // They are kept until there is a way back no more.
        self.pay(self.groups.len().saturating_sub(floor) as u64 / 2);
        Saved {
            floor,
            groups: self.groups[floor + 1..].to_vec(),
            highest: self.highest,
        }
    }

    fn restore(&mut self, saved: &Saved) {
        self.groups[saved.floor + 1..].copy_from_slice(&saved.groups);
        self.highest = saved.highest;
        for group in &mut self.groups[saved.highest + 1..] {
            group.span = None;
        }
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

    fn enter(&mut self) -> Inner {
        self.inner.push(self.frames.len());
        Inner {
            current: self.current,
            rounds: self.rounds.len(),
        }
    }

    fn leave(&mut self, inner: Inner) {
        self.current = inner.current;
        self.rounds.truncate(inner.rounds);
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

    fn look(&mut self, op: usize, pos: usize, width: usize) -> bool {
        let inner = self.enter();
        self.frames.push(Frame::Look {
            op,
            pos,
            width,
            inner,
        });
        self.go(op + 1, pos - width)
    }

    /// Another body, or what follows.
    fn fixed_on(&mut self, state: Fixed, bounds: Bounds) -> bool {
        let aim = if bounds.lazy { bounds.min } else { bounds.max };
        if state.count < aim {
            self.fixed_body(state)
        } else {
            self.fixed_after(state)
        }
    }

    fn fixed_body(&mut self, state: Fixed) -> bool {
        let Op::Fixed { body, .. } = &self.program.code[state.op] else {
            return false;
        };
        let inner = self.enter();
        let pos = self.pos;
        self.frames.push(Frame::FixedBody { state, pos, inner });
        self.go(*body, pos)
    }

    fn fixed_after(&mut self, state: Fixed) -> bool {
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

    fn may_follow(&self, next: Option<ByteSet>) -> bool {
        next.is_none_or(|set| self.byte(self.pos).is_some_and(|b| set.contains(b)))
    }

    /// Sets the group around the body of a simple loop, or unsets it if there was no round.
    fn round_group(&mut self, group: Option<usize>, count: usize, width: usize) {
        let Some(group) = group else {
            return;
        };
        if count > 0 {
            self.set(group, self.pos - width, self.pos);
        } else {
            self.groups[group].span = None;
        }
    }

    fn bytes(&mut self, set: &ByteSet, bounds: Bounds) -> bool {
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

    fn bytes_after(&mut self, state: Bytes) -> bool {
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

    /// The end of a round, or the beginning of the first.
    fn turn(&mut self) -> bool {
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

    fn round(&mut self, which: Try, id: usize, pos: usize, last: Option<usize>) -> bool {
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

    fn after(&mut self, lazy: bool, id: usize, pos: usize, last: Option<usize>) -> bool {
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

    fn give_up_round(&mut self, id: usize, last: Option<usize>) {
        let round = &mut self.rounds[id];
        round.last = last;
        round.count -= 1;
    }
}
