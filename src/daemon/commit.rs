//! When snapshots are made, and what waits for them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Daemon;
use crate::clock::Time;
use crate::config::StateSettings;
use crate::counters::Counter;
use crate::input::redis;
use crate::shown::shown_path;
use crate::state::{self, Place, SnapshotRef, Store, Stored};

/// While files are read, a snapshot is made this often: the files themselves are the journal, so
/// this only bounds what a restart reads again.
const EVERY: Duration = Duration::from_secs(30);
/// After a failure (a full disk) it is tried again this often.
const AGAIN: Duration = Duration::from_secs(10);
/// Snapshots take at most one part in so many of the time.
const SHARE: u32 = 20;

/// The snapshots of a run.
#[derive(Debug, Default)]
pub(super) struct Commits {
    store: Option<Store>,
    /// When the changes since the last snapshot are to be on disk.
    wanted: Option<Time>,
    /// Something waits for the next snapshot: make it at once.
    urgent: bool,
    /// No snapshot before this instant.
    not_before: Option<Time>,
    /// Mails and the snapshot that must be on disk before they are sent.
    mails: BTreeMap<u64, u64>,
    /// How far the Redis lists are counted in the snapshot that is being written.
    redis: redis::Counted,
    /// The last snapshot could not be written.
    failed: bool,
    /// The run ends: a snapshot that fails is not tried again by itself.
    last: bool,
    /// What has changed is not in a snapshot, and will not be.
    given_up: bool,
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

impl Daemon {
    /// Makes a snapshot if it is time for one. Turning the counts into bytes is all that is done
    /// here; they are written beside the loop.
    pub(super) fn commit(&mut self, now: Time) {
        let commits = &self.commits;
        let Some(store) = &commits.store else {
            return;
        };
        let ripe = commits.next().is_some_and(|time| time <= now);
        let pausing = commits.failed && !commits.last;
        let urgent = commits.urgent && !(pausing && commits.not_before.is_some_and(|t| t > now));
        if store.busy() || !(ripe || urgent || (self.ending.is_some() && !commits.clean())) {
            return;
        }
        if !self.hold_place(now) {
            return;
        }
        let begun = std::time::Instant::now();
        let bytes = state::encode(&self.snapshot(now));
        let commits = &mut self.commits;
        commits.wanted = None;
        commits.urgent = false;
        commits.redis.clone_from(&self.redis);
        commits.not_before = Some(now + begun.elapsed() * SHARE);
        match (bytes, &mut commits.store) {
            (Ok(bytes), Some(store)) => store.write(bytes),
            (Err(fault), _) => self.unmade(now, &fault),
            (Ok(_), None) => {}
        }
    }

    /// The first snapshot: it is on disk before a line is counted, so that a crash at any time
    /// finds where each file was begun.
    pub(super) fn commit_first(&mut self) {
        let now = self.clock.now();
        let bytes = state::encode(&self.snapshot(now));
        let stored = match (bytes, &mut self.commits.store) {
            (Ok(bytes), Some(store)) => store.write_here(&bytes),
            (Err(fault), Some(_)) => return self.unmade(now, &fault),
            (_, None) => return,
        };
        self.stored(&stored);
    }

    /// Looks whether the directory is still the one that is locked; false if no snapshot can be
    /// written into it now.
    pub(super) fn hold_place(&mut self, now: Time) -> bool {
        let Some(store) = &mut self.commits.store else {
            return false;
        };
        match store.hold_place() {
            Ok(Place::Kept) => true,
            Ok(Place::Anew(aside)) => {
                log::warn!(
                    "the state directory was removed under the running daemon: it was made and \
                     locked anew, and all that is counted goes into it"
                );
                if let Some(aside) = aside {
                    log::warn!(
                        "a snapshot of another one was moved to {}",
                        shown_path(&aside)
                    );
                }
                store.show_failing(self.commits.failed);
                self.commits.urgent();
                true
            }
            Ok(Place::Taken) => {
                self.displaced(now);
                false
            }
            Err(fault) => {
                self.unmade(now, &fault);
                false
            }
        }
    }

    /// There is not even a snapshot that could be written: the mails that wait for it go.
    fn unmade(&mut self, now: Time, why: &dyn std::fmt::Display) {
        self.commits.mails.clear();
        self.unwritten(now, why);
    }

    /// A snapshot that was due is not on disk.
    fn unwritten(&mut self, now: Time, why: &dyn std::fmt::Display) {
        let commits = &mut self.commits;
        if !std::mem::replace(&mut commits.failed, true) {
            if let Some(store) = &commits.store {
                store.show_failing(true);
            }
            log::error!(
                "the snapshot could not be written, it is tried again: {why}; until then a crash \
                 costs what was counted since the last one, or sends a report twice"
            );
        }
        if commits.last {
            // A mail that waits for the next one is reason for one more attempt.
            commits.urgent = !commits.mails.is_empty();
            (commits.given_up, commits.wanted) = (!commits.urgent, None);
        } else {
            commits.not_before = Some(now + AGAIN);
            commits.wanted = Some(now + AGAIN);
        }
        self.monitor.count_event(Counter::SnapshotFailed);
    }

    fn snapshot(&self, now: Time) -> SnapshotRef<'_> {
        let monitor = &self.monitor;
        let settlements = self.settlements.iter();
        SnapshotRef {
            made: now,
            started: self.started,
            looked: monitor.looked(),
            files: self.files.values().collect(),
            patterns: &self.patterns,
            queues: monitor.saved_queues(),
            escalations: monitor.saved_escalations(),
            last: monitor.saved_last(),
            sources: monitor.saved_sources(),
            outbox: &self.outbox,
            settlements: settlements
                .map(|(id, counters)| (*id, monitor.saved_settlement(counters)))
                .collect(),
            remarks: monitor.remarks(),
            counters: monitor.counters(),
            faults: &self.faults,
            blind: &self.blind,
            redis: &self.redis,
        }
    }

    /// A snapshot is through. One that failed must not stop the mails: they go, and a crash before
    /// the next one could send them twice, which the log tells.
    pub(super) fn stored(&mut self, stored: &Stored) {
        let now = self.clock.now();
        let commits = &mut self.commits;
        let Some(store) = &mut commits.store else {
            return;
        };
        store.settle(stored.number);
        let written = store.written();
        commits.mails.retain(|_, needed| *needed > written);
        match &stored.result {
            Ok(()) => {
                commits.given_up = false;
                if std::mem::take(&mut commits.failed) {
                    store.show_failing(false);
                    log::warn!("snapshots are written again");
                }
                let pause = now + stored.took * SHARE;
                commits.not_before = commits.not_before.max(Some(pause));
                for (list, upto) in &commits.redis {
                    self.inputs.ack(list.as_ref(), *upto);
                }
            }
            Err(e) => self.unwritten(now, e),
        }
    }
}
