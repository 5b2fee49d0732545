//! `set site`: what queues hand in, and the reports that are made of it.

use std::time::Duration as Span;

use super::*;
use crate::config::{BoardAddress, SiteName, SiteSettings};
use crate::site::{Member, Merged, SavedSite, Share};

const QUEUES: &str = "set mailserver localhost\nset queue q f@x q@x,pager:p@x [0 * * * *]\n\
    set queue e f@x o@x [0 * * * *]\nset queue s f@x s@x [30 * * * *]\nset queue n f@x n@x [now]\nset quiet s\n\
    set threshold q 2 rare\nset csv [0 * * * *] /bin/cat\nset join on\nset continue_lines 3\nset news e\n\
    set news_learn 0\nn ^now\ncsv ^csv\nq,e:3 .*\n";

fn alone() -> Monitor {
    let loaded = parse_bytes(QUEUES.as_bytes());
    Monitor::new(Arc::new(loaded.config.expect("a good config")), start())
}

fn console(name: &str) -> Monitor {
    let mut monitor = alone();
    monitor.join_site(name);
    monitor
}

/// The counts of shares as the report of one console has them.
fn merged(shares: &[Share]) -> Vec<Merged> {
    let settings = SiteSettings {
        name: SiteName::new("s").unwrap(),
        board: BoardAddress::Directory("/".into()),
        mirror: false,
        wait: Span::from_secs(600),
        giveup: SiteSettings::GIVEUP,
        console: None,
    };
    let mut member = Member::new(&settings, "a", 0, SavedSite::default(), start());
    for share in shares {
        member.hand_in(share, start());
    }
    member.saved().clone().left()
}

/// The reports of what is handed in: queue, whether for a pager, text.
fn reported(monitor: &mut Monitor, merged: Vec<Merged>, now: Time) -> Vec<(String, bool, String)> {
    let mut all = Vec::new();
    for mut merged in merged {
        let report = monitor.site_report(&mut merged, Vec::new(), (now, &no_names));
        all.extend(report.due.into_iter().flat_map(|due| due.reports));
    }
    texts(all)
}

fn texts(reports: Vec<crate::report::Report>) -> Vec<(String, bool, String)> {
    let text = |r: crate::report::Report| (r.queue, r.pager, r.body.to_string());
    let mut texts: Vec<_> = reports.into_iter().map(text).collect();
    texts.sort();
    texts
}

#[test]
fn a_report_of_shares_is_the_report_without_a_site() {
    let lines = "Nov 23 12:00:00 h1 rare\nNov 23 12:00:00 h1 often\nNov 23 12:00:00 h1 often\n\tmore of it\n\
        Nov 23 12:00:00 h2 =x\nNov 23 12:00:00 h2 csv =1+1\nNov 23 12:00:00 h0 now\n";
    let (mut without, mut with) = (alone(), console("a"));
    without.take(lines.as_bytes());
    with.take(lines.as_bytes());
    let now = start() + Duration::minutes(60);
    let due = |monitor: &mut Monitor| {
        let due = monitor.due(now, None, &|_| false, &no_names);
        texts(due.into_iter().flat_map(|due| due.reports).collect())
    };
    let shares = with.hand_in(now);
    let names: Vec<&str> = shares.iter().map(|share| share.queue.as_str()).collect();
    assert_eq!(names, ["q", "e", "s", "csv"]);
    let slots: Vec<u32> = shares
        .iter()
        .map(|s| chrono::Timelike::minute(&s.slot))
        .collect();
    assert_eq!(slots, [0, 0, 30, 0], "nominal times");
    let at_once = due(&mut with);
    assert_eq!(at_once.len(), 1, "{at_once:?}");
    assert!(with.hand_in(now).is_empty());
    let mut all = reported(&mut with, merged(&shares), now);
    all.extend(at_once);
    all.sort();
    assert_eq!(all, due(&mut without));
    assert!(
        all.iter()
            .any(|(_, _, text)| text.contains("*** New since ")),
        "{all:?}"
    );
}

#[test]
fn what_nobody_reads_is_not_lost() {
    let mut monitor = console("a");
    monitor.take(b"Nov 23 12:00:00 h1 rare\n");
    let now = start() + Duration::minutes(60);
    let shares = monitor.hand_in(now);
    let mut merged = merged(&shares);
    let mut of_q = merged.remove(merged.iter().position(|m| m.queue == "q").unwrap());
    of_q.remarks.push("a remark".into());
    let words = vec!["console b: nothing since 11:02".to_owned()];
    let report = monitor.site_report(&mut of_q, words, (now, &no_names));
    assert!(report.due.is_none(), "a threshold holds the line back");
    assert_eq!(
        monitor.remarks(),
        ["console b: nothing since 11:02", "a remark"]
    );
    // A queue that this console does not have goes where the first one goes.
    let mut other = of_q;
    other.queue = "other".into();
    let report = monitor.site_report(&mut other, Vec::new(), (now, &no_names));
    let reports = texts(report.due.unwrap().reports);
    let (queue, _, text) = &reports[0];
    assert_eq!(queue, "other");
    assert!(
        text.starts_with("*** a has no queue other: this goes where q goes ***\n"),
        "{text}"
    );
    assert!(
        text.contains("*** a remark ***\n") && text.ends_with("    1: rare\n"),
        "{text}"
    );
}

#[test]
fn a_message_that_rules_expect_may_come_to_any_console() {
    let config = "set mailserver localhost\nset queue q f@x q@x [0 23 * * *]\nset site s file:///board\n\
        expect q [0 12 * * *] 30m ^backup: done\ntrash .*\n";
    let loaded = parse_bytes(config.as_bytes());
    let config = Arc::new(loaded.config.expect("a good config"));
    let morning = chrono::Local.with_ymd_and_hms(2026, 11, 23, 11, 0, 0);
    let morning = morning.unwrap().to_utc();
    let mut consoles = ["a", "b"].map(|name| {
        let mut monitor = Monitor::new(config.clone(), morning);
        monitor.join_site(name);
        monitor
    });
    let day = |day: i64, hours: i64| morning + Duration::days(day) + Duration::hours(hours);
    let mut pass = |now: Time, hears: &[usize]| {
        let [a, b] = &mut consoles;
        for (console, number) in [&mut *a, &mut *b].into_iter().zip(0..) {
            console.advance_to(now);
            if hears.contains(&number) {
                console.take(b"Nov 23 12:00:00 db1 backup: done\n");
            }
        }
        let (of_a, of_b) = (a.take_heard(), b.take_heard());
        for (to, heard, from) in [(a, of_b, "b"), (b, of_a, "a")] {
            to.set_consoles([(from.to_owned(), (Some(1), true))].into());
            to.heard_elsewhere(from, &heard, now);
            to.check_silences(now);
        }
    };
    // Each night it comes to another one.
    pass(day(0, 1), &[0]);
    pass(day(1, 1), &[1]);
    pass(day(2, 1), &[0]);
    pass(day(3, 1), &[1]);
    pass(day(3, 2), &[]);
    let told: Vec<String> = consoles
        .iter_mut()
        .flat_map(|console| console.hand_in(day(3, 12)))
        .map(|share| format!("{share:?}"))
        .collect();
    assert_eq!(told, [""; 0]);
    let mut missed = 0;
    for console in &mut consoles {
        console.check_silences(day(4, 2));
        for share in console.hand_in(day(4, 12)) {
            assert_eq!(share.console, "b", "the one that had it last tells");
            let line = share.hosts[0].lines[0].1.to_string();
            assert!(line.contains("did not come: ^backup: done"), "{line}");
            missed += 1;
        }
    }
    assert_eq!(missed, 1);
}

#[test]
fn what_is_said_of_consoles_again_and_again_waits_once() {
    let mut monitor = console("a");
    monitor.take(b"Nov 23 12:00:00 h2 csv 1\n");
    let now = start() + Duration::minutes(60);
    let shares = monitor.hand_in(now);
    let mut merged = merged(&shares);
    let mut of_csv = merged.remove(merged.iter().position(|m| m.queue == "csv").unwrap());
    for hour in 10..20 {
        let lost = |lines: u32| format!("b: {lines} lines of /log were lost");
        of_csv.remarks = vec![lost(3), lost(hour)];
        let words = [
            "console c: nothing since Mon 23 Nov 11:02".to_owned(),
            "console b has other schedules than a: their reports may come apart".to_owned(),
            format!("late: consoles b, c, of {hour}:00"),
            format!("console c: nothing since {hour}:02"),
        ];
        let report = monitor.site_report(&mut of_csv, words.to_vec(), (now, &no_names));
        assert!(report.due.is_some());
    }
    let remarks = monitor.remarks();
    let of_consoles = [
        "console c: nothing since Mon 23 Nov 11:02",
        "console b has other schedules than a: their reports may come apart",
        "late: consoles b, c, of 10:00",
    ];
    assert_eq!(remarks.get(..3).unwrap(), of_consoles);
    assert_eq!(remarks.len(), 3 + 11, "each loss is told: {remarks:?}");
    // There is a bound.
    of_csv.remarks = (0..1_000).map(|n| format!("remark {n}")).collect();
    monitor.site_report(&mut of_csv, Vec::new(), (now, &no_names));
    assert_eq!(monitor.remarks().len(), 201);
    assert!(monitor.remarks()[200].starts_with("there were more remarks"));
}
