//! Reports on their way. A letter stays here until its server has taken it: plain data, the time
//! is passed in.

mod gate;
mod unsent;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::gate::Gate;
use super::{Delivery, Letter, Outcome, parts};
use crate::clock::Time;
use crate::config::Address;
use crate::report::{Body, Report, Unsent};

/// The first pause after a failed attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often a fault that lasts is told.
const TOLD_EVERY: chrono::TimeDelta = chrono::TimeDelta::hours(24);
/// Under this number it is noted when the mail server that does not let us in was told of last.
const SERVER: u64 = 0;

/// All letters that nobody has taken yet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Outbox {
    letters: Vec<Letter>,
    next_id: u64,
    /// The first Message-ID of each queue: what its later mails refer to.
    threads: BTreeMap<String, String>,
    /// When a lasting fault was told last, a letter.
    told: BTreeMap<u64, Time>,
    #[serde(skip)]
    in_flight: BTreeSet<u64>,
    #[serde(skip)]
    gate: Gate,
    /// What reports have told of the others.
    #[serde(skip)]
    told_in: unsent::Told,
    /// When each refused letter may be tried again at the earliest.
    #[serde(skip)]
    not_before: BTreeMap<u64, Time>,
}

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
    /// Takes a report in; it is to be sent at once. Gives the letter's number.
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
        self.letters.push(Letter {
            id,
            message_id,
            thread,
            report,
            filtered: None,
            attempts: 0,
            done: Vec::new(),
            refused: BTreeMap::new(),
            fault: None,
            next_try: Some(now),
        });
        id
    }

    /// The letters whose time has come; they are in flight from now on.
    /// A letter that is `held` (no snapshot has it yet) waits.
    pub fn start_due(&mut self, now: Time, held: &dyn Fn(u64) -> bool) -> Vec<Letter> {
        let mut due = Vec::new();
        for index in 0..self.letters.len() {
            let Some(letter) = self.letters.get(index) else {
                break;
            };
            let ripe = self.ripe(letter, held).is_some_and(|time| time <= now);
            if ripe {
                self.in_flight.insert(letter.id);
                due.push(letter.clone());
            }
        }
        due
    }

    /// When a letter may be tried; nothing while it waits for something else than time.
    fn ripe(&self, letter: &Letter, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let ripe = letter.next_try?;
        if self.in_flight.contains(&letter.id) || held(letter.id) {
            return None;
        }
        if !self.gate.is_shut() || !letter.is_mail() {
            return Some(ripe);
        }
        // One letter tries whether the server lets us in by now; the others wait for what it finds.
        let mut flying = self
            .letters
            .iter()
            .filter(|l| self.in_flight.contains(&l.id));
        match flying.any(Letter::is_mail) {
            true => None,
            false => Some(self.gate.opens(ripe)),
        }
    }

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

    /// How often a letter was tried; nothing if it is not here.
    pub fn attempts(&self, id: u64) -> Option<u32> {
        let letter = self.letters.iter().find(|letter| letter.id == id);
        letter.map(|letter| letter.attempts)
    }

    /// A queue's time has come again: what was refused is tried once more. A `[now]` queue's time
    /// comes with each line: what is refused again and again is tried after growing pauses.
    pub fn retry_queue(&mut self, queue: &str, now: Time) {
        for letter in self.letters.iter_mut().filter(|l| l.report.queue == queue) {
            let rests = self.not_before.get(&letter.id).is_some_and(|at| *at > now);
            if letter.next_try.is_none() && !rests {
                letter.next_try = Some(now);
            }
        }
    }

    /// Everything is tried now.
    pub fn retry_all(&mut self, now: Time) {
        self.gate.hurry();
        self.not_before.clear();
        for letter in &mut self.letters {
            letter.next_try = Some(now);
        }
    }

    /// When the next attempt is due; letters in flight and those `held` have none.
    pub fn next_try(&self, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let ripe = |letter| self.ripe(letter, held);
        self.letters.iter().filter_map(ripe).min()
    }

    /// What a new report is to tell of those that nobody has taken.
    pub fn unsent(&self, now: Time) -> Vec<Unsent> {
        self.told_in.unsent(&self.letters, now)
    }

    /// The letter `carrier` tells of these.
    pub fn carried(&mut self, letters: &[u64], carrier: u64) {
        self.told_in.carried(letters, carrier);
    }

    /// Whether a report of this queue was refused and waits for the queue's next time.
    pub fn refused(&self, queue: &str) -> bool {
        self.letters
            .iter()
            .any(|l| l.report.queue == queue && l.next_try.is_none())
    }

    /// Whether a letter of this queue is on its way or waits for its server: the queue then goes on
    /// collecting, so that an outage makes one long report and not a thousand short ones.
    pub fn waiting(&self, queue: &str) -> bool {
        self.letters
            .iter()
            .any(|l| l.report.queue == queue && l.next_try.is_some())
    }

    /// How many letters are being delivered just now.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether everything was delivered.
    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// The letters, oldest first.
    pub fn letters(&self) -> &[Letter] {
        &self.letters
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::letter;
    use chrono::{TimeZone, Utc};

    const SLEEP: Duration = Duration::from_secs(5);

    fn start() -> Time {
        Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 0).unwrap()
    }

    fn outcome(id: u64, result: Delivery) -> Outcome {
        Outcome {
            command_failed: false,
            id,
            filtered: None,
            notes: Vec::new(),
            result,
            parts: Vec::new(),
        }
    }

    fn taken() -> Delivery {
        Delivery::Taken {
            refused: Vec::new(),
            later: Vec::new(),
        }
    }

    fn posted() -> (Outbox, u64) {
        let mut outbox = Outbox::default();
        let id = outbox.push(letter(b"s", b"b").report, start(), "console");
        (outbox, id)
    }

    #[test]
    fn a_letter_stays_until_it_is_taken_and_keeps_its_message_id() {
        let (mut outbox, id) = posted();
        let first = outbox.start_due(start(), &|_| false);
        assert!(
            outbox.start_due(start(), &|_| false).is_empty(),
            "in flight"
        );
        let mut now = start();
        let mut told = 0;
        for pause in [5, 10, 20, 40] {
            told += outbox
                .settle(
                    &outcome(id, Delivery::Later("down".into())),
                    now,
                    false,
                    SLEEP,
                )
                .told
                .len();
            assert_eq!(
                outbox.next_try(&|_| false),
                Some(now + Duration::from_secs(pause))
            );
            now += Duration::from_secs(pause);
            assert_eq!(
                outbox.start_due(now, &|_| false)[0].message_id,
                first[0].message_id
            );
        }
        assert_eq!(told, 1, "told once");
        let settled = outbox.settle(&outcome(id, taken()), now, false, SLEEP);
        assert!(settled.finished.is_some() && outbox.is_empty());
        assert_eq!(settled.told.len(), 1, "the end of the fault is told");
    }

    #[test]
    fn a_now_queue_is_tried_at_each_check() {
        let (mut outbox, id) = posted();
        outbox.start_due(start(), &|_| false);
        outbox.settle(
            &outcome(id, Delivery::Later("down".into())),
            start(),
            true,
            SLEEP,
        );
        assert_eq!(outbox.next_try(&|_| false), Some(start() + SLEEP));
        assert!(outbox.waiting("a"));
    }

    #[test]
    fn a_refused_letter_waits_for_its_queue_and_blocks_no_other() {
        let (mut outbox, id) = posted();
        outbox.start_due(start(), &|_| false);
        outbox.settle(
            &outcome(id, Delivery::Refused("552".into())),
            start(),
            false,
            SLEEP,
        );
        assert_eq!(
            (outbox.next_try(&|_| false), outbox.waiting("a")),
            (None, false)
        );
        outbox.retry_queue("a", start());
        assert_eq!(outbox.start_due(start(), &|_| false).len(), 1);
    }

    #[test]
    fn a_recipient_that_must_wait_is_tried_alone() {
        let (mut outbox, id) = posted();
        let address = |text| Address::new(text).unwrap();
        outbox.letters[0].report.recipients =
            vec![address("one"), address("two"), address("three")];
        outbox.start_due(start(), &|_| false);
        let result = Delivery::Taken {
            refused: vec![(address("one"), "550 no".into())],
            later: vec![(address("three"), "450 full".into())],
        };
        let settled = outbox.settle(&outcome(id, result), start(), false, SLEEP);
        assert!(settled.finished.is_none());
        assert_eq!(settled.told.len(), 2);
        let again = outbox.start_due(start() + FIRST_PAUSE, &|_| false);
        assert_eq!(again[0].report.recipients, [address("three")]);
        assert_eq!(again[0].done, [address("two")]);
    }

    #[test]
    fn pauses_end_at_ten_minutes_and_a_lasting_fault_is_told_daily() {
        let (mut outbox, id) = posted();
        let (mut now, mut told, mut attempts) = (start(), 0, 0);
        while now < start() + TOLD_EVERY * 3 {
            assert_eq!(outbox.start_due(now, &|_| false).len(), 1);
            let down = outcome(id, Delivery::Later("down".into()));
            told += outbox.settle(&down, now, false, SLEEP).told.len();
            let next = outbox.next_try(&|_| false).unwrap();
            assert!(next - now <= chrono::TimeDelta::from_std(LONGEST_PAUSE).unwrap());
            (now, attempts) = (next, attempts + 1);
        }
        assert_eq!(told, 3, "at its beginning and each day");
        assert!(attempts > 400, "{attempts}");
    }

    #[test]
    fn after_a_restart_what_was_in_flight_is_sent_again_as_the_same_mail() {
        let (mut outbox, _) = posted();
        let before = outbox.start_due(start(), &|_| false);
        let bytes = postcard::to_stdvec(&outbox).unwrap();
        let mut outbox: Outbox = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(outbox.start_due(start(), &|_| false), before);
        let next = outbox.push(letter(b"s", b"b").report, start(), "console");
        let next = outbox.letters().iter().find(|l| l.id == next).unwrap();
        assert_ne!(next.message_id, before[0].message_id);
        assert_eq!(next.thread.as_ref(), Some(&before[0].message_id));
    }
}
