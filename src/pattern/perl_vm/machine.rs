//! The state of the machine: Perl's backtracking, with a stack of its own.

use super::program::Program;

/// A group: where it began last, and its span if it is set.
#[derive(Clone, Copy, Default)]
pub(super) struct Group {
    pub opened: usize,
    pub span: Option<(usize, usize)>,
}

/// A general loop (CURLYX) under way.
pub(super) struct Round {
    /// The loop around it.
    pub outer: Option<usize>,
    /// Number of rounds begun.
    pub count: usize,
    /// Where the last round began.
    pub last: Option<usize>,
    pub op: usize,
}

/// Groups as they were.
pub(super) struct Saved {
    pub floor: usize,
    pub groups: Vec<Group>,
    pub highest: usize,
}

/// The state of a loop over a body of fixed width.
#[derive(Clone, Copy)]
pub(super) struct Fixed {
    pub op: usize,
    pub count: usize,
    pub width: usize,
    pub highest: usize,
}

/// The state of a loop over bytes.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    pub op: usize,
    pub start: usize,
    pub count: usize,
    pub highest: usize,
}

/// Why a round of a loop is begun.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Try {
    /// The loop has fewer rounds than it must.
    Needed,
    /// A greedy loop takes as many as it can.
    More,
    /// A lazy loop needs one more, as what follows has failed.
    Reluctant,
}

/// What to do when what was tried fails.
pub(super) enum Frame {
    Branch {
        op: usize,
        next: usize,
        pos: usize,
        highest: usize,
    },
    Keep(Option<usize>),
    Loop {
        outer: Option<usize>,
    },
    Round {
        which: Try,
        id: usize,
        pos: usize,
        saved: Saved,
        last: Option<usize>,
    },
    After {
        lazy: bool,
        id: usize,
        pos: usize,
        last: Option<usize>,
    },
    FixedBody {
        state: Fixed,
        pos: usize,
        inner: Inner,
    },
    FixedAfter {
        state: Fixed,
        pos: usize,
    },
    Bytes(Bytes),
    Look {
        op: usize,
        pos: usize,
        /// Bytes that it looks back in this try.
        width: usize,
        inner: Inner,
    },
    Atomic {
        op: usize,
        inner: Inner,
    },
}

/// The loops that were under way before a match within the match.
#[derive(Clone, Copy)]
pub(super) struct Inner {
    pub current: Option<usize>,
    pub rounds: usize,
}

pub(super) struct Machine<'a> {
    pub program: &'a Program,
    pub subject: &'a [u8],
    pub steps: u64,
    pub pc: usize,
    pub pos: usize,
    pub groups: Vec<Group>,
    /// The highest group that is set.
    pub highest: usize,
    pub keep: Option<usize>,
    pub frames: Vec<Frame>,
    /// Frames that hold a match within the match.
    pub inner: Vec<usize>,
    pub rounds: Vec<Round>,
    pub current: Option<usize>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(program: &'a Program, subject: &'a [u8], steps: u64) -> Self {
        Self {
            program,
            subject,
            steps,
            pc: 0,
            pos: 0,
            groups: vec![Group::default(); program.groups + 1],
            highest: 0,
            keep: None,
            frames: Vec::new(),
            inner: Vec::new(),
            rounds: Vec::new(),
            current: None,
        }
    }

    /// Steps that are left.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes further steps for work that one step does not cover.
    pub(super) fn pay(&mut self, steps: u64) {
        self.steps = self.steps.saturating_sub(steps);
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.subject.get(at).copied()
    }

    pub(super) fn go(&mut self, pc: usize, pos: usize) -> bool {
        self.pc = pc;
        self.pos = pos;
        true
    }

    pub(super) fn set(&mut self, group: usize, start: usize, end: usize) {
        self.groups[group].span = Some((start, end));
        self.highest = self.highest.max(group);
    }

    pub(super) fn is_set(&self, group: usize) -> Option<(usize, usize)> {
        self.groups.get(group).and_then(|g| g.span)
    }

    /// Unsets the groups above `highest`, and those only: this is what Perl forgets.
    pub(super) fn unset_above(&mut self, highest: usize) {
        for group in highest + 1..=self.highest {
            self.groups[group].span = None;
        }
        self.highest = highest;
    }

    pub(super) fn save(&mut self, floor: usize) -> Saved {
        // They take memory until there is no way back.
        self.pay(self.groups.len().saturating_sub(floor) as u64 / 2);
        Saved {
            floor,
            groups: self.groups[floor + 1..].to_vec(),
            highest: self.highest,
        }
    }

    pub(super) fn restore(&mut self, saved: &Saved) {
        self.groups[saved.floor + 1..].copy_from_slice(&saved.groups);
        self.highest = saved.highest;
        for group in &mut self.groups[saved.highest + 1..] {
            group.span = None;
        }
    }

    pub(super) fn enter(&mut self) -> Inner {
        self.inner.push(self.frames.len());
        Inner {
            current: self.current,
            rounds: self.rounds.len(),
        }
    }

    pub(super) fn leave(&mut self, inner: Inner) {
        self.current = inner.current;
        self.rounds.truncate(inner.rounds);
    }
}
