//! `make bench-stages`: each step that a line takes, measured by itself.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod logs;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use bstr::BStr;
use chrono::{TimeZone, Utc};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tenshi::config::{self, Config, NewsSettings};
use tenshi::hosts::HostTable;
use tenshi::ledger::news::{Kind, Kinds, NewLine, Observer, Pair};
use tenshi::ledger::{Day, News};
use tenshi::pattern::{Budget, Found, Pattern, Spans};
use tenshi::queue::Tally;
use tenshi::record::{self, MessageText, Parsed};
use tenshi::rules::{Index, Query, mask};

/// Number of lines of one measurement.
const LINES: usize = 1000;

fn lines() -> Vec<Vec<u8>> {
    let mut logs = logs::Logs::new();
    let line = || {
        let mut line = Vec::new();
        logs.line(&mut line).expect("a line");
        line.pop();
        line
    };
    std::iter::repeat_with(line).take(LINES).collect()
}

/// The configuration with all rule files of the package.
fn rules() -> Config {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available");
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the rule files")
        .map(|entry| entry.expect("a rule file").path())
        .collect();
    paths.sort();
    let mut text = b"set logfile /dev/null\nset mailserver localhost\nset hidepid on\n\
        set queue misc a b [0 0 1 1 *]\nset queue report a b [0 0 1 1 *]\n\
        set queue critical a b [0 0 1 1 *]\n"
        .to_vec();
    for path in paths {
        text.extend(fs::read(path).expect("a rule file"));
        text.push(b'\n');
    }
    text.extend_from_slice(b"misc .*\n");
    config::parse_bytes(&text).config.expect("our rules")
}

fn prefix(c: &mut Criterion) {
    let config = rules();
    let traditional = lines();
    let rfc3339: Vec<Vec<u8>> = traditional
        .iter()
        .map(|line| [b"2026-11-23T21:44:00.123456+09:00 ", &line[16..]].concat())
        .collect();
    let mut group = c.benchmark_group("prefix");
    group.throughput(Throughput::Elements(LINES as u64));
    for (name, lines) in [("traditional", traditional), ("rfc3339", rfc3339)] {
        let mut spans = Spans::default();
        group.bench_function(name, |b| {
            b.iter(|| {
                for line in &lines {
                    let parsed = record::parse(
                        black_box(line),
                        &config.lines,
                        &mut spans,
                        &mut Budget::default(),
                    );
                    assert!(matches!(black_box(parsed), Parsed::Record(_)));
                }
            });
        });
    }
    group.finish();
}

fn decide(c: &mut Criterion) {
    let config = rules();
    let mut index = Index::new(&config.rules);
    let (mut spans, mut budget) = (Spans::default(), Budget::default());
    let lines = lines();
    let records: Vec<(Vec<u8>, Vec<u8>)> = lines
        .iter()
        .map(
            |line| match record::parse(line, &config.lines, &mut spans, &mut budget) {
                Parsed::Record(record) => {
                    let mut room = Vec::new();
                    let mut text =
                        MessageText::new(&record.message, config.lines.hidepid, &mut room);
                    (record.host.to_vec(), text.message().to_vec())
                }
                other => panic!("{other:?}"),
            },
        )
        .collect();
    let mut group = c.benchmark_group("decide");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function(format!("{} rules", config.rules.len()), |b| {
        b.iter(|| {
            for (host, message) in &records {
                budget.begin(message.len());
                let query = Query {
                    host,
                    text: &mut message[..].into(),
                    newlines: false,
                    spans: &mut spans,
                    budget: &mut budget,
                };
                let id = index.decide(&config.rules, query);
                assert!(black_box(id).is_some());
            }
        });
    });
    group.finish();
    assert!(budget.gave_up().is_empty());
}

/// A usual rule, and a message that it takes.
const RULE: &[u8] = br"^postfix/smtp: (.+): to=(.+), relay=(.+), delay=(.+), status=sent (.+)";
const MESSAGE: &[u8] = b"postfix/smtp: 3F2A99D1C0: to=<anna@h7.example.org>, \
    relay=h12.example.net[192.0.17.4]:25, delay=4, delays=0.1/0.01/0.2/0.3, dsn=2.0.0, \
    status=sent (250 2.0.0 Ok: queued as 77AB12CD34)";

fn matching(c: &mut Criterion) {
    let pattern = Pattern::compile(RULE).expect("a pattern");
    let mut spans = Spans::default();
    let mut group = c.benchmark_group("match");
    group.throughput(Throughput::Elements(1));
    group.bench_function("with captures", |b| {
        b.iter(|| assert_eq!(pattern.captures(black_box(MESSAGE), &mut spans), Found::Yes));
    });
    group.bench_function("yes or no", |b| {
        b.iter(|| assert_eq!(pattern.is_match(black_box(MESSAGE)), Found::Yes));
    });
    group.finish();
}

fn masking(c: &mut Criterion) {
    let pattern = Pattern::compile(RULE).expect("a pattern");
    let mut spans = Spans::default();
    assert_eq!(pattern.captures(MESSAGE, &mut spans), Found::Yes);
    let mut out = Vec::new();
    let mut group = c.benchmark_group("mask");
    group.throughput(Throughput::Elements(1));
    group.bench_function("five groups", |b| {
        b.iter(|| {
            let mut text = black_box(MESSAGE).into();
            out.clear();
            mask(&mut text, &pattern, &spans, b"___", &mut out);
        });
    });
    group.finish();
    assert!(out.ends_with(b", status=sent ___"));
}

fn count(c: &mut Criterion) {
    let lines = lines();
    let mut known = Tally::default();
    let mut table = HostTable::default();
    let mut add = |tally: &mut Tally| {
        for line in &lines {
            // The host stands behind the time stamp.
            let host = table.host(black_box(&line[16..22]));
            assert!(tally.add(host, black_box(&line[23..]), 1, usize::MAX));
        }
    };
    add(&mut known);
    let mut group = c.benchmark_group("count");
    group.throughput(Throughput::Elements(LINES as u64));
    group.bench_function("known lines", |b| b.iter(|| add(&mut known)));
    group.bench_function("new lines", |b| {
        b.iter(|| {
            let mut tally = Tally::default();
            add(&mut tally);
            tally
        });
    });
    group.finish();
}

/// What a line costs besides that a queue has for the first time, and what a start costs that knows many kinds.
fn news(c: &mut Criterion) {
    let now = Utc.with_ymd_and_hms(2026, 11, 27, 12, 0, 0).single();
    let now = now.expect("a time");
    let settings = NewsSettings::default();
    let mut news = News::default();
    news.begin(std::iter::empty(), now);
    let lines = lines();
    let mut see = || {
        let mut observer = Observer::new(&mut news, &settings, "misc", now);
        for line in &lines {
            observer.see(NewLine {
                at: 0,
                rule: 1,
                host: BStr::new("web1"),
                line: BStr::new(black_box(&line[16..])),
            });
        }
    };
    let mut group = c.benchmark_group("news");
    group.throughput(Throughput::Elements(LINES as u64));
    see();
    group.bench_function("lines of known kinds", |b| b.iter(&mut see));
    let mut kinds = Kinds::default();
    for n in 0..200_000_u64 {
        let hash = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let day = Day::numbered((n % 400) as u16);
        kinds.put(Kind {
            hash,
            first: day,
            last: day,
            pause: 0,
            host: 0,
        });
        kinds.put_pair(Pair::new(hash.rotate_left(7), day));
    }
    let bytes = postcard::to_stdvec(&kinds).expect("the kinds");
    group.throughput(Throughput::Elements(200_000));
    group.bench_function("200,000 kinds and as many of hosts are read", |b| {
        b.iter(|| postcard::from_bytes::<Kinds>(black_box(&bytes)).expect("the kinds"));
    });
    group.finish();
}

criterion_group!(stages, prefix, decide, matching, masking, count, news);
criterion_main!(stages);
