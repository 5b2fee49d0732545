//! What becomes of a letter after an attempt.

use std::time::Duration;

use super::Outbox;
use crate::clock::Time;
use crate::config::Address;
use crate::delivery::{Delivery, Letter, Outcome, parts};
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
    /// The letter, if it is delivered and gone from the outbox.
    pub finished: Option<Letter>,
    /// The letters that are its parts now: none may be sent before a snapshot holds all.
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
    /// Takes the outcome of an attempt. A `[now]` queue's letter is tried again at each check, that
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
        let Some(index) = self.letters.iter().position(|l| l.id == outcome.id) else {
            return settled;
        };
        let letter = &mut self.letters[index];
        letter.attempts += 1;
        if letter.filtered.is_none() {
            letter.filtered.clone_from(&outcome.filtered);
        }
        self.pass_gate(index, &outcome.result, &mut settled);
        let fixed = at_once.then_some(sleep);
        let told = &mut settled;
        match &outcome.result {
            Delivery::Taken { refused, later } => {
                self.note_refused(index, refused, told);
                if later.is_empty() {
                    self.finish(index, now, told);
                } else {
                    let words = self.keep_later(index, later);
                    self.postpone(index, words, now, fixed, told);
                }
            }
            Delivery::Later(fault) => self.postpone(index, fault.clone(), now, fixed, told),
            Delivery::Barred(fault) => self.bar(index, fault, now, told),
            Delivery::Rejected(why) => {
                if at_once {
                    self.blocking.insert(outcome.id);
                }
                self.refuse(index, why, now, told);
            }
            Delivery::Refused(why) => self.refuse(index, why, now, told),
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
        let mail = self.letters.get(index).is_some_and(Letter::is_mail);
        let inside = !matches!(result, Delivery::Later(_) | Delivery::Barred(_));
        if mail && inside && self.gate.open() {
            self.told.remove(&SERVER);
            settled.tell(log::Level::Warn, "the mail server lets us in again".into());
        }
    }

    fn note_refused(&mut self, index: usize, refused: &[(Address, String)], settled: &mut Settled) {
        let letter = &mut self.letters[index];
        for (address, reply) in refused {
            let (queue, who) = (&letter.report.queue, address.as_str());
            let words = format!("queue {queue}: recipient {who} rejected: {reply}");
            settled.tell(log::Level::Error, words);
            letter.refused.insert(address.clone(), reply.clone());
        }
    }

    /// Nobody is left who does not have it.
    fn finish(&mut self, index: usize, now: Time, settled: &mut Settled) {
        let letter = self.letters.remove(index);
        if self.told.remove(&letter.id).is_some() {
            let queue = &letter.report.queue;
            let words = format!("queue {queue}: the report was delivered at last");
            settled.tell(log::Level::Warn, words);
        }
        self.not_before.remove(&letter.id);
        self.blocking.remove(&letter.id);
        self.told_in.taken(letter.id, now);
        settled.finished = Some(letter);
    }

    /// Keeps the letter for those who could not take it now, and says why.
    fn keep_later(&mut self, index: usize, later: &[(Address, String)]) -> String {
        let letter = &mut self.letters[index];
        let waits = |address: &Address| later.iter().any(|(late, _)| late == address);
        let (rest, done): (Vec<_>, Vec<_>) = std::mem::take(&mut letter.report.recipients)
            .into_iter()
            .partition(waits);
        let refused = &letter.refused;
        letter
            .done
            .extend(done.into_iter().filter(|a| !refused.contains_key(a)));
        letter.report.recipients = rest;
        let words: Vec<String> = later
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
        if self.gate.is_shut() && self.letters.get(index).is_some_and(Letter::is_mail) {
            self.gate.wait(now);
        }
        let letter = &mut self.letters[index];
        let pause = fixed.map_or(pause(letter.attempts), |sleep| {
            sleep.max(Duration::from_secs(1))
        });
        letter.next_try = Some(now + pause);
        let id = letter.id;
        let queue = &letter.report.queue;
        let words = format!("queue {queue}: the report waits and is tried again: {fault}");
        letter.fault = Some(fault);
        self.tell_daily(id, words, now, settled);
    }

    /// The server does not let us in: that is no letter's fault, and is told once for all.
    fn bar(&mut self, index: usize, fault: &str, now: Time, settled: &mut Settled) {
        let next = self.gate.shut(now);
        let letter = &mut self.letters[index];
        letter.next_try = Some(now + pause(letter.attempts));
        letter.fault = Some(fault.to_owned());
        let seconds = (next - now).num_seconds();
        let words = format!(
            "no report leaves until somebody puts it right: {fault} (tried again in {seconds} s, \
             then after growing pauses of up to an hour, and at SIGHUP or SIGUSR2)"
        );
        self.tell_daily(SERVER, words, now, settled);
    }

    fn refuse(&mut self, index: usize, fault: &str, now: Time, settled: &mut Settled) {
        let letter = &mut self.letters[index];
        letter.fault = Some(fault.to_owned());
        letter.next_try = None;
        let (id, queue) = (letter.id, &letter.report.queue);
        let words = format!(
            "queue {queue}: the report was refused, it is kept and tried again at the queue's next \
             time: {fault}"
        );
        if letter.attempts > 1 {
            let at = now + pause(letter.attempts - 1);
            self.not_before.insert(id, at);
        }
        self.tell_daily(id, words, now, settled);
    }

    /// Puts the parts of a letter in its place. The first keeps its number and Message-ID.
    fn split(
        &mut self,
        index: usize,
        bodies: &[Body],
        why: &str,
        now: Time,
        settled: &mut Settled,
    ) {
        let whole = self.letters.remove(index);
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
            let mut part = Letter {
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
                refused: whole.refused.clone(),
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
            self.letters.insert(index + at, part);
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
