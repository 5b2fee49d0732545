//! A connection whose reads and writes all end at one instant, in clear or under TLS.
//!
//! A time limit of the socket alone bounds each read: a server that sends a byte now and then would
//! hold us for ever. Here a whole step (an answer, a block of a mail) has one end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};

/// A connected stream socket.
#[derive(Debug)]
pub struct TimedSocket {
    /// The socket. One of the family `AF_UNIX` is in it too: the system's calls are equal.
    socket: TcpStream,
    /// When the step must be done; `None` is no limit.
    end: Option<Instant>,
}

impl TimedSocket {
    /// A socket without a limit yet.
    pub fn new(socket: TcpStream) -> Self {
        Self { socket, end: None }
    }

    /// Sets the end of the step that begins.
    pub fn set_end(&mut self, end: Option<Instant>) {
        self.end = end;
    }

    /// Closes the connection in both directions.
    pub fn shut_down(&self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Both);
    }

    /// The time that is left for the step.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        match self.end.map(left) {
            Some(left) if left.is_zero() => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl From<UnixStream> for TimedSocket {
    fn from(socket: UnixStream) -> Self {
        Self::new(TcpStream::from(OwnedFd::from(socket)))
    }
}

/// The system calls a time-out "would block".
fn timed_out(fault: io::Error) -> io::Error {
    match fault.kind() {
        ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
        _ => fault,
    }
}

impl Read for TimedSocket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buffer).map_err(timed_out)
    }
}

impl Write for TimedSocket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buffer).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// A connection in clear or under TLS.
#[derive(Debug)]
pub enum TimedStream {
    /// In clear.
    Clear(TimedSocket),
    /// Under TLS.
    Tls(Box<StreamOwned<ClientConnection, TimedSocket>>),
}

impl TimedStream {
    /// The connection under TLS. The handshake is made by the first read or write.
    pub fn tls(client: ClientConnection, socket: TimedSocket) -> Self {
        Self::Tls(Box::new(StreamOwned::new(client, socket)))
    }

    /// The socket, for the end of a step.
    pub fn socket(&mut self) -> &mut TimedSocket {
        match self {
            Self::Clear(socket) => socket,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    /// Writes all of these bytes, to the other side of TLS too.
    ///
    /// # Errors
    /// The connection is broken, or the step has not ended in time.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream: &mut dyn Write = match self {
            Self::Clear(socket) => socket,
            Self::Tls(stream) => stream,
        };
        stream.write_all(bytes)?;
        stream.flush()
    }

    /// Closes the connection, and says so first under TLS.
    pub fn close(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.conn.complete_io(&mut stream.sock);
        }
        self.socket().shut_down();
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_however_the_bytes_drip() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut socket = TimedSocket::from(ours);
        let dripping = std::thread::spawn(move || {
            while theirs.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        socket.set_end(Some(Instant::now() + Duration::from_millis(50)));
        let mut all = Vec::new();
        let fault = socket.read_to_end(&mut all).unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::TimedOut);
        drop(socket);
        dripping.join().unwrap();
    }
}
