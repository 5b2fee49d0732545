//! Our daemon as a process: started, waited for, signalled, and never left behind.

use super::{DEADLINE, Dir, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// The program under test: ours, or the one that `TENSHI_PROGRAM` named when the tests were compiled.
pub const PROGRAM: &str = match option_env!("TENSHI_PROGRAM") {
    Some(named) => named,
    None => env!("CARGO_BIN_EXE_tenshi"),
};

/// A running daemon. Killed on drop.
pub struct Daemon {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Daemon {
    /// Starts `tenshi -f` on the configuration text, and waits until it follows every file of
    /// `logs` (names in `dir`).
    pub fn start(dir: &Dir, config: &str, logs: &[&str]) -> Self {
        Self::start_in(dir, config, logs, &[], &[])
    }

    /// As [`Daemon::start`], with more arguments.
    pub fn start_with(dir: &Dir, config: &str, logs: &[&str], more: &[&str]) -> Self {
        Self::start_in(dir, config, logs, more, &[])
    }

    /// As [`Daemon::start_with`], with more environment.
    pub fn start_in(
        dir: &Dir,
        config: &str,
        logs: &[&str],
        more: &[&str],
        environment: &[(&str, &Path)],
    ) -> Self {
        let program = Command::new(PROGRAM);
        Self::begin(program, dir, config, logs, more, environment)
    }

    /// As [`Daemon::start`], under limits that the shell's `ulimit` sets.
    pub fn start_under(dir: &Dir, config: &str, limits: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell
            .arg("-c")
            .arg(format!("{limits}; exec \"$0\" \"$@\""))
            .arg(PROGRAM);
        Self::begin(shell, dir, config, &[], &[], &[])
    }

    fn begin(
        mut program: Command,
        dir: &Dir,
        config: &str,
        logs: &[&str],
        more: &[&str],
        environment: &[(&str, &Path)],
    ) -> Self {
        let config = dir.write("tenshi.conf", config);
        let (stdout, stderr) = (dir.path("stdout"), dir.path("stderr"));
        let socket = dir.path("notify");
        let _ = fs::remove_file(&socket);
        let notified = UnixDatagram::bind(&socket).expect("a notify socket");
        notified.set_nonblocking(true).expect("not blocking");
        // The daemon may have dropped its privileges before it tells.
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("chmod");
        let child = program
            .arg("-f")
            .arg("-c")
            .arg(config)
            .args(more)
            .current_dir(dir.root())
            .env("NOTIFY_SOCKET", &socket)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("a file for its output"))
            .stderr(File::create(&stderr).expect("a file for its messages"))
            .spawn()
            .expect("the daemon starts");
        let mut daemon = Self {
            child,
            stdout,
            stderr,
        };
        let logs: Vec<PathBuf> = logs.iter().map(|name| dir.path(name)).collect();
        let ready = poll(DEADLINE, || {
            if let Ok(Some(status)) = daemon.child.try_wait() {
                panic!("ended at start with {status}: {}", daemon.stderr());
            }
            (told_ready(&notified) || daemon.follows(&logs)).then_some(())
        });
        assert!(ready.is_some(), "not ready in time: {}", daemon.stderr());
        daemon
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("the daemon is there");
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        poll(DEADLINE, || self.child.try_wait().expect("a child of ours"))
            .unwrap_or_else(|| panic!("does not end: {}", self.stderr()))
    }

    /// TERM, then waits for its end, which must be a good one.
    pub fn finish(&mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "ended with {status}: {}", self.stderr());
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours").is_none()
    }

    /// What it wrote to standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stdout).unwrap_or_default()).into_owned()
    }

    /// What it wrote to standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.stderr).unwrap_or_default()).into_owned()
    }

    /// Waits until standard error holds `text`.
    pub fn wait_stderr(&self, text: &str) {
        let found = poll(DEADLINE, || self.stderr().contains(text).then_some(()));
        assert!(
            found.is_some(),
            "waited for {text:?}, there is: {}",
            self.stderr()
        );
    }

    /// Whether it has every file open and all its threads sleep: what follows is the files' growth.
    fn follows(&self, logs: &[PathBuf]) -> bool {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let open: Vec<PathBuf> = entries(&proc.join("fd"))
            .filter_map(|fd| fs::read_link(fd).ok())
            .collect();
        !logs.is_empty()
            && logs.iter().all(|log| open.contains(log))
            && entries(&proc.join("task")).all(|task| sleeps(&task))
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn told_ready(socket: &UnixDatagram) -> bool {
    let mut message = [0; 4096];
    let told = socket.recv(&mut message).unwrap_or(0);
    String::from_utf8_lossy(&message[..told])
        .lines()
        .any(|line| line == "READY=1")
}

fn entries(dir: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
}

fn sleeps(task: &Path) -> bool {
    let stat = fs::read_to_string(task.join("stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('S'))
}
