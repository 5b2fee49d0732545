//! The program of a pattern: instructions for the machine.

use crate::pattern::ast::Anchor;
use crate::pattern::lazy_dfa::Oracle;
use crate::pattern::set::{Bits, ByteSet};

/// Instructions in a row; each goes on at the next unless it says otherwise.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub code: Vec<Op>,
    /// By instruction its row in the memory of places that failed.
    pub rows: Vec<Row>,
    /// Number of rows for places that fail whatever the groups hold, and of rows for places that fail as long as the
    /// groups that are asked for hold the same text.
    pub row_count: usize,
    pub stamp_rows: usize,
    /// By group whether a backreference or a conditional asks for it.
    pub asked: Vec<bool>,
    /// Number of groups.
    pub groups: usize,
    /// Number of slots: two for each group, one for `\K`, and the slots of loops.
    pub slots: usize,
    /// Whether there is a `\K`; its slot is the first behind the slots of the groups.
    pub keeps: bool,
    /// Automata that answer look-around.
    pub oracles: Vec<Oracle>,
    /// Number of look-arounds whose answers are remembered.
    pub looks: usize,
    /// Whether a match begins at the start of the subject only.
    pub anchored: bool,
    /// The bytes that a match begins with; `None` if it may begin with any.
    pub first: Option<First>,
    /// Whether it has a backreference or a conditional on a group.
    pub refers: bool,
}

/// Where it is remembered that what begins at an instruction failed at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Row {
    /// Nowhere.
    None,
    /// In a row of bits: it fails whatever the groups hold.
    Bits(u32),
    /// In a row of stamps: it fails as long as the groups that are asked for hold the same text.
    Stamps(u32),
}

/// The bytes that a match begins with.
#[derive(Debug)]
pub(super) enum First {
    /// One byte.
    Byte(u8),
    /// One of a set.
    Set(Bits),
}

impl First {
    /// The bytes of a set.
    pub(super) fn of(set: ByteSet) -> Self {
        set.single().map_or(Self::Set(set.bits()), Self::Byte)
    }

    /// The position of the first of these bytes.
    pub(super) fn find(&self, subject: &[u8]) -> Option<usize> {
        match self {
            Self::Byte(byte) => memchr::memchr(*byte, subject),
            Self::Set(set) => subject.iter().position(|&byte| set.contains(byte)),
        }
    }
}

/// A run of bytes of a set.
#[derive(Debug)]
pub(super) struct Run {
    pub set: Bits,
    pub min: usize,
    pub max: usize,
    pub mode: RunMode,
    /// The bytes that may follow the run; `None` if any may, or none.
    pub next: Option<Bits>,
}

/// How many bytes a run takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RunMode {
    /// As many as possible first.
    Greedy,
    /// As few as possible first.
    Lazy,
    /// As many as possible, and never fewer.
    Possessive,
}

/// A look-around.
#[derive(Debug)]
pub(super) struct Look {
    /// For a look-behind the least and the most bytes that it looks back.
    pub behind: Option<(usize, usize)>,
    pub negated: bool,
    /// The number of the oracle that tells where the body matches.
    pub oracle: Option<usize>,
    /// Whether the oracle's answer is enough: no group is set in the body.
    pub plain: bool,
    /// The number under which its answers are remembered, if they depend on the place alone.
    pub known: Option<usize>,
    /// The instruction behind the look-around.
    pub after: usize,
}

/// An instruction.
#[derive(Debug)]
pub(super) enum Op {
    /// A byte of a set.
    Byte(Bits),
    /// A run of bytes.
    Run(Box<Run>),
    /// A place in the subject.
    Anchor(Anchor),
    /// CR LF, or a byte of the set.
    Newline(Bits),
    /// Stores the place in a slot.
    Save(usize),
    /// Goes on at the first of these two that leads to a match.
    Split([usize; 2]),
    /// Goes on at the first of these that leads to a match.
    Branch(Vec<usize>),
    /// Goes on elsewhere.
    Jump(usize),
    /// Goes on elsewhere if nothing was taken since the place in the slot.
    Stuck { slot: usize, out: usize },
    /// A look-around, whose body follows up to `Done`.
    Look(Box<Look>),
    /// An atomic group, whose body follows up to `Done`.
    Atomic { after: usize },
    /// What the first of the groups holds that is set.
    Backref { groups: Vec<usize>, fold: bool },
    /// Goes on if one of the groups is set, else elsewhere.
    Test { groups: Vec<usize>, no: usize },
    /// Always fails.
    Never,
    /// The end of the body of `Look` and `Atomic`.
    Done,
    /// The end of the pattern.
    End,
}
