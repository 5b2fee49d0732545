//! The instructions of the machine.

use crate::pattern::ast::Anchor;
use crate::pattern::lazy_dfa::Oracle;
use crate::pattern::set::{Bits, ByteSet};

/// Instructions in a row; each goes on at the next unless it says otherwise.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub code: Vec<Op>,
    /// By instruction the row of the memory of places that failed, if it has one.
    pub rows: Vec<Row>,
    /// How many rows there are of places that fail whatever the groups hold, and how many of those that
    /// fail as long as the groups that are asked for hold the same.
    pub row_count: usize,
    pub stamp_rows: usize,
    /// By group whether somebody asks what it holds.
    pub asked: Vec<bool>,
    pub groups: usize,
    /// Places to remember: two for each group, one for `\K`, and those of loops.
    pub slots: usize,
    /// Whether there is a `\K`; its slot is the first behind those of the groups.
    pub keeps: bool,
    pub oracles: Vec<Oracle>,
    /// Look-arounds whose answers are remembered.
    pub looks: usize,
    /// Whether a match begins at the start of the subject only.
    pub anchored: bool,
    /// With what bytes a match begins; `None` if that may be anything.
    pub first: Option<First>,
    /// Whether it asks what a group holds.
    pub refers: bool,
}

/// Where it is remembered that what begins at an instruction failed at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// Nowhere.
    None,
    /// In a row of bits: it fails whatever the groups hold.
    Bits(u32),
    /// In a row of stamps: it fails as long as the groups that are asked for hold the same.
    Stamps(u32),
}

/// The bytes that a match begins with.
#[derive(Debug)]
pub(super) enum First {
    /// This one.
    Byte(u8),
    /// One of these.
    Set(Bits),
}

impl First {
    pub(super) fn of(set: ByteSet) -> Self {
        set.single().map_or(Self::Set(set.bits()), Self::Byte)
    }

    /// Where the first of them is.
    pub(super) fn find(&self, subject: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr(*byte, subject),
            Self::Set(set) => subject.iter().position(|&byte| set.contains(byte)),
        }
    }
}

/// Bytes of a set, one after the other.
#[derive(Debug)]
pub(super) struct Run {
    pub set: Bits,
    pub min: usize,
    pub max: usize,
    pub mode: RunMode,
    /// With what bytes that goes on which follows; `None` if that may be anything, or nothing.
    pub next: Option<Bits>,
}

/// How many bytes a run takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RunMode {
    /// As many as possible first.
    Greedy,
    /// As few as possible first.
    Lazy,
    /// As many as possible.
    Possessive,
}

/// A look-around.
#[derive(Debug)]
pub(super) struct Look {
    /// How far back it looks, least and most.
    pub behind: Option<(usize, usize)>,
    pub negated: bool,
    /// Which of the program's oracles tells where it holds.
    pub oracle: Option<usize>,
    /// The oracle's answer is all that is wanted: no group is set on the way.
    pub plain: bool,
    /// Where its answers are remembered, if they depend on the place alone.
    pub known: Option<usize>,
    pub after: usize,
}

#[derive(Debug)]
pub(super) enum Op {
    Byte(Bits),
    Run(Box<Run>),
    Anchor(Anchor),
    /// CR LF, or a byte of the set.
    Newline(Bits),
    /// The place is remembered in a slot.
    Save(usize),
    /// The first of these that leads to a match.
    Split([usize; 2]),
    Branch(Vec<usize>),
    Jump(usize),
    /// Goes on elsewhere if nothing was taken since the place in the slot.
    Stuck {
        slot: usize,
        out: usize,
    },
    Look(Box<Look>),
    /// No way back into what follows up to `Done`.
    Atomic {
        after: usize,
    },
    Backref {
        groups: Vec<usize>,
        fold: bool,
    },
    /// Goes on if one of the groups is set, else elsewhere.
    Test {
        groups: Vec<usize>,
        no: usize,
    },
    Never,
    /// The end of what `Look` and `Atomic` hold.
    Done,
    End,
}
