//! Consoles of a site, each a daemon with its own log and state, over one board.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;

use crate::support::daemon::{Daemon, PROGRAM};
use crate::support::mail::Mail;
use crate::support::postbox::Postbox;
use crate::support::{Dir, line, poll};

/// What the rounds of a site may take on a busy machine.
pub const LONG: Duration = Duration::from_secs(150);

/// The time from the beginning of a site to the turn of the minute, s: its consoles are started in it.
const BEFORE: u64 = 14;

/// A site: the board, and the mailbox of its reports. The clock of its consoles is ahead, so that a minute begins soon.
pub struct Site {
    /// By how much it is ahead.
    ahead: Duration,
    pub board: Dir,
    pub postbox: Postbox,
    /// The address of the board.
    pub url: String,
    /// Directives that all consoles have.
    pub common: String,
}

/// A console.
pub struct Console {
    pub name: String,
    pub dir: Dir,
    pub config: String,
    pub daemon: Option<Daemon>,
    ahead: Duration,
}

impl Site {
    /// A site over a directory.
    pub fn new(common: &str) -> Self {
        let board = Dir::new();
        let url = format!("file://{}", board.root().display());
        Self::at(board, url, common)
    }

    /// A site over this board.
    pub fn at(board: Dir, url: String, common: &str) -> Self {
        let ahead = 120 - BEFORE - now().as_secs() % 60;
        Self {
            ahead: Duration::from_secs(ahead),
            board,
            postbox: Postbox::open(),
            url,
            common: common.to_owned(),
        }
    }

    /// Starts a console.
    pub fn console(&self, name: &str, more: &str) -> Console {
        let dir = Dir::new();
        dir.write("log", "");
        let config = self.config(&dir, name, more);
        let mut console = Console {
            name: name.to_owned(),
            dir,
            config,
            daemon: None,
            ahead: self.ahead,
        };
        console.again();
        console
    }

    /// Waits until a minute begins for its consoles.
    pub fn turn(&self) {
        std::thread::sleep(self.left());
    }

    /// Has what is logged from now on be read in one minute: on a busy machine the start may have taken long.
    pub fn settle(&self) {
        if self.left() < Duration::from_secs(8) {
            std::thread::sleep(self.left() + Duration::from_secs(1));
        }
    }

    /// The time to the next minute of its consoles.
    fn left(&self) -> Duration {
        let now = now() + self.ahead;
        let past = Duration::from_nanos((now.as_nanos() % 60_000_000_000) as u64);
        Duration::from_secs(60) - past
    }

    /// The configuration of a console.
    pub fn config(&self, dir: &Dir, name: &str, more: &str) -> String {
        let rest = format!(
            "set statedir {}\nset site s {}\nset site_console {name}\n{}\n{more}\n",
            dir.path("state").display(),
            self.url,
            self.common,
        );
        crate::support::conf(dir, self.postbox.port(), &rest)
    }

    /// The mails of a queue so far, each Message-ID once.
    pub fn mails(&self, queue: &str) -> Vec<Mail> {
        let mut ids = std::collections::BTreeSet::new();
        let mut mails = self.postbox.mails();
        mails.retain(|mail| mail.queue() == queue && ids.insert(mail.header("Message-ID")));
        mails
    }

    /// Waits for `number` mails of a queue.
    pub fn wait(&self, queue: &str, number: usize, consoles: &[&Console]) -> Vec<Mail> {
        let told = |console: &&Console| {
            let said = console.daemon.as_ref().map(Daemon::stderr);
            format!("{}: {}", console.name, said.unwrap_or_default())
        };
        let mails = poll(LONG, || {
            let mails = self.mails(queue);
            (mails.len() >= number).then_some(mails)
        });
        mails.unwrap_or_else(|| {
            let said: Vec<String> = consoles.iter().map(told).collect();
            panic!("{:#?}\n{}", self.mails(queue), said.join("\n"))
        })
    }
}

impl Console {
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("it runs")
    }

    /// Logs a line `times` times.
    pub fn log(&self, host: &str, text: &str, times: usize) {
        self.dir.append("log", line(host, text).repeat(times));
    }

    /// Kills it.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.signal(Signal::SIGKILL);
            daemon.wait();
        }
    }

    /// Starts it again.
    pub fn again(&mut self) {
        let clock = clock(self.ahead);
        let environment: Vec<_> = (clock.iter())
            .map(|(name, value)| (*name, value.as_path()))
            .collect();
        let daemon = Daemon::start_in(&self.dir, &self.config, &["log"], &[], &environment);
        self.daemon = Some(daemon);
    }

    /// Runs `tenshi` with these arguments on its state directory, by its clock. Gives the exit status and what it wrote.
    pub fn tenshi(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(PROGRAM);
        command.envs(clock(self.ahead)).args(arguments);
        command.arg("--state-dir").arg(self.dir.path("state"));
        let output = command.output().expect("it runs");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        (output.status.code().unwrap_or(-1), text)
    }
}

/// The environment of a program whose clock is ahead.
fn clock(ahead: Duration) -> [(&'static str, PathBuf); 4] {
    [
        ("LD_PRELOAD", faketime()),
        ("FAKETIME", format!("+{}s", ahead.as_secs()).into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("NO_FAKE_STAT", "1".into()),
    ]
}

/// The time of the machine since 1970.
fn now() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970")
}

/// The library that gives a program another time (Debian's `libfaketime`).
fn faketime() -> PathBuf {
    let machine = std::env::consts::ARCH;
    let library = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1");
    assert!(
        Path::new(&library).exists(),
        "the package `faketime` is missing"
    );
    library.into()
}

/// Waits while what is said holds, and panics when it does not.
pub fn holds(time: Duration, what: impl Fn() -> bool, words: &str) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        assert!(what(), "{words}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A redis-server of the test's own, which keeps nothing on its disk. Killed on drop.
pub struct Redis {
    child: std::process::Child,
    dir: Dir,
}

impl Redis {
    pub fn start() -> Self {
        let dir = Dir::new();
        let child = Self::run(&dir);
        Self { child, dir }
    }

    fn run(dir: &Dir) -> std::process::Child {
        let socket = dir.path("socket");
        let _ = std::fs::remove_file(&socket);
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--unixsocketperm", "777", "--unixsocket"])
            .arg(&socket)
            .current_dir(dir.root())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the package `redis-server` is there");
        let up = || std::os::unix::net::UnixStream::connect(&socket).ok();
        assert!(poll(LONG, up).is_some(), "redis-server does not answer");
        child
    }

    pub fn url(&self) -> String {
        format!("unix://{}", self.dir.path("socket").display())
    }

    /// Kills it and starts it again: it has forgotten all.
    pub fn wipe(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.child = Self::run(&self.dir);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
