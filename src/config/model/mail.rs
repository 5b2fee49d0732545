//! The settings of the mails that leave.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::ShellCommand;
use crate::config::fingerprint::Fingerprint;

/// The settings of the way of the mails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailSettings {
    /// `set mailserver`.
    pub server: MailServer,
    /// `set mailhelo` (`localhost.localdomain`).
    pub helo: String,
    /// `set mailtimeout`: for each step of the dialogue (10 s); nothing for 0, no limit.
    pub timeout: Option<Duration>,
    /// `set mailtls`; without it `may`, and `starttls` where a password is sent to another machine
    /// or a certificate is named.
    pub tls: MailTls,
    /// `set mailtls_fingerprint`: the only certificate that is taken.
    pub fingerprint: Option<Fingerprint>,
    /// `set mailauth USER FILE`.
    pub auth: Option<MailAuth>,
    /// `set filter_timeout`: how long a filter, a CSV program or one of `set notify` may take (60 s).
    pub filter_timeout: Duration,
    /// `set notify NAME PROGRAM ARGUMENTS`: the programs that take reports, by their names.
    pub programs: BTreeMap<String, ShellCommand>,
    /// `set html`: mails have an HTML part beside their text (off).
    pub html: bool,
}

/// The server or the program that takes the mails.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MailServer {
    /// `HOST` or `HOST:PORT`, `[IPv6]:PORT`; the port is 25 by default.
    Smtp {
        /// Name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// `sendmail:/usr/bin/msmtp -a account`.
    Sendmail {
        /// The program's path.
        program: PathBuf,
        /// The arguments before our own ones, word by word: no shell is between.
        arguments: Vec<String>,
    },
}

/// `set mailtls`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MailTls {
    /// Never.
    Off,
    /// STARTTLS when the server offers it, without looking at its certificate; else plain.
    #[default]
    May,
    /// STARTTLS, verified, or no mail.
    StartTls,
    /// TLS from the first byte, verified.
    Tls,
}

/// `set mailauth USER FILE`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MailAuth {
    /// The user name.
    pub user: String,
    /// The file whose first line is the password.
    pub password_file: PathBuf,
}

/// An envelope address that is safe to write between `<` and `>` in an SMTP command: visible
/// ASCII without angle brackets. `root` (no domain) is allowed, and so is empty (`MAIL FROM:<>`).
#[derive(
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Debug,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
pub struct Address(String);

impl Address {
    /// Takes the text of an address, or nothing if it could not stand in an SMTP command.
    pub fn new(text: &str) -> Option<Self> {
        let safe = |b: u8| b.is_ascii_graphic() && b != b'<' && b != b'>';
        text.bytes().all(safe).then(|| Self(text.to_owned()))
    }

    /// The text, without angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
