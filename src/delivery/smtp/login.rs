//! Login: AUTH PLAIN and AUTH LOGIN (RFC 4954), and the file of the password.

use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};

use super::error::{AUTH, SmtpError, expect_class};
use super::session::Session;
use crate::config::{MailAuth, MailSettings};
use crate::shown::shown_path;

/// The most challenges of a server: one that sends more does not ask for a name and a password.
const MOST_CHALLENGES: usize = 4;

impl Session<'_> {
    /// Logs in by AUTH PLAIN or LOGIN, with the password from its file. The password goes in clear only
    /// to this machine itself.
    pub(super) fn authenticate(mut self, auth: &MailAuth, host: &str) -> Result<Self, SmtpError> {
        if !self.connection.is_encrypted() && !crate::config::is_loopback(host) {
            return Err(self.give_up("the password is not sent over a connection in clear"));
        }
        let offers = |name: &str| self.offer.auth.iter().any(|offered| offered == name);
        let mechanism = if offers("PLAIN") {
            Mechanism::Plain
        } else if offers("LOGIN") {
            Mechanism::Login
        } else {
            return Err(self.give_up("it offers neither AUTH PLAIN nor AUTH LOGIN"));
        };
        let credentials = match password(auth) {
            Ok(password) => Credentials::new(auth.user.clone(), password),
            Err(why) => return Err(self.give_up(&why)),
        };
        self.trace('>', "AUTH …");
        let mut line = match mechanism.supports_initial_response() {
            true => match mechanism.response(&credentials, None) {
                Ok(response) => format!("AUTH {mechanism} {}", STANDARD.encode(response)),
                Err(error) => return Err(self.give_up(&error.to_string())),
            },
            false => format!("AUTH {mechanism}"),
        };
        for _ in 0..MOST_CHALLENGES {
            let reply = self.ask(AUTH, &line).map_err(with_care)?;
            if reply.class() != 3 {
                if reply.class() != 2 && reply.code != 421 {
                    self.quit();
                }
                return expect_class(reply, AUTH, 2).map(|()| self);
            }
            let challenge = STANDARD.decode(reply.text()).unwrap_or_default();
            let challenge = String::from_utf8_lossy(&challenge).into_owned();
            line = match mechanism.response(&credentials, Some(&challenge)) {
                Ok(response) => STANDARD.encode(response),
                Err(_) => return Err(self.give_up("it asks for something else than a password")),
            };
        }
        Err(self.give_up("it asks again and again for the password"))
    }
}

/// A login at which the server hangs up is a failed login: providers count those, too.
fn with_care(fault: SmtpError) -> SmtpError {
    match fault {
        SmtpError::NoContact(why) => SmtpError::Denied(why),
        other => other,
    }
}

/// Checks that the password of `mailauth` can be used, before the first mail.
///
/// # Errors
/// The fault of the password file.
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
    use super::*;

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
