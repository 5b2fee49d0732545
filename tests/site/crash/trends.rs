//! Trends over kills: each line is counted once for its rule and host, and a note is told once.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use chrono::{Local, TimeDelta, Utc};
use nix::sys::signal::Signal;
use tenshi::config::parse_bytes;
use tenshi::ledger::Trends;
use tenshi::monitor::{Monitor, TrendRules};
use tenshi::state;

use super::site::{Site, mails};
use crate::support::random::Random;
use crate::support::{conf, line, poll, seed, torture};

/// The time of a report that does not come while a test runs, in a queue that counts days.
fn in_twelve_hours() -> String {
    (Local::now() + TimeDelta::hours(12))
        .format("[%M %H * * *]")
        .to_string()
}

fn site() -> Site {
    let mut site = Site::prepare(&[], "");
    let when = in_twelve_hours();
    let rest =
        format!("set trends on\nset queue c from@x c@x {when}\ntrash ^flood\ntrash ^drip\nc .*\n");
    site.config = conf(&site.dir, site.sink.port, &rest);
    site
}

/// The lines of each rule and host, by what a state holds.
fn counts(site: &Site, trends: &Trends) -> BTreeMap<(String, String), u32> {
    let config = parse_bytes(site.config.as_bytes())
        .config
        .expect("a good config");
    let mut counts = BTreeMap::new();
    for rule in TrendRules::new(&config).rules() {
        let trend = trends
            .rule("c", rule.key)
            .expect("what is known of the rule");
        let label = rule.counted.label(&config);
        let name = label.rsplit(' ').next().unwrap_or_default();
        for (host, lines) in trend.hosts {
            counts.insert((name.to_owned(), host.to_string()), lines);
        }
    }
    counts
}

#[test]
fn each_line_counts_once_for_its_rule_over_kills() {
    let first = seed(1);
    let kills = if torture() { 200 } else { 12 };
    let mut random = Random::new(first);
    let mut site = site();
    site.run();
    let mut want: BTreeMap<(String, String), u32> = BTreeMap::new();
    for _ in 0..kills {
        for _ in 0..random.below(40) {
            let host = format!("h{}", random.below(5));
            let (rule, text) = *random.pick(&[("^flood", "flood"), ("^drip", "drip"), (".*", "x")]);
            site.dir.append("log", line(&host, text));
            *want.entry((rule.to_owned(), host)).or_default() += 1;
        }
        // A report asks for a commit.
        if random.percent(60) {
            site.daemon().signal(Signal::SIGUSR2);
        }
        std::thread::sleep(Duration::from_millis(random.bits() % 100));
        site.kill();
        site.run();
    }
    site.finish();
    let snapshot = state::read(&site.dir.path("state")).expect("a state");
    assert_eq!(
        counts(&site, &snapshot.trends),
        want,
        "seed {first}: {}",
        site.told()
    );
    let lines: u32 = want.values().sum();
    println!("{lines} lines, {kills} kills: each counted once");
    assert!(lines > kills);
}

/// Weeks of history, and a note that the next report is to tell.
fn with_a_note(site: &Site) -> Trends {
    let config = parse_bytes(site.config.as_bytes()).config;
    let now = Utc::now();
    let config = Arc::new(config.expect("a good config"));
    let mut monitor = Monitor::new(config, now - TimeDelta::days(40));
    for day in 0..40 {
        let lines = if day == 39 { 500 } else { 10 };
        monitor.take(line("gw1", "flood").repeat(lines).as_bytes());
        monitor.advance_to(now - TimeDelta::days(39 - day));
    }
    monitor.ledger().trends.clone()
}

#[test]
fn a_note_is_told_once_over_kills() {
    let first = seed(1);
    let kills = if torture() { 200 } else { 6 };
    let mut random = Random::new(first);
    let mut site = site();
    let trends = with_a_note(&site);
    site.run();
    for kill in 0..kills {
        // The notes are there once more.
        site.finish();
        let mut snapshot = state::read(&site.dir.path("state")).expect("a state");
        assert_eq!(mails(&site.sink.record()).len(), kill, "seed {first}");
        snapshot.trends = trends.clone();
        fs::write(site.snapshot(), state::encode(&snapshot).expect("bytes")).expect("written");
        site.run();
        site.daemon().signal(Signal::SIGUSR2);
        std::thread::sleep(Duration::from_micros(random.bits() % 60_000));
        site.kill();
        site.run();
        site.daemon().signal(Signal::SIGUSR2);
        let told = || {
            let mails = mails(&site.sink.record());
            let told = mails.values();
            let told = told.filter(|mail| mail.body().contains("^flood: 500; on no day"));
            told.count()
        };
        let seen = poll(Duration::from_secs(60), || (told() > kill).then_some(()));
        assert!(seen.is_some(), "kill {kill}, seed {first}: {}", site.told());
    }
    site.finish();
    assert_eq!(mails(&site.sink.record()).len(), kills, "seed {first}");
    println!("{kills} kills: each note told once");
}
