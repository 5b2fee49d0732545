//! `set listen`: syslog over the network (RFC 3164 and RFC 5424; RFC 5426 and RFC 6587).
//!
//! [`bind`] is a step of its own, because it needs the rights that the daemon then gives up.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::control::{self, Handle};
use super::syslog::Prefixes;
use super::{Event, Origin};
use crate::clock::Clock;
use crate::config::Listen;

mod framing;
mod tcp;
mod udp;

pub use framing::{BadFraming, Framing};

/// A socket that waits for syslog messages.
#[derive(Debug)]
pub struct Socket {
    kind: Kind,
    address: SocketAddr,
    prefixes: Prefixes,
}

#[derive(Debug)]
enum Kind {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

impl Socket {
    /// The address it is bound to: the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has messages read by these `set logprefix`, too.
    #[must_use]
    pub fn reading(self, prefixes: Prefixes) -> Self {
        Self { prefixes, ..self }
    }
}

/// Binds the socket.
///
/// # Errors
/// The address is in use, not ours, or needs rights that we do not have; the text names it.
pub fn bind(listen: &Listen) -> io::Result<Socket> {
    let bound = match listen {
        Listen::Udp(address) => udp::bind(*address).and_then(|socket| {
            let address = socket.local_addr()?;
            Ok((Kind::Udp(socket), address))
        }),
        Listen::Tcp(address) => tcp::bind(*address).and_then(|socket| {
            let address = socket.local_addr()?;
            Ok((Kind::Tcp(socket), address))
        }),
    };
    let (kind, address) = bound.map_err(|e| {
        let (name, address) = match listen {
            Listen::Udp(address) => ("UDP", address),
            Listen::Tcp(address) => ("TCP", address),
        };
        io::Error::new(e.kind(), format!("can't listen on {name} {address}: {e}"))
    })?;
    let prefixes = Prefixes::default();
    Ok(Socket {
        kind,
        address,
        prefixes,
    })
}

/// How many connections one address for TCP may have open.
pub fn most_connections() -> usize {
    tcp::most()
}

/// Receives messages in a thread of its own. Each becomes one line or more; longer ones than
/// `max_line` bytes are cut.
///
/// # Errors
/// When no thread can be made.
pub fn spawn(
    socket: Socket,
    max_line: usize,
    clock: Arc<dyn Clock>,
    events: SyncSender<Event>,
) -> io::Result<Handle> {
    let origin = Origin::Syslog(socket.address);
    let prefixes = socket.prefixes;
    match socket.kind {
        Kind::Udp(socket) => control::spawn("syslog/udp", events, move |control| {
            udp::Receiver::new(socket, origin, max_line, clock, prefixes).run(&control);
        }),
        Kind::Tcp(socket) => control::spawn("syslog/tcp", events, move |control| {
            tcp::Server::new(socket, origin, max_line, clock, prefixes).run(&control);
        }),
    }
}
