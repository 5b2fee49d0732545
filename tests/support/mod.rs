//! What the end-to-end tests share: a fresh directory, the daemon as a process, the Perl original
//! beside it, a mail server that keeps what it is given, and mails in a form to compare.

// Each test crate uses a part of this.
#![allow(dead_code)]

pub mod daemon;
pub mod failures;
pub mod mail;
pub mod patterns;
pub mod perl;
pub mod ports;
pub mod postbox;
pub mod postfix;
pub mod random;
pub mod sink;
pub mod subjects;
pub mod taken;
pub mod tmux;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything that should take a moment may take on a busy machine.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A fresh directory for one test, which user `tenshi` may read and write. Removed on drop.
pub struct Dir(tempfile::TempDir);

impl Dir {
    /// Makes the directory.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::Builder::new()
            .prefix("tenshi-test-")
            .tempdir()
            .expect("a temporary directory");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("chmod");
        Self(dir)
    }

    /// The path of `name` in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Writes a whole file and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("write a test file");
        path
    }

    /// Adds to a file, as a log writer does.
    pub fn append(&self, name: &str, content: impl AsRef<[u8]>) {
        use std::io::Write;
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .expect("open a log to append");
        file.write_all(content.as_ref()).expect("append to a log");
    }
}

/// The lines of a configuration that every test needs, then `rest`: log file `log` in `dir`, a check
/// each second, and the mail server at `port`.
pub fn conf(dir: &Dir, port: u16, rest: &str) -> String {
    format!(
        "set logfile {}\nset sleep 1\nset mailserver 127.0.0.1:{port}\n{rest}",
        dir.path("log").display()
    )
}

/// Whether the random tests are to run long, with many seeds (`make torture-seeds`).
pub fn torture() -> bool {
    std::env::var_os("TENSHI_TORTURE").is_some()
}

/// The seed of a random test, or the first of its seeds: `TENSHI_SEED`, else `usual`. It is printed.
pub fn seed(usual: u64) -> u64 {
    let given = std::env::var("TENSHI_SEED");
    let seed = given.map_or(usual, |seed| seed.parse().expect("TENSHI_SEED is a number"));
    println!("TENSHI_SEED={seed}");
    seed
}

/// A cron spec that never falls due in a test.
pub const NEVER: &str = "[0 0 1 1 *]";

/// A log line with the traditional prefix.
pub fn line(host: &str, text: &str) -> String {
    format!("Nov 23 21:44:00 {host} {text}\n")
}

/// Runs a program with this standard input. The second value is whether it took all of it: it may end without
/// reading.
pub fn with_input(command: &mut Command, input: &[u8]) -> (Output, io::Result<()>) {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().expect("it starts");
    let written = child.stdin.take().expect("a pipe").write_all(input);
    (child.wait_with_output().expect("it ends"), written)
}

/// Looks again every few milliseconds until `done` gives something; `None` after `limit`.
pub fn poll<T>(limit: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = done() {
            return Some(found);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
