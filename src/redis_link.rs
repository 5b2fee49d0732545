//! The connection to a server, which bounds what an answer may cost in time, bytes and elements.
//!
//! The connection of the `redis` crate bounds none of them: an answer without end takes all memory,
//! one that drips never ends, and an array may claim more elements than there are. Here the whole
//! of an answer is looked at before the crate parses it.

use std::io::{self, ErrorKind, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{Cmd, ConnectionAddr, ConnectionLike, RedisError, RedisResult, Value, cmd};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::config::RedisServer;
use crate::timed_stream::{TimedSocket, TimedStream};

/// Time that an answer may take from the command to its last byte.
pub const ANSWER: Duration = Duration::from_secs(5);
/// What may come to one command or pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// Number of bytes. A longer element can't be read.
    pub bytes: usize,
    /// Number of values, those in arrays counted.
    pub values: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            values: 4096,
        }
    }
}

/// The longest line of the protocol, bytes: a number or a message.
const MOST_LINE: usize = 64 << 10;
/// Number of bytes read at once.
const CHUNK: usize = 64 << 10;

/// A connection that is ready for commands.
pub struct Link {
    stream: TimedStream,
    /// Time that an answer may take.
    limit: Duration,
    bounds: Bounds,
    /// Bytes that came and were not taken, from `begin` on.
    buffer: Vec<u8>,
    begin: usize,
    /// Number of bytes taken of the answers to this command.
    taken: usize,
    /// The fault after which nothing that comes has a meaning.
    broken: Option<String>,
    /// Whether an answer was more than it may be, or than came in time.
    over: bool,
    database: i64,
}

/// The words for a time-out.
fn late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "its answer took too long")
}

/// The fault, in the words of [`late`] where it is a time-out.
fn or_late(fault: io::Error) -> io::Error {
    match fault.kind() {
        ErrorKind::TimedOut => late(),
        _ => fault,
    }
}

impl Link {
    /// Connects and logs in within `limit`. Answers have [`ANSWER`] from then on.
    ///
    /// # Errors
    /// The server is away, or does not let us in.
    pub fn connect(server: &RedisServer, limit: Duration) -> RedisResult<Self> {
        Self::connect_within(server, limit, Bounds::default())
    }

    /// As [`Link::connect`], with other bounds of an answer.
    ///
    /// # Errors
    /// The server is away, or does not let us in.
    pub fn connect_within(
        server: &RedisServer,
        limit: Duration,
        bounds: Bounds,
    ) -> RedisResult<Self> {
        let settings = &server.login;
        let mut link = Self {
            stream: open(&server.address, limit)?,
            limit,
            bounds,
            buffer: Vec::new(),
            begin: 0,
            taken: 0,
            broken: None,
            over: false,
            database: settings.db(),
        };
        if let Some(password) = settings.password() {
            let mut login = cmd("AUTH");
            if let Some(user) = settings.username() {
                login.arg(user);
            }
            login.arg(password);
            link.log_in(&login, settings.username().is_some(), password)?;
        }
        if settings.db() != 0 {
            cmd("SELECT").arg(settings.db()).query::<()>(&mut link)?;
        }
        link.limit = ANSWER;
        Ok(link)
    }

    /// Redis before 6 knows no users: it is given the password alone then.
    fn log_in(&mut self, login: &Cmd, user: bool, password: &str) -> RedisResult<()> {
        match login.query::<()>(self) {
            Err(fault) if user && fault.to_string().contains("wrong number of arguments") => {
                cmd("AUTH").arg(password).query(self)
            }
            other => other,
        }
    }

    /// Sets how long an answer may take.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Whether the last answer was more than it may be, or than came in time: fewer elements at once
    /// may do.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Sends a command. What came before it belongs to no answer.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(fault) = &self.broken {
            return Err(io::Error::new(ErrorKind::NotConnected, fault.clone()));
        }
        // A server that says more than it was asked is out of step.
        self.buffer.clear();
        (self.begin, self.taken) = (0, 0);
        let end = Instant::now() + self.limit;
        self.stream.socket().set_end(Some(end));
        let sent = self.stream.send(bytes).map_err(or_late);
        self.broken = sent.as_ref().err().map(ToString::to_string);
        sent
    }

    /// Takes one answer.
    fn answer(&mut self) -> RedisResult<Value> {
        let answer = self.whole().map_err(RedisError::from).and_then(|end| {
            let bytes = self.buffer.get(self.begin..end).unwrap_or_default();
            let value = redis::parse_redis_value(bytes);
            self.taken += end - self.begin;
            self.begin = end;
            value
        });
        self.broken = answer.as_ref().err().map(ToString::to_string);
        if self.begin >= CHUNK {
            self.buffer.drain(..self.begin);
            self.begin = 0;
        }
        answer
    }

    /// Reads until a whole answer is there; where it ends in the buffer.
    fn whole(&mut self) -> io::Result<usize> {
        let (mut at, mut awaited, mut values) = (self.begin, 1_u64, 0_u64);
        while awaited > 0 {
            awaited -= 1;
            values += 1;
            let next = self.line(at)?;
            let line = self.buffer.get(at..next).unwrap_or_default();
            at = next;
            match line.split_first() {
                Some((b'+' | b'-' | b':', _)) => {}
                Some((b'$', number)) => {
                    if let Some(length) = count(number)? {
                        let length = usize::try_from(length).unwrap_or(usize::MAX);
                        at = at.saturating_add(length).saturating_add(2);
                        self.fill(at)?;
                    }
                }
                Some((b'*', number)) => {
                    awaited += count(number)?.unwrap_or(0);
                    let most = self.bounds.values;
                    if awaited.saturating_add(values) > most {
                        return Err(self.too_much(&format!("{most} values")));
                    }
                }
                _ => return Err(rubbish()),
            }
        }
        Ok(at)
    }

    /// Where the line ends that begins here.
    fn line(&mut self, at: usize) -> io::Result<usize> {
        let mut looked = at;
        loop {
            let rest = self.buffer.get(looked..).unwrap_or_default();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                return Ok(looked + end + 1);
            }
            looked = self.buffer.len().max(at);
            if looked - at > MOST_LINE {
                return Err(rubbish());
            }
            self.fill(looked + 1)?;
        }
    }

    /// Reads until the buffer has this many bytes.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        let most = self.bounds.bytes;
        if length.saturating_sub(self.begin).saturating_add(self.taken) > most {
            return Err(self.too_much(&format!("{} MiB", most >> 20)));
        }
        let mut chunk = vec![0; CHUNK];
        while self.buffer.len() < length {
            let read = self.stream.read(&mut chunk).map_err(or_late);
            let read = read.inspect_err(|fault| {
                // What has begun and is slow may be through in time in smaller parts.
                let begun = self.taken > 0 || self.buffer.len() > self.begin;
                self.over |= begun && fault.kind() == ErrorKind::TimedOut;
            })?;
            if read == 0 {
                let text = "it closed the connection";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
            }
            self.buffer.extend(chunk.iter().take(read));
        }
        Ok(())
    }

    fn too_much(&mut self, most: &str) -> io::Error {
        self.over = true;
        let text = format!("its answer has more than {most}");
        io::Error::new(ErrorKind::InvalidData, text)
    }
}

fn rubbish() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "what it answers is not Redis's")
}

/// The number of a line without its kind; nothing for a nil.
fn count(line: &[u8]) -> io::Result<Option<u64>> {
    let text = std::str::from_utf8(line.trim_ascii_end()).map_err(|_| rubbish())?;
    match text.parse::<i64>() {
        Ok(number) => Ok(u64::try_from(number).ok()),
        Err(_) => Err(rubbish()),
    }
}

impl ConnectionLike for Link {
    fn req_packed_command(&mut self, command: &[u8]) -> RedisResult<Value> {
        self.send(command)?;
        self.answer()
    }

    fn req_packed_commands(
        &mut self,
        commands: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.send(commands)?;
        let mut values = Vec::new();
        let mut refused = None;
        for index in 0..offset.saturating_add(count) {
            match self.answer()? {
                // In a transaction, one refused command makes the whole fail; the answers to the others come
                // nevertheless.
                Value::ServerError(fault) if index < offset => {
                    refused.get_or_insert(fault);
                }
                value if index >= offset => values.push(value),
                _ => {}
            }
        }
        refused.map_or(Ok(values), |fault| Err(fault.into()))
    }

    fn get_db(&self) -> i64 {
        self.database
    }

    fn check_connection(&mut self) -> bool {
        cmd("PING").query::<()>(self).is_ok()
    }

    fn is_open(&self) -> bool {
        self.broken.is_none()
    }
}

fn open(to: &ConnectionAddr, limit: Duration) -> RedisResult<TimedStream> {
    let end = Instant::now() + limit;
    match to {
        ConnectionAddr::Unix(path) => {
            let socket = UnixStream::connect(path)?;
            Ok(TimedStream::Clear(socket.into()))
        }
        ConnectionAddr::Tcp(host, port) => Ok(TimedStream::Clear(dial(host, *port, end)?)),
        ConnectionAddr::TcpTls {
            host,
            port,
            insecure: false,
            ..
        } => {
            let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
            let client = ClientConnection::new(verified()?, name)?;
            Ok(TimedStream::tls(client, dial(host, *port, end)?))
        }
        _ => {
            let text = "a server whose certificate is not verified is not talked to";
            Err(io::Error::new(ErrorKind::Unsupported, text).into())
        }
    }
}

/// Connects to the first address that answers.
fn dial(host: &str, port: u16, until: Instant) -> io::Result<TimedSocket> {
    let mut fault = io::Error::new(ErrorKind::NotFound, "its name has no address");
    for address in (host, port).to_socket_addrs()? {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(late());
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => return Ok(TimedSocket::new(socket)),
            Err(e) => fault = e,
        }
    }
    Err(fault)
}

/// Verifies certificates by what the system trusts.
fn verified() -> RedisResult<Arc<ClientConfig>> {
    let mut trusted = RootCertStore::empty();
    let mut found = rustls_native_certs::load_native_certs();
    if let Some(fault) = found.errors.pop() {
        return Err(fault.into());
    }
    for certificate in found.certs {
        trusted.add(certificate)?;
    }
    let config = ClientConfig::builder().with_root_certificates(trusted);
    Ok(Arc::new(config.with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A link whose server has sent these bytes, and then waits.
    fn link(bytes: &[u8], limit: Duration) -> (Link, UnixStream) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let bytes = bytes.to_vec();
        let keep = theirs.try_clone().unwrap();
        std::thread::spawn(move || theirs.write_all(&bytes));
        let mut socket = TimedSocket::from(ours);
        socket.set_end(Some(Instant::now() + limit));
        let link = Link {
            stream: TimedStream::Clear(socket),
            limit,
            bounds: Bounds::default(),
            buffer: Vec::new(),
            begin: 0,
            taken: 0,
            broken: None,
            over: false,
            database: 0,
        };
        (link, keep)
    }

    const LONG: Duration = Duration::from_secs(60);

    fn fault(bytes: &[u8]) -> (String, bool) {
        let (mut link, _server) = link(bytes, LONG);
        let fault = link.answer().unwrap_err().to_string();
        assert!(!link.is_open());
        (fault, link.is_over())
    }

    #[test]
    fn answers_are_taken_one_by_one() {
        let text =
            b"+OK\r\n$3\r\na\nb\r\n$-1\r\n*3\r\n:1\r\n*-1\r\n*1\r\n$0\r\n\r\n-OOM full\r\n:7\r\n";
        let (mut link, _server) = link(text, LONG);
        let mut next = || link.answer().unwrap();
        assert_eq!(next(), Value::Okay);
        assert_eq!(next(), Value::BulkString(b"a\nb".to_vec()));
        assert_eq!(next(), Value::Nil);
        let inner = Value::Array(vec![Value::BulkString(Vec::new())]);
        assert_eq!(next(), Value::Array(vec![Value::Int(1), Value::Nil, inner]));
        let Value::ServerError(refused) = next() else {
            panic!("no error");
        };
        assert_eq!(refused.code(), "OOM");
        assert_eq!(next(), Value::Int(7));
    }

    #[test]
    fn an_answer_without_end_is_given_up_before_it_is_kept() {
        let more = "its answer has more than ";
        let endless = [b"$999999999\r\n".to_vec(), vec![b'x'; 1 << 20]].concat();
        assert_eq!(fault(&endless), (format!("{more}16 MiB"), true));
        for array in [
            "*9223372036854775807\r\n",
            "*5000\r\n",
            "*2\r\n*4090\r\n*4090\r\n",
        ] {
            assert_eq!(
                fault(array.as_bytes()),
                (format!("{more}4096 values"), true),
                "{array}"
            );
        }
        let nested = b"*2\r\n".repeat(5000);
        assert_eq!(fault(&nested), (format!("{more}4096 values"), true));
        let line = [b"+".to_vec(), vec![b'x'; 1 << 20]].concat();
        for rubbish in [
            &line[..],
            b"HTTP/1.1 400\r\n",
            b"$x\r\n",
            b"\xff\r\n",
            b"\n",
            b"%1\r\n",
        ] {
            let (text, over) = fault(rubbish);
            assert!(text.contains("is not Redis's") && !over, "{text}");
        }
    }

    /// All answers to a pipeline are bounded together.
    #[test]
    fn many_answers_are_bounded_as_one_is() {
        let mib = [
            b"$1048576\r\n".to_vec(),
            vec![b'x'; 1 << 20],
            b"\r\n".to_vec(),
        ]
        .concat();
        let (mut link, _server) = link(&mib.repeat(17), LONG);
        for _ in 0..15 {
            assert!(link.answer().is_ok());
        }
        assert!(link.buffer.len() < 3 << 20);
        assert!(link.answer().is_err() && link.is_over());
    }

    /// One byte now and then keeps no answer alive.
    #[test]
    fn an_answer_that_drips_is_given_up() {
        let (mut link, mut server) = link(b"", Duration::from_millis(300));
        server.write_all(b"$100\r\n").unwrap();
        std::thread::spawn(move || {
            while server.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let fault = link.answer().unwrap_err().to_string();
        assert_eq!(fault, "its answer took too long");
        // Smaller parts would be through in time.
        assert!(link.is_over());
        let (mut link, _server) = self::link(b"", Duration::from_millis(20));
        assert!(link.answer().is_err() && !link.is_over());
    }
}
