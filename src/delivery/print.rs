//! The output of `--print` and `tenshi replay`: mails on standard output, for a person to read.

use std::io::{self, Write};

use nix::sys::signal::{Signal, raise};

use super::message::{Identity, date, start_date};
use super::transport::Transport;
use super::{Delivery, QueuedMail};
use crate::shown::shown;

const RULE: &str = "────────────────────────────────────────────────────────────────────────";

/// Mails to standard output.
#[derive(Debug)]
pub struct PrintTransport {
    identity: Identity,
}

impl PrintTransport {
    /// The output to standard output, with this machine named in each mail.
    pub fn new(identity: Identity) -> Self {
        Self { identity }
    }
}

impl Transport for PrintTransport {
    fn send(&self, mail: &QueuedMail) -> Delivery {
        match print(mail, &self.identity, &mut io::stdout().lock()) {
            Ok(()) => Delivery::accepted(),
            Err(e) => {
                if e.kind() == io::ErrorKind::BrokenPipe {
                    // Nobody will ever read one (`| head`): this run has lost its purpose.
                    let _ = raise(Signal::SIGTERM);
                }
                Delivery::Deferred(format!("standard output: {e}"))
            }
        }
    }
}

/// Writes the mail as a mail program would show it.
///
/// # Errors
/// A write to `out` failed.
pub fn print(mail: &QueuedMail, identity: &Identity, out: &mut dyn Write) -> io::Result<()> {
    let report = &mail.report;
    writeln!(out, "{RULE}")?;
    writeln!(out, "From: {}", shown(&report.from))?;
    writeln!(out, "To: {}", shown(&report.to))?;
    writeln!(out, "Date: {}", date(report.made))?;
    let hostname = shown(identity.hostname.as_bytes());
    writeln!(out, "X-tenshi-hostname: {hostname}")?;
    if let Some(start) = report.start {
        writeln!(out, "X-tenshi-report-start: {}", start_date(start))?;
    }
    writeln!(out, "Subject: {}", shown(&report.subject))?;
    writeln!(out)?;
    let body = mail.body().whole();
    for line in body
        .strip_suffix(b"\n")
        .unwrap_or(&body)
        .split(|&b| b == b'\n')
    {
        writeln!(out, "{}", shown(line.strip_suffix(b"\r").unwrap_or(line)))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::queued_mail;

    #[test]
    fn a_mail_is_shown_decoded_and_cannot_steer_the_terminal() {
        let mut mail = queued_mail(
            "Störung [a]".as_bytes(),
            b"\nh1: \n    1: \x1b[2J caf\xc3\xa9\r\n",
        );
        mail.report.to = "t@x\nBcc: evil".into();
        let identity = Identity {
            version: "1".into(),
            hostname: "con\x1bsole".into(),
            html: false,
        };
        mail.report.start = Some(mail.report.made);
        let mut out = Vec::new();
        print(&mail, &identity, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\n\n").unwrap();
        assert!(head.starts_with(RULE), "{head}");
        assert!(head.contains("\nSubject: Störung [a]"), "{head}");
        // As the mail itself has it.
        let composed = String::from_utf8(super::super::message::compose(&mail, &identity));
        let composed = composed.unwrap().replace("\r\n", "\n");
        let start = composed.lines().find(|line| line.contains("report-start"));
        assert!(head.lines().any(|line| Some(line) == start), "{head}");
        assert!(head.contains("\nTo: t@x\\x0ABcc: evil\n"), "{head}");
        assert!(!text.contains('\x1b'));
        assert_eq!(body, "\nh1: \n    1: \\x1B[2J café\n");
    }
}
