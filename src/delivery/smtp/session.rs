//! One dialogue, from MAIL to QUIT.

use std::io;

use super::connection::Connection;
use super::error::{MAIL, SmtpError, expect_class, is_about_login, no_answer};
use super::reply::{Offer, Reply};
use crate::config::{Address, MailSettings};
use crate::delivery::Delivery;
use crate::delivery::message::Content;

/// Gets each line of the dialogue, for `-d`: `> MAIL FROM:<…>`, `< 250 …`. Never a password.
pub type Trace<'a> = Option<&'a dyn Fn(&str)>;

/// A connection that is ready for a command.
pub(super) struct Session<'a> {
    pub(super) connection: Connection,
    /// The extensions that the server offers.
    pub(super) offer: Offer,
    pub(super) settings: &'a MailSettings,
    pub(super) trace: Trace<'a>,
}

impl Session<'_> {
    /// Sends a mail: MAIL to QUIT.
    pub(super) fn send(
        &mut self,
        from: &Address,
        to: &[Address],
        message: &dyn Content,
    ) -> Result<Delivery, SmtpError> {
        self.command(MAIL, &format!("MAIL FROM:<{}>", from.as_str()), 2)?;
        let (mut rejected, mut deferred) = (Vec::new(), Vec::new());
        for address in to {
            let step = "RCPT TO";
            let reply = self.request(step, &format!("RCPT TO:<{}>", address.as_str()))?;
            match reply.class() {
                2 => {}
                5 if !is_about_login(&reply) => rejected.push((address.clone(), reply.to_string())),
                // 421: the server closes the connection (RFC 5321 §3.8).
                4 if reply.code != 421 => deferred.push((address.clone(), reply.to_string())),
                _ => return Err(SmtpError::Reply { step, reply }),
            }
        }
        if rejected.len() + deferred.len() == to.len() {
            self.quit();
            return Ok(none_accepted(rejected, deferred));
        }
        self.command("DATA", "DATA", 3)?;
        let step = "the message";
        let sent = self.connection.message(message);
        let reply = sent.map_err(|error| self.broken(step, &error))?;
        self.trace('<', &reply.to_string());
        self.quit();
        expect_class(reply, step, 2)?;
        Ok(Delivery::Accepted { rejected, deferred })
    }

    /// Sends a command and wants a reply of the class (2 for 2xx). Any other ends the session.
    pub(super) fn command(
        &mut self,
        step: &'static str,
        line: &str,
        class: u16,
    ) -> Result<(), SmtpError> {
        let reply = self.request(step, line)?;
        // After 421 the server has closed the connection.
        if reply.class() != class && reply.code != 421 {
            self.quit();
        }
        expect_class(reply, step, class)
    }

    /// Sends a command and gives the reply, whatever it is.
    pub(super) fn request(&mut self, step: &'static str, line: &str) -> Result<Reply, SmtpError> {
        self.trace('>', line);
        self.ask(step, line)
    }

    /// As [`request`](Self::request), without showing the line: it may hold a password.
    pub(super) fn ask(&mut self, step: &'static str, line: &str) -> Result<Reply, SmtpError> {
        let answered = self.connection.command(line);
        let reply = answered.map_err(|error| self.broken(step, &error))?;
        self.trace('<', &reply.to_string());
        Ok(reply)
    }

    fn broken(&self, step: &str, error: &io::Error) -> SmtpError {
        SmtpError::NoContact(no_answer(step, error, self.settings.timeout))
    }

    /// Ends the session for a reason that somebody has to put right.
    pub(super) fn give_up(&mut self, why: &str) -> SmtpError {
        self.quit();
        SmtpError::Denied(why.to_owned())
    }

    /// Ends the session with QUIT. The server's answer changes nothing.
    pub(super) fn quit(&mut self) {
        self.trace('>', "QUIT");
        self.connection.quit();
    }

    pub(super) fn trace(&self, direction: char, line: &str) {
        if let Some(trace) = self.trace {
            trace(&format!("{direction} {line}"));
        }
    }
}

/// The end of an attempt in which no recipient was accepted.
fn none_accepted(rejected: Vec<(Address, String)>, deferred: Vec<(Address, String)>) -> Delivery {
    let list = |replies: &[(Address, String)]| {
        let one = |(address, reply): &(Address, String)| format!("{}: {reply}", address.as_str());
        replies.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    if deferred.is_empty() {
        Delivery::EnvelopeRejected(format!("every recipient was refused: {}", list(&rejected)))
    } else if rejected.is_empty() {
        Delivery::Deferred(format!("no recipient was taken yet: {}", list(&deferred)))
    } else {
        // Each kind keeps its own fate: the rejected are not asked for again.
        Delivery::Accepted { rejected, deferred }
    }
}
