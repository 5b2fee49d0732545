//! `tenshi diff` as a user meets it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;

const OLD: &str = r"set mailserver localhost
set logfile /var/log/syslog
set hidepid on
set queue misc f@x.example t@x.example [now] misc
set queue report f@x.example t@x.example [0 8 * * *] report
misc ^sshd: Failed password for (\S+) from \S+
report ^kernel: (\S+) is down
misc .*
";
const NEW: &str = r"set mailserver localhost
set logfile /var/log/syslog
set hidepid on
set queue misc f@x.example t@x.example [now] misc
set queue report f@x.example t@x.example [0 8 * * *] report
# The users stay, the addresses go.
report ^sshd: Failed password for \S+ from (\S+)
report ^kernel: \S+ is (?:down)
trash ^cron:
misc .*
";

fn log() -> String {
    let mut log = String::new();
    for n in 0..5 {
        log.push_str(&format!(
            "Nov 23 21:44:0{n} h{n} sshd[{n}]: Failed password for bob from 10.0.0.{n}\n"
        ));
        log.push_str(&format!("Nov 23 21:44:0{n} h1 kernel: eth{n} is down\n"));
        log.push_str(&format!("Nov 23 21:44:0{n} h1 cron: job {n}\n"));
        log.push_str(&format!("Nov 23 21:44:0{n} h1 ntpd: step {n}\n"));
    }
    log
}

fn diff(dir: &Path, words: &[&str]) -> Output {
    Command::new(PROGRAM)
        .arg("diff")
        .args(words)
        .current_dir(dir)
        .output()
        .unwrap()
}

/// What it prints, without the directory of the configurations.
fn out(dir: &Path, output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let dir = dir.canonicalize().unwrap();
    text.replace(&format!("{}/", dir.display()), "")
}

fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("old", OLD), ("new", NEW), ("log", &log())] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn lines_that_change_are_grouped_with_samples() {
    let dir = site();
    let output = diff(dir.path(), &["old", "new", "log"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    insta::assert_snapshot!(out(dir.path(), &output), @r"
    15 lines of 20 change

    counted in other queues:
      5 lines from misc to report
        old old:6:6 misc ^sshd: Failed password for (\S+) from \S+
        new new:7:8 report ^sshd: Failed password for \S+ from (\S+)
          h0 sshd: Failed password for bob from 10.0.0.0
          h1 sshd: Failed password for bob from 10.0.0.1
          h2 sshd: Failed password for bob from 10.0.0.2
      5 lines from misc to trash
        old old:8:6 misc .*
        new new:9:7 trash ^cron:
          h1 cron: job 0
          h1 cron: job 1
          h1 cron: job 2

    counted as another text, or for another host:
      5 lines in report
        old old:7:8 report ^kernel: (\S+) is down
        new new:8:8 report ^kernel: \S+ is (?:down)
        - h1 kernel: ______ is down
        + h1 kernel: eth0 is down
        - h1 kernel: ______ is down
        + h1 kernel: eth1 is down
        - h1 kernel: ______ is down
        + h1 kernel: eth2 is down
    ");
}

#[test]
fn the_exit_status_is_that_of_diff() {
    let dir = site();
    let same = diff(dir.path(), &["old", "old", "log"]);
    assert_eq!(same.status.code(), Some(0));
    assert_eq!(out(dir.path(), &same), "no line changes of 20\n");
    for words in [
        ["old", "none", "log"],
        ["none", "new", "log"],
        ["old", "new", "none"],
    ] {
        let output = diff(dir.path(), &words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
    // A log that can be read is still compared.
    let output = diff(dir.path(), &["old", "new", "none", "log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(out(dir.path(), &output).starts_with("15 lines of 20 change\n"));
}

#[test]
fn logs_may_be_packed_and_come_through_a_pipe() {
    let dir = site();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log().as_bytes()).unwrap();
    std::fs::write(dir.path().join("log.gz"), gzip.finish().unwrap()).unwrap();
    let output = Command::new("sh")
        .args(["-c", "cat log | $0 diff old new log.gz -", PROGRAM])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(out(dir.path(), &output).starts_with("30 lines of 40 change\n"));
}

#[test]
fn programs_read_the_changes_as_json() {
    let dir = site();
    let output = diff(dir.path(), &["--json", "old", "new", "log"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&all["lines"], &all["changed"]), (&20.into(), &15.into()));
    let changes = all["changes"].as_array().unwrap();
    let kinds: Vec<_> = changes
        .iter()
        .map(|one| one["changes"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["queues", "queues", "text"]);
    let masked = &changes[2]["samples"][0];
    assert_eq!(masked["old"], "kernel: ______ is down");
    assert_eq!(masked["new"], "kernel: eth0 is down");
}
