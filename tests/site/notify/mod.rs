//! Programs of `set notify` while the daemon runs: each report is taken once by each, whatever becomes of the others.

mod examples;
mod kills;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::sink::{Fault, Sink, Stage};
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll};

/// A program that everybody may run.
fn program(dir: &Dir, name: &str, text: &str) -> String {
    let path = dir.write(name, format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Waits for a file with something in it.
fn written(path: &Path) -> String {
    let text = || {
        let text = fs::read_to_string(path).ok();
        text.filter(|text| !text.is_empty())
    };
    poll(DEADLINE, text).unwrap_or_else(|| panic!("no {}", path.display()))
}

fn body(message: &str) -> &str {
    message.split_once("\n\n").map_or("", |(_, body)| body)
}

/// What a program got: its environment, and the report behind it.
const KEEP: &str = "{ env | grep ^TENSHI_ | sort; cat; } >$0.new && mv $0.new $0.got";

#[test]
fn programs_get_the_report_and_its_facts_beside_a_mail() {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &["8BITMIME"]));
    dir.write("log", "");
    let (full, short) = (program(&dir, "full", KEEP), program(&dir, "short", KEEP));
    let rest = format!(
        "set queue q from@x t@x,notify:full,notify-short:short {NEVER} Läuft\nset notify full {full}\n\
         set notify short {short}\nq .*\n"
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    let lines = ["web1", "db1", "web1"].map(|host| line(host, "disk \x1b[2J full"));
    dir.append("log", lines.concat());
    dir.append("log", line("$(id)", "other"));
    daemon.signal(Signal::SIGUSR2);
    let (full, short) = (
        written(&dir.path("full.got")),
        written(&dir.path("short.got")),
    );
    let message = sink.messages(1).remove(0);
    let facts = |text: &str| {
        let facts = text.lines().take_while(|line| line.starts_with("TENSHI_"));
        facts.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut told = facts(&full);
    let id = told.remove(2);
    assert_eq!(
        told,
        [
            "TENSHI_HOSTS=3",
            "TENSHI_LINES=4",
            "TENSHI_QUEUE=q",
            "TENSHI_SUBJECT=Läuft [q]",
            "TENSHI_WORST_HOST=web1"
        ]
    );
    assert!(
        id.starts_with("TENSHI_MESSAGE_ID=") && id.contains(".tenshi@"),
        "{id}"
    );
    let report = full.split_once("TENSHI_WORST_HOST=web1\n").unwrap().1;
    assert_eq!(report, body(&message), "the report is that of the mail");
    assert!(report.contains("2: disk \\x1B[2J full\n"), "{report}");
    let report = short.split_once("TENSHI_WORST_HOST=web1\n").unwrap().1;
    assert!(report.contains("web1,2,disk \\x1B[2J full\n"), "{report}");
    assert_ne!(facts(&short).remove(2), id, "another report");
    assert!(message.contains("\nTo: t@x\n"), "{message}");
    daemon.finish();
    assert_eq!(sink.record().envelopes[0].1, ["t@x"]);
    assert_eq!(sink.record().messages.len(), 1);
}

#[test]
fn each_gets_a_report_once_though_the_other_fails() {
    let (dir, sink) = (
        Dir::new(),
        Sink::start(&[(Stage::Data, Fault::Say("451 later"))], &[]),
    );
    dir.write("log", "");
    let chat = program(
        &dir,
        "chat",
        "test -e $0.up || exit 7; echo $TENSHI_LINES >>$0.lines; cat >>$0.got",
    );
    let rest = format!(
        "set statedir {}\nset queue q from@x t@x,notify:chat [now]\nset notify chat {chat}\nq .*\n",
        dir.path("state").display()
    );
    fs::set_permissions(dir.root(), fs::Permissions::from_mode(0o777)).unwrap();
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    dir.append("log", line("h1", "one"));
    daemon.wait_stderr("notify chat: exit status 7");
    daemon.wait_stderr("451 later");
    let status = || {
        let mut status = Command::new(PROGRAM);
        let output = status
            .args(["status", "-c"])
            .arg(dir.path("tenshi.conf"))
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    let told = poll(DEADLINE, || {
        Some(status()).filter(|text| text.contains("notify:chat"))
    });
    assert!(told.is_some(), "{}", status());
    // The mail server is back: the program that fails keeps no mail back.
    sink.set(&[]);
    for (count, text) in [(1, "one"), (2, "two"), (3, "three")] {
        if count > 1 {
            dir.append("log", line("h1", text));
        }
        let messages = sink.messages(count);
        assert!(body(&messages[count - 1]).ends_with(&format!("\nh1: \n    1: {text}\n")));
    }
    // Now the server is away, and the program works: it gets the first report, and the others as one.
    sink.set(&[(Stage::Data, Fault::Say("451 later"))]);
    dir.write("chat.up", "");
    daemon.signal(Signal::SIGUSR2);
    let got = poll(DEADLINE, || {
        let text = fs::read_to_string(dir.path("chat.got")).unwrap_or_default();
        text.contains("three").then_some(text)
    });
    let got = got.unwrap_or_else(|| panic!("{}", daemon.stderr()));
    for text in ["one", "two", "three"] {
        assert_eq!(got.matches(&format!("    1: {text}\n")).count(), 1, "{got}");
    }
    let lines = written(&dir.path("chat.lines"));
    assert_eq!(lines, "1\n2\n", "of what waited, one report was made");
    daemon.finish();
    assert_eq!(sink.record().messages.len(), 3, "each mail once");
}

/// Processes whose command line has this word.
fn running(word: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let has = |path: &PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let text = String::from_utf8_lossy(&line).replace('\0', " ");
        text.contains(word)
    };
    processes.map(|entry| entry.path()).filter(has).collect()
}

#[test]
fn programs_that_hang_print_or_fork_are_ended_and_told_and_the_rest_goes_on() {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let mark = format!("9{}", std::process::id());
    let hangs = program(
        &dir,
        "hangs",
        &format!("sleep {mark}1 & exec sleep {mark}2"),
    );
    let prints = program(&dir, "prints", "exec head -c 1000000000 /dev/zero");
    let forks = program(
        &dir,
        "forks",
        &format!("sleep {mark}3 & sleep {mark}4 & exit 0"),
    );
    let good = program(&dir, "good", "cat >>$0.got");
    let rest = format!(
        "set statedir {}\nset filter_timeout 5\nset notify hangs {hangs}\nset notify prints {prints}\nset notify forks {forks}\n\
         set notify good {good}\nset queue q from@x t@x,notify:hangs,notify:prints,notify:forks,notify:good [now]\n\
         q .*\n",
        dir.path("state").display()
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    dir.append("log", line("h1", "one"));
    daemon.wait_stderr("notify hangs: it did not end in time and was killed");
    daemon.wait_stderr("notify prints: it printed more than 1 MiB and was killed");
    daemon.wait_stderr("notify forks: it did not end in time and was killed");
    dir.append("log", line("h1", "two"));
    assert!(body(&sink.messages(2)[1]).ends_with("    1: two\n"));
    let got = poll(DEADLINE, || {
        let text = fs::read_to_string(dir.path("good.got")).ok()?;
        text.contains("two").then_some(text)
    });
    assert_eq!(got.unwrap().matches("one").count(), 1);
    daemon.finish();
    assert_eq!(
        running(&mark),
        Vec::<PathBuf>::new(),
        "with all their children"
    );
}

#[test]
fn a_program_that_the_configuration_lost_is_told_and_its_reports_wait() {
    let (dir, sink) = (Dir::new(), Sink::start(&[], &[]));
    dir.write("log", "");
    let chat = program(&dir, "chat", "exit 1");
    let with = format!("set queue q from@x t@x,notify:chat [now]\nset notify chat {chat}\nq .*\n");
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &with), &["log"]);
    dir.append("log", line("h1", "one"));
    daemon.wait_stderr("notify chat: exit status 1");
    let without = "set queue q from@x t@x [now]\nq .*\n";
    dir.write("tenshi.conf", conf(&dir, sink.port, without));
    daemon.signal(Signal::SIGHUP);
    daemon.wait_stderr("read again");
    // It comes back under a path that works.
    let chat = program(&dir, "other", "cat >$0.new; mv $0.new $0.got");
    let with = format!("set queue q from@x t@x,notify:chat [now]\nset notify chat {chat}\nq .*\n");
    dir.write("tenshi.conf", conf(&dir, sink.port, &with));
    daemon.signal(Signal::SIGHUP);
    assert_eq!(written(&dir.path("other.got")), "\nh1: \n    1: one\n");
    daemon.finish();
}

#[test]
fn a_program_that_is_missing_is_told_by_the_check_and_refused_at_the_start() {
    let dir = Dir::new();
    dir.write("log", "");
    let rest = "set queue q f@x notify:chat [now]\nset notify chat /nonexistent/chat -q\nq .*\n";
    let config = dir.write("tenshi.conf", conf(&dir, 25, rest));
    let run = |word: &str| {
        let output = Command::new(PROGRAM)
            .args([word, "-c"])
            .arg(&config)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (status, text) = run("-C");
    assert_eq!(status, Some(0), "{text}");
    assert!(
        text.contains("`/nonexistent/chat` is no program that can be run"),
        "{text}"
    );
    assert!(
        text.contains("q to notify:chat [now]")
            && text.contains("notify:chat by `/nonexistent/chat -q`"),
        "{text}"
    );
    let (status, text) = run("-f");
    assert_eq!(status, Some(1));
    assert!(
        text.contains("/nonexistent/chat: not executable (set notify chat)"),
        "{text}"
    );
}
