//! What a commit changed in the outbox. A report may be large: its text is written once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Outbox;
use crate::clock::Time;
use crate::delivery::QueuedMail;
use crate::report::Body;

/// The changes of an outbox since the last commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct OutboxChange {
    /// All mails, oldest first.
    mails: Vec<MailChange>,
    next_id: u64,
    /// The first Message-ID of each queue, if there is a new one.
    threads: Option<BTreeMap<String, String>>,
    /// When lasting faults were logged, if that changed.
    logged: Option<BTreeMap<u64, Time>>,
}

/// A mail as a commit changed it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum MailChange {
    /// The mail of this number is as it was.
    Same(u64),
    /// The mail is new, or has changed. A text that `same_body` or `same_filtered` says to be unchanged is left out:
    /// the commit before has it.
    Changed {
        mail: Box<QueuedMail>,
        same_body: bool,
        same_filtered: bool,
    },
}

/// Whether two bodies are one text in memory, not only equal ones.
fn same(a: &Body, b: &Body) -> bool {
    a.is(b)
}

impl MailChange {
    fn new(before: Option<&QueuedMail>, now: &QueuedMail) -> Self {
        let Some(before) = before else {
            return Self::Changed {
                mail: Box::new(now.clone()),
                same_body: false,
                same_filtered: false,
            };
        };
        let same_body = same(&before.report.body, &now.report.body);
        let same_filtered = match (&before.filtered, &now.filtered) {
            (Some(before), Some(now)) => same(before, now),
            (None, None) => true,
            _ => false,
        };
        if same_body && same_filtered && before == now {
            return Self::Same(now.id);
        }
        let mut mail = Box::new(now.clone());
        if same_body {
            mail.report.body = Body::default();
        }
        if same_filtered {
            mail.filtered = None;
        }
        Self::Changed {
            mail,
            same_body,
            same_filtered,
        }
    }

    fn make(self, before: &BTreeMap<u64, QueuedMail>) -> Result<QueuedMail, String> {
        let known = |id: u64| {
            let known = before.get(&id);
            known.ok_or_else(|| format!("there is no mail {id}"))
        };
        match self {
            Self::Same(id) => known(id).cloned(),
            Self::Changed {
                mut mail,
                same_body,
                same_filtered,
            } => {
                if same_body {
                    mail.report.body.clone_from(&known(mail.id)?.report.body);
                }
                if same_filtered {
                    mail.filtered.clone_from(&known(mail.id)?.filtered);
                }
                Ok(*mail)
            }
        }
    }
}

impl Outbox {
    /// The changes since the outbox of the last commit; nothing if there are none.
    pub fn changes_since(&self, before: &Self) -> Option<OutboxChange> {
        let by_number: BTreeMap<u64, &QueuedMail> =
            before.mails.iter().map(|mail| (mail.id, mail)).collect();
        let change = |mail: &QueuedMail| MailChange::new(by_number.get(&mail.id).copied(), mail);
        let mails: Vec<MailChange> = self.mails.iter().map(change).collect();
        let stayed = mails
            .iter()
            .zip(&before.mails)
            .all(|(change, mail)| *change == MailChange::Same(mail.id));
        let other_threads = (self.threads != before.threads).then(|| self.threads.clone());
        let other_logged = (self.logged != before.logged).then(|| self.logged.clone());
        let same = stayed
            && mails.len() == before.mails.len()
            && self.next_id == before.next_id
            && other_threads.is_none()
            && other_logged.is_none();
        (!same).then_some(OutboxChange {
            mails,
            next_id: self.next_id,
            threads: other_threads,
            logged: other_logged,
        })
    }

    /// Makes the changes of a commit to the outbox of the commit before.
    ///
    /// # Errors
    /// The changes do not fit this outbox.
    pub fn make(&mut self, change: OutboxChange) -> Result<(), String> {
        let before = std::mem::take(&mut self.mails);
        let before = before.into_iter().map(|mail| (mail.id, mail)).collect();
        let mails = change.mails.into_iter().map(|mail| mail.make(&before));
        self.mails = mails.collect::<Result<_, _>>()?;
        self.next_id = change.next_id;
        if let Some(threads) = change.threads {
            self.threads = threads;
        }
        if let Some(logged) = change.logged {
            self.logged = logged;
        }
        Ok(())
    }
}
