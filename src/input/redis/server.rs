//! `set redisserver`: the addresses that the Perl binding takes, and URLs.

use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult};

use super::link::Link;

/// Redis's port.
const PORT: u16 = 6379;

/// Where Redis is.
#[derive(Clone, Debug)]
pub struct Server {
    info: ConnectionInfo,
    /// For messages: never with a password.
    pub(super) name: String,
}

impl Server {
    /// Its address, without a password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads `HOST`, `HOST:PORT`, `[IPv6]:PORT`, `tcp:HOST:PORT`, `/path/of/socket`,
    /// `unix:/path/of/socket`, or a URL: `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, `rediss://…` for
    /// TLS, `unix:///path`. Nothing is this machine.
    ///
    /// # Errors
    /// It is none of these; the text says what is.
    pub fn parse(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or("127.0.0.1").trim();
        let wrong = |why: &str| {
            format!(
                "redisserver: {why}: write HOST:PORT, /path/of/socket, redis://:PASSWORD@HOST:PORT/DB \
                 or rediss://… for TLS"
            )
        };
        let (info, name) = if text.contains("://") {
            let info = text.into_connection_info();
            // Its own words may hold the URL with the password in it.
            let info = info
                .map_err(|e| wrong(&format!("a URL that is not understood ({})", e.category())))?;
            let name = info.addr().to_string();
            (info, name)
        } else {
            let address = address(text).ok_or_else(|| wrong(&format!("{text:?} is no address")))?;
            let name = address.to_string();
            let info = address.into_connection_info();
            (info.map_err(|e| wrong(e.category()))?, name)
        };
        Ok(Self { info, name })
    }

    /// Connects and logs in.
    pub(super) fn connect(&self, limit: Duration) -> RedisResult<Link> {
        Link::connect(&self.info, limit)
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
    fn addresses_are_read_as_the_perl_binding_takes_them() {
        let cases = [
            (None, "127.0.0.1:6379"),
            (Some("localhost"), "localhost:6379"),
            (Some("h1:7000"), "h1:7000"),
            (Some("tcp:h1:7000"), "h1:7000"),
            (Some("[::1]:7000"), "::1:7000"),
            (Some("[::1]"), "::1:6379"),
            (Some("::1"), "::1:6379"),
            (Some("/run/redis.sock"), "/run/redis.sock"),
            (Some("unix:/run/redis.sock"), "/run/redis.sock"),
            (Some("unix:///run/redis.sock"), "/run/redis.sock"),
            (Some("redis://h1"), "h1:6379"),
            (Some("rediss://u:secret@h1:7000/2"), "h1:7000"),
        ];
        for (text, want) in cases {
            assert_eq!(
                Server::parse(text).map(|s| s.name).as_deref(),
                Ok(want),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_password() {
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
            let error = Server::parse(Some(text)).unwrap_err();
            assert!(error.contains("write HOST:PORT"), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
