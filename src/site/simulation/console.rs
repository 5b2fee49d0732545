//! A console of the simulation: a loop, what it has in memory, and its disk.

use bstr::BString;
use chrono::TimeDelta;

use super::super::board::Fault;
use super::super::id::time_of;
use super::super::member::Member;
use super::super::merge::Merged;
use super::super::outcome::Outcome;
use super::super::record::HeardHere;
use super::super::round::{Answer, Round};
use super::super::saved::SavedSite;
use super::super::share::{HostCounts, Share};
use super::memory::{Call, Replay, Reply};
use crate::clock::Time;
use crate::config::SiteSettings;
use crate::random::Random;

/// The time between two reports, s.
pub const SLOT: i64 = 300;
pub const QUEUE: &str = "report";

/// A letter.
#[derive(Clone, Debug)]
pub struct Letter {
    pub by: String,
    pub alone: bool,
    pub at: Time,
    pub merged: Merged,
}

/// What a console has on its disk.
#[derive(Clone, Default)]
pub struct Disk {
    pub saved: SavedSite,
    /// The lines that the queue holds.
    pub queue: Vec<String>,
    /// The number of lines that were read.
    pub read: u64,
    /// The next time of a report.
    pub slot: i64,
    pub letters: Vec<Letter>,
}

/// A round on its way.
pub struct Flight {
    pub round: Round,
    pub answers: Vec<Result<Reply, Fault>>,
}

pub struct Console {
    pub name: String,
    pub settings: SiteSettings,
    pub disk: Disk,
    /// What is in memory: nothing while it is dead.
    pub life: Option<(Member, Disk)>,
    pub flight: Option<Flight>,
    pub skew: TimeDelta,
    pub asleep: Option<Time>,
    pub cut_off: Option<Time>,
    pub seed: u64,
    /// Lines that are on no disk any more.
    pub lost: Vec<String>,
}

impl Console {
    pub fn new(name: &str, settings: SiteSettings, now: Time, seed: u64) -> Self {
        let first = now.timestamp() / SLOT * SLOT + SLOT;
        let disk = Disk {
            slot: first,
            ..Disk::default()
        };
        Self {
            name: name.into(),
            settings,
            disk,
            life: None,
            flight: None,
            skew: TimeDelta::zero(),
            asleep: None,
            cut_off: None,
            seed,
            lost: Vec::new(),
        }
    }

    pub fn start(&mut self, now: Time) {
        self.seed += 1;
        let mut random = Random::new(self.seed);
        let random = Box::new(move || random.bits());
        let saved = self.disk.saved.clone();
        let member = Member::with_random(
            &self.settings,
            &self.name,
            1,
            saved,
            now + self.skew,
            random,
        );
        self.life = Some((member, self.disk.clone()));
    }

    pub fn crash(&mut self) {
        self.life = None;
        self.flight = None;
    }

    /// Its disk is gone, but the letters were sent.
    pub fn lose_disk(&mut self) {
        self.crash();
        self.lost.append(&mut self.disk.queue);
        for merged in std::mem::take(&mut self.disk.saved).left() {
            self.lost.extend(lines(&merged));
        }
    }

    /// A turn of the loop without a commit.
    pub fn turn(&mut self, now: Time, lines: u64) {
        let now = now + self.skew;
        let name = self.name.clone();
        let Some((member, memory)) = &mut self.life else {
            return;
        };
        for _ in 0..lines {
            memory.read += 1;
            memory.queue.push(format!("{name}-{}", memory.read));
        }
        if memory.slot > now.timestamp() + SLOT {
            // The clock was set back.
            memory.slot = now.timestamp() / SLOT * SLOT + SLOT;
        }
        while now.timestamp() >= memory.slot {
            let slot = memory.slot;
            // Only the last of the times that were missed is a time of a report.
            memory.slot = (now.timestamp() / SLOT * SLOT + SLOT).max(slot + SLOT);
            let slot = time_of(memory.slot - SLOT);
            if !memory.queue.is_empty() {
                member.hand_in(&share(&name, slot, std::mem::take(&mut memory.queue)), now);
            }
            member.passed(slot);
        }
        let outcomes = member.overdue(now);
        take(&name, member, memory, outcomes, now);
        if self.flight.is_none()
            && let Some(round) = member.round(now, HeardHere::default())
        {
            self.flight = Some(Flight {
                round,
                answers: Vec::new(),
            });
        }
    }

    /// The call that the round waits for. A round that is over is taken.
    pub fn wanted(&mut self, now: Time) -> Option<Call> {
        let flight = self.flight.as_ref()?;
        let mut replay = Replay {
            answers: &flight.answers,
            at: 0,
            wanted: None,
        };
        let answer = flight.round.clone().run(&mut replay);
        let wanted = replay.wanted.take();
        if wanted.is_none() {
            self.answered(answer, now);
        }
        wanted
    }

    fn answered(&mut self, answer: Answer, now: Time) {
        self.flight = None;
        let now = now + self.skew;
        if let Some((member, memory)) = &mut self.life {
            let outcomes = member.answered(answer, now);
            take(&self.name, member, memory, outcomes, now);
        }
    }

    pub fn commit(&mut self) {
        let Some((member, memory)) = &mut self.life else {
            return;
        };
        let mut saved = self.disk.saved.clone();
        if let Some(change) = member.changes() {
            // As it is written and read again.
            let bytes = postcard::to_stdvec(&change).unwrap();
            saved.apply(postcard::from_bytes(&bytes).unwrap());
        }
        assert_eq!(saved, *member.saved());
        memory.saved = saved;
        self.disk = memory.clone();
        member.committed();
    }
}

fn share(console: &str, slot: Time, queue: Vec<String>) -> Share {
    let lines = queue.into_iter().map(|line| (1, BString::from(line)));
    Share {
        console: console.into(),
        queue: QUEUE.into(),
        slot,
        from: slot,
        to: slot,
        hosts: vec![HostCounts {
            host: "web1".into(),
            lines: lines.collect(),
            ..HostCounts::default()
        }],
        remarks: Vec::new(),
        news: None,
        trends: None,
        heard: None,
    }
}

fn take(by: &str, member: &mut Member, memory: &mut Disk, outcomes: Vec<Outcome>, at: Time) {
    for outcome in outcomes {
        let (alone, merged) = match outcome {
            Outcome::Report(merged) => (false, *merged),
            Outcome::Alone(merged) => (true, *merged),
            _ => continue,
        };
        member.reported(&merged.ids, at);
        memory.letters.push(Letter {
            by: by.into(),
            alone,
            at,
            merged,
        });
    }
}

/// The lines of a letter.
pub fn lines(merged: &Merged) -> Vec<String> {
    let lines = merged.hosts.iter().flat_map(|host| &host.lines);
    lines
        .map(|(count, line)| {
            assert_eq!(*count, 1, "{line}");
            line.to_string()
        })
        .collect()
}
