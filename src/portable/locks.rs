//! Locks on a byte of a file, which others can see without taking them (fcntl(2)).
//!
//! On Linux the open file holds them (`F_OFD_SETLK`). Elsewhere the process does (`F_SETLK`): a process must open
//! a file that it has locked only once, and lock it after it went to the background.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// Takes the lock of a byte; false if somebody else holds it.
///
/// # Errors
/// The file system has no such locks.
pub fn take(file: &File, byte: u8) -> io::Result<bool> {
    match set(file, libc::F_WRLCK as libc::c_int, byte) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Lets go of the lock of a byte.
///
/// # Errors
/// The file system has no such locks.
pub fn release(file: &File, byte: u8) -> io::Result<()> {
    set(file, libc::F_UNLCK as libc::c_int, byte)?;
    Ok(())
}

/// Whether somebody else holds the lock of a byte.
///
/// # Errors
/// The file system has no such locks.
pub fn is_held(file: &File, byte: u8) -> io::Result<bool> {
    let mut found = record(libc::F_WRLCK as libc::c_int, byte);
    #[cfg(target_os = "linux")]
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut found))?;
    #[cfg(not(target_os = "linux"))]
    fcntl(file, FcntlArg::F_GETLK(&mut found))?;
    Ok(libc::c_int::from(found.l_type) != libc::F_UNLCK as libc::c_int)
}

fn set(file: &File, kind: libc::c_int, byte: u8) -> nix::Result<libc::c_int> {
    let record = record(kind, byte);
    #[cfg(target_os = "linux")]
    return fcntl(file, FcntlArg::F_OFD_SETLK(&record));
    #[cfg(not(target_os = "linux"))]
    return fcntl(file, FcntlArg::F_SETLK(&record));
}

fn record(kind: libc::c_int, byte: u8) -> libc::flock {
    let short = |n: libc::c_int| i16::try_from(n).unwrap_or_default();
    libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: libc::off_t::from(byte),
        l_len: 1,
        l_pid: 0,
        #[cfg(target_os = "freebsd")]
        l_sysid: 0,
    }
}
