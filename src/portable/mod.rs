//! What differs between Linux and other Unix systems: the locks of a part of a file, what the kernel tells of
//! changed directories, lost datagrams, sockets without a file, and the widths of some numbers.
//!
//! Everything else is POSIX, or the libraries' business. `process/` has the one other place: only Linux gives a
//! thread rights of its own.

pub mod datagrams;
pub mod inotify;
pub mod locks;

use std::ffi::OsStr;
use std::io;
use std::os::unix::net::SocketAddr;

use nix::libc;
use nix::sys::stat::Mode;

/// The address of a Unix socket, as `$NOTIFY_SOCKET` has it: a path; on Linux also `@` and a name without a file.
///
/// # Errors
/// It is too long.
pub fn socket_address(text: &OsStr) -> io::Result<SocketAddr> {
    #[cfg(target_os = "linux")]
    {
        use std::os::linux::net::SocketAddrExt;
        use std::os::unix::ffi::OsStrExt;
        if let Some(name) = text.as_bytes().strip_prefix(b"@") {
            return SocketAddr::from_abstract_name(name);
        }
    }
    SocketAddr::from_pathname(text)
}

/// The permissions in the mode of a file; a mode has 16 bits on some systems.
pub fn permissions(mode: u32) -> Mode {
    let bits = libc::mode_t::try_from(mode & 0o7777).unwrap_or_default();
    Mode::from_bits_truncate(bits)
}
