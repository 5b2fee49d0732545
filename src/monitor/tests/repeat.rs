//! `repeat` lines: what they are added to, over restarts and reloads, and their bounds.

use super::*;

/// Each invented host with a long line before it: 120 MB.
#[test]
fn long_lines_before_a_repetition_have_a_bound_together() {
    let mut monitor =
        monitor("repeat ^last message repeated (\\S+) times\nset max_memory 1M\na .*\n");
    let long = "x".repeat(60_000);
    for n in 0..2_000 {
        monitor.take(format!("Nov 23 12:00:00 invented{n} {long}\n").as_bytes());
        let held: usize = monitor
            .previous
            .iter()
            .map(|(.., last)| last.text().len())
            .sum();
        assert!(held <= (64 << 20) + 70_000, "{held}");
    }
    let kept = monitor.previous.iter().count();
    assert!(kept < 1_500, "{kept}");
    monitor.take(b"Nov 23 12:00:00 invented1999 last message repeated 3 times\n");
    assert_eq!(monitor.counters().get(Counter::RepeatDropped), 0);
    assert_eq!(monitor.queues[0].tally.total(), 2_003);
}

/// Where no rule repeats, the line before is not kept; so it must not be an older one later.
#[test]
fn repeat_knows_no_line_from_before_a_configuration_without_it() {
    let with = "repeat ^last message repeated (\\S+) times\na .*\n";
    let config = |rules: &str| {
        let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
        Arc::new(loaded.config.expect("a good config"))
    };
    let mut before = monitor(with);
    feed(&mut before, &["old"]);
    let snapshot = SavedMonitor {
        sources: owned(&before.saved_sources()),
        looked: start(),
        made: start(),
        ..SavedMonitor::default()
    };
    let mut restarted = monitor("a .*\n");
    restarted.restore(snapshot, start());
    restarted.reconfigure(config(with), start());
    feed(&mut restarted, &["last message repeated 2 times"]);
    assert_eq!(restarted.counters().get(Counter::RepeatDropped), 1);

    let mut monitor = before;
    monitor.reconfigure(config("a .*\n"), start());
    feed(&mut monitor, &["new"]);
    monitor.reconfigure(config(with), start());
    feed(&mut monitor, &["last message repeated 2 times"]);
    assert_eq!(monitor.counters().get(Counter::RepeatDropped), 1);
    feed(&mut monitor, &["x", "last message repeated 2 times"]);
    let lines = "    3: x\n    1: new\n    1: old\n";
    assert_eq!(flushed(&mut monitor), [one("a", lines)]);
}

#[test]
fn repeat_adds_to_the_line_before() {
    let rules = "repeat ^last message repeated (\\S+) times\ntrash ^t\na .*\n";
    let mut monitor = monitor(rules);
    feed(
        &mut monitor,
        &[
            "last message repeated 2 times",
            "foo",
            "last message repeated 4 times",
        ],
    );
    feed(
        &mut monitor,
        &[
            "last message repeated three times",
            "t",
            "last message repeated 9 times",
        ],
    );
    assert_eq!(flushed(&mut monitor), [one("a", "    5: foo\n")]);
    assert_eq!(monitor.counters().get(Counter::RepeatDropped), 2);
}

/// Lines of host h1 from a source.
fn feed_from(monitor: &mut Monitor, source: &str, lines: &[&str]) {
    for line in lines {
        let text = format!("Nov 23 12:00:00 h1 {line}\n");
        monitor.take_from(source.into(), text.as_bytes());
    }
}

#[test]
fn a_repetition_means_the_line_before_in_its_source() {
    let rules = "repeat ^last message repeated (\\S+) times\ntrash ^t\na .*\n";
    for restart in [false, true] {
        let mut monitor = monitor(rules);
        let again = |monitor: &mut Monitor| {
            if restart {
                *monitor = restarted(monitor, rules);
            }
        };
        feed_from(&mut monitor, "auth.log", &["sshd: Failed password"]);
        feed_from(&mut monitor, "syslog", &["CRON: x"]);
        again(&mut monitor);
        feed_from(&mut monitor, "auth.log", &["last message repeated 5 times"]);
        feed_from(&mut monitor, "mail.log", &["last message repeated 7 times"]);
        again(&mut monitor);
        feed_from(
            &mut monitor,
            "syslog",
            &["t", "last message repeated 9 times"],
        );
        again(&mut monitor);
        feed_from(&mut monitor, "auth.log", &["last message repeated 1 times"]);
        feed_from(&mut monitor, "syslog", &["last message repeated 2 times"]);
        let lines = "    7: sshd: Failed password\n    1: CRON: x\n";
        assert_eq!(flushed(&mut monitor), [one("a", lines)], "{restart}");
        assert_eq!(monitor.counters().get(Counter::RepeatDropped), 1);
    }
}

/// Snapshots of before kept one line a host.
#[test]
fn a_line_before_without_a_source_counts_until_its_source_has_another() {
    let rules = "repeat ^last message repeated (\\S+) times\na .*\n";
    let mut before = monitor(rules);
    feed_from(&mut before, "syslog", &["x"]);
    let old = SavedMonitor {
        last: owned::<Vec<SavedSource>>(&before.saved_sources())
            .remove(0)
            .last,
        looked: start(),
        made: start(),
        ..SavedMonitor::default()
    };
    let mut monitor = monitor(rules);
    monitor.restore(old, start());
    monitor = restarted(&monitor, rules);
    feed_from(
        &mut monitor,
        "syslog",
        &["last message repeated 2 times", "y"],
    );
    feed_from(&mut monitor, "syslog", &["last message repeated 3 times"]);
    let lines = "    4: y\n    2: x\n";
    assert_eq!(flushed(&mut monitor), [one("a", lines)]);
}

#[test]
fn lines_before_have_a_bound() {
    let rules = "repeat ^last message repeated (\\S+) times\na ^x$\nb (?:)^y\n";
    let mut monitor = monitor(rules);
    let config = Arc::clone(monitor.config());
    for n in 0..70_000 {
        feed_from(&mut monitor, &format!("f{n}"), &["x"]);
    }
    assert!(monitor.saved_sources().len() < 70_000);
    let long = "y".repeat(60_000);
    for n in 0..1_500 {
        feed_from(&mut monitor, &format!("g{n}"), &[&long]);
    }
    assert!(monitor.saved_sources().len() < 1_500);
    feed_from(&mut monitor, "f69999", &["x"]);
    feed_from(&mut monitor, "f69999", &["last message repeated 1 times"]);
    let (queue, body) = flushed(&mut monitor).remove(0);
    assert_eq!((queue, body), one("a", "    70002: x\n"));
    assert_eq!(config.repeat_limit, 1_000_000);
}

#[test]
fn a_repetition_has_a_limit() {
    let rules = "repeat ^last message repeated (\\S+) times\na,b:10 ^Failed\na .*\n";
    let mut monitor = monitor(rules);
    feed(&mut monitor, &["Failed"]);
    for number in [
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
        "1000001",
    ] {
        let line = format!("last message repeated {number} times");
        feed(&mut monitor, &[line.as_str()]);
    }
    assert_eq!(monitor.counters().get(Counter::RepeatOverLimit), 4);
    let told = monitor.take_warnings(start());
    assert!(told[0].contains("repeat_limit"), "{told:?}");
    // `b` gets the tenth line nevertheless.
    feed(&mut monitor, &["Failed"; 9]);
    assert_eq!(
        flushed(&mut monitor),
        [one("a", "    10: Failed\n"), one("b", "    10: Failed\n")]
    );
    feed(
        &mut monitor,
        &["Failed", "last message repeated 1000000 times"],
    );
    let lines = "    1000001: Failed\n";
    let escalated = "    1000000: Failed\n";
    assert_eq!(
        flushed(&mut monitor),
        [one("a", lines), one("b", escalated)]
    );
    let lower = parse_bytes(format!("{HEAD}set repeat_limit 3\n{rules}").as_bytes());
    monitor.reconfigure(Arc::new(lower.config.unwrap()), start());
    feed(&mut monitor, &["x", "last message repeated 4 times"]);
    feed(&mut monitor, &["last message repeated 3 times"]);
    assert_eq!(flushed(&mut monitor), [one("a", "    4: x\n")]);
    assert_eq!(monitor.counters().get(Counter::RepeatOverLimit), 5);
}

#[test]
fn a_repetition_escalates_as_its_lines_would() {
    let mut monitor = monitor("repeat ^again (\\d+)\na,b:3 ^x\n");
    feed(&mut monitor, &["x", "again 1"]);
    let due = monitor.flush(start(), None, &no_names);
    assert_eq!(due.len(), 1);
    monitor.undelivered(&due[0].settlement);
    feed(&mut monitor, &["again 5"]);
    assert_eq!(
        flushed(&mut monitor),
        [one("a", "    5: x\n"), one("b", "    6: x\n")]
    );
}

#[test]
fn a_reload_keeps_what_was_collected_and_knows_the_line_before() {
    let mut monitor = monitor("repeat ^again (\\d+)\nb ^x\n");
    feed(&mut monitor, &["x"]);
    let text = "set mailserver localhost\nset queue b f@x b@x [now]\nrepeat ^again (\\d+)\nb ^x\n";
    let config = parse_bytes(text.as_bytes()).config.unwrap();
    monitor.reconfigure(Arc::new(config), start());
    feed(&mut monitor, &["again 2"]);
    assert_eq!(flushed(&mut monitor), [one("b", "    3: x\n")]);
    let none = "set mailserver localhost\nset queue z f@x b@x [now]\nrepeat ^again (\\d+)\nz ^x\n";
    monitor.reconfigure(
        Arc::new(parse_bytes(none.as_bytes()).config.unwrap()),
        start(),
    );
    feed(&mut monitor, &["again 2"]);
    assert!(flushed(&mut monitor).is_empty());
    assert_eq!(monitor.counters().get(Counter::RepeatDropped), 1);
}
