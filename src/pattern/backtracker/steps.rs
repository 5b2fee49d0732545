//! What a pattern is made of, step by step.

use std::sync::Arc;

use super::chain::Chain;
use super::class::Class;
use super::literal::Needle;
use crate::pattern::budget::StepBudget;
use crate::pattern::set::{Bits, ByteSet};

#[derive(Debug)]
pub(super) enum Step {
    /// These bytes must stand here.
    Literal(Box<[u8]>),
    One(Arc<Class>),
    /// A repeat that can end at one place only, as what comes behind is not in its set.
    Run(SetRepeat),
    /// One that must end `back` bytes before the end of the subject.
    Until(SetRepeat),
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
    /// The literals that each way begins with, up to eight bytes of them.
    pub words: [Vec<u8>; 2],
}

/// A repeated set.
#[derive(Debug)]
pub(super) struct SetRepeat {
    pub class: Arc<Class>,
    pub min: u32,
    /// `u32::MAX` is without a limit: no line is that long.
    pub max: u32,
    /// So many of the bytes that it could take belong to what follows; it must take `min` and these.
    pub back: u32,
}

impl SetRepeat {
    /// Whether it takes any number of any bytes.
    pub(super) fn takes_all(&self) -> bool {
        self.class.everything() && self.max == u32::MAX
    }

    /// How many bytes it takes at most.
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
    /// These bytes.
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
    /// The last place from `low` to `high` where it may be, or the first.
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
    /// The same as a run, if it can end at one place only.
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
            // The first byte that it does not take is one of the literal, always the same.
            Next::Literal(needle) if *max == u32::MAX && !class.everything() => {
                needle.before(|byte| !class.contains(byte)).map(run)
            }
            _ => None,
        }
    }

    /// The same as a run, if the subject must end so many bytes behind it.
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
