//! Values that have a form of their own: mail servers, addresses to listen on, sizes, and the
//! arguments of `tail`.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::model::{Listen, MailServer, TailSettings, TailStart};
use super::reporter::Problem;

/// `HOST`, `HOST:PORT`, `[IPV6]`, `[IPV6]:PORT`, `IPV6`, `sendmail:PATH ARGUMENTS`.
pub(super) fn mail_server(text: &str) -> Result<MailServer, Problem> {
    if let Some(command) = text.strip_prefix(SENDMAIL) {
        let mut words = command.split_whitespace();
        let path = words.next().filter(|_| command.starts_with('/'));
        let Some(path) = path else {
            let message = "the path of a sendmail program begins with `/`";
            return Err(Problem::new(message, "write `sendmail:/usr/sbin/sendmail`"));
        };
        return Ok(MailServer::Sendmail {
            program: PathBuf::from(path),
            arguments: words.map(str::to_owned).collect(),
        });
    }
    let smtp = |host: &str, port| {
        Ok(MailServer::Smtp {
            host: host.to_owned(),
            port,
        })
    };
    // A comment after the value: the original takes it all for the host's name and never sends.
    if text.contains(char::is_whitespace) || text.parse::<Ipv6Addr>().is_ok() {
        return smtp(text, SMTP_PORT);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Err(Problem::new(
                format!("`{text}` lacks its `]`"),
                "write `[::1]:25`",
            ));
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(Problem::new(
                format!("`{host}` is no IPv6 address"),
                "write `[::1]:25`",
            ));
        }
        return match after.strip_prefix(':') {
            Some(port) => smtp(host, port_number(port)?),
            None if after.is_empty() => smtp(host, SMTP_PORT),
            None => Err(Problem::new(
                format!("`{after}` after the address"),
                "write `[::1]:25`",
            )),
        };
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() => smtp(host, port_number(port)?),
        Some(_) => Err(Problem::new(
            format!("`{text}` has no host"),
            "write `localhost:25`",
        )),
        None => smtp(text, SMTP_PORT),
    }
}

/// The prefix of `set mailserver` before a program that takes mails.
pub(super) const SENDMAIL: &str = "sendmail:";
const SMTP_PORT: u16 = 25;

/// Whether a connection to the host cannot leave this machine.
pub fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// A port's number, or one of the names of mail ports.
fn port_number(text: &str) -> Result<u16, Problem> {
    match text {
        "smtp" => Ok(SMTP_PORT),
        "submission" => Ok(587),
        "submissions" | "smtps" => Ok(465),
        _ => match text.parse() {
            Ok(port) if port > 0 => Ok(port),
            _ => Err(Problem::new(
                format!("`{text}` is no port"),
                "write a number from 1 to 65535",
            )),
        },
    }
}

/// `ADDRESS:PORT` with an IPv4 address or an IPv6 one in brackets; `udp:` or `tcp:` in front.
pub(super) fn listen(text: &str) -> Result<Listen, Problem> {
    const FORM: &str = "write `0.0.0.0:514`, `[::]:514`, or `tcp:0.0.0.0:514`";
    let (address, tcp) = match (text.strip_prefix("tcp:"), text.strip_prefix("udp:")) {
        (Some(address), _) => (address, true),
        (None, Some(address)) => (address, false),
        (None, None) => (text, false),
    };
    let address: SocketAddr = match address.parse() {
        Ok(address) => address,
        Err(_) if address.parse::<IpAddr>().is_ok() => {
            return Err(Problem::new(format!("`{text}` has no port"), FORM));
        }
        Err(_) => {
            return Err(Problem::new(
                format!("`{text}` is no address with a port"),
                FORM,
            ));
        }
    };
    if address.port() == 0 {
        return Err(Problem::new("nobody can send to port 0", FORM));
    }
    Ok(if tcp {
        Listen::Tcp(address)
    } else {
        Listen::Udp(address)
    })
}

/// A number of bytes: digits, and `K`, `M` for 1024 and 1024².
pub(super) fn size(text: &str) -> Option<usize> {
    let (digits, unit) = match text.as_bytes().last()? {
        b'k' | b'K' => (&text[..text.len() - 1], 1 << 10),
        b'm' | b'M' => (&text[..text.len() - 1], 1 << 20),
        b'g' | b'G' => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let number = digits
        .bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| digits.parse::<usize>().ok())??;
    number.checked_mul(unit)
}

/// The value of `set tail PROGRAM ARGUMENTS`: GNU tail with no other flags than those that follow a file
/// means our own follower, every other program is run.
pub(super) fn tail(program: &Path, arguments: &OsStr) -> TailSettings {
    let is_tail = program.file_name().is_some_and(|name| name == "tail");
    match arguments.to_str().and_then(follow) {
        Some(start) if is_tail => TailSettings::Follow { start },
        _ => TailSettings::Command {
            program: program.to_owned(),
            arguments: arguments.to_owned(),
        },
    }
}

/// The place where GNU tail with these arguments begins a file; nothing if it would do more than follow.
fn follow(arguments: &str) -> Option<TailStart> {
    // Without `-n`, tail begins ten lines before the end.
    let mut start = TailStart::LastLines(10);
    let mut words = arguments.split_ascii_whitespace();
    while let Some(word) = words.next() {
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            match (name, value) {
                ("quiet" | "silent" | "follow" | "retry", None) => {}
                ("follow", Some("name" | "descriptor")) => {}
                ("lines", value) => start = lines(value.or_else(|| words.next())?)?,
                ("sleep-interval" | "max-unchanged-stats", value) => {
                    value.or_else(|| words.next())?;
                }
                _ => return None,
            }
        } else {
            let cluster = word
                .strip_prefix('-')
                .filter(|letters| !letters.is_empty())?;
            for (at, letter) in cluster.char_indices() {
                match letter {
                    'q' | 'f' | 'F' => continue,
                    'n' | 's' => {
                        let glued = &cluster[at + 1..];
                        let value = if glued.is_empty() {
                            words.next()?
                        } else {
                            glued
                        };
                        if letter == 'n' {
                            start = lines(value)?;
                        }
                        break;
                    }
                    _ => return None,
                }
            }
        }
    }
    Some(start)
}

/// The value of `-n`.
fn lines(text: &str) -> Option<TailStart> {
    let number = |digits: &str| {
        let digits = digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then_some(digits)?;
        digits.parse::<u64>().ok()
    };
    match text.strip_prefix('+') {
        Some(from) => Some(TailStart::FromLine(number(from)?.max(1))),
        None => match number(text.strip_prefix('-').unwrap_or(text))? {
            0 => Some(TailStart::End),
            count => Some(TailStart::LastLines(count)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_servers() {
        let smtp = |host: &str, port| MailServer::Smtp {
            host: host.into(),
            port,
        };
        let good = [
            ("localhost", smtp("localhost", 25)),
            ("mail.example:2525", smtp("mail.example", 2525)),
            ("mail.example:submission", smtp("mail.example", 587)),
            ("[::1]:2525", smtp("::1", 2525)),
            ("[fe80::1]", smtp("fe80::1", 25)),
            ("2001:db8::1", smtp("2001:db8::1", 25)),
            (
                "sendmail:/usr/sbin/sendmail",
                MailServer::Sendmail {
                    program: "/usr/sbin/sendmail".into(),
                    arguments: Vec::new(),
                },
            ),
            (
                "sendmail:/usr/bin/msmtp -a  account",
                MailServer::Sendmail {
                    program: "/usr/bin/msmtp".into(),
                    arguments: vec!["-a".into(), "account".into()],
                },
            ),
        ];
        for (text, server) in good {
            assert_eq!(mail_server(text), Ok(server), "{text}");
        }
        for text in [
            "h:",
            ":25",
            "h:0",
            "h:65536",
            "h:x",
            "[::1",
            "[h]:25",
            "[::1]25",
            "sendmail:x",
            "sendmail:",
            "sendmail: /usr/sbin/sendmail",
        ] {
            assert!(mail_server(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_to_listen_on() {
        let address = |text: &str| text.parse().unwrap();
        assert_eq!(
            listen("0.0.0.0:514"),
            Ok(Listen::Udp(address("0.0.0.0:514")))
        );
        assert_eq!(listen("udp:[::]:514"), Ok(Listen::Udp(address("[::]:514"))));
        assert_eq!(
            listen("tcp:[::1]:514"),
            Ok(Listen::Tcp(address("[::1]:514")))
        );
        for text in [
            "514",
            "localhost:514",
            "127.0.0.1",
            "::1",
            "999.1.1.1:514",
            "127.0.0.1:0",
        ] {
            assert!(listen(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("64K"), Some(65_536));
        assert_eq!(size("2m"), Some(2 << 20));
        assert_eq!(size("1G"), Some(1 << 30));
        for text in [
            "",
            "K",
            "1T",
            "-1",
            "1.5K",
            "99999999999999999999",
            "99999999999999999M",
        ] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    #[test]
    fn gnu_tail_is_our_follower() {
        let tail = |program, arguments| super::tail(Path::new(program), OsStr::new(arguments));
        let start = |arguments| match tail("/usr/bin/tail", arguments) {
            TailSettings::Follow { start } => Some(start),
            TailSettings::Command { .. } => None,
        };
        let cases = [
            ("-q -F -n 0", Some(TailStart::End)),
            ("-q --follow=name --retry -n 0", Some(TailStart::End)),
            ("-q -n +1 -F", Some(TailStart::FromLine(1))),
            ("-qFn5", Some(TailStart::LastLines(5))),
            ("-F", Some(TailStart::LastLines(10))),
            ("-F --lines=+0", Some(TailStart::FromLine(1))),
            ("-f -s 0.5 --lines 3", Some(TailStart::LastLines(3))),
            ("-q -F # comment", None),
            ("-c +1 -F", None),
            ("-F -n", None),
            ("-F -n $N", None),
            ("-F --pid=1", None),
            ("-F | grep x", None),
        ];
        for (arguments, expected) in cases {
            assert_eq!(start(arguments), expected, "{arguments}");
        }
        assert!(matches!(tail("/bin/cat", ""), TailSettings::Command { .. }));
    }
}
