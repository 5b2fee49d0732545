//! A process group that is read for as long as it runs: a program with all that it started.

use std::io::Read;
use std::process::{Child, ChildStdout};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Time that a program may take to end on TERM before it is killed.
const GRACE: Duration = Duration::from_millis(300);

/// The program, all that it started, and the pipe that they write to.
#[derive(Debug)]
pub struct Group {
    child: Child,
    /// The pipe that they print to.
    pub output: ChildStdout,
}

impl Group {
    pub(super) fn new(child: Child, output: ChildStdout) -> Self {
        Self { child, output }
    }

    /// Ends the group, gently first, and gives how the program ended.
    pub fn end(mut self) -> String {
        // Both fail only where nobody is left.
        let _ = kill(&self.child, Signal::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && !(self.silent() && self.ended()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The program is not waited for yet, so the group's number is still theirs.
        let _ = kill(&self.child, Signal::SIGKILL);
        match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(e) => e.to_string(),
        }
    }

    /// Whether nobody holds the pipe any more.
    fn silent(&mut self) -> bool {
        let mut rest = [0; 4096];
        matches!(self.output.read(&mut rest), Ok(0))
    }

    /// Whether the program has ended; it can be waited for still.
    fn ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::Pid(number(&self.child)), flags);
        !matches!(status, Ok(WaitStatus::StillAlive))
    }
}

/// The number of the program and of its group.
fn number(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Sends a signal to the group of a program that was not waited for yet.
pub(super) fn kill(child: &Child, signal: Signal) -> nix::Result<()> {
    killpg(number(child), signal)
}
