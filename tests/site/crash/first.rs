//! The first second: where each file is begun is on disk before a line of it is taken, so that a
//! crash and a rotation right after the start lose nothing.

use std::fs;

use nix::sys::signal::Signal;

use super::site::{Site, counts, mails};
use crate::support::{NEVER, line};

fn queue() -> String {
    format!("set queue c from@x c@x {NEVER}\nc ^foo\n")
}

/// Reads everything, ends, and gives all that was counted.
fn rest(site: &mut Site) -> Vec<(String, u64)> {
    site.run_with_files(0);
    site.finish();
    counts(&mails(&site.sink.record()), "c")
        .into_iter()
        .collect()
}

fn rotate(site: &Site, name: &str) {
    fs::rename(site.dir.path(name), site.dir.path(&format!("{name}.1"))).expect("rotate");
}

#[test]
fn when_the_daemon_says_that_it_runs_its_positions_are_on_disk() {
    for _ in 0..5 {
        let mut site = Site::prepare(&[], &queue());
        site.dir.append("log", line("h1", "foo old"));
        site.start_only();
        let snapshot = tenshi::state::read(&site.dir.path("state")).expect("a snapshot");
        assert_eq!(snapshot.files.len(), 1);
        site.log("foo one");
        site.kill();
        rotate(&site, "log");
        site.dir.write("log", line("h1", "foo two"));
        let want = ["foo one", "foo two"].map(|text| (text.to_owned(), 1));
        assert_eq!(rest(&mut site), want, "{}", site.told());
    }
}

/// No file matched, and none was there, when the daemon was killed.
#[test]
fn a_file_that_comes_and_is_rotated_while_nothing_runs_is_new() {
    for config in ["set logfile DIR/*.glob\n", "set logfile DIR/a.glob\n"] {
        let mut site = Site::prepare(&[], &queue());
        let dir = site.dir.root().display().to_string();
        site.config = config.replace("DIR", &dir) + &site.config;
        site.start_only();
        site.kill();
        site.dir.append("a.glob", line("h1", "foo one"));
        rotate(&site, "a.glob");
        site.dir.append("a.glob", line("h1", "foo two"));
        let want = ["foo one", "foo two"].map(|text| (text.to_owned(), 1));
        assert_eq!(rest(&mut site), want, "{config}: {}", site.told());
    }
}

/// The file comes while the daemon runs, which is killed before or while it takes its first lines.
#[test]
fn a_new_file_of_a_pattern_survives_a_crash_at_any_moment() {
    for pause in [0, 1, 3, 10, 40] {
        let mut site = Site::prepare(&[], &queue());
        let dir = site.dir.root().display().to_string();
        site.config = format!("set logfile {dir}/*.glob\n") + &site.config;
        site.start_only();
        site.dir.append("a.glob", line("h1", "foo one"));
        std::thread::sleep(std::time::Duration::from_millis(pause));
        site.kill();
        site.dir.append("a.glob", line("h1", "foo two"));
        rotate(&site, "a.glob");
        site.dir.append("a.glob", line("h1", "foo three"));
        let want = ["foo one", "foo three", "foo two"].map(|text| (text.to_owned(), 1));
        assert_eq!(rest(&mut site), want, "{pause} ms: {}", site.told());
    }
}

/// A pattern that is new after a reload begins where its files are then.
#[test]
fn a_pattern_that_a_reload_brings_is_kept_too() {
    let mut site = Site::prepare(&[], &queue());
    let old = site.dir.write("a.glob", line("h1", "foo old"));
    site.start_only();
    site.config = format!("set logfile {}/*.glob\n", site.dir.root().display()) + &site.config;
    site.dir.write("tenshi.conf", &site.config);
    site.daemon().signal(Signal::SIGHUP);
    site.wait_told("read again");
    let state = site.dir.path("state");
    let known = crate::support::poll(crate::support::DEADLINE, || {
        let snapshot = tenshi::state::read(&state).ok()?;
        let followed = snapshot.files.iter().any(|file| file.path == old);
        (snapshot.patterns.len() == 1 && followed).then_some(())
    });
    assert!(known.is_some(), "{}", site.told());
    site.kill();
    site.dir.append("a.glob", line("h1", "foo one"));
    site.dir.append("b.glob", line("h1", "foo two"));
    let want = ["foo one", "foo two"].map(|text| (text.to_owned(), 1));
    assert_eq!(rest(&mut site), want, "{}", site.told());
}
