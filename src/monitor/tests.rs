mod batches;
mod bundle;
mod continuation;
mod mirror;
mod news;
mod quiet;
mod repeat;
mod silence;
mod site;
mod trends;

use std::sync::Arc;

use bstr::BStr;
use chrono::{Duration, TimeZone, Utc};

use super::lines::MOST_HOSTS;
use super::*;
use crate::clock::Time;
use crate::config::parse_bytes;
use crate::counters::Counter;
use crate::report::Status;

const HEAD: &str = "set mailserver localhost\nset mask *\n\
    set queue a f@x a@x [0 0 1 1 *]\nset queue b f@x b@x [0 0 1 1 *]\nset queue n f@x n@x [now]\n";

/// No host has a full name.
fn no_names(_: &[u8]) -> Option<String> {
    None
}

fn start() -> Time {
    Utc.with_ymd_and_hms(2026, 11, 23, 12, 0, 30).unwrap()
}

fn monitor(rules: &str) -> Monitor {
    let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
    Monitor::new(Arc::new(loaded.config.expect("a good config")), start())
}

fn feed(monitor: &mut Monitor, lines: &[&str]) {
    for line in lines {
        monitor.take(format!("Nov 23 12:00:00 h1 {line}\n").as_bytes());
    }
}

/// The bodies of all reports, by queue.
fn flushed(monitor: &mut Monitor) -> Vec<(String, String)> {
    let reports = monitor
        .flush(start(), None, &no_names)
        .into_iter()
        .flat_map(|due| due.reports);
    reports.map(|r| (r.queue, r.body.to_string())).collect()
}

fn one(queue: &str, lines: &str) -> (String, String) {
    (queue.to_owned(), format!("\nh1: \n{lines}"))
}

#[test]
fn equal_masked_lines_are_counted_in_every_queue_of_their_rule() {
    let mut monitor = monitor("a,b ^x (\\d+)\n");
    feed(&mut monitor, &["x 1", "x 2", "y"]);
    assert_eq!(
        flushed(&mut monitor),
        [one("a", "    2: x *\n"), one("b", "    2: x *\n")]
    );
    assert_eq!(monitor.counters().get(Counter::Unmatched), 1);
    assert!(flushed(&mut monitor).is_empty());
}

#[test]
fn hosts_beyond_the_bound_are_forgotten_and_their_lines_are_not() {
    let mut monitor = monitor("a ^x\n");
    for round in 0..3 {
        feed(&mut monitor, &["x"]);
        let line = |n: usize| format!("Nov 23 12:00:00 invented{round}-{n} x\n");
        let lines: String = (0..MOST_HOSTS).map(line).collect();
        monitor.take(lines.as_bytes());
    }
    feed(&mut monitor, &["x"]);
    assert_eq!(monitor.hosts.len(), 1);
    let reports = flushed(&mut monitor);
    assert!(reports[0].1.contains("\nh1: \n    4: x\n"));
    let hosts = reports[0].1.matches("    1: x\n").count();
    assert_eq!(hosts, 3 * MOST_HOSTS);
}

/// A part of a snapshot as the next start reads it.
fn owned<T: serde::de::DeserializeOwned>(written: &impl serde::Serialize) -> T {
    postcard::from_bytes(&postcard::to_stdvec(written).unwrap()).unwrap()
}

#[test]
fn an_escalated_queue_gets_the_running_total() {
    let mut monitor = monitor("a,b:3 ^x\n");
    feed(&mut monitor, &["x"; 7]);
    assert_eq!(
        flushed(&mut monitor),
        [one("a", "    7: x\n"), one("b", "    6: x\n")]
    );
}

#[test]
fn escalation_begins_anew_with_a_report_and_goes_on_if_it_cannot_be_sent() {
    let mut monitor = monitor("a,b:3 ^x\n");
    feed(&mut monitor, &["x"; 2]);
    let first = monitor.flush(start(), None, &no_names);
    feed(&mut monitor, &["x"; 2]);
    let second = monitor.flush(start(), None, &no_names);
    assert_eq!(second.len(), 1, "as far as is known, the first was sent");
    monitor.undelivered(&first[0].settlement);
    monitor.undelivered(&second[0].settlement);
    feed(&mut monitor, &["x"]);
    let both = [one("a", "    1: x\n"), one("b", "    3: x\n")];
    assert_eq!(
        flushed(&mut monitor),
        both,
        "four lines before are not sent"
    );

    monitor.undelivered(&first[0].settlement);
    monitor.delivered_at_last(&first[0].settlement);
    feed(&mut monitor, &["x"; 2]);
    assert_eq!(flushed(&mut monitor), [one("a", "    2: x\n")]);
}

#[test]
fn a_report_takes_out_the_counter_that_hosts_share() {
    let queues = "set queue c f@x c@x [0 0 1 1 *]\nset queue d f@x d@x [0 0 1 1 *]\n";
    let rules = format!("set max_lines 3\n{queues}a,b:2 ^x\nc,d:2 ^y\n");
    let mut monitor = monitor(&rules);
    for _ in 0..3 {
        for line in ["h1 x", "h2 x", "h3 x", "h9 y"] {
            monitor.take(format!("Nov 23 12:00:00 {line}\n").as_bytes());
        }
        let queues: Vec<String> = flushed(&mut monitor).into_iter().map(|r| r.0).collect();
        assert_eq!(queues, ["a", "c"]);
    }
}

/// Goes on in another monitor of these rules from what this one would save.
fn restarted(monitor: &Monitor, rules: &str) -> Monitor {
    let now = monitor.looked();
    let snapshot = SavedMonitor {
        queues: monitor
            .saved_queues()
            .into_iter()
            .map(|queue| SavedQueue {
                name: queue.name,
                tally: owned(queue.tally),
                start: queue.start,
                overdue: queue.overdue,
                schedule: queue.schedule,
                next: queue.next,
                gap: queue.gap,
            })
            .collect(),
        escalations: owned(&monitor.saved_escalations()),
        last: owned(&monitor.saved_last()),
        sources: owned(&monitor.saved_sources()),
        continued: owned(&monitor.saved_continued()),
        continuing: owned(&monitor.saved_continuing()),
        counters: monitor.counters().clone(),
        bundles: owned(&monitor.saved_bundles()),
        looked: now,
        made: now,
        ..SavedMonitor::default()
    };
    let mut next = self::monitor(rules);
    assert!(next.restore(snapshot, now).is_empty());
    next
}

/// A snapshot of a run that was misled holds a counter at its end.
#[test]
fn a_counter_at_its_end_goes_on() {
    let rules = "a,b:3 ^x\n";
    let mut before = monitor(rules);
    feed(&mut before, &["x"]);
    let mut escalations = before.saved_escalations();
    escalations[0].count = u64::MAX;
    let snapshot = SavedMonitor {
        escalations: owned(&escalations),
        looked: start(),
        made: start(),
        ..SavedMonitor::default()
    };
    let mut monitor = monitor(rules);
    monitor.restore(snapshot, start());
    feed(&mut monitor, &["x", "x", "x", "x"]);
    assert_eq!(
        flushed(&mut monitor),
        [one("a", "    4: x\n"), one("b", "    3: x\n")]
    );
}

#[test]
fn a_minute_that_passed_unseen_is_made_up_for() {
    let mut monitor = monitor("set queue c f@x c@x [* * * * *]\nc .*\n");
    feed(&mut monitor, &["x"]);
    let at = |seconds| start() + Duration::seconds(seconds);
    assert!(
        monitor.due(at(20), None, &|_| false, &no_names).is_empty(),
        "the minute of the start is used up"
    );
    assert!(
        monitor.due(at(500), None, &|_| true, &no_names).is_empty(),
        "the one before is on its way"
    );
    let due = monitor.due(at(510), Some(Status::QueueCheck), &|_| false, &no_names);
    assert_eq!(due.len(), 1);
    assert!(
        due[0].reports[0]
            .body
            .whole()
            .starts_with(b"*** Status: queue check ***\n\nh1")
    );
    assert_eq!(due[0].reports[0].start, Some(start()));
}

#[test]
fn a_now_queue_is_due_as_soon_as_it_holds_lines() {
    let mut monitor = monitor("n .*\n");
    assert!(!monitor.now_waiting());
    feed(&mut monitor, &["x"]);
    assert!(monitor.now_waiting());
    let due = monitor.due(start(), None, &|_| false, &no_names);
    assert_eq!((due.len(), due[0].reports[0].start), (1, None));
}

#[test]
fn a_pager_among_others_gets_the_short_form() {
    let mut monitor = monitor("set queue p f@x one@x,pager:two@x [now]\np .*\n");
    feed(&mut monitor, &["x"]);
    let due = monitor.flush(start(), Some(Status::Flushing), &no_names);
    let reports = &due[0].reports;
    assert_eq!(reports.len(), 2);
    assert_eq!(
        (reports[0].recipients[0].as_str(), reports[0].pager),
        ("one@x", false)
    );
    assert_eq!(
        (reports[1].recipients[0].as_str(), reports[1].pager),
        ("two@x", true)
    );
    assert_eq!(reports[1].body.to_string(), "h1,1,x\n");
    assert_eq!(reports[1].to, "one@x,two@x");
}

#[test]
fn lines_without_a_prefix_go_to_noprefix_or_nowhere() {
    let mut plain = monitor("a .*\n");
    plain.take(b"no prefix here\n");
    assert!(flushed(&mut plain).is_empty());
    assert_eq!(plain.counters().get(Counter::NoPrefix), 1);
    let mut with = monitor("set queue noprefix f@x n@x [0 0 1 1 *]\na .*\n");
    with.take(b"no prefix here\n\n");
    assert_eq!(
        flushed(&mut with),
        [(
            "noprefix".to_owned(),
            "\n[unprefixed logs]: \n    1: \n    1: no prefix here\n".to_owned()
        )]
    );
}

#[test]
fn usr1_mails_what_is_due_in_this_minute_once() {
    let mut monitor = monitor("set queue c f@x c@x [* * * * *]\nc ^x\na .*\n");
    feed(&mut monitor, &["x", "y"]);
    let now = start() + Duration::seconds(5);
    let check = |monitor: &mut Monitor| {
        monitor.mark_due_this_minute(now);
        monitor
            .due(now, Some(Status::QueueCheck), &|_| false, &no_names)
            .len()
    };
    assert_eq!(
        check(&mut monitor),
        1,
        "the minute of the start, but not mailed in it"
    );
    feed(&mut monitor, &["x"]);
    assert_eq!(check(&mut monitor), 0, "mailed in this minute already");
}

#[test]
fn a_threshold_holds_back_what_is_rare() {
    let mut monitor = monitor("set threshold a 3 ^x\na .*\n");
    feed(&mut monitor, &["x", "x", "y"]);
    assert_eq!(flushed(&mut monitor), [one("a", "    1: y\n")]);
    feed(&mut monitor, &["x", "x"]);
    assert!(flushed(&mut monitor).is_empty());
}

#[test]
fn a_rule_at_its_limit_is_told_once_with_its_place_and_counted() {
    let mut monitor = monitor("a ^((a+)+(?!b)x\\2?)+$\na,b ^(?:(a+)+(?!b)x\\1?)+$\na .*\n");
    let line = format!("{}x!", "a".repeat(40));
    feed(&mut monitor, &[&line]);
    let told = monitor.take_warnings(start());
    assert_eq!(told.len(), 2, "{told:?}");
    for (warning, place) in told.iter().zip(["tenshi.conf:6:3: ", "tenshi.conf:7:5: "]) {
        let at = warning.find(place).expect("the rule's place");
        assert!(
            warning[at..].contains("given up on a line of 61 bytes"),
            "{warning}"
        );
    }
    feed(&mut monitor, &[&line]);
    assert!(monitor.take_warnings(start()).is_empty());
    assert_eq!(monitor.counters().get(Counter::GaveUp), 4);
    let same = Arc::clone(monitor.config());
    monitor.reconfigure(same, start());
    feed(&mut monitor, &[&line]);
    assert_eq!(
        monitor.take_warnings(start()).len(),
        2,
        "a reload tells again"
    );
    assert_eq!(
        flushed(&mut monitor),
        [one("a", &format!("    3: {line}\n"))]
    );
}

/// A report of many such lines must not hold up the loop: the limit is hit a bounded number of times.
#[test]
fn a_threshold_at_its_limit_is_told_and_holds_back_nothing() {
    let mut monitor = monitor("set threshold a 5 ^(?:(a+)+(?!b)x\\1?)+$\na .*\n");
    let lines: Vec<String> = (0..40)
        .map(|n| format!("{}x!{n}", "a".repeat(40)))
        .collect();
    feed(
        &mut monitor,
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    let body = flushed(&mut monitor).remove(0).1;
    assert_eq!(body.lines().count(), 42, "{body}");
    let told = monitor.take_warnings(start());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("the threshold `^(?:"), "{told:?}");
    assert_eq!(monitor.counters().get(Counter::GaveUp), 20);
}

/// Rules that spend the whole budget of a line leave nothing to other rules of their kind. The line is not lost: plain
/// rules have their answer nevertheless.
#[test]
fn a_line_that_cost_too_much_goes_on_to_the_plain_rules() {
    let slow = "a ^(?:(a+)+(?!b)x\\1?)+$\n";
    let mut monitor = monitor(&format!("{slow}{slow}b,n:2 ^a+x!.*(?:end|(z+))\na .*\n"));
    let line = format!("{}x! {} zzz", "a".repeat(40), "long ".repeat(12_000));
    feed(&mut monitor, &[&line, "a", &line]);
    let told = monitor.take_warnings(start());
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(monitor.counters().get(Counter::GaveUp), 4);
    assert_eq!(monitor.counters().get(Counter::Unmatched), 0);
    let shown = format!("    2: {}", &line[..1_900]);
    let queues = flushed(&mut monitor);
    let names: Vec<_> = queues.iter().map(|(queue, _)| &queue[..]).collect();
    assert_eq!(names, ["a", "b", "n"]);
    assert_eq!(queues[0], one("a", "    1: a\n"));
    assert!(queues[1].1.contains(&shown), "{}", queues[1].1);
}

/// The loop has to look after the watchdog and signals between lines that cost much.
#[test]
fn dear_lines_are_taken_in_slices_and_cheap_ones_in_one() {
    let mut monitor = monitor("a ^(?:(a+)+(?!b)x\\1?)+$\na .*\n");
    let cheap = "Nov 23 12:00:00 h1 y\n".repeat(10_000);
    assert_eq!(
        monitor.take_some(BStr::new(""), cheap.as_bytes()),
        cheap.len()
    );
    let dear = format!("Nov 23 12:00:00 h1 {}x!\n", "a".repeat(40)).repeat(40);
    let first = monitor.take_some(BStr::new(""), dear.as_bytes());
    assert!((1..dear.len() / 2).contains(&first), "{first}");
    assert_eq!(dear.as_bytes()[first - 1], b'\n');
    let spent = monitor.counters().get(Counter::GaveUp);
    monitor.hurry(true);
    assert_eq!(
        monitor.take_some(BStr::new(""), &dear.as_bytes()[first..]),
        dear.len() - first
    );
    assert_eq!(
        monitor.counters().get(Counter::GaveUp),
        40,
        "{spent} at first"
    );
    monitor.hurry(false);
    monitor.take(dear.as_bytes());
    let body = flushed(&mut monitor).remove(0).1;
    assert!(
        body.contains("10000: y\n") && body.contains("   80: aaaa"),
        "{body}"
    );
}
