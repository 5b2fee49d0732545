//! A mail server that fails while the daemon runs: each report arrives once it can, none is lost,
//! a repetition has the same Message-ID, and reading goes on meanwhile. This holds also for filters
//! and CSV programs that misbehave.

mod parts;
mod told;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::daemon::Daemon;
use crate::support::sink::{Fault, Record, Sink, Stage};
use crate::support::{Dir, NEVER, conf, line};
use nix::sys::signal::Signal;

/// A daemon with the `[now]` queue `n` for lines with `foo`, the cron queue `c` for `bar`, and
/// whatever else a test wants.
struct Site {
    dir: Dir,
    sink: Sink,
    daemon: Daemon,
}

impl Site {
    fn start(faults: &[(Stage, Fault)], more: &str) -> Self {
        let (dir, sink) = (Dir::new(), Sink::start(faults, &["8BITMIME"]));
        dir.write("log", "");
        let rest = format!(
            "set queue n from@x n@x [now]\nset queue c from@x c@x {NEVER}\n{more}\nn ^foo\nc ^bar\n"
        );
        let daemon = Daemon::start(&dir, &conf(&dir, sink.port, &rest), &["log"]);
        Self { dir, sink, daemon }
    }

    fn log(&self, text: &str) {
        self.dir.append("log", line("h1", text));
    }

    /// Waits for one of the daemon's own messages.
    fn told(&self, text: &str) {
        self.daemon.wait_stderr(text);
    }
}

fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let head = message.split("\n\n").next().unwrap_or_default();
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(": ");
    head.lines().find_map(value).unwrap_or_default()
}

fn body(message: &str) -> &str {
    message.split_once("\n\n").map_or("", |(_, body)| body)
}

/// All Message-IDs that the sink was told, taken or not.
fn message_ids(record: &Record) -> Vec<String> {
    let text = String::from_utf8_lossy(&record.dialogue).into_owned();
    let id = |line: &str| line.strip_prefix("Message-ID: ").map(str::to_owned);
    text.lines().filter_map(id).collect()
}

/// A CSV program that notes each run: a `[now]` queue with it counts the daemon's checks.
fn ticker(dir: &Dir) -> std::path::PathBuf {
    let path = dir.write(
        "ticker",
        "#!/bin/sh\necho tick >>\"$0.ticks\"\ncat >/dev/null\n",
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let ticks = dir.write("ticker.ticks", "");
    fs::set_permissions(ticks, fs::Permissions::from_mode(0o666)).unwrap();
    path
}

/// Waits until the ticker has run so often.
fn ticked(dir: &Dir, count: usize) -> bool {
    let ticks = || fs::read_to_string(dir.path("ticker.ticks")).unwrap_or_default();
    let enough = || (ticks().lines().count() >= count).then_some(());
    crate::support::poll(crate::support::DEADLINE, enough).is_some()
}

/// A fault that is there for the first attempt alone.
fn passes(stage: Stage, fault: Fault) {
    let mut site = Site::start(&[(stage, fault)], "");
    site.log("foo one");
    site.told("queue n: the report");
    // What comes meanwhile waits for the next report, but is read.
    site.log("foo two");
    site.sink.set(&[]);
    let messages = site.sink.messages(2);
    let case = format!("{stage:?} {fault:?}");
    assert_eq!(body(&messages[0]), "\nh1: \n    1: foo one\n", "{case}");
    assert_eq!(body(&messages[1]), "\nh1: \n    1: foo two\n", "{case}");
    site.daemon.finish();
    let record = site.sink.record();
    assert_eq!(record.messages.len(), 2, "{case}: none twice");
    let mut ids = message_ids(&record);
    ids.dedup();
    assert_eq!(ids.len(), 2, "{case}: a repetition keeps its id: {ids:?}");
}

#[test]
fn each_fault_that_passes_delays_the_report_and_loses_nothing() {
    let faults = [
        (Stage::Greeting, Fault::Say("421 busy")),
        (Stage::Greeting, Fault::Drop),
        (Stage::Hello, Fault::Say("421 busy")),
        (Stage::Mail, Fault::Say("451 not now")),
        (Stage::Rcpt("n@x"), Fault::Say("450 full")),
        (Stage::Data, Fault::Say("451 not now")),
        (Stage::InData, Fault::Drop),
        (Stage::EndOfData, Fault::Say("452 no room")),
        (Stage::EndOfData, Fault::Say("554 no")),
        (Stage::EndOfData, Fault::Drop),
    ];
    // Side by side: each waits for a check or two.
    let checked = std::thread::scope(|scope| {
        let tests: Vec<_> = faults
            .iter()
            .map(|&(stage, fault)| scope.spawn(move || passes(stage, fault)))
            .collect();
        tests.into_iter().map(|test| test.join().unwrap()).count()
    });
    assert_eq!(checked, 10);
}

#[test]
fn a_dead_server_is_told_once_and_its_reports_come_when_it_is_back() {
    let mut site = Site::start(&[], "");
    site.sink.down();
    site.log("foo 0");
    site.told("could not contact 127.0.0.1:");
    for i in 1..=50 {
        site.log(&format!("foo {}", i % 5));
    }
    // A cron queue's report is not held up to its next time either: the first pause is 5 s.
    site.log("bar");
    site.daemon.signal(Signal::SIGUSR2);
    site.told("queue c: the report waits");
    site.sink.up();
    let count = |record: &Record| {
        let text = String::from_utf8_lossy(&record.messages.concat()).into_owned();
        let number = |line: &str| {
            line.strip_prefix("    ")?
                .split_once(": foo ")?
                .0
                .parse::<u64>()
                .ok()
        };
        (
            text.lines().filter_map(number).sum::<u64>(),
            text.contains("1: bar"),
        )
    };
    let record = site.sink.wait(|record| count(record) == (51, true));
    let told = site.daemon.stderr().matches("could not contact").count();
    assert!(told <= 3, "told once a report: {}", site.daemon.stderr());
    site.daemon.finish();
    assert_eq!(site.sink.record().messages, record.messages, "none twice");
}

#[test]
fn a_refused_recipient_is_named_and_the_others_have_the_mail() {
    let queue = "set queue p from@x good@x,bad@x,late@x [now]\np ^many";
    let faults = [
        (Stage::Rcpt("bad@x"), Fault::Say("550 unknown")),
        (Stage::Rcpt("late@x"), Fault::Say("450 full")),
    ];
    let mut site = Site::start(&faults, queue);
    site.log("many");
    site.sink.messages(1);
    site.told("bad@x");
    site.told("550 unknown");
    site.sink.set(&[]);
    let messages = site.sink.messages(2);
    assert_eq!(
        messages[0], messages[1],
        "the same mail, for the one who could not take it"
    );
    site.daemon.finish();
    let dialogue = site.sink.dialogue();
    let last = dialogue.rsplit("MAIL FROM").next().unwrap();
    let asked: Vec<&str> = last.lines().filter(|l| l.starts_with("RCPT")).collect();
    assert_eq!(asked, ["RCPT TO:<late@x>"]);
    assert_eq!(site.sink.record().messages.len(), 2);
}

#[test]
fn a_hanging_delivery_holds_up_no_reading_and_no_other_queue() {
    let queue = "set queue h from@x hangs@x [now]\nset mailtimeout 60\nh ^slow";
    let mut site = Site::start(&[(Stage::Rcpt("hangs@x"), Fault::Hang)], queue);
    site.log("slow");
    site.sink
        .wait(|record| String::from_utf8_lossy(&record.dialogue).contains("RCPT TO:<hangs@x>"));
    for round in 1..=3 {
        site.log(&format!("foo {round}"));
        let messages = site.sink.messages(round);
        assert_eq!(
            body(&messages[round - 1]),
            format!("\nh1: \n    1: foo {round}\n")
        );
    }
    // It lets go, and the report comes by the next attempt.
    site.sink.set(&[]);
    site.sink.down();
    site.sink.up();
    let messages = site.sink.messages(4);
    assert_eq!(body(&messages[3]), "\nh1: \n    1: slow\n");
    site.daemon.finish();
}

#[test]
fn signals_in_the_middle_of_an_outage_lose_nothing() {
    // HUP: the reload keeps what waits.
    let mut site = Site::start(&[(Stage::EndOfData, Fault::Say("451 not now"))], "");
    site.log("foo one");
    site.told("451 not now");
    site.daemon.signal(Signal::SIGHUP);
    site.log("foo two");
    site.sink.set(&[]);
    let record = site.sink.wait(|record| {
        let text = String::from_utf8_lossy(&record.messages.concat()).into_owned();
        text.contains("foo one") && text.contains("foo two")
    });
    assert_eq!(record.messages.len(), 2, "none twice");
    // TERM while the server is slow: the mail is waited for.
    site.sink.set(&[(Stage::Greeting, Fault::Hang)]);
    site.log("bar last");
    site.daemon.signal(Signal::SIGTERM);
    let connections = record.connections;
    site.sink.wait(|record| record.connections > connections);
    assert!(site.daemon.alive());
    // The one that hangs is cut, and what TERM asked for could not be done.
    site.sink.down();
    let status = site.daemon.wait();
    assert!(!status.success(), "a lost report is no success: {status}");
    let told = site.daemon.stderr();
    assert!(told.contains("queue c could not be delivered"), "{told}");
}

#[test]
fn a_filter_that_misbehaves_costs_no_report() {
    let scripts = [
        ("fails", "exit 1"),
        ("empty", "cat >/dev/null"),
        ("hangs", "sleep 1000"),
        ("kills", "kill -9 $$"),
        ("floods", "exec cat /dev/zero"),
        ("deaf", "exec <&-; sleep 0.1; exit 2"),
    ];
    let dir = Dir::new();
    let mut more = "set filter_timeout 5\n".to_owned();
    for (name, script) in scripts {
        let path = dir.write(name, format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        more += &format!(
            "set queue {name} from@x {name}@x [now]\nset filter {name} {}\n{name} ^{name}\n",
            path.display()
        );
    }
    // The whole command line has the report as its standard input.
    more += "set queue good from@x good@x [now]\nset filter good /bin/cat | tr o 0 | sed 's/^/> /'\ngood ^good\n";
    let mut site = Site::start(&[], &more);
    let start = Instant::now();
    for (name, _) in scripts {
        site.log(&format!("{name} line"));
    }
    site.log("good line");
    site.log("foo");
    // What hangs holds up nothing.
    let quick = site.sink.messages(6);
    assert!(
        quick
            .iter()
            .any(|m| body(m) == "> \n> h1: \n>     1: g00d line\n"),
        "{quick:#?}"
    );
    assert!(start.elapsed() < Duration::from_secs(15));
    let messages = site.sink.messages(scripts.len() + 2);
    for (name, _) in scripts {
        let subject = format!("tenshi report [{name}]");
        let mine: Vec<_> = messages
            .iter()
            .filter(|m| header(m, "Subject") == subject)
            .collect();
        assert_eq!(mine.len(), 1, "{name}");
        let body = body(mine[0]);
        assert!(
            body.starts_with(&format!("\nh1: \n    1: {name} line\n")),
            "{body}"
        );
        assert!(body.contains("this is the unfiltered report"), "{body}");
        site.told(&format!("queue {name}: filter "));
    }
    site.daemon.finish();
    assert_eq!(
        site.sink.record().messages.len(),
        scripts.len() + 2,
        "none twice"
    );
}

#[test]
fn a_csv_program_that_fails_gets_its_lines_again() {
    let dir = Dir::new();
    let out = dir.path("out");
    let script = format!(
        "#!/bin/sh\ntest -e {0}/good || {{ echo broken >&2; exit 3; }}\ncat >>{1}\n",
        dir.root().display(),
        out.display()
    );
    let path = dir.write("csv", script);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
    let more = format!("set csv [now] {}\ncsv ^data", path.display());
    let mut site = Site::start(&[], &more);
    site.log("data \"one\"");
    site.told("broken");
    dir.write("good", "");
    let wanted = "h1,\"data \"\"one\"\"\",1\n";
    let text = || {
        fs::read_to_string(&out)
            .unwrap_or_default()
            .replace('\r', "")
    };
    let there = crate::support::poll(crate::support::DEADLINE, || (!text().is_empty()).then(text));
    assert_eq!(there.as_deref(), Some(wanted));
    site.daemon.finish();
    assert_eq!(text(), wanted, "none twice");
}
