//! Datagrams that the kernel dropped because nobody took them in. Linux counts them for each socket
//! (`SO_RXQ_OVFL`, socket(7)); where it is another system their loss goes unseen.

use std::net::UdpSocket;

use nix::sys::socket::ControlMessageOwned;

/// Asks the kernel to tell, with each datagram, how many were dropped before it.
///
/// # Errors
/// The kernel does not count them.
pub fn count_dropped(socket: &UdpSocket) -> nix::Result<()> {
    #[cfg(target_os = "linux")]
    return nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RxqOvfl, &1);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = socket;
        Err(nix::errno::Errno::ENOPROTOOPT)
    }
}

/// How many datagrams of a socket were dropped since it was opened, if this message tells it.
pub fn dropped(message: &ControlMessageOwned) -> Option<u32> {
    match message {
        #[cfg(target_os = "linux")]
        ControlMessageOwned::RxqOvfl(dropped) => Some(*dropped),
        _ => None,
    }
}
