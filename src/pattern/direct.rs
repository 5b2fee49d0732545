//! Matching without an engine.
//!
//! Most rules look like `^prog: text (.+) more (?:a|b) (\S+)`: literals, repeated sets, and a few
//! alternatives. Such a pattern is matched from left to right with the choices that Perl makes, in
//! Perl's order; where a literal follows a repeat, its last place is looked for instead of trying
//! each. What would take more than a bounded number of steps is left to the engine, which is linear.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use memchr::memmem::Finder;

use super::Spans;
use super::ast::{Anchor, Mode, Node};
use super::set::ByteSet;

/// Longer programs are left to the engine.
const MOST_STEPS: usize = 400;
/// A part is written out so often at most.
const MOST_COPIES: u32 = 32;
/// So far a choice looks ahead.
const DEPTH: usize = 24;
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
        let mut anchored = false;
        let mut steps = Vec::new();
        let first = without_start(root, &mut anchored);
        add(&first, &mut steps)?;
        if steps.len() > MOST_STEPS {
            return None;
        }
        look_ahead(&mut steps);
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

/// The pattern without the anchor that it begins with.
fn without_start(root: &Node, anchored: &mut bool) -> Node {
    match root {
        Node::Anchor(Anchor::Start) => {
            *anchored = true;
            Node::Empty
        }
        Node::Concat(items) => {
            let mut items = items.clone();
            if let Some(first) = items.first_mut() {
                *first = without_start(first, anchored);
            }
            Node::Concat(items)
        }
        other => other.clone(),
    }
}

/// Appends the steps of a part; nothing if it needs an engine.
fn add(node: &Node, steps: &mut Vec<Step>) -> Option<()> {
    match node {
        Node::Empty => {}
        Node::Anchor(Anchor::Start | Anchor::LineStart) => steps.push(Step::AtStart),
        Node::Anchor(Anchor::End | Anchor::EndOrNewline | Anchor::LineEnd) => {
            steps.push(Step::AtEnd);
        }
        Node::Set(set) => match set.single() {
            Some(byte) => steps.push(Step::Literal(Box::new([byte]))),
            None => steps.push(Step::One(table(*set))),
        },
        Node::Concat(items) => items.iter().try_for_each(|item| add(item, steps))?,
        Node::Capture { number, body, .. } => {
            steps.push(Step::Open(*number));
            add(body, steps)?;
            steps.push(Step::Close(*number));
        }
        Node::Repeat {
            body,
            min,
            max,
            mode,
            ..
        } => match (&**body, min, max) {
            (_, 1, Some(1)) => add(body, steps)?,
            (Node::Set(set), _, _) if *mode != Mode::Possessive => {
                steps.push(Step::Repeat(Box::new(Repeat {
                    set: table(*set),
                    stops: stops(*set),
                    min: usize::try_from(*min).ok()?,
                    max: max.map_or(usize::MAX, |max| max as usize),
                    mode: *mode,
                    next: Next::Any,
                })))
            }
            (_, _, _) if *mode != Mode::Possessive && !body.nullable() => {
                rounds(body, *min, *max, *mode, steps)?;
            }
            _ => return None,
        },
        Node::Alternate(branches) => alternate(branches, steps)?,
        _ => return None,
    }
    (steps.len() <= MOST_STEPS).then_some(())
}

/// A part that is there several times.
fn rounds(
    body: &Node,
    min: u32,
    max: Option<u32>,
    mode: Mode,
    steps: &mut Vec<Step>,
) -> Option<()> {
    if min.max(max.unwrap_or(0)) > MOST_COPIES {
        return None;
    }
    for _ in 0..min {
        add(body, steps)?;
    }
    let mut splits = Vec::new();
    match max {
        Some(max) => {
            for _ in min..max {
                splits.push(steps.len());
                steps.push(Step::Jump(0));
                add(body, steps)?;
            }
        }
        None => {
            let again = steps.len();
            splits.push(again);
            steps.push(Step::Jump(0));
            add(body, steps)?;
            steps.push(Step::Jump(again));
        }
    }
    let end = steps.len();
    for split in splits {
        let ways = match mode {
            Mode::Lazy => [end, split + 1],
            _ => [split + 1, end],
        };
        steps[split] = Step::Split(Split::new(ways));
    }
    (steps.len() <= MOST_STEPS).then_some(())
}

fn alternate(branches: &[Node], steps: &mut Vec<Step>) -> Option<()> {
    let (last, others) = branches.split_last()?;
    let mut jumps = Vec::new();
    for branch in others {
        let split = steps.len();
        steps.push(Step::Jump(0));
        add(branch, steps)?;
        jumps.push(steps.len());
        steps.push(Step::Jump(0));
        steps[split] = Step::Split(Split::new([split + 1, steps.len()]));
    }
    add(last, steps)?;
    for jump in jumps {
        steps[jump] = Step::Jump(steps.len());
    }
    Some(())
}

impl Split {
    fn new(ways: [usize; 2]) -> Self {
        Self {
            ways,
            first: [None, None],
        }
    }
}

/// Joins literals that stand side by side, and tells each step what must come behind it.
fn look_ahead(steps: &mut Vec<Step>) {
    join(steps);
    for at in 0..steps.len() {
        if let Some(Step::Split(split)) = steps.get(at) {
            let first = split.ways.map(|way| first(steps, way, DEPTH).map(table));
            if let Some(Step::Split(split)) = steps.get_mut(at) {
                split.first = first;
            }
        }
    }
    for at in 0..steps.len() {
        let mut behind = at + 1;
        while let Some(step) = steps.get(behind) {
            behind = match step {
                Step::Open(_) | Step::Close(_) => behind + 1,
                &Step::Jump(to) => to,
                _ => break,
            };
        }
        let next = match (steps.get(behind), first(steps, behind, DEPTH)) {
            (Some(Step::AtEnd), _) => Next::End,
            (_, None) => Next::Any,
            (_, Some(set)) => set
                .single()
                .map_or_else(|| Next::Set(table(set)), Next::Byte),
        };
        if let Some(Step::Repeat(repeat)) = steps.get_mut(at) {
            repeat.next = next;
        }
    }
}

/// The bytes that a match of the steps from `at` on can begin with; `None` if it may be empty.
fn first(steps: &[Step], at: usize, depth: usize) -> Option<ByteSet> {
    let depth = depth.checked_sub(1)?;
    match steps.get(at)? {
        Step::Literal(bytes) => bytes.first().map(|&byte| ByteSet::range(byte, byte)),
        Step::One(set) => Some(set_of(set)),
        Step::Repeat(repeat) if repeat.min > 0 => Some(set_of(&repeat.set)),
        Step::Repeat(repeat) => {
            let behind = first(steps, at + 1, depth)?;
            Some(behind.union(set_of(&repeat.set)))
        }
        Step::Split(split) => {
            let [one, other] = split.ways;
            Some(first(steps, one, depth)?.union(first(steps, other, depth)?))
        }
        &Step::Jump(to) => first(steps, to, depth),
        Step::Open(_) | Step::Close(_) => first(steps, at + 1, depth),
        Step::AtStart | Step::AtEnd => None,
    }
}

/// Makes one literal of several, and moves the targets of jumps accordingly.
fn join(steps: &mut Vec<Step>) {
    let mut targets = vec![false; steps.len() + 1];
    for step in steps.iter() {
        match step {
            Step::Split(split) => split.ways.iter().for_each(|&to| targets[to] = true),
            &Step::Jump(to) => targets[to] = true,
            _ => {}
        }
    }
    let mut moved = Vec::with_capacity(steps.len() + 1);
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for (at, step) in steps.drain(..).enumerate() {
        match (joined.last_mut(), step) {
            (Some(Step::Literal(bytes)), Step::Literal(more)) if !targets[at] => {
                let both = [&bytes[..], &more[..]].concat();
                *bytes = both.into();
                moved.push(joined.len() - 1);
            }
            (_, step) => {
                moved.push(joined.len());
                joined.push(step);
            }
        }
    }
    moved.push(joined.len());
    for step in &mut joined {
        match step {
            Step::Split(split) => split.ways = split.ways.map(|to| moved[to]),
            Step::Jump(to) => *to = moved[*to],
            _ => {}
        }
    }
    *steps = joined;
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

fn stops(set: ByteSet) -> Stops {
    let others = set.union(ByteSet::range(b'\n', b'\n')).negate();
    let blanks = ByteSet::range(0, b' ');
    match others.single() {
        _ if others == ByteSet::default() => Stops::Nothing,
        None if others.union(blanks) == blanks => Stops::Blanks,
        Some(byte) => Stops::At(byte),
        None => Stops::Many,
    }
}

fn table(set: ByteSet) -> Table {
    static KNOWN: LazyLock<Mutex<HashMap<ByteSet, Table>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || Arc::new(std::array::from_fn(|byte| set.contains(byte as u8)));
    Arc::clone(known.entry(set).or_insert_with(make))
}

fn set_of(table: &[bool; 256]) -> ByteSet {
    let mut set = ByteSet::default();
    for byte in (0..=255u8).filter(|&byte| table[usize::from(byte)]) {
        set.insert(byte);
    }
    set
}
