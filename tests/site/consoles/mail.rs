//! One report of several consoles: its counts, its remarks, its news.

use std::time::Duration;

use super::rig::{LONG, Redis, Site, holds};
use crate::support::{Dir, poll};

const QUEUE: &str = "set site_wait 50s\nset queue q f@x t@x [* * * * *]\nq .*";

#[test]
fn two_consoles_have_one_report_with_the_counts_of_both() {
    let site = Site::new(QUEUE);
    let (a, b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    a.log("h1", "both", 3);
    b.log("h1", "both", 4);
    b.log("h2", "only b", 2);
    let mails = site.wait("q", 1, &[&a, &b]);
    let body = mails[0].body();
    assert!(
        body.ends_with("\nh1: \n    7: both\n\nh2: \n    2: only b\n"),
        "{body}"
    );
    let id = mails[0].header("Message-ID");
    assert!(id.starts_with("<s.q."), "{id}");
    let one = || site.mails("q").len() == 1;
    holds(Duration::from_secs(3), one, "one report");
}

#[test]
fn where_consoles_hear_the_same_hosts_counts_are_not_added_and_an_alarm_comes_once() {
    // A board that answers at once: on a slow disk the alarm would not be held back long enough.
    let redis = Redis::start();
    let site = Site::at(
        Dir::new(),
        redis.url() + " mirror",
        "set site_wait 50s\nset queue n f@x n@x [now]\nset queue q f@x t@x [* * * * *]\nn ^alarm\nq .*",
    );
    let (a, b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    for (console, times) in [(&a, 5), (&b, 3)] {
        console.log("h1", "alarm of h1", 2);
        console.log("h1", "heard by both", times);
        console.log("h2", "as often", 1);
    }
    let mails = site.wait("n", 1, &[&a, &b]);
    assert!(mails[0].body().ends_with("    2: alarm of h1\n"));
    let one = || site.mails("n").len() == 1;
    holds(Duration::from_secs(4), one, "the alarm came once");
    let mails = site.wait("q", 1, &[&a, &b]);
    let body = mails[0].body();
    assert!(
        body.contains("*** h1 from a (b has 2 fewer) ***\n"),
        "{body}"
    );
    assert!(
        body.ends_with("\nh1: \n    5: heard by both\n\nh2: \n    1: as often\n"),
        "{body}"
    );
}

#[test]
fn a_report_tells_what_is_new_to_the_site() {
    let site = Site::new(
        "set site_wait 50s\nset news on\nset news_learn 0\nset queue q f@x t@x [* * * * *]\nq .*",
    );
    let (a, b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    a.log("h1", "disk failure", 1);
    b.log("h2", "disk failure", 2);
    let first = site.wait("q", 1, &[&a, &b])[0].body();
    assert!(first.starts_with("*** New since "), "{first}");
    assert!(first.contains(": 2 new hosts ***\n"), "{first}");
    // Both see something that nobody had.
    site.settle();
    a.log("h1", "fan failure", 1);
    b.log("h2", "fan failure", 2);
    b.log("h2", "new to both", 1);
    let mails = site.wait("q", 2, &[&a, &b]);
    let second = mails[1].body();
    let (news, counts) = (second.split_once("\n\n")).unwrap_or_else(|| panic!("{mails:#?}"));
    assert!(
        news.contains("2 kinds never seen at this site ***\n"),
        "{second}"
    );
    assert!(news.contains("h1,h2: 3: fan failure"), "{second}");
    assert!(
        !news.contains("disk failure") && !news.contains("new host"),
        "{second}"
    );
    assert!(counts.contains("    2: fan failure\n"), "{second}");
}

#[test]
fn a_host_that_falls_silent_is_told_by_one_console() {
    let site = Site::new(
        "set site_wait 50s\nset queue n f@x n@x [now]\nset queue q f@x t@x [* * * * *]\n\
         set silence n ^h1$ 4s\nset silence off ^(?:h2|/)\nq .*",
    );
    let (a, b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    let mut seconds = 0;
    // By the rounds around the report each hears what the other one heard.
    while site.mails("q").is_empty() || seconds < 20 {
        a.log("h1", "x", 1);
        b.log("h1", "x", 1);
        std::thread::sleep(Duration::from_secs(1));
        seconds += 1;
    }
    let mails = site.wait("n", 1, &[&a, &b]);
    let body = mails[0].body();
    assert!(body.contains("1: tenshi: silent since "), "{body}");
    let one = || site.mails("n").len() == 1;
    holds(Duration::from_secs(6), one, "it is told once");
}

#[test]
fn a_queue_without_lines_tells_what_all_consoles_read() {
    let site = Site::new(
        "set site_wait 50s\nset queue q f@x t@x [* * * * *]\nset quiet q\nq ^never\ntrash .*",
    );
    let (a, b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    a.log("h1", "x", 3);
    b.log("h1", "x", 4);
    b.log("h2", "x", 1);
    let mails = site.wait("q", 1, &[&a, &b]);
    let body = mails[0].body();
    assert!(body.starts_with("*** All quiet since "), "{body}");
    assert!(
        body.contains(": 2 hosts, 8 lines read, nothing for this queue ***\n"),
        "{body}"
    );
}

#[test]
fn three_consoles_over_a_redis_that_forgets_all_have_each_count_once() {
    let mut redis = Redis::start();
    let site = Site::at(Dir::new(), redis.url(), QUEUE);
    let names = ["a", "b", "c"];
    let consoles = names.map(|name| site.console(name, ""));
    for round in 1..=2 {
        for console in &consoles {
            console.log("h", &format!("round {round}"), 2);
        }
        if round == 2 {
            site.turn();
            std::thread::sleep(Duration::from_millis(300));
            redis.wipe();
        }
        // A wipe may make two letters of one, of other shares each.
        let total = || {
            let mails = site.mails("q");
            let bodies = mails.iter().map(|mail| mail.body());
            let counts = bodies.flat_map(|body| counts(&body, &format!("round {round}")));
            counts.sum::<u64>()
        };
        let whole = poll(LONG, || (total() >= 6).then_some(()));
        assert!(whole.is_some(), "{}: {:#?}", total(), site.mails("q"));
        holds(Duration::from_secs(3), || total() == 6, "each once");
    }
}

/// The counts of a line in a report.
fn counts(body: &str, line: &str) -> Vec<u64> {
    let counts = body
        .lines()
        .filter_map(|l| l.trim().strip_suffix(line)?.strip_suffix(": "));
    counts.filter_map(|count| count.parse().ok()).collect()
}
