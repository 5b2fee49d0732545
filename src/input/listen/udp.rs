//! Syslog over UDP (RFC 5426): a datagram is at least one message.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::time::Duration;

use bstr::BString;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt};

use crate::clock::Clock;
use crate::input::control::{Control, RateLimit};
use crate::input::syslog::{self, Arrival, Prefixes};
use crate::input::text::Text;
use crate::input::{Checkpoint, Event};
use crate::portable::datagrams;

/// Length of the largest datagram there is, bytes.
const LARGEST: usize = 65_536;
/// Number of bytes that the kernel may hold for us while the loop is busy; it gives what it allows.
const BUFFER: usize = 4 << 20;

pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    // Both only help: without them fewer datagrams fit, or losses go unseen.
    let _ = setsockopt(&socket, sockopt::RcvBuf, &BUFFER);
    let _ = datagrams::count_dropped(&socket);
    Ok(socket)
}

pub(super) struct Receiver {
    socket: UdpSocket,
    /// The source of the lines, as `repeat` knows it.
    source: Arc<BString>,
    /// The name in messages.
    name: String,
    clock: Arc<dyn Clock>,
    text: Text,
    prefixes: Prefixes,
    /// Number of datagrams that the kernel has dropped so far.
    dropped: u32,
    dropped_told: u32,
    loss_limit: RateLimit,
    fault_limit: RateLimit,
}

/// The result of one read from the socket.
enum Received {
    Message,
    Nothing,
    Fault(Errno),
}

impl Receiver {
    pub fn new(
        socket: UdpSocket,
        address: SocketAddr,
        max_line: usize,
        clock: Arc<dyn Clock>,
        prefixes: Prefixes,
    ) -> Self {
        Self {
            socket,
            source: Arc::new(format!("listen {address}").into()),
            name: format!("listen {address}"),
            clock,
            text: Text::new(max_line),
            prefixes,
            dropped: 0,
            dropped_told: 0,
            loss_limit: RateLimit::default(),
            fault_limit: RateLimit::default(),
        }
    }

    pub fn run(mut self, control: &Control) {
        let mut buffer = vec![0; LARGEST];
        let mut drain = None;
        while !control.ended() {
            drain = control.asked().or(drain);
            let mut pause = None;
            let quiet = loop {
                match self.receive(&mut buffer) {
                    Received::Message if self.text.full() => break false,
                    Received::Message => {}
                    Received::Nothing => break true,
                    Received::Fault(fault) => {
                        if let Some(more) = self.fault_limit.due() {
                            control.fault(format!("{}: {fault}{more}", self.name));
                        }
                        pause = Some(Duration::from_secs(1));
                        break true;
                    }
                }
            };
            if !control.send_batch(self.text.batch(&self.source, Checkpoint::None)) {
                return;
            }
            self.tell_losses(control);
            if quiet {
                if drain.take().is_some() && !control.send(Event::Drained) {
                    return;
                }
                match pause {
                    None => control.wait(&[self.socket.as_fd()], None),
                    pause => control.wait(&[], pause),
                };
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Received {
        let mut control = nix::cmsg_space!(u32);
        let mut slices = [IoSliceMut::new(buffer)];
        let received = recvmsg::<SockaddrStorage>(
            self.socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        );
        let (length, sender) = match received {
            Err(Errno::EAGAIN) => return Received::Nothing,
            // A signal, or an answer to nothing that we sent.
            Err(Errno::EINTR | Errno::ECONNREFUSED) => return Received::Message,
            Err(fault) => return Received::Fault(fault),
            Ok(message) => {
                let told = message.cmsgs().into_iter().flatten();
                if let Some(dropped) = told.filter_map(|one| datagrams::dropped(&one)).last() {
                    self.dropped = dropped;
                }
                (message.bytes, message.address.as_ref().and_then(ip))
            }
        };
        let sender = sender.map_or_else(|| "unknown".into(), |ip| ip.to_canonical().to_string());
        let arrival = Arrival {
            sender: Some(&sender),
            time: self.clock.now(),
        };
        let message = &buffer[..length];
        syslog::take(message, false, arrival, &self.prefixes, &mut self.text);
        Received::Message
    }

    fn tell_losses(&mut self, control: &Control) {
        let lost = self.dropped.wrapping_sub(self.dropped_told);
        if lost > 0 && self.loss_limit.due().is_some() {
            self.dropped_told = self.dropped;
            control.loss(format!(
                "{}: {lost} datagrams are lost: more came than could be taken in (a larger \
                 net.core.rmem_max helps, or TCP)",
                self.name
            ));
        }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())))
}
