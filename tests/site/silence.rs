//! Silences of hosts, told by the running daemon: once, also over kills.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::random::Random;
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll, seed, torture};
use nix::sys::signal::Signal;

/// A site whose host `h1` may be silent for two seconds.
fn config(dir: &Dir, postbox: &Postbox) -> String {
    let rest = format!(
        "set statedir {}\nset queue n f@x n@x [now]\nset queue c f@x c@x {NEVER}\n\
         set silence n ^h1$ 2s\nset silence off ^(?:h9|/)\nn ^now\ntrash .*\n",
        dir.path("state").display()
    );
    conf(dir, postbox.port(), &rest)
}

/// The lines about silences that were mailed, numbers and times left out. A mail that came twice, after a kill,
/// has one Message-ID.
fn told(postbox: &Postbox) -> Vec<String> {
    let mut ids = BTreeSet::new();
    let mut lines = Vec::new();
    for mail in postbox.mails() {
        if ids.insert(mail.header("Message-ID")) {
            let body = mail.body();
            let its = body.lines().filter(|line| line.contains("tenshi: "));
            lines.extend(its.map(masked));
        }
    }
    lines
}

fn masked(line: &str) -> String {
    let digits = |c: char| if c.is_ascii_digit() { '#' } else { c };
    let line: String = line.trim().chars().map(digits).collect();
    line.replace("##", "#").replace("##", "#")
}

fn wait_for(postbox: &Postbox, daemon: &Daemon, count: usize) -> Vec<String> {
    let told = poll(DEADLINE, || {
        let told = told(postbox);
        (told.len() >= count).then_some(told)
    });
    told.unwrap_or_else(|| panic!("{:?}: {}", self::told(postbox), daemon.stderr()))
}

const SILENT: &str = "#: tenshi: silent since #:# (no pause of it is to last # s)";
const BACK: &str = "#: tenshi: back since #:#, silent for # s";

/// A host falls silent and comes back; the daemon is killed some time after each line of the host.
fn silence_over_kills(delays: [Duration; 2]) {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let config = config(&dir, &postbox);
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    let mut want = Vec::new();
    for (line_told, delay) in [SILENT, BACK].into_iter().zip(delays) {
        dir.append("log", line("h1", "x") + &line("h9", "x"));
        std::thread::sleep(delay);
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        daemon = Daemon::start(&dir, &config, &["log"]);
        want.push(line_told.to_owned());
        assert_eq!(wait_for(&postbox, &daemon, want.len()), want, "{delays:?}");
    }
    // Its second silence within a day is for the digest, which `USR2` asks for.
    std::thread::sleep(Duration::from_millis(2500));
    let told = poll(DEADLINE, || {
        daemon.signal(Signal::SIGUSR2);
        std::thread::sleep(Duration::from_millis(100));
        let told = told(&postbox);
        (told.len() >= 3).then_some(told)
    });
    let told = told.unwrap_or_else(|| panic!("{}", daemon.stderr()));
    assert_eq!(told[..2], want[..2]);
    assert!(
        told[2].starts_with("#: tenshi: silent # times since "),
        "{told:?}"
    );
    assert_eq!(told.len(), 3);
}

#[test]
fn a_silence_and_its_end_are_told_once_over_kills() {
    let mut random = Random::new(seed(1));
    let rounds = if torture() { 100 } else { 2 };
    for _ in 0..rounds {
        let mut delay = || Duration::from_millis(100 + random.below(3000) as u64);
        silence_over_kills([delay(), delay()]);
    }
}

/// Runs `tenshi` with these arguments on the state directory.
fn tenshi(dir: &Dir, arguments: &[&str]) -> String {
    let mut command = Command::new(PROGRAM);
    let state = dir.path("state");
    let output = command.args(arguments).arg("--state-dir").arg(state);
    let output = output.output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn a_hush_by_hand_holds_a_silence_back_until_it_is_over() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let daemon = Daemon::start(&dir, &config(&dir, &postbox), &["log"]);
    let told = tenshi(&dir, &["hush", "h1", "2h", "new", "disk"]);
    assert!(told.starts_with("h1: no silence is told until "), "{told}");
    dir.append("log", line("h1", "x"));
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(self::told(&postbox), [""; 0]);
    let status = tenshi(&dir, &["status"]);
    assert!(status.contains("hushes:\n  h1 until "), "{status}");
    assert!(status.contains(": new disk\n"), "{status}");
    assert_eq!(
        tenshi(&dir, &["hush", "h1", "off"]),
        "h1: the hush is over\n"
    );
    dir.append("log", line("h9", "x"));
    assert_eq!(wait_for(&postbox, &daemon, 1), [SILENT]);
    let silent = poll(DEADLINE, || {
        let status = tenshi(&dir, &["status"]);
        status.contains("silent:\n  h1 since ").then_some(())
    });
    assert!(silent.is_some(), "{}", tenshi(&dir, &["status"]));
    assert_eq!(
        tenshi(&dir, &["hush", "h1", "off"]),
        "h1: there was no hush\n"
    );
}

#[test]
fn the_check_tells_the_time_after_which_a_silence_is_told() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let config = dir.write("tenshi.conf", config(&dir, &postbox));
    let mut command = Command::new(PROGRAM);
    let output = command.arg("-C").arg("-c").arg(config).output();
    let shown = String::from_utf8(output.expect("it runs").stdout).expect("UTF-8");
    assert!(shown.contains("silences of ^h1$ after 2 s to n"), "{shown}");
}
