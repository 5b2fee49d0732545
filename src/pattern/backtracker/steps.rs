//! The steps of a pattern, as the compiler handles them.

use std::sync::Arc;

use super::chain::Chain;
use super::class::Class;
use super::literal::Needle;
use crate::pattern::budget::StepBudget;
use crate::pattern::set::{Bits, ByteSet};

/// A step of a pattern.
#[derive(Debug)]
pub(super) enum Step {
    /// These bytes must stand here.
    Literal(Box<[u8]>),
    /// One byte of a class.
    One(Arc<Class>),
    /// A repeat that can end at one place only, as what comes behind is not in its set.
    Run(SetRepeat),
    /// A repeat that must end `back` bytes before the end of the subject.
    Until(SetRepeat),
    /// A repeat that may end at several places.
    Repeat(Box<Repeat>),
    /// Two ways to go on.
    Split(Box<Split>),
    /// A chain up to the end of the pattern.
    Chain(Box<Chain>),
    /// Go on at this step.
    Jump(usize),
    /// The start of a group.
    Open(usize),
    /// The end of a group.
    Close(usize),
    /// The start of the subject.
    AtStart,
    /// The end of the subject.
    AtEnd,
}

/// What can come at a place for a match to go on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ahead {
    /// One of these bytes.
    pub bytes: ByteSet,
    /// The end of the subject.
    pub at_end: bool,
    /// Anything: the pattern may be at its end there, or it is not known.
    pub anything: bool,
}

/// Two ways to go on, in their order. A way that cannot begin with what comes is not taken.
#[derive(Debug)]
pub(super) struct Split {
    pub ways: [usize; 2],
    /// What each way begins with.
    pub ahead: [Ahead; 2],
    /// Up to eight bytes of the literals that each way begins with.
    pub words: [Vec<u8>; 2],
}

/// A repeated set.
#[derive(Debug)]
pub(super) struct SetRepeat {
    pub class: Arc<Class>,
    pub min: u32,
    /// `u32::MAX` is without a limit: no line is that long.
    pub max: u32,
    /// Number of bytes that it could take but that belong to what follows. It must be able to take `min`,
    /// which includes them.
    pub back: u32,
}

impl SetRepeat {
    /// Whether the repeat takes any number of any bytes.
    pub(super) fn takes_all(&self) -> bool {
        self.class.everything() && self.max == u32::MAX
    }

    /// Number of bytes that it can take at `at`.
    pub(super) fn length(&self, subject: &[u8], at: usize) -> usize {
        self.class.run(subject, at, self.max as usize)
    }
}

/// A repeated set that may end at several places.
#[derive(Debug)]
pub(super) struct Repeat {
    pub run: SetRepeat,
    pub lazy: bool,
    pub next: Next,
    pub ahead: Ahead,
}

/// What must come behind a repeat.
#[derive(Debug)]
pub(super) enum Next {
    /// A literal.
    Literal(Needle),
    /// A byte of this set.
    Set(Bits),
    /// The end of the subject.
    End,
    /// The pattern is at its end.
    Nothing,
    /// Nothing is known.
    Any,
}

impl Next {
    /// The last position from `low` to `high` where it may begin, or the first.
    pub(super) fn find(
        &self,
        subject: &[u8],
        (low, high): (usize, usize),
        last: bool,
        budget: &mut StepBudget,
    ) -> Option<usize> {
        match self {
            Self::Literal(needle) if last => needle.find_last(subject, (low, high), budget),
            Self::Literal(needle) => needle.find_first(subject, (low, high), budget),
            Self::Set(set) => {
                let window = &subject[low..(high + 1).min(subject.len())];
                let place = match last {
                    true => window.iter().rposition(|&byte| set.contains(byte)),
                    false => window.iter().position(|&byte| set.contains(byte)),
                };
                place.map(|place| low + place)
            }
            Self::End | Self::Nothing | Self::Any => None,
        }
    }
}

impl Repeat {
    /// The repeat as a run, if it can end at one place only.
    pub(super) fn with_one_end(&self) -> Option<SetRepeat> {
        let SetRepeat {
            class, min, max, ..
        } = &self.run;
        let run = |back: u32| SetRepeat {
            class: Arc::clone(class),
            min: min + back,
            max: *max,
            back,
        };
        let ahead = &self.ahead;
        match &self.next {
            // If the greatest length will not do, no other will: what comes then is one of its bytes.
            _ if !ahead.anything && !ahead.bytes.intersects(class.set) => Some(run(0)),
            Next::Nothing if !self.lazy => Some(run(0)),
            // The run ends at the first byte that is not of its class: always the same byte of the literal.
            Next::Literal(needle) if *max == u32::MAX && !class.everything() => {
                needle.before(|byte| !class.contains(byte)).map(run)
            }
            _ => None,
        }
    }

    /// The repeat as a run, if the subject must end `last` bytes behind it.
    pub(super) fn until(&self, last: u32) -> Option<SetRepeat> {
        let SetRepeat {
            class, min, max, ..
        } = &self.run;
        let any = class.everything() || *max != u32::MAX;
        (!any).then(|| SetRepeat {
            class: Arc::clone(class),
            min: *min,
            max: *max,
            back: last,
        })
    }
}
