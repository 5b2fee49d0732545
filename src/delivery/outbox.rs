//! Reports on their way. A mail stays here until its server has taken it: plain data, the time
//! is passed in.

mod gate;
mod settle;
mod unsent;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::gate::Gate;
pub use self::settle::Settled;
use super::QueuedMail;
use crate::clock::Time;
use crate::report::{Report, Unsent};

/// All mails that nobody has taken yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outbox {
    mails: Vec<QueuedMail>,
    next_id: u64,
    /// The first Message-ID of each queue: what its later mails refer to.
    threads: BTreeMap<String, String>,
    /// When a lasting fault was told last, a mail.
    told: BTreeMap<u64, Time>,
    #[serde(skip)]
    in_flight: BTreeSet<u64>,
    #[serde(skip)]
    gate: Gate,
    /// What reports have told of the others.
    #[serde(skip)]
    told_in: unsent::Told,
    /// Mails of `[now]` queues whose sender or recipients are refused: the next would fare no
    /// better, so that their queues go on collecting.
    #[serde(skip)]
    blocking: BTreeSet<u64>,
    /// When each refused mail may be tried again at the earliest.
    #[serde(skip)]
    not_before: BTreeMap<u64, Time>,
}

impl Outbox {
    /// Takes a report in; it is to be sent at once. Gives the mail's number.
    pub fn push(&mut self, report: Report, now: Time, hostname: &str) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        // A blank would end the identifier.
        let hostname = hostname.replace(' ', "-");
        // Process and time make it unique over restarts without state, the number within one.
        let message_id = format!(
            "{}.{}.{id}.tenshi@{hostname}",
            now.timestamp_micros(),
            std::process::id()
        );
        let thread = self.threads.get(&report.queue).cloned();
        if thread.is_none() {
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

    /// The mails whose time has come; they are in flight from now on.
    /// A mail that is `held` (no snapshot has it yet) waits.
    pub fn start_due(&mut self, now: Time, held: &dyn Fn(u64) -> bool) -> Vec<QueuedMail> {
        let mut due = Vec::new();
        for index in 0..self.mails.len() {
            let Some(mail) = self.mails.get(index) else {
                break;
            };
            let ripe = self.ripe(mail, held).is_some_and(|time| time <= now);
            if ripe {
                self.in_flight.insert(mail.id);
                due.push(mail.clone());
            }
        }
        due
    }

    /// When a mail may be tried; nothing while it waits for something else than time.
    fn ripe(&self, mail: &QueuedMail, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let ripe = mail.next_try?;
        if self.in_flight.contains(&mail.id) || held(mail.id) {
            return None;
        }
        if !self.gate.is_shut() || !mail.is_for_server() {
            return Some(ripe);
        }
        // One mail tries whether the server lets us in by now; the others wait for what it finds.
        let mut flying = self.mails.iter().filter(|l| self.in_flight.contains(&l.id));
        match flying.any(QueuedMail::is_for_server) {
            true => None,
            false => Some(self.gate.opens(ripe)),
        }
    }

    /// How often a mail was tried; nothing if it is not here.
    pub fn attempts(&self, id: u64) -> Option<u32> {
        let mail = self.mails.iter().find(|mail| mail.id == id);
        mail.map(|mail| mail.attempts)
    }

    /// A queue's time has come again: what was refused is tried once more. A `[now]` queue's time
    /// comes with each line: what is refused again and again is tried after growing pauses.
    pub fn retry_queue(&mut self, queue: &str, now: Time) {
        for mail in self.mails.iter_mut().filter(|l| l.report.queue == queue) {
            let rests = self.not_before.get(&mail.id).is_some_and(|at| *at > now);
            if mail.next_try.is_none() && !rests {
                mail.next_try = Some(now);
            }
        }
    }

    /// A `[now]` queue has lines: what keeps them back is tried once more, after growing pauses.
    pub fn retry_blocking(&mut self, queue: &str, now: Time) {
        let blocks = |l: &&QueuedMail| l.report.queue == queue && self.blocking.contains(&l.id);
        if self.mails.iter().any(|mail| blocks(&mail)) {
            self.retry_queue(queue, now);
        }
    }

    /// The settings of mail have changed: what was found under the old ones does not count.
    pub fn forgive(&mut self, now: Time) {
        self.gate = Gate::default();
        self.retry_all(now);
    }

    /// Everything is tried now.
    pub fn retry_all(&mut self, now: Time) {
        self.gate.hurry();
        self.not_before.clear();
        for mail in &mut self.mails {
            mail.next_try = Some(now);
        }
    }

    /// When the next attempt is due; mails in flight and those `held` have none.
    pub fn next_try(&self, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let ripe = |mail| self.ripe(mail, held);
        self.mails.iter().filter_map(ripe).min()
    }

    /// What a new report is to tell of those that nobody has taken.
    pub fn unsent(&self, now: Time) -> Vec<Unsent> {
        self.told_in.unsent(&self.mails, now)
    }

    /// The mail `carrier` tells of these.
    pub fn carried(&mut self, mails: &[u64], carrier: u64) {
        self.told_in.carried(mails, carrier);
    }

    /// Whether a report of this queue was refused and waits for the queue's next time.
    pub fn has_rejected(&self, queue: &str) -> bool {
        self.mails
            .iter()
            .any(|l| l.report.queue == queue && l.next_try.is_none())
    }

    /// Whether a mail of this queue is on its way, waits for its server, or is refused as any other
    /// of the queue would be: the queue then goes on
    /// collecting, so that an outage makes one long report and not a thousand short ones.
    pub fn waiting(&self, queue: &str) -> bool {
        self.mails
            .iter()
            .filter(|l| l.report.queue == queue)
            .any(|l| l.next_try.is_some() || self.blocking.contains(&l.id))
    }

    /// How many mails are being delivered just now.
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
