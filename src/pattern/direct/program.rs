//! The steps of a pattern in the form that is quickest to take.

use std::sync::Arc;

use super::attempt::Patience;
use super::chain::Chain;
use super::class::{Class, Shape};
use super::steps::{Repeat, Run, Split, Step};
use super::text::Text;

/// A step and what comes behind it.
#[derive(Debug)]
pub(super) struct Op {
    pub act: Act,
    /// The step that comes next where nobody asks for the groups, and where somebody does.
    pub next: [u16; 2],
}

// Two of them are in a line of the cache.
const _: () = assert!(size_of::<Op>() <= 32);

/// What is done in a step.
#[derive(Debug)]
pub(super) enum Act {
    /// Up to eight bytes must stand here, so many.
    Short(Word, u8),
    /// Up to sixteen.
    Medium(Medium),
    /// More.
    Long(Box<[u8]>),
    One(Arc<Class>),
    /// A repeat that can end at one place only, of a class of one range.
    RunOne(Stretch),
    /// The same of several ranges.
    RunFew(Stretch),
    /// The same of any.
    Run(Stretch),
    /// One that must end `back` bytes before the end of the subject.
    Until(Stretch),
    /// So many bytes at least, and all that are left.
    Rest(usize),
    Fork(Box<Fork>),
    Repeat(Box<Repeat>),
    /// The rest of the pattern.
    Chain(Box<Chain>),
    Open(usize),
    Close(usize),
    AtStart,
    AtEnd,
    Nothing,
}

/// A [`Run`] in less room.
#[derive(Debug)]
pub(super) struct Stretch {
    pub class: Arc<Class>,
    pub max: u32,
    pub min: u16,
    pub back: u16,
}

/// Up to eight bytes that must come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    /// The first is the lowest.
    bytes: u64,
    /// The bits that are looked at.
    mask: u64,
}

/// Nine to sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Medium {
    first: [u8; 8],
    /// The last eight: some are in both.
    last: [u8; 8],
    pub length: u8,
}

/// Two ways to go on, in their order. A way that cannot begin with the byte that comes is not taken.
#[derive(Debug)]
pub(super) struct Fork {
    /// Two bits for each byte: one for each way that may begin with it.
    open: [u8; 64],
    /// The same for the end of the subject.
    open_at_end: u8,
    /// Whether it may come again behind itself, in a loop.
    again: bool,
    /// The bytes that each way must begin with, if they are known.
    words: [Word; 2],
    /// The steps of the ways, each as `next` of a step.
    pub ways: [[u16; 2]; 2],
}

/// Which ways of a [`Fork`] are open: a bit for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Ways(u8);

impl Ways {
    pub(super) const NEITHER: Self = Self(0);
    pub(super) const BOTH: Self = Self(3);
}

impl Stretch {
    fn new(run: Run) -> Option<Self> {
        Some(Self {
            class: run.class,
            max: run.max,
            min: u16::try_from(run.min).ok()?,
            back: u16::try_from(run.back).ok()?,
        })
    }
}

impl Word {
    /// The first eight of these bytes.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (mut word, mut mask) = ([0; 8], [0; 8]);
        for ((&byte, place), bits) in bytes.iter().zip(&mut word).zip(&mut mask) {
            (*place, *bits) = (byte, 0xff);
        }
        Self {
            bytes: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
        }
    }

    /// Whether they may be these: zeros may stand for no bytes, so who asks has to see that there are so
    /// many.
    #[inline(always)]
    pub(super) fn may_be(&self, word: u64) -> bool {
        (word ^ self.bytes) & self.mask == 0
    }
}

impl Medium {
    fn new(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok()?;
        Some(Self {
            first: *bytes.first_chunk()?,
            last: *bytes.last_chunk()?,
            length: (length <= 16).then_some(length)?,
        })
    }

    /// Whether these bytes, which are as many, are the same.
    #[inline(always)]
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.first_chunk() == Some(&self.first) && bytes.last_chunk() == Some(&self.last)
    }
}

impl Fork {
    fn new(split: &Split, ways: [[u16; 2]; 2], again: bool) -> Self {
        let mut fork = Self {
            again,
            open: [0; 64],
            open_at_end: 0,
            words: [Word::new(&split.words[0]), Word::new(&split.words[1])],
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

    /// The ways that are open here.
    #[inline(always)]
    pub(super) fn open(&self, text: Text<'_>, patience: &mut Patience) -> Ways {
        if self.again {
            // A loop may be gone round for each byte, and again from each place; any other fork is passed
            // once on each way, which is paid for by who goes back.
            patience.pay_for(0);
        }
        let open = self.open_for(text.rest.first());
        if open != Ways::BOTH {
            return open;
        }
        let word = text.word();
        let [one, other] = &self.words;
        Ways(u8::from(one.may_be(word)) | u8::from(other.may_be(word)) << 1)
    }

    /// The step to go on at where one way is open.
    #[inline(always)]
    pub(super) fn way(&self, ways: Ways) -> [u16; 2] {
        self.ways[usize::from(ways.0 >> 1 & 1)]
    }
}

/// Four bits, each with one beside it.
fn spread(bits: u8) -> u8 {
    let pairs = (bits | bits << 2) & 0b0011_0011;
    (pairs | pairs << 1) & 0b0101_0101
}

impl Op {
    /// Makes steps ready; nothing if there are too many.
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

/// The step that is taken where one goes on at `at`.
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
                Ok(length @ 0..=8) => Self::Short(Word::new(&bytes), length),
                _ => Medium::new(&bytes).map_or(Self::Long(bytes), Self::Medium),
            },
            Step::One(class) => Self::One(class),
            Step::Run(run) if run.takes_all() => Self::Rest(run.min as usize),
            Step::Run(run) => match run.class.shape {
                Shape::One => Self::RunOne(Stretch::new(run)?),
                Shape::Few => Self::RunFew(Stretch::new(run)?),
                _ => Self::Run(Stretch::new(run)?),
            },
            Step::Until(run) => Self::Until(Stretch::new(run)?),
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
