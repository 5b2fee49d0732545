//! Consoles that die, that say nothing, that have other schedules; a board that is away; what `status` shows of it.

use std::time::Duration;

use super::rig::{LONG, Site, holds};
use crate::support::{NEVER, poll};

const QUEUE: &str = "set site_wait 20s\nset queue q f@x t@x [* * * * *]\nq .*";

/// A moment in which lines are read.
fn read() {
    std::thread::sleep(Duration::from_millis(500));
}

#[test]
fn a_console_that_was_killed_hands_in_later_and_nothing_is_lost_or_doubled() {
    let site = Site::new(QUEUE);
    let (a, mut b) = (site.console("a", ""), site.console("b", ""));
    site.settle();
    // Both know each other once they had a report.
    a.log("h", "first", 1);
    b.log("h", "first", 1);
    let mails = site.wait("q", 1, &[&a, &b]);
    assert!(
        mails[0].body().ends_with("    2: first\n"),
        "{}",
        mails[0].body()
    );
    // The next minute: b is dead, with a line that it has counted.
    site.settle();
    b.log("h", "of b", 5);
    read();
    b.kill();
    a.log("h", "of a", 1);
    let mails = site.wait("q", 2, &[&a]);
    let body = mails[1].body();
    // It was there a moment ago.
    let told = "*** console b: its part of ";
    assert!(body.starts_with(told), "{body}");
    assert!(body.ends_with("    1: of a\n"), "{body}");
    b.again();
    let mails = site.wait("q", 3, &[&a, &b]);
    let late = mails[2].body();
    assert!(late.ends_with("    5: of b\n"), "{late}");
    let counted = |text: &str| {
        let mails = site.mails("q");
        let bodies = mails.iter().map(|mail| mail.body());
        bodies.filter(|body| body.contains(text)).count()
    };
    for text in [": first\n", ": of a\n", ": of b\n"] {
        assert_eq!(counted(text), 1, "{text}");
    }
}

#[test]
fn while_the_board_is_away_each_console_mails_alone() {
    let site = Site::new(QUEUE);
    let a = site.console("a", "");
    let answers = || a.tenshi(&["status"]).1.contains(" answers\n").then_some(());
    assert!(poll(LONG, answers).is_some(), "{}", a.daemon().stderr());
    std::fs::remove_dir_all(site.board.root()).unwrap();
    std::fs::write(site.board.root(), "no directory").unwrap();
    a.log("h", "alone", 3);
    let mails = site.wait("q", 1, &[&a]);
    let body = mails[0].body();
    assert!(
        body.starts_with("*** console a alone: the board is away since "),
        "{body}"
    );
    assert!(body.ends_with("\nh: \n    3: alone\n"), "{body}");
    let critical = || {
        let (status, told) = a.tenshi(&["status", "--check"]);
        let told = told.contains("site board: does not answer since ");
        (status == 2 && told).then_some(())
    };
    assert!(
        poll(LONG, critical).is_some(),
        "{}",
        a.tenshi(&["status", "--check"]).1
    );
    std::fs::remove_file(site.board.root()).unwrap();
    std::fs::create_dir(site.board.root()).unwrap();
    let one = || site.mails("q").len() == 1;
    holds(Duration::from_secs(3), one, "it is mailed once");
}

#[test]
fn other_schedules_are_told() {
    let site = Site::new(QUEUE);
    let a = site.console("a", "");
    let b = site.console("b", &format!("set queue other f@x t@x {NEVER}"));
    site.settle();
    a.log("h", "x", 1);
    b.log("h", "x", 1);
    let mails = site.wait("q", 1, &[&a, &b]);
    let body = mails[0].body();
    assert!(body.contains(" has other schedules than "), "{body}");
    // One of them knows both of the other and of its share.
    let text = a.tenshi(&["status"]).1;
    assert!(text.contains("\nsite s:\n  this is console a"), "{text}");
    assert!(text.contains("  console b: there, last word "), "{text}");
    assert!(text.contains("; its schedules are others\n"), "{text}");
    let json = a.tenshi(&["status", "--json"]).1;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["site"]["members"][0]["other_schedules"], true,
        "{json}"
    );
    assert_eq!(json["site"]["name"], "s");
    let metrics = b.tenshi(&["status", "--prometheus"]).1;
    assert!(metrics.contains("\ntenshi_site_consoles 1\n"), "{metrics}");
    assert!(
        metrics.contains("\ntenshi_site_board_away 0\n"),
        "{metrics}"
    );
    let (_, told) = a.tenshi(&["status", "--check"]);
    assert!(told.starts_with("TENSHI OK"), "{told}");
}

#[test]
fn what_was_handed_in_is_mailed_by_a_console_that_leaves_its_site() {
    let mut site = Site::new("set site_wait 10m\nset queue q f@x t@x [* * * * *]\nq .*");
    // There can be no such board.
    site.board.write("file", "");
    site.url = format!("file://{}", site.board.path("file/none").display());
    let mut a = site.console("a", "");
    a.log("h", "handed in", 2);
    let waits = || {
        let text = a.tenshi(&["status"]).1;
        text.contains("  1 share waits for a report, of ")
            .then_some(())
    };
    assert!(poll(LONG, waits).is_some(), "{}", a.tenshi(&["status"]).1);
    assert!(site.mails("q").is_empty());
    a.kill();
    let lines = a
        .config
        .lines()
        .filter(|line| !line.starts_with("set site"));
    a.config = lines.map(|line| format!("{line}\n")).collect();
    a.again();
    let mails = site.wait("q", 1, &[&a]);
    let body = mails[0].body();
    assert!(body.starts_with("*** console a alone, of "), "{body}");
    assert!(body.contains(": it left its site ***\n"), "{body}");
    assert!(body.ends_with("\nh: \n    2: handed in\n"), "{body}");
    let text = a.tenshi(&["status"]).1;
    assert!(!text.contains("site s"), "{text}");
}
