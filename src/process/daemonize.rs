//! The step into the background. The parent exits when the child says that it runs, so exit status 0
//! means running and not merely started.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};

use nix::fcntl::OFlag;
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe2, setsid};

use crate::shown::shown_lines;

/// The message of a child that runs.
const RUNNING: &[u8] = b"+";

/// The child's end of the pipe to the waiting parent.
#[derive(Debug)]
pub struct Ready(File);

/// Goes into the background: only the grandchild returns. The parent waits for its
/// message and exits.
///
/// # Errors
/// When the process has threads already, or the system refuses a step.
pub fn daemonize() -> Result<Ready, String> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|e| format!("can't count our threads in /proc/self/task: {e}"))?
        .count();
    if threads != 1 {
        return Err(format!(
            "can't fork a daemon with {threads} threads running"
        ));
    }
    // Closed in programs that we run: one that lives on would keep the parent waiting.
    let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(|e| format!("can't make a pipe: {e}"))?;
    // SAFETY: there is one thread (just counted), so the child may do whatever the parent could.
    match unsafe { fork() }.map_err(|e| format!("can't fork: {e}"))? {
        ForkResult::Parent { .. } => {
            drop(write);
            wait_for_word(File::from(read))
        }
        ForkResult::Child => drop(read),
    }
    let ready = Ready(File::from(write));
    if let Err(text) = detach() {
        ready.report_error(&text);
        std::process::exit(1);
    }
    Ok(ready)
}

/// Leaves session, terminal and directory; only the grandchild returns.
fn detach() -> Result<(), String> {
    setsid().map_err(|e| format!("setsid: {e}"))?;
    // SAFETY: the only thread of a process that was forked with one. The second fork leaves the
    // session without a leader, so that no terminal can become ours again.
    if let ForkResult::Parent { .. } = unsafe { fork() }.map_err(|e| format!("can't fork: {e}"))? {
        std::process::exit(0);
    }
    chdir("/").map_err(|e| format!("/: {e}"))
}

/// Waits in the parent for the child's message, and exits as it says.
fn wait_for_word(mut pipe: File) -> ! {
    let mut word = Vec::new();
    let read = pipe.read_to_end(&mut word);
    if read.is_ok() && word == RUNNING {
        std::process::exit(0);
    }
    let text = shown_lines(String::from_utf8_lossy(&word).trim_end());
    eprintln!(
        "tenshi: error: {}",
        if text.is_empty() {
            "the daemon died at its start"
        } else {
            &text
        }
    );
    std::process::exit(1);
}

impl Ready {
    /// Says that the daemon runs: the parent exits with 0, and we let go of its terminal.
    pub fn report_ok(mut self) {
        if let Ok(null) = OpenOptions::new().read(true).write(true).open("/dev/null") {
            // They stay open on a terminal at worst.
            let _ = dup2_stdin(&null)
                .and_then(|()| dup2_stdout(&null))
                .and_then(|()| dup2_stderr(&null));
        }
        // A parent that was killed need not know.
        let _ = self.0.write_all(RUNNING);
    }

    /// Says why the daemon cannot run: the parent prints it and exits with 1.
    pub fn report_error(mut self, text: &str) {
        let _ = self.0.write_all(text.as_bytes());
    }
}
