//! The outbox: every report that is not delivered yet, as plain data. The time is passed in.
//!
//! A mail stays here until an output has accepted it for every recipient. What becomes of it after
//! an attempt is decided in `settle`.

mod backoff;
mod change;
mod programs;
mod settle;
mod unsent;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::backoff::ServerBackoff;
pub use self::change::OutboxChange;
pub use self::settle::Settled;
use super::QueuedMail;
use crate::clock::Time;
use crate::report::{Report, Unsent};

/// All mails that are not delivered yet. Snapshots hold the first four fields, in this order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outbox {
    /// The mails, oldest first; the parts of one that was cut stand together.
    mails: Vec<QueuedMail>,
    /// The number of the newest mail.
    next_id: u64,
    /// The first Message-ID of each queue: its later mails refer to it.
    threads: BTreeMap<String, String>,
    /// When the lasting fault of each mail was logged last.
    logged: BTreeMap<u64, Time>,
    /// The mails that a worker has.
    #[serde(skip)]
    in_flight: BTreeSet<u64>,
    #[serde(skip)]
    backoff: ServerBackoff,
    /// Which undelivered mails later reports have mentioned.
    #[serde(skip)]
    notices: unsent::Notices,
    /// Mails of `[now]` queues whose sender or recipients are refused: the next mail would fare no
    /// better, so that their queues go on collecting.
    #[serde(skip)]
    blocking: BTreeSet<u64>,
    /// The earliest time at which each refused mail may be tried again.
    #[serde(skip)]
    not_before: BTreeMap<u64, Time>,
    /// The mails that a worker had when the settings changed: its attempt was one under the old ones.
    #[serde(skip)]
    outdated: BTreeSet<u64>,
    /// The reports for programs of `set notify` that came in this run and were handed to no worker: a run before
    /// may have handed out any other one, and kept no note of it.
    #[serde(skip)]
    unseen: BTreeSet<u64>,
    /// The programs of `set notify` for which reports were left out since they took one.
    #[serde(skip)]
    left_out: BTreeSet<String>,
}

impl Outbox {
    /// Takes a report in, to be sent at once. Gives the number of its mail.
    pub fn push(&mut self, report: Report, now: Time, hostname: &str) -> u64 {
        let id = self.next_id + 1;
        // A blank would end the identifier.
        let hostname = hostname.replace(' ', "-");
        // Process and time make it unique over restarts without state, the number within one.
        let message_id = format!(
            "{}.{}.{id}.tenshi@{hostname}",
            now.timestamp_micros(),
            std::process::id()
        );
        self.push_as(report, now, message_id)
    }

    /// As [`Self::push`], under this Message-ID.
    pub fn push_as(&mut self, report: Report, now: Time, message_id: String) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let mailed = report.notification.is_none();
        let thread = self.threads.get(&report.queue).filter(|_| mailed).cloned();
        if thread.is_none() && mailed {
            self.threads
                .insert(report.queue.clone(), message_id.clone());
        }
        self.mails.push(QueuedMail {
            id,
            message_id,
            thread,
            report,
            filtered: None,
            attempts: 0,
            done: Vec::new(),
            rejected: BTreeMap::new(),
            fault: None,
            next_try: Some(now),
        });
        id
    }

    /// The mails whose time has come; they are in flight from now on. A mail that is `held`, since
    /// no snapshot has it yet, waits.
    pub fn start_due(&mut self, now: Time, held: &dyn Fn(u64) -> bool) -> Vec<QueuedMail> {
        let mut started = Vec::new();
        for index in 0..self.mails.len() {
            let Some(mail) = self.mails.get(index) else {
                break;
            };
            if self.due_at(mail, held).is_some_and(|due| due <= now) {
                self.in_flight.insert(mail.id);
                self.unseen.remove(&mail.id);
                started.push(mail.clone());
            }
        }
        started
    }

    /// When a mail may be tried; `None` while it waits for something else than time.
    fn due_at(&self, mail: &QueuedMail, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let due = mail.next_try?;
        if self.in_flight.contains(&mail.id) || held(mail.id) || self.is_behind(mail) {
            return None;
        }
        if !self.backoff.is_active() || !mail.is_for_server() {
            return Some(due);
        }
        // One mail tries whether the server lets us in by now; the others wait for its result.
        let in_flight = |mail: &&QueuedMail| self.in_flight.contains(&mail.id);
        match self
            .mails
            .iter()
            .filter(in_flight)
            .any(|m| m.is_for_server())
        {
            true => None,
            false => Some(self.backoff.not_before(due)),
        }
    }

    /// How many attempts were made with a mail; `None` if it is not here.
    pub fn attempts(&self, id: u64) -> Option<u32> {
        self.get(id).map(|mail| mail.attempts)
    }

    /// The mail of this number, if it is here.
    pub fn get(&self, id: u64) -> Option<&QueuedMail> {
        self.mails.iter().find(|mail| mail.id == id)
    }

    /// Tries the refused mails of a queue once more, since the queue's time has come again. The
    /// time of a `[now]` queue comes with each line: a mail that is refused again and again is
    /// tried after growing pauses.
    pub fn retry_queue(&mut self, queue: &str, now: Time) {
        for mail in self.mails.iter_mut().filter(|m| m.report.queue == queue) {
            let pauses = self.not_before.get(&mail.id).is_some_and(|at| *at > now);
            if mail.next_try.is_none() && !pauses {
                mail.next_try = Some(now);
            }
        }
    }

    /// Tries the mail that keeps a `[now]` queue collecting once more, after growing pauses.
    pub fn retry_blocking(&mut self, queue: &str, now: Time) {
        let blocks =
            |mail: &QueuedMail| mail.report.queue == queue && self.blocking.contains(&mail.id);
        if self.mails.iter().any(blocks) {
            self.retry_queue(queue, now);
        }
    }

    /// Tries everything now, under other settings of mail: what the server answered under the old
    /// ones does not count.
    pub fn settings_changed(&mut self, now: Time) {
        self.backoff = ServerBackoff::default();
        self.outdated.clone_from(&self.in_flight);
        self.retry_all(now);
    }

    /// Tries everything now.
    pub fn retry_all(&mut self, now: Time) {
        self.backoff.end_pause();
        self.not_before.clear();
        for mail in &mut self.mails {
            mail.next_try = Some(now);
        }
    }

    /// To be called when the clock may have been set back, and with an outbox of a run before: no mail waits for longer
    /// than its pause may be, nor was one made, tried or told of at a time that is still to come.
    pub fn clock_was_set(&mut self, now: Time) {
        self.backoff.clock_was_set(now);
        for mail in &mut self.mails {
            let latest = now + settle::pause(mail.attempts);
            mail.next_try = mail.next_try.map(|next| next.min(latest));
            mail.report.made = mail.report.made.min(now);
            if let Some(not_before) = self.not_before.get_mut(&mail.id) {
                *not_before = latest.min(*not_before);
            }
        }
        for logged in self.logged.values_mut() {
            *logged = now.min(*logged);
        }
        self.notices.clock_was_set(now);
    }

    /// When the next attempt is due; mails in flight and those `held` have none.
    pub fn next_try(&self, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let due = |mail| self.due_at(mail, held);
        self.mails.iter().filter_map(due).min()
    }

    /// The undelivered reports that a new report is to mention.
    pub fn unsent(&self, now: Time) -> Vec<Unsent> {
        self.notices.unsent(&self.mails, now)
    }

    /// Notes that the mail `carrier` mentions these undelivered mails.
    pub fn carried(&mut self, mails: &[u64], carrier: u64) {
        self.notices.carried(mails, carrier);
    }

    /// Whether a report of this queue was refused and waits for the queue's next time.
    pub fn has_rejected(&self, queue: &str) -> bool {
        self.mails
            .iter()
            .any(|mail| mail.report.queue == queue && mail.next_try.is_none())
    }

    /// Whether a mail of this queue is on its way, waits for its server, or is refused as any other
    /// mail of the queue would be. The queue then goes on collecting, so that an outage makes one
    /// long report and not a thousand short ones. Programs of `set notify` are no reason to wait.
    pub fn waiting(&self, queue: &str) -> bool {
        self.mails
            .iter()
            .filter(|mail| mail.report.queue == queue && mail.report.notification.is_none())
            .any(|mail| mail.next_try.is_some() || self.blocking.contains(&mail.id))
    }

    /// How many mails the workers have just now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether everything was delivered.
    pub fn is_empty(&self) -> bool {
        self.mails.is_empty()
    }

    /// The mails, oldest first.
    pub fn mails(&self) -> &[QueuedMail] {
        &self.mails
    }
}

#[cfg(test)]
mod tests;
