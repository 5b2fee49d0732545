//! The messages for the admin: to standard error, or to syslog once daemonised.

use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, OnceLock};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::shown::shown_lines;

/// The target of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The terminal, or what a supervisor makes of it.
    Stderr,
    /// The local syslog, facility daemon.
    Syslog,
}

/// The socket of the local syslog (syslog(3)).
const DEV_LOG: &str = "/dev/log";

/// syslog's facility `daemon` (RFC 3164 §4.1.1).
const DAEMON: u8 = 3;

struct Backend {
    target: AtomicU8,
    debug: u8,
    colour: bool,
    /// syslog's socket: [`DEV_LOG`], another in tests.
    path: PathBuf,
    socket: Mutex<Option<UnixDatagram>>,
}

static BACKEND: OnceLock<Backend> = OnceLock::new();

/// Begins logging. `debug` is the level of `-d`: 1 shows what is done, 2 the SMTP dialogue too,
/// both on standard output, where the original shows them.
pub fn init(target: Target, debug: u8) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let backend = BACKEND.get_or_init(|| Backend {
        target: AtomicU8::new(target as u8),
        debug,
        colour,
        path: DEV_LOG.into(),
        socket: Mutex::new(None),
    });
    log::set_max_level(match debug {
        0 => LevelFilter::Info,
        1 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    });
    // A second call, as in tests, changes nothing.
    let _ = log::set_logger(backend);
}

/// Sends the messages from now on elsewhere.
pub fn set_target(target: Target) {
    if let Some(backend) = BACKEND.get() {
        backend.target.store(target as u8, Ordering::SeqCst);
    }
}

/// Writes an error without waiting for anything: neither for a lock, which the thread that dies may
/// hold itself, nor for a reader of standard error. Control characters are shown as such.
pub fn last_word(text: &str) {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    let text: String = text.chars().map(escaped).collect();
    let backend = BACKEND.get();
    if let Some(backend) = backend
        && backend.target.load(Ordering::SeqCst) == Target::Syslog as u8
    {
        if let Some(socket) = connect(&backend.path) {
            let _ = socket.send(&datagram(Level::Error, &text));
        }
        return;
    }
    let line = match backend {
        Some(backend) => backend.line(Level::Error, &text),
        None => format!("tenshi: error: {text}"),
    };
    let stderr = std::io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    if poll(&mut fds, PollTimeout::from(1000_u16)).is_ok_and(|ready| ready > 0) {
        let _ = nix::unistd::write(stderr.as_fd(), format!("{line}\n").as_bytes());
    }
}

fn datagram(level: Level, line: &str) -> Vec<u8> {
    let severity = match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    let priority = DAEMON * 8 + severity;
    format!("<{priority}>tenshi[{}]: {line}", std::process::id()).into_bytes()
}

impl Log for Backend {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
            && (metadata.target().starts_with("tenshi") || metadata.target() == "smtp")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        // The text may hold names and words of strangers.
        let text = shown_lines(&record.args().to_string());
        // A message that cannot be written has nowhere else to go.
        match record.level() {
            Level::Debug | Level::Trace if self.debug > 0 => {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(
                    out,
                    "{}{text}",
                    if record.target() == "smtp" {
                        "smtp "
                    } else {
                        ""
                    }
                );
            }
            level if self.target.load(Ordering::SeqCst) == Target::Syslog as u8 => {
                self.syslog(level, &text);
            }
            level => {
                let _ = writeln!(std::io::stderr().lock(), "{}", self.line(level, &text));
            }
        }
    }

    fn flush(&self) {}
}

impl Backend {
    fn line(&self, level: Level, text: &str) -> String {
        let (word, colour) = match level {
            Level::Error => ("error: ", "31"),
            Level::Warn => ("warning: ", "33"),
            _ => ("", ""),
        };
        if self.colour && !word.is_empty() {
            return format!("tenshi: \x1b[{colour}m{word}\x1b[0m{text}");
        }
        format!("tenshi: {word}{text}")
    }

    /// One datagram a line to `/dev/log`; a syslog that is away or full costs the message, never
    /// the daemon's time.
    fn syslog(&self, level: Level, text: &str) {
        let mut socket = self
            .socket
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        for line in text.lines() {
            let message = datagram(level, line);
            for _ in 0..2 {
                if socket.is_none() {
                    *socket = connect(&self.path);
                }
                match socket.as_ref().map(|socket| socket.send(&message)) {
                    Some(Err(e)) if e.kind() != std::io::ErrorKind::WouldBlock => *socket = None,
                    _ => break,
                }
            }
        }
    }
}

fn connect(path: &Path) -> Option<UnixDatagram> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(path).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backend(path: &Path, colour: bool) -> Backend {
        Backend {
            target: AtomicU8::new(Target::Syslog as u8),
            debug: 0,
            colour,
            path: path.into(),
            socket: Mutex::new(None),
        }
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn a_line_names_its_level_and_is_coloured_only_on_a_terminal() {
        let plain = backend(Path::new(DEV_LOG), false);
        assert_eq!(plain.line(Level::Error, "x"), "tenshi: error: x");
        assert_eq!(plain.line(Level::Warn, "x"), "tenshi: warning: x");
        assert_eq!(plain.line(Level::Info, "x"), "tenshi: x");
        let coloured = backend(Path::new(DEV_LOG), true).line(Level::Error, "x");
        assert_eq!(coloured, "tenshi: \x1b[31merror: \x1b[0mx");
    }

    #[test]
    fn syslog_is_found_again_after_it_was_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let backend = backend(&path, false);
        let pid = std::process::id();
        backend.syslog(Level::Error, "nobody there");
        let first = UnixDatagram::bind(&path).unwrap();
        backend.syslog(Level::Warn, "one\ntwo");
        assert_eq!(received(&first), format!("<28>tenshi[{pid}]: one"));
        assert_eq!(received(&first), format!("<28>tenshi[{pid}]: two"));
        drop(first);
        std::fs::remove_file(&path).unwrap();
        let second = UnixDatagram::bind(&path).unwrap();
        backend.syslog(Level::Info, "three");
        assert_eq!(received(&second), format!("<30>tenshi[{pid}]: three"));
    }

    /// Nobody reads: the socket's queue fills, and messages are dropped rather than waited for.
    #[test]
    fn a_full_syslog_does_not_hold_the_daemon_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let reader = UnixDatagram::bind(&path).unwrap();
        let backend = backend(&path, false);
        for _ in 0..5000 {
            backend.syslog(Level::Info, "x");
        }
        reader.set_nonblocking(true).unwrap();
        let mut bytes = [0; 512];
        let kept = std::iter::from_fn(|| reader.recv(&mut bytes).ok()).count();
        assert!(kept > 0 && kept < 5000, "{kept}");
    }
}
