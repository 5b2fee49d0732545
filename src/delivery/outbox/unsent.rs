//! What the next report tells of the reports that nobody has taken: whoever reads it would not
//! hear of them otherwise.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Local;

use crate::clock::Time;
use crate::delivery::{QueuedMail, parts};
use crate::report::Unsent;

/// This many are named; of more, only their number.
const NAMED: usize = 5;
/// The readers of reports are told again after this time.
const AGAIN: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Which mails were told of, and where.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Told {
    /// Mails that tell of a mail and are on their way themselves.
    carriers: BTreeMap<u64, BTreeSet<u64>>,
    /// When one that told of a mail was taken.
    at: BTreeMap<u64, Time>,
}

impl Told {
    /// The mails to be told of: tried, not taken, and not told of by a report that was taken.
    pub(super) fn unsent(&self, mails: &[QueuedMail], now: Time) -> Vec<Unsent> {
        let new = |mail: &&QueuedMail| {
            let told = self.at.get(&mail.id);
            mail.fault.is_some() && told.is_none_or(|&told| now - told >= AGAIN)
        };
        let mut unsent: Vec<Unsent> = Vec::new();
        let mut more = Unsent::default();
        for mail in mails.iter().filter(new) {
            if unsent.len() < NAMED {
                unsent.push(Unsent {
                    mails: vec![mail.id],
                    not_in: (mail.attempts == 1).then(|| mail.report.queue.clone()),
                    text: words(mail),
                });
            } else {
                more.mails.push(mail.id);
            }
        }
        if !more.mails.is_empty() {
            let count = more.mails.len();
            more.text = format!("{count} more reports wait or were refused");
            unsent.push(more);
        }
        unsent
    }

    /// The mail `carrier` tells of these.
    pub(super) fn carried(&mut self, mails: &[u64], carrier: u64) {
        for mail in mails {
            self.carriers.entry(*mail).or_default().insert(carrier);
        }
    }

    /// A mail was taken: those that it tells of have been told of.
    pub(super) fn taken(&mut self, taken: u64, now: Time) {
        self.carriers.remove(&taken);
        self.at.remove(&taken);
        let at = &mut self.at;
        self.carriers.retain(|mail, carriers| {
            let told = carriers.contains(&taken);
            if told {
                at.insert(*mail, now);
            }
            !told
        });
    }
}

fn words(mail: &QueuedMail) -> String {
    let report = &mail.report;
    let part = parts::marks(&report.subject)
        .map(|(marks, _)| format!(" [{}]", String::from_utf8_lossy(marks)))
        .unwrap_or_default();
    let what = match mail.next_try {
        Some(_) => "waits",
        None => "was refused and is kept",
    };
    let made = report.made.with_timezone(&Local).format("%F %T %z");
    let fault = mail.fault.as_deref().unwrap_or_default();
    let queue = &report.queue;
    format!("The report{part} of queue {queue} of {made} {what}: {fault}")
}
