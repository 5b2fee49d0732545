//! From a [`Report`] to a mail that somebody took.
//!
//! The outbox holds every report until its server's 2xx to the end of DATA. It is plain data and
//! lives in the loop's state; the workers run beside the loop, so reading never waits for mail.

pub mod command;
pub mod message;
pub mod outbox;
pub mod parts;
pub mod print;
pub mod sendmail;
pub mod smtp;
pub mod worker;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::config::Address;
use crate::report::{Body, Report};

/// A report on its way: in the outbox from the moment it leaves its queue.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueuedMail {
    /// Its number, unique within the state.
    pub id: u64,
    /// The `Message-ID` without angle brackets: fixed, so that a repetition can be recognised.
    pub message_id: String,
    /// The mails that this one belongs to (`References`), the first mail of its queue's thread and,
    /// for a later part, its first part: each a `Message-ID`, with blanks between them.
    pub thread: Option<String>,
    /// What it says.
    pub report: Report,
    /// What the filter made of the body, once it has run.
    pub filtered: Option<Body>,
    /// Attempts so far.
    pub attempts: u32,
    /// Recipients that have taken it already.
    pub done: Vec<Address>,
    /// Recipients refused for good, with the server's words.
    pub rejected: BTreeMap<Address, String>,
    /// Why the last attempt failed.
    pub fault: Option<String>,
    /// When the next attempt is due; nothing while it waits for its queue's next time (5xx).
    pub next_try: Option<Time>,
}

impl QueuedMail {
    /// Whether a mail server is to take it: what a program takes as CSV has no recipients.
    pub fn is_for_server(&self) -> bool {
        !self.report.recipients.is_empty()
    }
}

/// What stands for the mail server among the things that are at fault (`tenshi status`).
pub const MAIL_SERVER: &str = "mail server";

/// What came of one attempt to deliver a mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The mail's number.
    pub id: u64,
    /// What the filter made of the body, if it ran in this attempt: not to be run again.
    pub filtered: Option<Body>,
    /// What to tell the admin besides: a filter that failed, a recipient refused.
    pub notes: Vec<String>,
    /// A filter, a CSV program or a sendmail program failed.
    pub command_failed: bool,
    /// How it ended.
    pub result: Delivery,
    /// The parts to be sent in its place, where it is [`Delivery::TooLarge`] and can be cut.
    pub parts: Vec<Body>,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The server took it for all recipients but those named here, each with its reply.
    Accepted {
        /// Refused for good (5xx to RCPT).
        rejected: Vec<(Address, String)>,
        /// Refused for now (4xx to RCPT): to be tried again for these alone.
        deferred: Vec<(Address, String)>,
    },
    /// Nobody has it; to be tried again (no connection, time-out, 4xx). One sentence.
    Deferred(String),
    /// Nobody has it, and the reason is not the moment: the server does not let us in as we are set
    /// up (5xx to the greeting, EHLO, AUTH; a certificate that is not verified). To be tried again,
    /// with care. One sentence.
    AccessDenied(String),
    /// Nobody has it: it is larger than the server takes.
    TooLarge {
        /// What a mail may have, bytes, as far as that is known.
        most: u64,
        /// One sentence.
        why: String,
    },
    /// Nobody has it and nobody will, whatever it says: the server refuses its sender or every
    /// recipient (5xx to MAIL or to each RCPT). One sentence.
    EnvelopeRejected(String),
    /// Nobody has it and nobody will (5xx to DATA or its end): the next one may fare better. One
    /// sentence.
    ContentRejected(String),
}

impl Delivery {
    /// The mail was accepted for all of its recipients.
    pub const fn accepted() -> Self {
        Self::Accepted {
            rejected: Vec::new(),
            deferred: Vec::new(),
        }
    }
}
