//! The way to a server that is ready for a mail: connection, greeting, TLS, login.

use std::fmt;
use std::io;

use rustls::pki_types::ServerName;

use super::connection::Connection;
use super::error::{EHLO, SmtpError, expect_class, no_answer};
use super::reply::Offer;
use super::session::{Session, Trace};
use super::tls;
use crate::config::{MailSettings, MailTls};

/// A mail server, with the settings for it.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) settings: &'a MailSettings,
    pub(super) trace: Trace<'a>,
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
    /// Opens a session that is ready for MAIL: connects, greets, encrypts and authenticates.
    pub(super) fn open(&self) -> Result<Session<'a>, SmtpError> {
        let tls = self.settings.tls;
        let session = match self.connect(tls) {
            // RFC 5321 §3.2. A server that knows no EHLO knows no STARTTLS either.
            Err(SmtpError::Reply { step: EHLO, reply })
                if reply.class() == 5 && matches!(tls, MailTls::Off | MailTls::May) =>
            {
                self.trace("the server refuses EHLO, trying HELO");
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
    fn connect(&self, tls: MailTls) -> Result<Session<'a>, SmtpError> {
        let mut connection = self.reach()?;
        if tls == MailTls::Tls {
            connection = self.handshake(connection)?;
        }
        self.greeted(&mut connection)?;
        self.introduce(connection)
    }

    /// Connects and says HELO.
    fn connect_plainly(&self) -> Result<Session<'a>, SmtpError> {
        let mut connection = self.reach()?;
        self.greeted(&mut connection)?;
        let mut session = self.session(connection, Offer::default());
        session.command("HELO", &format!("HELO {}", self.settings.helo), 2)?;
        Ok(session)
    }

    /// Connects, and sends nothing.
    fn reach(&self) -> Result<Connection, SmtpError> {
        self.trace(&format!("connecting to {self}"));
        Connection::open(self.host, self.port, self.settings.timeout)
            .map_err(|error| self.broken("the connection", &error))
    }

    /// Reads the server's greeting (RFC 5321 §3.1).
    fn greeted(&self, connection: &mut Connection) -> Result<(), SmtpError> {
        let greeting = connection
            .read_reply()
            .map_err(|error| self.broken("the connection", &error))?;
        self.trace(&format!("< {greeting}"));
        expect_class(greeting, "the connection", 2)
    }

    /// Says EHLO. The extensions that the server offered before do not count any more.
    fn introduce(&self, connection: Connection) -> Result<Session<'a>, SmtpError> {
        let mut session = self.session(connection, Offer::default());
        let reply = session.request(EHLO, &format!("EHLO {}", self.settings.helo))?;
        if reply.class() != 2 {
            session.quit();
        }
        session.offer = Offer::of(&reply);
        expect_class(reply, EHLO, 2)?;
        Ok(session)
    }

    /// Says STARTTLS where it is wanted and offered. `may` goes on in clear when that fails, on
    /// a fresh connection: in the old one nobody knows who is at which step.
    fn encrypt(&self, mut session: Session<'a>) -> Result<Session<'a>, SmtpError> {
        let tls = self.settings.tls;
        match (tls, session.offer.starttls) {
            (MailTls::Off | MailTls::Tls, _) | (MailTls::May, false) => return Ok(session),
            (MailTls::StartTls, false) => {
                session.quit();
                let why = "it offers no STARTTLS, which `set mailtls` wants";
                return Err(SmtpError::Denied(why.to_owned()));
            }
            (MailTls::May | MailTls::StartTls, true) => {}
        }
        match self.start_tls(session) {
            Err(fault) if tls == MailTls::May => {
                self.trace(&format!("TLS failed ({fault}), trying without"));
                self.connect(MailTls::Off)
            }
            encrypted => encrypted,
        }
    }

    fn start_tls(&self, mut session: Session<'a>) -> Result<Session<'a>, SmtpError> {
        session.command("STARTTLS", "STARTTLS", 2)?;
        if session.connection.has_unread() {
            // RFC 3207 §4.2: the server's next byte belongs to TLS. Whoever sits between us could
            // have its answers taken for the server's.
            let why = "it sent something in clear behind its answer to STARTTLS: \
                       somebody meddles with the connection";
            return Err(SmtpError::NoContact(why.to_owned()));
        }
        let connection = self.handshake(session.connection)?;
        self.introduce(connection)
    }

    fn handshake(&self, connection: Connection) -> Result<Connection, SmtpError> {
        let config = tls::client_config(self.settings).map_err(SmtpError::Denied)?;
        let name = ServerName::try_from(self.host.to_owned())
            .map_err(|_| SmtpError::Denied(format!("`{}` is no name for TLS", self.host)))?;
        let encrypted = connection.encrypt(config, name);
        encrypted.map_err(|error| match tls::trouble(&error) {
            Some(trouble) => SmtpError::Denied(format!("TLS failed: {trouble}")),
            None => self.broken("TLS", &error),
        })
    }

    /// A session over this connection.
    fn session(&self, connection: Connection, offer: Offer) -> Session<'a> {
        Session {
            connection,
            offer,
            settings: self.settings,
            trace: self.trace,
        }
    }

    /// The error of a step without an answer.
    fn broken(&self, step: &str, error: &io::Error) -> SmtpError {
        SmtpError::NoContact(no_answer(step, error, self.settings.timeout))
    }

    fn trace(&self, line: &str) {
        if let Some(trace) = self.trace {
            trace(line);
        }
    }
}
