//! Signals, and the requests that they are: each waits until the inputs are read.

use std::time::Duration;

use super::ending::STOP;
use super::event_loop::Daemon;
use super::messages::PendingRequest;
use crate::clock::Time;
use crate::input::Drain;
use crate::process::signals::Signal;
use crate::report::Status;

/// The longest time for reading the inputs before a request is handled.
pub(super) const DRAIN: Duration = Duration::from_secs(10);
/// The longest time for it while lines of before the start are read.
pub(super) const CATCH_UP: Duration = Duration::from_secs(60);

impl Daemon {
    /// Handles the signals that have come.
    pub(super) fn handle_signals(&mut self) {
        self.requests.signals.extend(self.signals.try_iter());
        while let Some(signal) = self.requests.signals.pop_front() {
            self.signal(signal);
        }
        self.requests.hurry_at = None;
    }

    /// Makes a request of a signal.
    fn signal(&mut self, signal: Signal) {
        log::debug!("trapped {signal:?}");
        let request = match signal {
            Signal::Usr1 => PendingRequest::Check,
            Signal::Usr2 => PendingRequest::Flush,
            Signal::Hup => PendingRequest::Reload,
            Signal::Term | Signal::Int => PendingRequest::End,
        };
        if self.shutdown.ending.is_some() {
            return;
        }
        self.request(request, self.clock.now());
    }

    /// Has the inputs read what there is; then the request is handled.
    pub(super) fn request(&mut self, request: PendingRequest, now: Time) {
        // Further signals do not put off an end that was asked for.
        if !self.requests.pending.contains(&PendingRequest::End) {
            // Lines of before the start may take their time, but for the end: the next start reads the rest.
            let patient = self.catching_up && request != PendingRequest::End;
            self.requests.drain_limit = if patient { CATCH_UP } else { DRAIN };
            self.requests.until = Some(now + self.requests.drain_limit);
        }
        if request == PendingRequest::End {
            self.asked_to_end(now, STOP);
        }
        self.requests.pending.push(request);
        self.requests.drain_again = true;
        if self.requests.drains_awaited == 0 {
            self.drain_or_handle();
        }
    }

    /// Calls the inputs to drain if a signal came since they were called last, else handles the
    /// requests.
    pub(super) fn drain_or_handle(&mut self) {
        if std::mem::take(&mut self.requests.drain_again) {
            self.requests.drains_awaited =
                match self.requests.pending.contains(&PendingRequest::End) {
                    true => self.inputs.drain(Drain::Last),
                    false => self.inputs.drain(Drain::All),
                };
        }
        if self.requests.drains_awaited == 0 {
            self.handle_requests();
        }
    }

    /// Handles the requests.
    fn handle_requests(&mut self) {
        self.requests.until = None;
        for request in std::mem::take(&mut self.requests.pending) {
            let now = self.clock.now();
            match request {
                PendingRequest::Check => {
                    self.monitor.mark_due_this_minute(now);
                    self.check(now, Some(Status::QueueCheck));
                }
                PendingRequest::Flush => self.flush(now, Status::Flushing),
                PendingRequest::Reload => self.reload(now),
                PendingRequest::End => self.begin_end(now),
            }
        }
    }

    /// The time for reading is over: the requests are handled with what was read.
    pub(super) fn stop_draining(&mut self) {
        let waited = self.requests.drain_limit.as_secs();
        let rest = match (
            self.requests.pending.contains(&PendingRequest::End),
            self.commits.stores(),
        ) {
            (true, true) => "; what is not read yet is read at the next start",
            (true, false) => "; what is not read yet is in no report",
            (false, _) => "",
        };
        log::warn!("the inputs did not come to an end in {waited} s: going on without{rest}");
        self.handle_requests();
    }
}
