//! Runs programs and asks the system what they took.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{Usage, UsageWho, getrusage};

/// Puts this process, and with it all that it starts, on one core.
pub fn on_one_core() {
    let done = Command::new("taskset")
        .args(["-cp", "0", &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()
        .expect("taskset, of Debian's package `util-linux`");
    assert!(done.success(), "taskset: {done}");
}

/// What to run, and on which log.
pub struct Job<'a> {
    pub command: Vec<&'a str>,
    /// Standard input; none is empty.
    pub input: Option<&'a Path>,
    /// Whether the peak memory is asked for: the program is then started by `time`, which takes a
    /// millisecond itself.
    pub memory: bool,
}

/// What one run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// User and system time, seconds.
    pub cpu: f64,
    /// Peak resident memory, KiB; 0 if not asked for.
    pub memory: u64,
}

/// Runs all jobs in turn, and that `rounds` times: a machine that gets slower meanwhile does so for
/// all of them. Gives the median of each job.
pub fn in_turn(jobs: &[Job<'_>], rounds: usize) -> Vec<Figures> {
    let mut taken: Vec<Vec<Figures>> = jobs.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (job, taken) in jobs.iter().zip(&mut taken) {
            taken.push(once(job));
        }
    }
    taken.into_iter().map(median).collect()
}

/// Of processor time and memory, each.
fn median(mut runs: Vec<Figures>) -> Figures {
    let middle = runs.len() / 2;
    runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    let cpu = runs[middle].cpu;
    runs.sort_by_key(|run| run.memory);
    Figures {
        cpu,
        memory: runs[middle].memory,
    }
}

/// One run. What it writes goes through a pipe that is read to its end: some programs stop early
/// when nobody will see it.
fn once(job: &Job<'_>) -> Figures {
    let told = std::env::temp_dir().join(format!("tenshi-bench-{}", std::process::id()));
    let mut words = job.command.clone();
    if job.memory {
        let told = told.to_str().expect("a path");
        words.splice(0..0, ["/usr/bin/time", "-f", "%M", "-o", told]);
    }
    let stdin = job.input.map_or_else(Stdio::null, |path| {
        File::open(path).expect("the log").into()
    });
    let before = children();
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .env("LC_ALL", "C")
        .stdin(stdin)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{words:?} (`make bench` installs what it needs): {e}"));
    let mut output = child.stdout.take().expect("a pipe");
    io::copy(&mut output, &mut io::sink()).expect("what the program writes");
    let status = child.wait().expect("the end of the program");
    assert!(status.success(), "{words:?}: {status}");
    let cpu = children() - before;
    let memory = match job.memory {
        false => 0,
        true => number(&told),
    };
    Figures { cpu, memory }
}

fn number(path: &Path) -> u64 {
    let mut text = String::new();
    let mut file = File::open(path).expect("the figure of `time`");
    file.read_to_string(&mut text).expect("text");
    let _ = fs::remove_file(path);
    text.trim().parse().expect("a number of KiB")
}

/// The processor time of all programs that have ended, seconds.
fn children() -> f64 {
    let usage: Usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the usage of the programs");
    let seconds = |time: nix::sys::time::TimeVal| {
        time.tv_sec() as f64 + f64::from(i32::try_from(time.tv_usec()).unwrap_or(0)) / 1e6
    };
    seconds(usage.user_time()) + seconds(usage.system_time())
}
