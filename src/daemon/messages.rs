//! Messages to the loop, and the requests that wait in it.

use std::collections::VecDeque;
use std::time::Duration;

use super::pings::Pinged;
use crate::clock::Time;
use crate::delivery::AttemptResult;
use crate::input::Event;
use crate::process::signals::Signal;
use crate::site::Worked;
use crate::state::WriteResult;

/// The most messages that wait for the loop. A message may be a batch of 256 KiB: this bounds what
/// is read ahead.
pub(super) const DEPTH: usize = 16;

/// A message from one of the threads.
#[derive(Debug)]
pub(super) enum Message {
    /// An input read lines, or has something to say.
    Input(Box<Event>),
    /// A signal came: it is in the channel of the signals.
    Signal,
    /// A worker made an attempt to deliver a mail.
    Attempted(AttemptResult),
    /// The writer of snapshots is through with one.
    Written(WriteResult),
    /// A ping of `set heartbeat` is over.
    Pinged(Pinged),
    /// Something came from the board of the site.
    Site(Box<Worked>),
    /// A thread died; the log says which.
    ThreadDied,
}

/// What a signal asks for. It waits until everything that was written to the logs before the signal
/// is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PendingRequest {
    /// `SIGUSR1`: look which queues are due.
    Check,
    /// `SIGUSR2`: mail every queue.
    Flush,
    /// `SIGHUP`: mail every queue, and read the configuration again.
    Reload,
    /// `SIGTERM`, `SIGINT`: mail every queue, and end.
    End,
}

/// The signals that came, and how far they are handled.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Signals that came in the middle of a batch.
    pub(super) signals: VecDeque<Signal>,
    /// When the rest of that batch is counted without the matchers that take long, because a signal
    /// waits.
    pub(super) hurry_at: Option<Time>,
    /// The requests that wait until the inputs are read.
    pub(super) pending: Vec<PendingRequest>,
    /// When they are handled even though the inputs are not read to their ends.
    pub(super) until: Option<Time>,
    /// The time from the signal to then.
    pub(super) drain_limit: Duration,
    /// The number of inputs that have not answered the last call to drain.
    pub(super) drains_awaited: usize,
    /// Whether the inputs are to be called once more, because a signal came since: two calls may be
    /// answered once.
    pub(super) drain_again: bool,
}

impl Requests {
    /// To be called when the clock was set back: nothing is waited for longer than it was to be.
    pub(super) fn clock_was_set_back(&mut self, now: Time) {
        let limit = now + self.drain_limit;
        self.until = self.until.map(|until| until.min(limit));
    }
}
