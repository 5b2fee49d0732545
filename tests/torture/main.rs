//! No line lost, none counted twice, whatever is done to the daemon. `make torture` runs this in full and
//! writes docs/reliability.md; the ordinary tests take a small part of it.
//!
//! Environment: `TENSHI_TORTURE_MINUTES` is how long the whole takes, `TENSHI_SEED` the seed of its order,
//! `TENSHI_PROGRAM` another program than the one that was just built. `TENSHI_TORTURE_SCHEME=Date` plays
//! worlds of that one way of rotation alone, `TENSHI_TORTURE_SCHEME=consoles` worlds of several consoles alone, and
//! no page is written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod consoles;
mod daemon;
mod page;
mod power;
mod scenario;
mod sweep;
mod world;
mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::Dir;
use sweep::{Plan, Swept, What};
use world::Seen;

/// How long logs are rotated in a world.
const LONGEST_WORLD: Duration = Duration::from_secs(30);

/// How long several consoles are disturbed in a world.
const LONGEST_SITE: Duration = Duration::from_secs(60);

/// How many minutes the whole takes, if it is asked for.
fn minutes() -> Option<u64> {
    let given = std::env::var("TENSHI_TORTURE_MINUTES").ok()?;
    Some(given.parse().expect("TENSHI_TORTURE_MINUTES is a number"))
}

/// How many runs there are at a time: each waits for most of its time.
fn workers() -> usize {
    3 * std::thread::available_parallelism().map_or(1, usize::from)
}

/// The whole: what was done, and what came of it.
struct Results {
    seed: u64,
    kills: Swept,
    errors: Swept,
    worlds: Seen,
    consoles: consoles::Seen,
    power: power::Cuts,
    took: Duration,
}

#[test]
fn torture() {
    let Some(minutes) = minutes() else { return };
    let begun = Instant::now();
    let part = |percent: u64| begun + Duration::from_secs(minutes * 60 * percent / 100);
    let seed = support::seed(1);
    if std::env::var("TENSHI_TORTURE_SCHEME").is_ok_and(|only| only == "consoles") {
        let seen = sites(seed, part(95));
        println!("{}", seen.summary(seed));
        assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
        return;
    }
    if let Some(scheme) = writer::only() {
        let seen = worlds(seed, part(95), LONGEST_WORLD);
        assert!(seen.wrong.is_empty(), "{scheme:?}: {:#?}", seen.wrong);
        return;
    }
    // Beside the others, which wait for half of their time.
    let power = std::thread::spawn(power::cuts);
    let dir = Dir::new();
    let plan = |what, until| Plan {
        what,
        seed,
        most: usize::MAX,
        until,
        workers: workers(),
    };
    let kills = sweep::sweep(&fast(&dir), plan(What::Kills, part(36)));
    let errors = sweep::sweep(&fast(&dir), plan(What::Errors, part(46)));
    let _ = fs::remove_dir_all(fast(&dir));
    let worlds = worlds(seed, part(60), LONGEST_WORLD);
    let consoles = sites(seed, part(95));
    let results = Results {
        seed,
        kills,
        errors,
        worlds,
        consoles,
        power: power.join().expect("the power cuts"),
        took: begun.elapsed(),
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    fs::write(&page, page::page(&results)).expect("docs/reliability.md");
    println!("{}written to {}", page::bars(&results), page.display());
    assert!(results.wrong().is_empty(), "{:#?}", results.wrong());
}

impl Results {
    /// Whatever must not be.
    fn wrong(&self) -> Vec<String> {
        let points = self.kills.wrong.iter().chain(&self.errors.wrong);
        let points = points.map(|(point, wrong)| format!("{point}: {}", wrong.join("; ")));
        let worlds = self.worlds.wrong.iter().chain(&self.consoles.wrong);
        points.chain(worlds.cloned()).collect()
    }
}

/// A directory in memory where there is one: what is killed is the process, and not the machine.
fn fast(dir: &Dir) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let name = dir.root().file_name().expect("a name");
    match memory.is_dir() {
        true => memory.join(name),
        false => dir.path("runs"),
    }
}

/// Worlds side by side, one after the other, until the time is over.
fn worlds(first: u64, until: Instant, longest: Duration) -> Seen {
    let (next, all) = (AtomicU64::new(first), Mutex::new(Seen::default()));
    std::thread::scope(|scope| {
        for _ in 0..workers() {
            scope.spawn(|| {
                while Instant::now() < until {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let left = until.saturating_duration_since(Instant::now());
                    let seen = world::world(world::Plan {
                        seed,
                        // Few logs let the daemon come far between two kills, many do not.
                        logs: if seed % 2 == 0 { 10 } else { 4 },
                        time: longest.min(left),
                    });
                    println!("{}", seen.summary(seed));
                    all.lock().expect("no panic").add(seen);
                }
            });
        }
    });
    all.into_inner().expect("no panic")
}

/// Sites of several consoles side by side, one after the other, until the time is over.
fn sites(first: u64, until: Instant) -> consoles::Seen {
    let (next, all) = (AtomicU64::new(first), Mutex::new(consoles::Seen::default()));
    let side_by_side = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    std::thread::scope(|scope| {
        for _ in 0..side_by_side {
            scope.spawn(|| {
                while Instant::now() < until {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let left = until.saturating_duration_since(Instant::now());
                    let seen = consoles::world(consoles::Plan {
                        seed,
                        time: LONGEST_SITE.min(left),
                        // In some, a report must come as soon as on a real console.
                        speed: if seed % 5 == 0 { 1 } else { 10 },
                    });
                    println!("{}", seen.summary(seed));
                    all.lock().expect("no panic").add(seen);
                }
            });
        }
    });
    all.into_inner().expect("no panic")
}

/// A few points, by chance.
fn some(what: What, most: usize) {
    let dir = Dir::new();
    let plan = Plan {
        what,
        seed: support::seed(std::process::id().into()),
        most,
        until: Instant::now() + Duration::from_secs(180),
        workers: workers(),
    };
    let runs = fast(&dir);
    let swept = sweep::sweep(&runs, plan);
    let _ = fs::remove_dir_all(runs);
    assert!(swept.points() > 0, "nothing was done");
    assert!(swept.wrong.is_empty(), "{:#?}", swept.wrong);
}

#[test]
fn a_kill_at_any_call_loses_and_doubles_nothing() {
    if minutes().is_none() {
        some(What::Kills, 25);
    }
}

#[test]
fn an_error_of_any_call_loses_and_doubles_nothing() {
    if minutes().is_none() {
        some(What::Errors, 25);
    }
}

#[test]
fn five_rotations_a_second_and_kills_lose_and_double_nothing() {
    if minutes().is_none() {
        let seen = world::world(world::Plan {
            seed: support::seed(std::process::id().into()),
            logs: 5,
            time: Duration::from_secs(6),
        });
        assert!(seen.lines > 100, "{seen:?}");
        assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    }
}

#[test]
fn several_consoles_lose_and_double_nothing_over_kills_and_wipes() {
    if minutes().is_none() {
        let seed = support::seed(std::process::id().into());
        let seen = consoles::world(consoles::Plan {
            seed,
            time: Duration::from_secs(12),
            speed: 10,
        });
        println!("{}", seen.summary(seed));
        assert!(seen.reports > 0 && seen.kills > 0, "{seen:?}");
        assert!(seen.wrong.is_empty(), "{:#?}", seen.wrong);
    }
}
