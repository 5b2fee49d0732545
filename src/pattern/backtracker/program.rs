//! The program of a pattern: its steps in the form that is quickest to take.

use std::sync::Arc;

use super::chain::Chain;
use super::class::{Class, Shape};
use super::cursor::Cursor;
use super::literal::{MediumLiteral, ShortLiteral};
use super::steps::{Repeat, SetRepeat, Split, Step};
use crate::pattern::budget::StepBudget;

/// A position of a match: the step that comes next, and the byte of the subject where it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Position {
    pub step: usize,
    pub at: usize,
}

/// A step and the numbers of the steps behind it.
#[derive(Debug)]
pub(super) struct Op {
    pub act: Act,
    /// The step that comes next without captures, and with captures.
    pub next: [u16; 2],
}

// A cache line has two of them.
const _: () = assert!(size_of::<Op>() <= 32);

/// What is done in a step.
#[derive(Debug)]
pub(super) enum Act {
    /// A literal of up to eight bytes, and its length.
    Short(ShortLiteral, u8),
    /// A literal of nine to sixteen bytes.
    Medium(MediumLiteral),
    /// A longer literal.
    Long(Box<[u8]>),
    /// One byte of a class.
    One(Arc<Class>),
    /// A run of a class of one range.
    RunOne(Run),
    /// A run of a class of several ranges.
    RunFew(Run),
    /// A run of any other class.
    Run(Run),
    /// A run that must end `back` bytes before the end of the subject.
    Until(Run),
    /// All bytes that are left, at least this many.
    Rest(usize),
    /// Two ways to go on.
    Fork(Box<Fork>),
    /// A repeat that can end at several places.
    Repeat(Box<Repeat>),
    /// The rest of the pattern.
    Chain(Box<Chain>),
    /// The start of a group.
    Open(usize),
    /// The end of a group.
    Close(usize),
    /// The start of the subject.
    AtStart,
    /// The end of the subject.
    AtEnd,
    /// A jump: only `next` counts.
    Nothing,
}

/// A repeat that can end at one place only: a [`SetRepeat`] in less memory.
#[derive(Debug)]
pub(super) struct Run {
    pub class: Arc<Class>,
    pub max: u32,
    pub min: u16,
    pub back: u16,
}

/// Two ways to go on, in their order. A way that cannot begin with the byte that comes is not taken.
#[derive(Debug)]
pub(super) struct Fork {
    /// Two bits for each byte: one for each way that may begin with it.
    open: [u8; 64],
    /// Two bits for the end of the subject.
    open_at_end: u8,
    /// Whether the fork is in a loop.
    again: bool,
    /// The bytes that each way must begin with, if they are known.
    words: [ShortLiteral; 2],
    /// The first step of each way, without and with captures.
    pub ways: [[u16; 2]; 2],
}

/// Which ways of a [`Fork`] are open: a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ways(u8);

impl Ways {
    pub(super) const NEITHER: Self = Self(0);
    pub(super) const BOTH: Self = Self(3);
}

impl Run {
    fn new(run: SetRepeat) -> Option<Self> {
        Some(Self {
            class: run.class,
            max: run.max,
            min: u16::try_from(run.min).ok()?,
            back: u16::try_from(run.back).ok()?,
        })
    }
}

impl Fork {
    fn new(split: &Split, ways: [[u16; 2]; 2], again: bool) -> Self {
        let mut fork = Self {
            again,
            open: [0; 64],
            open_at_end: 0,
            words: [
                ShortLiteral::new(&split.words[0]),
                ShortLiteral::new(&split.words[1]),
            ],
            ways,
        };
        for (ahead, bit) in split.ahead.iter().zip([1, 2]) {
            let bytes = ahead.bytes.bits();
            for (place, open) in (0..).zip(&mut fork.open) {
                let four = if ahead.anything {
                    0xf
                } else {
                    bytes.four(place)
                };
                *open |= bit * spread(four);
            }
            if ahead.anything || ahead.at_end {
                fork.open_at_end |= bit;
            }
        }
        fork
    }

    /// The ways that are open where this byte comes, or the end of the subject.
    #[inline(always)]
    pub(super) fn open_for(&self, byte: Option<&u8>) -> Ways {
        let open = match byte {
            Some(&byte) => self.open[usize::from(byte >> 2)] >> (2 * (byte & 3)),
            None => self.open_at_end,
        };
        Ways(open & 3)
    }

    /// The ways that are open at the cursor.
    #[inline(always)]
    pub(super) fn open(&self, cursor: Cursor<'_>, budget: &mut StepBudget) -> Ways {
        if self.again {
            // A loop may be gone round for each byte, and again from each place. Any other fork is passed
            // once on each way, and charged when the match comes back to it.
            budget.pay_for(0);
        }
        let open = self.open_for(cursor.rest.first());
        if open != Ways::BOTH {
            return open;
        }
        let word = cursor.next_eight();
        let [one, other] = &self.words;
        Ways(u8::from(one.may_be(word)) | u8::from(other.may_be(word)) << 1)
    }

    /// The step to go on at where one way is open.
    #[inline(always)]
    pub(super) fn way(&self, ways: Ways) -> [u16; 2] {
        self.ways[usize::from(ways.0 >> 1 & 1)]
    }
}

/// Moves each of four bits to an even place.
fn spread(bits: u8) -> u8 {
    let pairs = (bits | bits << 2) & 0b0011_0011;
    (pairs | pairs << 1) & 0b0101_0101
}

impl Op {
    /// Links steps to a program; `None` if there are too many.
    pub(super) fn link(steps: Vec<Step>) -> Option<Box<[Self]>> {
        let behind = |at: usize| Some([behind(&steps, at, false)?, behind(&steps, at, true)?]);
        let next = (0..steps.len()).map(|at| match steps[at] {
            Step::Jump(to) => behind(to),
            _ => behind(at + 1),
        });
        let next = next.collect::<Option<Vec<_>>>()?;
        let ways = steps.iter().map(|step| match step {
            Step::Split(split) => Some([behind(split.ways[0])?, behind(split.ways[1])?]),
            _ => Some([[0; 2]; 2]),
        });
        let ways = ways.collect::<Option<Vec<_>>>()?;
        let back = |(at, step): (usize, &Step)| match *step {
            Step::Jump(to) if to <= at => Some(to..=at),
            _ => None,
        };
        let loops: Vec<_> = steps.iter().enumerate().filter_map(back).collect();
        let ops = steps.into_iter().zip(next).zip(ways).enumerate();
        let ops = ops.map(|(at, ((step, next), ways))| {
            let again = loops.iter().any(|steps| steps.contains(&at));
            Some(Self {
                act: Act::of(step, ways, again)?,
                next,
            })
        });
        ops.collect()
    }
}

/// The number of the first step from `at` on that is taken: jumps are followed, and without captures
/// groups are skipped.
fn behind(steps: &[Step], mut at: usize, spans: bool) -> Option<u16> {
    for _ in steps {
        at = match steps.get(at) {
            Some(&Step::Jump(to)) => to,
            Some(Step::Open(_) | Step::Close(_)) if !spans => at + 1,
            _ => break,
        };
    }
    u16::try_from(at).ok()
}

impl Act {
    fn of(step: Step, ways: [[u16; 2]; 2], again: bool) -> Option<Self> {
        Some(match step {
            Step::Literal(bytes) => match u8::try_from(bytes.len()) {
                Ok(length @ 0..=8) => Self::Short(ShortLiteral::new(&bytes), length),
                _ => MediumLiteral::new(&bytes).map_or(Self::Long(bytes), Self::Medium),
            },
            Step::One(class) => Self::One(class),
            Step::Run(run) if run.takes_all() => Self::Rest(run.min as usize),
            Step::Run(run) => match run.class.shape {
                Shape::One => Self::RunOne(Run::new(run)?),
                Shape::Few => Self::RunFew(Run::new(run)?),
                _ => Self::Run(Run::new(run)?),
            },
            Step::Until(run) => Self::Until(Run::new(run)?),
            Step::Repeat(repeat) => Self::Repeat(repeat),
            Step::Split(split) => Self::Fork(Box::new(Fork::new(&split, ways, again))),
            Step::Chain(chain) => Self::Chain(chain),
            Step::Jump(_) => Self::Nothing,
            Step::Open(group) => Self::Open(group),
            Step::Close(group) => Self::Close(group),
            Step::AtStart => Self::AtStart,
            Step::AtEnd => Self::AtEnd,
        })
    }
}
