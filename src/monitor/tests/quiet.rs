//! `set quiet`: the scheduled reports of a queue without lines.

use super::*;

const QUEUES: &str = "set mailserver localhost\nset queue q f@x q@x,pager:p@x [0 * * * *]\n\
    set queue other f@x o@x [0 * * * *]\nq ^q\ntrash .*\n";

fn site(more: &str) -> Monitor {
    let loaded = parse_bytes(format!("{QUEUES}{more}").as_bytes());
    Monitor::new(Arc::new(loaded.config.expect("a good config")), start())
}

/// The reports that are due this number of `minutes` after the start: whether for a pager, and the text without the
/// time.
fn due(monitor: &mut Monitor, minutes: i64) -> Vec<(bool, String)> {
    let now = start() + Duration::minutes(minutes);
    let due = monitor.due(now, None, &|_| false, &no_names);
    let reports = due.into_iter().flat_map(|due| due.reports);
    let text = |body: String| match body.split_once(" since ").zip(body.split_once(": ")) {
        Some(((head, _), (_, rest))) if head.contains("All quiet") => {
            let rest = rest.split_once(": ").map_or(rest, |(_, rest)| rest);
            format!("{head}: {rest}")
        }
        _ => body,
    };
    reports
        .map(|report| (report.pager, text(report.body.to_string())))
        .collect()
}

#[test]
fn a_report_without_lines_tells_what_was_read() {
    let mut monitor = site("set quiet q\n");
    assert!(monitor.next_due(&|_| false).is_some(), "it is waited for");
    monitor.take(b"Nov 23 12:00:00 h1 x\nNov 23 12:00:00 h2 x\nNov 23 12:00:00 h1 x\n");
    let text = "2 hosts, 3 lines read, nothing for this queue";
    assert_eq!(
        due(&mut monitor, 60),
        [
            (false, format!("*** All quiet: {text} ***\n")),
            (true, format!("All quiet: {text}\n"))
        ]
    );
    assert!(due(&mut monitor, 61).is_empty(), "once");
    // One with lines is as ever, and counts from then on.
    monitor.take(b"Nov 23 12:00:00 h1 q\nNov 23 12:00:00 h3 x\n");
    let told = due(&mut monitor, 120);
    assert_eq!(told[0], (false, "\nh1: \n    1: q\n".into()));
    let told = due(&mut monitor, 180);
    assert!(told[0].1.contains("0 hosts, 0 lines read"), "{told:?}");
    // It is a report at its time, and no other.
    assert!(
        monitor
            .flush(start() + Duration::minutes(181), None, &no_names)
            .is_empty()
    );
    let asked = monitor.due(
        start() + Duration::minutes(181),
        Some(Status::QueueCheck),
        &|_| false,
        &no_names,
    );
    assert!(asked.is_empty());
}

#[test]
fn it_waits_for_the_report_before_and_goes_on_over_a_restart() {
    let mut monitor = site("set quiet q\n");
    monitor.take(b"Nov 23 12:00:00 h1 x\n");
    let now = start() + Duration::minutes(60);
    assert!(monitor.due(now, None, &|_| true, &no_names).is_empty());
    assert_eq!(due(&mut monitor, 61).len(), 2);
    monitor.take(b"Nov 23 12:00:00 h2 x\n");
    let saved = SavedMonitor {
        made: now,
        looked: now,
        counters: monitor.counters().clone(),
        heard: monitor.saved_heard().clone(),
        ..SavedMonitor::default()
    };
    let mut monitor = site("set quiet q\n");
    monitor.restore(saved, now);
    monitor.take(b"Nov 23 12:00:00 h3 x\n");
    let told = due(&mut monitor, 120);
    assert!(told[0].1.contains("2 hosts, 2 lines read"), "{told:?}");
}

#[test]
fn without_it_nothing_is_noted_and_nobody_wakes() {
    let mut monitor = site("");
    monitor.take(b"Nov 23 12:00:00 h1 x\n");
    assert!(due(&mut monitor, 60).is_empty());
    assert_eq!(monitor.next_due(&|_| false), None);
    assert_eq!(*monitor.saved_heard(), Heard::default());
}
