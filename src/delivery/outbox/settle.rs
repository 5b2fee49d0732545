//! The rules after an attempt: a mail is finished, tried again after a pause, kept as refused, or
//! cut into parts.

use std::time::Duration;

use super::Outbox;
use crate::clock::Time;
use crate::config::Address;
use crate::delivery::marks::mark;
use crate::delivery::{AttemptResult, Delivery, QueuedMail};
use crate::report::{Body, Report};

/// The first pause after a failed attempt; each further one is twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// No pause is longer.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// A fault that lasts is logged once in this time.
pub(super) const LOGGED_EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// The number that stands for the mail server among the mails whose faults were logged.
const SERVER: u64 = 0;

/// The changes that an attempt made.
#[derive(Debug, Default)]
pub struct Settled {
    /// The mail, if it is delivered and gone from the outbox.
    pub finished: Option<QueuedMail>,
    /// The mails that are its parts now: none may be sent before a snapshot holds all.
    pub parts: Vec<u64>,
    /// Messages for the log.
    pub messages: Vec<(log::Level, String)>,
}

impl Settled {
    fn log(&mut self, level: log::Level, words: String) {
        self.messages.push((level, words));
    }
}

impl Outbox {
    /// Takes the result of an attempt. A `[now]` queue's mail to a server is tried again at each check, that
    /// is each `sleep`; others after growing pauses, for ever.
    pub fn settle(
        &mut self,
        attempt: &AttemptResult,
        now: Time,
        at_once: bool,
        sleep: Duration,
    ) -> Settled {
        self.in_flight.remove(&attempt.id);
        let mut settled = Settled::default();
        let Some(index) = self.mails.iter().position(|mail| mail.id == attempt.id) else {
            return settled;
        };
        let mail = &mut self.mails[index];
        // A program of `set notify` is run after growing pauses: no queue waits for it.
        let fixed = (at_once && mail.report.notification.is_none()).then_some(sleep);
        mail.attempts += 1;
        if mail.filtered.is_none() {
            mail.filtered.clone_from(&attempt.filtered);
        }
        self.note_access(index, &attempt.delivery, &mut settled);
        let changes = &mut settled;
        match &attempt.delivery {
            Delivery::Accepted { rejected, deferred } => {
                self.note_rejected(index, rejected, changes);
                if deferred.is_empty() {
                    self.finish(index, now, changes);
                } else {
                    let words = self.keep_deferred(index, deferred);
                    self.postpone(index, words, now, fixed, changes);
                }
            }
            Delivery::Deferred(fault) => self.postpone(index, fault.clone(), now, fixed, changes),
            Delivery::AccessDenied(fault) => self.access_denied(index, fault, now, changes),
            Delivery::EnvelopeRejected(why) => {
                if at_once {
                    self.blocking.insert(attempt.id);
                }
                self.refuse(index, why, now, changes);
            }
            Delivery::ContentRejected(why) => self.refuse(index, why, now, changes),
            Delivery::TooLarge { why, .. } if attempt.parts.is_empty() => {
                self.refuse(index, why, now, changes);
            }
            Delivery::TooLarge { why, .. } => {
                self.split(index, &attempt.parts, why, now, changes);
            }
        }
        self.outdated.remove(&attempt.id);
        settled
    }

    /// A server that answered about the mail itself has let us in.
    fn note_access(&mut self, index: usize, result: &Delivery, settled: &mut Settled) {
        let to_server = self.mails.get(index).is_some_and(QueuedMail::is_for_server);
        let answered = !matches!(result, Delivery::Deferred(_) | Delivery::AccessDenied(_));
        if to_server && answered && self.backoff.granted() {
            self.logged.remove(&SERVER);
            settled.log(log::Level::Warn, "the mail server lets us in again".into());
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
            settled.log(log::Level::Error, words);
            mail.rejected.insert(address.clone(), reply.clone());
        }
    }

    /// The mail is delivered: no recipient is left that could still accept it.
    fn finish(&mut self, index: usize, now: Time, settled: &mut Settled) {
        let mail = self.mails.remove(index);
        if self.logged.remove(&mail.id).is_some() {
            let queue = &mail.report.queue;
            let words = format!("queue {queue}: the report was delivered at last");
            settled.log(log::Level::Warn, words);
        }
        self.not_before.remove(&mail.id);
        self.blocking.remove(&mail.id);
        self.notices.delivered(mail.id, now);
        if let Some(notification) = &mail.report.notification {
            self.left_out.remove(&notification.program);
        }
        settled.finished = Some(mail);
    }

    /// Keeps the mail for the recipients that were refused for now; the text is their replies.
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

    /// Tries the mail again after a pause: `fixed`, or one that grows with its attempts.
    fn postpone(
        &mut self,
        index: usize,
        fault: String,
        now: Time,
        fixed: Option<Duration>,
        settled: &mut Settled,
    ) {
        let outdated = self.mails.get(index);
        let outdated = outdated.is_some_and(|mail| self.outdated.contains(&mail.id));
        if self.backoff.is_active() && self.mails.get(index).is_some_and(QueuedMail::is_for_server)
        {
            self.backoff.unreachable(now);
        }
        let mail = &mut self.mails[index];
        let pause = match fixed {
            // The next attempt is the first one under these settings.
            _ if outdated => Duration::ZERO,
            Some(sleep) => sleep.max(Duration::from_secs(1)),
            None => pause(mail.attempts),
        };
        mail.next_try = Some(now + pause);
        let id = mail.id;
        let queue = &mail.report.queue;
        let words = format!("queue {queue}: the report waits and is tried again: {fault}");
        mail.fault = Some(fault);
        self.log_daily(id, words, now, settled);
    }

    /// The server does not let us in: that is no mail's fault, and is logged once for all mails.
    fn access_denied(&mut self, index: usize, fault: &str, now: Time, settled: &mut Settled) {
        let next = self.backoff.denied(now);
        let mail = &mut self.mails[index];
        mail.next_try = Some(now + pause(mail.attempts));
        mail.fault = Some(fault.to_owned());
        let seconds = (next - now).num_seconds();
        let words = format!(
            "no report leaves until somebody puts it right: {fault} (tried again in {seconds} s, \
             then after growing pauses of up to an hour, and at SIGHUP or SIGUSR2)"
        );
        self.log_daily(SERVER, words, now, settled);
    }

    /// Keeps a refused mail until its queue's next time.
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
        self.log_daily(id, words, now, settled);
    }

    /// Puts the parts of a mail in its place. The first part keeps its number and Message-ID.
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
        let words = match count {
            1 => format!("queue {queue}: the report goes as text, without HTML: {why}"),
            _ => format!("queue {queue}: the report goes in {count} parts: {why}"),
        };
        settled.log(log::Level::Warn, words);
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
                    subject: mark(&whole.report.subject, at + 1, count),
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

    /// Logs a fault that lasts: when it begins, and then each day.
    fn log_daily(&mut self, id: u64, words: String, now: Time, settled: &mut Settled) {
        let last = self.logged.get(&id);
        if last.is_none_or(|&last| now - last >= LOGGED_EVERY) {
            self.logged.insert(id, now);
            settled.log(log::Level::Error, words);
        }
    }
}

/// The pause after this number of attempts: it doubles with each, up to the longest.
pub(super) fn pause(attempts: u32) -> Duration {
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
        notification: report.notification.clone(),
    }
}
