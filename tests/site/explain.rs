//! `tenshi explain` as a user meets it.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::daemon::PROGRAM;
use crate::support::with_input;

const CONF: &str = r"set mailserver localhost
set logfile /var/log/syslog
set hidepid on
set sleep 7
set queue misc f@x.example t@x.example [now] misc
set queue never f@x.example t@x.example,pager:p@x.example [0 0 30 2 *] never
set queue noprefix f@x.example t@x.example [now] odd
set threshold misc 3 Failed
trash ^cron:
group ^sshd:
misc ^sshd: Failed \S+ for (\S+) from
misc,never:10 ^sshd: Failed \S+ for (\S+) via
trash ^sshd: Connection
group_end
group_host ^db
misc x
group_end
misc .*
";

/// Runs `tenshi explain` on this configuration, with `input` on standard input.
fn explain(conf: &str, words: &[&str], input: &[u8]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t.conf"), conf).unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["explain", "-c", "t.conf"])
        .args(words)
        .current_dir(dir.path())
        .env("TZ", "UTC");
    with_input(&mut command, input).0
}

/// What it prints, without the directory of the configuration.
fn out(output: &Output) -> String {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let mut short = String::new();
    for line in text.lines() {
        match line.split_once("/t.conf:") {
            Some((before, after)) => {
                let kept = before.rsplit_once(' ').map_or("", |(kept, _)| kept);
                short.push_str(&format!("{kept} t.conf:{after}\n"));
            }
            None => short.push_str(&format!("{}\n", line.trim_end())),
        }
    }
    short
}

#[test]
fn a_line_is_explained_from_its_prefix_to_its_mail() {
    let line = "Nov 23 21:44:00 h1 sshd[7]: Failed password for bob via 1.2.3.4";
    let output = explain(CONF, &[line], b"");
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(out(&output), @r"
    line     Nov 23 21:44:00 h1 sshd[7]: Failed password for bob via 1.2.3.4
    prefix   traditional: Mmm dd hh:mm:ss HOST
    host     h1
    message  sshd: Failed password for bob via 1.2.3.4

      t.conf:10:7 group ^sshd:
        the group opens
      t.conf:11:6 misc ^sshd: Failed \S+ for (\S+) from
        sshd: Failed password for bob via 1.2.3.4
                                      ^ no match, not found: from
      t.conf:12:15 misc,never:10 ^sshd: Failed \S+ for (\S+) via
        matches
      1 other rule before it: no match (-d shows them)

    taken by t.conf:12:15 misc,never:10 ^sshd: Failed \S+ for (\S+) via
    counted  sshd: Failed password for ______ via 1.2.3.4
    queue    misc [now] mailed to t@x.example, within 7 s
             left out of the report while there are fewer than 3 of it
    queue    never [0 0 30 2 *] mailed to t@x.example, p@x.example, never
             from the 10th such line of the host on: then with the number of all
    else     t.conf:18:6 misc .*
    ");
}

#[test]
fn each_line_of_standard_input_is_explained() {
    let input = b"Nov 23 21:44:00 db1 sshd: Connection closed\n\
                  2026-11-23T21:44:00.123456+09:00 db1 kernel: y\n\nsshd: no \x1b[31mprefix\n";
    let output = explain(CONF, &[], input);
    assert_eq!(output.status.code(), Some(1), "two lines have no prefix");
    insta::assert_snapshot!(out(&output), @r"
    line     Nov 23 21:44:00 db1 sshd: Connection closed
    prefix   traditional: Mmm dd hh:mm:ss HOST
    host     db1
    message  sshd: Connection closed

      t.conf:10:7 group ^sshd:
        the group opens
      t.conf:11:6 misc ^sshd: Failed \S+ for (\S+) from
        sshd: Connection closed
              ^ no match, not found: Failed \S+ for (\S+) from
      t.conf:12:15 misc,never:10 ^sshd: Failed \S+ for (\S+) via
        sshd: Connection closed
              ^ no match, not found: Failed \S+ for (\S+) via
      t.conf:13:7 trash ^sshd: Connection
        matches
      1 other rule before it: no match (-d shows them)

    taken by t.conf:13:7 trash ^sshd: Connection
    trash: it is in no report
    else     t.conf:18:6 misc .*

    line     2026-11-23T21:44:00.123456+09:00 db1 kernel: y
    prefix   RFC 3339: yyyy-mm-ddThh:mm:ss+hh:mm HOST
    host     db1
    message  kernel: y

      t.conf:15:12 group_host ^db
        the group opens
      t.conf:16:6 misc x
        kernel: y
        ^ no match
      t.conf:18:6 misc .*
        matches
      2 other rules before it: no match (-d shows them)

    taken by t.conf:18:6 misc .*
    counted  kernel: y
    queue    misc [now] mailed to t@x.example, within 7 s

    line     sshd: no \x1b[31mprefix
    prefix   none that is known
    no rule is tried: it is counted in the queue `noprefix`
    queue    noprefix [now] mailed to t@x.example, within 7 s

    as the message of a host it would go on so:

      t.conf:10:7 group ^sshd:
        the group opens
      t.conf:11:6 misc ^sshd: Failed \S+ for (\S+) from
        sshd: no \x1b[31mprefix
              ^ no match, not found: Failed \S+ for (\S+) from
      t.conf:12:15 misc,never:10 ^sshd: Failed \S+ for (\S+) via
        sshd: no \x1b[31mprefix
              ^ no match, not found: Failed \S+ for (\S+) via
      t.conf:13:7 trash ^sshd: Connection
        sshd: no \x1b[31mprefix
              ^ no match, not found: Connection
      t.conf:18:6 misc .*
        matches
      2 other rules before it: no match (-d shows them)

    taken by t.conf:18:6 misc .*
    counted  sshd: no \x1b[31mprefix
    queue    misc [now] mailed to t@x.example, within 7 s
    ");
}

#[test]
fn a_line_that_no_rule_takes_has_status_1() {
    let conf = CONF
        .replace("misc .*\n", "")
        .replace("set queue noprefix", "set queue odd");
    let output = explain(&conf, &["-d", "Nov 23 21:44:00 h1 kernel: up"], b"");
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(out(&output), @r"
    line     Nov 23 21:44:00 h1 kernel: up
    prefix   traditional: Mmm dd hh:mm:ss HOST
    host     h1
    message  kernel: up

      t.conf:9:7 trash ^cron:
        no match
      t.conf:10:7 group ^sshd:
        the group stays shut
      t.conf:15:12 group_host ^db
        the group stays shut

    taken by no rule: it is dropped
    ");
    let output = explain(&conf, &["kernel:", "up"], b"");
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains("there is no `set queue noprefix`"));
}

#[test]
fn a_configuration_with_errors_has_status_2() {
    let dir = tempfile::tempdir().unwrap();
    for conf in ["none.conf", "bad.conf"] {
        let path = dir.path().join(conf);
        if conf == "bad.conf" {
            std::fs::write(&path, "set nothing\n").unwrap();
        }
        let output = run(&path);
        assert_eq!(output.status.code(), Some(2), "{conf}");
        assert!(!output.stderr.is_empty(), "{conf}");
    }
}

fn run(conf: &Path) -> Output {
    Command::new(PROGRAM)
        .args(["explain", "x", "-c"])
        .arg(conf)
        .output()
        .unwrap()
}

#[test]
fn a_line_that_continues_another_is_explained() {
    let conf = format!("{CONF}continue ^\\s+at\n");
    let text = out(&explain(&conf, &["  at com.example.Dao"], b""));
    assert!(
        text.contains("continue: it belongs to the line before"),
        "{text}"
    );
}
