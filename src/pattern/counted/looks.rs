//! Look-around and atomic groups: matches within the match.

use super::machine::{Frame, Machine, small};
use super::program::{Look, Op};
use crate::pattern::budget::price;
use crate::pattern::lazy_dfa::Places;

impl<'a> Machine<'a> {
    pub(super) fn look(&mut self, look: &'a Look) -> bool {
        let pos = self.pos;
        if look.behind.is_some_and(|(least, _)| least > pos) {
            return look.negated && self.go(look.after, pos);
        }
        if let Some(found) = self.foreseen(look) {
            if found == look.negated {
                return false;
            }
            if look.plain || look.negated {
                return self.go(look.after, pos);
            }
        } else if let Some(found) = self.remembered(look) {
            return found != look.negated && self.go(look.after, pos);
        }
        let back = look.behind.map_or(0, |(_, most)| most.min(pos));
        self.inner.push((self.frames.len(), small(self.pc)));
        self.frames.push(Frame::Look {
            pc: small(self.pc),
            pos: small(pos),
            back: small(back),
        });
        self.go(self.pc + 1, pos - back)
    }

    /// Whether the body of the look-around matches here, if its oracle can tell.
    pub(super) fn foreseen(&mut self, look: &Look) -> Option<bool> {
        let number = look.oracle?;
        let oracle = self.program.oracles.get(number)?;
        let subject = self.subject;
        let places = self.oracles.get_mut(number)?;
        if places.is_none() {
            // A byte here takes longer than one of a run.
            self.budget.pay(4 * price(subject.len()));
            *places = Some(oracle.places(subject, self.budget));
        }
        Some(places.as_ref()?.as_ref()?.has(self.pos))
    }

    /// Whether the body of the look-around matches here, if that was found out before.
    pub(super) fn remembered(&self, look: &Look) -> Option<bool> {
        let (known, holds) = self.known.get(look.known?)?.as_ref()?;
        known.has(self.pos).then(|| holds.has(self.pos))
    }

    pub(super) fn remember(&mut self, look: &Look, pos: usize, found: bool) {
        let Some(answers) = look.known.and_then(|known| self.known.get_mut(known)) else {
            return;
        };
        if answers.is_none() {
            let length = self.subject.len();
            self.budget.pay(2 * price(length / 8));
            *answers = Some((Places::none(length), Places::none(length)));
        }
        if let Some((known, holds)) = answers {
            known.set(pos);
            if found {
                holds.set(pos);
            }
        }
    }

    /// The end of a match within the match: there is no way back into it.
    pub(super) fn done(&mut self) -> bool {
        let Some(&(at, pc)) = self.inner.last() else {
            return false;
        };
        let op = self.program.code.get(pc as usize);
        match (self.frames.get(at).copied(), op) {
            (Some(Frame::Look { pos, .. }), Some(Op::Look(look))) => {
                let place = pos as usize;
                if look.behind.is_some() && place != self.pos {
                    return false;
                }
                self.inner.pop();
                self.remember(look, place, true);
                self.close(at, look.negated);
                !look.negated && self.go(look.after, place)
            }
            (Some(Frame::Atomic), Some(Op::Atomic { after })) => {
                self.inner.pop();
                self.close(at, false);
                self.go(*after, self.pos)
            }
            _ => false,
        }
    }

    /// Drops the choices from this frame on. What was set since is undone if `undone`, else it is kept so that
    /// it can be undone later.
    pub(super) fn close(&mut self, at: usize, undone: bool) {
        let depth = self.frames.len().saturating_sub(at);
        self.budget.pay(price(depth));
        if undone {
            while self.frames.len() > at {
                match self.frames.pop() {
                    Some(Frame::Slot { slot, old }) => self.put_back(slot, old),
                    Some(Frame::Held(held)) => self.held = held,
                    _ => {}
                }
            }
            return;
        }
        let mut kept = at;
        for from in at..self.frames.len() {
            if matches!(self.frames[from], Frame::Slot { .. } | Frame::Held(_)) {
                self.frames[kept] = self.frames[from];
                kept += 1;
            }
        }
        self.frames.truncate(kept);
    }

    /// Goes on after the body of a look-around has failed, `back` bytes before its place.
    pub(super) fn looked(&mut self, pc: usize, pos: usize, back: usize) -> bool {
        let Some(Op::Look(look)) = self.program.code.get(pc) else {
            return false;
        };
        if look.behind.is_some_and(|(least, _)| back > least) {
            self.frames.push(Frame::Look {
                pc: small(pc),
                pos: small(pos),
                back: small(back - 1),
            });
            return self.go(pc + 1, pos - back + 1);
        }
        self.inner.pop();
        self.remember(look, pos, false);
        look.negated && self.go(look.after, pos)
    }
}
