//! All points of a run, one after the other: the process is killed at each call of every kind, or each
//! call gets an error.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::daemon::{Fault, Point};
use super::scenario::{Outcome, Place};
use crate::support::random::Random;

/// The errors that calls are given.
pub const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EINTR", "EMFILE", "EACCES"];

/// Calls that the process is not killed at: the first one is not its own, and at the last it is gone.
const NO_KILL: [&str; 3] = ["execve", "exit_group", "restart_syscall"];

/// Calls that no disk, network or limit of files can fail, or none at all: memory, threads, signals, time,
/// who we are.
const NO_ERROR: [&str; 31] = [
    "arch_prctl",
    "brk",
    "clock_nanosleep",
    "clone3",
    "exit",
    "futex",
    "getcwd",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "getresgid",
    "getresuid",
    "gettid",
    "getuid",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "prctl",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "umask",
    "uname",
];

/// What is done to each call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum What {
    Kills,
    Errors,
}

/// How much is done.
#[derive(Clone, Copy)]
pub struct Plan {
    pub what: What,
    /// The order of the points.
    pub seed: u64,
    /// The number of points at most; where there are fewer, all of them are taken.
    pub most: usize,
    pub until: Instant,
    /// How many runs there are at a time.
    pub workers: usize,
}

/// The points of one kind of call.
#[derive(Default, Debug)]
pub struct Row {
    /// How often a run without a fault makes it.
    pub made: u32,
    /// At how many of them the fault happened.
    pub points: u32,
    /// The threads that made those.
    pub threads: BTreeSet<String>,
    /// After how many of them the daemon went on to a good end.
    pub went_on: u32,
    /// Reports that came twice, with one Message-ID.
    pub again: usize,
}

/// What came of all.
#[derive(Default, Debug)]
pub struct Swept {
    pub rows: BTreeMap<String, Row>,
    /// Points with something wrong, and what.
    pub wrong: Vec<(Point, Vec<String>)>,
    /// Whether every point was reached, none left out for want of time.
    pub whole: bool,
    /// The longest end after a `SIGTERM`.
    pub longest: Duration,
    /// Losses that were told, although there were none.
    pub alarms: usize,
}

impl Swept {
    pub fn points(&self) -> u32 {
        self.rows.values().map(|row| row.points).sum()
    }
}

/// The points that are left, and the least number of each kind that a run did not come to.
struct Left {
    points: Vec<Point>,
    counts: BTreeMap<String, u32>,
    beyond: BTreeMap<String, u32>,
}

/// Goes through the points, in an order of the seed's, as far as the plan allows.
pub fn sweep(dir: &Path, plan: Plan) -> Swept {
    let places: Vec<Place> = (0..plan.workers)
        .map(|n| Place::prepare(&dir.join(format!("{:?}{n}", plan.what))))
        .collect();
    let counts = places[0].count();
    let points = points(&counts, plan);
    let left = Mutex::new(Left {
        points,
        counts: counts.clone(),
        beyond: BTreeMap::new(),
    });
    let rows = counts.into_iter().map(|(call, made)| {
        let row = Row {
            made,
            ..Row::default()
        };
        (call, row)
    });
    let swept = Mutex::new(Swept {
        rows: rows.collect(),
        ..Swept::default()
    });
    std::thread::scope(|scope| {
        for place in &places {
            scope.spawn(|| work(place, plan, &left, &swept));
        }
    });
    let mut swept = swept.into_inner().unwrap_or_else(PoisonError::into_inner);
    swept.whole = lock(&left).points.is_empty();
    swept
}

/// All points, the one to be taken first at the end.
fn points(counts: &BTreeMap<String, u32>, plan: Plan) -> Vec<Point> {
    let faults: Vec<Fault> = match plan.what {
        What::Kills => vec![Fault::Kill],
        What::Errors => ERRORS.map(Fault::Error).to_vec(),
    };
    let mut points = Vec::new();
    for (call, made) in counts {
        let spared = NO_KILL.contains(&call.as_str())
            || (plan.what == What::Errors && NO_ERROR.contains(&call.as_str()));
        if spared {
            continue;
        }
        // Runs differ a little: what is beyond the last one is found out.
        for number in 1..=made + made / 4 + 3 {
            points.extend(faults.iter().map(|fault| Point {
                call: call.clone(),
                number,
                fault: fault.clone(),
            }));
        }
    }
    let mut random = Random::new(plan.seed);
    for at in (1..points.len()).rev() {
        points.swap(at, random.below(at + 1));
    }
    points
}

fn work(place: &Place, plan: Plan, left: &Mutex<Left>, swept: &Mutex<Swept>) {
    while Instant::now() < plan.until {
        let next = {
            let mut left = lock(left);
            if lock(swept).points() as usize >= plan.most {
                left.points.clear();
            }
            let Left {
                points,
                counts,
                beyond,
            } = &mut *left;
            let next = points.pop();
            next.filter(|point| {
                let none = beyond.get(&point.call);
                point.number <= counts[&point.call] || none.is_none_or(|n| point.number < *n)
            })
            .map_or_else(|| (points.is_empty(), None), |point| (false, Some(point)))
        };
        match next {
            (true, None) => return,
            (_, None) => continue,
            (_, Some(point)) => {
                let outcome = place.run(&point);
                note(&point, outcome, left, swept);
            }
        }
    }
}

fn note(point: &Point, outcome: Outcome, left: &Mutex<Left>, swept: &Mutex<Swept>) {
    if !outcome.happened {
        // Whoever holds this one may wait for the other.
        let mut left = lock(left);
        let bound = left.beyond.entry(point.call.clone()).or_insert(u32::MAX);
        *bound = (*bound).min(point.number);
    }
    let mut swept = lock(swept);
    swept.longest = swept.longest.max(outcome.end);
    swept.alarms += outcome.alarms;
    if !outcome.wrong.is_empty() {
        println!("WRONG: {point}: {}", outcome.wrong.join("\n    "));
        swept.wrong.push((point.clone(), outcome.wrong));
    }
    let row = swept.rows.entry(point.call.clone()).or_default();
    row.again += outcome.again;
    if outcome.happened {
        row.points += 1;
        row.went_on += u32::from(outcome.status == 0);
        row.threads.insert(outcome.thread);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
