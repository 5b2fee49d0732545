//! Why a mail was not accepted, and what that means for the mail.

use std::fmt;
use std::io;
use std::time::Duration;

use super::reply::Reply;
use crate::delivery::{Delivery, parts};

/// The step that asks for the server's extensions.
pub(super) const EHLO: &str = "EHLO";
/// The step that names the sender.
pub(super) const MAIL: &str = "MAIL FROM";
/// The step that logs in.
pub(super) const AUTH: &str = "AUTH";

/// Why the mail was not accepted.
pub(super) enum SmtpError {
    /// There is no connection, or it broke. The text says why.
    NoContact(String),
    /// The server does not let us in under our settings, until somebody changes either. The text
    /// says why.
    Denied(String),
    /// The server answered a step, but not as the step needs.
    Reply { step: &'static str, reply: Reply },
    /// The server takes at most this many bytes a mail.
    TooLarge(u64),
}

impl fmt::Display for SmtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoContact(why) | Self::Denied(why) => f.write_str(why),
            Self::Reply { step, reply } => write!(f, "it answered {step} with {reply}"),
            Self::TooLarge(most) => write!(f, "it takes at most {most} bytes a mail"),
        }
    }
}

impl SmtpError {
    /// The end of the attempt: `server` is the name of the server, `length` the length of the mail, bytes.
    ///
    /// Only a 5xx to the mail itself is final: one to the greeting, EHLO or AUTH is about the
    /// server or our settings, which somebody can put right before the mail is given up.
    pub(super) fn into_delivery(self, server: &dyn fmt::Display, length: usize) -> Delivery {
        let why = format!("could not contact {server}: {self}");
        match self {
            Self::NoContact(_) => Delivery::Deferred(why),
            Self::Denied(_) => Delivery::AccessDenied(why),
            Self::TooLarge(most) => Delivery::TooLarge {
                most,
                why: format!("the mail has {length} bytes, and {server} takes at most {most}"),
            },
            Self::Reply { step, reply } => {
                let mail = matches!(step, MAIL | "RCPT TO" | "DATA" | "the message");
                let refused = format!("{server} refused {step}: {reply}");
                match reply.class() {
                    5 if is_about_login(&reply) => Delivery::AccessDenied(why),
                    5 if mail => match parts::smaller(length, &reply) {
                        Some(most) => Delivery::TooLarge { most, why: refused },
                        None if step == MAIL => Delivery::EnvelopeRejected(refused),
                        None => Delivery::ContentRejected(refused),
                    },
                    5 => Delivery::AccessDenied(why),
                    // A provider counts each failed login, whatever it says of its reason.
                    _ if step == AUTH => Delivery::AccessDenied(why),
                    _ => Delivery::Deferred(why),
                }
            }
        }
    }
}

/// The sentence about a fault of the connection. The system's own words mislead when time ran out.
pub(super) fn no_answer(step: &str, error: &io::Error, timeout: Option<Duration>) -> String {
    let late = matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    );
    match timeout {
        Some(limit) if late => format!("no answer to {step} within {} s", limit.as_secs_f64()),
        _ => format!("no answer to {step}: {error}"),
    }
}

/// Checks that a reply is of the class that the step needs (2 for 2xx).
///
/// # Errors
/// It is of another class.
pub(super) fn expect_class(reply: Reply, step: &'static str, class: u16) -> Result<(), SmtpError> {
    if reply.class() == class {
        Ok(())
    } else {
        Err(SmtpError::Reply { step, reply })
    }
}

/// Whether a reply says that we are to log in, or have not done it as we should (RFC 4954 §6).
pub(super) fn is_about_login(reply: &Reply) -> bool {
    matches!(reply.code, 530 | 534 | 535 | 538)
}
