//! What becomes of a mail after an attempt.

use std::time::Duration;

use super::Outbox;
use crate::clock::Time;
use crate::config::Address;
use crate::delivery::{Delivery, Outcome, QueuedMail, parts};
use crate::report::{Body, Report};

/// The first pause after a failed attempt; each further one is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// No pause is longer.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often a fault that lasts is told.
pub(super) const TOLD_EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Under this number it is noted when the mail server that does not let us in was told of last.
const SERVER: u64 = 0;

/// What an outcome changed.
#[derive(Debug, Default)]
pub struct Settled {
    /// The mail, if it is delivered and gone from the outbox.
    pub finished: Option<QueuedMail>,
    /// The mails that are its parts now: none may be sent before a snapshot holds all.
    pub parts: Vec<u64>,
    /// What to tell the admin.
    pub told: Vec<(log::Level, String)>,
}

impl Settled {
    fn tell(&mut self, level: log::Level, words: String) {
        self.told.push((level, words));
    }
}

impl Outbox {
    /// Takes the outcome of an attempt. A `[now]` queue's mail is tried again at each check, that
    /// is each `sleep`; others after growing pauses, for ever.
    pub fn settle(
        &mut self,
        outcome: &Outcome,
        now: Time,
        at_once: bool,
        sleep: Duration,
    ) -> Settled {
        self.in_flight.remove(&outcome.id);
        let mut settled = Settled::default();
        let Some(index) = self.mails.iter().position(|l| l.id == outcome.id) else {
            return settled;
        };
        let mail = &mut self.mails[index];
        mail.attempts += 1;
        if mail.filtered.is_none() {
            mail.filtered.clone_from(&outcome.filtered);
        }
        self.pass_gate(index, &outcome.result, &mut settled);
        let fixed = at_once.then_some(sleep);
        let told = &mut settled;
        match &outcome.result {
            Delivery::Accepted { rejected, deferred } => {
                self.note_rejected(index, rejected, told);
                if deferred.is_empty() {
                    self.finish(index, now, told);
                } else {
                    let words = self.keep_deferred(index, deferred);
                    self.postpone(index, words, now, fixed, told);
                }
            }
            Delivery::Deferred(fault) => self.postpone(index, fault.clone(), now, fixed, told),
            Delivery::AccessDenied(fault) => self.bar(index, fault, now, told),
            Delivery::EnvelopeRejected(why) => {
                if at_once {
                    self.blocking.insert(outcome.id);
                }
                self.refuse(index, why, now, told);
            }
            Delivery::ContentRejected(why) => self.refuse(index, why, now, told),
            Delivery::TooLarge { why, .. } if outcome.parts.is_empty() => {
                self.refuse(index, why, now, told);
            }
            Delivery::TooLarge { why, .. } => {
                self.split(index, &outcome.parts, why, now, told);
            }
        }
        settled
    }

    /// Whoever spoke of the mail itself has let us in.
    fn pass_gate(&mut self, index: usize, result: &Delivery, settled: &mut Settled) {
        let to_server = self.mails.get(index).is_some_and(QueuedMail::is_for_server);
        let inside = !matches!(result, Delivery::Deferred(_) | Delivery::AccessDenied(_));
        if to_server && inside && self.gate.open() {
            self.told.remove(&SERVER);
            settled.tell(log::Level::Warn, "the mail server lets us in again".into());
        }
    }

    fn note_rejected(
        &mut self,
        index: usize,
        rejected: &[(Address, String)],
        settled: &mut Settled,
    ) {
        let mail = &mut self.mails[index];
        for (address, reply) in rejected {
            let (queue, who) = (&mail.report.queue, address.as_str());
            let words = format!("queue {queue}: recipient {who} rejected: {reply}");
            settled.tell(log::Level::Error, words);
            mail.rejected.insert(address.clone(), reply.clone());
        }
    }

    /// Nobody is left who does not have it.
    fn finish(&mut self, index: usize, now: Time, settled: &mut Settled) {
        let mail = self.mails.remove(index);
        if self.told.remove(&mail.id).is_some() {
            let queue = &mail.report.queue;
            let words = format!("queue {queue}: the report was delivered at last");
            settled.tell(log::Level::Warn, words);
        }
        self.not_before.remove(&mail.id);
        self.blocking.remove(&mail.id);
        self.told_in.taken(mail.id, now);
        settled.finished = Some(mail);
    }

    /// Keeps the mail for those who could not take it now, and says why.
    fn keep_deferred(&mut self, index: usize, deferred: &[(Address, String)]) -> String {
        let mail = &mut self.mails[index];
        let waits = |address: &Address| deferred.iter().any(|(late, _)| late == address);
        let (rest, done): (Vec<_>, Vec<_>) = std::mem::take(&mut mail.report.recipients)
            .into_iter()
            .partition(waits);
        let rejected = &mail.rejected;
        mail.done
            .extend(done.into_iter().filter(|a| !rejected.contains_key(a)));
        mail.report.recipients = rest;
        let words: Vec<String> = deferred
            .iter()
            .map(|(a, reply)| format!("{}: {reply}", a.as_str()))
            .collect();
        words.join("; ")
    }

    fn postpone(
        &mut self,
        index: usize,
        fault: String,
        now: Time,
        fixed: Option<Duration>,
        settled: &mut Settled,
    ) {
        if self.gate.is_shut() && self.mails.get(index).is_some_and(QueuedMail::is_for_server) {
            self.gate.wait(now);
        }
        let mail = &mut self.mails[index];
        let pause = fixed.map_or(pause(mail.attempts), |sleep| {
            sleep.max(Duration::from_secs(1))
        });
        mail.next_try = Some(now + pause);
        let id = mail.id;
        let queue = &mail.report.queue;
        let words = format!("queue {queue}: the report waits and is tried again: {fault}");
        mail.fault = Some(fault);
        self.tell_daily(id, words, now, settled);
    }

    /// The server does not let us in: that is no mail's fault, and is told once for all.
    fn bar(&mut self, index: usize, fault: &str, now: Time, settled: &mut Settled) {
        let next = self.gate.shut(now);
        let mail = &mut self.mails[index];
        mail.next_try = Some(now + pause(mail.attempts));
        mail.fault = Some(fault.to_owned());
        let seconds = (next - now).num_seconds();
        let words = format!(
            "no report leaves until somebody puts it right: {fault} (tried again in {seconds} s, \
             then after growing pauses of up to an hour, and at SIGHUP or SIGUSR2)"
        );
        self.tell_daily(SERVER, words, now, settled);
    }

    fn refuse(&mut self, index: usize, fault: &str, now: Time, settled: &mut Settled) {
        let mail = &mut self.mails[index];
        mail.fault = Some(fault.to_owned());
        mail.next_try = None;
        let (id, queue) = (mail.id, &mail.report.queue);
        let words = format!(
            "queue {queue}: the report was refused, it is kept and tried again at the queue's next \
             time: {fault}"
        );
        if mail.attempts > 1 {
            let at = now + pause(mail.attempts - 1);
            self.not_before.insert(id, at);
        }
        self.tell_daily(id, words, now, settled);
    }

    /// Puts the parts of a mail in its place. The first keeps its number and Message-ID.
    fn split(
        &mut self,
        index: usize,
        bodies: &[Body],
        why: &str,
        now: Time,
        settled: &mut Settled,
    ) {
        let whole = self.mails.remove(index);
        let count = bodies.len();
        let queue = &whole.report.queue;
        let words = format!("queue {queue}: the report goes in {count} parts: {why}");
        settled.tell(log::Level::Warn, words);
        let (local, host) = whole
            .message_id
            .split_once('@')
            .unwrap_or((&whole.message_id, ""));
        let thread: Vec<&str> = whole
            .thread
            .iter()
            .map(String::as_str)
            .chain([whole.message_id.as_str()])
            .collect();
        for (at, body) in bodies.iter().enumerate() {
            let mut part = QueuedMail {
                id: whole.id,
                message_id: whole.message_id.clone(),
                thread: whole.thread.clone(),
                report: Report {
                    body: body.clone(),
                    subject: parts::mark(&whole.report.subject, at + 1, count),
                    ..without_body(&whole.report)
                },
                filtered: None,
                attempts: whole.attempts,
                done: whole.done.clone(),
                rejected: whole.rejected.clone(),
                fault: None,
                next_try: Some(now),
            };
            if whole.filtered.is_some() {
                // The filter has run, and is not to be run on its own output.
                part.filtered = Some(std::mem::take(&mut part.report.body));
            }
            if at > 0 {
                self.next_id += 1;
                part.id = self.next_id;
                part.message_id = format!("{local}.{}@{host}", part.id);
                part.thread = Some(thread.join(" "));
                part.attempts = 0;
            }
            settled.parts.push(part.id);
            self.mails.insert(index + at, part);
        }
    }

    /// Tells of a fault that lasts at its beginning and then each day.
    fn tell_daily(&mut self, id: u64, words: String, now: Time, settled: &mut Settled) {
        let last = self.told.get(&id);
        if last.is_none_or(|&last| now - last >= TOLD_EVERY) {
            self.told.insert(id, now);
            settled.tell(log::Level::Error, words);
        }
    }
}

/// The pause after so many attempts.
fn pause(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE)
}

/// A report without its text, which may be large.
fn without_body(report: &Report) -> Report {
    Report {
        queue: report.queue.clone(),
        from: report.from.clone(),
        sender: report.sender.clone(),
        to: report.to.clone(),
        recipients: report.recipients.clone(),
        subject: report.subject.clone(),
        start: report.start,
        made: report.made,
        body: Body::default(),
        pager: report.pager,
    }
}
