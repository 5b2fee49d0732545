//! The steps of a pattern in the form that is quickest to take.

use std::sync::Arc;

use super::chain::Chain;
use super::class::{Class, Shape};
use super::steps::{Repeat, Run, Split, Step};

/// A step and what comes behind it.
#[derive(Debug)]
pub(super) struct Op {
    pub act: Act,
    /// The step that comes next where nobody asks for the groups, and where somebody does.
    pub next: [u16; 2],
}

/// What is done in a step.
#[derive(Debug)]
pub(super) enum Act {
    /// Up to eight bytes must stand here.
    Short(Short),
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

/// Up to eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Short {
    /// The first is the lowest.
    word: u64,
    pub length: u8,
    /// The bits of a word that are not looked at.
    shift: u8,
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
    /// The steps of the ways, each as `next` of a step.
    pub ways: [[u16; 2]; 2],
}

/// Which ways of a [`Fork`] are open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ways {
    Neither,
    First,
    Second,
    Both,
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

impl Short {
    fn new(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok();
        let length = length.filter(|length| (1..=8).contains(length))?;
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        Some(Self {
            word: u64::from_le_bytes(word),
            length,
            shift: 64 - 8 * length,
        })
    }

    #[inline(always)]
    pub(super) fn is_at(&self, subject: &[u8], at: usize) -> bool {
        let rest = subject.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(chunk) => self.is(u64::from_le_bytes(*chunk)),
            None => self.is_last(subject, rest),
        }
    }

    #[inline(always)]
    fn is(&self, word: u64) -> bool {
        (word ^ self.word) << self.shift == 0
    }

    /// The same where there are less than eight bytes.
    #[inline(always)]
    fn is_last(&self, subject: &[u8], rest: &[u8]) -> bool {
        if rest.len() < usize::from(self.length) {
            return false;
        }
        match subject.last_chunk() {
            // The last bytes, with others in front that are shifted out.
            Some(last) => self.is(u64::from_le_bytes(*last) >> (64 - 8 * rest.len())),
            None => rest.starts_with(&self.word.to_le_bytes()[..usize::from(self.length)]),
        }
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

    #[inline(always)]
    pub(super) fn is_at(&self, subject: &[u8], at: usize) -> bool {
        let rest = subject.get(at..).unwrap_or_default();
        let text = rest.get(..usize::from(self.length)).unwrap_or_default();
        text.first_chunk() == Some(&self.first) && text.last_chunk() == Some(&self.last)
    }
}

impl Fork {
    fn new(split: &Split, ways: [[u16; 2]; 2]) -> Self {
        let mut fork = Self {
            open: [0; 64],
            open_at_end: 0,
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

    /// The ways that are open here.
    #[inline(always)]
    pub(super) fn open(&self, byte: Option<&u8>) -> Ways {
        let open = match byte {
            Some(&byte) => self.open[usize::from(byte >> 2)] >> (2 * (byte & 3)),
            None => self.open_at_end,
        };
        match open & 3 {
            0 => Ways::Neither,
            1 => Ways::First,
            2 => Ways::Second,
            _ => Ways::Both,
        }
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
        let ops = steps.into_iter().zip(next).zip(ways);
        let ops = ops.map(|((step, next), ways)| {
            Some(Self {
                act: Act::of(step, ways)?,
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
    fn of(step: Step, ways: [[u16; 2]; 2]) -> Option<Self> {
        Some(match step {
            Step::Literal(bytes) => {
                let short = Short::new(&bytes).map(Self::Short);
                let medium = || Medium::new(&bytes).map(Self::Medium);
                short.or_else(medium).unwrap_or(Self::Long(bytes))
            }
            Step::One(class) => Self::One(class),
            Step::Run(run) if run.takes_all() => Self::Rest(run.min as usize),
            Step::Run(run) => match run.class.shape {
                Shape::One => Self::RunOne(Stretch::new(run)?),
                Shape::Few => Self::RunFew(Stretch::new(run)?),
                _ => Self::Run(Stretch::new(run)?),
            },
            Step::Repeat(repeat) => Self::Repeat(repeat),
            Step::Split(split) => Self::Fork(Box::new(Fork::new(&split, ways))),
            Step::Chain(chain) => Self::Chain(chain),
            Step::Jump(_) => Self::Nothing,
            Step::Open(group) => Self::Open(group),
            Step::Close(group) => Self::Close(group),
            Step::AtStart => Self::AtStart,
            Step::AtEnd => Self::AtEnd,
        })
    }
}
