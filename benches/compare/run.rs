//! Runs a program on one core and asks the system what it took.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

/// How often a fast program is run; the median counts.
const RUNS: usize = 5;

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// User and system time, seconds.
    pub cpu: f64,
    /// Peak resident memory, KiB.
    pub memory: u64,
}

/// The median of some runs.
pub fn ours(command: &[&str], input: Option<&Path>) -> Figures {
    let mut runs: Vec<Figures> = (0..RUNS).map(|_| once(command, input)).collect();
    runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    runs[RUNS / 2]
}

/// One run on core 0; its output is thrown away.
pub fn once(command: &[&str], input: Option<&Path>) -> Figures {
    let stdin = input.map_or_else(Stdio::null, |path| {
        File::open(path).expect("the log").into()
    });
    let done = Command::new("taskset")
        .args(["-c", "0", "/usr/bin/time", "-f", "%U %S %M"])
        .args(command)
        .stdin(stdin)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .expect("Debian's package `util-linux`, for taskset");
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(
        done.status.success(),
        "{command:?} (with Debian's package `time`): {}: {told}",
        done.status
    );
    let last = told.lines().last().expect("the figures of time");
    let mut words = last
        .split(' ')
        .map(|word| word.parse::<f64>().expect("a figure of time"));
    let mut next = || words.next().expect("three figures of time");
    let (user, system, memory) = (next(), next(), next());
    Figures {
        cpu: user + system,
        memory: memory as u64,
    }
}
