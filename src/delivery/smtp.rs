//! The output to a mail server: SMTP (RFC 5321), with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! The server is a stranger: what it says is bounded in bytes, lines and time (`reply`,
//! `connection`), nothing that it said in clear counts under TLS, and no password leaves over a
//! connection that others could read.
//!
//! A message is written piece by piece (`wire`): a report may be as large as everything that a queue holds.

mod connection;
mod error;
mod login;
pub mod reply;
mod server;
mod session;
mod tls;
mod wire;

use self::error::SmtpError;
use self::server::Server;
use super::message::{Content, Identity, Message};
use super::transport::Transport;
use super::{Delivery, QueuedMail, parts};
use crate::config::{Address, MailServer, MailSettings};
use crate::report::Body;

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
        let message = Message::new(mail, &self.identity);
        let (from, to) = (&mail.report.sender, &mail.report.recipients);
        let trace = |line: &str| log::trace!(target: "smtp", "{line}");
        deliver(&self.settings, from, to, &message, Some(&trace))
    }

    fn split(&self, mail: &QueuedMail, most: u64) -> Vec<Body> {
        parts::split(mail, &self.identity, most)
    }

    fn letter<'m>(&self, mail: &'m QueuedMail) -> Option<Message<'m>> {
        Some(Message::new(mail, &self.identity))
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
    message: &dyn Content,
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
    let sent = server.open().and_then(|mut session| {
        let most = session.offer.size.unwrap_or(parts::OWN_BOUND);
        if message.length() as u64 > most {
            session.quit();
            return Err(SmtpError::TooLarge(most));
        }
        session.send(from, to, message)
    });
    sent.unwrap_or_else(|fault| fault.into_delivery(&server, message.length()))
}
