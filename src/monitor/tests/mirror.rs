//! Consoles that hear the same hosts (`set site NAME URL mirror`): which lines a console asks for, and what stays of a
//! queue whose lines another console has mailed.

use std::collections::BTreeMap;

use super::*;
use crate::config::Queue;

fn none_waits(_: &Queue) -> bool {
    false
}

fn at(seconds: i64) -> Time {
    start() + Duration::seconds(seconds)
}

/// Another console has mailed these lines, which are all that would be mailed now.
fn mailed_by(monitor: &mut Monitor, console: &str, seconds: i64, number: usize) {
    let hashes = monitor.alarms(at(seconds), &none_waits);
    assert_eq!(hashes.len(), number);
    let by = hashes.into_iter().map(|hash| (hash, console.to_owned()));
    monitor.set_mailed_elsewhere(by.collect());
}

/// The text of the report that is due, if there is one, without the dates of its head.
fn report(monitor: &mut Monitor, seconds: i64) -> Option<String> {
    let due = monitor.due(at(seconds), None, &|_| false, &no_names);
    monitor.set_mailed_elsewhere(BTreeMap::new());
    let mut reports = due.into_iter().flat_map(|due| due.reports);
    let text = reports.next().map(|report| report.body.to_string());
    assert!(reports.next().is_none(), "one report");
    text
}

#[test]
fn a_line_that_another_console_mailed_takes_nothing_out_of_the_window() {
    let mut b =
        monitor("set bundle n 10m\nset bundle_first 1\nset news n\nset news_learn 0\nn ^\n");
    feed(&mut b, &["own"]);
    assert!(report(&mut b, 5).is_some_and(|text| text.contains("1: own\n")));
    // The window gathers, and another console is the first to mail a new line.
    feed(&mut b, &["own", "own", "theirs"]);
    mailed_by(&mut b, "a", 10, 1);
    assert_eq!(report(&mut b, 10), None);
    assert_eq!(b.left_out(), 1);
    // It is not new any more, and no mail of the window is used up.
    feed(&mut b, &["theirs"]);
    assert!(b.alarms(at(15), &none_waits).is_empty(), "it is gathered");
    assert_eq!(report(&mut b, 15), None);
    feed(&mut b, &["late"]);
    let text = report(&mut b, 20).unwrap();
    assert!(text.ends_with("\nh1: \n    1: late\n"), "{text}");
    assert!(
        text.contains("*** Lines left out: 1 in reports of a ***\n"),
        "{text}"
    );
    assert!(text.contains("late"), "its news are told: {text}");
    // At the end of the window all that was gathered is told.
    let text = report(&mut b, 605).unwrap();
    assert!(text.ends_with("    2: own\n    1: theirs\n"), "{text}");
    assert!(!text.contains("left out"), "that is told: {text}");
}

#[test]
fn news_that_wait_in_a_window_are_told_though_another_console_mailed_a_line() {
    let rules = "set bundle n 10m\nset threshold n 2 ^slow\nset news n\nset news_learn 0\nn ^\n";
    let mut b = monitor(rules);
    feed(&mut b, &["own"]);
    assert!(report(&mut b, 5).is_some());
    feed(&mut b, &["slow", "theirs"]);
    mailed_by(&mut b, "a", 10, 1);
    assert_eq!(report(&mut b, 10), None);
    feed(&mut b, &["slow"]);
    let text = report(&mut b, 15).unwrap();
    assert!(text.contains("1 kind never seen"), "{text}");
    assert!(text.contains("2: slow\n"), "{text}");
}

/// For ten minutes the other console left out what it counted of a line that this one mailed: nobody else tells it.
#[test]
fn a_line_that_this_console_mailed_in_the_window_is_not_left_out_at_its_end() {
    let mut a = monitor("set bundle n 20m\nset bundle_first 1\nn ^\n");
    feed(&mut a, &["own"]);
    assert!(report(&mut a, 5).is_some());
    feed(&mut a, &["second"]);
    assert!(report(&mut a, 10).is_some());
    feed(&mut a, &["own", "own", "third"]);
    assert_eq!(report(&mut a, 15), None);
    mailed_by(&mut a, "b", 1_205, 2);
    let text = report(&mut a, 1_205).unwrap();
    assert!(text.ends_with("\nh1: \n    2: own\n"), "{text}");
    assert!(text.contains("Lines left out: 1 in reports of b"), "{text}");
    // A restart knows what was mailed in the window.
    feed(&mut a, &["own"]);
    let mut a = restarted(&a, "set bundle n 20m\nset bundle_first 1\nn ^\n");
    mailed_by(&mut a, "b", 3_605, 1);
    let text = report(&mut a, 3_605).unwrap();
    assert!(text.ends_with("    1: own\n"), "{text}");
}

#[test]
fn a_console_asks_for_no_line_that_it_does_not_mail_now() {
    let queues = "set queue p f@x pager:p@x [now]\nset pager_hour 1\nset queue w f@x w@x [now]\n\
        set bundle w 10m\nset bundle_first 1\nset threshold n 2 ^slow\n";

    let mut a = monitor(&format!("{queues}p ^p\nw ^w\nn ^\n"));
    feed(&mut a, &["n", "slow"]);
    assert_eq!(a.alarms(at(0), &|queue| queue.name == "n").len(), 0);
    assert_eq!(a.alarms(at(0), &none_waits).len(), 1, "a threshold");
    feed(&mut a, &["slow"]);
    assert_eq!(a.alarms(at(0), &none_waits).len(), 2);
    assert!(report(&mut a, 0).is_some());
    // The page of this hour is made.
    feed(&mut a, &["p"]);
    assert_eq!(a.alarms(at(5), &none_waits).len(), 1);
    assert!(report(&mut a, 5).is_some());
    feed(&mut a, &["p again"]);
    assert!(a.alarms(at(10), &none_waits).is_empty());
    // What a window gathers is asked for at its end.
    feed(&mut a, &["w one"]);
    assert_eq!(a.alarms(at(15), &none_waits).len(), 1);
    assert!(report(&mut a, 15).is_some());
    feed(&mut a, &["w one", "w two"]);
    assert_eq!(a.alarms(at(20), &none_waits).len(), 1, "the new one");
    assert!(report(&mut a, 20).is_some());
    feed(&mut a, &["w three"]);
    assert!(a.alarms(at(25), &none_waits).is_empty(), "it is gathered");
    assert_eq!(a.alarms(at(615), &none_waits).len(), 2);
    assert_eq!(a.alarms(at(3_605), &none_waits).len(), 3, "a page is free");
}
