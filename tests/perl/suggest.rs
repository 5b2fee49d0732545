//! Rules of `tenshi suggest` in the original: Debian's Perl tenshi accepts each of them, and gives it the same
//! lines as we do. The lines are some of each kind of a console of 25 hosts, made for tests.

use std::collections::BTreeMap;
use std::process::Command;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::mail::{Counts, Mail};
use crate::support::postbox::Postbox;
use crate::support::{Dir, NEVER, conf, line, perl};

const LOG: &str = include_str!("suggest/console.log");

/// The log with prefixes that the original understands.
fn log() -> String {
    let mut log = String::new();
    for written in LOG.lines() {
        let (host, at) = tenshi::record::built_in(written.as_bytes()).expect("a prefix");
        log += &line(std::str::from_utf8(host).expect("a host"), &written[at..]);
    }
    log
}

/// The configuration without rules, and with a queue for what they leave.
fn head() -> String {
    let mut text = String::from("set hidepid on\n");
    for queue in ["critical", "report", "misc", "rest"] {
        text += &format!("set queue {queue} a@localhost b@localhost {NEVER} {queue}\n");
    }
    text
}

fn counts(mails: &[Mail]) -> BTreeMap<String, Counts> {
    let counts = |mail: &Mail| {
        let mut counts = mail.counts();
        counts.values_mut().for_each(|entries| entries.sort());
        (mail.queue(), counts)
    };
    mails.iter().map(counts).collect()
}

#[test]
fn the_original_gives_suggested_rules_the_same_lines() {
    perl::required();
    let dir = Dir::new();
    let (log, head) = (log(), head());
    let input = dir.write("log", &log);
    let config = dir.write("suggest.conf", conf(&dir, 25, &head));
    let output = Command::new(PROGRAM)
        .args(["suggest", "-c"])
        .args([&config, &input])
        .output()
        .expect("run tenshi");
    assert!(output.status.success(), "{output:?}");
    let rules = String::from_utf8(output.stdout).expect("UTF-8");
    let count = rules
        .lines()
        .filter(|line| line.contains(" ^") && !line.starts_with("group"))
        .count();
    assert!(count > 200, "{rules}");

    let (theirs, postbox) = (Dir::new(), Postbox::open());
    theirs.write("log", &log);
    let text = conf(&theirs, postbox.port(), &format!("{head}{rules}rest .*\n"));
    let theirs = counts(&perl::reports(&theirs, &text, &postbox));

    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let text = conf(&dir, postbox.port(), &format!("{head}{rules}rest .*\n"));
    let mut daemon = Daemon::start_with(&dir, &text, &["log"], &[]);
    dir.append("log", &log);
    daemon.finish();
    let ours = counts(&postbox.mails());

    assert_eq!(
        ours.keys().collect::<Vec<_>>(),
        ["critical", "misc", "report"],
        "a line is left"
    );
    assert_eq!(theirs, ours);
}
