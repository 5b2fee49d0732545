//! `make bench`: the Perl original, this program, `grep -c` and `wc -l` on the same logs, in turn, on
//! one core. Prints what it measures and writes docs/performance.md.
//!
//! Arguments: `prepare` only makes the logs and configurations, for a look with perf; `count` counts
//! instructions with callgrind instead (`make bench-count`); `distinct` measures only lines that are all
//! distinct.
//!
//! Environment: `TENSHI_BENCH_LINES` (300,000) is the length of the log.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod count;
mod distinct;
#[path = "../../tests/perl/corpora/fetch.rs"]
mod fetch;
mod idle;
#[path = "../logs.rs"]
mod logs;
mod page;
mod rules;
mod run;
#[path = "../section.rs"]
mod section;
#[path = "../unseen.rs"]
mod unseen;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{Effect, Set, Sets};
use run::{Figures, Job};

/// How often each program runs; the median counts.
const ROUNDS: usize = 5;
/// The word that grep looks for.
const WORD: &str = "freshclam";
/// The log for the memory.
const MANY: u64 = 600_000;
/// What part of the log the original gets with very many rules.
const TENTH: u64 = 10;
/// The seeds of the logs that nobody tuned for: each is a third of a log.
const SEEDS: [u64; 3] = [3, 1_415_926, 535_897_932];
/// How many lines show what a set of rules does with them.
const SAMPLE: u64 = 100_000;

/// What is timed with one set of rules.
pub struct Row {
    pub name: String,
    pub effect: Effect,
    /// How many lines the original read, and its figures without its start.
    pub perl: (u64, Figures),
    /// How many lines this program read, and its figures without its start.
    pub ours: (u64, Figures),
    /// `grep -c` on the log that we read, without its start.
    pub grep: f64,
    /// Seconds from the start of this program to its end if there is no line.
    pub start: f64,
}

/// What is timed on a log that nobody tuned for, with one set of rules.
pub struct UnseenRow {
    pub log: &'static str,
    pub set: &'static str,
    /// Seconds of processor time a line: the original's, ours.
    pub line: (f64, f64),
}

/// The whole measurement.
pub struct Results {
    pub rows: Vec<Row>,
    pub unseen: Vec<UnseenRow>,
    /// Peak memory on the log with most lines distinct, KiB: the original's, ours.
    pub memory: (u64, u64),
    /// On the long log.
    pub wc: f64,
    pub grep: f64,
    /// The processor time of a start with 1,000 rules, seconds.
    pub start: f64,
    /// The idle daemon with the configuration as it is installed.
    pub idle: idle::Seen,
    /// The idle daemon with all rule files.
    pub full: idle::Seen,
    pub lines: u64,
    pub bytes: u64,
}

fn main() {
    let lines: u64 = std::env::var("TENSHI_BENCH_LINES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(300_000);
    assert!(lines >= 100_000, "a log this short says nothing");
    if std::env::args().nth(1).as_deref() == Some("distinct") {
        run::on_one_core();
        return distinct::distinct();
    }
    let bench = Bench::prepare(lines);
    match std::env::args().nth(1).as_deref() {
        Some("prepare") => {
            for shape in unseen::SHAPES {
                let path = bench.path(&format!("unseen-{}.log", shape.id));
                write_unseen(shape, lines, &path);
            }
            println!("logs and configurations: {}", bench.dir.display());
        }
        Some("count") => count::count(&bench),
        _ => {
            run::on_one_core();
            let results = bench.measure();
            let page = section::write_around(&page::page(&results));
            println!("\n{}written to {}", page::bars(&results), page.display());
        }
    }
}

/// What to measure with.
pub struct Bench {
    dir: PathBuf,
    perl: PathBuf,
    sets: Sets,
    lines: u64,
    /// The first lines of the log, and of the log of unknown programs.
    sample: Vec<u8>,
    unknown: Vec<u8>,
}

impl Bench {
    /// The directory for logs and configurations.
    fn directory() -> PathBuf {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
        fs::create_dir_all(&dir).expect("a directory for the logs");
        dir
    }

    /// Makes the logs and configurations.
    fn prepare(lines: u64) -> Self {
        let dir = Self::directory();
        let perl = fetch::package("tenshi").join("usr/sbin/tenshi");
        let head = fs::read(&perl).unwrap_or_default();
        assert!(
            head.starts_with(b"#!/usr/bin/perl"),
            "{} is not the Perl original",
            perl.display()
        );
        let sample = write_logs(&dir, "log", lines, logs::Logs::new());
        let unknown = write_logs(&dir, "unknown", lines, logs::Logs::unknown());
        // The start of grep and wc, each with something to say.
        fs::write(dir.join("word.log"), format!("{WORD}\n")).expect("a log");
        let mut text = Vec::new();
        logs::distinct(MANY, &mut text).expect("lines");
        fs::write(dir.join("distinct.log"), &text).expect("a log");
        let sets = rules::sets(&sample);
        let all = [
            &sets.debian,
            &sets.flat,
            &sets.ours,
            &sets.installed,
            &sets.logcheck100,
            &sets.logcheck,
            &sets.thousand,
            &sets.trash,
            &sets.misc,
        ];
        for set in all {
            fs::write(dir.join(format!("{}.conf", set.id)), &set.text).expect("a configuration");
        }
        Self {
            dir,
            perl,
            sets,
            lines,
            sample,
            unknown,
        }
    }

    fn path(&self, name: &str) -> String {
        let path = self.dir.join(name);
        path.to_str().expect("a path in UTF-8").to_owned()
    }

    fn measure(&self) -> Results {
        // They sleep while the others run.
        let [idle, full] = idle::Idle::two(&self.dir);
        let sets = &self.sets;
        page::print_head();
        let rows = vec![
            self.row(&sets.debian, "log", 1),
            self.row(&sets.flat, "log", 1),
            self.row(&sets.ours, "log", 1),
            self.row(&sets.logcheck100, "log", 1),
            self.row(&sets.logcheck, "log", TENTH),
            self.row(&sets.debian, "unknown", 1),
            self.row(&sets.trash, "log", 1),
        ];
        let (log, word) = (self.path("log.log"), self.path("word.log"));
        let jobs = [
            job(&["grep", "-c", WORD], &log),
            job(&["grep", "-c", WORD], &word),
            job(&["wc", "-l"], &log),
            job(&["wc", "-l"], &word),
        ];
        let tools = run::in_turn(&jobs, 4 * ROUNDS + 1);
        let thousand = self.ours(&sets.thousand, None);
        let start = Job {
            memory: false,
            ..thousand.job()
        };
        Results {
            unseen: self.unseen(),
            memory: self.memory(),
            grep: without(tools[0], tools[1]).cpu,
            wc: without(tools[2], tools[3]).cpu,
            start: run::in_turn(&[start], 2 * ROUNDS + 1)[0].cpu,
            rows,
            idle: idle.finish(),
            full: full.finish(),
            lines: self.lines,
            bytes: fs::metadata(&log).expect("the log").len(),
        }
    }

    /// Both programs and grep in turn with one set of rules; the original gets one line in `part` of
    /// the log, from its beginning.
    fn row(&self, set: &Set, log: &str, part: u64) -> Row {
        let (sample, what) = match log {
            "unknown" => (&self.unknown, ", no program known"),
            _ => (&self.sample, ""),
        };
        let long = self.path(&format!("{log}.log"));
        let theirs = match part {
            1 => long.clone(),
            _ => self.path(&format!("{log}-{part}.log")),
        };
        let (perl, perl_start) = (self.perl(set, Some(&theirs)), self.perl(set, None));
        let (ours, our_start) = (self.ours(set, Some(&long)), self.ours(set, None));
        let word = self.path("word.log");
        let jobs = [
            perl.job(),
            ours.job(),
            job(&["grep", "-c", WORD], &long),
            perl_start.job(),
            our_start.job(),
            job(&["grep", "-c", WORD], &word),
        ];
        let figures = run::in_turn(&jobs, ROUNDS);
        let row = Row {
            name: format!("{}{what}", set.name),
            effect: rules::effect(set, sample),
            perl: (self.lines / part, without(figures[0], figures[3])),
            ours: (self.lines, without(figures[1], figures[4])),
            grep: without(figures[2], figures[5]).cpu,
            start: figures[4].cpu,
        };
        page::print_row(&row);
        row
    }

    /// Both programs on logs that nobody tuned for.
    fn unseen(&self) -> Vec<UnseenRow> {
        page::print_unseen_head();
        let sets = [&self.sets.debian, &self.sets.installed];
        let of_shape = |shape| {
            let (long, short) = (self.path("unseen.log"), self.path("unseen-10.log"));
            let lines = write_unseen(shape, self.lines, &long);
            let tenth = write_unseen(shape, self.lines / TENTH, &short);
            sets.map(|set| {
                let (perl, perl_start) = (self.perl(set, Some(&short)), self.perl(set, None));
                let (ours, our_start) = (self.ours(set, Some(&long)), self.ours(set, None));
                let jobs = [perl.job(), ours.job(), perl_start.job(), our_start.job()];
                let figures = run::in_turn(&jobs, ROUNDS);
                let cpu = |whole, start| without(figures[whole], figures[start]).cpu;
                let row = UnseenRow {
                    log: shape.name,
                    set: set.name,
                    line: (cpu(0, 2) / tenth as f64, cpu(1, 3) / lines as f64),
                };
                page::print_unseen(&row);
                row
            })
        };
        unseen::SHAPES.iter().flat_map(of_shape).collect()
    }

    /// The peaks on the log with most lines distinct.
    fn memory(&self) -> (u64, u64) {
        let log = self.path("distinct.log");
        let (perl, ours) = (
            self.perl(&self.sets.misc, Some(&log)),
            self.ours(&self.sets.misc, Some(&log)),
        );
        let figures = run::in_turn(&[perl.job(), ours.job()], 1);
        (figures[0].memory, figures[1].memory)
    }

    fn perl<'a>(&self, set: &Set, input: Option<&'a str>) -> Owned<'a> {
        let program = self.perl.to_str().expect("a path in UTF-8");
        self.owned(&["/usr/bin/perl", program], set, input)
    }

    fn ours<'a>(&self, set: &Set, input: Option<&'a str>) -> Owned<'a> {
        self.owned(&[env!("CARGO_BIN_EXE_tenshi")], set, input)
    }

    fn owned<'a>(&self, program: &[&str], set: &Set, input: Option<&'a str>) -> Owned<'a> {
        let mut command: Vec<String> = program.iter().map(ToString::to_string).collect();
        let conf = self.path(&format!("{}.conf", set.id));
        command.extend(["-c".to_owned(), conf, "-p".to_owned()]);
        Owned { command, input }
    }
}

/// A tenshi with `-p`.
struct Owned<'a> {
    command: Vec<String>,
    input: Option<&'a str>,
}

impl Owned<'_> {
    fn job(&self) -> Job<'_> {
        Job {
            command: self.command.iter().map(String::as_str).collect(),
            input: self.input.map(Path::new),
            memory: true,
        }
    }
}

fn job<'a>(command: &[&'a str], input: &'a str) -> Job<'a> {
    Job {
        command: command.to_vec(),
        input: Some(Path::new(input)),
        memory: false,
    }
}

/// What was taken besides the start.
fn without(whole: Figures, start: Figures) -> Figures {
    Figures {
        // Nothing takes less than the clock can tell.
        cpu: (whole.cpu - start.cpu).max(1e-5),
        ..whole
    }
}

/// Writes a log of this shape, with as many lines of each seed. Gives the number of lines, nearly `lines`.
fn write_unseen(shape: &'static unseen::Shape, lines: u64, path: &str) -> u64 {
    let each = lines / SEEDS.len() as u64;
    let mut text = Vec::new();
    for seed in SEEDS {
        let mut log = unseen::Unseen::new(shape, seed);
        for _ in 0..each {
            log.line(&mut text).expect("a line");
        }
    }
    fs::write(path, text).expect("a log");
    each * SEEDS.len() as u64
}

/// Writes `NAME.log`, and its beginning as `NAME-10.log`. Gives a sample.
fn write_logs(dir: &Path, name: &str, lines: u64, mut logs: logs::Logs) -> Vec<u8> {
    let mut text = Vec::new();
    let mut sample = 0;
    for at in 1..=lines {
        logs.line(&mut text).expect("a line");
        if at == lines / TENTH {
            fs::write(dir.join(format!("{name}-{TENTH}.log")), &text).expect("a log");
        }
        if at <= SAMPLE {
            sample = text.len();
        }
    }
    fs::write(dir.join(format!("{name}.log")), &text).expect("a log");
    text.truncate(sample);
    text.shrink_to_fit();
    text
}
