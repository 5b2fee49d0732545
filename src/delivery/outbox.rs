//! Reports on their way. A letter stays here until its server has taken it: plain data, the time
//! is passed in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Delivery, Letter, Outcome};
use crate::clock::Time;
use crate::report::Report;

/// The first pause after a failed attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How often a fault that lasts is told.
const TOLD_EVERY: Duration = Duration::from_secs(24 * 3600);

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
}

/// What an outcome changed.
#[derive(Debug, Default)]
pub struct Settled {
    /// The letter, if it is delivered and gone from the outbox.
    pub finished: Option<Letter>,
    /// What to tell the admin.
    pub told: Vec<(log::Level, String)>,
}

impl Outbox {
    /// Takes a report in; it is to be sent at once. Gives the letter's number.
    pub fn push(&mut self, report: Report, now: Time, hostname: &str) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
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
        for letter in &self.letters {
            let ripe = letter.next_try.is_some_and(|time| time <= now) && !held(letter.id);
            if ripe && self.in_flight.insert(letter.id) {
                due.push(letter.clone());
            }
        }
        due
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
        let name = format!("queue {}", letter.report.queue);
        match &outcome.result {
            Delivery::Taken { refused, later } => {
                for (address, reply) in refused {
                    let who = address.as_str();
                    let words = format!("{name}: recipient {who} rejected: {reply}");
                    settled.told.push((log::Level::Error, words));
                    letter.refused.insert(address.clone(), reply.clone());
                }
                if later.is_empty() {
                    let letter = self.letters.remove(index);
                    if self.told.remove(&letter.id).is_some() {
                        let words = format!("{name}: the report was delivered at last");
                        settled.told.push((log::Level::Warn, words));
                    }
                    settled.finished = Some(letter);
                    return settled;
                }
                let waits = |address: &_| later.iter().any(|(late, _)| late == address);
                let (rest, done): (Vec<_>, Vec<_>) = std::mem::take(&mut letter.report.recipients)
                    .into_iter()
                    .partition(waits);
                letter
                    .done
                    .extend(done.into_iter().filter(|a| !letter.refused.contains_key(a)));
                letter.report.recipients = rest;
                let words: Vec<String> = later
                    .iter()
                    .map(|(a, reply)| format!("{}: {reply}", a.as_str()))
                    .collect();
                self.postpone(
                    index,
                    words.join("; "),
                    now,
                    at_once.then_some(sleep),
                    &mut settled,
                );
            }
            Delivery::Later(fault) => {
                self.postpone(
                    index,
                    fault.clone(),
                    now,
                    at_once.then_some(sleep),
                    &mut settled,
                );
            }
            Delivery::Refused(fault) => {
                letter.fault = Some(fault.clone());
                letter.next_try = None;
                self.told.insert(outcome.id, now);
                let words = format!(
                    "{name}: the report was refused, it is kept and tried again at the queue's next time: {fault}"
                );
                settled.told.push((log::Level::Error, words));
            }
        }
        settled
    }

    fn postpone(
        &mut self,
        index: usize,
        fault: String,
        now: Time,
        fixed: Option<Duration>,
        settled: &mut Settled,
    ) {
        let letter = &mut self.letters[index];
        let doubled = FIRST_PAUSE.saturating_mul(1 << (letter.attempts.saturating_sub(1)).min(10));
        let pause = fixed.map_or(doubled.min(LONGEST_PAUSE), |sleep| {
            sleep.max(Duration::from_secs(1))
        });
        letter.next_try = Some(now + pause);
        let last = self.told.get(&letter.id);
        if last.is_none_or(|&last| {
            now - last >= chrono::TimeDelta::from_std(TOLD_EVERY).unwrap_or_default()
        }) {
            self.told.insert(letter.id, now);
            let queue = &letter.report.queue;
            let words = format!("queue {queue}: the report waits and is tried again: {fault}");
            settled.told.push((log::Level::Error, words));
        }
        letter.fault = Some(fault);
    }

    /// How often a letter was tried; nothing if it is not here.
    pub fn attempts(&self, id: u64) -> Option<u32> {
        let letter = self.letters.iter().find(|letter| letter.id == id);
        letter.map(|letter| letter.attempts)
    }

    /// A queue's time has come again: what was refused is tried once more.
    pub fn retry_queue(&mut self, queue: &str, now: Time) {
        for letter in self.letters.iter_mut().filter(|l| l.report.queue == queue) {
            if letter.next_try.is_none() {
                letter.next_try = Some(now);
            }
        }
    }

    /// Everything is tried now.
    pub fn retry_all(&mut self, now: Time) {
        for letter in &mut self.letters {
            letter.next_try = Some(now);
        }
    }

    /// When the next attempt is due; letters in flight and those `held` have none.
    pub fn next_try(&self, held: &dyn Fn(u64) -> bool) -> Option<Time> {
        let idle = |letter: &&Letter| !self.in_flight.contains(&letter.id) && !held(letter.id);
        self.letters
            .iter()
            .filter(idle)
            .filter_map(|l| l.next_try)
            .min()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;
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
