//! Continuation lines: the first of the lines that belong to a line of the queue, kept as text beside its count.

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::hash::FxHashMap;

/// The continuation lines of a line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Continued {
    /// The first of them.
    pub lines: Vec<BString>,
    /// The number of the others, whose text was not kept.
    pub more: u64,
}

/// What became of a continuation line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Continuation {
    /// It is kept, or counted behind those that are kept.
    Kept,
    /// It was not kept: the bound of the queue is reached.
    Over,
    /// It was not kept: its line is not in the queue, or has the continuation lines of an earlier occurrence.
    NotFirst,
}

/// The continuation lines of a tally, by the numbers of their lines.
#[derive(Clone, Debug, Default)]
pub(super) struct AllContinued {
    of: FxHashMap<u32, Noted>,
    /// The numbers of the lines whose continuation lines changed since the last commit, each once.
    changed: Vec<u32>,
}

/// The continuation lines of a line, and whether they changed.
#[derive(Clone, Debug, Default)]
struct Noted {
    continued: Continued,
    /// Whether they changed since the last commit.
    changed: bool,
}

/// Memory of the continuation lines of a line besides their text, bytes.
const COST: usize = 2 * size_of::<(u32, Noted)>() + 16;
/// Memory of a continuation line besides its text, bytes.
const LINE_COST: usize = 2 * size_of::<BString>() + 16;

impl AllContinued {
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// The continuation lines, each with the number of their line.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &Continued)> {
        self.of.iter().map(|(at, noted)| (*at, &noted.continued))
    }

    /// Keeps a continuation line of the line of this number, as [`super::Tally::continue_line`] does. Returns what
    /// became of it, and the memory that it takes, bytes.
    pub(super) fn add(
        &mut self,
        at: u32,
        text: &[u8],
        (first, most): (bool, usize),
        full: bool,
    ) -> (Continuation, usize) {
        if self.of.contains_key(&at) == first {
            return (Continuation::NotFirst, 0);
        }
        if full && first {
            return (Continuation::Over, 0);
        }
        let noted = self.of.entry(at).or_default();
        let mut cost = if first { COST } else { 0 };
        let Continued { lines, more } = &mut noted.continued;
        match lines.len() < most && *more == 0 && !full {
            true => {
                lines.push(text.into());
                cost += LINE_COST + text.len();
            }
            false => *more = more.saturating_add(1),
        }
        if !std::mem::replace(&mut noted.changed, true) {
            self.changed.push(at);
        }
        match full {
            true => (Continuation::Over, cost),
            false => (Continuation::Kept, cost),
        }
    }

    /// Puts back the continuation lines of a line that has none yet. Returns the memory that they take, bytes.
    pub(super) fn restore(&mut self, at: u32, continued: Continued) -> usize {
        let text = |line: &BString| LINE_COST + line.len();
        let cost = COST + continued.lines.iter().map(text).sum::<usize>();
        let changed = false;
        match self.of.insert(at, Noted { continued, changed }) {
            None => cost,
            Some(_) => 0,
        }
    }

    /// The continuation lines that changed since the last commit.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u32, &Continued)> {
        let changed = self.changed.iter();
        changed.filter_map(|at| Some((*at, &self.of.get(at)?.continued)))
    }

    pub(super) fn committed(&mut self) {
        for at in std::mem::take(&mut self.changed) {
            if let Some(noted) = self.of.get_mut(&at) {
                noted.changed = false;
            }
        }
    }
}
