//! The model test: random sequences of what writers, rotators, crashes and scans do, on a file
//! system in memory. The content is the oracle: every numbered line comes exactly once, unless
//! it was destroyed before anybody could read it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use chrono::DateTime;

use super::*;
use crate::input::{Checkpoint, Event};

mod memory;
mod rotator;

use memory::{Inode, MemFs, Shared};

fn name(n: usize) -> PathBuf {
    PathBuf::from(if n == 0 {
        "/d/log".into()
    } else {
        format!("/d/log.{n}")
    })
}

fn packed_name(n: usize) -> PathBuf {
    PathBuf::from(format!("/d/log.{n}.gz"))
}

struct Model {
    fs: MemFs,
    random: u64,
    follower: Option<Follower<MemFs>>,
    writer: Option<Shared>,
    next: u64,
    half: String,
    got: Vec<u64>,
    committed: (usize, Vec<PathCheckpoints>),
    told: Vec<PathCheckpoints>,
    excused: BTreeSet<u64>,
    trace: Vec<String>,
    /// Each file is closed as soon as it is read.
    closes: bool,
    /// The follower looks at what it is told of alone, until it is time for a look at all.
    told_only: bool,
    hints: follower::Hints,
}

const KEEP: usize = 6;
/// A log in which nothing happens: where files are closed, it always is.
const OTHER: &str = "/d/other";

impl Model {
    fn new(seed: u64) -> Self {
        let fs = MemFs::default();
        fs.0.lock().unwrap().now = 1_800_000_000_000_000_000;
        let mut model = Model {
            fs,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            follower: None,
            writer: None,
            next: 0,
            half: String::new(),
            got: Vec::new(),
            committed: (0, Vec::new()),
            told: Vec::new(),
            excused: BTreeSet::new(),
            trace: Vec::new(),
            closes: seed.is_multiple_of(2),
            told_only: seed.is_multiple_of(3),
            hints: follower::Hints::default(),
        };
        let other = model.create(b"a line\n".to_vec(), None);
        model.names(|names| drop(names.insert(PathBuf::from(OTHER), other)));
        model.reopen();
        model.resume();
        model
    }

    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % n
    }

    fn tick(&mut self, ms: u64) {
        self.fs.0.lock().unwrap().now += ms as i64 * 1_000_000;
    }

    fn names(&mut self, act: impl FnOnce(&mut BTreeMap<PathBuf, Shared>)) {
        let mut disk = self.fs.0.lock().unwrap();
        disk.dir_mtime = disk.now;
        let before = disk.names.clone();
        act(&mut disk.names);
        for path in before.keys().chain(disk.names.keys()) {
            let stays = match (before.get(path), disk.names.get(path)) {
                (Some(before), Some(now)) => Arc::ptr_eq(before, now),
                _ => false,
            };
            if !stays {
                self.hints.named(path.clone());
            }
        }
        for inode in disk.all.iter().filter_map(Weak::upgrade) {
            let names = disk.names.values();
            inode.lock().unwrap().links =
                names.filter(|file| Arc::ptr_eq(file, &inode)).count() as u64;
        }
    }

    /// A new file with the lowest free inode, as ext4 does it.
    fn create(&self, data: Vec<u8>, mtime: Option<i64>) -> Shared {
        let mut disk = self.fs.0.lock().unwrap();
        disk.all.retain(|w| w.strong_count() > 0);
        let used: BTreeSet<u64> = disk
            .all
            .iter()
            .filter_map(Weak::upgrade)
            .map(|i| i.lock().unwrap().ino)
            .collect();
        let ino = (1..).find(|n| !used.contains(n)).unwrap();
        let inode = Arc::new(Mutex::new(Inode {
            ino,
            data,
            mtime: mtime.unwrap_or(disk.now),
            closed: false,
            links: 0,
        }));
        disk.all.push(Arc::downgrade(&inode));
        inode
    }

    fn file(&self, path: &Path) -> Option<Shared> {
        self.fs.0.lock().unwrap().names.get(path).cloned()
    }

    fn reopen(&mut self) {
        self.finish_half();
        let file = self.file(&name(0)).unwrap_or_else(|| {
            let file = self.create(Vec::new(), None);
            self.names(|names| drop(names.insert(name(0), file.clone())));
            file
        });
        self.writer = Some(file);
    }

    fn write(&mut self, text: &str) {
        let disk = self.fs.0.lock().unwrap();
        let writer = self.writer.as_ref().unwrap();
        if !disk.names.values().any(|file| Arc::ptr_eq(file, writer)) {
            // A file without a name dies with whoever holds it: a crash may cost its lines.
            self.excused
                .extend(self.next.checked_sub(1).into_iter().chain([self.next]));
        }
        let now = disk.now;
        // Of a file that was removed, the kernel tells by its last name.
        let found = disk
            .names
            .iter()
            .find(|(_, file)| Arc::ptr_eq(file, writer));
        let name = found.map_or_else(|| name(0), |(path, _)| path.clone());
        self.hints.written(name);
        let mut inode = writer.lock().unwrap();
        inode.data.extend_from_slice(text.as_bytes());
        inode.mtime = now;
    }

    fn finish_half(&mut self) {
        let rest = std::mem::take(&mut self.half);
        if !rest.is_empty() {
            self.write(&rest);
        }
    }

    fn append(&mut self) {
        self.finish_half();
        for _ in 0..=self.below(4) {
            let text = self.line();
            self.write(&text);
        }
    }

    fn start_half(&mut self) {
        self.finish_half();
        let mut text = self.line();
        self.half = text.split_off(1 + self.below(text.len() as u64 - 1) as usize);
        self.write(&text);
    }

    /// The next line. Lines begin alike, as the lines of a log do.
    fn line(&mut self) -> String {
        let pad = "x".repeat(self.next as usize % 37);
        self.next += 1;
        format!("Nov 24 03:00:00 host {} {pad}\n", self.next - 1)
    }

    fn excuse(&mut self, file: &Shared) {
        let text = file.lock().unwrap().data.clone();
        let numbers = text
            .split(|&b| b == b'\n')
            .filter_map(number)
            .collect::<Vec<_>>();
        self.excused.extend(numbers);
    }

    /// A minute in which nobody does anything.
    fn minute(&mut self) {
        let log = self.file(&name(0));
        let renamed = !log.is_some_and(|log| Arc::ptr_eq(&log, self.writer.as_ref().unwrap()));
        if renamed && !self.half.is_empty() {
            // Half a line in a rotated file counts as it is after this silence.
            self.excused.insert(self.next - 1);
        }
        self.tick(70_000);
        self.hints.lost();
    }

    fn resume(&mut self) {
        self.got.truncate(self.committed.0);
        let settings = Settings {
            start: TailStart::End,
            wait_for_missing: true,
            max_line: 4096,
            catchup: None,
            containers: false,
            olddirs: Vec::new(),
            charsets: SharedCharsets::default(),
        };
        self.told = self.committed.1.clone();
        let paths = [name(0), PathBuf::from(OTHER)];
        let follower = Follower::new(self.fs.clone(), settings, &paths, self.told.clone());
        self.follower = Some(match self.closes {
            true => follower.within(OpenFileBudget::none()),
            false => follower,
        });
        self.hints.lost();
        self.turn(true);
    }

    fn turn(&mut self, rescan: bool) -> bool {
        let now = self.fs.0.lock().unwrap().now;
        let follower = self.follower.as_mut().unwrap();
        let mut emit = |event| {
            if let Event::Batch(batch) = event {
                self.got
                    .extend(batch.text.split(|&b| b == b'\n').filter_map(number));
                if let Checkpoint::File(checkpoints) = batch.checkpoint {
                    self.told.retain(|told| told.path != checkpoints.path);
                    self.told.push(checkpoints);
                }
            }
        };
        let now = DateTime::from_timestamp_nanos(now);
        let turn = match self.told_only {
            true => follower.turn_for(now, &std::mem::take(&mut self.hints), &mut emit),
            false => {
                if rescan {
                    follower.rescan();
                }
                follower.turn(now, &mut emit)
            }
        };
        turn.more || turn.waiting || turn.soon.is_some()
    }

    fn step(&mut self) {
        let act = self.below(100);
        let label = match act {
            0..28 => (self.append(), "append").1,
            28..34 => (self.start_half(), "half").1,
            34..43 => (self.rename(), "rename").1,
            43..52 => (self.reopen(), "reopen").1,
            52..57 => (self.copy_truncate(), "copytruncate").1,
            57..59 => (self.destroy(true), "truncate").1,
            59..61 => (self.destroy(false), "delete").1,
            61..66 => (self.gzip(), "gzip").1,
            66..69 => (self.chmod(), "chmod").1,
            69..88 => {
                self.turn(act.is_multiple_of(2));
                "scan"
            }
            88..94 => {
                self.committed = (self.got.len(), self.told.clone());
                "commit"
            }
            94..98 => (self.resume(), "crash").1,
            _ => (self.minute(), "minute").1,
        };
        let checkpoints = self.told.iter().filter(|m| m.path == name(0));
        let checkpoints = checkpoints.flat_map(|m| &m.files);
        let checkpoints: Vec<_> = checkpoints
            .map(|m| (m.id.ino, m.offset, m.end, m.standing))
            .collect();
        let names = self.fs.0.lock().unwrap().names.clone();
        let names: Vec<_> = names
            .iter()
            .map(|(n, f)| (n.display().to_string(), f.meta().unwrap(), f))
            .collect();
        let names: Vec<_> = names
            .into_iter()
            .map(|(n, m, f)| (n, m.id.ino, m.size, f.lock().unwrap().closed))
            .collect();
        self.trace.push(format!(
            "{label} next {} got {:?} {checkpoints:?} {names:?}",
            self.next,
            self.got.last()
        ));
        let ms = self.below(40);
        let still = self.below(4) == 0;
        self.tick(if still { 0 } else { ms });
    }

    fn settle(&mut self) {
        self.open_up();
        self.reopen();
        for _ in 0..200 {
            self.tick(60);
            if !self.turn(true) {
                self.tick(60);
                self.turn(true);
                return;
            }
        }
        panic!("never dry");
    }
}

/// The number of a line; none if the line ends in the middle of it.
fn number(line: &[u8]) -> Option<u64> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ').skip(4);
    let number = words.next()?;
    words.next()?;
    number.parse().ok()
}

fn run(seed: u64) -> usize {
    let mut model = Model::new(seed);
    model.committed = (0, model.told.clone());
    for _ in 0..60 {
        model.step();
    }
    model.settle();
    let mut count: BTreeMap<u64, usize> = (0..model.next).map(|n| (n, 0)).collect();
    for n in &model.got {
        *count.get_mut(n).unwrap() += 1;
    }
    let lost: Vec<_> = count
        .iter()
        .filter(|(n, c)| **c == 0 && !model.excused.contains(n))
        .map(|(n, _)| *n)
        .collect();
    let doubled: Vec<_> = count
        .iter()
        .filter(|(_, c)| **c > 1)
        .map(|(n, _)| *n)
        .collect();
    assert!(
        lost.is_empty() && doubled.is_empty(),
        "seed {seed}: lost {lost:?} doubled {doubled:?}\n{}",
        model.trace.join("\n")
    );
    model.got.len()
}

#[test]
fn every_line_once_whatever_happens() {
    // The test has a number of sequences, not a time: a slow machine runs all of them too.
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let sequences = if torture { 100_000 } else { 1_000 };
    let sequences = std::env::var("TENSHI_SEQUENCES").map_or(sequences, |n| n.parse().unwrap());
    let first: u64 = std::env::var("TENSHI_SEED")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(1);
    let lines: usize = (first..first + sequences).map(run).sum();
    println!("seeds {first}..{}, {lines} lines", first + sequences);
    assert!(lines > 10_000, "only {lines} lines");
}
