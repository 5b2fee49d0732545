//! What a pattern is made of, step by step.

use std::sync::Arc;

use super::attempt::Patience;
use super::chain::{Chain, Needle};
use super::class::Class;
use crate::pattern::set::{Bits, ByteSet};

#[derive(Debug)]
pub(super) enum Step {
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
pub(super) struct Short {
    /// The first is the lowest.
    pub word: u64,
    pub length: u8,
    /// The bits of a word that are not looked at.
    pub shift: u8,
}

impl Short {
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
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
    pub(super) fn is_at(self, subject: &[u8], at: usize) -> bool {
        let rest = subject.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(chunk) => (u64::from_le_bytes(*chunk) ^ self.word) << self.shift == 0,
            None => rest.starts_with(&self.word.to_le_bytes()[..usize::from(self.length)]),
        }
    }
}

/// Whether a text begins with these bytes, as a rule more than eight: a call would take longer.
#[inline]
pub(super) fn begins_with(text: &[u8], bytes: &[u8]) -> bool {
    let (Some(text), Some(last)) = (text.get(..bytes.len()), bytes.last_chunk::<8>()) else {
        return text.starts_with(bytes);
    };
    let mut pairs = text.as_chunks::<8>().0.iter().zip(bytes.as_chunks().0);
    pairs.all(|(one, other)| one == other) && text.last_chunk() == Some(last)
}

/// Two ways to go on, in their order. A way that cannot begin with the byte that comes is not taken.
#[derive(Debug)]
pub(super) struct Split {
    pub ways: [usize; 2],
    /// What each way begins with; `None` if it may do without a byte.
    pub first: [Option<Bits>; 2],
}

impl Split {
    /// The only way for this byte, if there is one only.
    pub(super) fn only(&self, byte: u8) -> Option<usize> {
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
pub(super) struct Run {
    pub class: Arc<Class>,
    pub min: u32,
    /// `u32::MAX` is without a limit: no line is that long.
    pub max: u32,
}

impl Run {
    /// Whether it takes any number of any bytes.
    pub(super) fn takes_all(&self) -> bool {
        self.class.everything() && self.max == u32::MAX
    }

    /// How many bytes it takes at most.
    #[inline]
    pub(super) fn length(&self, subject: &[u8], at: usize) -> usize {
        let most = (self.max as usize).min(subject.len().saturating_sub(at));
        self.class.run(subject, at, most)
    }
}

/// A repeated set that may end at several places.
#[derive(Debug)]
pub(super) struct Repeat {
    pub run: Run,
    pub lazy: bool,
    pub next: Next,
}

/// What must come behind a repeat.
#[derive(Debug)]
pub(super) enum Next {
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
    pub(super) fn find(
        &self,
        subject: &[u8],
        (low, high): (usize, usize),
        last: bool,
        patience: &mut Patience,
    ) -> Option<usize> {
        match self {
            Self::Literal(needle) => needle.find(subject, (low, high), last, patience),
            Self::Set(set) => {
                let set = set.bits();
                let window = &subject[low..(high + 1).min(subject.len())];
                let place = match last {
                    true => window.iter().rposition(|&byte| set.contains(byte)),
                    false => window.iter().position(|&byte| set.contains(byte)),
                };
                patience.pay_for(match place {
                    Some(place) if last => window.len() - place,
                    Some(place) => place,
                    None => window.len(),
                });
                place.map(|place| low + place)
            }
            Self::End | Self::Nothing | Self::Any => None,
        }
    }
}

impl Repeat {
    /// Whether it can end at one place only.
    pub(super) fn has_one_end(&self) -> bool {
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
    pub(super) fn settle(&mut self) {
        if let Self::Literal(bytes) = self
            && let Some(short) = Short::new(bytes)
        {
            *self = Self::Short(short);
        }
    }
}
