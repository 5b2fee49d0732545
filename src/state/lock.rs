//! The lock on a state directory, which also shows whether its daemon runs and can write.
//!
//! Record locks (fcntl(2), `F_OFD_*`), for one reason: others can ask whether they are held without
//! taking them, so that looking can never be in the way of a daemon that starts. The kernel lets
//! go of them with the process, and they need no room on a full disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::plain;

/// The file name of the lock.
const LOCK: &str = "tenshi.lock";
/// The byte that is locked while a daemon runs.
const RUNNING: libc::off_t = 0;
/// The byte that is locked while snapshots cannot be written.
const FAILING: libc::off_t = 1;

/// The lock file of a directory, open.
#[derive(Debug)]
pub(super) struct Lock(File);

/// What the lock of a state directory shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockStatus {
    /// Whether a daemon runs.
    pub running: bool,
    /// Whether it cannot write its snapshots.
    pub failing: bool,
    /// The time of the last heartbeat; `None` if no daemon ever was there.
    pub moved: Option<SystemTime>,
}

fn record(kind: libc::c_int, byte: libc::off_t) -> libc::flock {
    let short = |n: libc::c_int| i16::try_from(n).unwrap_or_default();
    libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

impl Lock {
    /// Opens the lock file, and makes it if need be.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).read(true).write(true);
        let file = plain::open_with(options.mode(0o640), &dir.join(LOCK));
        file.map(Self)
            .map_err(|e| io::Error::new(e.kind(), format!("{LOCK}: {e}")))
    }

    /// Takes the lock until this is dropped; false if another process holds it.
    pub(super) fn take(&self) -> io::Result<bool> {
        match self.set(libc::F_WRLCK, RUNNING) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    /// Shows whether snapshots can be written.
    pub(super) fn show_failing(&self, failing: bool) {
        let kind = if failing {
            libc::F_WRLCK
        } else {
            libc::F_UNLCK
        };
        if let Err(e) = self.set(kind, FAILING) {
            log::warn!("{LOCK}: {e}: `tenshi status` cannot see that snapshots fail");
        }
    }

    /// Whether this is still the lock file of `dir`, and not of one that was removed.
    pub(super) fn is_in(&self, dir: &Path) -> io::Result<bool> {
        let own = self.0.metadata()?;
        match std::fs::symlink_metadata(dir.join(LOCK)) {
            Ok(there) => Ok((there.dev(), there.ino()) == (own.dev(), own.ino())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Shows a heartbeat, by the file's time: that takes no room on a full disk.
    pub(super) fn beat(&self) {
        // On a file system that is read-only by now the snapshots fail too, and are told.
        let _ = self.0.set_modified(SystemTime::now());
    }

    fn set(&self, kind: libc::c_int, byte: libc::off_t) -> nix::Result<libc::c_int> {
        fcntl(&self.0, FcntlArg::F_OFD_SETLK(&record(kind, byte)))
    }
}

/// Reads the lock of `dir`. Changes nothing, and needs no more than to read the lock file.
///
/// # Errors
/// The file may not be read, or its file system has no such locks.
pub fn lock_status(dir: &Path) -> io::Result<LockStatus> {
    let file = match plain::open(&dir.join(LOCK)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            return Ok(LockStatus {
                running: false,
                failing: false,
                moved: None,
            });
        }
        Err(e) => return Err(e),
    };
    let held = |byte| -> io::Result<bool> {
        let mut found = record(libc::F_WRLCK, byte);
        fcntl(&file, FcntlArg::F_OFD_GETLK(&mut found))?;
        Ok(libc::c_int::from(found.l_type) != libc::F_UNLCK)
    };
    Ok(LockStatus {
        running: held(RUNNING)?,
        failing: held(FAILING)?,
        moved: file.metadata()?.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_it_can_be_seen_and_looking_is_not_holding() {
        let dir = tempfile::tempdir().unwrap();
        let look = || {
            let holder = lock_status(dir.path()).unwrap();
            (holder.running, holder.failing)
        };
        let seen = |running, failing| (running, failing);
        assert_eq!(look(), seen(false, false));
        let lock = Lock::open(dir.path()).unwrap();
        assert_eq!(look(), seen(false, false));
        assert!(lock.take().unwrap());
        assert_eq!(look(), seen(true, false));
        assert!(!Lock::open(dir.path()).unwrap().take().unwrap());
        lock.show_failing(true);
        assert_eq!(look(), seen(true, true));
        lock.show_failing(false);
        assert_eq!(look(), seen(true, false));
        drop(lock);
        assert_eq!(look(), seen(false, false));
        assert!(Lock::open(dir.path()).unwrap().take().unwrap());
    }
}
