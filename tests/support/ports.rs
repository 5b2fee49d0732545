//! Ports for programs that a test starts: numbers that the kernel gives to nobody.

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Where the kernel's own choice (`bind` to port 0, `connect`) begins by default.
const EPHEMERAL: u16 = 32_768;
/// The number of ports below it that are taken one after the other.
const SPAN: u16 = 16_000;

/// Such a port of the loopback interface.
pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

/// A port on which nobody listens, by UDP or TCP. It is below those that the kernel chooses from: while the
/// program is not up yet, or is started again, no other socket of this machine comes upon it.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let lowest = range.split_whitespace().next().and_then(|n| n.parse().ok());
    let end = lowest.unwrap_or(EPHEMERAL).max(SPAN + 1024);
    // Test programs that run beside this one, with the next process numbers, begin elsewhere.
    let offset = (u64::from(std::process::id()) * 331 % u64::from(SPAN)) as u16;
    for _ in 0..SPAN {
        let number = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(offset) % SPAN;
        let address = ("0.0.0.0", end - SPAN + number);
        if TcpListener::bind(address).is_ok() && UdpSocket::bind(address).is_ok() {
            return address.1;
        }
    }
    panic!("no free port between {} and {end}", end - SPAN);
}
