//! `set listen`: syslog over the network (RFC 3164 and RFC 5424; RFC 5426 and RFC 6587).
//!
//! [`bind`] is a step of its own, because it needs the rights that the daemon then gives up.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use super::control::{self, EventSender, InputThread};
use super::syslog::Prefixes;
use super::{Input, Start};
use crate::clock::Clock;
use crate::config::{Config, Listen};

mod framing;
mod tcp;
mod udp;

pub use framing::{BadFraming, Framing};

/// A socket that waits for syslog messages.
#[derive(Debug)]
pub struct Socket {
    transport: Transport,
    address: SocketAddr,
    prefixes: Prefixes,
}

#[derive(Debug)]
enum Transport {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

/// An address of the configuration as an input of the daemon.
#[derive(Debug)]
struct Listener {
    listen: Listen,
    /// The bound socket, until its thread has it.
    socket: Option<Socket>,
    /// The `set logprefix` and the `set charset` that messages are read by.
    prefixes: Prefixes,
    threads: Vec<InputThread>,
}

/// The addresses of a configuration (`set listen`), bound.
///
/// # Errors
/// Which address cannot be bound, and why.
pub(super) fn configured(config: &Config) -> Result<Vec<Box<dyn Input>>, String> {
    let mut inputs: Vec<Box<dyn Input>> = Vec::new();
    for listen in &config.inputs.listen {
        let charset = config.charsets.of_listen(*listen);
        let prefixes = Prefixes::new(&config.lines, charset);
        let socket = bind(listen).map_err(|e| e.to_string())?;
        inputs.push(Box::new(Listener {
            listen: *listen,
            socket: Some(socket.reading(prefixes.clone())),
            prefixes,
            threads: Vec::new(),
        }));
    }
    Ok(inputs)
}

impl Input for Listener {
    fn describe(&self) -> String {
        match &self.listen {
            Listen::Udp(address) => format!("listen {address}"),
            Listen::Tcp(address) => format!("listen tcp:{address}"),
        }
    }

    fn open_files(&self) -> usize {
        match &self.listen {
            Listen::Udp(_) => 1,
            Listen::Tcp(_) => 1 + tcp::most(),
        }
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        let max_line = start.config.inputs.max_line;
        if let Some(socket) = self.socket.take() {
            let thread = spawn(socket, max_line, start.clock.clone(), start.events.clone())?;
            self.threads.push(thread);
        }
        Ok(())
    }

    fn threads(&self) -> &[InputThread] {
        &self.threads
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        let charset = config.charsets.of_listen(self.listen);
        self.prefixes.set(&config.lines, charset);
        Ok(false)
    }

    fn stop(self: Box<Self>) -> Vec<InputThread> {
        self.threads
    }
}

impl Socket {
    /// The address that the socket is bound to: the port is the real one where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, its messages read by these `set logprefix` too.
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
            Ok((Transport::Udp(socket), address))
        }),
        Listen::Tcp(address) => tcp::bind(*address).and_then(|socket| {
            let address = socket.local_addr()?;
            Ok((Transport::Tcp(socket), address))
        }),
    };
    let (transport, address) = bound.map_err(|e| {
        let (name, address) = match listen {
            Listen::Udp(address) => ("UDP", address),
            Listen::Tcp(address) => ("TCP", address),
        };
        io::Error::new(e.kind(), format!("can't listen on {name} {address}: {e}"))
    })?;
    let prefixes = Prefixes::default();
    Ok(Socket {
        transport,
        address,
        prefixes,
    })
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
    events: EventSender,
) -> io::Result<InputThread> {
    let address = socket.address;
    let prefixes = socket.prefixes;
    match socket.transport {
        Transport::Udp(socket) => control::spawn("syslog/udp", events, move |control| {
            udp::Receiver::new(socket, address, max_line, clock, prefixes).run(&control);
        }),
        Transport::Tcp(socket) => control::spawn("syslog/tcp", events, move |control| {
            tcp::Server::new(socket, address, max_line, clock, prefixes).run(&control);
        }),
    }
}
