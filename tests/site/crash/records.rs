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

/// A container of Docker writes lines of more than 16 KiB on both of its streams.
#[test]
fn the_parts_of_a_container_are_joined_over_kills() {
    let mut log = String::new();
    let entry = |text: &str, stream: &str| {
        let log = serde_json::to_string(text).expect("JSON");
        let time = "2026-11-23T21:44:00.123456789Z";
        format!("{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"{time}\"}}\n")
    };
    for n in 0..30 {
        let object = format!(
            "{{\"level\":\"error\",\"msg\":\"no route\",\"n\":{n},\"x\":\"{}\"}}\n",
            "y".repeat(20_000)
        );
        let (first, second) = object.split_at(16_384);
        log += &entry(first, "stdout");
        log += &entry("plain\n", "stderr");
        log += &entry("half ", "stderr");
        log += &entry(second, "stdout");
        log += &entry("line\n", "stderr");
    }
    let rules = format!(
        "set json on\nset queue a from@x a@x {NEVER}\nset logfile {{}}\n\
         a ^0123456789ab: error: no route n=(\\d+) x=(y{{20000}})$\na .*\n"
    );
    let mut site = Site::prepare(&[], "");
    let file = "var/lib/docker/containers/0123456789abcdef/0123456789abcdef-json.log";
    let pattern = site.dir.path("var/lib/docker/containers/*/*-json.log");
    fs::create_dir_all(site.dir.path(file).parent().expect("a directory")).expect("directories");
    site.dir.write(file, "");
    site.config += &rules.replace("{}", pattern.to_str().expect("UTF-8"));
    site.run();
    let mut random = Random::new(seed(20_261_129));
    let (mut rest, mut killed) = (log.as_bytes(), 0);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.len().min(1 + random.below(200_000)));
        site.dir.append(file, piece);
        rest = after;
        if killed < 4 && random.percent(60) {
            killed += 1;
            site.kill();
            site.run();
        }
    }
    site.daemon().signal(Signal::SIGUSR2);
    site.sink.messages(1);
    site.finish();
    let mails = mails(&site.sink.record());
    let body = mails.values().map(|mail| mail.body()).collect::<String>();
    let (_, lines) = body.split_once(": \n").expect("a host");
    let want = "    30: 0123456789ab: error: no route n=______ x=______\n    30: 0123456789ab: half line\n    \
                30: 0123456789ab: plain\n";
    assert_eq!(lines, want);
}
