//! What a queue's counts look like to their reader.

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::config::Address;

/// A rendered report, ready for a filter and an envelope.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The queue's name.
    pub queue: String,
    /// The text of the `From:` header, as configured.
    pub from: BString,
    /// The envelope sender.
    pub sender: Address,
    /// The text of the `To:` header: all the queue's recipients as configured, comma-separated.
    pub to: BString,
    /// The envelope recipients of this report (a queue with pagers makes two reports).
    pub recipients: Vec<Address>,
    /// The subject with the queue's name: `tenshi report [misc]`.
    pub subject: BString,
    /// When the report's lines began to be collected; a `[now]` queue has none
    /// (`X-tenshi-report-start`).
    pub start: Option<Time>,
    /// When the report was made (`Date`).
    pub made: Time,
    /// The body: lines ended by `\n`, bytes as they were logged.
    pub body: BString,
    /// Whether this is the pager form.
    pub pager: bool,
}
