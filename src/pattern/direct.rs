//! Matching without an engine.
//!
//! Most rules look like `^prog: text (.+) more (?:a|b) (\S+)`: literals, repeated sets, and a few
//! alternatives. Such a pattern is matched from left to right with the choices that Perl makes, in
//! Perl's order; where a literal follows a repeat, its last place is looked for instead of trying
//! each. What would take more than a bounded number of steps is left to the engine, which is linear.

mod chain;
mod class;
mod compile;

use std::cell::RefCell;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::Spans;
use super::ast::Node;
use super::set::{Bits, ByteSet};
use chain::{Chain, Needle};
use class::Class;

/// So many steps for a byte of the subject, and some more, before the engine decides.
const PATIENCE: usize = 4;
/// A group that took no part.
const UNSET: usize = usize::MAX;

/// A pattern made ready.
#[derive(Debug)]
pub(super) struct Direct {
    /// Whether a match can only begin at the start of the subject.
    anchored: bool,
    steps: Box<[Step]>,
    /// Finds the literal that the pattern begins with, where it is not anchored.
    finder: Option<Box<Finder<'static>>>,
    groups: usize,
}

#[derive(Debug)]
enum Step {
    /// These bytes must stand here.
    Literal(Box<[u8]>),
    /// The same, if they are eight at most.
    Short(Short),
    One(Arc<Class>),
    /// A repeat that can end at one place only, as what comes behind is not in its set.
    Run(Run),
    Repeat(Box<Repeat>),
    Split(Box<Split>),
    /// The rest of the pattern.
    Chain(Box<Chain>),
    Jump(usize),
    Open(usize),
    Close(usize),
    AtStart,
    AtEnd,
}

/// Up to eight bytes.
#[derive(Clone, Copy, Debug)]
struct Short {
    /// The first is the lowest.
    word: u64,
    length: u8,
    /// The bits of a word that are not looked at.
    shift: u8,
}

impl Short {
    fn new(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len())
            .ok()
            .filter(|n| (1..=8).contains(n))?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        Some(Self {
            word: u64::from_le_bytes(word),
            length,
            shift: 64 - 8 * length,
        })
    }

    #[inline(always)]
    fn is_at(self, subject: &[u8], at: usize) -> bool {
        let rest = subject.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(chunk) => (u64::from_le_bytes(*chunk) ^ self.word) << self.shift == 0,
            None => rest.starts_with(&self.word.to_le_bytes()[..usize::from(self.length)]),
        }
    }
}

/// Whether a text begins with these bytes, as a rule more than eight: a call would take longer.
#[inline]
fn begins_with(text: &[u8], bytes: &[u8]) -> bool {
    let (Some(text), Some(last)) = (text.get(..bytes.len()), bytes.last_chunk::<8>()) else {
        return text.starts_with(bytes);
    };
    let mut pairs = text.as_chunks::<8>().0.iter().zip(bytes.as_chunks().0);
    pairs.all(|(one, other)| one == other) && text.last_chunk() == Some(last)
}

/// Two ways to go on, in their order. A way that cannot begin with the byte that comes is not taken.
#[derive(Debug)]
struct Split {
    ways: [usize; 2],
    /// What each way begins with; `None` if it may do without a byte.
    first: [Option<Bits>; 2],
}

impl Split {
    /// The only way for this byte, if there is one only.
    fn only(&self, byte: u8) -> Option<usize> {
        let open = |way: usize| {
            let first = self.first[way].as_ref();
            first.is_none_or(|class| class.contains(byte))
        };
        match (open(0), open(1)) {
            (true, false) => Some(self.ways[0]),
            (false, true) => Some(self.ways[1]),
            _ => None,
        }
    }
}

/// A repeated set.
#[derive(Debug)]
struct Run {
    class: Arc<Class>,
    min: u32,
    /// `u32::MAX` is without a limit: no line is that long.
    max: u32,
}

impl Run {
    /// How many bytes it takes at most.
    #[inline]
    fn length(&self, subject: &[u8], at: usize) -> usize {
        let most = (self.max as usize).min(subject.len().saturating_sub(at));
        self.class.run(subject, at, most)
    }
}

/// A repeated set that may end at several places.
#[derive(Debug)]
struct Repeat {
    run: Run,
    lazy: bool,
    next: Next,
}

/// What must come behind a repeat.
#[derive(Debug)]
enum Next {
    /// These bytes.
    Literal(Needle),
    /// A byte of this set.
    Set(Box<ByteSet>),
    /// The end of the subject.
    End,
    /// The pattern is at its end.
    Nothing,
    /// Nothing is known.
    Any,
}

impl Next {
    /// The last place from `low` to `high` where it may be, or the first.
    fn find(&self, subject: &[u8], (low, high): (usize, usize), last: bool) -> Option<usize> {
        match self {
            Self::Literal(needle) if last => needle.last(subject, low, high),
            Self::Literal(needle) => needle.first_place(subject, low, high),
            Self::Set(set) => {
                let class = set.bits();
                let window = &subject[low..(high + 1).min(subject.len())];
                let place = match last {
                    true => window.iter().rposition(|&byte| class.contains(byte)),
                    false => window.iter().position(|&byte| class.contains(byte)),
                };
                place.map(|place| low + place)
            }
            Self::End | Self::Nothing | Self::Any => None,
        }
    }
}

impl Repeat {
    /// Whether it can end at one place only.
    fn has_one_end(&self) -> bool {
        let apart = |byte: u8| !self.run.class.contains(byte);
        match &self.next {
            Next::Literal(needle) => needle.first().is_some_and(apart),
            Next::Set(set) => !set.intersects(self.run.class.set),
            Next::End => true,
            Next::Nothing => !self.lazy,
            Next::Any => false,
        }
    }
}

impl Step {
    /// Brings it into the form that is quickest to try.
    fn settle(&mut self) {
        if let Self::Literal(bytes) = self
            && let Some(short) = Short::new(bytes)
        {
            *self = Self::Short(short);
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

/// Where a match begins, or goes on if what is before is known to match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Start {
    /// The step that is next.
    step: usize,
    /// Its place in the subject.
    at: usize,
}

/// A step of a pattern that is reached in one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry(usize);

impl Entry {
    /// It is reached at this place of the subject.
    pub fn at(self, place: usize) -> Start {
        Start {
            step: self.0,
            at: place,
        }
    }
}

/// Memory that is used again for each match.
#[derive(Default)]
struct Room {
    choices: Vec<Choice>,
    slots: Vec<usize>,
    /// Where the literals of a chain are.
    starts: Vec<usize>,
}

thread_local! {
    static ROOM: RefCell<Room> = const {
        RefCell::new(Room { choices: Vec::new(), slots: Vec::new(), starts: Vec::new() })
    };
}

impl Direct {
    /// The program of a pattern with this many groups, if it is one that pays.
    pub(super) fn new(root: &Node, groups: usize) -> Option<Self> {
        let (steps, mut anchored) = compile::steps(root)?;
        let takes_all = |run: &Run| run.class.everything() && run.max == u32::MAX;
        let begin = steps.iter().find(|step| !matches!(step, Step::Open(_)));
        let mut finder = None;
        if !anchored {
            match begin {
                Some(Step::Short(short)) => {
                    let bytes = short.word.to_le_bytes();
                    let finder_of = Finder::new(&bytes[..short.length.into()]).into_owned();
                    finder = Some(Box::new(finder_of));
                }
                Some(Step::Literal(bytes)) => {
                    finder = Some(Box::new(Finder::new(bytes).into_owned()));
                }
                // It takes whatever is before a match: if there is one, there is one at the start.
                Some(Step::Repeat(repeat)) if takes_all(&repeat.run) => anchored = true,
                Some(Step::Chain(_)) => anchored = true,
                Some(Step::Run(run)) if takes_all(run) => anchored = true,
                Some(Step::AtStart) | None => anchored = true,
                // Without a literal to jump to, each place would have to be tried.
                Some(_) => return None,
            }
        }
        Some(Self {
            anchored,
            steps: steps.into(),
            finder,
            groups,
        })
    }

    /// Whether it turns most subjects away at their first bytes.
    pub(super) fn is_quick(&self) -> bool {
        let mut steps = self
            .steps
            .iter()
            .filter(|step| !matches!(step, Step::Open(_)));
        self.anchored && !matches!(steps.next(), Some(Step::Repeat(_) | Step::Chain(_)))
    }

    /// Whether it matches; `None` if the engine has to decide. The subject holds no newline.
    pub(super) fn is_match(&self, subject: &[u8], start: Start) -> Option<bool> {
        self.run(subject, start, None)
    }

    /// The step that is reached where a subject begins with `head`, if that is the same whatever comes
    /// behind it. A `1` at `number` stands for any number. With `spans`, no group may begin before.
    pub(super) fn behind(&self, head: &[u8], number: Option<usize>, spans: bool) -> Option<Entry> {
        if !self.anchored {
            return None;
        }
        // Bytes that are not the number.
        let apart = |at: usize, length: usize| {
            let apart = number.is_none_or(|number| number < at || at + length <= number);
            apart.then_some(length)
        };
        let (mut step, mut at) = (0, 0);
        while at < head.len() {
            let one = self.steps.get(step)?;
            let here = number == Some(at);
            step += 1;
            at += match one {
                Step::Short(short) if short.is_at(head, at) => apart(at, short.length.into())?,
                Step::Literal(bytes) if head[at..].starts_with(bytes) => apart(at, bytes.len())?,
                Step::One(class) if class.contains(head[at]) => apart(at, 1)?,
                Step::Run(run) if here => {
                    let digits = (b'0'..=b'9').all(|digit| run.class.contains(digit));
                    let ends = head.get(at + 1).is_some_and(|&b| !run.class.contains(b));
                    (digits && ends && run.min <= 1 && run.max == u32::MAX).then_some(1)?
                }
                Step::Run(run) => {
                    let length = run.length(head, at);
                    let inside = at + length < head.len() && length >= run.min as usize;
                    apart(at, length).filter(|_| inside)?
                }
                Step::Split(split) if !here => {
                    step = split.only(head[at])?;
                    0
                }
                &Step::Jump(other) => {
                    step = other;
                    0
                }
                Step::Open(_) | Step::Close(_) if !spans => 0,
                _ => return None,
            };
        }
        (at == head.len()).then_some(Entry(step))
    }

    /// The leftmost match and its groups; `None` if the engine has to decide. The subject holds no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], start: Start, spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        self.run(subject, start, Some(spans))
    }

    fn run(&self, subject: &[u8], start: Start, spans: Option<&mut Spans>) -> Option<bool> {
        ROOM.with_borrow_mut(|room| self.run_in(room, subject, start, spans))
    }

    fn run_in(
        &self,
        room: &mut Room,
        subject: &[u8],
        begin: Start,
        spans: Option<&mut Spans>,
    ) -> Option<bool> {
        room.slots.clear();
        if spans.is_some() {
            room.slots.resize(2 * (self.groups + 1), UNSET);
        }
        let mut attempt = Attempt {
            steps: &self.steps,
            subject,
            room,
            step: 0,
            patience: PATIENCE * subject.len() + 128,
        };
        let (start, end) = match &self.finder {
            None => (0, attempt.at(begin)?),
            Some(finder) => attempt.search(finder)?,
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
struct Attempt<'a> {
    steps: &'a [Step],
    subject: &'a [u8],
    room: &'a mut Room,
    /// The step that comes next.
    step: usize,
    /// So many steps are left.
    patience: usize,
}

impl Attempt<'_> {
    /// Where the leftmost match begins, and its end if there is one; nothing outside if patience is at
    /// its end.
    fn search(&mut self, finder: &Finder<'_>) -> Option<(usize, Option<usize>)> {
        let mut from = 0;
        while let Some(at) = self.subject.get(from..).and_then(|rest| finder.find(rest)) {
            let start = from + at;
            if let Some(end) = self.at(Start { step: 0, at: start })? {
                return Some((start, Some(end)));
            }
            from = start + 1;
        }
        Some((from, None))
    }

    /// The end of a match that goes on at `start`; nothing outside if patience is at its end.
    fn at(&mut self, start: Start) -> Option<Option<usize>> {
        self.room.choices.clear();
        if !self.room.slots.is_empty() {
            self.room.slots.fill(UNSET);
        }
        let (steps, subject) = (self.steps, self.subject);
        let Start { mut step, mut at } = start;
        loop {
            let Some(one) = steps.get(step) else {
                return Some(Some(at));
            };
            step += 1;
            let goes_on = match one {
                Step::Short(short) => {
                    let same = short.is_at(subject, at);
                    at += usize::from(short.length);
                    same
                }
                Step::Literal(bytes) => {
                    let same = begins_with(subject.get(at..).unwrap_or_default(), bytes);
                    at += bytes.len();
                    same
                }
                Step::One(class) => {
                    let byte = subject.get(at);
                    at += 1;
                    byte.is_some_and(|&byte| class.contains(byte))
                }
                Step::Run(run) => {
                    let length = run.length(subject, at);
                    at += length;
                    length >= run.min as usize
                }
                &Step::Jump(other) => {
                    step = other;
                    true
                }
                &Step::Open(group) => self.slot(2 * group, at),
                &Step::Close(group) => self.slot(2 * group + 1, at),
                Step::AtStart => at == 0,
                Step::AtEnd => at == subject.len(),
                Step::Chain(chain) => {
                    let Room { starts, slots, .. } = &mut *self.room;
                    let end = chain.end(subject, at, starts, slots);
                    if end.is_some() {
                        return Some(end);
                    }
                    false
                }
                Step::Repeat(_) | Step::Split(_) => {
                    self.patience = self.patience.checked_sub(1)?;
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
            };
            if !goes_on {
                self.patience = self.patience.checked_sub(1)?;
                let Some(back) = self.back() else {
                    return Some(None);
                };
                (step, at) = (self.step, back);
            }
        }
    }

    /// Takes the first way that is open; the other one is a choice to come back to, if it is open too.
    fn split(&mut self, split: &Split, at: usize) -> Option<usize> {
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
            next => next.find(self.subject, (low, high), true)?,
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
            next => next.find(self.subject, (low, high), false)?,
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
