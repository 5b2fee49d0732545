//! One mail to one SMTP server (RFC 5321), with STARTTLS (RFC 3207) and AUTH (RFC 4954).
//!
//! lettre's `SmtpConnection` does the connection, TLS and AUTH. Envelope and message go through
//! it command by command: its own `send` refuses an address without a domain and drops the mail
//! for all when one recipient is refused. For a server that knows no EHLO there is `plain`.
//!
//! Log text is a stranger's text. `crlf` makes every line end CRLF before lettre doubles the
//! dots, so that nothing in a message can end it early ("SMTP smuggling").

mod plain;

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{CertificateStore, SmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::{ClientId, Extension};
use lettre::transport::smtp::response::Response;

use self::plain::Plain;
use super::Delivery;
use crate::config::{Address, MailAuth, MailServer, MailSettings, MailTls};
use crate::shown::shown_path;

/// Told each line of the dialogue, for `-d`: `> MAIL FROM:<…>`, `< 250 …`. Never a password.
pub type Trace<'a> = Option<&'a dyn Fn(&str)>;

/// Sends one message in a connection of its own.
///
/// Recipients that the server refuses do not keep the mail from the others. `timeout` of the
/// settings holds for each step: connecting, each read, each write. A `sendmail:` server is the
/// caller's business ([`sendmail`](super::sendmail)); here it is only put off.
pub fn deliver(
    settings: &MailSettings,
    from: &Address,
    to: &[Address],
    message: &[u8],
    debug: Trace,
) -> Delivery {
    let MailServer::Smtp { host, port } = &settings.server else {
        return Delivery::Later("the mail server is a program, not an SMTP server".to_owned());
    };
    if to.is_empty() {
        return Delivery::Refused("the mail has no recipient".to_owned());
    }
    let server = Server {
        host,
        port: *port,
        settings,
        debug,
    };
    let sent = server
        .open()
        .and_then(|mut session| session.send(from, to, message));
    sent.unwrap_or_else(|fault| fault.into_delivery(&server))
}

/// The message as lettre wants it: lines end in CRLF and nothing else, the last one in nothing;
/// NUL is left out (RFC 5321, 2.3.8).
fn crlf(message: &[u8]) -> Vec<u8> {
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
    out
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
        self.tell(&format!("connecting to {self}"));
        let tls = self.settings.tls;
        let link = match self.connect(tls) {
            // A 5xx to EHLO, or to the connection: HELO finds out (RFC 5321, 3.2).
            Err(error) if error.is_permanent() && matches!(tls, MailTls::Off | MailTls::May) => {
                self.tell("the server refuses EHLO, trying HELO");
                Link::Plain(self.plain()?)
            }
            Err(error) => return Err(self.fault("the connection", &error)),
            Ok(connection) => Link::Lettre(Box::new(self.encrypt(connection)?)),
        };
        let mut session = Session {
            link,
            timeout: self.settings.timeout,
            debug: self.debug,
        };
        if let Some(auth) = &self.settings.auth {
            session.authenticate(auth, self.host)?;
        }
        Ok(session)
    }

    /// Connects and says EHLO.
    fn connect(&self, tls: MailTls) -> Result<SmtpConnection, Error> {
        let parameters = match tls {
            MailTls::Tls => Some(self.tls_parameters()?),
            MailTls::Off | MailTls::May | MailTls::StartTls => None,
        };
        self.tell(&format!("> EHLO {}", self.settings.helo));
        SmtpConnection::connect(
            (self.host, self.port),
            self.settings.timeout,
            &ClientId::Domain(self.settings.helo.clone()),
            parameters.as_ref(),
            None,
        )
    }

    /// Says STARTTLS where it is wanted and offered. `may` goes on in clear when that fails, on
    /// a fresh connection: in the old one nobody knows who is at which step.
    fn encrypt(&self, mut connection: SmtpConnection) -> Result<SmtpConnection, Fault> {
        let tls = self.settings.tls;
        let offered = connection
            .server_info()
            .supports_feature(Extension::StartTls);
        match (tls, offered) {
            (MailTls::Off | MailTls::Tls, _) | (MailTls::May, false) => return Ok(connection),
            (MailTls::StartTls, false) => {
                connection.abort();
                let why = "it offers no STARTTLS, which `set mailtls` wants";
                return Err(Fault::Contact(why.to_owned()));
            }
            (MailTls::May | MailTls::StartTls, true) => {}
        }
        let name = ClientId::Domain(self.settings.helo.clone());
        self.tell("> STARTTLS");
        let encrypted = self
            .tls_parameters()
            .and_then(|parameters| connection.starttls(&parameters, &name));
        match encrypted {
            Ok(()) => Ok(connection),
            Err(error) if tls == MailTls::May => {
                self.tell(&format!("TLS failed ({error}), trying without"));
                self.connect(MailTls::Off)
                    .map_err(|error| self.fault("the connection", &error))
            }
            Err(error) => Err(self.fault("STARTTLS", &error)),
        }
    }

    fn tls_parameters(&self) -> Result<TlsParameters, Error> {
        let builder = TlsParameters::builder(self.host.to_owned());
        match self.settings.tls {
            // Against listeners only: whoever can change the traffic could also hide STARTTLS.
            MailTls::May => builder
                .certificate_store(CertificateStore::None)
                .dangerous_accept_invalid_certs(true)
                .dangerous_accept_invalid_hostnames(true)
                .build(),
            MailTls::Off | MailTls::StartTls | MailTls::Tls => builder.build(),
        }
    }

    /// Connects and says HELO.
    fn plain(&self) -> Result<Plain, Fault> {
        let settings = self.settings;
        let contact = |error: io::Error| Fault::Contact(words("HELO", &error, settings.timeout));
        let mut plain = Plain::connect(self.host, self.port, settings.timeout).map_err(contact)?;
        let greeting = plain.read_reply().map_err(contact)?;
        greeting.wanted("the connection", 2)?;
        let hello = format!("HELO {}", settings.helo);
        self.tell(&format!("> {hello}"));
        let reply = plain.command(&hello).map_err(contact)?;
        self.tell(&format!("< {reply}"));
        if reply.class() != 2 {
            plain.quit();
        }
        reply.wanted("HELO", 2)?;
        Ok(plain)
    }

    fn fault(&self, step: &'static str, error: &Error) -> Fault {
        match Reply::of_error(error) {
            Some(reply) => Fault::Reply { step, reply },
            None => Fault::Contact(lettre_words(step, error, self.settings.timeout)),
        }
    }

    fn tell(&self, line: &str) {
        if let Some(tell) = self.debug {
            tell(line);
        }
    }
}

/// The connection of a session.
enum Link {
    /// As it should be.
    Lettre(Box<SmtpConnection>),
    /// To a server that knows no EHLO.
    Plain(Plain),
}

/// An SMTP command, sent as it stands. No setting and no address can become a second command.
struct Raw<'a>(&'a str);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line: String = self.0.chars().filter(|c| !c.is_control()).collect();
        write!(f, "{line}\r\n")
    }
}

/// A connection that is ready for a mail.
struct Session<'a> {
    link: Link,
    timeout: Option<Duration>,
    debug: Trace<'a>,
}

impl Session<'_> {
    /// AUTH PLAIN or LOGIN (RFC 4954), with the password from its file. In clear only to this
    /// machine itself.
    fn authenticate(&mut self, auth: &MailAuth, host: &str) -> Result<(), Fault> {
        let Link::Lettre(connection) = &mut self.link else {
            return Err(self.give_up("it knows no EHLO, so no AUTH either"));
        };
        if !connection.is_encrypted() && !is_loopback(host) {
            return Err(self.give_up("the password is not sent over a connection in clear"));
        }
        let credentials = match password(auth) {
            Ok(password) => Credentials::new(auth.user.clone(), password),
            Err(why) => return Err(self.give_up(&why)),
        };
        let known = [Mechanism::Plain, Mechanism::Login];
        let result = connection.auth(&known, &credentials);
        self.tell('>', "AUTH …");
        self.reply("AUTH", result)?
            .wanted("AUTH", 2)
            .inspect_err(|_| self.quit())
    }

    /// MAIL to QUIT.
    fn send(&mut self, from: &Address, to: &[Address], message: &[u8]) -> Result<Delivery, Fault> {
        self.command("MAIL FROM", &format!("MAIL FROM:<{}>", from.as_str()), 2)?;
        let (mut refused, mut later) = (Vec::new(), Vec::new());
        for address in to {
            let reply = self.request("RCPT TO", &format!("RCPT TO:<{}>", address.as_str()))?;
            match reply.class() {
                2 => {}
                5 => refused.push((address.clone(), reply.to_string())),
                // 421: the server closes the connection (RFC 5321, 3.8).
                4 if reply.code != 421 => later.push((address.clone(), reply.to_string())),
                _ => {
                    return Err(Fault::Reply {
                        step: "RCPT TO",
                        reply,
                    });
                }
            }
        }
        if refused.len() + later.len() == to.len() {
            self.quit();
            return Ok(nobody(refused, later));
        }
        self.command("DATA", "DATA", 3)?;
        let text = crlf(message);
        let reply = match &mut self.link {
            Link::Lettre(connection) => {
                let result = connection.message(&text);
                self.reply("the message", result)?
            }
            Link::Plain(plain) => plain
                .message(&text)
                .map_err(|error| Fault::Contact(words("the message", &error, self.timeout)))?,
        };
        self.tell('<', &reply.to_string());
        self.quit();
        reply.wanted("the message", 2)?;
        Ok(Delivery::Taken { refused, later })
    }

    /// Sends a command and wants a reply of the class (2 for 2xx). Any other ends the session.
    fn command(&mut self, step: &'static str, line: &str, class: u16) -> Result<(), Fault> {
        let reply = self.request(step, line)?;
        // After 421 the server has closed the connection.
        if reply.class() != class && reply.code != 421 {
            self.quit();
        }
        reply.wanted(step, class)
    }

    /// Sends a command and gives the reply, whatever it is.
    fn request(&mut self, step: &'static str, line: &str) -> Result<Reply, Fault> {
        self.tell('>', line);
        let reply = match &mut self.link {
            Link::Lettre(connection) => {
                let result = connection.command(Raw(line));
                self.reply(step, result)?
            }
            Link::Plain(plain) => plain
                .command(line)
                .map_err(|error| Fault::Contact(words(step, &error, self.timeout)))?,
        };
        self.tell('<', &reply.to_string());
        Ok(reply)
    }

    /// For lettre a 4xx or 5xx is an error; here it is a reply like another.
    fn reply(&self, step: &'static str, result: Result<Response, Error>) -> Result<Reply, Fault> {
        match result {
            Ok(response) => Ok(Reply::of_response(&response)),
            Err(error) => Reply::of_error(&error)
                .ok_or_else(|| Fault::Contact(lettre_words(step, &error, self.timeout))),
        }
    }

    /// Ends the session for a reason of our own.
    fn give_up(&mut self, why: &str) -> Fault {
        self.quit();
        Fault::Contact(why.to_owned())
    }

    /// Says good-bye. What the server answers changes nothing.
    fn quit(&mut self) {
        self.tell('>', "QUIT");
        match &mut self.link {
            Link::Lettre(connection) => connection.abort(),
            Link::Plain(plain) => plain.quit(),
        }
    }

    fn tell(&self, direction: char, line: &str) {
        if let Some(tell) = self.debug {
            tell(&format!("{direction} {line}"));
        }
    }
}

/// Whether a connection to the host cannot leave this machine.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// What became of a mail none of whose recipients was taken.
fn nobody(refused: Vec<(Address, String)>, later: Vec<(Address, String)>) -> Delivery {
    let list = |rejected: &[(Address, String)]| {
        let one = |(address, reply): &(Address, String)| format!("{}: {reply}", address.as_str());
        rejected.iter().map(one).collect::<Vec<_>>().join("; ")
    };
    if later.is_empty() {
        Delivery::Refused(format!("every recipient was refused: {}", list(&refused)))
    } else if refused.is_empty() {
        Delivery::Later(format!("no recipient was taken yet: {}", list(&later)))
    } else {
        // Each kind keeps its own fate: the refused are not asked for again.
        Delivery::Taken { refused, later }
    }
}

/// A server's reply.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Reply {
    code: u16,
    /// The text of all its lines, without codes.
    text: String,
}

impl Reply {
    fn new(code: u16, text: &str) -> Self {
        let words: Vec<&str> = text.split(|c: char| c.is_control() || c == ' ').collect();
        let text = words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ");
        Self { code, text }
    }

    fn of_response(response: &Response) -> Self {
        let text: Vec<&str> = response.message().collect();
        Self::new(response.code().into(), &text.join(" "))
    }

    /// The reply that an error of lettre's stands for, if it does.
    fn of_error(error: &Error) -> Option<Self> {
        let text = std::error::Error::source(error).map(ToString::to_string);
        let code = error.status()?;
        Some(Self::new(code.into(), &text.unwrap_or_default()))
    }

    /// The first digit: what the reply means.
    fn class(&self) -> u16 {
        self.code / 100
    }

    fn wanted(self, step: &'static str, class: u16) -> Result<(), Fault> {
        if self.class() == class {
            Ok(())
        } else {
            Err(Fault::Reply { step, reply: self })
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Why the mail is not on its way.
enum Fault {
    /// No connection, a broken one, or one that may not be used. Says why.
    Contact(String),
    /// The server answered, but not what the step needs.
    Reply { step: &'static str, reply: Reply },
}

impl Fault {
    /// Only a 5xx to the mail itself is final: one to the greeting, EHLO or AUTH is about the
    /// server or our settings, which somebody can put right before the mail is given up.
    fn into_delivery(self, server: &Server) -> Delivery {
        match self {
            Self::Contact(why) => Delivery::Later(format!("could not contact {server}: {why}")),
            Self::Reply { step, reply } => {
                let mail = matches!(step, "MAIL FROM" | "DATA" | "the message");
                if mail && reply.class() == 5 {
                    Delivery::Refused(format!("{server} refused {step}: {reply}"))
                } else {
                    Delivery::Later(format!(
                        "could not contact {server}: it answered {step} with {reply}"
                    ))
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

/// The same for what lettre says.
fn lettre_words(step: &str, error: &Error, timeout: Option<Duration>) -> String {
    let source = std::error::Error::source(error);
    match source.and_then(|cause| cause.downcast_ref::<io::Error>()) {
        Some(cause) => words(step, cause, timeout),
        None => error.to_string(),
    }
}

/// Why the password of `mailauth` cannot be used, to be told before the first mail.
///
/// # Errors
/// What is wrong with its file.
pub fn check_auth(settings: &MailSettings) -> Result<(), String> {
    settings
        .auth
        .as_ref()
        .map_or(Ok(()), |auth| password(auth).map(drop))
}

/// The first line of the password file. A file that others may read holds no secret.
fn password(auth: &MailAuth) -> Result<String, String> {
    let path = shown_path(&auth.password_file);
    let unreadable = |error: io::Error| format!("cannot read the password in {path}: {error}");
    let file = crate::plain::open_behind(&auth.password_file).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(format!(
            "{path} is open to others (mode {:03o}): chmod 600 it",
            mode & 0o777
        ));
    }
    let mut line = String::new();
    BufReader::new(file.take(4096))
        .read_line(&mut line)
        .map_err(unreadable)?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(format!("the first line of {path} is empty: no password"));
    }
    Ok(password.to_owned())
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

    #[test]
    fn a_password_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let auth = MailAuth {
            user: "u".to_owned(),
            password_file: dir.path().join("pw"),
        };
        assert!(password(&auth).unwrap_err().contains("cannot read"));
        std::fs::write(&auth.password_file, "secret word\r\nsecond\n").unwrap();
        for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&auth.password_file, mode).unwrap();
            let word = password(&auth);
            assert_eq!(word.is_ok(), good, "{word:?}");
            if good {
                assert_eq!(word.unwrap(), "secret word");
            }
        }
    }
}
