//! `tenshi coverage` as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;

mod planted;

const CONF: &str = r"set mailserver localhost
set logfile DIR/log
set hidepid on
set queue misc f@x.example t@x.example [now] misc
set queue report f@x.example t@x.example [0 8 * * *] report
trash ^cron: \w+ job
report ^sshd: (\w+) password for (\S+) from \S+
group ^kernel:
report ^kernel: (?:eth\d+ is down|x)$
trash ^kernel: eth1 is down$
trash ^sshd:
group_end
misc ^cron: nightly job (\d+)
misc ^ntpd: step (\d+)
misc ^ntpd: step ([\d.]+)
report ^backup(?=:)
misc ^kernel: x$
misc .*
";

fn log() -> String {
    let mut log = String::new();
    for n in 10..22 {
        log.push_str(&format!(
            "Nov 23 21:44:{n} h{} sshd[{n}]: Failed password for u{n} from 10.0.0.{n}\n\
             Nov 23 21:44:{n} h1 kernel: eth{n} is down\n\
             Nov 23 21:44:{n} h1 cron: nightly job {n}\n\
             Nov 23 21:44:{n} h1 ntpd: step {n}\n",
            n % 3
        ));
    }
    log + "2026-11-24T01:00:00+09:00 h9 cron: old job failed\nno prefix\nNov 23 21:44:00 h1 other\n"
}

fn coverage(dir: &Path, words: &[&str]) -> Output {
    Command::new(PROGRAM)
        .args(["coverage", "-c", "t.conf"])
        .args(words)
        .current_dir(dir)
        .output()
        .unwrap()
}

/// What it prints, without the directory of the configuration and the year, which comes from the clock.
fn out(dir: &Path, output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let dir = dir.canonicalize().unwrap();
    let text = text.replace(&format!("{}/", dir.display()), "");
    let mut short = String::new();
    for line in text.lines() {
        match line.split_once("-11-23 ") {
            Some((before, after)) => {
                let (kept, _year) = before.split_at(before.len() - 4);
                short.push_str(&format!("{kept}YYYY-11-23 {after}\n"));
            }
            None => short.push_str(&format!("{}\n", line.trim_end())),
        }
    }
    short
}

fn site() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().canonicalize().unwrap();
    let conf = CONF.replace("DIR", root.to_str().unwrap());
    std::fs::write(dir.path().join("t.conf"), conf).unwrap();
    std::fs::write(dir.path().join("log"), log()).unwrap();
    dir
}

#[test]
fn each_rule_is_told_with_its_lines_and_what_is_of_no_use() {
    let dir = site();
    let output = coverage(dir.path(), &["log"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(out(dir.path(), &output), @r"
    51 lines: 50 taken by 5 of 11 rules, 0 by no rule, 1 without a known prefix
    the catch-all takes 2.0%: t.conf:18:6 misc .*

         lines  share  hosts  last                 rule
            13  25.5%      2  2026-11-24 01:00:00  t.conf:6:7 trash ^cron: \w+ job
            12  23.5%      3  YYYY-11-23 21:44:21  t.conf:7:8 report ^sshd: (\w+) password for (\S+) from \S+
            12  23.5%      1  YYYY-11-23 21:44:21  t.conf:9:8 report ^kernel: (?:eth\d+ is down|x)$
            12  23.5%      1  YYYY-11-23 21:44:21  t.conf:14:6 misc ^ntpd: step (\d+)
             1   2.0%      1  YYYY-11-23 21:44:00  t.conf:18:6 misc .*

    shadowed, proven from the patterns: no line can come to them (4):
      t.conf:10:7 trash ^kernel: eth1 is down$
        all its lines are taken by t.conf:9:8 report ^kernel: (?:eth\d+ is down|x)$
      t.conf:13:6 misc ^cron: nightly job (\d+)
        all its lines are taken by t.conf:6:7 trash ^cron: \w+ job
      t.conf:17:6 misc ^kernel: x$
        all its lines are taken by t.conf:9:8 report ^kernel: (?:eth\d+ is down|x)$
      t.conf:11:7 trash ^sshd:
        matches no line that can come to it

    taken before, in these logs: lines came that they match (1):
      t.conf:15:6 misc ^ntpd: step ([\d.]+)
        matches the one kind of line looked at of t.conf:14:6 misc ^ntpd: step (\d+)

    nearly the same: they differ only in what varies (1):
      t.conf:14:6 misc ^ntpd: step (\d+)
      t.conf:15:6 misc ^ntpd: step ([\d.]+)
        only the second matches: ntpd: step .

    no line in these logs (1):
      t.conf:16:8 report ^backup(?=:)

    trash takes 25.5%, 13 lines; rules: 1, with words of failure: 1
      t.conf:6:7 trash ^cron: \w+ job
        13 lines, 1 with words of failure
          cron: old job failed
          cron: nightly job 10

    masks that never vary (1):
      t.conf:7:8 report ^sshd: (\w+) password for (\S+) from \S+
        group 1 is always `Failed`

    words that vary and are not masked (2):
      t.conf:7:8 report ^sshd: (\w+) password for (\S+) from \S+
        12 different texts
        behind `from`: 10.0.0.10, 10.0.0.11, 10.0.0.12, …
      t.conf:9:8 report ^kernel: (?:eth\d+ is down|x)$
        12 different texts
        behind `kernel:`: eth10, eth11, eth12, …

    not compared with the other rules, as they need the slower engine or are too large (1):
      t.conf:16:8 report ^backup(?=:)
    ");
    let followed = coverage(dir.path(), &[]);
    assert_eq!(
        out(dir.path(), &followed),
        out(dir.path(), &output),
        "the log that is followed"
    );
}

#[test]
fn programs_read_the_findings_as_json() {
    let dir = site();
    let output = coverage(dir.path(), &["--json", "log", "-"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&all["lines"], &all["no_prefix"]), (&51.into(), &1.into()));
    let rule = &all["rules"][1];
    assert_eq!(
        (&rule["lines"], &rule["hosts"], &rule["line"]),
        (&12.into(), &3.into(), &7.into())
    );
    assert_eq!(rule["constant_masks"][0]["value"], "Failed");
    let shadowed = all["shadowed"].as_array().unwrap();
    let proofs: Vec<_> = shadowed
        .iter()
        .map(|one| one["proof"].as_str().unwrap())
        .collect();
    assert_eq!(proofs, ["patterns", "patterns", "patterns", "logs"]);
}

#[test]
fn what_cannot_be_read_has_status_2() {
    let dir = site();
    let output = coverage(dir.path(), &["none", "log"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("none: No such file"));
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("51 lines"),
        "the other is read"
    );
    std::fs::remove_file(dir.path().join("log")).unwrap();
    let output = coverage(dir.path(), &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("follows no log file that is there"));
}
