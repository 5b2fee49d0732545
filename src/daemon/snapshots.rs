//! Commits: making one when it is due, and going on when it is written or failed.

use std::borrow::Cow;

use super::commits::{AGAIN, SHARE};
use super::ending::KEEP;
use super::event_loop::Daemon;
use crate::clock::Time;
use crate::counters::Counter;
use crate::shown::shown_path;
use crate::state::{self, Commit, DirectoryState, SnapshotRef, WriteResult, Written};
use crate::threads;

impl Daemon {
    /// Makes a commit if one is due. The loop turns what changed into bytes; a thread writes them.
    pub(super) fn commit(&mut self, now: Time) {
        let commits = &self.commits;
        let Some(store) = &commits.store else {
            return;
        };
        let ripe = commits.next().is_some_and(|time| time <= now);
        let pausing = commits.failed && !commits.last;
        let urgent = commits.urgent && !(pausing && commits.not_before.is_some_and(|t| t > now));
        if store.busy() || !(ripe || urgent || (self.shutdown.ending.is_some() && !commits.clean()))
        {
            return;
        }
        if !self.verify_directory(now) {
            return;
        }
        let begun = std::time::Instant::now();
        let commit = self.next_commit(now);
        let commits = &mut self.commits;
        commits.taken(&self.counted);
        commits.not_before = Some(now + begun.elapsed() * SHARE);
        match (commit, &mut commits.store) {
            (Ok(commit), Some(store)) => store.write(commit),
            (Err(fault), _) => self.unencoded(now, &fault),
            (Ok(_), None) => {}
        }
    }

    /// Makes the next commit: what changed since the one before, or a whole snapshot where there is none on
    /// disk, or where the changes have outgrown it.
    fn next_commit(&mut self, now: Time) -> Result<Commit, String> {
        self.monitor.note_news(now);
        self.monitor.settle_trends();
        let changes = self.commits.begun.then(|| self.changes(now)).flatten();
        let changes = changes.map(|changes| state::encode_changes(&changes));
        let room = |bytes: &Vec<u8>| {
            let store = self.commits.store.as_ref();
            store.is_some_and(|store| store.has_room(bytes.len()))
        };
        let commit = match changes.transpose()?.filter(room) {
            Some(bytes) => Commit::Changes(bytes),
            None => Commit::Snapshot(state::encode(&self.snapshot(now))?),
        };
        self.committed();
        if let (Some(site), Some(store)) = (&mut self.site, &self.commits.store) {
            site.committed(store.next_number());
        }
        self.commits.begun = true;
        Ok(commit)
    }

    /// Writes a whole snapshot here, not beside the loop: the first one is on disk before a line is counted, so that a
    /// crash at any time finds where each file was begun; and the last one, where the thread that writes commits
    /// is dead.
    pub(super) fn commit_here(&mut self, now: Time) {
        if self.commits.store.is_none() {
            return;
        }
        self.commits.begun = false;
        let commit = self.next_commit(now);
        self.commits.taken(&self.counted);
        let stored = match (commit, &mut self.commits.store) {
            (Ok(commit), Some(store)) => store.write_here(commit),
            (Err(fault), _) => return self.unencoded(now, &fault),
            (_, None) => return,
        };
        self.stored(&stored);
    }

    /// Writes everything as one snapshot at the end of a run, so that the next start has one to read. All is
    /// on disk already: if there is no time or no room, the changes behind the snapshot before do as well.
    pub(super) fn commit_whole(&mut self, now: Time) {
        let in_time = self.shutdown.deadline.is_none_or(|by| now + KEEP <= by);
        let Some(store) = self.commits.store.as_mut().filter(|s| s.has_records()) else {
            return;
        };
        let whole = self.shutdown.exit_status != threads::DIED;
        if !in_time || !whole || !matches!(store.verify_directory(), Ok(DirectoryState::Unchanged))
        {
            return;
        }
        self.commits.begun = false;
        let commit = self.next_commit(now);
        let store = self.commits.store.as_mut();
        if let (Ok(commit), Some(store)) = (commit, store)
            && let Written::Failed(e) = store.write_here(commit).result
        {
            log::debug!("no whole snapshot at the end: {e}");
        }
    }

    /// Checks that the directory is still the one that is locked; false if no snapshot can be written
    /// into it now.
    pub(super) fn verify_directory(&mut self, now: Time) -> bool {
        let Some(store) = &mut self.commits.store else {
            return false;
        };
        match store.verify_directory() {
            Ok(DirectoryState::Unchanged) => true,
            Ok(DirectoryState::Recreated(aside)) => {
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
                if let Some(site) = &mut self.site {
                    site.stored(None, store.next_number());
                }
                self.commits.begun = false;
                self.commits.urgent();
                true
            }
            Ok(DirectoryState::Taken) => {
                self.directory_taken(now);
                false
            }
            Err(fault) => {
                self.unencoded(now, &fault);
                false
            }
        }
    }

    /// Goes on without the snapshot that could not be made: the mails that wait for it are sent.
    fn unencoded(&mut self, now: Time, why: &dyn std::fmt::Display) {
        self.commits.mails.clear();
        self.unwritten(now, why);
    }

    /// Goes on after a snapshot that is not on disk.
    fn unwritten(&mut self, now: Time, why: &dyn std::fmt::Display) {
        let commits = &mut self.commits;
        commits.begun = false;
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

    /// The snapshot of the loop's state, without a copy of the counts.
    pub(super) fn snapshot(&self, now: Time) -> SnapshotRef<'_> {
        let monitor = &self.monitor;
        let settlements = self.settlements.iter();
        SnapshotRef {
            made: now,
            started: self.started,
            looked: monitor.looked(),
            files: self.files.all().collect(),
            patterns: &self.patterns,
            queues: monitor.saved_queues(),
            escalations: monitor.saved_escalations(),
            last: monitor.saved_last(),
            sources: monitor.saved_sources(),
            continued: monitor.saved_continued(),
            continuing: monitor.saved_continuing(),
            outbox: &self.outbox,
            settlements: settlements
                .map(|(id, counters)| (*id, monitor.saved_settlement(counters)))
                .collect(),
            remarks: monitor.remarks(),
            counters: monitor.counters(),
            faults: &self.faults,
            blind: &self.blind,
            redis: &self.counted,
            news: &monitor.ledger().news,
            trends: &monitor.ledger().trends,
            bundles: monitor.saved_bundles(),
            silence: monitor.saved_silence(),
            expected: monitor.saved_expected(),
            heard: monitor.saved_heard(),
            notified: self.outbox.notifications(),
            journal: self.journal.all(),
            site: self
                .site
                .as_ref()
                .map_or_else(Cow::default, |site| Cow::Borrowed(site.member.saved())),
            site_view: self.site_view(),
        }
    }

    /// Handles the result of writing a commit. A failure must not stop the mails: they are sent, and
    /// a crash before the next snapshot could send them twice, which the log says.
    pub(super) fn stored(&mut self, stored: &WriteResult) {
        let now = self.clock.now();
        let commits = &mut self.commits;
        let Some(store) = &mut commits.store else {
            return;
        };
        store.settle(stored.number);
        let written = store.written();
        if matches!(stored.result, Written::Lost) {
            log::warn!(
                "somebody removed or changed the snapshot in the state directory: it is written anew"
            );
            let next = store.next_number();
            for needed in commits.mails.values_mut() {
                *needed = (*needed).max(next);
            }
            commits.begun = false;
            if let Some(site) = &mut self.site {
                site.stored(None, next);
            }
            return commits.urgent();
        }
        commits.mails.retain(|_, needed| *needed > written);
        if let Some(site) = &mut self.site {
            let done = matches!(stored.result, Written::Done);
            site.stored(done.then_some(written), store.next_number());
        }
        match &stored.result {
            Written::Lost => {}
            Written::Done => {
                commits.given_up = false;
                if let Some((_, learnt)) = commits.learnt.take_if(|(held, _)| *held <= written) {
                    learnt.remove();
                }
                if std::mem::take(&mut commits.failed) {
                    store.show_failing(false);
                    log::warn!("snapshots are written again");
                }
                let pause = now + stored.took * SHARE;
                commits.not_before = commits.not_before.max(Some(pause));
                for (source, upto) in &commits.counted {
                    self.inputs.acknowledge(source.as_ref(), *upto);
                }
            }
            Written::Failed(e) => self.unwritten(now, e),
        }
    }
}
