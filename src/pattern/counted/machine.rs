//! The state of the machine: a stack of choices to come back to, and what failed already.

use super::program::{Program, Row};
use crate::pattern::budget::{StepBudget, price};
use crate::pattern::lazy_dfa::Places;
use crate::pattern::matches::Span;

/// The most bits of the memory of places that failed.
const MOST_BITS: usize = 1 << 29;

/// The most stamps of the memory of places that failed under what groups hold.
const MOST_STAMPS: usize = 1 << 24;

/// Where the memory of places is larger than this many bytes, the processor's caches do not hold it: a
/// look into it costs some steps more.
const NEAR: usize = 4 << 20;
const FAR: u64 = 3;

/// A slot without a place.
pub(super) const NOWHERE: u32 = u32::MAX;

/// What to do when what was tried fails.
#[derive(Clone, Copy)]
pub(super) enum Frame {
    /// Go on at this instruction and place.
    Go { pc: u32, pos: u32 },
    /// Take the next branch.
    Branch { pc: u32, next: u32, pos: u32 },
    /// A run may end anywhere from `low` to before `high`.
    Shorter { pc: u32, low: u32, high: u32 },
    /// A run may take another byte: `taken` so far.
    Longer { pc: u32, taken: u32, pos: u32 },
    /// Set a slot to what it was.
    Slot { slot: u32, old: u32 },
    /// Set the number of what the groups hold to what it was.
    Held(u32),
    /// A look-around under way from this place, which began `back` bytes before it.
    Look { pc: u32, pos: u32, back: u32 },
    /// An atomic group under way.
    Atomic,
}

/// A match within the match: the index of its frame, and its instruction.
pub(super) type Inner = (usize, u32);

pub(super) struct Machine<'a> {
    pub program: &'a Program,
    pub subject: &'a [u8],
    pub budget: &'a mut StepBudget,
    /// Whether the groups are asked for.
    pub spans: bool,
    pub pc: usize,
    pub pos: usize,
    pub slots: Vec<u32>,
    pub frames: Vec<Frame>,
    pub inner: Vec<Inner>,
    /// The places that failed: for each 64 places a word for each row. Places side by side have their
    /// words side by side; row by row, each instruction would touch a page of memory of its own.
    pub failed: Vec<u64>,
    /// The places that failed while the groups held something, as the number of what they held.
    pub stamps: Vec<u32>,
    /// The price of a look into the memory of places, steps.
    pub far: u64,
    /// The number of what the groups hold now, and the highest number given. None is 0.
    pub held: u32,
    pub last_held: u32,
    /// The places where each oracle's look-around holds, once that was asked; `None` inside if the
    /// oracle gave up.
    pub oracles: Vec<Option<Option<Places>>>,
    /// The places where the answer of a look-around is known, and those where it holds.
    pub known: Vec<Option<(Places, Places)>>,
}

impl<'a> Machine<'a> {
    /// A machine for one subject; `None` if its memory would be too large, or the budget is spent.
    pub(super) fn new(
        program: &'a Program,
        subject: &'a [u8],
        budget: &'a mut StepBudget,
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

    /// Pays for bytes that were read in one go. Returns whether the budget sufficed.
    pub(super) fn read(&mut self, bytes: usize) -> bool {
        self.budget.pay(price(bytes))
    }

    /// The groups of the match that began at `start`.
    pub(super) fn spans(&self, start: usize, spans: &mut Vec<Span>) {
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

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.subject.get(at).copied()
    }

    pub(super) fn go(&mut self, pc: usize, pos: usize) -> bool {
        (self.pc, self.pos) = (pc, pos);
        true
    }

    /// Notes that an instruction is being tried at a place. Returns whether it was before.
    pub(super) fn tried(&mut self, pc: usize, pos: usize) -> bool {
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

    pub(super) fn save(&mut self, slot: usize, place: u32) {
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

    pub(super) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let slot = |slot: usize| {
            let place = self.slots.get(slot).copied()?;
            (place != NOWHERE).then_some(place as usize)
        };
        slot(2 * group).zip(slot(2 * group + 1))
    }

    pub(super) fn put_back(&mut self, slot: u32, old: u32) {
        if let Some(now) = self.slots.get_mut(slot as usize) {
            *now = old;
        }
    }
}

/// A place or the number of an instruction, which are bounded, as 32 bits.
pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NOWHERE)
}
