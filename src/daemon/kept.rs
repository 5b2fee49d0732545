//! What the last commit holds of the daemon's own parts: the next one writes what differs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::delivery::outbox::Outbox;
use crate::input::file::{PathChange, PathCheckpoints};
use crate::state::{ChangesRef, MapChange, Unchanged};

/// The positions in the followed files that belong to the counts.
#[derive(Debug, Default)]
pub(super) struct Positions {
    now: BTreeMap<PathBuf, PathCheckpoints>,
    /// Those that changed since the last commit, as it holds them; nothing for a path that it does not have.
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

    /// What changed since the last commit.
    fn changes(&self) -> Option<Vec<PathChange>> {
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

/// What the last commit holds.
#[derive(Debug, Default)]
pub(super) struct Kept {
    outbox: Outbox,
    /// The mails with settlements: these do not change while they are there.
    settlements: BTreeSet<u64>,
    /// The small parts.
    small: Unchanged,
}

impl Daemon {
    /// What changed since the last commit. `None` if the next one must be a whole snapshot.
    pub(super) fn changes(&self, now: Time) -> Option<ChangesRef<'_>> {
        let monitor = self.monitor.changes()?;
        let kept = &self.commits.kept;
        let small = &kept.small;
        let new = self.settlements.iter();
        let new = new.filter(|(id, _)| !kept.settlements.contains(id));
        let gone = kept.settlements.iter();
        let settlements = MapChange {
            put: new
                .map(|(id, counters)| (*id, self.monitor.saved_settlement(counters)))
                .collect(),
            gone: gone
                .filter(|id| !self.settlements.contains_key(id))
                .copied()
                .collect(),
        };
        let settled = settlements.put.is_empty() && settlements.gone.is_empty();
        Some(ChangesRef {
            made: Some(now),
            started: None,
            looked: small.changed("looked", &self.monitor.looked()).copied(),
            files: self.files.changes(),
            patterns: small.changed("patterns", &self.patterns),
            queues: monitor.queues,
            escalations: monitor.escalations,
            last: monitor.last,
            outbox: self.outbox.changes_since(&kept.outbox),
            settlements: (!settled).then_some(settlements),
            remarks: small
                .changed("remarks", &self.monitor.remarks())
                .map(|_| self.monitor.remarks()),
            counters: small.changed("counters", self.monitor.counters()),
            faults: small.changed("faults", &self.faults),
            blind: small.changed("blind", &self.blind),
            redis: small.changed("redis", &self.counted),
            sources: monitor.sources,
        })
    }

    /// To be called when a commit was made of everything as it is.
    pub(super) fn committed(&mut self) {
        self.monitor.committed();
        self.files.before = HashMap::new();
        let kept = &mut self.commits.kept;
        if self.outbox.changes_since(&kept.outbox).is_some() {
            kept.outbox.clone_from(&self.outbox);
        }
        kept.settlements = self.settlements.keys().copied().collect();
        let small = &mut kept.small;
        small.committed("looked", &self.monitor.looked());
        small.committed("patterns", &self.patterns);
        small.committed("remarks", &self.monitor.remarks());
        small.committed("counters", self.monitor.counters());
        small.committed("faults", &self.faults);
        small.committed("blind", &self.blind);
        small.committed("redis", &self.counted);
    }
}
