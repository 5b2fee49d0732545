//! Commits: when a snapshot is written, and which mails wait for it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::kept::Kept;
use crate::clock::Time;
use crate::config::StateSettings;
use crate::input::Counted;
use crate::ledger::silence::Hush;
use crate::state::{Hushes, Learnt, Store};

/// The time between snapshots while files are read. The files themselves are the journal, so this
/// only bounds what a restart reads again.
const EVERY: Duration = Duration::from_secs(30);
/// The pause before a snapshot that failed (a full disk) is tried again.
pub(super) const AGAIN: Duration = Duration::from_secs(10);
/// Snapshots take at most one part in 20 of the time.
pub(super) const SHARE: u32 = 20;

/// The commits of a run: the state directory, and what is not in its snapshot yet.
#[derive(Debug, Default)]
pub(super) struct Commits {
    pub(super) store: Option<Store>,
    /// The hushes beside the state.
    pub(super) hushes: Hushes,
    /// What the last commit holds, which is on disk if none failed since.
    pub(super) kept: Kept,
    /// Whether there is a snapshot on disk that changes can be written behind.
    pub(super) begun: bool,
    /// When the changes since the last snapshot are to be on disk.
    pub(super) wanted: Option<Time>,
    /// Whether something waits for the next snapshot: it is made at once.
    pub(super) urgent: bool,
    /// The earliest time of the next snapshot.
    pub(super) not_before: Option<Time>,
    /// The mails that wait for a snapshot, each with the number of the snapshot that must be on disk
    /// before the mail is sent.
    pub(super) mails: BTreeMap<u64, u64>,
    /// How far the numbered sources (the Redis lists) are counted in the commit that is being written.
    pub(super) counted: Counted,
    /// Whether the last snapshot could not be written.
    pub(super) failed: bool,
    /// Whether the run ends: a snapshot that fails is then not tried again by itself.
    pub(super) last: bool,
    /// Whether the changes are in no snapshot, and will be in none.
    pub(super) given_up: bool,
    /// What `tenshi learn` handed over and was taken in, with the number of the commit that holds it.
    pub(super) learnt: Option<(u64, Learnt)>,
}

impl Commits {
    pub(super) fn new(store: Option<Store>) -> Self {
        Self {
            store,
            ..Self::default()
        }
    }

    /// To be called when the clock was set back: no commit waits for a time of the clock before.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        self.not_before = None;
        self.wanted = self.wanted.map(|wanted| wanted.min(now + EVERY));
    }

    /// Notes that lines were counted. Lines that can be read `again` may wait longer for a snapshot.
    pub(super) fn changed(&mut self, now: Time, again: bool, settings: &StateSettings) {
        let wait = if again { EVERY } else { settings.commit };
        let at = now + wait;
        self.given_up = false;
        self.wanted = Some(self.wanted.map_or(at, |wanted| wanted.min(at)));
    }

    /// The hushes that people made, if they are others than at the last call.
    pub(super) fn new_hushes(&mut self) -> Option<Vec<Hush>> {
        self.hushes.changes(self.store.as_ref()?.directory())
    }

    /// The state directory, if there is one.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.store
            .as_ref()
            .map(|store| store.directory().to_owned())
    }

    /// Whether there are snapshots at all: without them, what is counted cannot be kept.
    pub(super) fn stores(&self) -> bool {
        self.store.is_some()
    }

    /// Notes a change that the next start must know.
    pub(super) fn urgent(&mut self) {
        self.urgent = true;
        self.given_up = false;
    }

    /// Notes that a commit was made of all changes, with the numbered sources `counted` so far.
    pub(super) fn taken(&mut self, counted: &Counted) {
        (self.wanted, self.urgent) = (None, false);
        self.counted.clone_from(counted);
    }

    /// Wants the last snapshot of the run, also if the one before failed a moment ago.
    pub(super) fn last(&mut self) {
        self.urgent();
        self.last = true;
        self.not_before = None;
    }

    /// Ends the snapshots, since the directory belongs to another daemon.
    pub(super) fn forsake(&mut self) {
        *self = Self::default();
    }

    /// Shows a heartbeat in the state directory.
    pub(super) fn beat(&self) {
        if let Some(store) = &self.store {
            store.beat();
        }
    }

    /// Notes a change that the next start had better know, although nothing waits for it: while
    /// snapshots take long, it may be written a little later.
    pub(super) fn soon(&mut self, now: Time) {
        self.given_up = false;
        self.wanted = Some(self.wanted.map_or(now, |wanted| wanted.min(now)));
    }

    /// Notes a new mail: it is sent when a snapshot holds it, so that a crash cannot make another
    /// mail of the same lines.
    pub(super) fn mail(&mut self, id: u64) {
        self.urgent();
        if let Some(store) = &self.store {
            self.mails.insert(id, store.next_number());
        }
    }

    /// Whether this mail waits for its snapshot.
    pub(super) fn holds(&self, mail: u64) -> bool {
        self.mails.contains_key(&mail)
    }

    /// When the next snapshot is due.
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
