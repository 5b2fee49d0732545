//! One mail to one SMTP server (RFC 5321), with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! The server is a stranger: what it says is bounded in bytes, lines and time (`reply`,
//! `connection`), nothing that it said in clear counts under TLS, and no password leaves over a
//! connection that others could read.
//!
//! Log text is a stranger's text. `crlf` makes every line end CRLF before the dots at the beginnings
//! of lines are doubled, so that nothing in a message can end it early ("SMTP smuggling").

mod connection;
mod login;
pub mod reply;
mod tls;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::pki_types::ServerName;

use self::connection::Connection;
use self::reply::{Offer, Reply};
use super::{Delivery, parts};
use crate::config::{Address, MailServer, MailSettings, MailTls};

pub use self::login::check_auth;

/// Told each line of the dialogue, for `-d`: `> MAIL FROM:<…>`, `< 250 …`. Never a password.
pub type Trace<'a> = Option<&'a dyn Fn(&str)>;

/// Sends one message in a connection of its own.
///
/// Recipients that the server refuses do not keep the mail from the others. `timeout` of the
/// settings holds for each step as a whole: connecting, each command with its reply, each block of
/// the message. A `sendmail:` server is the caller's business ([`sendmail`](super::sendmail)); here
/// it is only put off.
pub fn deliver(
    settings: &MailSettings,
    from: &Address,
    to: &[Address],
    message: &[u8],
    debug: Trace,
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
        debug,
    };
    let text = crlf(message);
    let sent = server.open().and_then(|mut session| {
        let most = session.offer.size.unwrap_or(parts::OWN_BOUND);
        if text.len() as u64 > most {
            session.quit();
            return Err(Fault::TooLarge(most));
        }
        session.send(from, to, &text)
    });
    sent.unwrap_or_else(|fault| fault.into_delivery(&server, text.len()))
}

/// The message as it is sent: lines end in CRLF and nothing else, the last one in nothing;
/// NUL is left out (RFC 5321, 2.3.8).
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

/// Whether CR and LF come only together, and NUL not at all.
fn is_crlf(message: &[u8]) -> bool {
    let mut places = memchr::memchr3_iter(b'\r', b'\n', 0, message);
    places.all(|at| match message.get(at) {
        Some(b'\r') => message.get(at + 1) == Some(&b'\n'),
        Some(b'\n') => at > 0 && message.get(at - 1) == Some(&b'\r'),
        _ => false,
    })
}

/// Where the mail goes, and how.
struct Server<'a> {
    host: &'a str,
    port: u16,
    settings: &'a MailSettings,
    debug: Trace<'a>,
}

impl fmt::Display for Server<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl<'a> Server<'a> {
    /// Connects, greets, encrypts and authenticates: as far as the server is ready for MAIL.
    fn open(&self) -> Result<Session<'a>, Fault> {
        let tls = self.settings.tls;
        let session = match self.connect(tls) {
            // RFC 5321 §3.2. A server that knows no EHLO knows no STARTTLS either.
            Err(Fault::Reply { step: EHLO, reply })
                if reply.class() == 5 && matches!(tls, MailTls::Off | MailTls::May) =>
            {
                self.tell("the server refuses EHLO, trying HELO");
                self.connect_plainly()?
            }
            Err(fault) => return Err(fault),
            Ok(session) => self.encrypt(session)?,
        };
        match &self.settings.auth {
            Some(auth) => session.authenticate(auth, self.host),
            None => Ok(session),
        }
    }

    /// Connects and says EHLO.
    fn connect(&self, tls: MailTls) -> Result<Session<'a>, Fault> {
        let mut connection = self.reach()?;
        if tls == MailTls::Tls {
            connection = self.handshake(connection)?;
        }
        self.greeted(&mut connection)?;
        self.introduce(connection)
    }

    /// Connects and says HELO.
    fn connect_plainly(&self) -> Result<Session<'a>, Fault> {
        let mut connection = self.reach()?;
        self.greeted(&mut connection)?;
        let mut session = self.session(connection, Offer::default());
        session.command("HELO", &format!("HELO {}", self.settings.helo), 2)?;
        Ok(session)
    }

    fn reach(&self) -> Result<Connection, Fault> {
        self.tell(&format!("connecting to {self}"));
        Connection::open(self.host, self.port, self.settings.timeout)
            .map_err(|error| self.broken("the connection", &error))
    }

    /// Waits for the server's first words.
    fn greeted(&self, connection: &mut Connection) -> Result<(), Fault> {
        let greeting = connection
            .read_reply()
            .map_err(|error| self.broken("the connection", &error))?;
        self.tell(&format!("< {greeting}"));
        wanted(greeting, "the connection", 2)
    }

    /// Says EHLO. What the server offered before counts no more.
    fn introduce(&self, connection: Connection) -> Result<Session<'a>, Fault> {
        let mut session = self.session(connection, Offer::default());
        let reply = session.request(EHLO, &format!("EHLO {}", self.settings.helo))?;
        if reply.class() != 2 {
            session.quit();
        }
        session.offer = Offer::of(&reply);
        wanted(reply, EHLO, 2)?;
        Ok(session)
    }

    /// Says STARTTLS where it is wanted and offered. `may` goes on in clear when that fails, on
    /// a fresh connection: in the old one nobody knows who is at which step.
    fn encrypt(&self, mut session: Session<'a>) -> Result<Session<'a>, Fault> {
        let tls = self.settings.tls;
        match (tls, session.offer.starttls) {
            (MailTls::Off | MailTls::Tls, _) | (MailTls::May, false) => return Ok(session),
            (MailTls::StartTls, false) => {
                session.quit();
                let why = "it offers no STARTTLS, which `set mailtls` wants";
                return Err(Fault::Ours(why.to_owned()));
            }
            (MailTls::May | MailTls::StartTls, true) => {}
        }
        match self.start_tls(session) {
            Err(fault) if tls == MailTls::May => {
                self.tell(&format!("TLS failed ({fault}), trying without"));
                self.connect(MailTls::Off)
            }
            encrypted => encrypted,
        }
    }

    fn start_tls(&self, mut session: Session<'a>) -> Result<Session<'a>, Fault> {
        session.command("STARTTLS", "STARTTLS", 2)?;
        if session.connection.has_unread() {
            // RFC 3207 §4.2: the server's next byte belongs to TLS. Whoever sits between us could
            // have its answers taken for the server's.
            let why = "it sent something in clear behind its answer to STARTTLS: \
                       somebody meddles with the connection";
            return Err(Fault::Contact(why.to_owned()));
        }
        let connection = self.handshake(session.connection)?;
        self.introduce(connection)
    }

    fn handshake(&self, connection: Connection) -> Result<Connection, Fault> {
        let config = tls::client_config(self.settings).map_err(Fault::Ours)?;
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|_| Fault::Ours(format!("`{}` is no name for TLS", self.host)))?;
        let encrypted = connection.encrypt(config, name);
        encrypted.map_err(|error| match tls::trouble(&error) {
            Some(trouble) => Fault::Ours(format!("TLS failed: {trouble}")),
            None => self.broken("TLS", &error),
        })
    }

    fn session(&self, connection: Connection, offer: Offer) -> Session<'a> {
        Session {
            connection,
            offer,
            settings: self.settings,
            debug: self.debug,
        }
    }

    fn broken(&self, step: &str, error: &io::Error) -> Fault {
        Fault::Contact(words(step, error, self.settings.timeout))
    }

    fn tell(&self, line: &str) {
        if let Some(tell) = self.debug {
            tell(line);
        }
    }
}

/// The step that asks for what the server offers.
const EHLO: &str = "EHLO";

/// The step that names the sender.
const MAIL: &str = "MAIL FROM";

/// A connection that is ready for a command.
struct Session<'a> {
    connection: Connection,
    offer: Offer,
    settings: &'a MailSettings,
    debug: Trace<'a>,
}

impl Session<'_> {
    /// MAIL to QUIT.
    fn send(&mut self, from: &Address, to: &[Address], text: &[u8]) -> Result<Delivery, Fault> {
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
                _ => return Err(Fault::Reply { step, reply }),
            }
        }
        if rejected.len() + deferred.len() == to.len() {
            self.quit();
            return Ok(none_accepted(rejected, deferred));
        }
        self.command("DATA", "DATA", 3)?;
        let step = "the message";
        let sent = self.connection.message(text);
        let reply = sent.map_err(|error| self.broken(step, &error))?;
        self.tell('<', &reply.to_string());
        self.quit();
        wanted(reply, step, 2)?;
        Ok(Delivery::Accepted { rejected, deferred })
    }

    /// Sends a command and wants a reply of the class (2 for 2xx). Any other ends the session.
    fn command(&mut self, step: &'static str, line: &str, class: u16) -> Result<(), Fault> {
        let reply = self.request(step, line)?;
        // After 421 the server has closed the connection.
        if reply.class() != class && reply.code != 421 {
            self.quit();
        }
        wanted(reply, step, class)
    }

    /// Sends a command and gives the reply, whatever it is.
    fn request(&mut self, step: &'static str, line: &str) -> Result<Reply, Fault> {
        self.tell('>', line);
        self.ask(step, line)
    }

    /// The same without showing what is sent.
    fn ask(&mut self, step: &'static str, line: &str) -> Result<Reply, Fault> {
        let answered = self.connection.command(line);
        let reply = answered.map_err(|error| self.broken(step, &error))?;
        self.tell('<', &reply.to_string());
        Ok(reply)
    }

    fn broken(&self, step: &str, error: &io::Error) -> Fault {
        Fault::Contact(words(step, error, self.settings.timeout))
    }

    /// Ends the session for a reason that somebody has to put right.
    fn give_up(&mut self, why: &str) -> Fault {
        self.quit();
        Fault::Ours(why.to_owned())
    }

    /// Says good-bye. What the server answers changes nothing.
    fn quit(&mut self) {
        self.tell('>', "QUIT");
        self.connection.quit();
    }

    fn tell(&self, direction: char, line: &str) {
        if let Some(tell) = self.debug {
            tell(&format!("{direction} {line}"));
        }
    }
}

/// What became of a mail none of whose recipients was taken.
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

fn wanted(reply: Reply, step: &'static str, class: u16) -> Result<(), Fault> {
    if reply.class() == class {
        Ok(())
    } else {
        Err(Fault::Reply { step, reply })
    }
}

/// Whether a reply says that we are to log in, or have not done it as we should (RFC 4954 §6).
fn is_about_login(reply: &Reply) -> bool {
    matches!(reply.code, 530 | 534 | 535 | 538)
}

/// Why the mail is not on its way.
enum Fault {
    /// No connection, or a broken one. Says why.
    Contact(String),
    /// The server or our settings keep us out until somebody changes them. Says why.
    Ours(String),
    /// The server answered, but not what the step needs.
    Reply { step: &'static str, reply: Reply },
    /// The server takes at most this many bytes a mail.
    TooLarge(u64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contact(why) | Self::Ours(why) => f.write_str(why),
            Self::Reply { step, reply } => write!(f, "it answered {step} with {reply}"),
            Self::TooLarge(most) => write!(f, "it takes at most {most} bytes a mail"),
        }
    }
}

impl Fault {
    /// Only a 5xx to the mail itself is final: one to the greeting, EHLO or AUTH is about the
    /// server or our settings, which somebody can put right before the mail is given up.
    fn into_delivery(self, server: &Server, length: usize) -> Delivery {
        let why = format!("could not contact {server}: {self}");
        match self {
            Self::Contact(_) => Delivery::Deferred(why),
            Self::Ours(_) => Delivery::AccessDenied(why),
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
                    _ if step == login::AUTH => Delivery::AccessDenied(why),
                    _ => Delivery::Deferred(why),
                }
            }
        }
    }
}

/// A fault of the connection: the system's own words mislead when time ran out.
fn words(step: &str, error: &io::Error, timeout: Option<Duration>) -> String {
    let late = matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    );
    match timeout {
        Some(limit) if late => format!("no answer to {step} within {} s", limit.as_secs_f64()),
        _ => format!("no answer to {step}: {error}"),
    }
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
