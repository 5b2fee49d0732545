//! Bad input: whatever stands in a log or a configuration, the daemon says what is wrong, goes on,
//! and loses nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Output, Stdio};
use support::daemon::{Daemon, PROGRAM};
use support::postbox::Postbox;
use support::random::Random;
use support::{Dir, NEVER, conf, line};

fn rules() -> String {
    format!("set queue a from@x.example a@x.example {NEVER}\na ^good\n")
}

/// Feeds `junk` between two good lines; both must be in the report, whatever became of the junk.
fn good_lines_survive(junk: &[u8]) {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let mut daemon = Daemon::start(&dir, &conf(&dir, postbox.port(), &rules()), &["log"]);
    dir.append("log", line("h1", "good before"));
    dir.append("log", junk);
    dir.append("log", b"\n");
    dir.append("log", line("h1", "good after"));
    daemon.finish();
    let mails = postbox.mails();
    assert_eq!(mails.len(), 1, "{}", daemon.stderr());
    let counts = mails[0].counts();
    let texts: Vec<&str> = counts["h1"]
        .iter()
        .map(|entry| entry.text.as_str())
        .collect();
    assert_eq!(texts, ["good after", "good before"]);
}

#[test]
fn random_bytes() {
    let mut random = Random::new(1);
    let junk: Vec<u8> = (0..200_000).map(|_| random.below(256) as u8).collect();
    good_lines_survive(&junk);
}

#[test]
fn nul_bytes() {
    good_lines_survive(&[0; 100_000]);
    good_lines_survive(b"Nov 23 21:44:00 h2 \0\0text\0");
}

#[test]
fn a_line_of_a_hundred_megabytes() {
    good_lines_survive(&vec![b'x'; 100 << 20]);
}

#[test]
fn a_directory_as_log_file_costs_only_itself() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    fs::create_dir(dir.path("adir")).unwrap();
    let config = format!(
        "set logfile {}\n{}",
        dir.path("adir").display(),
        conf(&dir, postbox.port(), &rules())
    );
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line("h1", "good"));
    daemon.finish();
    assert!(
        daemon.stderr().contains("adir"),
        "it is told: {}",
        daemon.stderr()
    );
    assert_eq!(postbox.mails()[0].counts()["h1"][0].count, 1);
}

/// What `tenshi -C` says to a configuration.
fn checked(dir: &Dir, config: &[u8]) -> (Output, String) {
    let path = dir.write("tenshi.conf", config);
    let output = Command::new(PROGRAM)
        .args(["-C", "-c"])
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .expect("tenshi starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, told)
}

#[test]
fn includes_that_cannot_be_read_are_named() {
    let dir = Dir::new();
    fs::create_dir(dir.path("adir")).unwrap();
    symlink(dir.path("nowhere"), dir.path("dangling")).unwrap();
    let names = ["missing", "adir", "dangling"];
    for name in names {
        let config = format!(
            "include {}\n{}",
            dir.path(name).display(),
            conf(&dir, 25, &rules())
        );
        let (output, told) = checked(&dir, config.as_bytes());
        assert!(!output.status.success(), "{name}");
        assert!(
            told.contains(name) && told.contains("tenshi.conf"),
            "{name}: {told}"
        );
    }
}

#[test]
fn random_configurations_are_refused_without_a_crash() {
    let dir = Dir::new();
    let words = [
        "set ",
        "queue ",
        "logfile ",
        "[now]",
        "[* * * * *]",
        "a ",
        "group ",
        "(",
        "\\d+",
        "\n",
        "\0",
        "é",
        "{",
    ];
    let mut refused = 0;
    for seed in 0..100 {
        let mut random = Random::new(seed);
        let config: Vec<u8> = (0..60)
            .flat_map(|_| {
                if random.percent(20) {
                    vec![random.below(256) as u8]
                } else {
                    random.pick(&words).as_bytes().to_vec()
                }
            })
            .collect();
        let (output, told) = checked(&dir, &config);
        assert!(
            matches!(output.status.code(), Some(code) if code != 0 && code != 101),
            "seed {seed}: {} {told}",
            output.status
        );
        assert!(told.contains("tenshi.conf"), "seed {seed}: {told}");
        refused += 1;
    }
    assert_eq!(refused, 100);
}
