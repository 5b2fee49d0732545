//! The output to a sendmail program (`set mailserver sendmail:PATH ARGUMENTS`).
//!
//! The program is run as `PATH ARGUMENTS -i -f FROM -- TO…` with the message on its standard input. Lines end in LF
//! there: that is what the interface takes, and what Postfix, Exim and msmtp turn into CRLF.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::ByteSlice;

use super::message::{Content, Identity, Message, compose};
use super::transport::Transport;
use super::{Delivery, QueuedMail, parts};
use crate::config::Address;
use crate::process::child::{Ended, Limits, Program, Run};
use crate::report::Body;
use crate::shown::shown_path;

/// Mails to a sendmail program.
#[derive(Debug)]
pub struct SendmailTransport {
    program: PathBuf,
    arguments: Vec<String>,
    timeout: Option<Duration>,
    identity: Identity,
}

impl SendmailTransport {
    /// The output to this program with these arguments of the admin's; `timeout` is as for
    /// [`deliver`].
    pub fn new(
        (program, arguments): (PathBuf, Vec<String>),
        timeout: Option<Duration>,
        identity: Identity,
    ) -> Self {
        Self {
            program,
            arguments,
            timeout,
            identity,
        }
    }
}

impl Transport for SendmailTransport {
    fn send(&self, mail: &QueuedMail) -> Delivery {
        let length = Message::new(mail, &self.identity).length();
        let (from, to) = (&mail.report.sender, &mail.report.recipients);
        let command = (self.program.as_path(), self.arguments.as_slice());
        let message = || compose(mail, &self.identity);
        let attempt = || deliver(command, from, to, &message(), self.timeout);
        parts::bounded(length, attempt)
    }

    fn split(&self, mail: &QueuedMail, most: u64) -> Vec<Body> {
        parts::split(mail, &self.identity, most)
    }

    fn letter<'m>(&self, mail: &'m QueuedMail) -> Option<Message<'m>> {
        Some(Message::new(mail, &self.identity))
    }

    fn is_program(&self) -> bool {
        true
    }
}

/// Gives one message to the program, the admin's arguments before ours. `timeout` is for the whole
/// run; `None` is no limit.
///
/// Exit 0 means that the mail is accepted for all. 75 (`EX_TEMPFAIL`), a signal and what is not in `sysexits.h` are
/// tried again; the rest of `sysexits.h` (64 to 78) is final.
pub fn deliver(
    (path, arguments): (&Path, &[String]),
    from: &Address,
    to: &[Address],
    message: &[u8],
    timeout: Option<Duration>,
) -> Delivery {
    if to.is_empty() {
        return Delivery::ContentRejected("the mail has no recipient".to_owned());
    }
    let limits = Limits {
        time: timeout,
        output: None,
    };
    let run = Program::new(path)
        .arguments(arguments)
        .arguments(["-i", "-f", from.as_str(), "--"])
        .arguments(to.iter().map(Address::as_str))
        .run(&mut &local_form(message)[..], &limits);
    judge(path, &run, timeout)
}

/// The end of an attempt by the program's exit.
fn judge(path: &Path, run: &Run, timeout: Option<Duration>) -> Delivery {
    let path = shown_path(&path);
    let words: Vec<_> = run.errors.lines().map(ByteSlice::to_str_lossy).collect();
    let said = match words.join(" ") {
        words if words.is_empty() => words,
        words => format!(": {words}"),
    };
    match &run.ended {
        Ended::Exited(0) if run.fed => Delivery::accepted(),
        Ended::Exited(0) => {
            Delivery::Deferred(format!("{path} did not read the whole message{said}"))
        }
        Ended::Exited(code @ (64..=74 | 76..=78)) => {
            let why = format!("{path} refused the mail (exit {code}){said}");
            match code {
                // EX_DATAERR: what it says.
                65 => Delivery::ContentRejected(why),
                _ => Delivery::EnvelopeRejected(why),
            }
        }
        Ended::Exited(code) => Delivery::Deferred(format!("{path} failed (exit {code}){said}")),
        Ended::Killed(signal) => {
            Delivery::Deferred(format!("{path} was ended by signal {signal}{said}"))
        }
        Ended::TimedOut | Ended::TooMuch(_) => {
            let limit = timeout.unwrap_or_default().as_secs_f64();
            Delivery::Deferred(format!("{path} took longer than {limit} s"))
        }
        Ended::NotRun(fault) => Delivery::Deferred(format!("could not run {path}: {fault}")),
    }
}

/// The message with LF line ends and without NUL.
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
