//! No line lost, none counted twice, whatever rotates the logs: real files, a real writer, the real
//! daemon. Every line has a number, and the mails must hold each number exactly once.
//!
//! The seed is printed; `TENSHI_SEED` sets it. `TENSHI_TORTURE=1` runs twenty times as long.

mod logrotate;
mod names;
mod rig;
mod rsyslog;
mod schemes;

use crate::support::random::Random;
use crate::support::{self, torture};
use nix::sys::signal::Signal;
use rig::{Rig, Site};
use schemes::Scheme;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often each log is rotated at least.
fn rotations() -> u64 {
    if torture() { 1_200 } else { 60 }
}

/// How long a test runs whose rotations are not counted.
fn duration() -> Duration {
    Duration::from_secs(if torture() { 400 } else { 20 })
}

/// The seed: another one in each run.
fn seed() -> u64 {
    let now = std::time::SystemTime::now();
    let since = now.duration_since(std::time::UNIX_EPOCH);
    support::seed(since.map_or(1, |t| t.as_nanos() as u64 >> 10))
}

/// Held while logs are written and rotated as fast as it goes: two such daemons side by side would come
/// too late for what they are held to.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a rotator for each scheme, all at once under one daemon, and accounts for every line.
fn account(seed: u64, schemes: &[(&str, &[Scheme])]) {
    let _alone = alone();
    let mut random = Random::new(seed);
    let rigs: Vec<Rig> = schemes
        .iter()
        .map(|(host, _)| Rig::new(host, random.bits()))
        .collect();
    let logs: Vec<PathBuf> = rigs.iter().map(|rig| rig.log.clone()).collect();
    let site = Site::start(&logs);
    let rigs: Vec<Rig> = std::thread::scope(|scope| {
        let threads: Vec<_> = rigs
            .into_iter()
            .zip(schemes)
            .map(|(mut rig, (_, schemes))| {
                let site = &site;
                scope.spawn(move || {
                    while rig.rotations < rotations() {
                        let scheme = *rig.random.pick(schemes);
                        scheme(&mut rig, site);
                        rig.rotations += 1;
                        let rest = 20 + rig.random.below(160) as u64;
                        rig.write_for(rest);
                    }
                    rig
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    site.account(&rigs);
}

#[test]
fn every_way_of_rotation_at_once() {
    account(
        seed(),
        &[
            ("create", &[schemes::create]),
            ("writer", &[schemes::writer_creates]),
            ("copytruncate", &[schemes::copytruncate]),
            ("regrow", &[schemes::regrow]),
            ("swap", &[schemes::link_swap]),
            ("mode", &[schemes::wrong_mode]),
            ("gzip", &[schemes::gzip]),
            ("date", &[schemes::dateext]),
        ],
    );
}

/// What is destroyed here was read before: these wait for that.
#[test]
fn every_way_of_destruction_at_once() {
    account(
        seed(),
        &[
            ("truncate", &[schemes::truncate]),
            ("remove", &[schemes::remove]),
            ("dir", &[schemes::new_directory]),
        ],
    );
}

#[test]
fn one_log_rotated_in_every_way() {
    let mixed: &[Scheme] = &[
        schemes::create,
        schemes::writer_creates,
        schemes::copytruncate,
        schemes::regrow,
        schemes::truncate,
        schemes::link_swap,
        schemes::wrong_mode,
        schemes::remove,
        schemes::gzip,
    ];
    account(seed(), &[("m1", mixed), ("m2", mixed), ("m3", mixed)]);
}

/// Generations that are born, written, rotated away and packed while the daemon gets no time: found
/// afterwards, although new files have the inodes of old ones.
#[test]
fn generations_that_the_daemon_never_saw() {
    let _alone = alone();
    let mut rig = Rig::new("h", seed());
    let site = Site::start(&[rig.log.clone()]);
    let end = Instant::now() + duration();
    let mut inodes = std::collections::HashSet::new();
    let mut reused = 0;
    while Instant::now() < end {
        site.daemon.signal(Signal::SIGSTOP);
        for _ in 0..=rig.random.below(5) {
            let scheme = *rig.random.pick(&[
                schemes::create as Scheme,
                schemes::writer_creates,
                schemes::gzip,
                schemes::gzip_at_once,
            ]);
            scheme(&mut rig, &site);
            rig.rotations += 1;
            reused += usize::from(!inodes.insert(rig.inode()));
        }
        site.daemon.signal(Signal::SIGCONT);
        site.sync();
        rig.write_for(30);
    }
    println!("{reused} files had the inode of an earlier one");
    assert!(reused > 0, "no inode was used again");
    site.account(&[rig]);
}

#[test]
fn a_log_that_appears_with_wrong_permissions_is_read_from_its_beginning() {
    let mut rig = Rig::new("h", seed());
    std::fs::remove_file(&rig.log).unwrap();
    let site = Site::start(&[rig.log.clone()]);
    site.sync();
    rig.open_with_mode(0o000);
    rig.burst();
    site.daemon.wait_stderr("cannot be read");
    rig.burst();
    rig.chmod(0o644);
    rig.burst();
    site.sync();
    let told = site.daemon.stderr();
    assert_eq!(told.matches("cannot be read").count(), 1, "{told}");
    site.account(&[rig]);
    assert!(told.contains("Permission denied"), "{told}");
}
