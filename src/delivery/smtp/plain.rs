//! The dialogue with a server that knows only HELO: no TLS, no AUTH, no extension.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use bstr::ByteSlice;

use super::{Raw, Reply};

/// The longest reply that is read, bytes: a server that says more is not an SMTP server.
const LONGEST_REPLY: usize = 64 * 1024;

/// A connection in clear.
pub(super) struct Plain {
    stream: TcpStream,
    timeout: Option<Duration>,
    /// Received and not yet looked at.
    unread: Vec<u8>,
}

impl Plain {
    /// Connects to the first of the host's addresses that answers.
    pub(super) fn connect(host: &str, port: u16, timeout: Option<Duration>) -> io::Result<Self> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()? {
            let stream = match timeout {
                Some(limit) => TcpStream::connect_timeout(&address, limit),
                None => TcpStream::connect(address),
            };
            match stream {
                Ok(stream) => {
                    stream.set_write_timeout(timeout)?;
                    let unread = Vec::new();
                    return Ok(Self {
                        stream,
                        timeout,
                        unread,
                    });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Sends a command and reads the reply.
    pub(super) fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.stream.write_all(Raw(line).to_string().as_bytes())?;
        self.read_reply()
    }

    /// Sends the message, CRLF between its lines, and reads the reply to its end. A leading dot
    /// is doubled (RFC 5321, 4.5.2).
    pub(super) fn message(&mut self, text: &[u8]) -> io::Result<Reply> {
        let mut out = Vec::with_capacity(text.len() + 16);
        if text.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(&text.replace(b"\r\n.", b"\r\n.."));
        out.extend_from_slice(b"\r\n.\r\n");
        self.stream.write_all(&out)?;
        self.read_reply()
    }

    /// Says good-bye and closes.
    pub(super) fn quit(&mut self) {
        let _ = self.command("QUIT");
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Reads one reply, of one line or more (RFC 5321, 4.2.1). The time limit is for all of it.
    pub(super) fn read_reply(&mut self) -> io::Result<Reply> {
        let broken = || io::Error::new(io::ErrorKind::InvalidData, "that is not an SMTP reply");
        let end = self.timeout.map(|limit| Instant::now() + limit);
        let mut text = String::new();
        loop {
            let line = self.read_line(end, LONGEST_REPLY.saturating_sub(text.len()))?;
            let (digits, rest) = line.split_at_checked(3).ok_or_else(broken)?;
            if !digits.iter().all(u8::is_ascii_digit) {
                return Err(broken());
            }
            let code = digits
                .iter()
                .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
            text.push_str(&rest.get(1..).unwrap_or_default().to_str_lossy());
            if rest.first() != Some(&b'-') {
                return Ok(Reply::new(code, &text));
            }
        }
    }

    fn read_line(&mut self, end: Option<Instant>, most: usize) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.find_byte(b'\n') {
                return Ok(self.unread.drain(..=at).collect());
            }
            if self.unread.len() >= most {
                let kind = io::ErrorKind::InvalidData;
                return Err(io::Error::new(kind, "the reply is too long"));
            }
            let rest = end.map(|end| end.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(rest)?;
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    let kind = io::ErrorKind::UnexpectedEof;
                    return Err(io::Error::new(kind, "the server closed the connection"));
                }
                Ok(count) => self.unread.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
