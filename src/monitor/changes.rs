//! A monitor's part of a commit: what changed since the one before.

use std::collections::BTreeMap;

use bstr::BStr;

use super::monitor::Monitor;
use super::saved::{SavedCounter, SavedLast, SavedQueue, SavedSource, SourcesChange};
use super::saved_continuation::{ContinuedChange, ContinuingChange};
use crate::ledger::LedgerChanges;
use crate::queue::{Continued, Tally, TallyChange};

/// The last lines of the hosts of a source, as they are written.
type SourceRef<'a> = SavedSource<SavedLast<&'a str, &'a BStr>, &'a BStr>;

/// A queue with the changes of its lines, as it is written.
type QueueRef<'a> = SavedQueue<Option<TallyChange<&'a Tally, &'a BStr>>>;

/// What changed in a monitor since the last commit; nothing where nothing did.
#[derive(Debug)]
pub struct MonitorChanges<'a> {
    /// The queues that changed, with the changes of their lines.
    pub queues: Option<Vec<QueueRef<'a>>>,
    /// The escalation counters that changed; one that is gone has no lines.
    pub escalations: Option<Vec<SavedCounter<&'a str, &'a BStr>>>,
    /// The previous lines whose sources are not known, if they were forgotten.
    pub last: Option<Vec<SavedLast<&'a str, &'a BStr>>>,
    /// The previous lines that changed.
    pub sources: Option<SourcesChange<SourceRef<'a>>>,
    /// The continuation lines of the queues that changed.
    pub continued: Option<BTreeMap<&'a str, ContinuedChange<&'a Continued>>>,
    /// What becomes of continuation lines, where that changed.
    pub continuing: Option<ContinuingChange<&'a BStr>>,
    /// What changed in the ledger.
    pub ledger: LedgerChanges<'a>,
}

impl Monitor {
    /// What changed since the last commit. `None` if the next one must be a whole snapshot: none was made
    /// yet, or the configuration is another one.
    pub fn changes(&self) -> Option<MonitorChanges<'_>> {
        let before = self.committed.as_ref()?;
        let queues: Vec<_> = self
            .saved_queues()
            .into_iter()
            .zip(before)
            .filter_map(|(queue, before)| {
                let (queue, tally) = queue.split();
                let lines = tally.changes();
                (lines.is_some() || queue != *before).then(|| queue.with(lines))
            })
            .collect();
        let counters = self.escalations.changes().into_iter();
        let escalations: Vec<_> = counters
            .filter_map(|counter| self.saved_counter(counter))
            .collect();
        let anew = self.previous.forgot();
        let sources = self.by_source(self.previous.changes());
        Some(MonitorChanges {
            queues: (!queues.is_empty()).then_some(queues),
            escalations: (!escalations.is_empty()).then_some(escalations),
            last: anew.then(|| self.saved_last()),
            sources: (anew || !sources.is_empty()).then_some(SourcesChange { anew, sources }),
            continued: self.continued_changes(),
            continuing: self.continuing_changes(),
            ledger: self.ledger.changes(),
        })
    }

    /// To be called when a commit, with what changed or whole, was made of the monitor as it is.
    pub fn committed(&mut self) {
        let queues = self.saved_queues().into_iter();
        self.committed = Some(queues.map(|queue| queue.split().0).collect());
        for queue in &mut self.queues {
            queue.tally.committed();
        }
        self.escalations.committed();
        self.previous.committed();
        self.ledger.committed();
        self.bundling.changed = false;
        self.silences_committed();
        self.expected_committed();
    }
}
