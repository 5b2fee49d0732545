//! The interface of every output: what takes a queued mail away, in one attempt.
//!
//! One file an output: [`smtp`](super::smtp), [`sendmail`](super::sendmail), [`csv`](super::csv),
//! [`notify`](super::notify), [`print`](super::print). [`outputs`](super::outputs) chooses the one of a queue. The filter of a
//! queue is no output: its text is what an output is given.

use super::message::Message;
use super::{Delivery, QueuedMail};
use crate::report::Body;

/// An output. It is called on a worker's thread, and may wait there as long as its own time limits
/// allow: other queues do not wait for it.
pub trait Transport: Send + Sync {
    /// Makes one attempt. A repetition of an attempt that failed is a call of its own, later, and
    /// with the same Message-ID.
    fn send(&self, mail: &QueuedMail) -> Delivery;

    /// The bodies of the parts of a mail for which [`send`](Self::send) answered
    /// [`Delivery::TooLarge`] with this size, bytes; none if it cannot be cut.
    fn split(&self, _mail: &QueuedMail, _most: u64) -> Vec<Body> {
        Vec::new()
    }

    /// The letter as this output sends it, for the archive; nothing from an output whose reports are no letters.
    fn letter<'m>(&self, _mail: &'m QueuedMail) -> Option<Message<'m>> {
        None
    }

    /// Whether the output is a program of this machine: its failures are counted as failures of programs.
    fn is_program(&self) -> bool {
        false
    }
}
