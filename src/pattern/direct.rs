//! Matching without an engine.
//!
//! Most rules look like `^prog: text (.+) more (?:a|b) (\S+)`: literals, repeated sets, and a few
//! alternatives. Such a pattern is matched from left to right with the choices that Perl makes, in
//! Perl's order; where a literal follows a repeat, its last place is looked for instead of trying
//! each. What would take more than a bounded number of steps is left to the engine, which is linear.

mod compile;

use std::cell::RefCell;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::Spans;
use super::ast::{Mode, Node};
/// So many steps for a byte of the subject, and some more, before the engine decides.
const PATIENCE: usize = 4;
/// A group that took no part.
const UNSET: usize = usize::MAX;

/// A pattern made ready.
#[derive(Debug)]
pub(super) struct Direct {
    /// Whether a match can only begin at the start of the subject.
    anchored: bool,
    steps: Vec<Step>,
    /// Finds the literal that the pattern begins with, where it is not anchored.
    finder: Option<Finder<'static>>,
    groups: usize,
}

#[derive(Debug)]
enum Step {
    Literal(Box<[u8]>),
    One(Table),
    Repeat(Box<Repeat>),
    Split(Split),
    Jump(usize),
    Open(usize),
    Close(usize),
    AtStart,
    AtEnd,
}

/// A set of bytes that is quick to ask; patterns share them.
type Table = Arc<[bool; 256]>;

/// Two ways to go on, in their order. A way that cannot begin with the byte that comes is not taken.
#[derive(Debug)]
struct Split {
    ways: [usize; 2],
    /// What each way begins with; `None` if it may do without a byte.
    first: [Option<Table>; 2],
}

/// What ends a repeat.
#[derive(Debug)]
enum Stops {
    /// Nothing: it takes every byte but the newline, which a subject has not.
    Nothing,
    /// This byte alone.
    At(u8),
    /// What is not in the set, and that is blanks and control characters at most.
    Blanks,
    /// Whatever is not in the set.
    Many,
}

/// A repeated set.
#[derive(Debug)]
struct Repeat {
    set: Table,
    stops: Stops,
    min: usize,
    max: usize,
    mode: Mode,
    next: Next,
}

/// What must come behind a repeat.
#[derive(Debug)]
enum Next {
    /// This byte.
    Byte(u8),
    /// A byte of this set.
    Set(Table),
    /// The end of the subject.
    End,
    /// Nothing is known.
    Any,
}

impl Next {
    /// The last place in `window` where it is, or the first; the window ends one byte behind the last
    /// place that is asked for.
    fn find(&self, window: &[u8], last: bool) -> Option<usize> {
        match self {
            Self::Byte(byte) if last => memchr::memrchr(*byte, window),
            Self::Byte(byte) => memchr::memchr(*byte, window),
            Self::Set(set) if last => window.iter().rposition(|&b| set[usize::from(b)]),
            Self::Set(set) => window.iter().position(|&b| set[usize::from(b)]),
            Self::End | Self::Any => None,
        }
    }
}

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
#[derive(Default)]
struct Room {
    choices: Vec<Choice>,
    slots: Vec<usize>,
}

thread_local! {
    static ROOM: RefCell<Room> = const {
        RefCell::new(Room { choices: Vec::new(), slots: Vec::new() })
    };
}

impl Direct {
    /// The program of a pattern with this many groups, if it is one that pays.
    pub(super) fn new(root: &Node, groups: usize) -> Option<Self> {
        let (steps, mut anchored) = compile::steps(root)?;
        let begin = steps.iter().find(|step| !matches!(step, Step::Open(_)));
        let mut finder = None;
        if !anchored {
            match begin {
                Some(Step::Literal(bytes)) => finder = Some(Finder::new(bytes).into_owned()),
                // It takes whatever is before a match: if there is one, there is one at the start.
                Some(Step::Repeat(r))
                    if matches!(r.stops, Stops::Nothing) && r.max == usize::MAX =>
                {
                    anchored = true;
                }
                Some(Step::AtStart) | None => anchored = true,
                // Without a literal to jump to, each place would have to be tried.
                Some(_) => return None,
            }
        }
        Some(Self {
            anchored,
            steps,
            finder,
            groups,
        })
    }

    /// Whether a match can only begin at the start of the subject.
    pub(super) fn anchored(&self) -> bool {
        self.anchored
    }

    /// Whether it matches; `None` if the engine has to decide. The subject holds no newline.
    pub(super) fn is_match(&self, subject: &[u8]) -> Option<bool> {
        // Most lines are turned away by the first literal.
        if self.anchored
            && let Some(Step::Literal(bytes)) = self.steps.first()
            && !subject.starts_with(bytes)
        {
            return Some(false);
        }
        self.run(subject, None)
    }

    /// The leftmost match and its groups; `None` if the engine has to decide. The subject holds no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        self.run(subject, Some(spans))
    }

    fn run(&self, subject: &[u8], spans: Option<&mut Spans>) -> Option<bool> {
        ROOM.with_borrow_mut(|room| self.run_in(room, subject, spans))
    }

    fn run_in(&self, room: &mut Room, subject: &[u8], spans: Option<&mut Spans>) -> Option<bool> {
        room.slots.clear();
        if spans.is_some() {
            room.slots.resize(2 * (self.groups + 1), UNSET);
        }
        let mut run = Run {
            steps: &self.steps,
            subject,
            room,
            step: 0,
            patience: PATIENCE * subject.len() + 128,
        };
        let (start, end) = match &self.finder {
            None => (0, run.at(0)?),
            Some(finder) => run.search(finder)?,
        };
        if let (Some(end), Some(spans)) = (end, spans) {
            spans.0.push(Some((start, end)));
            let pairs = room.slots.chunks_exact(2).skip(1);
            spans.0.extend(pairs.map(|pair| {
                let set = pair[0] != UNSET && pair[1] != UNSET;
                set.then_some((pair[0], pair[1]))
            }));
        }
        Some(end.is_some())
    }
}

/// A match at work.
struct Run<'a> {
    steps: &'a [Step],
    subject: &'a [u8],
    room: &'a mut Room,
    /// The step that comes next.
    step: usize,
    /// So many steps are left.
    patience: usize,
}

impl Run<'_> {
    /// Where the leftmost match begins, and its end if there is one; nothing outside if patience is at
    /// its end.
    fn search(&mut self, finder: &Finder<'_>) -> Option<(usize, Option<usize>)> {
        let mut from = 0;
        while let Some(at) = self.subject.get(from..).and_then(|rest| finder.find(rest)) {
            let start = from + at;
            if let Some(end) = self.at(start)? {
                return Some((start, Some(end)));
            }
            from = start + 1;
        }
        Some((from, None))
    }

    /// The end of a match that begins at `start`; nothing outside if patience is at its end.
    fn at(&mut self, start: usize) -> Option<Option<usize>> {
        self.room.choices.clear();
        if !self.room.slots.is_empty() {
            self.room.slots.fill(UNSET);
        }
        self.step = 0;
        let mut at = start;
        loop {
            self.patience = self.patience.checked_sub(1)?;
            let Some(one) = self.steps.get(self.step) else {
                return Some(Some(at));
            };
            at = match self.forward(one, at) {
                Some(next) => next,
                None => match self.back() {
                    Some(next) => next,
                    None => return Some(None),
                },
            };
        }
    }

    /// One step forward, to where it goes on; `self.step` is the next step then.
    #[inline(always)]
    fn forward(&mut self, one: &Step, at: usize) -> Option<usize> {
        let next = match one {
            Step::Literal(bytes) => {
                // Most differ in the first byte already.
                let same =
                    self.subject.get(at) == bytes.first() && self.subject[at..].starts_with(bytes);
                same.then(|| at + bytes.len())
            }
            Step::One(set) => {
                let byte = *self.subject.get(at)?;
                set[usize::from(byte)].then_some(at + 1)
            }
            Step::Repeat(repeat) => self.repeat(repeat, at),
            Step::Split(split) => {
                self.step = self.split(split, at)?;
                return Some(at);
            }
            &Step::Jump(other) => {
                self.step = other;
                return Some(at);
            }
            &Step::Open(group) => self.slot(2 * group, at),
            &Step::Close(group) => self.slot(2 * group + 1, at),
            Step::AtStart => (at == 0).then_some(at),
            Step::AtEnd => (at == self.subject.len()).then_some(at),
        };
        self.step += 1;
        next
    }

    /// The way to take; the other one is a choice to come back to, if it is open too.
    fn split(&mut self, split: &Split, at: usize) -> Option<usize> {
        let byte = self.subject.get(at);
        let open = |first: &Option<Table>| match (first, byte) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(set), Some(&byte)) => set[usize::from(byte)],
        };
        let [one, other] = split.ways;
        match (open(&split.first[0]), open(&split.first[1])) {
            (true, true) => {
                self.room.choices.push(Choice::Branch { step: other, at });
                Some(one)
            }
            (true, false) => Some(one),
            (false, true) => Some(other),
            (false, false) => None,
        }
    }

    fn slot(&mut self, slot: usize, at: usize) -> Option<usize> {
        // Without slots, nobody asks for the groups.
        if let Some(place) = self.room.slots.get_mut(slot) {
            let value = std::mem::replace(place, at);
            if !self.room.choices.is_empty() {
                self.room.choices.push(Choice::Slot { slot, value });
            }
        }
        Some(at)
    }

    fn repeat(&mut self, repeat: &Repeat, at: usize) -> Option<usize> {
        let step = self.step;
        let most = repeat.max.min(self.subject.len() - at);
        let window = &self.subject[at..at + most];
        let length = match repeat.stops {
            Stops::Nothing => most,
            Stops::At(byte) => memchr::memchr(byte, window).unwrap_or(most),
            Stops::Blanks => until_blank(window, &repeat.set),
            Stops::Many => {
                let outside = |&b: &u8| !repeat.set[usize::from(b)];
                window.iter().position(outside).unwrap_or(most)
            }
        };
        if length < repeat.min {
            return None;
        }
        let (low, high) = (at + repeat.min, at + length);
        match repeat.mode {
            Mode::Lazy => self.longer(repeat, step, low, high),
            Mode::Greedy | Mode::Possessive => self.shorter(repeat, step, low, high),
        }
    }

    /// Ends a repeat at the last place from `low` to `high` where what follows may begin.
    fn shorter(&mut self, repeat: &Repeat, step: usize, low: usize, high: usize) -> Option<usize> {
        let end = match &repeat.next {
            Next::End if high < self.subject.len() => return None,
            Next::End | Next::Any => high,
            next => {
                let window = &self.subject[low..(high + 1).min(self.subject.len())];
                low + next.find(window, true)?
            }
        };
        if end > low && !matches!(repeat.next, Next::End) {
            let high = end - 1;
            self.room.choices.push(Choice::Shorter { step, low, high });
        }
        Some(end)
    }

    /// Ends a lazy repeat at the first such place.
    fn longer(&mut self, repeat: &Repeat, step: usize, low: usize, high: usize) -> Option<usize> {
        let end = match &repeat.next {
            Next::End if high < self.subject.len() => return None,
            Next::End => high,
            Next::Any => low,
            next => {
                let window = &self.subject[low..(high + 1).min(self.subject.len())];
                low + next.find(window, false)?
            }
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

/// How many bytes there are before the first that is not in `set`, where only bytes up to the blank
/// are not in it: eight at a time, as words are long.
fn until_blank(window: &[u8], set: &[bool; 256]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let outside = |&b: &u8| !set[usize::from(b)];
    let mut at = 0;
    while let Some(chunk) = window.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        // The high bit of each byte that is less than 0x21 (and, never missing one, of a few others).
        let low = word.wrapping_sub(ONES * 0x21) & !word & (ONES * 0x80);
        if low != 0
            && let Some(end) = chunk.iter().position(outside)
        {
            return at + end;
        }
        at += 8;
    }
    let rest = window.get(at..).unwrap_or_default();
    at + rest.iter().position(outside).unwrap_or(rest.len())
}
