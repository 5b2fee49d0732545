//! What the mail server took, beside what was written to the logs.

use std::collections::BTreeMap;
use std::time::Duration;

use super::QUEUES;
use super::clock::Clock;
use super::console::Console;
use crate::support::sink::{Record, Sink};
use crate::support::taken::{Mail, counts, mails};
use crate::world::ranges;

/// The mails so far, and when each came first.
#[derive(Default)]
pub struct Post {
    /// How many messages were looked at.
    messages: usize,
    mails: BTreeMap<String, Mail>,
    /// By Message-ID, by the clock of the world.
    came: BTreeMap<String, Duration>,
}

/// What is said of a mail that a console sent without the others.
const ALONE: &str = " alone: ";

impl Post {
    /// Looks at the messages that came since the last look.
    pub fn look(&mut self, sink: &Sink, clock: Clock) {
        let now = clock.now();
        let messages = sink.look(|record| record.messages[self.messages..].to_vec());
        self.messages += messages.len();
        let new = mails(&Record {
            messages,
            ..Record::default()
        });
        for (id, mail) in new {
            self.came.entry(id.clone()).or_insert(now);
            match self.mails.get_mut(&id) {
                Some(known) => {
                    assert_eq!(known.text, mail.text, "a repetition is the same mail");
                    known.times += mail.times;
                }
                None => drop(self.mails.insert(id, mail)),
            }
        }
    }

    pub fn reports(&self) -> usize {
        self.mails.len()
    }

    /// Those that the server took more than once.
    pub fn again(&self) -> usize {
        self.mails.values().map(|mail| mail.times - 1).sum()
    }

    /// Those that a console sent alone.
    pub fn alone(&self) -> usize {
        let alone = |mail: &&Mail| {
            mail.body()
                .lines()
                .any(|l| l.starts_with("*** ") && l.contains(ALONE))
        };
        self.mails.values().filter(alone).count()
    }

    /// Those with lines of more than one console.
    pub fn merged(&self) -> usize {
        let merged = |mail: &&Mail| {
            let has = |n: usize| mail.body().contains(&format!(" c{n} "));
            (0..4).filter(|n| has(*n)).count() > 1
        };
        self.mails.values().filter(merged).count()
    }

    /// How many of the lines are in mails, of how many.
    pub fn progress(&self, consoles: &[Console]) -> (u64, u64) {
        let there = (0..QUEUES).map(|queue| {
            let counts = counts(&self.mails, &format!("q{queue}"));
            counts.values().sum::<u64>()
        });
        let written = consoles.iter().map(|console| {
            let lines: usize = console.lines.iter().map(Vec::len).sum();
            lines as u64 + console.beats.iter().sum::<u64>()
        });
        (there.sum(), written.sum())
    }

    /// The longest time from the slot of a line of this console to the mail that has it, of the lines since then;
    /// nothing if one of them is in no mail.
    pub fn latest(&self, console: &Console, since: Duration) -> Option<Duration> {
        let mut came: BTreeMap<&str, Duration> = BTreeMap::new();
        for (id, mail) in &self.mails {
            let texts = mail.body().lines().filter_map(|line| line.split_once(": "));
            came.extend(texts.map(|(_, text)| (text, self.came[id])));
        }
        let mut latest = Duration::ZERO;
        for (queue, lines) in console.lines.iter().enumerate() {
            for (written, number) in lines.iter().zip(1..) {
                if *written < since {
                    continue;
                }
                let text = format!("q{queue} {} {number}", console.name);
                let slot = Duration::from_secs((written.as_secs() / 60 + 1) * 60);
                latest = latest.max(came.get(text.as_str())?.saturating_sub(slot));
            }
        }
        Some(latest)
    }

    /// What of the lines is lost or doubled.
    pub fn judge(&self, consoles: &[Console]) -> Vec<String> {
        let mut wrong = Vec::new();
        for queue in 0..QUEUES {
            let name = format!("q{queue}");
            let mut counts = counts(&self.mails, &name);
            let beats: u64 = consoles.iter().map(|console| console.beats[queue]).sum();
            let counted = counts.remove(&format!("{name} beat")).unwrap_or(0);
            if beats != counted {
                wrong.push(format!("{name}: {beats} common lines, {counted} counted"));
            }
            for console in consoles {
                let text = |number: usize| format!("{name} {} {number}", console.name);
                let numbers = 1..=console.lines[queue].len();
                let times: Vec<u64> = numbers
                    .map(|number| counts.remove(&text(number)).unwrap_or(0))
                    .collect();
                let lost = ranges(&times, |times| times == 0);
                let doubled = ranges(&times, |times| times > 1);
                if !lost.is_empty() {
                    wrong.push(format!("{name} of {}: lost {lost:?}", console.name));
                }
                for (first, last) in doubled {
                    let mails = self.with(&text(first));
                    let name = format!("{name} of {}", console.name);
                    wrong.push(format!("{name}: doubled {first} to {last}, in {mails:?}"));
                }
            }
            if !counts.is_empty() {
                wrong.push(format!("{name}: lines that nobody wrote: {counts:?}"));
            }
        }
        wrong
    }

    /// The mails with the line.
    fn with(&self, text: &str) -> Vec<&String> {
        let end = format!(": {text}");
        let has = |mail: &Mail| mail.body().lines().any(|line| line.ends_with(&end));
        let found = self.mails.iter().filter(|(_, mail)| has(mail));
        found.map(|(id, _)| id).collect()
    }

    /// All mails, for somebody who looks for a fault.
    pub fn text(&self) -> String {
        let times = |id: &String| self.came[id].as_secs_f64();
        let mail = |(id, mail): (&String, &Mail)| {
            format!(
                "=== at {:.1}, {} times\n{}\n",
                times(id),
                mail.times,
                mail.text
            )
        };
        self.mails.iter().map(mail).collect()
    }
}
