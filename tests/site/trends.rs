//! `tenshi trends`, on what a daemon has counted.

use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::postbox::Postbox;
use crate::support::{DEADLINE, Dir, conf, line, poll};

/// Runs `tenshi` with these arguments: the exit status, and what it said.
fn tenshi(dir: &Dir, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(dir.root());
    let output = command
        .args(["-c", "tenshi.conf"])
        .output()
        .expect("it runs");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8(text).expect("UTF-8"),
    )
}

#[test]
fn the_lines_of_each_rule_are_shown() {
    let (dir, postbox) = (Dir::new(), Postbox::open());
    dir.write("log", "");
    let state = dir.path("state");
    let rest = format!(
        "set statedir {}\nset trends on\nset queue n f@x n@x [now]\n\
         set queue c f@x c@x [0 0 1 * *]\nn ^now\ntrash ^sshd: Received (?:x|y)\nc .*\n",
        state.display()
    );
    let config = conf(&dir, postbox.port(), &rest);
    let mut daemon = Daemon::start(&dir, &config, &["log"]);
    dir.append("log", line("gw1", "sshd: Received x").repeat(1200));
    dir.append("log", line("web1", "sshd: Received y") + &line("web1", "z"));
    daemon.signal(Signal::SIGUSR2);
    let head = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    let shown = poll(DEADLINE, || {
        let (_, text) = tenshi(&dir, &["trends"]);
        text.contains("1,201").then_some(text)
    });
    let shown = shown.unwrap_or_else(|| panic!("{}", daemon.stderr()));
    let rows: Vec<&str> = shown.lines().collect();
    assert_eq!(
        rows[0],
        "     lines now  most before  the last 35 days or reports"
    );
    assert!(
        rows[1].starts_with("         1,201            0  "),
        "{shown}"
    );
    assert!(
        rows[1].ends_with("  tenshi.conf:9 trash ^sshd: Received (?:x|y)"),
        "{shown}"
    );
    assert!(rows[2].ends_with("  tenshi.conf:10 c .*"), "{shown}");
    assert_eq!(rows.len(), 3);
    for word in ["tenshi.conf:9", "Received", "trash"] {
        let (status, text) = tenshi(&dir, &["trends", word]);
        assert_eq!(status, Some(0));
        assert_eq!(
            head(&text),
            "tenshi.conf:9 trash ^sshd: Received (?:x|y) (told by c)"
        );
        assert!(
            text.ends_with("    now from gw1: 1,200\n    now from web1: 1\n"),
            "{text}"
        );
    }
    let (status, text) = tenshi(&dir, &["trends", "postfix"]);
    assert_eq!(
        (status, text.as_str()),
        (
            Some(1),
            "tenshi: no rule that is counted has this text: postfix\n"
        )
    );
    let (status, text) = tenshi(&dir, &["trends", "--json", "^sshd"]);
    assert_eq!(status, Some(0));
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json[0]["now"], 1201);
    assert_eq!(json[0]["queue"], "c");
    assert_eq!(
        json[0]["hosts"][0],
        serde_json::json!({"host": "gw1", "lines": 1200})
    );
    assert_eq!(json[0]["before"], serde_json::json!([]));
    daemon.signal(Signal::SIGTERM);
    daemon.wait();
}

#[test]
fn without_a_queue_that_could_tell_them_trends_are_warned_of() {
    let dir = Dir::new();
    dir.write("log", "");
    let rest = "set trends on\nset queue n f@x n@x [now]\nset queue p f@x pager:p@x [0 12 * * *]\nn,p .*\n";
    dir.write("tenshi.conf", conf(&dir, 25, rest));
    let (_, text) = tenshi(&dir, &["-C"]);
    assert!(text.contains("warning: no queue can tell trends"), "{text}");
    dir.write("tenshi.conf", conf(&dir, 25, &rest.replace("pager:", "")));
    let (_, text) = tenshi(&dir, &["-C"]);
    assert!(
        !text.contains("warning: no queue can tell trends"),
        "{text}"
    );
    assert!(
        text.contains(
            "trends are told by p; more than 2 times the most of four weeks, and 20 lines,"
        ),
        "{text}"
    );
}
