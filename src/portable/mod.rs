//! What differs between Linux and other Unix systems: the locks of a part of a file, what the kernel tells of
//! changed directories, lost datagrams, and the widths of some numbers.
//!
//! Everything else is POSIX, or the libraries' business. `process/` has the one other place: only Linux gives a
//! thread rights of its own.

pub mod datagrams;
pub mod inotify;
pub mod locks;

use nix::libc;
use nix::sys::stat::Mode;

/// The permissions in the mode of a file; a mode has 16 bits on some systems.
pub fn permissions(mode: u32) -> Mode {
    let bits = libc::mode_t::try_from(mode & 0o7777).unwrap_or_default();
    Mode::from_bits_truncate(bits)
}
