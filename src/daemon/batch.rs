//! Batches of lines: counted in slices, so that the watchdog and signals need not wait for lines
//! that cost much time.

use std::time::Instant;

use bstr::{BStr, ByteSlice};

use super::event_loop::Daemon;
use super::messages::PendingRequest;
use super::requests::{CATCH_UP, DRAIN};
use crate::input::{Batch, Checkpoint};
use crate::process::service;
use crate::process::signals::Signal;

impl Daemon {
    /// Counts the lines of a batch together with the position after them. Once the end has begun, no
    /// line is counted any more: without its position such a batch is read again after the restart.
    pub(super) fn batch(&mut self, batch: Batch) {
        if self.shutdown.ending.is_some() {
            return;
        }
        let now = self.clock.now();
        self.monitor.advance_to(now);
        self.monitor.add_counters(&batch.counters);
        self.count_lines(batch.source.as_bstr(), &batch.text);
        for warning in self.monitor.take_warnings(now) {
            log::warn!("{warning}");
        }
        let again = match batch.checkpoint {
            Checkpoint::File(marks) => {
                if self.files.set(marks) {
                    // Until a snapshot tells where this file was begun, a crash would begin it anew.
                    self.commits.urgent();
                }
                true
            }
            Checkpoint::Journal(change) => {
                self.journal.make(*change);
                true
            }
            Checkpoint::None => false,
            Checkpoint::Number { source, upto } => {
                if !self.commits.stores() {
                    self.inputs.acknowledge(source.as_bstr(), upto);
                }
                self.counted.insert(source, upto);
                false
            }
        };
        self.commits
            .changed(now, again, &self.monitor.config().state);
        self.plan();
    }

    fn count_lines(&mut self, source: &BStr, text: &[u8]) {
        let mut from = 0;
        while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
            let taken = self.monitor.take_some(source, rest);
            from += taken;
            if let Some(resolver) = &self.resolver {
                // The first question begins the search: the name is there when the report is made.
                for host in self.monitor.take_new_hosts() {
                    resolver.name(&host);
                }
            }
            if taken < rest.len() {
                self.between_slices();
            }
        }
        self.monitor.hurry(false);
    }

    /// Pings the watchdog and takes the signals between two slices of a batch. Only the position
    /// behind the whole batch can be committed: once an end that was asked for has waited long
    /// enough, the rest of the lines is counted without the matchers that take long.
    fn between_slices(&mut self) {
        let now = self.clock.now();
        self.ping_watchdog();
        self.requests.signals.extend(self.signals.try_iter());
        let ends = |signal: &Signal| matches!(signal, Signal::Term | Signal::Int);
        if self.requests.hurry_at.is_none() && self.requests.signals.iter().any(ends) {
            let patience = if self.catching_up { CATCH_UP } else { DRAIN };
            self.requests.hurry_at = Some(now + patience);
        }
        let ending = self.requests.pending.contains(&PendingRequest::End);
        let until = self
            .requests
            .until
            .filter(|_| ending)
            .or(self.requests.hurry_at);
        if until.is_some_and(|until| now >= until) {
            self.monitor.hurry(true);
        }
    }

    /// Pings the service manager's watchdog in time.
    pub(super) fn ping_watchdog(&mut self) {
        if self.watchdog.is_due(Instant::now()) {
            service::alive();
        }
    }
}
