//! Trends over weeks, on a clock that is stepped.

use chrono::{Local, TimeDelta};

use super::*;
use crate::config::RuleId;

/// A daily and a weekly queue; `r0` and `r4` are the numbers of the first and the last rule.
const HEAD: &str = "set mailserver localhost\nset mask ______\nset trends on\n\
    set queue n f@x n@x [now]\nset queue report f@x r@x,pager:p@x [0 12 * * *]\n\
    set queue trash2 f@x t@x [0 12 * * mon]\n";
const RULES: &str = "trash ^sshd: Received disconnect\ntrash ^named: zone transfer\nn ^kernel: panic\n\
    report ^cron\nrepeat ^last message repeated (\\d+) times\ntrash2 ^dhcpd\n";

fn config(rules: &str) -> Arc<crate::config::Config> {
    let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
    Arc::new(loaded.config.expect("a good config"))
}

/// Noon of a day at this machine; day 0 is Monday, 5 October 2026. The nights of the clock change are among the days.
fn noon(day: i64) -> Time {
    let date = chrono::NaiveDate::from_ymd_opt(2026, 10, 5).unwrap() + TimeDelta::days(day);
    let noon = Local.from_local_datetime(&date.and_hms_opt(12, 0, 0).unwrap());
    noon.single().expect("a time that comes once").to_utc()
}

fn hour(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

/// Counts lines of a rule and host as if they had come.
fn count(monitor: &mut Monitor, rule: u32, host: &str, n: u64) {
    let number = monitor.hosts.host(host.as_bytes()).number();
    monitor.trending.add(Some(RuleId(rule)), number, n);
}

/// The reports that are due at a time, each with its queue.
fn due(monitor: &mut Monitor, now: Time) -> Vec<(String, String)> {
    let due = monitor.due(now, None, &|_| false, &no_names);
    let reports = due.into_iter().flat_map(|due| due.reports);
    reports.map(|r| (r.queue, r.body.to_string())).collect()
}

/// A day in which each rule has what it has on such a day; then the reports of its noon.
fn usual_day(monitor: &mut Monitor, day: i64) -> Vec<(String, String)> {
    let before = noon(day) - hour(3);
    monitor.advance_to(before);
    count(monitor, 0, "gw1", 8_000 + day as u64 * 40);
    count(monitor, 0, "gw2", 40);
    // Zone transfers come on each Friday.
    if day % 7 == 4 {
        count(monitor, 1, "ns1", 5 + day as u64 / 2);
    }
    count(monitor, 5, "dhcp1", 100);
    due(monitor, noon(day))
}

/// A site that began four weeks ago, or longer.
fn site(days: i64) -> Monitor {
    let mut monitor = Monitor::new(config(RULES), noon(-1) + hour(1));
    for day in 0..days {
        let reports = usual_day(&mut monitor, day);
        assert_eq!(reports, [], "{day}");
    }
    monitor
}

/// What stands above the hosts.
fn head(text: &str) -> String {
    text.split_once("\n\n")
        .map_or(text, |(head, _)| head)
        .to_owned()
}

#[test]
fn a_report_tells_which_rule_took_more_than_usual_and_which_none() {
    let mut monitor = site(60);
    // Friday: no zone transfer, a flood of disconnects, and a line of the queue's own.
    monitor.advance_to(noon(60) - hour(1));
    monitor.take(b"Dec  4 11:00:00 web1 cron: x\n");
    count(&mut monitor, 0, "gw2", 7_404);
    count(&mut monitor, 0, "gw1", 121_007);
    let reports = due(&mut monitor, noon(60));
    assert_eq!(reports.len(), 2, "{reports:?}");
    assert_eq!(
        reports[0],
        (
            "report".into(),
            "*** More than usual: 1, gone: 1 ***\n    \
             tenshi.conf:7 trash ^sshd: Received disconnect: 128,411; on no day in four weeks more than 10,400 \
             (gw1: 121,007)  ▁▁▁▁▁▁█\n    \
             tenshi.conf:8 trash ^named: zone transfer: none; 7 to 31 on each of the last eight Fridays\n\
             \nweb1: \n    1: cron: x\n"
                .into()
        )
    );
    // The form for pagers has no block.
    assert_eq!(reports[1].1, "web1,1,cron: x\n");
    // It is told once: the flood is known now, and what is gone stays so.
    let quiet = usual_day(&mut monitor, 61);
    assert_eq!(quiet, []);
    let friday = noon(67);
    monitor.advance_to(friday - hour(1));
    count(&mut monitor, 0, "gw1", 9_000);
    assert_eq!(due(&mut monitor, friday), []);
}

#[test]
fn trends_alone_make_a_report_and_none_for_pagers() {
    let mut monitor = site(40);
    monitor.advance_to(noon(40) - hour(1));
    count(&mut monitor, 0, "gw1", 50_000);
    assert_eq!(monitor.next_due(&|_| false), Some(noon(40)));
    let reports = due(&mut monitor, noon(40));
    assert_eq!(reports.len(), 1);
    let (queue, text) = &reports[0];
    assert_eq!(queue, "report");
    assert!(
        text.starts_with("*** More than usual: 1 ***\n    tenshi.conf:7 trash "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn all_is_learnt_for_four_weeks_which_is_said_once() {
    let mut monitor = Monitor::new(config(RULES), noon(-1) + hour(1));
    monitor.take(b"Oct  5 11:00:00 web1 cron: x\n");
    let reports = due(&mut monitor, noon(0));
    assert_eq!(head(&reports[0].1), "*** Trends begin on Sun 1 Nov ***");
    for day in 1..28 {
        count(&mut monitor, 0, "gw1", if day == 27 { 90_000 } else { 100 });
        monitor.take(b"Oct  5 11:00:00 web1 cron: x\n");
        let reports = due(&mut monitor, noon(day));
        assert_eq!(reports[0].1, "\nweb1: \n    1: cron: x\n", "{day}");
    }
}

#[test]
fn a_weekly_queue_compares_its_week_with_those_before() {
    let mut monitor = site(35);
    assert_eq!(usual_day(&mut monitor, 35), []);
    for day in 36..42 {
        count(&mut monitor, 5, "dhcp2", 300);
        // By day there is nothing to tell.
        assert_eq!(usual_day(&mut monitor, day), []);
    }
    let reports = usual_day(&mut monitor, 42);
    assert_eq!(
        reports,
        [(
            "trash2".to_owned(),
            "*** More than usual: 1 ***\n    tenshi.conf:12 trash2 ^dhcpd: 2,500; in none of the four weeks \
             before more than 700 (dhcp2: 1,800)  ▂▂▂▂█\n"
                .to_owned()
        )]
    );
}

#[test]
fn a_queue_of_several_reports_a_day_counts_days_and_tells_a_flood_at_once() {
    let text = format!("{HEAD}{RULES}").replace("[0 12 * * *]", "[0 9,13,17 * * *]");
    let config = Arc::new(parse_bytes(text.as_bytes()).config.expect("a good config"));
    let mut monitor = Monitor::new(config, noon(-1) - hour(2));
    for day in 0..35 {
        for at in [-3, 1, 5] {
            count(&mut monitor, 0, "gw1", 1000);
            assert_eq!(due(&mut monitor, noon(day) + hour(at)), []);
        }
    }
    count(&mut monitor, 0, "gw1", 1000);
    assert_eq!(due(&mut monitor, noon(35) - hour(3)), []);
    count(&mut monitor, 0, "gw1", 20_000);
    let reports = due(&mut monitor, noon(35) + hour(1));
    assert!(
        reports[0]
            .1
            .contains(": 20,000 so far; on no day in four weeks more than 3,000 (gw1: 20,000)"),
        "{reports:?}"
    );
    // Once a day.
    count(&mut monitor, 0, "gw1", 9_000);
    assert_eq!(due(&mut monitor, noon(35) + hour(5)), []);
    assert_eq!(due(&mut monitor, noon(36) - hour(3)), []);
}

#[test]
fn an_edited_rule_begins_anew_which_is_told_once() {
    let mut monitor = site(50);
    let edited = RULES.replace("Received disconnect", "(?:Received d|D)isconnect");
    // Another line before it makes no other rule.
    monitor.reconfigure(config(&format!("trash ^foo\n{edited}")), noon(49) + hour(1));
    count(&mut monitor, 1, "gw1", 90_000);
    count(&mut monitor, 2, "ns1", 90_000);
    monitor.take(b"Nov 24 11:00:00 web1 cron: x\n");
    let reports = due(&mut monitor, noon(50));
    let text = head(&reports[0].1);
    assert_eq!(
        text,
        "*** More than usual: 1 ***\n    tenshi.conf:9 trash ^named: zone transfer: 90,000; on no day in four \
         weeks more than 28 (ns1: 90,000)  ▁▁▁▁▁▁█\n\
         *** Rules changed: the trends of 2 rules begin anew, until Tue 22 Dec ***"
    );
    // What it had on the day on which it began is the least that is usual now.
    for day in 51..=78 {
        count(&mut monitor, 1, "gw1", 1000);
        count(&mut monitor, 6, "dhcp1", 100);
        assert_eq!(due(&mut monitor, noon(day)), [], "{day}");
    }
    count(&mut monitor, 1, "gw1", 200_000);
    let reports = due(&mut monitor, noon(79));
    assert!(
        reports[0]
            .1
            .contains("sshd: (?:Received d|D)isconnect: 200,000;"),
        "{reports:?}"
    );
}

/// The state of a monitor, read after `down` by another one.
fn restarted(monitor: &mut Monitor, made: Time, now: Time) -> Monitor {
    monitor.settle_trends();
    let saved = SavedMonitor {
        made,
        looked: monitor.looked(),
        ledger: monitor.ledger.clone(),
        ..SavedMonitor::default()
    };
    let mut next = Monitor::new(monitor.config.clone(), now);
    next.restore(saved, now);
    next
}

#[test]
fn a_time_without_the_daemon_is_no_time_without_lines() {
    let mut monitor = site(60);
    // Thursday evening to Saturday: Friday's noon is missed, with all lines of that day.
    let mut monitor = restarted(&mut monitor, noon(59) + hour(7), noon(61) - hour(2));
    count(&mut monitor, 0, "gw1", 8_000);
    assert_eq!(due(&mut monitor, noon(61) - hour(2)), []);
    assert_eq!(due(&mut monitor, noon(61)), []);
    // The days in which it did not run count for nothing: this one has three times the most of the others.
    for day in 62..67 {
        assert_eq!(usual_day(&mut monitor, day), []);
    }
    // Friday: the zone transfers of seven Fridays are known.
    count(&mut monitor, 0, "gw1", 8_000);
    let reports = due(&mut monitor, noon(67));
    assert!(
        reports[0]
            .1
            .contains("zone transfer: none; 10 to 31 on each of the last seven Fridays"),
        "{reports:?}"
    );
    // What is read after a long time is not more than usual, since it is of several days.
    let mut monitor = restarted(&mut monitor, noon(67), noon(72) - hour(2));
    count(&mut monitor, 0, "gw1", 40_000);
    assert_eq!(due(&mut monitor, noon(72)), []);
}

#[test]
fn a_short_restart_over_the_minute_of_the_report_loses_no_trend() {
    let mut monitor = site(60);
    monitor.advance_to(noon(60) - hour(1));
    count(&mut monitor, 0, "gw1", 50_000);
    let mut monitor = restarted(&mut monitor, noon(60) - hour(1), noon(60) + hour(1));
    let reports = due(&mut monitor, noon(60) + hour(1));
    assert!(
        reports[0]
            .1
            .starts_with("*** More than usual: 1, gone: 1 ***"),
        "{reports:?}"
    );
    // And tells it once.
    let mut monitor = restarted(&mut monitor, noon(60) + hour(2), noon(60) + hour(3));
    assert_eq!(due(&mut monitor, noon(60) + hour(3)), []);
}

#[test]
fn lines_are_counted_for_their_rules_whatever_becomes_of_them() {
    let text = format!(
        "{HEAD}set queue noprefix f@x n@x [now]\n{RULES}expect report [30 2 * * *] 9h ^backup\n"
    );
    let config = Arc::new(parse_bytes(text.as_bytes()).config.expect("a good config"));
    let mut monitor = Monitor::new(config.clone(), noon(0));
    for (line, n) in [
        ("Oct  5 12:00:00 gw1 sshd: Received disconnect\n", 3),
        ("Oct  5 12:00:00 web1 cron: x\n", 1),
        ("Oct  5 12:00:00 web1 last message repeated 4 times\n", 1),
        ("Oct  5 12:00:00 db1 backup: finished\n", 2),
        ("Oct  5 12:00:00 db1 nobody knows\n", 5),
        ("without a head\n", 6),
    ] {
        monitor.take(line.repeat(n).as_bytes());
    }
    monitor.settle_trends();
    let rules = super::super::TrendRules::new(&config);
    let counts: Vec<(String, u32, String)> = (rules.rules().iter())
        .filter_map(|rule| {
            let queue = &config.queues[rule.queue].name;
            let trend = monitor.ledger.trends.rule(queue, rule.key)?;
            let host = trend
                .hosts
                .first()
                .map_or(String::new(), |(host, n)| format!("{host} {n}"));
            (trend.now > 0).then(|| (rule.counted.label(&config), trend.now, host))
        })
        .collect();
    let want = [
        ("tenshi.conf:8 trash ^sshd: Received disconnect", 3, "gw1 3"),
        ("tenshi.conf:11 report ^cron", 5, "web1 5"),
        (
            "tenshi.conf:14 expect report [30 2 * * *] 540m ^backup",
            2,
            "db1 2",
        ),
        ("lines without a known prefix", 6, ""),
        ("lines that no rule takes", 5, "db1 5"),
    ];
    let want = want.map(|(rule, n, host)| (rule.to_owned(), n, host.to_owned()));
    assert_eq!(counts, want);
}

#[test]
fn invented_hosts_are_counted_for_their_rule_and_told() {
    let mut monitor = Monitor::new(config(RULES), noon(0));
    let lines: String = (0..40_000)
        .map(|n| format!("Oct  5 12:00:00 h{n} sshd: Received disconnect\n"))
        .collect();
    monitor.take(lines.as_bytes());
    monitor.settle_trends();
    let counters = monitor.counters();
    assert_eq!(counters.get(Counter::TrendHostsOver), 40_000 - (1 << 14));
    let (mut hosts, mut lines) = (0, 0);
    let rules = super::super::TrendRules::new(&monitor.config);
    for rule in rules.rules() {
        if let Some(trend) = monitor.ledger.trends.rule("report", rule.key) {
            (hosts, lines) = (hosts + trend.hosts.len(), lines + trend.now);
        }
    }
    assert_eq!((hosts, lines), (1 << 14, 40_000));
    let warnings = monitor.take_warnings(noon(0));
    assert!(
        warnings
            .iter()
            .any(|w| w.contains("counted for trends without their host")),
        "{warnings:?}"
    );
}

#[test]
fn without_trends_nothing_is_kept_or_said() {
    let text = format!("{HEAD}{RULES}").replace("set trends on\n", "");
    let config = Arc::new(parse_bytes(text.as_bytes()).config.expect("a good config"));
    let mut monitor = Monitor::new(config, noon(-1));
    for day in 0..40 {
        monitor.take(b"Oct  5 12:00:00 gw1 sshd: Received disconnect\n");
        assert_eq!(monitor.next_due(&|_| false), None);
        assert_eq!(due(&mut monitor, noon(day)), []);
    }
    assert_eq!(monitor.ledger.trends, crate::ledger::Trends::default());
}
