//! A batch against its lines one by one.

use std::sync::Arc;

use chrono::{TimeZone, Utc};

use super::super::Monitor;
use crate::config::parse_bytes;
use crate::counters::Counter;
use crate::random::Random;

const HEAD: &str = "set mailserver h\nset mask *\nset queue a f@x a@x [0 0 1 1 *]\n\
    set queue b f@x b@x [0 0 1 1 *]\nset queue noprefix f@x n@x [0 0 1 1 *]\n";
const RULES: &[&str] = &[
    "trash ^sshd: Connection from (\\S+) port \\d+$\n",
    "trash ^cron: (?:x|y)+$\n",
    "trash closed$\n",
    "trash ^sshd(?:\\[\\d+\\])?: Failed\n",
    "a ^sshd: Accepted (\\S+) for (.+) from (.+)\n",
    "a,b ^sshd\\[\\d+\\]: (.+) for\n",
    "a,b:3 ^sshd: Failed password for (\\S+)\n",
    "repeat last message repeated (\\d+) times\n",
    "group ^sshd\nb ^sshd.*: Invalid (.*)\ntrash port 1\ngroup_end\n",
    "group_host ^h1$\ntrash ^cron: \na user\ngroup_end\n",
    "b ^((\\d)(\\w)?)+\n",
    "b (user|)\n",
];
const PREFIXES: &[&str] = &[
    "Nov 23 21:44:00 h1 ",
    "Nov  3 21:44:00 h2 ",
    "2026-11-23T21:44:00.123456+09:00 h1 ",
    "2026-11-23T21:44:00Z h3 ",
    "Nov 23 21:44:00 a-host-with-quite-a-long-name.example.org ",
    "Nov\t23 21:44:00\th1\t",
    "no prefix ",
    "",
];
const PARTS: &[&str] = &[
    "sshd: ",
    "sshd[12]: ",
    "sshd[1234567]: ",
    "sshd[x]: ",
    "cron: ",
    "cron ",
    "kernel: [  12.5] ",
    "a-program-with-a-name-that-is-long[77]: ",
    "Connection from 10.1.2.3 port 22",
    "Accepted key for anna from 10.1.2.3",
    "Failed password for root",
    "Invalid user ",
    "last message repeated 2 times",
    "closed",
    "xyxy",
    "12a ",
    " ",
    "ä",
    "\t",
];

fn line(random: &mut Random) -> Vec<u8> {
    // Most lines have a good prefix and a program.
    let prefixes = if random.percent(25) {
        PREFIXES
    } else {
        &PREFIXES[..3]
    };
    let mut line = random.pick(prefixes).as_bytes().to_vec();
    for _ in 0..random.below(5) {
        let parts = if random.percent(33) {
            &PARTS[..8]
        } else {
            PARTS
        };
        line.extend_from_slice(random.pick(parts).as_bytes());
    }
    if random.below(30) == 0 {
        line.push(0xe4);
    }
    line
}

fn monitors(config: &str) -> [Monitor; 2] {
    let now = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap();
    let config = Arc::new(
        parse_bytes(config.as_bytes())
            .config
            .expect("a good config"),
    );
    [0; 2].map(|_| Monitor::new(Arc::clone(&config), now))
}

fn bodies(monitor: &mut Monitor) -> Vec<(String, String)> {
    let now = Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 40).unwrap();
    let due = monitor.flush(now, None, &|_| None);
    let reports = due.into_iter().flat_map(|due| due.reports);
    reports
        .map(|report| (report.queue, report.body.to_string()))
        .collect()
}

/// Kinds of lines that are met for the first time may bring the index to its bound within a batch.
#[test]
fn an_index_that_begins_anew_within_a_batch_forgets_no_line() {
    let rules: String = (0..300).map(|n| format!("b word{n}$\n")).collect();
    let [mut whole, mut single] = monitors(&format!("{HEAD}a ^sshd\\S*: foo\n{rules}"));
    for round in 0..2 {
        let prefix = |n: usize| PREFIXES[if n.is_multiple_of(3) { 3 } else { 0 }];
        let line = |n: usize| format!("{}sshd{n}: x word{}\n", prefix(n), n % 300);
        let lines: Vec<String> = (0..900).map(|n| line(n + 900 * round)).collect();
        whole.take(lines.concat().as_bytes());
        for line in &lines {
            single.line(line.trim_end().as_bytes());
        }
    }
    assert_eq!(whole.counters().get(Counter::Matched), 1_800);
    assert_eq!(bodies(&mut whole), bodies(&mut single));
}

#[test]
fn a_batch_is_counted_as_its_lines_one_by_one() {
    let (mut taken, mut matched) = (0, 0);
    for seed in 1..=60_u64 {
        let mut random = Random::new(seed);
        let settings = *random.pick(&["set hidepid on\n", "set max_lines 20\n", ""]);
        let rules = (0..1 + random.below(12)).map(|_| *random.pick(RULES));
        let text = HEAD.to_owned() + settings + &rules.collect::<String>();
        let [mut whole, mut single] = monitors(&text);
        // The second batch begins where the first ended.
        for lines in [2_500, 700] {
            let lines: Vec<_> = (0..lines).map(|_| line(&mut random)).collect();
            let mut batch = lines.join(&b'\n');
            if random.percent(50) {
                batch.push(b'\n');
            }
            whole.take(&batch);
            lines.iter().for_each(|line| single.line(line));
            taken += lines.len();
        }
        assert_eq!(whole.counters(), single.counters(), "seed {seed}\n{text}");
        matched += whole.counters().get(Counter::Matched);
        assert_eq!(
            bodies(&mut whole),
            bodies(&mut single),
            "seed {seed}\n{text}"
        );
    }
    assert_eq!(taken, 60 * 3_200);
    assert!(matched > 50_000, "only {matched} of {taken} matched");
}
