//! The Redis server of `set redisserver`: the addresses that Perl's `Redis` module takes, and URLs.

use std::fmt;

use redis::{ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

/// Redis's own TCP port.
const PORT: u16 = 6379;

/// The Redis server of `set redisserver`. Two servers are equal if their addresses were written alike.
#[derive(Clone)]
pub struct RedisServer {
    /// The value as written, which may hold a password.
    text: String,
    name: String,
    /// The address to connect to.
    pub address: ConnectionAddr,
    /// The user, the password and the number of the database.
    pub login: RedisConnectionInfo,
}

impl RedisServer {
    /// Reads `HOST`, `HOST:PORT`, `[IPv6]:PORT`, `tcp:HOST:PORT`, `/path/of/socket`,
    /// `unix:/path/of/socket`, or a URL: `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `rediss://…` for
    /// TLS, `unix:///path`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (address, login) = if text.contains("://") {
            let info = text.into_connection_info().ok()?;
            (info.addr().clone(), info.redis_settings().clone())
        } else {
            (address(text)?, RedisConnectionInfo::default())
        };
        Some(Self::new(text, address, login))
    }

    fn new(text: &str, address: ConnectionAddr, login: RedisConnectionInfo) -> Self {
        Self {
            text: text.to_owned(),
            name: address.to_string(),
            address,
            login,
        }
    }

    /// The address without a password: for messages.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Default for RedisServer {
    /// The server on this machine at Redis's own port, where no `set redisserver` names another one.
    fn default() -> Self {
        let address = ConnectionAddr::Tcp("127.0.0.1".into(), PORT);
        Self::new("127.0.0.1", address, RedisConnectionInfo::default())
    }
}

impl PartialEq for RedisServer {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for RedisServer {}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisServer").field(&self.name).finish()
    }
}

fn address(text: &str) -> Option<ConnectionAddr> {
    let path = text.strip_prefix("unix:").unwrap_or(text);
    if path.starts_with('/') {
        return Some(ConnectionAddr::Unix(path.into()));
    }
    let text = text.strip_prefix("tcp:").unwrap_or(text);
    let (host, port) = match text.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            (
                host,
                rest.strip_prefix(':')
                    .map_or(rest.is_empty().then_some(PORT), |p| p.parse().ok())?,
            )
        }
        None => match text.rsplit_once(':') {
            // More than one colon: an IPv6 address.
            Some((host, _)) if host.contains(':') => (text, PORT),
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, PORT),
        },
    };
    let valid = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    valid.then(|| ConnectionAddr::Tcp(host.into(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_perl_module_takes_them() {
        let cases = [
            ("localhost", "localhost:6379"),
            ("h1:7000", "h1:7000"),
            ("tcp:h1:7000", "h1:7000"),
            ("[::1]:7000", "::1:7000"),
            ("[::1]", "::1:6379"),
            ("::1", "::1:6379"),
            ("/run/redis.sock", "/run/redis.sock"),
            ("unix:/run/redis.sock", "/run/redis.sock"),
            ("unix:///run/redis.sock", "/run/redis.sock"),
            ("redis://h1", "h1:6379"),
            ("rediss://u:secret@h1:7000/2", "h1:7000"),
        ];
        for (text, want) in cases {
            let name = RedisServer::parse(text).map(|server| server.name);
            assert_eq!(name.as_deref(), Some(want), "{text:?}");
        }
        let default = RedisServer::default();
        assert_eq!(RedisServer::parse("127.0.0.1"), Some(default));
    }

    #[test]
    fn a_server_shows_no_password() {
        let server = RedisServer::parse("rediss://u:secret@h1").unwrap();
        let shown = format!("{server:?} {}", server.name());
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            ":6379",
            "h1:x",
            "h1:99999",
            "a b",
            "[::1",
            "http://u:secret@h1",
            "redis://u:secret@h1/x",
        ] {
            assert_eq!(RedisServer::parse(text), None, "{text}");
        }
    }
}
