//! What the last commit holds of the daemon's own parts: the next one writes what differs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use crate::delivery::outbox::Outbox;
use crate::input::file::{PathChange, PathCheckpoints};
use crate::input::journal::{self, PositionsChange};
use crate::state::Unchanged;

/// The positions in the followed files that belong to the counts.
#[derive(Debug, Default)]
pub(super) struct Positions {
    now: BTreeMap<PathBuf, PathCheckpoints>,
    /// The positions that changed since the last commit, as the commit holds them; nothing for a path that it does not
    /// have.
    before: HashMap<PathBuf, Option<PathCheckpoints>>,
}

impl Positions {
    /// Sets the positions of a path. Returns whether the path is new.
    pub(super) fn set(&mut self, checkpoints: PathCheckpoints) -> bool {
        let path = checkpoints.path.clone();
        let before = self.now.insert(path.clone(), checkpoints);
        let new = before.is_none();
        self.before.entry(path).or_insert(before);
        new
    }

    /// All positions, in the order of their paths.
    pub(super) fn all(&self) -> impl Iterator<Item = &PathCheckpoints> {
        self.now.values()
    }

    /// To be called when a commit was made of all positions as they are.
    pub(super) fn committed(&mut self) {
        self.before = HashMap::new();
    }

    /// What changed since the last commit.
    pub(super) fn changes(&self) -> Option<Vec<PathChange>> {
        let change = |(path, before): (&PathBuf, &Option<PathCheckpoints>)| {
            let now = self.now.get(path)?;
            (before.as_ref() != Some(now)).then(|| PathChange::new(before.as_ref(), now))
        };
        let changes: Vec<PathChange> = self.before.iter().filter_map(change).collect();
        (!changes.is_empty()).then_some(changes)
    }
}

impl FromIterator<PathCheckpoints> for Positions {
    fn from_iter<I: IntoIterator<Item = PathCheckpoints>>(all: I) -> Self {
        let mut positions = Self::default();
        for checkpoints in all {
            positions.set(checkpoints);
        }
        positions
    }
}

/// The positions in the journal's files that belong to the counts.
#[derive(Debug, Default)]
pub(super) struct JournalPositions {
    now: journal::Positions,
    /// What changed since the last commit.
    change: PositionsChange,
}

impl JournalPositions {
    /// The positions that a state holds.
    pub(super) fn new(now: journal::Positions) -> Self {
        let change = PositionsChange::default();
        Self { now, change }
    }

    /// Makes changes.
    pub(super) fn make(&mut self, change: PositionsChange) {
        self.now.make(change.clone());
        self.change.then(change);
    }

    /// All positions.
    pub(super) fn all(&self) -> &journal::Positions {
        &self.now
    }

    /// To be called when a commit was made of all positions as they are.
    pub(super) fn committed(&mut self) {
        self.change = PositionsChange::default();
    }

    /// What changed since the last commit.
    pub(super) fn changes(&self) -> Option<&PositionsChange> {
        (!self.change.is_empty()).then_some(&self.change)
    }
}

/// What the last commit holds.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) outbox: Outbox,
    /// The mails with settlements: these do not change while they are there.
    pub(super) settlements: BTreeSet<u64>,
    /// The small parts.
    pub(super) small: Unchanged,
}
