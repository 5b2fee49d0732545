//! Rotation five times a second and a kill every few: many generations, and a daemon that starts
//! again among them. Writer and rotator go on between any two calls of the follower, a rotation is
//! hundreds of renames, a directory is not listed in one instant, and the clock of files is coarse.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::DateTime;

use super::*;

mod sim;

use sim::{Actor, LOGS, MS, Scheme, Sim, SimFs, Step};

struct World {
    fs: SimFs,
    follower: Follower<SimFs>,
    got: Vec<(String, u64)>,
    checkpoints: BTreeMap<PathBuf, PathCheckpoints>,
    committed: (usize, BTreeMap<PathBuf, PathCheckpoints>),
    told: Vec<String>,
    kills: usize,
}

fn paths() -> Vec<PathBuf> {
    (0..LOGS)
        .map(|n| PathBuf::from(format!("/d/log{n}")))
        .collect()
}

impl World {
    fn new(seed: u64, schemes: [Scheme; LOGS]) -> Self {
        let sim = Sim {
            now: 1_800_000_000_000_000_000,
            dir_mtime: 1_700_000_000_000_000_000,
            names: BTreeMap::new(),
            all: Vec::new(),
            actors: Vec::new(),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            stopped: false,
        };
        let fs = SimFs(Arc::new(Mutex::new(sim)));
        let mut sim = fs.0.lock().unwrap();
        for (n, scheme) in schemes.into_iter().enumerate() {
            let (file, name) = (sim.create(), format!("log{n}"));
            sim.names.insert(name.clone(), file.clone());
            let now = sim.now;
            sim.actors.push(Actor {
                name,
                scheme,
                file,
                next_line: 0,
                half: String::new(),
                write: now + 50 * MS,
                step: Step::Shift(0),
                due: now + 200 * MS,
                rotations: 0,
                kept: 0,
            });
        }
        drop(sim);
        let mut world = Self {
            follower: Follower::new(fs.clone(), settings(), &paths(), Vec::new()),
            fs,
            got: Vec::new(),
            checkpoints: BTreeMap::new(),
            committed: (0, BTreeMap::new()),
            told: Vec::new(),
            kills: 0,
        };
        world.turn();
        world.committed = (world.got.len(), world.checkpoints.clone());
        world
    }

    fn below(&self, n: u64) -> u64 {
        self.fs.0.lock().unwrap().below(n)
    }

    fn now(&self) -> i64 {
        self.fs.0.lock().unwrap().now
    }

    fn pass(&self, ms: i64) {
        self.fs.0.lock().unwrap().pass(ms * MS);
    }

    fn turn(&mut self) -> Turn {
        self.follower.rescan();
        let now = DateTime::from_timestamp_nanos(self.now());
        self.follower.turn(now, &mut |event| match event {
            Event::Batch(batch) => {
                let text = String::from_utf8(batch.text).unwrap();
                self.got.extend(text.lines().map(line));
                if let Checkpoint::File(checkpoints) = batch.checkpoint {
                    self.checkpoints
                        .insert(checkpoints.path.clone(), checkpoints);
                }
            }
            Event::Notice(notice) => self.told.push(notice.text),
            Event::Health { .. } | Event::Patterns(_) | Event::Drained => {}
        })
    }

    fn kill(&mut self) {
        self.kills += 1;
        self.got.truncate(self.committed.0);
        self.checkpoints = self.committed.1.clone();
        let down = self.below(500) as i64;
        self.pass(down);
        let resume = self.checkpoints.values().cloned().collect();
        self.follower = Follower::new(self.fs.clone(), settings(), &paths(), resume);
    }

    fn run(&mut self, seconds: i64) {
        let end = self.now() + seconds * 1_000 * MS;
        let mut kill = self.now() + 3_000 * MS;
        while self.now() < end {
            let turn = self.turn();
            if self.below(40) == 0 {
                self.committed = (self.got.len(), self.checkpoints.clone());
            }
            let pause = match turn {
                Turn { more: true, .. } => 0,
                Turn { waiting: true, .. } => 20,
                _ => 2 + self.below(20) as i64,
            };
            self.pass(pause);
            if self.now() > kill {
                self.kill();
                kill = self.now() + (500 + self.below(5_000) as i64) * MS;
            }
        }
    }

    /// What was lost or came twice.
    fn faults(&mut self) -> Vec<String> {
        self.fs.0.lock().unwrap().stop();
        for _ in 0..2_000 {
            self.pass(20);
            let turn = self.turn();
            if !turn.more && !turn.waiting {
                break;
            }
        }
        let sim = self.fs.0.lock().unwrap();
        let mut faults: Vec<String> = self.told.clone();
        for actor in &sim.actors {
            let got = self.got.iter().filter(|(name, _)| *name == actor.name);
            let mut times = vec![0; actor.next_line as usize];
            got.for_each(|(_, n)| times[*n as usize] += 1);
            let wrong = |good: fn(usize) -> bool| {
                let all = times.iter().enumerate();
                all.filter(|(_, n)| !good(**n))
                    .map(|(at, _)| at)
                    .collect::<Vec<_>>()
            };
            let (lost, twice) = (wrong(|n| n > 0), wrong(|n| n < 2));
            if !lost.is_empty() || !twice.is_empty() {
                let (name, n) = (
                    format!("{} {:?}", actor.name, actor.scheme),
                    actor.rotations,
                );
                faults.push(format!(
                    "{name}, {n} rotations: lost {lost:?}, twice {twice:?}"
                ));
            }
        }
        faults
    }
}

fn line(text: &str) -> (String, u64) {
    let mut words = text.split(' ').skip(3);
    let (name, number) = (words.next(), words.next());
    let number = number.and_then(|number| number.parse().ok());
    (
        name.unwrap().to_owned(),
        number.unwrap_or_else(|| panic!("{text}")),
    )
}

#[test]
fn many_generations_and_a_kill_every_few_seconds() {
    play([Scheme::Create; LOGS]);
}

#[test]
fn many_copies_and_a_kill_every_few_seconds() {
    play([
        Scheme::CopyTruncate,
        Scheme::CopyOfItself,
        Scheme::CopyTruncate,
    ]);
}

#[test]
fn many_copies_to_one_file_and_a_kill_every_few_seconds() {
    play([Scheme::AddedToOne, Scheme::AddedToSome, Scheme::AddedToOne]);
}

#[test]
fn many_logs_packed_together_and_a_kill_every_few_seconds() {
    play([Scheme::PackedTogether; LOGS]);
}

fn play(schemes: [Scheme; LOGS]) {
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let (seeds, seconds) = if torture { (200, 60) } else { (3, 10) };
    let first: u64 = std::env::var("TENSHI_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    for seed in first..first + seeds {
        let mut world = World::new(seed, schemes);
        world.run(seconds);
        let faults = world.faults();
        let (lines, kills) = (world.got.len(), world.kills);
        println!("seed {seed}: {lines} lines, {kills} kills");
        assert!(faults.is_empty(), "seed {seed}, {kills} kills: {faults:#?}");
        assert!(kills > 0 && lines > 1_000, "{kills} kills, {lines} lines");
    }
}
