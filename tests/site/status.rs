//! `tenshi status` on the snapshots of a real daemon: what it shows, what `--check` makes of it,
//! and who may ask.

mod metrics;
mod watch;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::sink::{Fault, Sink, Stage};
use crate::support::{DEADLINE, Dir, NEVER, conf, line, poll};
use nix::sys::signal::Signal;
use serde_json::Value;

const QUEUES: &str = "set queue n from@x n@x [now]\nn ^foo\nc ^bar\n";

/// A directory with a configuration, a log `log`, a mail server, and a daemon while one runs.
struct Site {
    dir: Dir,
    sink: Sink,
    config: String,
    daemon: Option<Daemon>,
}

impl Site {
    fn start(faults: &[(Stage, Fault)], more: &str) -> Self {
        let (dir, sink) = (Dir::new(), Sink::start(faults, &["8BITMIME"]));
        dir.write("log", "");
        let state = dir.path("state");
        let rest = format!(
            "set statedir {}\nset queue c from@x c@x {NEVER}\n{more}\n{QUEUES}",
            state.display()
        );
        let config = conf(&dir, sink.port, &rest);
        let mut site = Self {
            dir,
            sink,
            config,
            daemon: None,
        };
        site.run();
        site.until("the log's place", |status| status["files"][0].is_object());
        site
    }

    fn run(&mut self) {
        self.daemon = Some(Daemon::start(&self.dir, &self.config, &[]));
    }

    fn log(&self, text: &str) {
        self.dir.append("log", line("h1", text));
    }

    fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("a daemon")
    }

    /// `tenshi status` with these arguments, on the daemon's configuration.
    fn status(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.arg("status").args(arguments).arg("-c");
        run(command.arg(self.dir.path("tenshi.conf")))
    }

    fn json(&self) -> Value {
        let output = self.status(&["--json"]);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
    }

    /// Waits until the status is as wanted, and gives it.
    fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = poll(DEADLINE, || {
            let output = self.status(&["--json"]);
            let status = serde_json::from_slice(&output.stdout).ok();
            status.filter(|status| wanted(status))
        });
        found.unwrap_or_else(|| panic!("waited for {what}: {:?}", self.status(&[])))
    }

    /// The text of `--check` and its exit status.
    fn check(&self, more: &[&str]) -> (String, i32) {
        let output = self.status(&[&["--check"], more].concat());
        assert_eq!(text(&output.stderr), "");
        let line = text(&output.stdout);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        (line, output.status.code().expect("no signal"))
    }
}

fn run(command: &mut Command) -> Output {
    command.output().expect("run tenshi")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn everything_is_shown() {
    let site = Site::start(&[], "");
    for text in ["bar one", "bar one", "bar one", "bar two", "neither"] {
        site.log(text);
    }
    let length = fs::metadata(site.dir.path("log")).unwrap().len();
    // While files are read the next snapshot may take half a minute: a report makes one at once.
    site.log("foo");
    site.until("the report", |s| s["counters"]["delivered"] == 1);
    let status = site.json();
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["running"], true);
    assert_eq!(status["snapshots_fail"], false);
    let log = &status["files"][0];
    assert_eq!(log["path"], site.dir.path("log").to_str().unwrap());
    assert!(number(&log["position"]) > length);
    assert_eq!(log["lag"], 0);
    let made = |s: &Value, of: &str| {
        let time = s[of].as_str().expect("a time").to_owned();
        chrono::DateTime::parse_from_rfc3339(&time).expect("RFC 3339")
    };
    assert!(made(&status, "started") <= made(&status, "made"));
    assert!(made(log, "last_line") <= made(&status, "made"));
    let queue = |name: &str| {
        let queues = status["queues"].as_array().expect("queues").iter();
        queues
            .clone()
            .find(|q| q["name"] == name)
            .expect("the queue")
            .clone()
    };
    let (now, cron) = (queue("n"), queue("c"));
    assert_eq!(
        (&now["lines"], &now["schedule"]),
        (&0.into(), &"[now]".into())
    );
    assert_eq!((number(&cron["lines"]), number(&cron["distinct"])), (4, 2));
    assert!(made(&cron, "next") > made(&status, "now"));
    assert_eq!(status["outbox"], Value::Array(Vec::new()));
    let counters = status["counters"].as_object().expect("counters");
    let all = tenshi::counters::Counters::default().all();
    assert_eq!(counters.len(), all.len(), "every counter: {counters:?}");
    assert_eq!(
        (&counters["lines"], &counters["unmatched"]),
        (&6.into(), &1.into())
    );

    let output = site.status(&[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    for part in [
        "\ndaemon: running since ",
        &format!("\n  {}: position ", site.dir.path("log").display()),
        ", lag 0 B, last line ",
        "\n  c [0 0 1 1 *]: 4 lines (2 distinct), next ",
        "\n  n [now]: no lines\n",
        "\noutbox:\n  none\n",
        "\nfaults:\n  none\n",
        "\n             6 lines read\n",
    ] {
        assert!(shown.contains(part), "no {part:?} in {shown}");
    }
    for (_, label, _) in all {
        assert!(
            shown.contains(&format!(" {label}\n")),
            "no {label} in {shown}"
        );
    }
    let (line, code) = site.check(&[]);
    assert!(line.starts_with("TENSHI OK - no report waits, 0 B unread|outbox_age=0s;900;3600;0 "));
    assert!(
        line.contains(" lines=6c ") && line.contains(" waiting=4;;;0 "),
        "{line}"
    );
    assert_eq!(code, 0);
}

#[test]
fn a_dead_mail_server_is_seen_in_the_outbox() {
    let site = Site::start(&[], "");
    site.sink.down();
    site.log("foo one");
    let status = site.until("two attempts", |s| {
        s["outbox"][0]["attempts"].as_u64().is_some_and(|n| n >= 2)
    });
    let mail = &status["outbox"][0];
    assert_eq!(
        (&mail["queue"], &mail["recipients"][0]),
        (&"n".into(), &"n@x".into())
    );
    let fault = mail["fault"].as_str().expect("a fault");
    assert!(fault.contains("could not contact 127.0.0.1:"), "{fault}");
    assert_eq!(mail["refused"], false);
    assert!(mail["since"].is_string() && mail["next_try"].is_string());
    let shown = text(&site.status(&[]).stdout);
    assert!(shown.contains("\n  n to n@x: since "), "{shown}");
    assert!(
        shown.contains("\n    could not contact 127.0.0.1:"),
        "{shown}"
    );
    // It waits for some seconds: that is nothing yet, unless somebody asks for it.
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with("TENSHI OK - 1 report waits, 0 B unread|"),
        "{line}"
    );
    assert_eq!(code, 0);
    let (line, code) = site.check(&["--warning", "0", "--critical", "1d"]);
    assert!(
        line.starts_with("TENSHI WARNING - the report of queue n waits ("),
        "{line}"
    );
    assert!(line.contains("): could not contact 127.0.0.1:"), "{line}");
    assert_eq!(code, 1);
    let (line, code) = site.check(&["--warning", "0", "--critical", "0"]);
    assert!(
        line.starts_with("TENSHI CRITICAL - the report of queue n waits ("),
        "{line}"
    );
    assert_eq!(code, 2);
    site.sink.up();
    site.until("an empty outbox", |s| {
        s["outbox"] == Value::Array(Vec::new())
    });
}

#[test]
fn a_report_refused_for_good_is_critical_with_the_servers_words() {
    let site = Site::start(&[(Stage::EndOfData, Fault::Say("552 too | big"))], "");
    site.log("foo one");
    let status = site.until("the refusal", |s| s["outbox"][0]["refused"] == true);
    assert_eq!(status["outbox"][0]["next_try"], Value::Null);
    assert_eq!(status["counters"]["refused"], 1);
    let shown = text(&site.status(&[]).stdout);
    assert!(
        shown.contains("tried once, refused: kept for the queue's next time\n"),
        "{shown}"
    );
    assert!(shown.contains("552 too | big"), "{shown}");
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with("TENSHI CRITICAL - the report of queue n was refused ("),
        "{line}"
    );
    assert!(
        line.contains("552 too / big|outbox_age="),
        "a bar would end the words: {line}"
    );
    assert_eq!(code, 2);
}

#[test]
fn what_was_written_while_no_daemon_ran_is_lag() {
    let mut site = Site::start(&[], "");
    site.log("bar one");
    site.daemon().finish();
    let (told, code) = site.check(&[]);
    assert!(
        told.starts_with("TENSHI CRITICAL - no daemon is running|"),
        "{told}"
    );
    assert_eq!(code, 2);
    assert!(text(&site.status(&[]).stdout).contains("\ndaemon: not running; the last one "));
    let status = site.json();
    assert_eq!(
        (&status["running"], &status["files"][0]["lag"]),
        (&false.into(), &0.into())
    );
    let position = number(&status["files"][0]["position"]);

    // To the file that was followed, to one that nobody saw, to one that is there now.
    let lines = ["bar before", "bar after the rotation", "bar now"].map(|text| line("h1", text));
    site.dir.append("log", &lines[0]);
    fs::rename(site.dir.path("log"), site.dir.path("log.1")).unwrap();
    site.dir.append("log", &lines[1]);
    fs::rename(site.dir.path("log.1"), site.dir.path("log.2")).unwrap();
    fs::rename(site.dir.path("log"), site.dir.path("log.1")).unwrap();
    site.dir.append("log", &lines[2]);
    let status = site.json();
    let log = &status["files"][0];
    let lag: usize = lines.iter().map(String::len).sum();
    assert_eq!(number(&log["lag"]), lag as u64, "{log}");
    assert_eq!(log["position"], 0);
    let rotated = log["rotated"].as_array().expect("generations");
    let seen = |n: usize, of: &str| rotated[n][of].clone();
    assert_eq!(rotated.len(), 2, "{log}");
    assert!(
        seen(0, "path").as_str().unwrap().ends_with("log.2"),
        "{log}"
    );
    assert_eq!(number(&seen(0, "position")), position);
    assert_eq!(number(&seen(0, "lag")), lines[0].len() as u64);
    assert_eq!(number(&seen(1, "lag")), lines[1].len() as u64);
    let levels = ["--lag-warning", "10", "--lag-critical", "1M"];
    let (text, _) = site.check(&levels);
    assert!(text.contains(" B unread, most of it of "), "{text}");
    assert!(
        text.contains(&format!(" lag={lag}B;10;1048576;0 ")),
        "{text}"
    );

    // All of it is taken, and the status says so.
    site.run();
    site.daemon().signal(Signal::SIGUSR2);
    let mails = site.sink.messages(2).concat();
    let taken = ["bar before", "bar after the rotation", "bar now"];
    assert!(taken.iter().all(|line| mails.contains(line)), "{mails}");
    let status = site.until("no lag", |s| s["files"][0]["lag"] == 0);
    assert_eq!(
        number(&status["files"][0]["position"]),
        lines[2].len() as u64
    );
}

#[test]
fn a_truncated_log_is_unread_from_its_beginning() {
    let mut site = Site::start(&[], "");
    site.log("bar a long line that is taken");
    site.daemon().finish();
    // Shorter, then longer than what was taken.
    for count in [1, 9] {
        let new = line("h1", "bar new").repeat(count);
        site.dir.write("log", &new);
        let lag = number(&site.json()["files"][0]["lag"]);
        assert_eq!(lag, new.len() as u64, "{count} lines");
    }
}

#[test]
fn inputs_at_fault_are_named_until_they_are_well() {
    let dir = Dir::new();
    // A second name of a log that is followed already is no fault.
    let [missing, one, two] = ["missing", "one", "two"].map(|name| dir.path(name));
    fs::write(&one, "").unwrap();
    fs::hard_link(&one, &two).unwrap();
    let logs = [&missing, &one, &two].map(|path| format!("set logfile {}\n", path.display()));
    let mut site = Site::start(&[], &logs.concat());
    site.daemon().wait_stderr("is the same file as");
    let name = missing.to_str().unwrap();
    site.until("the fault", |s| s["faults"][name].is_string());
    let shown = text(&site.status(&[]).stdout);
    let fault = format!("\nfaults:\n  {name}: does not exist yet");
    assert!(shown.contains(&fault), "{shown}");
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with(&format!("TENSHI WARNING - {name}: does not exist")),
        "{line}"
    );
    assert_eq!(code, 1);
    fs::write(&missing, "").unwrap();
    site.until("no fault", |s| {
        s["faults"] == Value::Object(Default::default())
    });
    assert_eq!(site.check(&[]).1, 0);
}

#[test]
fn a_path_that_a_reload_takes_out_is_no_fault_any_more() {
    let mut site = Site::start(&[], "set logfile /no/such/log\n");
    site.until("the fault", |s| s["faults"]["/no/such/log"].is_string());
    let config = site.config.replace("set logfile /no/such/log\n", "");
    site.dir.write("tenshi.conf", config);
    site.daemon().signal(Signal::SIGHUP);
    site.until("no fault", |s| {
        s["faults"] == Value::Object(Default::default())
    });
}

/// A snapshot cannot tell that the next ones fail: the lock does.
#[test]
fn snapshots_that_cannot_be_written_are_critical() {
    let site = Site::start(&[], "");
    let obstacle = site.dir.path("state/tenshi.state.new");
    fs::create_dir(&obstacle).expect("in the way of the next snapshot");
    // What is appended needs no other file: only a state that somebody changed does.
    site.dir.append("state/tenshi.state", "x");
    site.log("foo one");
    site.until("the failure", |s| s["snapshots_fail"] == true);
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with("TENSHI CRITICAL - no snapshot could be written for "),
        "{line}"
    );
    assert_eq!(code, 2);
    let shown = text(&site.status(&[]).stdout);
    assert!(
        shown.contains("its snapshots cannot be written: this one is old"),
        "{shown}"
    );
    fs::remove_dir(&obstacle).unwrap();
    site.until("the next one", |s| s["snapshots_fail"] == false);
    assert_eq!(number(&site.json()["counters"]["snapshot_failed"]), 1);
}

/// An idle daemon writes no snapshot; the one of its start names it.
#[test]
fn a_daemon_that_has_nothing_to_do_is_seen_at_once() {
    let mut site = Site::start(&[], "");
    let first = site.json();
    site.daemon().finish();
    site.run();
    let second = site.until("the new daemon", |s| s["started"] != first["started"]);
    assert_eq!(second["running"], true);
    assert_eq!(second["files"], first["files"]);
}

/// As on a machine with the package: a group may read the directory, the logs are not for it.
#[test]
fn whoever_may_read_the_snapshot_may_ask() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "run this test as root: it becomes other users"
    );
    let site = Site::start(&[], "set uid root\nset gid root\n");
    site.log("foo");
    site.until("the report", |s| s["counters"]["delivered"] == 1);
    let (watcher, other) = (64_321, 64_322);
    let state = site.dir.path("state");
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    for path in [
        &state,
        &state.join("tenshi.state"),
        &state.join("tenshi.lock"),
    ] {
        chown(path, None, Some(watcher)).unwrap();
    }
    // Each snapshot gets the group of the directory.
    mode(&state, 0o2750).unwrap();
    assert_eq!(
        fs::metadata(state.join("tenshi.state")).unwrap().mode() & 0o777,
        0o640
    );
    mode(&site.dir.path("log"), 0o600).unwrap();
    site.log("foo again");
    let ask = |group: u32, arguments: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.uid(group).gid(group);
        command
            .arg("status")
            .arg("--state-dir")
            .arg(&state)
            .args(arguments);
        run(&mut command)
    };
    let output = ask(watcher, &["--json"]);
    let status: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(status["running"], true);
    assert!(status["files"][0]["lag"].is_u64());
    assert_eq!(ask(watcher, &["--check"]).status.code(), Some(0));
    let refused = ask(other, &["--check"]);
    let line = text(&refused.stdout);
    assert!(line.starts_with("TENSHI UNKNOWN - "), "{line}");
    assert!(line.contains("permission denied; the daemon's user and its group may read it"));
    assert_eq!(refused.status.code(), Some(3));
}

#[test]
fn without_a_snapshot_it_is_said_where_one_was_looked_for() {
    let dir = Dir::new();
    let nowhere = dir.path("nowhere");
    let config = dir.write("c.conf", conf(&dir, 25, "set queue q f t [now]\n"));
    let status = |arguments: &[&str], environment: Option<&Path>| {
        let mut command = Command::new(PROGRAM);
        command
            .arg("status")
            .args(arguments)
            .env_remove("STATE_DIRECTORY");
        command.envs(environment.map(|path| ("STATE_DIRECTORY", path)));
        let output = run(&mut command);
        let told = text(&output.stderr) + &text(&output.stdout);
        (told, output.status.code())
    };
    let config = config.to_str().unwrap();
    let named = format!(
        "there is no snapshot {}",
        nowhere.join("tenshi.state").display()
    );
    let (told, code) = status(&["--state-dir", nowhere.to_str().unwrap()], None);
    assert_eq!((told, code), (format!("tenshi: {named}\n"), Some(1)));
    let (told, code) = status(&["-c", config], Some(&nowhere));
    assert_eq!((told, code), (format!("tenshi: {named}\n"), Some(1)));
    let (told, code) = status(&["-c", config, "--check"], Some(&nowhere));
    assert_eq!(
        (told, code),
        (format!("TENSHI UNKNOWN - {named}\n"), Some(3))
    );
    let broken = dir.write("broken.conf", "set statedir\n");
    let (told, code) = status(&["-c", broken.to_str().unwrap(), "--json"], Some(&nowhere));
    assert!(
        told.contains(&named) && told.contains("broken.conf has errors"),
        "{told}"
    );
    assert_eq!(code, Some(1));
    let (told, _) = status(&["-c", "/no/such.conf"], Some(&nowhere));
    assert!(told.contains("(/no/such.conf: No such file"), "{told}");
    // The package's directory is looked at last. It may be there on this machine.
    let (told, _) = status(&["-c", config], None);
    assert!(told.contains("/var/lib/tenshi"), "{told}");
}

#[test]
fn a_snapshot_that_is_none_is_unknown() {
    let mut site = Site::start(&[], "");
    site.daemon().finish();
    let path = site.dir.path("state/tenshi.state");
    let good = fs::read(&path).unwrap();
    let mut newer = good.clone();
    let body = b"tenshi state\n".len() + 4;
    newer[body..body + 4].copy_from_slice(&9_u32.to_le_bytes());
    let sum = crc32fast::hash(&newer[body..]);
    newer[body - 4..body].copy_from_slice(&sum.to_le_bytes());
    let mut checked = 0;
    for (bytes, says) in [
        (
            &good[..100],
            "the snapshot is damaged: it ends in its sections",
        ),
        (
            b"rubbish",
            "the snapshot is damaged: it does not begin like one",
        ),
        (b"", "the snapshot is damaged"),
        (
            &newer,
            "the snapshot has version 9, this program knows 5 and older",
        ),
    ] {
        fs::write(&path, bytes).unwrap();
        let output = site.status(&[]);
        let told = text(&output.stderr);
        assert!(told.contains(says), "{told}");
        assert_eq!(output.status.code(), Some(1));
        let (line, code) = site.check(&[]);
        assert!(
            line.starts_with("TENSHI UNKNOWN - ") && line.contains(says),
            "{line}"
        );
        assert_eq!(code, 3);
        assert_eq!(fs::read(&path).unwrap(), bytes, "left as it is");
        checked += 1;
    }
    assert_eq!(checked, 4);
    fs::write(&path, good).unwrap();
    assert!(site.status(&[]).status.success());
}

/// A log that is there and cannot be read may hold anything.
#[test]
fn an_input_that_cannot_be_opened_is_critical() {
    let dir = Dir::new();
    let shut = dir.write("shut", "");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let site = Site::start(&[], &format!("set logfile {}\n", shut.display()));
    let name = shut.to_str().unwrap();
    let status = site.until("the fault", |s| s["faults"][name].is_string());
    assert_eq!(status["blind"], serde_json::json!([name]));
    let (line, code) = site.check(&[]);
    let want = format!("TENSHI CRITICAL - {name}: cannot be read");
    assert!(line.starts_with(&want), "{line}");
    assert_eq!(code, 2);
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o644)).unwrap();
    // The next look at names comes with the next change of one.
    site.dir.write("log2", "");
    dir.write("another", "");
    site.until("no fault", |s| s["blind"] == serde_json::json!([]));
    assert_eq!(site.check(&[]).1, 0);
}

/// Until a report of the queue is taken for all its recipients, somebody does not get them.
#[test]
fn a_recipient_who_is_refused_for_good_is_critical() {
    let gone = (Stage::Rcpt("gone@x"), Fault::Say("550 no such user"));
    let mut site = Site::start(&[gone], "");
    let config = site.config.replace("n@x [now]", "n@x,gone@x [now]");
    site.dir.write("tenshi.conf", config);
    site.daemon().signal(Signal::SIGHUP);
    site.daemon().wait_stderr("read again");
    site.log("foo one");
    site.until("the fault", |s| {
        s["blind"] == serde_json::json!(["queue n"])
    });
    let (line, code) = site.check(&[]);
    assert!(
        line.contains("queue n: the recipient gone@x was refused for good") && line.contains("550"),
        "{line}"
    );
    assert_eq!(code, 2);
    site.sink.set(&[]);
    site.log("foo two");
    site.until("no fault", |s| s["blind"] == serde_json::json!([]));
    assert_eq!(site.check(&[]).1, 0);
}

/// The lock's time is the loop's sign of life.
#[test]
fn a_daemon_that_does_not_move_hangs() {
    let mut site = Site::start(&[], "");
    assert_eq!(site.check(&[]).1, 0);
    let lock = fs::File::options()
        .append(true)
        .open(site.dir.path("state/tenshi.lock"))
        .unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(1200);
    site.daemon().signal(Signal::SIGSTOP);
    lock.set_modified(long_ago).unwrap();
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with("TENSHI CRITICAL - the daemon hangs: it has not moved for 20 min"),
        "{line}"
    );
    assert_eq!(code, 2);
    assert!(text(&site.status(&[]).stdout).contains("but it hangs"));
    site.daemon().signal(Signal::SIGCONT);
}

#[test]
fn a_daemon_that_died_before_its_first_snapshot_is_critical() {
    let mut site = Site::start(&[], "");
    site.daemon().signal(Signal::SIGKILL);
    site.daemon().wait();
    fs::remove_file(site.dir.path("state/tenshi.state")).unwrap();
    let (line, code) = site.check(&[]);
    assert!(
        line.starts_with("TENSHI CRITICAL - no daemon is running; there is no snapshot"),
        "{line}"
    );
    assert_eq!(code, 2);
}

/// Each counter is counted somewhere in the program: what is always 0 tells nothing.
#[test]
fn every_counter_is_counted() {
    let mut sources = String::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            let tests = path.file_stem().is_some_and(|stem| stem == "tests");
            match (path.is_dir(), tests) {
                (_, true) => {}
                (true, _) => dirs.push(path),
                (false, _) if path.ends_with("counters.rs") || path.ends_with("version1.rs") => {}
                (false, _) => {
                    let text = fs::read_to_string(path).unwrap();
                    let code = text.split("#[cfg(test)]\nmod tests {").next();
                    sources += &code.unwrap().split_whitespace().collect::<String>();
                }
            }
        }
    }
    let mut checked = 0;
    for counter in tenshi::counters::Counter::ALL {
        let counted = ["add(", "tell(", "Some((", "count_event("]
            .iter()
            .any(|call| sources.contains(&format!("{call}Counter::{counter:?}")));
        assert!(counted, "{counter:?} is never counted");
        checked += 1;
    }
    assert!(checked >= 19, "{checked}");
}

/// A filter, a CSV program and a sendmail program that fail are counted, each for itself.
#[test]
fn programs_that_fail_are_counted() {
    let failed = |site: &Site| {
        let status = site.until("the failure", |s| {
            number(&s["counters"]["command_failed"]) > 0
        });
        number(&status["counters"]["command_failed"])
    };
    let site = Site::start(&[], "set filter n /bin/false\n");
    site.log("foo one");
    assert_eq!(failed(&site), 1);
    let site = Site::start(&[], "set csv [now] /bin/false\ncsv ^foo\n");
    site.log("foo one");
    assert!(failed(&site) >= 1);
    let site = Site::start(&[], "set mailserver sendmail:/bin/false\n");
    site.log("foo one");
    assert!(failed(&site) >= 1);
}
