//! Rotation five times a second and a kill every few: many generations, and a daemon that starts
//! again among them. Writer and rotator go on between any two calls of the follower, a rotation is
//! hundreds of renames, a directory is not listed in one instant, and the clock of files is coarse.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use chrono::DateTime;

use super::super::fs::{FileId, FileSystem, Kind, LogFile, Meta};
use super::*;

const MS: i64 = 1_000_000;
/// The clock of files.
const TICK: i64 = 4 * MS;
/// So many logs share the directory.
const LOGS: usize = 3;

struct Inode {
    ino: u64,
    data: Vec<u8>,
    mtime: i64,
}

type Shared = Arc<Mutex<Inode>>;

/// A writer and its rotator.
struct Actor {
    name: String,
    file: Shared,
    next_line: u64,
    half: String,
    /// When it writes next.
    write: i64,
    /// The next step of a rotation, and when.
    step: Step,
    due: i64,
    rotations: usize,
    /// How many rotated files there are.
    kept: usize,
}

#[derive(Clone, Copy)]
enum Step {
    Shift(usize),
    Move,
    Create,
    Reopen,
}

struct Sim {
    now: i64,
    dir_mtime: i64,
    names: BTreeMap<String, Shared>,
    all: Vec<Weak<Mutex<Inode>>>,
    actors: Vec<Actor>,
    random: u64,
    stopped: bool,
}

impl Sim {
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    fn create(&mut self) -> Shared {
        self.all.retain(|w| w.strong_count() > 0);
        let used: BTreeSet<u64> = self
            .all
            .iter()
            .filter_map(Weak::upgrade)
            .map(|i| i.lock().unwrap().ino)
            .collect();
        let ino = (1..).find(|n| !used.contains(n)).unwrap();
        let (data, mtime) = (Vec::new(), self.coarse());
        let inode = Arc::new(Mutex::new(Inode { ino, data, mtime }));
        self.all.push(Arc::downgrade(&inode));
        inode
    }

    fn coarse(&self) -> i64 {
        self.now - self.now % TICK
    }

    fn rename(&mut self, from: &str, to: String) {
        if let Some(file) = self.names.remove(from) {
            self.names.insert(to, file);
            self.dir_mtime = self.coarse();
        }
    }

    /// A call of the follower: time passes, and the others do what is due.
    fn call(&mut self) {
        let mut passed = 2_000 + self.below(20_000) as i64;
        if self.below(3_000) == 0 {
            // Somebody else has the processor.
            passed += self.below(60) as i64 * MS;
        }
        self.pass(passed);
    }

    fn pass(&mut self, passed: i64) {
        let end = self.now + passed;
        while let Some((due, at, writes)) = self.first_due(end) {
            self.now = self.now.max(due);
            let mut actor = self.actors.remove(at);
            match writes {
                true => self.write(&mut actor),
                false => self.rotate(&mut actor),
            }
            self.actors.insert(at, actor);
        }
        self.now = end;
    }

    fn first_due(&self, end: i64) -> Option<(i64, usize, bool)> {
        let actors = self.actors.iter().enumerate();
        let due = actors.flat_map(|(n, a)| [(a.write, n, true), (a.due, n, false)]);
        due.min().filter(|(due, _, _)| *due <= end && !self.stopped)
    }

    fn put(&mut self, actor: &Actor, text: &str) {
        let mut inode = actor.file.lock().unwrap();
        inode.data.extend_from_slice(text.as_bytes());
        inode.mtime = self.coarse();
    }

    fn write(&mut self, actor: &mut Actor) {
        let mut text = std::mem::take(&mut actor.half);
        for _ in 0..self.below(5) {
            let pad = "x".repeat(self.below(120) as usize);
            text += &format!("Nov 24 03:00:00 {} {} {pad}\n", actor.name, actor.next_line);
            actor.next_line += 1;
        }
        if self.below(4) == 0 && !text.is_empty() {
            let at = self.below(text.len() as u64) as usize;
            actor.half = text.split_off(at);
        }
        self.put(actor, &text);
        // Now and then nothing comes for a while.
        let pause = if self.below(100) == 0 { 400 } else { 12 };
        actor.write = self.now + self.below(pause) as i64 * MS;
    }

    /// Everybody ends what was begun, and stops.
    fn stop(&mut self) {
        self.stopped = true;
        for mut actor in std::mem::take(&mut self.actors) {
            let rest = std::mem::take(&mut actor.half);
            self.put(&actor, &rest);
            self.actors.push(actor);
        }
    }

    fn rotate(&mut self, actor: &mut Actor) {
        let numbered = |n: usize| format!("{}.{n}", actor.name);
        let (next, pause) = match actor.step {
            Step::Shift(n) if n > 0 => {
                self.rename(&numbered(n), numbered(n + 1));
                // The rotator may lose the processor too.
                let pause = if self.below(2_000) == 0 {
                    70 * MS
                } else {
                    10_000
                };
                (Step::Shift(n - 1), pause)
            }
            Step::Shift(_) => (Step::Move, 10_000),
            Step::Move => {
                self.rename(&actor.name, numbered(1));
                actor.kept += 1;
                (Step::Create, self.below(3) as i64 * MS)
            }
            Step::Create => {
                let file = self.create();
                self.names.insert(actor.name.clone(), file);
                self.dir_mtime = self.coarse();
                (Step::Reopen, (20 + self.below(80) as i64) * MS)
            }
            Step::Reopen => {
                let rest = std::mem::take(&mut actor.half);
                self.put(actor, &rest);
                actor.file = self.names[&actor.name].clone();
                actor.rotations += 1;
                (Step::Shift(actor.kept), (50 + self.below(150) as i64) * MS)
            }
        };
        actor.step = next;
        actor.due = self.now + pause;
    }
}

#[derive(Clone)]
struct SimFs(Arc<Mutex<Sim>>);

struct SimFile(Shared, SimFs);

impl LogFile for SimFile {
    fn meta(&self) -> io::Result<Meta> {
        self.1.0.lock().unwrap().call();
        Ok(meta_of(&self.0))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.1.0.lock().unwrap().call();
        let inode = self.0.lock().unwrap();
        let data = inode.data.get(offset as usize..).unwrap_or_default();
        let n = data.len().min(buf.len());
        buf[..n].copy_from_slice(&data[..n]);
        Ok(n)
    }
}

fn meta_of(file: &Shared) -> Meta {
    let inode = file.lock().unwrap();
    Meta {
        id: FileId {
            dev: 1,
            ino: inode.ino,
        },
        size: inode.data.len() as u64,
        mtime: inode.mtime,
        kind: Kind::Regular,
        links: 1,
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

impl FileSystem for SimFs {
    type File = SimFile;

    fn open(&self, path: &Path) -> io::Result<SimFile> {
        let mut sim = self.0.lock().unwrap();
        sim.call();
        let file = sim
            .names
            .get(&name_of(path))
            .ok_or(io::ErrorKind::NotFound)?;
        Ok(SimFile(file.clone(), self.clone()))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        let mut sim = self.0.lock().unwrap();
        sim.call();
        if path == Path::new("/d") {
            return Ok(Meta {
                id: FileId { dev: 1, ino: 0 },
                size: 0,
                mtime: sim.dir_mtime,
                kind: Kind::Directory,
                links: 1,
            });
        }
        Ok(meta_of(
            sim.names
                .get(&name_of(path))
                .ok_or(io::ErrorKind::NotFound)?,
        ))
    }

    /// In the order of a hash, a hundred names at a time: one that is renamed meanwhile may come
    /// twice or not at all.
    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        let (mut found, mut from) = (Vec::new(), 0);
        loop {
            let mut sim = self.0.lock().unwrap();
            sim.call();
            let hashed = sim.names.keys().map(|name| (hash(name), name));
            let mut rest: Vec<_> = hashed.filter(|(hash, _)| *hash > from).collect();
            rest.sort();
            rest.truncate(100);
            let Some((last, _)) = rest.last() else {
                return Ok(found);
            };
            from = *last;
            found.extend(rest.iter().map(|(_, name)| OsString::from(name)));
        }
    }
}

fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

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
    fn new(seed: u64) -> Self {
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
        for n in 0..LOGS {
            let (file, name) = (sim.create(), format!("log{n}"));
            sim.names.insert(name.clone(), file.clone());
            let now = sim.now;
            sim.actors.push(Actor {
                name,
                file,
                next_line: 0,
                half: String::new(),
                write: now + MS,
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
                let (name, n) = (&actor.name, actor.rotations);
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
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let (seeds, seconds) = if torture { (200, 60) } else { (3, 10) };
    let first: u64 = std::env::var("TENSHI_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    for seed in first..first + seeds {
        let mut world = World::new(seed);
        world.run(seconds);
        let faults = world.faults();
        let (lines, kills) = (world.got.len(), world.kills);
        println!("seed {seed}: {lines} lines, {kills} kills");
        assert!(faults.is_empty(), "seed {seed}, {kills} kills: {faults:#?}");
        assert!(kills > 0 && lines > 1_000, "{kills} kills, {lines} lines");
    }
}
