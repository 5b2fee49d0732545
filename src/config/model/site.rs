//! The settings of a site: consoles that mail one report together.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::redis_server::RedisServer;
use crate::shown::shown_path;

/// `set site`, `set site_wait`, `set site_giveup` and `set site_console`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SiteSettings {
    /// The name of the site, which all its consoles have in common.
    pub name: SiteName,
    /// The board, over which the counts of the consoles go.
    pub board: BoardAddress,
    /// `mirror`: each sender logs to more than one console, so counts of a host are not added.
    pub mirror: bool,
    /// `set site_wait`: how long after the time of a report its consoles are waited for (10 min).
    pub wait: Duration,
    /// `set site_giveup`: how long a console may be away before what it may have is mailed by others (24 h).
    pub giveup: Duration,
    /// `set site_console`: the name of this console; nothing is the name of the machine.
    pub console: Option<ConsoleName>,
}

impl SiteSettings {
    /// The default of `set site_wait`.
    pub const WAIT: Duration = Duration::from_secs(600);
    /// The default of `set site_giveup`.
    pub const GIVEUP: Duration = Duration::from_secs(24 * 3600);
}

/// Where the board of a site is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BoardAddress {
    /// A Redis or Valkey server.
    Redis(RedisServer),
    /// A directory that all consoles have, as on NFS.
    Directory(PathBuf),
}

/// The address without a password.
impl fmt::Display for BoardAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redis(server) => f.write_str(server.name()),
            Self::Directory(path) => write!(f, "{}", shown_path(path)),
        }
    }
}

/// The name of a site: letters, digits, `-` and `_`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SiteName(String);

/// The name of a console: letters, digits, `-`, `_`, and the dots of the name of a machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsoleName(String);

/// The length of the longest name, bytes: as long as the name of a machine may be.
const LONGEST: usize = 64;

/// Whether a text is a name of these and of letters, digits, `-` and `_`.
fn is_name(text: &str, others: &[char]) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c) || others.contains(&c);
    !text.is_empty() && text.len() <= LONGEST && text.chars().all(good) && !text.starts_with('.')
}

impl SiteName {
    /// The name, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        is_name(text, &[]).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ConsoleName {
    /// The name, if it is one.
    pub fn new(text: &str) -> Option<Self> {
        is_name(text, &['.']).then(|| Self(text.to_owned()))
    }

    /// The name of this machine as the name of a console: other characters become `-`.
    pub fn of_machine(host: &str) -> Self {
        let good = |c: char| match c.is_ascii_alphanumeric() || "-_.".contains(c) {
            true => c,
            false => '-',
        };
        let name: String = host.chars().take(LONGEST).map(good).collect();
        Self::new(name.trim_start_matches('.')).unwrap_or_else(|| Self("localhost".into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_letters_digits_and_little_else() {
        for (text, site, console) in [
            ("naoj", true, true),
            ("a-b_3", true, true),
            ("mail.example.org", false, true),
            ("", false, false),
            (".a", false, false),
            ("a/b", false, false),
            ("a b", false, false),
            ("ä", false, false),
        ] {
            assert_eq!(SiteName::new(text).is_some(), site, "{text}");
            assert_eq!(ConsoleName::new(text).is_some(), console, "{text}");
        }
        assert_eq!(ConsoleName::of_machine("web 1.ex").as_str(), "web-1.ex");
        assert_eq!(ConsoleName::of_machine("").as_str(), "localhost");
    }
}
