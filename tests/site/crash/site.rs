//! A daemon with a state directory and a mail server, which may be killed and started again.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::sink::{Fault, Sink, Stage};
pub use crate::support::taken::{counts, mails};
use crate::support::{DEADLINE, Dir, conf, line, poll};

/// A directory with a configuration, a log `log`, a mail server, and a daemon while one runs.
pub struct Site {
    pub dir: Dir,
    pub sink: Sink,
    pub config: String,
    daemon: Option<Daemon>,
    /// What the daemons before said.
    told: String,
}

impl Site {
    /// Starts a daemon for the first time: `rest` follows the usual lines of the configuration.
    pub fn start(faults: &[(Stage, Fault)], rest: &str) -> Self {
        let mut site = Self::prepare(faults, rest);
        site.run();
        site
    }

    /// Makes the site without a daemon.
    pub fn prepare(faults: &[(Stage, Fault)], rest: &str) -> Self {
        let (dir, sink) = (Dir::new(), Sink::start(faults, &["8BITMIME"]));
        dir.write("log", "");
        // Not where the logs are: to look at it would wake who watches their directory.
        fs::create_dir(dir.path("faults")).expect("a directory");
        Self {
            config: conf(&dir, sink.port, rest),
            dir,
            sink,
            daemon: None,
            told: String::new(),
        }
    }

    /// Starts the daemon, and waits until a snapshot tells where each file was begun.
    pub fn run(&mut self) {
        self.run_with_files(self.config.matches("set logfile").count());
    }

    /// Starts the daemon, and waits until a snapshot has this number of files.
    pub fn run_with_files(&mut self, files: usize) {
        self.start_only();
        let made = poll(DEADLINE, || {
            let snapshot = tenshi::state::read(&self.dir.path("state")).ok()?;
            (snapshot.files.len() >= files).then_some(())
        });
        assert!(made.is_some(), "no snapshot: {}", self.told());
    }

    /// Starts the daemon without a state directory.
    pub fn run_without_state(&mut self) {
        let fault = self.dir.path("faults/fault");
        let environment = [("TENSHI_FAULT", fault.as_path())];
        let daemon = Daemon::start_in(&self.dir, &self.config, &[], &[], &environment);
        self.daemon = Some(daemon);
    }

    /// Starts the daemon, and waits for nothing but its word that it runs.
    pub fn start_only(&mut self) {
        let state = self.dir.path("state");
        let state = state.to_str().expect("a path in UTF-8");
        let fault = self.dir.path("faults/fault");
        let environment = [("TENSHI_FAULT", fault.as_path())];
        let arguments = ["--state-dir", state];
        let daemon = Daemon::start_in(&self.dir, &self.config, &[], &arguments, &environment);
        self.daemon = Some(daemon);
    }

    /// The snapshot's file.
    pub fn snapshot(&self) -> PathBuf {
        self.dir.path("state/tenshi.state")
    }

    /// Adds to the snapshot's file what the daemon did not write: the next commit must be a whole snapshot,
    /// in a file of its own.
    pub fn spoil(&self) {
        let file = fs::OpenOptions::new().append(true).open(self.snapshot());
        file.expect("the snapshot")
            .write_all(b"x")
            .expect("a byte more");
    }

    /// The running daemon.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("a running daemon")
    }

    /// Adds a line to the log.
    pub fn log(&self, text: &str) {
        self.dir.append("log", line("h1", text));
    }

    /// Has the thread of this name panic, end or hang when it next comes along; with an empty text
    /// none does.
    pub fn fault(&self, what: &str) {
        // Not half a name, should the daemon look meanwhile.
        self.dir.write("faults/new", what);
        fs::rename(self.dir.path("faults/new"), self.dir.path("faults/fault")).expect("the fault");
    }

    /// Waits for the end that nobody asked for; the exit status.
    pub fn ends(&mut self) -> Option<i32> {
        let status = self.daemon().wait();
        self.ended();
        status.code()
    }

    /// `tenshi status --check` on the state directory: its line and its exit status.
    pub fn check(&self) -> (String, Option<i32>) {
        let mut command = Command::new(PROGRAM);
        command.args(["status", "--check", "--state-dir"]);
        let output = command.arg(self.dir.path("state")).output();
        let output = output.expect("tenshi status runs");
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        (line, output.status.code())
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.daemon().signal(Signal::SIGKILL);
        self.daemon().wait();
        self.ended();
    }

    /// TERM; the end must be a good one.
    pub fn finish(&mut self) {
        self.daemon().finish();
        self.ended();
    }

    fn ended(&mut self) {
        self.told = self.told();
        self.daemon = None;
    }

    /// What all daemons of this site said.
    pub fn told(&self) -> String {
        let now = self.daemon.as_ref().map(Daemon::stderr);
        format!("{}{}", self.told, now.unwrap_or_default())
    }

    /// What `tenshi status` shows.
    pub fn status(&self) -> String {
        let mut status = Command::new(PROGRAM);
        let status = status.arg("status").arg("--state-dir");
        let shown = status.arg(self.dir.path("state")).output();
        String::from_utf8_lossy(&shown.expect("it runs").stdout).into_owned()
    }

    /// Waits until the running daemon says so.
    pub fn wait_told(&mut self, text: &str) {
        self.daemon().wait_stderr(text);
    }
}
