//! One mail to a sendmail program (`set mailserver sendmail:PATH ARGUMENTS`).
//!
//! Run as `PATH ARGUMENTS -i -f FROM -- TO…` with the message on its standard input. Lines end in LF
//! there: that is what the interface takes, and what Postfix, Exim and msmtp turn into CRLF.

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::Delivery;
use crate::config::Address;
use crate::process::limits;
use crate::shown::shown_path;

/// How much of what the program said is kept, bytes.
const MOST_WORDS: u64 = 4096;

/// How often a running program is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Gives one message to the program, its own arguments before ours. `timeout` is for the whole run; nothing is no limit.
///
/// Exit 0 is taken for all. 75 (`EX_TEMPFAIL`), a signal and what is not in `sysexits.h` are
/// tried again; the rest of `sysexits.h` (64 to 78) is final.
pub fn deliver(
    (path, arguments): (&Path, &[String]),
    from: &Address,
    to: &[Address],
    message: &[u8],
    timeout: Option<Duration>,
) -> Delivery {
    if to.is_empty() {
        return Delivery::Refused("the mail has no recipient".to_owned());
    }
    let child = limits::give_back(&mut Command::new(path))
        .args(arguments)
        .args(["-i", "-f", from.as_str(), "--"])
        .args(to.iter().map(Address::as_str))
        // systemd would take its messages for the daemon's.
        .env_remove("NOTIFY_SOCKET")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let path = shown_path(&path);
    match child.and_then(|child| run(child, local_form(message), timeout)) {
        Err(error) => Delivery::Later(format!("could not run {path}: {error}")),
        Ok(Run { end: None, .. }) => {
            let limit = timeout.unwrap_or_default().as_secs_f64();
            Delivery::Later(format!("{path} took longer than {limit} s"))
        }
        Ok(Run {
            end: Some(status),
            words,
            whole,
        }) => judge(&path.to_string(), status, &words, whole),
    }
}

/// What came of a run.
struct Run {
    /// Nothing if it had to be killed.
    end: Option<ExitStatus>,
    /// What it said on its standard error.
    words: String,
    /// Whether it read the whole message.
    whole: bool,
}

fn judge(path: &str, status: ExitStatus, words: &str, whole: bool) -> Delivery {
    let said = if words.is_empty() {
        String::new()
    } else {
        format!(": {words}")
    };
    match (status.code(), status.signal()) {
        (Some(0), _) if whole => Delivery::Taken {
            refused: Vec::new(),
            later: Vec::new(),
        },
        (Some(0), _) => Delivery::Later(format!("{path} did not read the whole message{said}")),
        (Some(code @ (64..=74 | 76..=78)), _) => {
            Delivery::Refused(format!("{path} refused the mail (exit {code}){said}"))
        }
        (Some(code), _) => Delivery::Later(format!("{path} failed (exit {code}){said}")),
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            Delivery::Later(format!("{path} was ended by signal {signal}{said}"))
        }
    }
}

/// Feeds and watches the program. Its pipes are served by threads, so that one that neither
/// reads nor ends is still seen to be late.
fn run(mut child: Child, message: Vec<u8>, timeout: Option<Duration>) -> std::io::Result<Run> {
    let end = timeout.map(|limit| Instant::now() + limit);
    let (fed, was_fed) = mpsc::channel();
    if let Some(mut stdin) = child.stdin.take() {
        thread::spawn(move || fed.send(stdin.write_all(&message).is_ok()));
    }
    let (heard, words) = mpsc::channel();
    if let Some(mut stderr) = child.stderr.take() {
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.by_ref().take(MOST_WORDS).read_to_end(&mut text);
            let _ = heard.send(text);
            // A pipe nobody reads would stop a talkative program.
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        });
    }
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            // Its children too: a wrapper script's are what hangs.
            if let Ok(pid) = i32::try_from(child.id()) {
                let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            }
            child.wait()?;
            break None;
        }
        thread::sleep(LOOK);
    };
    // A child left behind may hold the pipes: what is not there by now is not waited for.
    let soon = Duration::from_millis(500);
    let words = words.recv_timeout(soon).unwrap_or_default();
    Ok(Run {
        end: status,
        words: words
            .lines()
            .map(|line| line.to_str_lossy())
            .collect::<Vec<_>>()
            .join(" "),
        whole: was_fed.recv_timeout(soon).unwrap_or(false),
    })
}

/// The message with LF line ends, NUL left out.
fn local_form(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut after_cr = false;
    for &byte in message.iter().filter(|&&byte| byte != 0) {
        if !(byte == b'\n' && after_cr) {
            out.push(if byte == b'\r' { b'\n' } else { byte });
        }
        after_cr = byte == b'\r';
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_lf_for_a_program() {
        assert_eq!(local_form(b"a\r\nb\nc\rd\0\r\r\ne"), b"a\nb\nc\nd\n\ne");
    }
}
