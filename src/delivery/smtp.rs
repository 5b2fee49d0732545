//! SMTP (RFC 5321) to `mailserver`.
//!
//! The dialogue is lettre's connection with our own commands, because an envelope here may hold
//! bare local parts (`root`) and one refused recipient must not keep the mail from the others.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;

use super::Delivery;
use super::plain::Plain;
use crate::config::{Address, MailAuth, MailSettings, MailTls};

/// A server's answer to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    /// Its text, the lines joined by a blank.
    pub text: String,
}

impl Reply {
    fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    fn is_permanent(&self) -> bool {
        self.code >= 500
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// A dialogue after its greeting and EHLO or HELO.
pub(super) trait Dialogue {
    /// Says a line and reads the answer; the error is a fault of the connection.
    fn command(&mut self, line: &str) -> Result<Reply, String>;
    /// Says the message, dots doubled, and its end. `text` has CRLF line ends and does not end
    /// with one.
    fn message(&mut self, text: &[u8]) -> Result<Reply, String>;
    /// Ends a dialogue that went well.
    fn quit(&mut self);
}

/// Delivers a message to a server.
///
/// `message` is headers and body; every kind of line end becomes CRLF here, so that nothing in a
/// log line can be taken for a command.
pub fn deliver(
    host: &str,
    port: u16,
    settings: &MailSettings,
    from: &Address,
    to: &[Address],
    message: &[u8],
) -> Delivery {
    match connect(host, port, settings) {
        Ok(mut dialogue) => match converse(&mut *dialogue, from, to, message) {
            Ok(delivery) => {
                dialogue.quit();
                delivery
            }
            Err(fault) => Delivery::Later(format!("{host}:{port}: {fault}")),
        },
        Err(fault) => Delivery::Later(format!("could not contact {host}:{port}: {fault}")),
    }
}

fn converse(
    dialogue: &mut dyn Dialogue,
    from: &Address,
    to: &[Address],
    message: &[u8],
) -> Result<Delivery, String> {
    let reply = say(dialogue, &format!("MAIL FROM:<{}>", from.as_str()))?;
    if !reply.is_good() {
        return Ok(refusal(
            &format!("sender {} rejected", from.as_str()),
            &reply,
        ));
    }
    let (mut refused, mut later, mut taken) = (Vec::new(), Vec::new(), 0);
    let mut last = None;
    for address in to {
        let reply = say(dialogue, &format!("RCPT TO:<{}>", address.as_str()))?;
        match (reply.is_good(), reply.is_permanent()) {
            (true, _) => taken += 1,
            (false, true) => refused.push((address.clone(), reply.to_string())),
            (false, false) => later.push((address.clone(), reply.to_string())),
        }
        last = Some(reply);
    }
    if taken == 0 {
        let words = format!("all recipients rejected ({})", list(to));
        return Ok(match last {
            Some(reply) if later.is_empty() => Delivery::Refused(format!("{words}: {reply}")),
            Some(reply) => Delivery::Later(format!("{words}: {reply}")),
            None => Delivery::Refused("it has no recipient".into()),
        });
    }
    let reply = say(dialogue, "DATA")?;
    if !reply.is_good() {
        return Ok(refusal("DATA rejected", &reply));
    }
    let reply = dialogue.message(&wire(message))?;
    log::trace!(target: "smtp", "<<< {reply}");
    Ok(match reply.is_good() {
        true => Delivery::Taken { refused, later },
        false => refusal("message rejected", &reply),
    })
}

fn say(dialogue: &mut dyn Dialogue, line: &str) -> Result<Reply, String> {
    log::trace!(target: "smtp", ">>> {line}");
    let reply = dialogue.command(line)?;
    log::trace!(target: "smtp", "<<< {reply}");
    Ok(reply)
}

fn refusal(words: &str, reply: &Reply) -> Delivery {
    match reply.is_permanent() {
        true => Delivery::Refused(format!("{words}: {reply}")),
        false => Delivery::Later(format!("{words}: {reply}")),
    }
}

fn list(to: &[Address]) -> String {
    let words: Vec<&str> = to.iter().map(Address::as_str).collect();
    words.join(", ")
}

/// The message as it may stand on the wire: CRLF after each line and nowhere else, no NUL, and
/// without its last line end, which the end of DATA brings along.
fn wire(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + message.len() / 40);
    let mut bytes = message.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                out.extend_from_slice(b"\r\n");
            }
            b'\n' => out.extend_from_slice(b"\r\n"),
            0 => {}
            _ => out.push(byte),
        }
    }
    if out.ends_with(b"\r\n") {
        out.truncate(out.len() - 2);
    }
    out
}

/// Connects as `mailtls` says. A server that knows no EHLO is greeted with HELO.
fn connect(host: &str, port: u16, settings: &MailSettings) -> Result<Box<dyn Dialogue>, String> {
    let hello = ClientId::Domain(settings.helo.clone());
    let timeout = settings.timeout;
    let wrapped = match settings.tls {
        MailTls::Tls => Some(tls(host, true)?),
        _ => None,
    };
    let server = (host, port);
    let mut connection =
        match SmtpConnection::connect(server, timeout, &hello, wrapped.as_ref(), None) {
            Ok(connection) => connection,
            Err(e) if e.is_permanent() && e.status().is_some() && plain_will_do(settings) => {
                return Ok(Box::new(Plain::connect(host, port, settings)?));
            }
            Err(e) => return Err(words(&e)),
        };
    let offered = connection.can_starttls();
    match settings.tls {
        MailTls::StartTls if !offered => return Err("it offers no STARTTLS".into()),
        MailTls::StartTls => {
            connection
                .starttls(&tls(host, true)?, &hello)
                .map_err(|e| words(&e))?;
        }
        MailTls::May if offered => {
            if let Err(e) = connection.starttls(&tls(host, false)?, &hello) {
                log::debug!(
                    "{host}:{port}: STARTTLS failed, going on without: {}",
                    words(&e)
                );
                connection.abort();
                connection = SmtpConnection::connect(server, timeout, &hello, None, None)
                    .map_err(|e| words(&e))?;
            }
        }
        MailTls::May | MailTls::Off | MailTls::Tls => {}
    }
    if let Some(auth) = &settings.auth {
        authenticate(&mut connection, auth, host)?;
    }
    Ok(Box::new(connection))
}

/// Whether a dialogue without extensions does all that is asked for.
fn plain_will_do(settings: &MailSettings) -> bool {
    settings.auth.is_none() && matches!(settings.tls, MailTls::Off | MailTls::May)
}

fn tls(host: &str, verified: bool) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if !verified {
        parameters = parameters
            .dangerous_accept_invalid_certs(true)
            .dangerous_accept_invalid_hostnames(true);
    }
    parameters.build().map_err(|e| words(&e))
}

fn authenticate(
    connection: &mut SmtpConnection,
    auth: &MailAuth,
    host: &str,
) -> Result<(), String> {
    let local = matches!(host, "localhost" | "127.0.0.1" | "::1");
    if !connection.is_encrypted() && !local {
        return Err("the password is not sent over a connection without TLS".into());
    }
    let password = password(&auth.password_file)?;
    let credentials = Credentials::new(auth.user.clone(), password);
    let ways = [Mechanism::Plain, Mechanism::Login];
    connection
        .auth(&ways, &credentials)
        .map(drop)
        .map_err(|e| words(&e))
}

/// The first line of the password file, which nobody else may read.
fn password(path: &Path) -> Result<String, String> {
    let told = |e: std::io::Error| format!("{}: {e}", path.display());
    let mode = fs::metadata(path).map_err(told)?.mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "{}: others may read it; chmod 600 it",
            path.display()
        ));
    }
    let text = fs::read_to_string(path).map_err(told)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// An error in words, its causes too: lettre's own text leaves them out.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// A line as it is: lettre writes what a command's `Display` gives.
struct Raw<'a>(&'a str);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\r\n", self.0)
    }
}

impl Dialogue for SmtpConnection {
    fn command(&mut self, line: &str) -> Result<Reply, String> {
        answer(SmtpConnection::command(self, Raw(line)))
    }

    fn message(&mut self, text: &[u8]) -> Result<Reply, String> {
        answer(SmtpConnection::message(self, text))
    }

    fn quit(&mut self) {
        // The mail is taken: how the server takes its leave changes nothing.
        drop(SmtpConnection::quit(self));
    }
}

/// A refusal is an error to lettre; here it is an answer.
fn answer(result: Result<Response, lettre::transport::smtp::Error>) -> Result<Reply, String> {
    match result {
        Ok(response) => Ok(Reply {
            code: response.code().into(),
            text: response.message().collect::<Vec<_>>().join(" "),
        }),
        Err(e) => match e.status() {
            Some(code) => {
                let source = std::error::Error::source(&e).map(ToString::to_string);
                Ok(Reply {
                    code: code.into(),
                    text: source.unwrap_or_default(),
                })
            }
            None => Err(words(&e)),
        },
    }
}

/// The time for a step of the dialogue.
pub(super) fn step_timeout(settings: &MailSettings) -> Option<Duration> {
    settings.timeout.filter(|timeout| !timeout.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_is_crlf_and_none_is_left_over() {
        let cases: [(&[u8], &[u8]); 5] = [
            (b"a\nb\n", b"a\r\nb"),
            (b"a\r\nb\r\n", b"a\r\nb"),
            (b"x\n.\nMAIL FROM:<y>", b"x\r\n.\r\nMAIL FROM:<y>"),
            (b"x\r.\r\r\ny", b"x\r\n.\r\n\r\ny"),
            (b"a\0b", b"ab"),
        ];
        for (text, want) in cases {
            assert_eq!(wire(text), want);
        }
    }

    #[test]
    fn a_password_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        fs::write(&file, "secret\nmore\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(password(&file).unwrap_err().contains("chmod 600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(password(&file).unwrap(), "secret");
    }
}
