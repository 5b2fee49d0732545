//! What the next report tells of the reports that nobody has taken: whoever reads it would not
//! hear of them otherwise.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Local;

use crate::clock::Time;
use crate::delivery::{Letter, parts};
use crate::report::Unsent;

/// This many are named; of more, only their number.
const NAMED: usize = 5;
/// The readers of reports are told again after this time.
const AGAIN: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// Which letters were told of, and where.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct Told {
    /// Letters that tell of a letter and are on their way themselves.
    carriers: BTreeMap<u64, BTreeSet<u64>>,
    /// When one that told of a letter was taken.
    at: BTreeMap<u64, Time>,
}

impl Told {
    /// The letters to be told of: tried, not taken, and not told of by a report that was taken.
    pub(super) fn unsent(&self, letters: &[Letter], now: Time) -> Vec<Unsent> {
        let new = |letter: &&Letter| {
            let told = self.at.get(&letter.id);
            letter.fault.is_some() && told.is_none_or(|&told| now - told >= AGAIN)
        };
        let mut unsent: Vec<Unsent> = Vec::new();
        let mut more = Unsent::default();
        for letter in letters.iter().filter(new) {
            if unsent.len() < NAMED {
                unsent.push(Unsent {
                    letters: vec![letter.id],
                    not_in: (letter.attempts == 1).then(|| letter.report.queue.clone()),
                    text: words(letter),
                });
            } else {
                more.letters.push(letter.id);
            }
        }
        if !more.letters.is_empty() {
            let count = more.letters.len();
            more.text = format!("{count} more reports wait or were refused");
            unsent.push(more);
        }
        unsent
    }

    /// The letter `carrier` tells of these.
    pub(super) fn carried(&mut self, letters: &[u64], carrier: u64) {
        for letter in letters {
            self.carriers.entry(*letter).or_default().insert(carrier);
        }
    }

    /// A letter was taken: those that it tells of have been told of.
    pub(super) fn taken(&mut self, taken: u64, now: Time) {
        self.carriers.remove(&taken);
        self.at.remove(&taken);
        let at = &mut self.at;
        self.carriers.retain(|letter, carriers| {
            let told = carriers.contains(&taken);
            if told {
                at.insert(*letter, now);
            }
            !told
        });
    }
}

fn words(letter: &Letter) -> String {
    let report = &letter.report;
    let part = parts::marks(&report.subject)
        .map(|(marks, _)| format!(" [{}]", String::from_utf8_lossy(marks)))
        .unwrap_or_default();
    let what = match letter.next_try {
        Some(_) => "waits",
        None => "was refused and is kept",
    };
    let made = report.made.with_timezone(&Local).format("%F %T %z");
    let fault = letter.fault.as_deref().unwrap_or_default();
    let queue = &report.queue;
    format!("The report{part} of queue {queue} of {made} {what}: {fault}")
}
