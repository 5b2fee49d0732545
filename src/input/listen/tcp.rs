//! Syslog over TCP (RFC 6587): any number of peers that may be idle for hours, in one thread.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bstr::BString;
use nix::sys::socket::{setsockopt, sockopt};

use super::framing::Framing;
use crate::clock::Clock;
use crate::counters::Counter;
use crate::input::control::{Control, Drain, RateLimit};
use crate::input::syslog::{self, Arrival, Prefixes};
use crate::input::text::Text;
use crate::input::{Checkpoint, Event};
use crate::process::limits;

/// Number of connections that may be open, where the limit of open files allows.
const MOST: usize = 512;
/// How long a peer may be silent before the system asks whether it is still there, how often it
/// asks, and the pause between two questions, seconds: a peer that lost its power is found out
/// within a quarter of an hour, and its place is free again.
const KEEP_IDLE: u32 = 600;
const KEEP_COUNT: u32 = 5;
const KEEP_PAUSE: u32 = 60;
/// Number of bytes read from one peer before the next one's turn.
const SHARE: usize = 64 * 1024;
/// Time for which no connection is taken after the system refused one.
const REFUSED: Duration = Duration::from_secs(1);

/// Number of connections that may be open: at most a quarter of all files that may.
pub(super) fn most() -> usize {
    MOST.min(limits::open_files() / 4).max(1)
}

pub(super) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// The peer's address, as the host of messages without one.
    host: String,
    framing: Framing,
}

/// Whose connection it is, for the quota of a peer: the address, or for IPv6 its network of 64 bits,
/// all of which one machine may have.
fn whose(peer: SocketAddr) -> IpAddr {
    match peer.ip().to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::from(u64::MAX) << 64);
            Ipv6Addr::from_bits(network).into()
        }
        address => address,
    }
}

pub(super) struct Server {
    listener: TcpListener,
    /// The source of the lines, as `repeat` knows it.
    source: Arc<BString>,
    /// The name in messages.
    name: String,
    clock: Arc<dyn Clock>,
    text: Text,
    prefixes: Prefixes,
    connections: Vec<Connection>,
    /// Number of connections that there may be.
    most: usize,
    refused_until: Option<Instant>,
    bad: RateLimit,
    crowded: RateLimit,
    /// Whether the loop was told that no connection can be taken.
    full: bool,
    refused: RateLimit,
}

/// The limit for which a connection is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Crowd {
    /// The limit of all connections.
    All,
    /// The quota of its peer.
    One,
}

/// The result of one read from a peer.
enum PeerRead {
    Read,
    Nothing,
    Closed,
}

impl Server {
    pub fn new(
        listener: TcpListener,
        address: SocketAddr,
        max_line: usize,
        clock: Arc<dyn Clock>,
        prefixes: Prefixes,
    ) -> Self {
        Self {
            listener,
            source: Arc::new(format!("listen {address}").into()),
            name: format!("listen tcp:{address}"),
            clock,
            text: Text::new(max_line),
            prefixes,
            connections: Vec::new(),
            most: most(),
            refused_until: None,
            bad: RateLimit::default(),
            crowded: RateLimit::default(),
            full: false,
            refused: RateLimit::default(),
        }
    }

    pub fn run(mut self, control: &Control) {
        let mut buffer = vec![0; SHARE];
        let mut drain = None;
        let mut ready = Vec::new();
        while !control.ended() {
            drain = control.asked().or(drain);
            let mut quiet = !self.accept(control);
            quiet &= !self.read_all(&ready, drain.is_some(), &mut buffer, control);
            self.well(control);
            if !self.hand_over(control) {
                return;
            }
            if quiet && let Some(kind) = drain.take() {
                if kind == Drain::Last {
                    self.close_all();
                }
                if !self.hand_over(control) || !control.send(Event::Drained) {
                    return;
                }
            }
            ready = self.wait(control, quiet && drain.is_none());
        }
    }

    fn hand_over(&mut self, control: &Control) -> bool {
        control.send_batch(self.text.batch(&self.source, Checkpoint::None))
    }

    /// Sleeps until something is to be done; which connections can be read.
    fn wait(&mut self, control: &Control, sleep: bool) -> Vec<bool> {
        if !sleep {
            return vec![true; self.connections.len()];
        }
        let now = Instant::now();
        let refused = self.refused_until.map(|until| until - now.min(until));
        let listener = refused.is_none().then(|| self.listener.as_fd());
        let skip = usize::from(listener.is_some());
        let streams = self.connections.iter().map(|c| c.stream.as_fd());
        let sources: Vec<_> = listener.into_iter().chain(streams).collect();
        control.wait(&sources, refused).split_off(skip)
    }

    /// Takes the connections that wait; whether there were any.
    fn accept(&mut self, control: &Control) -> bool {
        if self
            .refused_until
            .is_some_and(|until| Instant::now() < until)
        {
            return false;
        }
        self.refused_until = None;
        let mut any = false;
        loop {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    any = true;
                    match self.crowd(peer) {
                        None => self.admit(stream, peer),
                        // Closed unread: its sender sees that, and none that was there before it
                        // is any the worse.
                        Some(crowd) => self.refuse(peer, crowd, control),
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return any,
                // The peer has gone already.
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(e) => {
                    if let Some(more) = self.refused.due() {
                        control.fault(format!("{}: no new connection: {e}{more}", self.name));
                    }
                    self.refused_until = Some(Instant::now() + REFUSED);
                    return any;
                }
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        // One that blocks would hold up all: it is let go.
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        // A peer that lost its power is found out in the end.
        let _ = setsockopt(&stream, sockopt::KeepAlive, &true)
            .and_then(|()| setsockopt(&stream, sockopt::TcpKeepIdle, &KEEP_IDLE))
            .and_then(|()| setsockopt(&stream, sockopt::TcpKeepCount, &KEEP_COUNT))
            .and_then(|()| setsockopt(&stream, sockopt::TcpKeepInterval, &KEEP_PAUSE));
        self.connections.push(Connection {
            stream,
            peer,
            host: peer.ip().to_canonical().to_string(),
            framing: Framing::new(self.text.max_line()),
        });
    }

    /// The limit for which no further connection of this peer can be taken, if any.
    fn crowd(&self, peer: SocketAddr) -> Option<Crowd> {
        let one = whose(peer);
        let theirs = self.connections.iter();
        let theirs = theirs.filter(|c| whose(c.peer) == one).count();
        if self.connections.len() >= self.most {
            Some(Crowd::All)
        } else {
            (theirs >= self.quota()).then_some(Crowd::One)
        }
    }

    /// How many connections one peer may have: room is left for the others, whatever it does.
    fn quota(&self) -> usize {
        (self.most / 2).max(1)
    }

    fn refuse(&mut self, peer: SocketAddr, crowd: Crowd, control: &Control) {
        self.text.counters.add(Counter::InputFaults, 1);
        let why = match crowd {
            Crowd::All => format!("{} are open, the most there may be", self.most),
            Crowd::One => format!(
                "{} from there are open, the most for one address",
                self.quota()
            ),
        };
        if crowd == Crowd::All && !std::mem::replace(&mut self.full, true) {
            control.health(
                self.name.clone(),
                Some(format!("new connections are refused: {why}")),
            );
        }
        if let Some(more) = self.crowded.due() {
            let text = format!(
                "{}: a connection from {peer} is refused: {why}{more}",
                self.name
            );
            control.tell(log::Level::Warn, text);
        }
    }

    /// Tells that there is room again, once some is left.
    fn well(&mut self, control: &Control) {
        if self.full && self.connections.len() < self.most {
            self.full = false;
            control.health(self.name.clone(), None);
        }
    }

    /// One turn for each peer that can be read (all of them while draining); whether any gave
    /// something.
    fn read_all(
        &mut self,
        ready: &[bool],
        all: bool,
        buffer: &mut [u8],
        control: &Control,
    ) -> bool {
        let mut any = false;
        // From the end, so that removing one moves only those that had their turn. One that came
        // after `ready` was asked for has its turn too.
        for i in (0..self.connections.len()).rev() {
            if !all && !ready.get(i).copied().unwrap_or(true) {
                continue;
            }
            match self.read(i, buffer, control) {
                PeerRead::Nothing => {}
                PeerRead::Read => any = true,
                PeerRead::Closed => {
                    let connection = self.connections.swap_remove(i);
                    self.finish(connection);
                }
            }
            if self.text.full() && !self.hand_over(control) {
                return false;
            }
        }
        any
    }

    fn read(&mut self, i: usize, buffer: &mut [u8], control: &Control) -> PeerRead {
        let connection = &mut self.connections[i];
        let length = match connection.stream.read(buffer) {
            Ok(0) => return PeerRead::Closed,
            Ok(length) => length,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return PeerRead::Nothing;
            }
            // A peer that went without a word has sent what it has sent.
            Err(_) => return PeerRead::Closed,
        };
        let arrival = Arrival {
            sender: Some(&connection.host),
            time: self.clock.now(),
        };
        let (prefixes, text) = (&self.prefixes, &mut self.text);
        let taken = connection
            .framing
            .take(&buffer[..length], &mut |message, cut| {
                syslog::take(message, cut, arrival, prefixes, text);
            });
        let Err(bad) = taken else {
            return PeerRead::Read;
        };
        let peer = connection.peer;
        // What is left of it makes no message.
        connection.framing = Framing::new(0);
        self.text.counters.add(Counter::InputFaults, 1);
        if let Some(more) = self.bad.due() {
            let text = format!("{}: {peer} sent {}: closed{more}", self.name, bad.0);
            control.tell(log::Level::Warn, text);
        }
        PeerRead::Closed
    }

    /// Takes the last message of a connection that is closed.
    fn finish(&mut self, connection: Connection) {
        let arrival = Arrival {
            sender: Some(&connection.host),
            time: self.clock.now(),
        };
        let (prefixes, text) = (&self.prefixes, &mut self.text);
        connection.framing.end(&mut |message, cut| {
            syslog::take(message, cut, arrival, prefixes, text);
        });
    }

    fn close_all(&mut self) {
        for connection in std::mem::take(&mut self.connections) {
            self.finish(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_64_bits_is_one_peer() {
        let whose = |text: &str| whose(text.parse().unwrap()).to_string();
        assert_eq!(whose("192.0.2.7:1"), "192.0.2.7");
        assert_eq!(whose("[::ffff:192.0.2.7]:2"), "192.0.2.7");
        assert_eq!(whose("[2001:db8:1:2:3:4:5:6]:3"), "2001:db8:1:2::");
        assert_eq!(whose("[2001:db8:1:2:ffff::1]:4"), "2001:db8:1:2::");
        assert_eq!(whose("[2001:db8:1:3::1]:5"), "2001:db8:1:3::");
    }
}
