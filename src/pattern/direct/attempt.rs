//! A match at work: the steps taken in Perl's order, with the choices to come back to.

use memchr::memmem::Finder;

use super::steps::{Next, Repeat, Split, Step, begins_with};
use super::{Start, UNSET};
use crate::pattern::set::Bits;

/// A choice to come back to.
#[derive(Clone, Copy)]
enum Choice {
    /// Go on at this step and place.
    Branch { step: usize, at: usize },
    /// A repeat may end anywhere from `low` to `high`.
    Shorter {
        step: usize,
        low: usize,
        high: usize,
    },
    /// A lazy repeat may end anywhere from `low` to `high`.
    Longer {
        step: usize,
        low: usize,
        high: usize,
    },
    /// What a slot held before.
    Slot { slot: usize, value: usize },
}

/// Memory that is used again for each match.
pub(super) struct Room {
    choices: Vec<Choice>,
    pub slots: Vec<usize>,
    /// Where the literals of a chain are.
    starts: Vec<usize>,
}

impl Room {
    pub(super) const fn new() -> Self {
        Self {
            choices: Vec::new(),
            slots: Vec::new(),
            starts: Vec::new(),
        }
    }
}

/// A match at work.
pub(super) struct Attempt<'a> {
    pub steps: &'a [Step],
    pub subject: &'a [u8],
    pub room: &'a mut Room,
    /// The step that comes next.
    pub step: usize,
    pub patience: Patience,
}

/// How much work is left before the engine decides: a place gone back to, or some bytes read.
pub(super) struct Patience(usize);

impl Patience {
    /// So much for each byte of the subject, and some more.
    const A_BYTE: usize = 4;
    /// So many bytes are read for the price of one.
    const BYTES: usize = 16;

    /// That for a subject of this length.
    pub(super) fn new(length: usize) -> Self {
        Self(Self::A_BYTE * length + 128)
    }

    /// Some bytes were read.
    #[inline]
    pub(super) fn pay_for(&mut self, bytes: usize) {
        self.0 = self.0.saturating_sub(1 + bytes / Self::BYTES);
    }

    /// Nothing, if it is at its end.
    #[inline]
    fn left(&self) -> Option<()> {
        (self.0 > 0).then_some(())
    }
}

impl Attempt<'_> {
    /// Where the leftmost match begins, and its end if there is one; nothing outside if patience is at
    /// its end.
    pub(super) fn search(&mut self, finder: &Finder<'_>) -> Option<(usize, Option<usize>)> {
        let mut from = 0;
        while let Some(at) = self.subject.get(from..).and_then(|rest| finder.find(rest)) {
            let start = from + at;
            self.patience.pay_for(at);
            self.patience.left()?;
            if let Some(end) = self.at(Start { step: 0, at: start })? {
                return Some((start, Some(end)));
            }
            self.room.slots.fill(UNSET);
            from = start + 1;
        }
        Some((from, None))
    }

    /// The end of a match that goes on at `start`; nothing outside if patience is at its end.
    pub(super) fn at(&mut self, start: Start) -> Option<Option<usize>> {
        self.room.choices.clear();
        let (steps, subject) = (self.steps, self.subject);
        let Start { mut step, mut at } = start;
        // What is read since here is not paid for yet.
        let mut from = at;
        loop {
            let Some(one) = steps.get(step) else {
                return Some(Some(at));
            };
            step += 1;
            let goes_on = match one {
                &Step::Jump(other) => {
                    step = other;
                    true
                }
                &Step::Open(group) => self.slot(2 * group, at),
                &Step::Close(group) => self.slot(2 * group + 1, at),
                Step::Chain(chain) => {
                    let Room { starts, slots, .. } = &mut *self.room;
                    let end = chain.end(subject, at, (starts, slots), &mut self.patience);
                    if end.is_some() {
                        return Some(end);
                    }
                    false
                }
                Step::Repeat(_) | Step::Split(_) => {
                    self.patience.left()?;
                    self.step = step;
                    let next = match one {
                        Step::Repeat(repeat) => self.repeat(repeat, at),
                        Step::Split(split) => self.split(split, at),
                        _ => None,
                    };
                    step = self.step;
                    at = next.unwrap_or(at);
                    next.is_some()
                }
                plain => {
                    let next = pass(plain, subject, at);
                    at = next.unwrap_or(at);
                    next.is_some()
                }
            };
            if !goes_on {
                self.patience.pay_for(at.saturating_sub(from));
                let Some(back) = self.back() else {
                    // There is no other choice, or no patience to look for one.
                    return self.patience.left().map(|()| None);
                };
                (step, at, from) = (self.step, back, back);
            }
        }
    }

    /// Takes the first way that is open; the other one is a choice to come back to, if it is open too.
    fn split(&mut self, split: &Split, at: usize) -> Option<usize> {
        self.patience.pay_for(0);
        let byte = self.subject.get(at);
        let open = |first: &Option<Bits>| match (first, byte) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(class), Some(&byte)) => class.contains(byte),
        };
        let [one, other] = split.ways;
        self.step = match (open(&split.first[0]), open(&split.first[1])) {
            (true, true) => {
                self.room.choices.push(Choice::Branch { step: other, at });
                one
            }
            (true, false) => one,
            (false, true) => other,
            (false, false) => return None,
        };
        Some(at)
    }

    /// Notes a place for the groups; it goes on in any case.
    fn slot(&mut self, slot: usize, at: usize) -> bool {
        // Without slots, nobody asks for the groups.
        if let Some(place) = self.room.slots.get_mut(slot) {
            let value = std::mem::replace(place, at);
            if !self.room.choices.is_empty() {
                self.room.choices.push(Choice::Slot { slot, value });
            }
        }
        true
    }

    fn repeat(&mut self, repeat: &Repeat, at: usize) -> Option<usize> {
        // The step behind it comes next.
        let step = self.step - 1;
        let length = repeat.run.length(self.subject, at);
        self.patience.pay_for(length);
        if length < repeat.run.min as usize {
            return None;
        }
        let (low, high) = (at + repeat.run.min as usize, at + length);
        match repeat.lazy {
            true => self.longer(repeat, step, low, high),
            false => self.shorter(repeat, step, low, high),
        }
    }

    /// Ends a repeat at the last place from `low` to `high` where what follows may begin.
    fn shorter(&mut self, repeat: &Repeat, step: usize, low: usize, high: usize) -> Option<usize> {
        let end = match &repeat.next {
            Next::Any => high,
            next => next.find(self.subject, (low, high), true, &mut self.patience)?,
        };
        if end > low {
            let high = end - 1;
            self.room.choices.push(Choice::Shorter { step, low, high });
        }
        Some(end)
    }

    /// Ends a lazy repeat at the first such place.
    fn longer(&mut self, repeat: &Repeat, step: usize, low: usize, high: usize) -> Option<usize> {
        let end = match &repeat.next {
            Next::Any | Next::Nothing => low,
            next => next.find(self.subject, (low, high), false, &mut self.patience)?,
        };
        if end < high {
            let low = end + 1;
            self.room.choices.push(Choice::Longer { step, low, high });
        }
        Some(end)
    }

    /// Back to the last choice: where to go on, at `self.step`.
    fn back(&mut self) -> Option<usize> {
        while let Some(choice) = self.room.choices.pop() {
            self.patience.left()?;
            match choice {
                Choice::Branch { step, at } => {
                    self.step = step;
                    return Some(at);
                }
                Choice::Slot { slot, value } => {
                    if let Some(place) = self.room.slots.get_mut(slot) {
                        *place = value;
                    }
                }
                Choice::Shorter { step, low, high } | Choice::Longer { step, low, high } => {
                    let Some(Step::Repeat(repeat)) = self.steps.get(step) else {
                        continue;
                    };
                    let end = match choice {
                        Choice::Shorter { .. } => self.shorter(repeat, step, low, high),
                        _ => self.longer(repeat, step, low, high),
                    };
                    if end.is_some() {
                        self.step = step + 1;
                        return end;
                    }
                }
            }
        }
        None
    }
}

/// Where a step ends that can go one way only.
#[inline(always)]
fn pass(step: &Step, subject: &[u8], at: usize) -> Option<usize> {
    match step {
        Step::Short(short) => {
            let end = at + usize::from(short.length);
            short.is_at(subject, at).then_some(end)
        }
        Step::Literal(bytes) => {
            let rest = subject.get(at..).unwrap_or_default();
            begins_with(rest, bytes).then_some(at + bytes.len())
        }
        Step::One(class) => {
            let byte = *subject.get(at)?;
            class.contains(byte).then_some(at + 1)
        }
        Step::Run(run) => {
            let length = run.length(subject, at);
            (length >= run.min as usize).then_some(at + length)
        }
        Step::AtStart => (at == 0).then_some(at),
        Step::AtEnd => (at == subject.len()).then_some(at),
        _ => None,
    }
}
