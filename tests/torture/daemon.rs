//! The daemon as a process, under strace or alone.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::writer::append;
use crate::support::daemon::PROGRAM;
use crate::support::{DEADLINE, poll};

/// The longest time that an end after `SIGTERM` may take.
pub const LONGEST_END: Duration = Duration::from_secs(30);
/// How long is waited for what may not come, as the daemon has a fault.
const PATIENCE: Duration = Duration::from_millis(400);

/// The program under test: ours, or the one that `TENSHI_PROGRAM` names.
pub fn program() -> OsString {
    std::env::var_os("TENSHI_PROGRAM").unwrap_or_else(|| PROGRAM.into())
}

/// What strace does to the daemon.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The calls are only written down.
    None,
    /// The process is killed at the call.
    Kill,
    /// The call fails with this error.
    Error(&'static str),
}

/// A system call of a kind, the first of the process being number 1, and what happens there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    pub call: String,
    pub number: u32,
    pub fault: Fault,
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fault = match self.fault {
            Fault::None => "no fault",
            Fault::Kill => "SIGKILL",
            Fault::Error(name) => name,
        };
        write!(f, "{fault} at {} number {}", self.call, self.number)
    }
}

/// A running daemon under strace, or alone.
pub struct Run {
    child: Child,
    ready: UnixDatagram,
    ended: Option<ExitStatus>,
}

impl Run {
    pub fn start(dir: &Path, point: Option<&Point>) -> Self {
        let command = match point {
            None => Command::new(program()),
            Some(point) => traced(point, &dir.join("trace")),
        };
        Self::begin(command, dir)
    }

    /// Starts the daemon by a command that runs the program in its own place.
    pub fn begin(mut command: Command, dir: &Path) -> Self {
        let socket = dir.join("notify");
        let _ = fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).expect("a notify socket");
        ready.set_nonblocking(true).expect("not blocking");
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).expect("chmod");
        let child = command
            .arg("-f")
            .arg("-c")
            .arg(dir.join("tenshi.conf"))
            .arg("--state-dir")
            .arg(dir.join("state"))
            .current_dir(dir)
            .env("NOTIFY_SOCKET", &socket)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(append(&dir.join("stderr")))
            .spawn()
            .expect("the daemon starts (strace, of Debian's package of that name)");
        Self {
            child,
            ready,
            ended: None,
        }
    }

    pub fn alive(&mut self) -> bool {
        self.ended = self
            .ended
            .or_else(|| self.child.try_wait().expect("a child of ours"));
        self.ended.is_none()
    }

    /// Takes what it tells a service manager: nobody else does, and it would wait when there is no room any more.
    pub fn listen(&self) {
        let mut message = [0; 4096];
        while self.ready.recv(&mut message).is_ok() {}
    }

    pub fn signal(&mut self, signal: Signal) {
        if self.alive() {
            let id = i32::try_from(self.child.id()).expect("a pid");
            let _ = kill(Pid::from_raw(id), signal);
        }
    }

    /// Waits until the daemon says that it runs, or has ended. One that cannot say it catches signals
    /// at least: another one would not be ended by them, but die.
    pub fn ready(&mut self) {
        let id = self.child.id();
        let begun = Instant::now();
        poll(DEADLINE, || {
            let mut message = [0; 4096];
            let told = self.ready.recv(&mut message).unwrap_or(0);
            let told = String::from_utf8_lossy(&message[..told]).contains("READY=1");
            let silent = begun.elapsed() > 3 * PATIENCE && signals_are_caught(id);
            (told || silent || !self.alive()).then_some(())
        });
    }

    /// Waits until it is so, the daemon ended, or the patience is over.
    pub fn wait_for(&mut self, mut done: impl FnMut() -> bool) {
        poll(PATIENCE, || (done() || !self.alive()).then_some(()));
    }

    /// The end: its status, and how long it took. One that does not come is made.
    pub fn end(&mut self) -> (i32, Duration) {
        let begun = Instant::now();
        self.signal(Signal::SIGTERM);
        if poll(LONGEST_END, || (!self.alive()).then_some(())).is_none() {
            self.signal(Signal::SIGKILL);
            self.ended = self.child.wait().ok();
        }
        let status = self.ended.map_or(-1, |status| {
            let signal = status.signal().map(|signal| 128 + signal);
            status.code().or(signal).unwrap_or(-1)
        });
        (status, begun.elapsed())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the process handles `SIGTERM` already: before that the signal would simply end it.
fn signals_are_caught(process: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|text| u64::from_str_radix(text.trim(), 16).ok());
    caught.is_some_and(|set| set & (1 << (Signal::SIGTERM as u64 - 1)) != 0)
}

/// The program under strace, which hangs on to it from outside: the program is our child.
fn traced(point: &Point, trace: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-q", "-Y", "-o"]).arg(trace);
    let (call, number) = (&point.call, point.number);
    let inject = match &point.fault {
        Fault::None => None,
        Fault::Kill => Some(format!("inject={call}:signal=SIGKILL:when={number}")),
        Fault::Error(error) => Some(format!("inject={call}:error={error}:when={number}")),
    };
    if let Some(inject) = inject {
        command.arg("-e").arg(format!("trace={call}"));
        command.arg("-e").arg(inject);
    }
    command.arg(program());
    command
}

/// What strace wrote down, once it is through.
pub fn read_trace(trace: &Path) -> String {
    let read = || String::from_utf8_lossy(&fs::read(trace).unwrap_or_default()).into_owned();
    poll(Duration::from_secs(2), || {
        let text = read();
        let first = text.split(['<', ' ']).next().unwrap_or_default().to_owned();
        let ended = |line: &str| line.starts_with(&first) && line.contains(" +++ ");
        (!first.is_empty() && text.lines().any(ended)).then_some(())
    });
    read()
}

/// The calls of a trace: each with its thread, and whether it is the one with the fault.
pub fn calls(trace: &str) -> Vec<(String, String, bool)> {
    trace.lines().filter_map(call).collect()
}

/// The end of strace's line about a call that was given an error.
const INJECTED: &str = "(INJECTED)";

/// Whether the fault made a signal be lost: such a run says nothing, as nobody told the daemon to end. Each thread has its
/// N-th call fail, and one of them was the byte of a signal. Where another thread was there in between, the end of a call
/// has a line of its own.
pub fn loses_a_signal(trace: &str) -> bool {
    let mut waking = BTreeSet::new();
    trace.lines().any(|line| {
        let thread = line.split('<').next();
        let whole = wakes_for_a_signal(line);
        let resumed = waking.remove(&thread);
        if whole && line.ends_with(UNFINISHED) {
            waking.insert(thread);
        }
        (whole || resumed) && line.ends_with(INJECTED)
    })
}

/// The end of strace's line about a call in which another thread did something.
const UNFINISHED: &str = "<unfinished ...>";

/// A line of strace's: `123<name> call(… <unfinished ...>`; the thread, the call, and whether it is
/// the one with the fault.
fn call(line: &str) -> Option<(String, String, bool)> {
    let (thread, rest) = line.split_once("> ")?;
    let thread = thread.split_once('<')?.1;
    let name = rest.trim_start().split_once('(')?.0;
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    plain.then(|| (thread.to_owned(), name.to_owned(), line.ends_with(INJECTED)))
}

/// Whether a call is the byte by which a signal's handler wakes the thread of the signals, over a pair of
/// sockets within the program. The kernel gives no error there but the one for a full pair, whose reader is awake.
fn wakes_for_a_signal(call: &str) -> bool {
    call.contains("\"X\", 1, MSG_DONTWAIT")
}

#[test]
fn a_lost_signal_is_known_by_the_end_of_its_call() {
    let wake = r#"7<signals> sendto(5, "X", 1, MSG_DONTWAIT, NULL, 0"#;
    let other = r#"8<mail> sendto(9, "QUIT\r\n", 6, MSG_NOSIGNAL, NULL, 0"#;
    let failed = "= -1 ENOSPC (No space left on device) (INJECTED)";
    assert!(loses_a_signal(&format!("{wake}) {failed}\n")));
    assert!(!loses_a_signal(&format!(
        "{wake}) = 1\n{other}) {failed}\n"
    )));
    let split = |thread: &str| {
        format!(
            "{wake} {UNFINISHED}\n{other} {UNFINISHED}\n{thread} <... sendto resumed>) {failed}\n"
        )
    };
    assert!(loses_a_signal(&split("7<signals>")));
    assert!(!loses_a_signal(&split("8<mail>")));
}
