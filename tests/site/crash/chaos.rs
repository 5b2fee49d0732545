//! Many kills and rotations at once, on several daemons side by side: every line is numbered, and
//! is in exactly one report of each of its queues.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::site::{Site, counts, mails};
use crate::support::random::Random;
use crate::support::sink::{Fault, Stage};
use crate::support::{conf, line, seed, torture};

/// How a log is rotated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// logrotate's `create`: renamed, and a new file at once; the writer goes on for a while.
    Create,
    /// `nocreate`: renamed; the writer makes the new file.
    NoCreate,
    /// `dateext`: the name gets a date and not a number.
    Date,
    /// `copytruncate`.
    Copy,
    /// `delaycompress`: as `create`, and the file before is packed.
    Compress,
}

const KINDS: [(&str, Kind); 5] = [
    ("create.log", Kind::Create),
    ("nocreate.log", Kind::NoCreate),
    ("date.log", Kind::Date),
    ("copy.log", Kind::Copy),
    ("compress.log", Kind::Compress),
];

/// A log and the program that writes it.
struct Log {
    path: PathBuf,
    kind: Kind,
    file: File,
    /// How many writes more go to a file that was renamed.
    late: usize,
    /// The end of a line whose beginning is written.
    rest: Vec<u8>,
    lines: usize,
    rotations: usize,
}

impl Log {
    fn new(path: PathBuf, kind: Kind) -> Self {
        Self {
            file: open(&path),
            path,
            kind,
            late: 0,
            rest: Vec::new(),
            lines: 0,
            rotations: 0,
        }
    }

    fn name(&self) -> &str {
        self.path
            .file_name()
            .and_then(|n| n.to_str())
            .expect("a name")
    }

    /// Writes some lines, the last one perhaps in two halves.
    fn write(&mut self, random: &mut Random) {
        let mut text = std::mem::take(&mut self.rest);
        for _ in 0..=random.below(30) {
            self.lines += 1;
            text.extend(line("h1", &format!("{} {}", self.name(), self.lines)).into_bytes());
        }
        if random.percent(20) {
            self.rest = text.split_off(text.len() - random.below(20) - 1);
        }
        self.file.write_all(&text).expect("write to a log");
        if self.late > 0 {
            self.late -= 1;
            if self.late == 0 {
                self.reopen();
            }
        }
    }

    /// The writer's HUP: what it began it ends in the old file.
    fn reopen(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.file.write_all(&rest).expect("write to a log");
        self.file = open(&self.path);
        self.late = 0;
    }

    fn rotate(&mut self, random: &mut Random) {
        // The next rotation comes long after the writer's HUP.
        if self.late > 0 {
            self.reopen();
        }
        self.rotations += 1;
        if self.kind == Kind::Copy {
            // Between copy and truncation a writer loses what it writes, half a line too.
            self.reopen();
            self.shift();
            fs::copy(&self.path, numbered(&self.path, 1)).expect("the copy");
            File::create(&self.path).expect("the truncation");
            return;
        }
        let name = match self.kind {
            Kind::Date => {
                let date = format!("-20261123{:03}", self.rotations);
                PathBuf::from(format!("{}{date}", self.path.display()))
            }
            _ => {
                self.shift();
                numbered(&self.path, 1)
            }
        };
        fs::rename(&self.path, name).expect("the rotation");
        if self.kind != Kind::NoCreate {
            drop(open(&self.path));
        }
        self.late = 1 + random.below(4);
        if self.kind == Kind::Compress && numbered(&self.path, 2).exists() {
            // As logrotate has it done: the time of the file stays.
            let packed = Command::new("gzip").arg(numbered(&self.path, 2)).status();
            assert!(packed.expect("gzip runs").success());
        }
    }

    /// `.1` becomes `.2`, and so on.
    fn shift(&self) {
        for n in (1..self.rotations).rev() {
            let (from, to) = (numbered(&self.path, n), numbered(&self.path, n + 1));
            if from.exists() {
                fs::rename(from, to).expect("a name more");
            } else {
                let gz = |path: PathBuf| PathBuf::from(format!("{}.gz", path.display()));
                if gz(from.clone()).exists() {
                    fs::rename(gz(from), gz(to)).expect("a name more");
                }
            }
        }
    }
}

fn open(path: &Path) -> File {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    options.open(path).expect("open a log")
}

fn numbered(path: &Path, n: usize) -> PathBuf {
    PathBuf::from(format!("{}.{n}", path.display()))
}

/// What is to happen at least.
#[derive(Clone, Copy)]
struct Plan {
    kills: usize,
    rotations: usize,
}

/// One daemon's share; how many lines it was about.
fn world(seed: u64, plan: Plan) -> usize {
    let mut site = Site::prepare(&[], "");
    fs::create_dir(site.dir.path("logs")).expect("a directory");
    let paths = KINDS.map(|(name, _)| site.dir.path("logs").join(name));
    let logfiles: String = paths
        .iter()
        .map(|path| format!("set logfile {}\n", path.display()))
        .collect();
    let rest = format!(
        "{logfiles}set mailtimeout 2\nset queue n from@x n@x [now]\nset queue c from@x c@x [* * * * *]\nn,c ^\\S+ \\d+$\n"
    );
    site.config = conf(&site.dir, site.sink.port, &rest);
    let mut logs: Vec<Log> = paths
        .into_iter()
        .zip(KINDS)
        .map(|(path, (_, kind))| Log::new(path, kind))
        .collect();
    site.run();
    let kills = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut random = Random::new(seed);
            let mut rotations = 0;
            while rotations < plan.rotations || kills.load(Ordering::SeqCst) < plan.kills {
                let log = random.below(logs.len());
                if random.percent(12) {
                    logs[log].rotate(&mut random);
                    rotations += 1;
                } else {
                    logs[log].write(&mut random);
                }
                std::thread::sleep(Duration::from_millis(random.bits() % 30));
            }
            logs.iter_mut().for_each(Log::reopen);
        });
        let mut random = Random::new(!seed);
        while !writer.is_finished() {
            let fault = *random.pick(&[
                (Stage::EndOfData, Fault::Drop),
                (Stage::InData, Fault::Drop),
                (Stage::Data, Fault::Say("451 not now")),
                (Stage::Greeting, Fault::Hang),
            ]);
            site.sink.set(if random.percent(25) {
                std::slice::from_ref(&fault)
            } else {
                &[]
            });
            // Before its first report, in the middle of it, or long after.
            let longest = *random.pick(&[50, 1_500, 2_500, 3_500]);
            std::thread::sleep(Duration::from_millis(random.bits() % longest));
            site.kill();
            kills.fetch_add(1, Ordering::SeqCst);
            site.run();
        }
        writer.join().expect("no panic in the writer");
    });
    site.sink.set(&[]);
    site.finish();
    judge(seed, &site, &logs, &kills)
}

fn judge(seed: u64, site: &Site, logs: &[Log], kills: &AtomicUsize) -> usize {
    let mails = mails(&site.sink.record());
    let again: usize = mails.values().map(|mail| mail.times - 1).sum();
    let (mut lost, mut doubled) = (Vec::new(), Vec::new());
    let lines: usize = logs.iter().map(|log| log.lines).sum();
    for queue in ["n", "c"] {
        let counts = counts(&mails, queue);
        for log in logs {
            for n in 1..=log.lines {
                let line = format!("{} {n}", log.name());
                match counts.get(&line) {
                    None => lost.push(format!("{queue}: {line}")),
                    Some(1) => {}
                    Some(_) => doubled.push(format!("{queue}: {line}")),
                }
            }
        }
        assert!(counts.len() <= lines, "lines that nobody wrote");
    }
    let rotations: usize = logs.iter().map(|log| log.rotations).sum();
    let kills = kills.load(Ordering::SeqCst);
    println!(
        "seed {seed}: {lines} lines, {rotations} rotations, {kills} kills, {} reports, {again} \
         of them repeated; lost {}, doubled {}",
        mails.len(),
        lost.len(),
        doubled.len()
    );
    assert!(
        lost.is_empty() && doubled.is_empty(),
        "seed {seed}: lost {lost:#?}, doubled {doubled:#?}; the daemons said: {}",
        site.told()
    );
    lines
}

#[test]
fn every_line_is_in_one_report_over_kills_and_rotations() {
    let first = seed(1);
    let (worlds, rounds) = if torture() { (8, 40) } else { (8, 1) };
    let plan = Plan {
        kills: 13,
        rotations: 63,
    };
    let begun = Instant::now();
    let mut lines = 0;
    for round in 0..rounds {
        lines += std::thread::scope(|scope| {
            let seeds = first + round * worlds..first + (round + 1) * worlds;
            let running: Vec<_> = seeds
                .map(|seed| scope.spawn(move || world(seed, plan)))
                .collect();
            let ended = running.into_iter().map(|world| world.join());
            ended
                .map(|lines| lines.expect("nothing is lost"))
                .sum::<usize>()
        });
    }
    println!("{lines} lines in {:?}", begun.elapsed());
    assert!(lines > 1_000, "{lines}");
}
