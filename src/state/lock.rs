//! The lock on a state directory, which also shows whether its daemon runs and can write.
//!
//! Locks of a byte each, for one reason: others can ask whether they are held without taking them, so that
//! looking can never be in the way of a daemon that starts. The kernel lets go of them with the process,
//! and they need no room on a full disk.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::SystemTime;

use crate::plain;
use crate::portable::locks;

/// The file name of the lock.
const LOCK: &str = "tenshi.lock";
/// The byte that is locked while a daemon runs.
const RUNNING: u8 = 0;
/// The byte that is locked while snapshots cannot be written.
const FAILING: u8 = 1;

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
        locks::take(&self.0, RUNNING)
    }

    /// Shows whether snapshots can be written.
    pub(super) fn show_failing(&self, failing: bool) {
        let shown = match failing {
            true => locks::take(&self.0, FAILING).map(drop),
            false => locks::release(&self.0, FAILING),
        };
        if let Err(e) = shown {
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
    Ok(LockStatus {
        running: locks::is_held(&file, RUNNING)?,
        failing: locks::is_held(&file, FAILING)?,
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
