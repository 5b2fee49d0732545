//! Records of several lines in a real log: cut anywhere while they are written, over kills and a rotation.

use std::fs;

use nix::sys::signal::Signal;

use super::site::{Site, mails};
use crate::support::random::Random;
use crate::support::{NEVER, line, seed, torture};

/// Some records of two hosts, and what the report shows of them.
fn records() -> (String, String) {
    let mut log = String::new();
    for n in 0..60 {
        log += &line("h1", &format!("app[{n}]: ERROR pool of {n}"));
        log +=
            &format!("java.lang.IllegalStateException: {n}\n\tat com.example.Dao(Dao.java:40)\n");
        log += "\tat com.example.Web(Web.java:7)\n\nCaused by: java.net.ConnectException\n\t... 12 more\n";
        log += &line("h2", "db: ERROR");
        log += &line("h1", &format!("app[{n}]: INFO"));
        log += &line("h2", &format!("db:   DETAIL {n}"));
    }
    let report = "*** Status: flushing ***\n\nh1: \n    60: app: ERROR pool of ______\n        \
                  java.lang.IllegalStateException: 0\n        \tat com.example.Dao(Dao.java:40)\n        \
                  [... 3 lines more]\n    60: app: INFO\n\nh2: \n    60: db: ERROR\n        \
                  db:   DETAIL ______\n";
    (log, report.to_owned())
}

#[test]
fn records_are_the_same_over_kills_and_a_rotation() {
    let (log, report) = records();
    let mut random = Random::new(seed(20_261_129));
    let rules = format!(
        "set hidepid on\nset join on\nset continue_lines 2\nset queue a from@x a@x {NEVER}\n\
         continue ^db:   DETAIL (\\d+)\na ^app: ERROR pool of (\\d+)\na .*\n"
    );
    let mut site = Site::start(&[], &rules);
    let kills = if torture() { 200 } else { 5 };
    let (mut rest, mut killed) = (log.as_bytes(), 0);
    while !rest.is_empty() {
        let most = (2 * log.len() / (3 * kills)).max(2);
        let (piece, after) = rest.split_at(rest.len().min(1 + random.below(most)));
        site.dir.append("log", piece);
        rest = after;
        if killed < kills && random.percent(60) {
            killed += 1;
            site.kill();
            site.run();
        }
        if rest.len() < log.len() / 2 && !site.dir.path("log.1").exists() {
            let end = rest
                .iter()
                .position(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            site.dir.append("log", &rest[..end]);
            rest = &rest[end..];
            fs::rename(site.dir.path("log"), site.dir.path("log.1")).expect("the rotation");
            site.dir.write("log", "");
        }
    }
    assert!(killed > kills / 2, "{killed}");
    site.daemon().signal(Signal::SIGUSR2);
    site.sink.messages(1);
    site.finish();
    let mails = mails(&site.sink.record());
    let bodies: Vec<&str> = mails.values().map(|mail| mail.body()).collect();
    assert_eq!(bodies, [report]);
}
