//! `make demo`: what a newcomer sees first; and `make demo-site`.

use std::path::Path;
use std::process::Command;

use crate::support::daemon::PROGRAM;

/// Runs a demo on the program that is built already, and gives what it shows.
fn shown(demo: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Path::new(PROGRAM)
        .ancestors()
        .nth(2)
        .expect("the directory of the builds");
    let mut demo = Command::new(top.join(demo));
    let output = demo
        .env("CARGO", "true")
        .env("CARGO_TARGET_DIR", built)
        .output();
    let output = output.expect("it runs");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}\n{output:?}");
    shown.into_owned()
}

#[test]
fn it_shows_mails_news_and_a_silence_and_ends_well() {
    let shown = shown("examples/demo/run");
    for part in [
        "CRITICAL [critical]",
        "*** New since ",
        "tenshi: silent since ",
        "misc .*",
        "ended well",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
}

#[test]
fn three_consoles_send_one_report_and_what_a_killed_one_had_comes_late() {
    let shown = shown("examples/site/run");
    for part in [
        "CRITICAL [critical]",
        // The report names the console that was killed.
        "*** console c: ",
        "   12: sshd: Failed",
        "    3: sshd: Failed",
        "ended well",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    let reports = shown.matches("\nSubject: demo site [report]").count();
    assert_eq!(reports, 2, "{shown}");
}
