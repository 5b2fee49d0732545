//! One run of the daemon, from a state that it left behind to a second end, with one fault in it: a
//! signal or an error at one system call. Lines are written, logs rotated and reports sent all the time,
//! whether the daemon lives or not; then it is started again without a fault, and all must be there.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::daemon::{Fault, LONGEST_END, Point, Run, calls, loses_a_signal, read_trace};
use super::writer::append;
use crate::support::sink::Sink;
use crate::support::taken::{counts, mails};
use crate::support::{DEADLINE, NEVER, line, poll};

/// The logs: rotated by rename, by copy and truncation, and found by a pattern.
const LOGS: [&str; 3] = ["create.log", "copy.log", "a.glob"];
/// The two queues of a line: mailed at once, and with everything else.
const QUEUES: [&str; 2] = ["n", "c"];

/// What came of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Whether the call was made, and the fault happened.
    pub happened: bool,
    /// The thread that made it.
    pub thread: String,
    /// Reports that the server took twice, under one Message-ID.
    pub again: usize,
    /// Exit status of the run with the fault, or its signal as a shell gives it.
    pub status: i32,
    /// How long its end took after `SIGTERM`.
    pub end: Duration,
    /// Losses that were told, although there were none.
    pub alarms: usize,
    /// Whatever must not be, one line each: lines that are lost or doubled, an end that does not come.
    pub wrong: Vec<String>,
}

/// A place for runs, one after the other: a directory with the state and the logs of before.
pub struct Place {
    dir: PathBuf,
    /// The lines that were written before, by log.
    before: BTreeMap<String, usize>,
}

/// A log with the lines that were written to it.
struct Log {
    name: &'static str,
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Log {
    fn open(dir: &Path, name: &'static str, lines: usize) -> Self {
        let path = dir.join(name);
        Self {
            file: append(&path),
            name,
            path,
            lines,
        }
    }

    fn text(&mut self, lines: usize) -> String {
        let numbers = self.lines + 1..=self.lines + lines;
        self.lines += lines;
        let text = |n| line("h1", &format!("{} {n}", self.name));
        numbers.map(text).collect()
    }

    fn write(&mut self, lines: usize) {
        let text = self.text(lines);
        self.put(&text);
    }

    fn put(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).expect("write a log");
    }

    fn named(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.path.display()))
    }

    /// Renamed and made anew; the writer adds lines to the old file until it opens the new one.
    fn rotate(&mut self, late: usize) {
        let _ = fs::rename(self.named(".1"), self.named(".2"));
        fs::rename(&self.path, self.named(".1")).expect("rename");
        let new = append(&self.path);
        self.write(late);
        self.file = new;
    }

    /// Copied and truncated; nothing is written in between.
    fn copy_and_truncate(&mut self) {
        let _ = fs::rename(self.named(".1"), self.named(".2"));
        fs::copy(&self.path, self.named(".1")).expect("the copy");
        self.file.set_len(0).expect("the truncation");
    }

    /// Packs a rotated file, as logrotate has it done.
    fn pack(&self, suffix: &str) {
        let done = Command::new("gzip").arg(self.named(suffix)).status();
        assert!(done.expect("gzip").success());
    }
}

impl Place {
    /// Makes the directory with what a daemon left behind when it was killed: counts that wait, a
    /// report that no server took, a log whose last rotated file is still read.
    pub fn prepare(dir: &Path) -> Self {
        let _ = fs::remove_dir_all(dir);
        let place = Self {
            dir: dir.to_owned(),
            before: BTreeMap::new(),
        };
        fs::create_dir_all(place.logs()).expect("a directory");
        for made in [dir.to_owned(), place.live(), place.logs()] {
            fs::set_permissions(made, fs::Permissions::from_mode(0o777)).expect("chmod");
        }
        let sink = Sink::start(&[], &["8BITMIME"]);
        sink.down();
        place.configure(sink.port);
        let mut logs = LOGS.map(|name| Log::open(&place.logs(), name, 0));
        let mut run = Run::start(&place.live(), None);
        run.ready();
        assert!(run.alive(), "{}", place.told());
        logs.iter_mut().for_each(|log| log.write(3));
        logs[0].rotate(2);
        logs[0].write(1);
        run.signal(Signal::SIGUSR1);
        let state = place.live().join("state");
        let kept = poll(DEADLINE, || {
            let snapshot = tenshi::state::read(&state).ok()?;
            let mails = snapshot.outbox.mails().len();
            (mails == 1 && snapshot.files.len() == 3).then_some(())
        });
        assert!(kept.is_some(), "{}", place.told());
        logs.iter_mut().for_each(|log| log.write(1));
        run.signal(Signal::SIGKILL);
        drop(run);
        fs::remove_file(place.live().join("stderr")).expect("what was said");
        place.copy("live", "base");
        let before = logs.iter().map(|log| (log.name.to_owned(), log.lines));
        Self {
            before: before.collect(),
            ..place
        }
    }

    /// The directory of a run.
    fn live(&self) -> PathBuf {
        self.dir.join("live")
    }

    fn logs(&self) -> PathBuf {
        self.dir.join("live/logs")
    }

    fn configure(&self, port: u16) {
        let logs = self.logs();
        let logs = logs.display();
        let text = format!(
            "set logfile {logs}/create.log\nset logfile {logs}/copy.log\n\
             set logfile {logs}/*.glob\nset sleep 1\nset mailtimeout 2\n\
             set mailserver 127.0.0.1:{port}\n\
             set queue n from@x n@x [now]\nset queue c from@x c@x {NEVER}\n\
             n,c ^\\S+ \\d+$\n"
        );
        fs::write(self.live().join("tenshi.conf"), text).expect("the configuration");
    }

    /// What the daemons said.
    fn told(&self) -> String {
        let bytes = fs::read(self.live().join("stderr")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn copy(&self, from: &str, to: &str) {
        let to = self.dir.join(to);
        let _ = fs::remove_dir_all(&to);
        let done = Command::new("cp")
            .arg("-a")
            .args([self.dir.join(from), to])
            .status();
        assert!(done.expect("cp").success());
    }

    /// How often each kind of call is made in a run.
    pub fn count(&self) -> BTreeMap<String, u32> {
        let point = Point {
            call: "all".into(),
            number: 0,
            fault: Fault::None,
        };
        let outcome = self.run(&point);
        assert!(outcome.wrong.is_empty(), "{outcome:?}: {}", self.told());
        let mut counts = BTreeMap::new();
        for (_, call, _) in calls(&read_trace(&self.live().join("trace"))) {
            *counts.entry(call).or_default() += 1;
        }
        counts
    }

    /// One run with a fault, and one without; what came of it.
    pub fn run(&self, point: &Point) -> Outcome {
        self.copy("base", "live");
        let sink = Sink::start(&[], &["8BITMIME"]);
        self.configure(sink.port);
        let mut logs = LOGS.map(|name| Log::open(&self.logs(), name, self.before[name]));
        let mut outcome = Outcome::default();
        let mut run = Run::start(&self.live(), Some(point));
        self.play(&mut run, &sink, &mut logs);
        (outcome.status, outcome.end) = run.end();
        let killed = outcome.status == 128 + Signal::SIGKILL as i32;
        let trace = read_trace(&self.live().join("trace"));
        let made = calls(&trace);
        let at = match point.fault {
            Fault::None => None,
            Fault::Kill => made.last().filter(|_| killed),
            Fault::Error(_) => made.iter().find(|call| call.2),
        };
        outcome.happened = !loses_a_signal(&trace) && (at.is_some() || killed);
        outcome.thread = at.map(|call| call.0.clone()).unwrap_or_default();
        if outcome.happened {
            outcome.judge_end("with the fault");
        }
        let mut run = Run::start(&self.live(), None);
        run.ready();
        let end = run.end();
        if end.0 != 0 || end.1 >= LONGEST_END {
            outcome.wrong.push(format!("the second end: {end:?}"));
        }
        self.judge(&sink, &logs, &mut outcome);
        outcome
    }

    /// Lines, rotations, signals, reports: also when there is no daemon any more.
    fn play(&self, run: &mut Run, sink: &Sink, logs: &mut [Log; 3]) {
        // While nothing ran, as the daemon comes up, or right after.
        logs[0].rotate(1);
        logs.iter_mut().for_each(|log| log.write(1));
        run.ready();
        logs.iter_mut().for_each(|log| log.write(2));
        let begun = logs[1].text(1);
        let (first, second) = begun.split_at(20);
        logs[1].put(first);
        run.signal(Signal::SIGUSR2);
        let reports = || sink.look(|record| record.messages.len());
        run.wait_for(|| reports() >= 3);
        logs[1].put(second);
        logs[0].rotate(2);
        logs[0].write(1);
        logs[0].pack(".2");
        logs[1].copy_and_truncate();
        logs[1].write(2);
        logs[2].rotate(1);
        logs[2].pack(".1");
        run.signal(Signal::SIGUSR1);
        run.wait_for(|| reports() >= 4);
        run.signal(Signal::SIGHUP);
        run.wait_for(|| reports() >= 5);
        logs.iter_mut().for_each(|log| log.write(1));
    }

    /// Each line is in one report of each of its queues.
    fn judge(&self, sink: &Sink, logs: &[Log; 3], outcome: &mut Outcome) {
        let mails = mails(&sink.record());
        outcome.again = mails.values().map(|mail| mail.times - 1).sum();
        for queue in QUEUES {
            let counts = counts(&mails, queue);
            for log in logs {
                for n in 1..=log.lines {
                    let line = format!("{} {n}", log.name);
                    let times = counts.get(&line).copied().unwrap_or(0);
                    if times != 1 {
                        let text = format!("{queue}: {line}: counted {times} times");
                        outcome.wrong.push(text);
                    }
                }
            }
        }
        let told = self.told();
        outcome.alarms = told.lines().filter(|line| line.contains("lost")).count();
        if !outcome.wrong.is_empty() {
            outcome.wrong.push(told);
        }
    }
}

impl Outcome {
    fn judge_end(&mut self, what: &str) {
        if self.end >= LONGEST_END {
            self.wrong
                .push(format!("{what}: no end in {LONGEST_END:?}"));
        }
    }
}
