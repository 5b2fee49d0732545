//! Commits: when a snapshot is written, and which mails wait for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Time;
use crate::config::StateSettings;
use crate::input::redis;
use crate::state::Store;

/// While files are read, a snapshot is made this often: the files themselves are the journal, so
/// this only bounds what a restart reads again.
const EVERY: Duration = Duration::from_secs(30);
/// After a failure (a full disk) it is tried again this often.
pub(super) const AGAIN: Duration = Duration::from_secs(10);
/// Snapshots take at most one part in so many of the time.
pub(super) const SHARE: u32 = 20;

/// The snapshots of a run.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) store: Option<Store>,
    /// When the changes since the last snapshot are to be on disk.
    pub(super) wanted: Option<Time>,
    /// Something waits for the next snapshot: make it at once.
    pub(super) urgent: bool,
    /// No snapshot before this instant.
    pub(super) not_before: Option<Time>,
    /// Mails and the snapshot that must be on disk before they are sent.
    pub(super) mails: BTreeMap<u64, u64>,
    /// How far the Redis lists are counted in the snapshot that is being written.
    pub(super) redis: redis::Counted,
    /// The last snapshot could not be written.
    pub(super) failed: bool,
    /// The run ends: a snapshot that fails is not tried again by itself.
    pub(super) last: bool,
    /// What has changed is not in a snapshot, and will not be.
    pub(super) given_up: bool,
}

impl Commits {
    pub(super) fn new(store: Option<Store>) -> Self {
        Self {
            store,
            ..Self::default()
        }
    }

    /// Lines were counted. What can be read `again` may wait longer.
    pub(super) fn changed(&mut self, now: Time, again: bool, settings: &StateSettings) {
        let wait = if again { EVERY } else { settings.commit };
        let at = now + wait;
        self.given_up = false;
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// Whether there are snapshots at all: without them, what is counted cannot be kept.
    pub(super) fn stores(&self) -> bool {
        self.store.is_some()
    }

    /// Something changed that the next start must know.
    pub(super) fn urgent(&mut self) {
        self.urgent = true;
        self.given_up = false;
    }

    /// The run ends with one more snapshot, also if the one before failed a moment ago.
    pub(super) fn last(&mut self) {
        self.urgent();
        self.last = true;
        self.not_before = None;
    }

    /// There are no snapshots from now on: the directory is not ours any more.
    pub(super) fn forsake(&mut self) {
        *self = Self::default();
    }

    /// Shows others that the loop moves.
    pub(super) fn beat(&self) {
        if let Some(store) = &self.store {
            store.beat();
        }
    }

    /// Something changed that the next start had better know, but nothing waits for it: while
    /// snapshots are dear, it may come a little later.
    pub(super) fn soon(&mut self, now: Time) {
        self.given_up = false;
        self.wanted = Some(self.wanted.map_or(now, |wanted| wanted.min(now)));
    }

    /// A mail was made: it is sent when a snapshot holds it, so that a crash cannot make another
    /// one of the same lines.
    pub(super) fn mail(&mut self, id: u64) {
        self.urgent();
        if let Some(store) = &self.store {
            self.mails.insert(id, store.next_number());
        }
    }

    /// Whether this mail has to wait for its snapshot.
    pub(super) fn holds(&self, mail: u64) -> bool {
        self.mails.contains_key(&mail)
    }

    /// When there is a snapshot to be made.
    pub(super) fn next(&self) -> Option<Time> {
        let store = self.store.as_ref()?;
        let wanted = self.wanted.filter(|_| !store.busy())?;
        Some(self.not_before.map_or(wanted, |bound| wanted.max(bound)))
    }

    /// Whether nothing has changed since the last snapshot, or nothing more can be done about it.
    pub(super) fn clean(&self) -> bool {
        match &self.store {
            Some(store) => {
                (!self.urgent && self.wanted.is_none() && !store.busy()) || self.given_up
            }
            None => true,
        }
    }

    /// Whether there are snapshots, and the last one was written.
    pub(super) fn on_disk(&self) -> bool {
        self.store.is_some() && !self.failed
    }
}
