//! Delivery: from a [`Report`] to a mail that a server has accepted.
//!
//! The [`outbox`] holds every report until an output accepts it: for SMTP, until the server's 2xx
//! to the end of DATA. It is plain data and lives in the loop's state; the workers
//! ([`worker_pool`]) run beside the loop, so that reading never waits for mail. An output is one
//! [`transport`], in a file of its own; [`outputs`] chooses it.

pub mod archiving;
mod command;
pub mod csv;
pub mod filter;
mod marks;
pub mod message;
pub mod notify;
pub mod outbox;
pub mod outputs;
pub mod parts;
pub mod print;
pub mod sendmail;
pub mod smtp;
pub mod transport;
pub mod worker_pool;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::archive::ArchiveFault;
use crate::clock::Time;
use crate::config::Address;
use crate::report::{Body, Report};

/// A report that is to be delivered: in the outbox from the moment it leaves its queue. Snapshots
/// hold it: its fields are written in this order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct QueuedMail {
    /// The number of the mail, unique within the state.
    pub id: u64,
    /// The `Message-ID` without angle brackets: fixed, so that a repetition can be recognised.
    pub message_id: String,
    /// The mails that this one belongs to (`References`), the first mail of its queue's thread and,
    /// for a later part, its first part: each a `Message-ID`, with blanks between them.
    pub thread: Option<String>,
    /// The report that it carries.
    pub report: Report,
    /// The body as the filter made it, once the filter has run.
    pub filtered: Option<Body>,
    /// How many attempts were made.
    pub attempts: u32,
    /// The recipients for whom it was accepted already.
    pub done: Vec<Address>,
    /// The recipients refused for good, with the server's words.
    pub rejected: BTreeMap<Address, String>,
    /// Why the last attempt failed.
    pub fault: Option<String>,
    /// When the next attempt is due; `None` while it waits for the next time of its queue (5xx).
    pub next_try: Option<Time>,
}

impl QueuedMail {
    /// The text that is sent: what the filter made, once it has run.
    pub fn body(&self) -> &Body {
        self.filtered.as_ref().unwrap_or(&self.report.body)
    }

    /// Whether a mail server is to take it: a report for a CSV program has no recipients, one for a program of
    /// `set notify` has that program.
    pub fn is_for_server(&self) -> bool {
        !self.report.recipients.is_empty() && self.report.notification.is_none()
    }
}

/// The name of the mail server among the things with a fault (`tenshi status`).
pub const MAIL_SERVER: &str = "mail server";

/// The name of the archive among the things with a fault.
pub const ARCHIVE: &str = "archive";

/// The result of one attempt to deliver a mail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttemptResult {
    /// The number of the mail.
    pub id: u64,
    /// The body as the filter made it, if the filter ran in this attempt: it is not run again.
    pub filtered: Option<Body>,
    /// Warnings for the log besides the end of the attempt: a filter that failed.
    pub warnings: Vec<String>,
    /// Whether a filter, a CSV program, a program of `set notify` or a sendmail program failed.
    pub program_failed: bool,
    /// How the attempt ended.
    pub delivery: Delivery,
    /// The bodies of the parts to be sent in the place of a mail that is [`Delivery::TooLarge`];
    /// none if it cannot be cut.
    pub parts: Vec<Body>,
    /// What became of a letter that was to be archived; nothing where none was.
    pub archived: Option<Result<(), ArchiveFault>>,
}

impl AttemptResult {
    /// The result of an attempt that has no more to it than its end.
    pub fn new(id: u64, delivery: Delivery) -> Self {
        Self {
            id,
            filtered: None,
            warnings: Vec::new(),
            program_failed: false,
            delivery,
            parts: Vec::new(),
            archived: None,
        }
    }
}

/// How an attempt ended. Every text is one sentence that says why, for the log and for `tenshi
/// status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Delivery {
    /// The output accepted the mail for all recipients but those named here, each with the
    /// server's reply.
    Accepted {
        /// The recipients refused for good (5xx to RCPT).
        rejected: Vec<(Address, String)>,
        /// The recipients refused for now (4xx to RCPT): the mail is tried again for these alone.
        deferred: Vec<(Address, String)>,
    },
    /// No recipient has the mail, and it is tried again: no connection, a time-out, 4xx.
    Deferred(String),
    /// No recipient has the mail, because the server does not let us in as we are set up: 5xx to
    /// the greeting, EHLO or AUTH, or a certificate that is not verified. It is tried again, after
    /// long pauses: providers lock accounts for failed logins.
    AccessDenied(String),
    /// No recipient has the mail: it is larger than the server takes.
    TooLarge {
        /// The size to cut it to, bytes: what the server names, or the next smaller size to try.
        most: u64,
        /// Why.
        why: String,
    },
    /// The server refuses the sender or every recipient for good (5xx to MAIL or to each RCPT): a
    /// mail with another text would fare no better.
    EnvelopeRejected(String),
    /// The server refuses this mail for good (5xx to DATA or its end): the next one may fare
    /// better.
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
