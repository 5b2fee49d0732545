//! The machine at work: a stack of choices to come back to.

use super::program::{Look, Op, Program, Row, Run, RunMode};
use crate::pattern::ast::Anchor;
use crate::pattern::automaton::Places;
use crate::pattern::budget::{Budget, price};
use crate::pattern::parse::word;

/// More choices than these are not kept: a match that needs them is given up.
const MOST_FRAMES: usize = 1 << 20;
/// The memory of places that failed is no larger: bits.
const MOST_BITS: usize = 1 << 29;

/// Nor is that of places that failed under what groups hold: stamps.
const MOST_STAMPS: usize = 1 << 24;

/// Where the memory of places is larger than this, bytes, the processor's caches do not hold it: to
/// look into it costs so many steps more.
const NEAR: usize = 4 << 20;
const FAR: u64 = 3;

/// No place.
const NOWHERE: u32 = u32::MAX;

/// What to do when what was tried fails.
#[derive(Clone, Copy)]
enum Frame {
    /// Go on here.
    Go { pc: u32, pos: u32 },
    /// Take the next branch.
    Branch { pc: u32, next: u32, pos: u32 },
    /// A run may end anywhere from `low` to before `high`.
    Shorter { pc: u32, low: u32, high: u32 },
    /// A run may take another byte: `taken` so far.
    Longer { pc: u32, taken: u32, pos: u32 },
    /// A slot as it was.
    Slot { slot: u32, old: u32 },
    /// The groups held what they held then.
    Held(u32),
    /// A look-around under way from this place, so far back.
    Look { pc: u32, pos: u32, back: u32 },
    /// An atomic group under way.
    Atomic,
}

/// A match within the match: where its frame is, and what it is.
type Inner = (usize, u32);

pub(super) struct Machine<'a> {
    program: &'a Program,
    subject: &'a [u8],
    budget: &'a mut Budget,
    /// Whether the groups are wanted.
    spans: bool,
    pc: usize,
    pos: usize,
    slots: Vec<u32>,
    frames: Vec<Frame>,
    inner: Vec<Inner>,
    /// The places that failed, by 64 of them a word for each row: what is looked up at places side by
    /// side stands side by side. Row by row each instruction would touch a page of its own.
    failed: Vec<u64>,
    /// The same under what the groups held, as the number of that.
    stamps: Vec<u32>,
    /// What it costs to look into them, steps.
    far: u64,
    /// Which number what the groups hold now has, and the highest one. None is 0.
    held: u32,
    last_held: u32,
    /// The places where each oracle's look-around holds, once that was asked; `None` inside if the
    /// oracle gave up.
    oracles: Vec<Option<Option<Places>>>,
    /// The places where the answer of a look-around is known, and those where it holds.
    known: Vec<Option<(Places, Places)>>,
}

impl<'a> Machine<'a> {
    /// A machine for one subject; `None` if what is to be remembered of it would be too much.
    pub(super) fn new(
        program: &'a Program,
        subject: &'a [u8],
        budget: &'a mut Budget,
        spans: bool,
    ) -> Option<Self> {
        u32::try_from(subject.len()).ok().filter(|&n| n < NOWHERE)?;
        let width = subject.len() / 64 + 1;
        let words = width.checked_mul(program.row_count)?;
        let stamps = (subject.len() + 1).saturating_mul(program.stamp_rows);
        let stamps = match stamps <= MOST_STAMPS {
            true => stamps,
            false => 0,
        };
        let memory = program.slots + words + stamps / 2;
        if words > MOST_BITS / 64 || !budget.pay(price(memory)) {
            return None;
        }
        Some(Self {
            program,
            subject,
            budget,
            spans: spans || program.refers,
            pc: 0,
            pos: 0,
            slots: vec![NOWHERE; program.slots],
            frames: Vec::new(),
            inner: Vec::new(),
            failed: vec![0; words],
            stamps: vec![0; stamps],
            far: if 8 * memory > NEAR { FAR } else { 0 },
            held: 1,
            last_held: 1,
            oracles: vec![None; program.oracles.len()],
            known: vec![None; program.looks],
        })
    }

    /// Pays for bytes that were read in one go.
    pub(super) fn read(&mut self, bytes: usize) -> bool {
        self.budget.pay(price(bytes))
    }

    /// The groups of the match that began at `start`.
    pub(super) fn spans(&self, start: usize, spans: &mut Vec<Option<(usize, usize)>>) {
        let slot = |slot: usize| {
            let place = self.slots.get(slot).copied().filter(|&at| at != NOWHERE)?;
            usize::try_from(place).ok()
        };
        let groups = self.program.groups;
        let kept = slot(2 * groups + 2).filter(|_| self.program.keeps);
        spans.push(Some((kept.unwrap_or(start), self.pos)));
        for group in 1..=groups {
            spans.push(slot(2 * group).zip(slot(2 * group + 1)));
        }
    }

    /// Whether a match begins at `start`; `None` if the budget is at its end.
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

    fn byte(&self, at: usize) -> Option<u8> {
        self.subject.get(at).copied()
    }

    fn go(&mut self, pc: usize, pos: usize) -> bool {
        (self.pc, self.pos) = (pc, pos);
        true
    }

    /// Notes that what begins here at this place is being tried. Whether it was before.
    fn tried(&mut self, pc: usize, pos: usize) -> bool {
        let row = match self.program.rows.get(pc) {
            Some(Row::Bits(row)) => *row as usize,
            Some(Row::Stamps(row)) => {
                let stamp = *row as usize * (self.subject.len() + 1) + pos;
                self.budget.pay(self.far);
                let stamp = self.stamps.get_mut(stamp);
                return stamp.is_some_and(|stamp| std::mem::replace(stamp, self.held) == self.held);
            }
            Some(Row::None) | None => return false,
        };
        self.budget.pay(self.far);
        let word = pos / 64 * self.program.row_count + row;
        let Some(word) = self.failed.get_mut(word) else {
            return false;
        };
        let before = *word >> (pos % 64) & 1 == 1;
        *word |= 1 << (pos % 64);
        before
    }

    /// One instruction. Whether it went well.
    fn step(&mut self, op: &'a Op) -> bool {
        let (pc, pos) = (self.pc, self.pos);
        match op {
            Op::Byte(set) => {
                self.byte(pos).is_some_and(|b| set.contains(b)) && self.go(pc + 1, pos + 1)
            }
            Op::Run(run) => self.run_of_bytes(run),
            Op::Anchor(anchor) => self.holds(*anchor) && self.go(pc + 1, pos),
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

    fn save(&mut self, slot: usize, place: u32) {
        // The groups may be of no interest; the places of loops always are.
        if !self.spans && slot < 2 * self.program.groups + 2 {
            return;
        }
        if let Some(now) = self.slots.get_mut(slot) {
            let old = std::mem::replace(now, place);
            self.frames.push(Frame::Slot {
                slot: small(slot),
                old,
            });
            if self.program.asked.get(slot / 2) == Some(&true) {
                self.frames.push(Frame::Held(self.held));
                self.last_held = self.last_held.wrapping_add(1);
                self.held = self.last_held;
            }
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

    fn run_of_bytes(&mut self, run: &Run) -> bool {
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

    /// How many bytes a run can take from here, up to `most`. They are paid for, whatever comes of it.
    fn extent(&mut self, run: &Run, most: usize, pos: usize) -> usize {
        let rest = self.subject.get(pos..).unwrap_or_default();
        let rest = rest.get(..most).unwrap_or(rest);
        let length = rest.iter().take_while(|&&b| run.set.contains(b)).count();
        self.read(length);
        length
    }

    /// How many bytes a run without a limit takes up to the first place that was tried; notes those
    /// before it as tried. What is behind such a place is not read again: else a run at each place of
    /// another would read the rest of the line each time.
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

    /// The last end from `low` to before `high` behind which it can go on.
    fn shorter(&mut self, run: &Run, pc: usize, low: usize, high: usize) -> bool {
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

    /// Goes on behind a lazy run that took so many bytes.
    fn longer(&mut self, run: &Run, taken: usize, pos: usize) -> bool {
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

    fn holds(&self, anchor: Anchor) -> bool {
        let (pos, end) = (self.pos, self.subject.len());
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

    fn group(&self, group: usize) -> Option<(usize, usize)> {
        let slot = |slot: usize| {
            let place = self.slots.get(slot).copied()?;
            (place != NOWHERE).then_some(place as usize)
        };
        slot(2 * group).zip(slot(2 * group + 1))
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

    fn look(&mut self, look: &'a Look) -> bool {
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

    /// Whether what the look-around looks for is there, if its oracle can tell.
    fn foreseen(&mut self, look: &Look) -> Option<bool> {
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

    /// The same, if it was found out before.
    fn remembered(&self, look: &Look) -> Option<bool> {
        let (known, holds) = self.known.get(look.known?)?.as_ref()?;
        known.has(self.pos).then(|| holds.has(self.pos))
    }

    fn remember(&mut self, look: &Look, pos: usize, found: bool) {
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
    fn done(&mut self) -> bool {
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

    /// Drops the choices from this frame on. What was set since is `undone`, or can still be.
    fn close(&mut self, at: usize, undone: bool) {
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

    fn put_back(&mut self, slot: u32, old: u32) {
        if let Some(now) = self.slots.get_mut(slot as usize) {
            *now = old;
        }
    }

    /// Takes up the last choice that is open. Whether there is one; `None` if the budget is at its end.
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

    /// What a look-around looked for is not there, or not so far back.
    fn looked(&mut self, pc: usize, pos: usize, back: usize) -> bool {
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

/// How many bytes of `rest` a run takes, each of which leads to a place (the first to `place`) whose
/// bit in this row, of so many rows, is not set yet; sets those bits.
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

/// Places and instructions are fewer than fit in: both are bounded.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NOWHERE)
}
