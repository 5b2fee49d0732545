//! What the end of the daemon keeps, and how long it takes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::site::{Site, counts, mails};
use crate::support::{DEADLINE, Dir, NEVER, poll};

const QUEUE: &str = "set queue n from@x n@x [now]\nn ^foo\n";

/// Where the next snapshot is written.
fn way(site: &Site) -> PathBuf {
    site.dir.path("state/tenshi.state.new")
}

/// What it is, what puts it in the way, and what takes it away.
type Obstacle = (&'static str, fn(&mut Site), fn(&mut Site));

/// What keeps the next snapshot from being written: an I/O error, no descriptor.
fn obstacles() -> [Obstacle; 2] {
    [
        (
            "a directory in the way",
            |site| fs::create_dir(way(site)).expect("a directory"),
            |site| fs::remove_dir(way(site)).expect("its end"),
        ),
        (
            "no descriptor",
            |site| limit(site, 3),
            |site| limit(site, 1024),
        ),
    ]
}

fn limit(site: &mut Site, files: u32) {
    let mut command = Command::new("prlimit");
    command.arg(format!("--nofile={files}:"));
    command.arg(format!("--pid={}", site.daemon().pid()));
    // Whoever the daemon is may set its limits.
    let process = fs::metadata(format!("/proc/{}", site.daemon().pid())).expect("its process");
    command.uid(process.uid()).gid(process.gid());
    assert!(
        command
            .status()
            .expect("prlimit (util-linux) runs")
            .success()
    );
}

/// Reports that were mailed while snapshots failed are in the last one of all: none comes again.
#[test]
fn after_a_failed_snapshot_the_end_tries_once_more() {
    let mut checked = 0;
    for (what, block, free) in obstacles() {
        let mut site = Site::start(&[], QUEUE);
        site.spoil();
        block(&mut site);
        for n in 0..5 {
            site.log(&format!("foo {n}"));
        }
        site.wait_told("the snapshot could not be written");
        free(&mut site);
        site.sink
            .wait(|record| counts(&mails(record), "n").len() == 5);
        // Well within the 10 s after which it would be tried again by itself.
        site.finish();
        let before = site.sink.record().messages.len();
        site.run();
        site.log("foo after");
        site.sink
            .wait(|record| counts(&mails(record), "n").contains_key("foo after"));
        site.finish();
        let mails = mails(&site.sink.record());
        let counts = counts(&mails, "n");
        assert_eq!(counts.len(), 6, "{what}: {}", site.told());
        assert!(counts.values().all(|n| *n == 1), "{what}: {counts:?}");
        assert_eq!(site.sink.record().messages.len(), before + 1, "{what}");
        checked += 1;
    }
    assert_eq!(checked, 2);
}

/// When that attempt fails too, nothing is said to be kept, and the end is no good one.
#[test]
fn an_end_without_a_last_snapshot_is_an_error() {
    let mut site = Site::start(&[], QUEUE);
    let way = site.dir.path("state/tenshi.state.new");
    fs::create_dir(&way).expect("a directory in the way");
    site.spoil();
    site.sink.down();
    site.log("foo one");
    site.wait_told("could not contact");
    let before = fs::read(site.snapshot()).expect("a snapshot");
    site.daemon().signal(Signal::SIGTERM);
    assert_eq!(site.ends(), Some(1), "{}", site.told());
    let told = site.told();
    assert!(
        told.contains("error: the last snapshot could not be written"),
        "{told}"
    );
    assert!(told.contains("is lost with this process"), "{told}");
    assert!(!told.contains("is kept for the next start"), "{told}");
    assert_eq!(fs::read(site.snapshot()).expect("the old one"), before);
    // It was a log file's line: the next start reads it again.
    fs::remove_dir(&way).expect("free again");
    site.sink.up();
    site.run();
    site.sink.messages(1);
    site.finish();
    let counts = counts(&mails(&site.sink.record()), "n");
    assert_eq!(counts.get("foo one"), Some(&1));
}

/// Lines of before the start may take longer to read than the end may take: they wait.
#[test]
fn an_end_during_the_catching_up_is_bounded() {
    let rest = format!("set queue c from@x c@x {NEVER}\nc ^foo\n");
    let mut site = Site::start(&[], &rest);
    site.log("foo one");
    site.finish();
    site.log("foo two");
    site.fault("follow hang");
    site.run();
    let asked = Instant::now();
    for _ in 0..2 {
        site.daemon().signal(Signal::SIGTERM);
        std::thread::sleep(Duration::from_millis(300));
    }
    site.wait_told("stopping: what is written so far is read (1 inputs), for ");
    let ended = poll(DEADLINE * 3, || (!site.daemon().alive()).then_some(()));
    assert!(ended.is_some(), "{}", site.told());
    assert_eq!(site.ends(), Some(0), "{}", site.told());
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert!(
        site.told().contains(
            "the inputs did not come to an end in 10 s: going on without; what is not read yet is \
             read at the next start"
        ),
        "{}",
        site.told()
    );
    site.fault("");
    site.run();
    site.finish();
    let counts = counts(&mails(&site.sink.record()), "c");
    let want = [("foo one".to_owned(), 1), ("foo two".to_owned(), 1)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), want);
}

/// The message names the time that was waited, also where that is the shorter one.
#[test]
fn what_does_not_drain_is_told_with_the_time_that_was_waited() {
    let mut site = Site::start(&[], QUEUE);
    site.fault("follow hang");
    site.log("foo one");
    site.daemon().signal(Signal::SIGUSR1);
    site.wait_told("the inputs did not come to an end in 10 s: going on without");
    site.fault("");
    site.finish();
}

fn snapshots_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Nobody else has it: it is made and locked anew.
#[test]
fn a_state_directory_that_is_removed_is_made_anew() {
    let mut site = Site::start(&[], QUEUE);
    let state = site.dir.path("state");
    fs::remove_dir_all(&state).expect("removed under the daemon");
    site.log("foo one");
    site.wait_told("the state directory was removed under the running daemon");
    site.sink.messages(1);
    let made = poll(DEADLINE, || tenshi::state::read(&state).ok());
    assert!(
        made.is_some(),
        "{:?}: {}",
        snapshots_in(&state),
        site.told()
    );
    assert!(
        tenshi::state::lock_status(&state)
            .expect("its lock")
            .running
    );
    // Remade by hand, and with a snapshot of who knows whom.
    fs::remove_dir_all(&state).expect("removed again");
    fs::create_dir(&state).expect("and made");
    site.dir.write("state/tenshi.state", "another one's");
    let process = fs::metadata(format!("/proc/{}", site.daemon().pid())).expect("its process");
    let owner = (Some(process.uid()), Some(process.gid()));
    for path in [state.join("tenshi.state"), state.clone()] {
        std::os::unix::fs::chown(path, owner.0, owner.1).expect("chown");
    }
    site.log("foo two");
    site.wait_told("a snapshot of another one was moved to");
    site.sink.messages(2);
    site.finish();
    let aside = fs::read(state.join("tenshi.state.bad-0")).expect("moved aside");
    assert_eq!(aside, b"another one's");
    site.run();
    site.finish();
    let counts = counts(&mails(&site.sink.record()), "n");
    assert!(
        counts.len() == 2 && counts.values().all(|n| *n == 1),
        "{counts:?}"
    );
}

/// Two daemons never share one: the one that lost its directory mails what it has, and ends.
#[test]
fn a_state_directory_that_another_daemon_took_ends_the_first_one() {
    let rest = format!("{QUEUE}set queue c from@x c@x {NEVER}\nc ^bar\n");
    let mut site = Site::start(&[], &rest);
    site.log("bar one");
    site.log("foo one");
    site.sink.messages(1);
    let state = site.dir.path("state");
    // The commit that follows the delivery would make the directory anew.
    let settled = poll(DEADLINE, || {
        let kept = tenshi::state::read(&state).ok()?;
        kept.outbox.mails().is_empty().then_some(())
    });
    settled.expect("nothing more to commit");
    fs::remove_dir_all(&state).expect("removed under the daemon");
    let other = Dir::new();
    other.write("log", "");
    let config = crate::support::conf(&other, site.sink.port, QUEUE);
    let arguments = ["--state-dir", state.to_str().expect("UTF-8")];
    let mut second = crate::support::daemon::Daemon::start_with(&other, &config, &[], &arguments);
    site.log("foo two");
    assert_eq!(site.ends(), Some(1), "{}", site.told());
    assert!(
        site.told().contains("another tenshi uses it"),
        "{}",
        site.told()
    );
    let mails = mails(&site.sink.record());
    assert_eq!(counts(&mails, "c").get("bar one"), Some(&1));
    assert_eq!(counts(&mails, "n").len(), 2);
    assert!(second.alive());
    second.finish();
}
