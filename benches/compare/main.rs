//! `make bench`: the Perl original, this program, `grep -c` and `wc -l` on the same logs, one after
//! the other on one core. Prints what it measures and writes docs/performance.md.
//!
//! Environment: `TENSHI_BENCH_LINES` (1,000,000) is the length of the long log.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[path = "../../tests/corpora/fetch.rs"]
mod fetch;
#[path = "../logs.rs"]
mod logs;
mod page;
mod rules;
mod run;

use std::fs;
use std::path::{Path, PathBuf};

use run::Figures;

/// What is timed with one set of rules.
pub struct Row {
    /// What the rules are.
    pub name: &'static str,
    /// How many rules and groups there are.
    pub rules: usize,
    /// How many lines the original read, and its figures.
    pub perl: (u64, Figures),
    /// How many lines we read, and our figures.
    pub ours: (u64, Figures),
}

/// The whole measurement.
pub struct Results {
    pub rows: Vec<Row>,
    /// Lines and figures of the log with most lines distinct.
    pub memory: Row,
    /// On the long log.
    pub grep: Figures,
    pub wc: Figures,
    pub lines: u64,
    pub bytes: u64,
}

fn main() {
    let lines: u64 = std::env::var("TENSHI_BENCH_LINES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(1_000_000);
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
    fs::create_dir_all(&dir).expect("a directory for the logs");
    let perl = fetch::package("tenshi").join("usr/sbin/tenshi");
    let head = fs::read(&perl).unwrap_or_default();
    assert!(
        head.starts_with(b"#!/usr/bin/perl"),
        "{} is not the Perl original",
        perl.display()
    );

    let long = write_log(&dir, "long.log", lines);
    // A prefix of the long one: the original takes a minute where we take a second.
    let short = write_log(&dir, "short.log", lines / 20);
    let tiny = write_log(&dir, "tiny.log", lines / 100);
    let distinct = dir.join("distinct.log");
    let mut text = Vec::new();
    logs::distinct(600_000, &mut text).expect("lines");
    fs::write(&distinct, &text).expect("a log");
    drop(text);

    let bench = Bench {
        dir: &dir,
        perl: &perl,
    };
    let sets = rules::sets();
    let mut rows = Vec::new();
    for set in &sets {
        let (log, count) = match set.rules > 1000 {
            true => (&tiny, lines / 100),
            false => (&short, lines / 20),
        };
        let row = bench.compare(set, (log, count), (&long, lines));
        page::print_row(&row);
        rows.push(row);
    }
    let all = sets
        .iter()
        .find(|set| set.name == rules::ALL)
        .expect("the rule that takes all");
    let memory = bench.compare(all, (&distinct, 600_000), (&distinct, 600_000));
    let long_text = long.to_str().expect("a path");
    let results = Results {
        grep: run::ours(&["grep", "-c", "freshclam", long_text], None),
        wc: run::ours(&["wc", "-l", long_text], None),
        rows,
        memory,
        lines,
        bytes: fs::metadata(&long).expect("the log").len(),
    };
    page::print(&results);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    fs::write(&page, page::page(&results)).expect("docs/performance.md");
    println!("\nwritten to {}", page.display());
}

fn write_log(dir: &Path, name: &str, lines: u64) -> PathBuf {
    let mut logs = logs::Logs::new();
    let mut text = Vec::new();
    for _ in 0..lines {
        logs.line(&mut text).expect("a line");
    }
    let path = dir.join(name);
    fs::write(&path, text).expect("a log");
    path
}

struct Bench<'a> {
    dir: &'a Path,
    perl: &'a Path,
}

impl Bench<'_> {
    /// Both programs with one set of rules, each on its log.
    fn compare(&self, set: &rules::Set, perl: (&Path, u64), ours: (&Path, u64)) -> Row {
        let conf = self.dir.join("bench.conf");
        fs::write(&conf, &set.text).expect("a configuration");
        let conf = conf.to_str().expect("a path");
        let program = self.perl.to_str().expect("a path");
        let original = run::once(&["perl", program, "-c", conf, "-p"], Some(perl.0));
        let we = run::ours(
            &[env!("CARGO_BIN_EXE_tenshi"), "-c", conf, "-p"],
            Some(ours.0),
        );
        Row {
            name: set.name,
            rules: set.rules,
            perl: (perl.1, original),
            ours: (ours.1, we),
        }
    }
}
