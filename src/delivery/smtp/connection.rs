//! The connection of a dialogue, in clear or under TLS. Each step has one time limit for the whole
//! step, however the server spreads its bytes.

use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::reply::{LONGEST_LINE, Malformed, Reply, ReplyParser};
use crate::timed_stream::{TimedSocket, TimedStream};

/// A message is sent in blocks of this many bytes, each a step with its own time limit: a slow line
/// gets a large mail through, and a server that takes a byte now and then does not hold us for ever.
const BLOCK: usize = 64 * 1024;
/// The most addresses of a host that are tried.
const MOST_ADDRESSES: usize = 8;

/// A connection to a server.
pub(super) struct Connection {
    stream: TimedStream,
    /// The limit of a step (`set mailtimeout`); `None` is no limit.
    timeout: Option<Duration>,
    /// The bytes that were received and not yet looked at.
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to the first of the host's addresses that answers, each within the time limit.
    pub(super) fn open(host: &str, port: u16, timeout: Option<Duration>) -> io::Result<Self> {
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in (host, port).to_socket_addrs()?.take(MOST_ADDRESSES) {
            let stream = match timeout {
                Some(limit) => TcpStream::connect_timeout(&address, limit),
                None => TcpStream::connect(address),
            };
            match stream {
                Ok(stream) => {
                    // A command waits for its answer: nothing is gained by waiting for more to send.
                    stream.set_nodelay(true)?;
                    return Ok(Self {
                        stream: TimedStream::Clear(TimedSocket::new(stream)),
                        timeout,
                        unread: Vec::new(),
                    });
                }
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Whether the server has sent more than was asked for.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// Whether what is sent cannot be read on its way.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self.stream, TimedStream::Tls(_))
    }

    /// Goes on under TLS: makes the whole handshake. What was received in clear and not looked at
    /// is no part of what comes then.
    ///
    /// # Errors
    /// The handshake failed; the connection is of no use any more.
    pub(super) fn encrypt(
        self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let client = ClientConnection::new(config, name).map_err(io::Error::other)?;
        let TimedStream::Clear(mut socket) = self.stream else {
            return Err(io::Error::other("it is encrypted already"));
        };
        socket.set_end(end(self.timeout));
        let mut stream = StreamOwned::new(client, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(Self {
            stream: TimedStream::Tls(Box::new(stream)),
            timeout: self.timeout,
            unread: Vec::new(),
        })
    }

    /// Begins a step: its time runs from now on.
    fn begin(&mut self) {
        self.stream.socket().set_end(end(self.timeout));
    }

    /// Sends a command and reads the reply. No setting and no address can become a second command:
    /// control characters are left out.
    pub(super) fn command(&mut self, line: &str) -> io::Result<Reply> {
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        self.begin();
        self.stream.send(format!("{line}\r\n").as_bytes())?;
        self.receive()
    }

    /// Sends the message, CRLF between its lines, and reads the reply to its end. A leading dot
    /// is doubled (RFC 5321 §4.5.2).
    pub(super) fn message(&mut self, text: &[u8]) -> io::Result<Reply> {
        let (mut rest, mut begins, mut block) = (text, true, Vec::new());
        loop {
            let (piece, after) = rest.split_at_checked(BLOCK).unwrap_or((rest, &[]));
            rest = after;
            block.clear();
            begins = double_dots(piece, begins, &mut block);
            if rest.is_empty() {
                block.extend_from_slice(b"\r\n.\r\n");
            }
            self.begin();
            if let Err(error) = self.stream.send(&block) {
                // A server may answer before the end, and close.
                let early = (error.kind() != io::ErrorKind::TimedOut).then(|| self.receive());
                return early.and_then(Result::ok).ok_or(error);
            }
            if rest.is_empty() {
                return self.read_reply();
            }
        }
    }

    /// Reads one reply, of one line or more (RFC 5321 §4.2.1), as a step of its own.
    pub(super) fn read_reply(&mut self) -> io::Result<Reply> {
        self.begin();
        self.receive()
    }

    /// Says QUIT and closes. The server's answer changes nothing.
    pub(super) fn quit(&mut self) {
        let _ = self.command("QUIT");
        self.stream.close();
    }

    fn receive(&mut self) -> io::Result<Reply> {
        let broken = |fault: Malformed| io::Error::new(io::ErrorKind::InvalidData, fault);
        let mut parser = ReplyParser::default();
        loop {
            let line = self.read_line()?;
            if let Some(reply) = parser.line(&line).map_err(broken)? {
                return Ok(reply);
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut looked = 0;
        loop {
            let new = self.unread.get(looked..).unwrap_or_default();
            if let Some(at) = new.find_byte(b'\n') {
                return Ok(self.unread.drain(..=looked + at).collect());
            }
            looked = self.unread.len();
            if looked > LONGEST_LINE {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    Malformed::TooLong,
                ));
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    let kind = io::ErrorKind::UnexpectedEof;
                    return Err(io::Error::new(kind, "the server closed the connection"));
                }
                Ok(count) => self
                    .unread
                    .extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Appends a piece of a message, with each dot at the beginning of a line doubled. `begins` says
/// whether the piece is at the beginning of a line. Gives whether the next piece is.
fn double_dots(piece: &[u8], mut begins: bool, out: &mut Vec<u8>) -> bool {
    for line in piece.lines_with_terminator() {
        if begins && line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
        begins = line.ends_with(b"\n");
    }
    begins
}

fn end(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|limit| Instant::now().checked_add(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_doubled_wherever_a_message_is_cut() {
        let text = b".\r\n..\r\na.\r\n\r\n.b\r\n.";
        let want = text.replace(b"\r\n.", b"\r\n..");
        for length in 1..=text.len() {
            let (mut begins, mut out) = (true, Vec::new());
            for piece in text.chunks(length) {
                begins = double_dots(piece, begins, &mut out);
            }
            assert_eq!(out, [b".", &*want].concat(), "{length}");
        }
    }
}
