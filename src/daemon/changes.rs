//! What changed since the last commit, over all parts of the state.

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::state::{ChangesRef, MapChange};

impl Daemon {
    /// What changed since the last commit. `None` if the next one must be a whole snapshot.
    pub(super) fn changes(&self, now: Time) -> Option<ChangesRef<'_>> {
        let monitor = self.monitor.changes()?;
        let kept = &self.commits.kept;
        let small = &kept.small;
        let view = self.site_view();
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
            continued: monitor.continued,
            continuing: monitor.continuing,
            news: monitor.ledger.news,
            trends: monitor.ledger.trends,
            bundles: self.monitor.bundle_changes(),
            silence: self.monitor.silence_changes(),
            expected: self.monitor.expected_changes(),
            heard: small.changed("heard", self.monitor.saved_heard()),
            notified: small
                .changed("notified", &self.outbox.notifications())
                .map(|_| self.outbox.notifications()),
            journal: self.journal.changes(),
            site: self.site.as_ref().and_then(|site| site.member.changes()),
            site_view: small.changed("site_view", &view).cloned(),
        })
    }

    /// To be called when a commit was made of everything as it is.
    pub(super) fn committed(&mut self) {
        self.monitor.committed();
        self.files.committed();
        self.journal.committed();
        let view = self.site_view();
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
        small.committed("heard", self.monitor.saved_heard());
        small.committed("notified", &self.outbox.notifications());
        small.committed("site_view", &view);
    }
}
