//! `continue` and `set join on`: records of several lines, however they are read.

use super::*;
use crate::random::Random;

const PREFIX: &str = "Nov 23 12:00:00 h1 ";

/// A log, with the rules that it is read by and the reports that it gives.
struct Golden {
    name: &'static str,
    rules: &'static str,
    log: String,
    reports: Vec<(&'static str, String)>,
}

fn java() -> Golden {
    let trace = "\tat com.example.Dao.find(Dao.java:40)\n\tat com.example.Web.get(Web.java:7)\n\
                 Caused by: java.net.ConnectException: refused\n\t... 12 more\n";
    let mut log = String::new();
    for n in 0..3 {
        log += &format!("{PREFIX}app[{n}]: ERROR java.lang.IllegalStateException: pool\n{trace}");
    }
    log += &format!("{PREFIX}app[9]: INFO started\n");
    let kept = "        \tat com.example.Dao.find(Dao.java:40)\n        \
                \tat com.example.Web.get(Web.java:7)\n        \
                Caused by: java.net.ConnectException: refused\n        [... 1 line more]\n";
    Golden {
        name: "Java, in a file",
        rules: "set hidepid on\nset join on\na .*\n",
        log,
        reports: vec![(
            "a",
            format!(
                "\nh1: \n    3: app: ERROR java.lang.IllegalStateException: pool\n{kept}    1: app: INFO started\n"
            ),
        )],
    }
}

/// Python's traces by rsyslog: each line has the prefix and the tag.
fn python() -> Golden {
    let lines = [
        "web: ERROR request 7",
        "web: Traceback (most recent call last):",
        "web:   File \"/srv/app.py\", line 3, in get",
        "web: ERROR request 8",
        "web: Traceback (most recent call last):",
        "cron: x",
    ];
    let log = lines.map(|line| format!("{PREFIX}{line}\n")).concat();
    let kept = "        web: Traceback (most recent call last):\n        web:   File \"*\", line 3, in get\n";
    Golden {
        name: "Python, by syslog",
        rules: "continue ^web: (?:\\s|Traceback)(?: *File \"(.*)\")?\na ^web: ERROR request (\\d+)\nb .*\n",
        log,
        reports: vec![
            ("a", format!("\nh1: \n    2: web: ERROR request *\n{kept}")),
            ("b", "\nh1: \n    1: cron: x\n".into()),
        ],
    }
}

/// A record of 500 lines, whose host is interrupted by another one, and a last record without an end.
fn long() -> Golden {
    let mut log = format!("{PREFIX}big\n");
    for n in 0..500 {
        log += &format!("{PREFIX} part {n}\n");
        if n % 7 == 0 {
            log += "Nov 23 12:00:00 h2 x\n";
        }
    }
    log += &format!("{PREFIX}last\n{PREFIX} of all\n");
    Golden {
        name: "500 lines",
        rules: "set continue_lines 1\ncontinue ^ \na .*\n",
        log,
        reports: vec![(
            "a",
            "\nh1: \n    1: big\n         part 0\n        [... 499 lines more]\n    1: last\n         of all\n\
             \nh2: \n    72: x\n"
                .into(),
        )],
    }
}

/// A log whose own prefix is not known: its records stand in `noprefix`.
fn without_prefix() -> Golden {
    Golden {
        name: "no known prefix",
        rules: "set queue noprefix f@x n@x [0 0 1 1 *]\ncontinue ^\\s\na .*\n",
        log: " the end of one before\nERROR one\n  at x\n\n  at y\nERROR one\n  at z\nERROR two\n  at z\n".into(),
        reports: vec![(
            "noprefix",
            "\n[unprefixed logs]: \n    2: ERROR one\n          at x\n    1: \n          at y\n    \
             1:  the end of one before\n    1: ERROR two\n          at z\n"
                .into(),
        )],
    }
}

/// What is dropped takes its continuation lines with it.
fn dropped() -> Golden {
    let log = format!(
        "  nobody's\n{PREFIX}t\n  x\n{PREFIX}u\n  x\n{PREFIX}a\n  kept\n{PREFIX}u\n  x\n{PREFIX}t\n  x\n\
         {PREFIX}a\n  not kept\n{PREFIX}repeated 2 times\n  not kept\n   \n"
    );
    Golden {
        name: "dropped lines",
        rules: "set join on\ntrash ^t\nrepeat ^repeated (\\d+) times\na ^a\n",
        log,
        reports: vec![("a", "\nh1: \n    4: a\n          kept\n".into())],
    }
}

fn golden() -> [Golden; 5] {
    [java(), python(), long(), without_prefix(), dropped()]
}

/// The reports of a log that is read in pieces, with restarts between some of them.
fn read(golden: &Golden, random: &mut Random) -> Vec<(String, String)> {
    let mut monitor = monitor(golden.rules);
    let mut rest = golden.log.as_bytes();
    while !rest.is_empty() {
        let most = random.below(rest.len() + 1);
        let end = memchr::memchr(b'\n', &rest[most.min(rest.len() - 1)..]);
        let (piece, after) =
            rest.split_at(end.map_or(rest.len(), |end| most.min(rest.len() - 1) + end + 1));
        monitor.take_from("app.log".into(), piece);
        rest = after;
        if random.percent(40) {
            monitor = restarted(&monitor, golden.rules);
        }
    }
    flushed(&mut monitor)
}

#[test]
fn the_reports_are_the_same_however_the_lines_are_read() {
    let mut random = Random::new(20_261_129);
    let mut read_so_far = 0;
    for golden in golden() {
        let want = golden.reports.iter();
        let want: Vec<(String, String)> = want
            .map(|(queue, text)| ((*queue).to_owned(), text.clone()))
            .collect();
        for _ in 0..50 {
            assert_eq!(read(&golden, &mut random), want, "{}", golden.name);
            read_so_far += 1;
        }
    }
    assert_eq!(read_so_far, 250);
}

#[test]
fn only_the_full_form_has_continuation_lines() {
    let rules = "set queue p f@x pager:p@x [0 0 1 1 *]\nset csv [0 0 1 1 *] /bin/cat\nset join on\n\
                 a,p,csv ^x\n";
    let mut monitor = monitor(rules);
    feed(&mut monitor, &["x"]);
    monitor.take(b"  y\n");
    let want = [
        one("a", "    1: x\n          y\n"),
        ("p".into(), "h1,1,x\n".into()),
        ("csv".into(), "h1,x,1\n".into()),
    ];
    assert_eq!(flushed(&mut monitor), want);
}

/// A report may be made between a line and those that continue it: they belong to no later line.
#[test]
fn what_comes_behind_the_report_of_its_line_is_dropped() {
    for restart in [false, true] {
        let rules = "set join on\nn,a x\n";
        let mut monitor = monitor(rules);
        monitor.take_from("1".into(), format!("{PREFIX}x\n one\n").as_bytes());
        let due = monitor.due(start(), None, &|_| false, &no_names);
        assert_eq!(
            due[0].reports[0].body.to_string(),
            "\nh1: \n    1: x\n         one\n"
        );
        if restart {
            monitor = restarted(&monitor, rules);
        }
        monitor.take_from("2".into(), format!("{PREFIX}x\n two\n").as_bytes());
        monitor.take_from("1".into(), b" three\n");
        let want = [
            one("a", "    2: x\n         one\n         three\n"),
            one("n", "    1: x\n         two\n"),
        ];
        assert_eq!(flushed(&mut monitor), want, "{restart}");
        assert_eq!(monitor.counters().get(Counter::Continued), 3);
    }
}

#[test]
fn a_reload_goes_on_with_the_next_line() {
    let config = |rules: &str| {
        let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
        Arc::new(loaded.config.expect("a good config"))
    };
    let mut monitor = monitor("set join on\na,b x\n");
    feed(&mut monitor, &["x"]);
    monitor.take(b" one\n");
    monitor.reconfigure(config("set join on\nb,a x\n"), start());
    monitor.take(b" two\n");
    feed(&mut monitor, &["x y"]);
    monitor.take(b" three\n");
    let lines = "    1: x\n         one\n    1: x y\n         three\n";
    assert_eq!(flushed(&mut monitor), [one("a", lines), one("b", lines)]);
    feed(&mut monitor, &["x"]);
    monitor.take(b" one\n");
    // Without the directive the text is what it was, and such lines have no prefix.
    monitor.reconfigure(config("a x\n"), start());
    monitor.take(b" two\n");
    assert_eq!(monitor.counters().get(Counter::NoPrefix), 1);
    assert_eq!(
        flushed(&mut monitor)[0],
        one("a", "    1: x\n         one\n")
    );
}

#[test]
fn lines_without_a_line_before_are_told() {
    let mut monitor = monitor("set join on\ncontinue ^ \na x\n");
    monitor.take(b"no prefix\n no prefix either\n");
    feed(&mut monitor, &[" nothing before"]);
    // A line of that host came now, but none that was counted.
    monitor.take(b"  and this is its line\n");
    feed(&mut monitor, &["t", " nobody's"]);
    let counter = |counter| monitor.counters().get(counter);
    assert_eq!(counter(Counter::ContinueDropped), 2);
    assert_eq!(
        (counter(Counter::Continued), counter(Counter::NoPrefix)),
        (4, 1)
    );
    let told = monitor.take_warnings(start());
    assert!(
        told.iter()
            .any(|told| told.contains("without a line before")),
        "{told:?}"
    );
}

/// A stranger continues each line of his with long ones.
#[test]
fn continuation_lines_are_within_the_memory_of_the_queue() {
    let mut monitor = monitor("set join on\nset continue_lines 1000000\nset max_memory 1M\na x\n");
    let long = format!("  {}\n", "y".repeat(60_000)).repeat(20);
    for n in 0..20 {
        feed(&mut monitor, &[&format!("x {n}")]);
        monitor.take(long.as_bytes());
    }
    let continued = monitor.queues[0].tally.continued();
    let bytes: usize = continued
        .flat_map(|(_, continued)| &continued.lines)
        .map(|line| line.len())
        .sum();
    assert!((1_000_000..1_200_000).contains(&bytes), "{bytes}");
    let over = monitor.counters().get(Counter::ContinueOverLimit);
    assert!(over > 0, "{over}");
    assert!(monitor.counters().get(Counter::OverLimit) > 10);
}
