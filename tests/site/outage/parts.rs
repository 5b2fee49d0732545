//! Reports that are larger than the mail server takes arrive in parts.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use super::{body, header, message_ids};
use crate::support::daemon::Daemon;
use crate::support::sink::{Fault, Sink, Stage};
use crate::support::{Dir, NEVER, conf, line};

/// The lines of a report, as they are logged: each once, over two hosts.
fn lines() -> Vec<String> {
    let text = |n: u32| format!("bar line-{n:04} {}", "x".repeat(100));
    (0..400).map(text).collect()
}

struct Site {
    dir: Dir,
    sink: Sink,
    config: String,
    daemon: Daemon,
}

impl Site {
    /// A daemon with a state directory and 400 lines in its cron queue.
    fn start(extensions: &'static [&'static str]) -> Self {
        Self::start_with(extensions, true)
    }

    /// As [`Self::start`], with or without the state directory.
    fn start_with(extensions: &'static [&'static str], state: bool) -> Self {
        let (dir, sink) = (Dir::new(), Sink::start(&[], extensions));
        dir.write("log", "");
        let state = match state {
            true => format!("set statedir {}\n", dir.path("state").display()),
            false => String::new(),
        };
        let rest = format!("{state}set queue c from@x c@x {NEVER}\nc ^bar\n");
        let config = conf(&dir, sink.port, &rest);
        let daemon = Daemon::start(&dir, &config, &["log"]);
        for (n, text) in lines().iter().enumerate() {
            let host = if n < 150 { "h1" } else { "h2" };
            dir.append("log", line(host, text));
        }
        Self {
            dir,
            sink,
            config,
            daemon,
        }
    }
}

/// Checks that the messages are the parts of one report: in one thread, each with its number, each
/// with the host of its lines, and all lines once. Gives how many there are.
fn check(messages: &[String], largest: usize) -> usize {
    let count = messages.len();
    let subjects: BTreeSet<&str> = messages.iter().map(|m| header(m, "Subject")).collect();
    let wanted: Vec<String> = (1..=count)
        .map(|n| format!("[{n}/{count}] tenshi report [c]"))
        .collect();
    let wanted: BTreeSet<&str> = wanted.iter().map(String::as_str).collect();
    assert_eq!(subjects, wanted);
    let is_first = |m: &&String| header(m, "Subject").starts_with("[1/");
    let first = header(messages.iter().find(is_first).unwrap(), "Message-ID");
    let mut ids = BTreeSet::new();
    let mut seen = Vec::new();
    for message in messages {
        assert!(message.len() < largest, "{} bytes", message.len());
        let id = header(message, "Message-ID");
        assert!(ids.insert(id), "{id} twice");
        if id != first {
            assert_eq!(header(message, "References"), first);
            assert_eq!(header(message, "In-Reply-To"), first);
        }
        let mut host = "";
        for line in body(message).lines() {
            if let Some(name) = line.strip_suffix(": ") {
                host = name;
            } else if let Some(text) = line.strip_prefix("    1: ") {
                assert!(!host.is_empty(), "a line without its host: {message}");
                seen.push((text.to_owned(), host.to_owned()));
            }
        }
    }
    seen.sort();
    let host = |n: usize| if n < 150 { "h1" } else { "h2" };
    let all: Vec<(String, String)> = lines()
        .into_iter()
        .enumerate()
        .map(|(n, text)| (text, host(n).to_owned()))
        .collect();
    assert_eq!(seen, all);
    count
}

#[test]
fn a_report_over_size_arrives_in_parts_and_none_twice_over_a_crash() {
    let mut site = Site::start(&["8BITMIME", "SIZE 20000"]);
    site.sink.take_at_most(1);
    site.daemon.signal(Signal::SIGUSR2);
    site.daemon
        .wait_stderr("queue c: the report goes in 3 parts");
    site.daemon.wait_stderr("452 4.3.1 no room just now");
    let first = site.sink.messages(1);
    // The snapshot that knows of the first part is written by the time that the next one is.
    site.daemon.signal(Signal::SIGUSR2);
    let state = || crate::support::poll(crate::support::DEADLINE, || waiting(&site.dir, 2));
    assert!(state().is_some(), "{}", site.daemon.stderr());
    site.daemon.signal(Signal::SIGKILL);
    site.daemon.wait();
    site.sink.take_at_most(usize::MAX);
    site.daemon = Daemon::start(&site.dir, &site.config, &[]);
    site.daemon.signal(Signal::SIGUSR2);
    let messages = site.sink.messages(3);
    assert_eq!(messages[0], first[0]);
    assert_eq!(check(&messages, 20_000), 3);
    site.daemon.finish();
    assert_eq!(site.sink.record().messages.len(), 3, "none twice");
    // What was put off was sent again as the same mail.
    let ids: BTreeSet<String> = message_ids(&site.sink.record()).into_iter().collect();
    assert_eq!(ids.len(), 3);
}

/// Whether `count` reports wait, as `tenshi status` has it.
fn waiting(dir: &Dir, count: usize) -> Option<()> {
    let output = std::process::Command::new(crate::support::daemon::PROGRAM)
        .args(["status", "--json", "-c"])
        .arg(dir.path("tenshi.conf"))
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let outbox = status["outbox"].as_array()?;
    (outbox.len() == count).then_some(())
}

#[test]
fn a_server_that_does_not_say_what_it_takes_is_believed_when_it_refuses() {
    for largest in [40_000, 15_000] {
        let mut site = Site::start(&["8BITMIME"]);
        site.sink.take_up_to(largest);
        site.daemon.signal(Signal::SIGUSR2);
        // Each part that was refused is cut once more.
        site.daemon.wait_stderr("552 5.3.4");
        let whole = |record: &super::Record| {
            let text = String::from_utf8_lossy(&record.messages.concat()).into_owned();
            text.matches("1: bar line-").count() == 400
        };
        let record = site.sink.wait(whole);
        for message in &record.messages {
            assert!(message.len() <= largest);
        }
        if largest == 40_000 {
            check(&site.sink.messages(1), largest);
        }
        site.daemon.finish();
        assert_eq!(site.sink.record().messages.len(), record.messages.len());
    }
}

#[test]
fn at_the_end_all_parts_have_their_last_attempt() {
    for state in [true, false] {
        let mut site = Site::start_with(&["8BITMIME", "SIZE 20000"], state);
        site.daemon.finish();
        assert_eq!(check(&site.sink.messages(3), 20_000), 3, "{state}");
    }
}

#[test]
fn a_sender_that_is_refused_is_tried_with_care_by_a_now_queue() {
    let (dir, sink) = (
        Dir::new(),
        Sink::start(&[(Stage::Mail, Fault::Say("550 5.7.1 who?"))], &[]),
    );
    dir.write("log", "");
    let rest = format!(
        "set queue n from@x n@x [now]\nset csv [now] {}\nn ^foo\ncsv ^tick\n",
        super::ticker(&dir).display()
    );
    let mut daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
    dir.append("log", line("h1", "foo 0"));
    daemon.wait_stderr("550 5.7.1 who?");
    for tick in 1..=6 {
        let text = line("h1", &format!("foo {tick}")) + &line("h1", &format!("tick {tick}"));
        dir.append("log", text);
        assert!(super::ticked(&dir, tick), "{}", daemon.stderr());
    }
    // At once, at the next check, 5 s later: not seven reports, and not at each check.
    let tries = sink.dialogue().matches("MAIL FROM").count();
    assert!(tries <= 4, "{tries}");
    sink.set(&[]);
    daemon.signal(Signal::SIGUSR2);
    let messages = sink.messages(2);
    assert_eq!(body(&messages[0]), "\nh1: \n    1: foo 0\n");
    daemon.finish();
    assert_eq!(sink.record().messages.len(), 2, "six lines in one report");
}
