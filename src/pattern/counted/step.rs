//! What each instruction does, and the way back to the last choice.

use super::machine::{Frame, Machine, small};
use super::program::Op;

/// The most choices that are kept: a match that needs more is given up.
const MOST_FRAMES: usize = 1 << 20;

impl<'a> Machine<'a> {
    /// Whether a match begins at `start`; `None` if the budget is spent.
    pub(super) fn run(&mut self, start: usize) -> Option<bool> {
        (self.pc, self.pos) = (0, start);
        self.frames.clear();
        self.inner.clear();
        loop {
            if !self.budget.pay(1) || self.frames.len() > MOST_FRAMES {
                return None;
            }
            let went = match self.program.code.get(self.pc) {
                Some(Op::End) => return Some(true),
                Some(op) => self.step(op),
                None => false,
            };
            if !went && !self.back()? {
                return Some(false);
            }
        }
    }

    /// Takes one instruction. Returns whether it succeeded.
    fn step(&mut self, op: &'a Op) -> bool {
        let (pc, pos) = (self.pc, self.pos);
        match op {
            Op::Byte(set) => {
                self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(pc + 1, pos + 1)
            }
            Op::Run(run) => self.run_of_bytes(run),
            Op::Anchor(anchor) => anchor.holds(self.subject, pos) && self.go(pc + 1, pos),
            Op::Newline(set) => {
                if self.subject[pos..].starts_with(b"\r\n") {
                    return self.go(pc + 1, pos + 2);
                }
                self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(pc + 1, pos + 1)
            }
            Op::Save(slot) => {
                self.save(*slot, small(pos));
                self.go(pc + 1, pos)
            }
            Op::Split([one, other]) => {
                if self.tried(pc, pos) {
                    return false;
                }
                self.frames.push(Frame::Go {
                    pc: small(*other),
                    pos: small(pos),
                });
                self.go(*one, pos)
            }
            Op::Branch(ways) => !self.tried(pc, pos) && self.branch(pc, ways, 0, pos),
            Op::Jump(to) => self.go(*to, pos),
            Op::Stuck { slot, out } => {
                let stuck = self.slots.get(*slot) == Some(&small(pos));
                self.go(if stuck { *out } else { pc + 1 }, pos)
            }
            Op::Look(look) => !self.tried(pc, pos) && self.look(look),
            Op::Atomic { .. } => {
                if self.tried(pc, pos) {
                    return false;
                }
                self.inner.push((self.frames.len(), small(pc)));
                self.frames.push(Frame::Atomic);
                self.go(pc + 1, pos)
            }
            Op::Backref { groups, fold } => self.backref(groups, *fold),
            Op::Test { groups, no } => {
                let set = groups.iter().any(|&group| self.group(group).is_some());
                self.go(if set { pc + 1 } else { *no }, pos)
            }
            Op::Never | Op::End => false,
            Op::Done => self.done(),
        }
    }

    fn branch(&mut self, pc: usize, ways: &[usize], way: usize, pos: usize) -> bool {
        let Some(&to) = ways.get(way) else {
            return false;
        };
        if way + 1 < ways.len() {
            self.frames.push(Frame::Branch {
                pc: small(pc),
                next: small(way + 1),
                pos: small(pos),
            });
        }
        self.go(to, pos)
    }

    fn backref(&mut self, groups: &[usize], fold: bool) -> bool {
        let Some((start, end)) = groups.iter().find_map(|&group| self.group(group)) else {
            return false;
        };
        let Some(text) = self.subject.get(start..end) else {
            return false;
        };
        let Some(here) = self.subject.get(self.pos..self.pos + text.len()) else {
            return false;
        };
        let same = match fold {
            true => here.eq_ignore_ascii_case(text),
            false => here == text,
        };
        self.read(text.len()) && same && self.go(self.pc + 1, self.pos + text.len())
    }

    /// Goes back to the last open choice. Returns whether there is one; `None` if the budget is spent.
    fn back(&mut self) -> Option<bool> {
        let program = self.program;
        while let Some(frame) = self.frames.pop() {
            if !self.budget.pay(1) {
                return None;
            }
            let went = match frame {
                Frame::Go { pc, pos } => self.go(pc as usize, pos as usize),
                Frame::Branch { pc, next, pos } => match program.code.get(pc as usize) {
                    Some(Op::Branch(ways)) => {
                        self.branch(pc as usize, ways, next as usize, pos as usize)
                    }
                    _ => false,
                },
                Frame::Shorter { pc, low, high } => match program.code.get(pc as usize) {
                    Some(Op::Run(run)) => {
                        self.shorter(run, pc as usize, low as usize, high as usize)
                    }
                    _ => false,
                },
                Frame::Longer { pc, taken, pos } => match program.code.get(pc as usize) {
                    Some(Op::Run(run)) => {
                        let (pc, pos) = (pc as usize, pos as usize + 1);
                        self.pc = pc;
                        let known = run.max == usize::MAX && self.tried(pc, pos);
                        !known && self.longer(run, taken as usize + 1, pos)
                    }
                    _ => false,
                },
                Frame::Slot { slot, old } => {
                    self.put_back(slot, old);
                    false
                }
                Frame::Held(held) => {
                    self.held = held;
                    false
                }
                Frame::Look { pc, pos, back } => {
                    self.looked(pc as usize, pos as usize, back as usize)
                }
                Frame::Atomic => {
                    self.inner.pop();
                    false
                }
            };
            if went {
                return Some(true);
            }
        }
        Some(false)
    }
}
