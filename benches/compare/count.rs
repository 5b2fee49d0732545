//! `make bench-count`: instructions instead of seconds. Their number is equal in each run, also on a
//! machine that has other things to do.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use super::Bench;
use super::logs::Logs;
use super::rules::Set;

/// How many lines are read: callgrind takes some fifty times as long.
const LINES: u64 = 20_000;

/// Prints the instructions a line with the larger sets of rules.
pub fn count(bench: &Bench) {
    let mut text = Vec::new();
    let mut logs = Logs::new();
    for _ in 0..LINES {
        logs.line(&mut text).expect("a line");
    }
    let log = bench.path("count.log");
    fs::write(&log, text).expect("a log");
    let sets = &bench.sets;
    println!("instructions of `tenshi -p`, by callgrind, on {LINES} lines");
    for set in [
        &sets.trash,
        &sets.debian,
        &sets.ours,
        &sets.logcheck100,
        &sets.logcheck,
    ] {
        let start = instructions(bench, set, "/dev/null");
        let whole = instructions(bench, set, &log);
        println!(
            "{:48} {:>7} a line, {:>6.1} million to start",
            set.name,
            (whole - start) / LINES,
            start as f64 / 1e6
        );
    }
}

fn instructions(bench: &Bench, set: &Set, log: &str) -> u64 {
    let out = bench.path("callgrind.out");
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={out}")])
        .arg(env!("CARGO_BIN_EXE_tenshi"))
        .args(["-c", &bench.path(&format!("{}.conf", set.id)), "-p"])
        .env("LC_ALL", "C")
        .stdin(File::open(log).expect("the log"))
        .stdout(Stdio::null())
        .output()
        .expect("valgrind, of Debian's package of that name (`make bench-count` installs it)");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "callgrind: {told}");
    // ==123== Collected : 456
    let line = told.lines().find(|line| line.contains("Collected :"));
    let number = line.and_then(|line| line.rsplit(' ').next());
    number
        .and_then(|n| n.parse().ok())
        .expect("callgrind's sum")
}
