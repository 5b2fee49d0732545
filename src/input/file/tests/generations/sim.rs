//! A directory in memory with writers and rotators that go on while the follower looks.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};

use super::super::super::fs::{FileId, FileSystem, Kind, LogFile, Meta};

pub(super) const MS: i64 = 1_000_000;
/// The clock of files.
pub(super) const TICK: i64 = 4 * MS;
/// The number of logs that share the directory.
pub(super) const LOGS: usize = 3;

pub(super) struct Inode {
    pub ino: u64,
    pub data: Vec<u8>,
    pub mtime: i64,
}

pub(super) type Shared = Arc<Mutex<Inode>>;

/// How a log is rotated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scheme {
    /// Renamed, and made anew; the writer adds to the old file for a while.
    Create,
    /// Copied, and truncated.
    CopyTruncate,
    /// Replaced by a copy of itself.
    CopyOfItself,
    /// Added to one file, piece by piece, and truncated.
    AddedToOne,
    /// Added to a file that takes a few rotations, piece by piece, and truncated.
    AddedToSome,
    /// Packed and added to one file, and truncated.
    PackedTogether,
}

/// A writer and its rotator.
pub(super) struct Actor {
    pub name: String,
    pub scheme: Scheme,
    pub file: Shared,
    pub next_line: u64,
    pub half: String,
    /// When it writes next.
    pub write: i64,
    /// The next step of a rotation, and when.
    pub step: Step,
    pub due: i64,
    pub rotations: usize,
    /// How many rotated files there are.
    pub kept: usize,
}

#[derive(Clone, Copy)]
pub(super) enum Step {
    Shift(usize),
    Move,
    /// Copies the log from this offset on.
    Copy(usize),
    Create,
    Reopen,
}

pub(super) struct Sim {
    pub now: i64,
    pub dir_mtime: i64,
    pub names: BTreeMap<String, Shared>,
    pub all: Vec<Weak<Mutex<Inode>>>,
    pub actors: Vec<Actor>,
    pub random: u64,
    pub stopped: bool,
}

impl Sim {
    pub fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    pub fn create(&mut self) -> Shared {
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

    pub fn coarse(&self) -> i64 {
        self.now - self.now % TICK
    }

    pub fn rename(&mut self, from: &str, to: String) {
        if let Some(file) = self.names.remove(from) {
            self.names.insert(to, file);
            self.dir_mtime = self.coarse();
        }
    }

    /// A call of the follower: time passes, and the others do what is due.
    pub fn call(&mut self) {
        let mut passed = 2_000 + self.below(20_000) as i64;
        if self.below(3_000) == 0 {
            // Somebody else has the processor.
            passed += self.below(60) as i64 * MS;
        }
        self.pass(passed);
    }

    pub fn pass(&mut self, passed: i64) {
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

    pub fn first_due(&self, end: i64) -> Option<(i64, usize, bool)> {
        let actors = self.actors.iter().enumerate();
        let due = actors.flat_map(|(n, a)| [(a.write, n, true), (a.due, n, false)]);
        due.min().filter(|(due, _, _)| *due <= end && !self.stopped)
    }

    pub fn put(&mut self, actor: &Actor, text: &str) {
        let mut inode = actor.file.lock().unwrap();
        inode.data.extend_from_slice(text.as_bytes());
        inode.mtime = self.coarse();
    }

    pub fn write(&mut self, actor: &mut Actor) {
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
    pub fn stop(&mut self) {
        self.stopped = true;
        for mut actor in std::mem::take(&mut self.actors) {
            let rest = std::mem::take(&mut actor.half);
            self.put(&actor, &rest);
            self.actors.push(actor);
        }
    }

    /// Copies what the log holds from an offset on, perhaps not to its end; the writer pauses until all is
    /// done. Gives the next step.
    fn copy(&mut self, actor: &mut Actor, from: usize) -> Step {
        let rest = std::mem::take(&mut actor.half);
        self.put(actor, &rest);
        actor.write = i64::MAX;
        let name = match actor.scheme {
            Scheme::CopyOfItself => format!("{}X", actor.name),
            Scheme::AddedToOne => format!("{}.old", actor.name),
            Scheme::PackedTogether => format!("{}.1.gz", actor.name),
            Scheme::AddedToSome => format!("{}-{}", actor.name, 202_600 + actor.rotations / 7),
            _ => format!("{}.1", actor.name),
        };
        if !self.names.contains_key(&name) {
            let file = self.create();
            self.names.insert(name.clone(), file);
            self.dir_mtime = self.coarse();
            actor.kept += 1;
        }
        let now = self.coarse();
        let data = actor.file.lock().unwrap().data.clone();
        if actor.scheme == Scheme::PackedTogether {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            packer.write_all(&data).unwrap();
            let mut copy = self.names[&name].lock().unwrap();
            copy.data.extend(packer.finish().unwrap());
            copy.mtime = now;
            return Step::Create;
        }
        let text = &data[from.min(data.len())..];
        let piece = match self.below(3) {
            0 => self.below(text.len() as u64 + 1) as usize,
            _ => text.len(),
        };
        let mut copy = self.names[&name].lock().unwrap();
        copy.data.extend(&text[..piece]);
        copy.mtime = now;
        match from + piece < data.len() {
            true => Step::Copy(from + piece),
            false => Step::Create,
        }
    }

    pub fn rotate(&mut self, actor: &mut Actor) {
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
            Step::Move if actor.scheme != Scheme::Create => {
                (self.copy(actor, 0), self.below(5) as i64 * MS)
            }
            Step::Copy(from) => (self.copy(actor, from), self.below(5) as i64 * MS),
            Step::Create if actor.scheme != Scheme::Create => {
                match actor.scheme {
                    Scheme::CopyOfItself => {
                        self.rename(&format!("{}X", actor.name), actor.name.clone());
                        actor.file = self.names[&actor.name].clone();
                    }
                    _ => {
                        let now = self.coarse();
                        let mut inode = actor.file.lock().unwrap();
                        inode.data.clear();
                        inode.mtime = now;
                    }
                }
                actor.write = self.now + self.below(12) as i64 * MS;
                actor.rotations += 1;
                let shift = match actor.scheme {
                    Scheme::CopyTruncate => actor.kept,
                    _ => 0,
                };
                (Step::Shift(shift), (50 + self.below(150) as i64) * MS)
            }
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
pub(super) struct SimFs(pub Arc<Mutex<Sim>>);

pub(super) struct SimFile(Shared, SimFs);

impl LogFile for SimFile {
    fn meta(&self) -> io::Result<Meta> {
        let mut sim = self.1.0.lock().unwrap();
        sim.call();
        let names = sim.names.values();
        let links = names.filter(|file| Arc::ptr_eq(file, &self.0)).count();
        Ok(Meta {
            links: links as u64,
            ..meta_of(&self.0)
        })
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

pub(super) fn meta_of(file: &Shared) -> Meta {
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

pub(super) fn name_of(path: &Path) -> String {
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

pub(super) fn hash(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}
