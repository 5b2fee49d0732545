//! Notices of undelivered reports: the next report of any queue mentions them, since its readers
//! would not hear of them otherwise.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Local;

use crate::clock::Time;
use crate::delivery::QueuedMail;
use crate::delivery::marks::marks;
use crate::report::Unsent;

/// The most mails that a report names; of more, it gives their number.
const NAMED: usize = 5;
/// An undelivered mail that a report has mentioned is mentioned again after this time.
const AGAIN: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Which undelivered mails were mentioned, and in which reports.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Notices {
    /// The mails that mention an undelivered mail, by its number: not delivered yet themselves.
    carriers: BTreeMap<u64, BTreeSet<u64>>,
    /// When a report that mentions an undelivered mail was delivered, by its number.
    mentioned: BTreeMap<u64, Time>,
}

impl Notices {
    /// The mails to be mentioned: tried, not delivered, and not mentioned lately by a report that was
    /// delivered.
    pub(super) fn unsent(&self, mails: &[QueuedMail], now: Time) -> Vec<Unsent> {
        let new = |mail: &&QueuedMail| {
            let last = self.mentioned.get(&mail.id);
            mail.fault.is_some() && last.is_none_or(|&last| now - last >= AGAIN)
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

    /// The mail `carrier` mentions these.
    pub(super) fn carried(&mut self, mails: &[u64], carrier: u64) {
        for mail in mails {
            self.carriers.entry(*mail).or_default().insert(carrier);
        }
    }

    /// To be called when the clock may have been set back.
    pub(super) fn clock_was_set(&mut self, now: Time) {
        for mentioned in self.mentioned.values_mut() {
            *mentioned = now.min(*mentioned);
        }
    }

    /// A mail was delivered: those that it mentions count as mentioned.
    pub(super) fn delivered(&mut self, delivered: u64, now: Time) {
        self.carriers.remove(&delivered);
        self.mentioned.remove(&delivered);
        let mentioned = &mut self.mentioned;
        self.carriers.retain(|mail, carriers| {
            let carried = carriers.contains(&delivered);
            if carried {
                mentioned.insert(*mail, now);
            }
            !carried
        });
    }
}

fn words(mail: &QueuedMail) -> String {
    let report = &mail.report;
    let part = marks(&report.subject)
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
