//! The output to a mail server: SMTP (RFC 5321), with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! The server is a stranger: what it says is bounded in bytes, lines and time (`reply`,
//! `connection`), nothing that it said in clear counts under TLS, and no password leaves over a
//! connection that others could read.
//!
//! Log text is a stranger's text. `crlf` makes every line end CRLF before the dots at the beginnings
//! of lines are doubled, so that nothing in a message can end it early ("SMTP smuggling").

mod connection;
mod error;
mod login;
pub mod reply;
mod server;
mod session;
mod tls;

use std::borrow::Cow;

use bstr::BString;

use self::error::SmtpError;
use self::server::Server;
use super::message::{Identity, compose};
use super::transport::Transport;
use super::{Delivery, QueuedMail, parts};
use crate::config::{Address, MailServer, MailSettings};

pub use self::login::check_auth;
pub use self::session::Trace;

/// Mails to the mail server.
#[derive(Debug)]
pub struct SmtpTransport {
    settings: MailSettings,
    identity: Identity,
}

impl SmtpTransport {
    /// The output to the server of these settings.
    pub fn new(settings: MailSettings, identity: Identity) -> Self {
        Self { settings, identity }
    }
}

impl Transport for SmtpTransport {
    fn send(&self, mail: &QueuedMail) -> Delivery {
        let message = compose(mail, &self.identity);
        let (from, to) = (&mail.report.sender, &mail.report.recipients);
        let trace = |line: &str| log::trace!(target: "smtp", "{line}");
        deliver(&self.settings, from, to, &message, Some(&trace))
    }

    fn split(&self, mail: &QueuedMail, most: u64) -> Vec<BString> {
        parts::split(mail, &self.identity, most)
    }
}

/// Sends one message in a connection of its own.
///
/// Recipients that the server refuses do not keep the mail from the others. `timeout` of the
/// settings holds for each step as a whole: connecting, each command with its reply, each block of
/// the message. A `sendmail:` server is the business of [`sendmail`](super::sendmail); here the mail is
/// only deferred.
pub fn deliver(
    settings: &MailSettings,
    from: &Address,
    to: &[Address],
    message: &[u8],
    trace: Trace,
) -> Delivery {
    let MailServer::Smtp { host, port } = &settings.server else {
        return Delivery::Deferred("the mail server is a program, not an SMTP server".to_owned());
    };
    if to.is_empty() {
        return Delivery::ContentRejected("the mail has no recipient".to_owned());
    }
    let server = Server {
        host,
        port: *port,
        settings,
        trace,
    };
    let text = crlf(message);
    let sent = server.open().and_then(|mut session| {
        let most = session.offer.size.unwrap_or(parts::OWN_BOUND);
        if text.len() as u64 > most {
            session.quit();
            return Err(SmtpError::TooLarge(most));
        }
        session.send(from, to, &text)
    });
    sent.unwrap_or_else(|fault| fault.into_delivery(&server, text.len()))
}

/// The message as it is sent: its lines end in CRLF and in nothing else, the last line has no end,
/// and NUL is left out (RFC 5321 §2.3.8).
fn crlf(message: &[u8]) -> Cow<'_, [u8]> {
    if is_crlf(message) {
        // As our own mails are: a copy of a large one is dear.
        return Cow::Borrowed(message.strip_suffix(b"\r\n").unwrap_or(message));
    }
    let mut out = Vec::with_capacity(message.len() + message.len() / 32);
    let mut after_cr = false;
    for &byte in message.iter().filter(|&&byte| byte != 0) {
        match byte {
            b'\n' if after_cr => {}
            b'\r' | b'\n' => out.extend_from_slice(b"\r\n"),
            _ => out.push(byte),
        }
        after_cr = byte == b'\r';
    }
    if out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
    }
    Cow::Owned(out)
}

/// Whether CR and LF come only together, and there is no NUL.
fn is_crlf(message: &[u8]) -> bool {
    let mut places = memchr::memchr3_iter(b'\r', b'\n', 0, message);
    places.all(|at| match message.get(at) {
        Some(b'\r') => message.get(at + 1) == Some(&b'\n'),
        Some(b'\n') => at > 0 && message.get(at - 1) == Some(&b'\r'),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use bstr::ByteSlice;

    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        let cases: [(&[u8], &[u8]); 8] = [
            (b"", b""),
            (b"a", b"a"),
            (b"a\r\n", b"a"),
            (b"a\nb\rc\r\n", b"a\r\nb\r\nc"),
            (b"a\n.\nMAIL\n", b"a\r\n.\r\nMAIL"),
            (b"a\r.\rb", b"a\r\n.\r\nb"),
            (b"a\r\0\n\0.\0\r\nb", b"a\r\n.\r\nb"),
            (b"a\n\n\r\r\nb\xff", b"a\r\n\r\n\r\n\r\nb\xff"),
        ];
        for (message, wire) in cases {
            assert_eq!(crlf(message).as_bstr(), wire.as_bstr());
        }
    }
}
