//! The connection of a dialogue, in clear or under TLS. Each step has one time limit for the whole
//! step, however the server spreads its bytes.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::ByteSlice;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::reply::{LONGEST_LINE, Malformed, Reply, ReplyParser};
use super::wire::Wire;
use crate::delivery::message::Content;
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

    /// Sends the message, and reads the reply to its end.
    pub(super) fn message(&mut self, message: &dyn Content) -> io::Result<Reply> {
        let mut blocks = Blocks {
            connection: self,
            wire: Wire::new(),
        };
        let sent = message.write_to(&mut blocks).and_then(|()| blocks.end());
        match sent {
            Ok(()) => self.read_reply(),
            Err(error) => {
                // A server may answer before the end, and close.
                let early = (error.kind() != io::ErrorKind::TimedOut).then(|| self.receive());
                early.and_then(Result::ok).ok_or(error)
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

/// A message on its way: each block is a step.
struct Blocks<'a> {
    connection: &'a mut Connection,
    wire: Wire,
}

impl Blocks<'_> {
    fn send(&mut self) -> io::Result<()> {
        self.connection.begin();
        let sent = self.connection.stream.send(&self.wire.block);
        self.wire.block.clear();
        sent
    }

    fn end(&mut self) -> io::Result<()> {
        self.wire.end();
        self.send()
    }
}

impl Write for Blocks<'_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        let (piece, _) = text.split_at_checked(BLOCK).unwrap_or((text, &[]));
        self.wire.put(piece);
        if self.wire.block.len() >= BLOCK {
            self.send()?;
        }
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn end(timeout: Option<Duration>) -> Option<Instant> {
    timeout.and_then(|limit| Instant::now().checked_add(limit))
}
