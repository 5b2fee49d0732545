//! The pid file (`set pidfile`): written before root's rights are given up, locked while we run.

use std::ffi::OsString;
use std::fs::{File, Permissions, TryLockError};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::shown::shown_path;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{Uid, UnlinkatFlags, unlinkat};

use super::walk::Walk;

/// Our pid file, locked. Dropping it removes the file as far as we still may.
#[derive(Debug)]
pub struct PidFile {
    dir: OwnedFd,
    name: OsString,
    file: File,
}

impl PidFile {
    /// Writes the process id, decimal and without a newline, readable by all.
    ///
    /// The directory may be reached through a link of root's, as `/var/run` is one; the file itself
    /// may be none.
    ///
    /// # Errors
    /// The path is a link or no plain file of one name, it cannot be written, another daemon holds
    /// it, or others may have put it there.
    pub fn create(path: &Path) -> Result<Self, String> {
        let told = |words: &str| format!("pid file {}: {words}", shown_path(&path));
        let name = path.file_name().ok_or_else(|| told("is no file name"))?;
        let parent = match path.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let parent = Walk::to_directory(&parent).map_err(|e| told(&e.to_string()))?;
        // Not blocking: a FIFO in its place must not hold us.
        let flags = OFlag::O_RDWR
            | OFlag::O_CREAT
            | OFlag::O_NOFOLLOW
            | OFlag::O_NONBLOCK
            | OFlag::O_CLOEXEC;
        let file = openat(&parent, name, flags, Mode::from_bits_truncate(0o644)).map_err(|e| {
            told(match e {
                Errno::ELOOP => "is a link, which is never followed; remove it",
                e => e.desc(),
            })
        })?;
        let Locked(mut file) = Locked::new(File::from(file), &parent).map_err(|e| told(&e))?;
        // Emptied before all may read it: what was in it may have been for few.
        file.set_len(0).map_err(|e| told(&e.to_string()))?;
        // A strict umask would hide it from those who ask for our state. The file may be another
        // owner's, whose mode it keeps.
        let _ = file.set_permissions(Permissions::from_mode(0o644));
        write!(file, "{}", std::process::id()).map_err(|e| told(&e.to_string()))?;
        Ok(Self {
            dir: parent.into_directory(),
            name: name.to_owned(),
            file,
        })
    }

    /// Removes the file at the end of the run, as far as we still may; else it is left empty.
    pub fn remove(self) {
        drop(self);
    }

    /// Whether our name still leads to our file, and not to the file of a daemon after us.
    fn is_ours(&self) -> bool {
        let there = fstatat(
            &self.dir,
            self.name.as_os_str(),
            AtFlags::AT_SYMLINK_NOFOLLOW,
        );
        match (there, self.file.metadata()) {
            (Ok(there), Ok(ours)) => (there.st_dev, there.st_ino) == (ours.dev(), ours.ino()),
            _ => false,
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let name = self.name.as_os_str();
        if !self.is_ours() || unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir).is_err() {
            // In a directory of root's there is no more to be done.
            let _ = self.file.set_len(0);
        }
    }
}

/// Opens a plain file of one name and locks it for us alone. Nothing is written to it yet.
struct Locked(File);

impl Locked {
    fn new(file: File, parent: &Walk) -> Result<Self, String> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err("another tenshi is running with it".into()),
            Err(TryLockError::Error(e)) => return Err(e.to_string()),
        }
        // After the lock: a daemon that just ended may have removed what we opened.
        let meta = file.metadata().map_err(|e| e.to_string())?;
        if !meta.is_file() || meta.nlink() != 1 {
            return Err("is not a plain file of its own; remove it".into());
        }
        // Where others may write, they may have given this name to a file that is not theirs.
        let known = |uid| uid == Uid::effective() || parent.owner() == Ok(uid);
        if parent.is_shared() && Uid::effective().is_root() && !known(Uid::from_raw(meta.uid())) {
            return Err("belongs to neither root nor the owner of its directory; remove it".into());
        }
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_process_id_and_one_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        std::fs::write(&path, "99999999 old\n").unwrap();
        let pid = PidFile::create(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, std::process::id().to_string());
        assert!(
            PidFile::create(&path)
                .unwrap_err()
                .contains("another tenshi")
        );
        pid.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_link_is_never_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("pid"));
        std::fs::write(&target, "precious").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(PidFile::create(&link).is_err());
        let hard = dir.path().join("hard");
        std::fs::hard_link(&target, &hard).unwrap();
        assert!(PidFile::create(&hard).is_err());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
    }

    #[test]
    fn the_directory_may_be_a_link_as_var_run_is() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("run")).unwrap();
        std::os::unix::fs::symlink("run", dir.path().join("link")).unwrap();
        let pid = PidFile::create(&dir.path().join("link/pid")).unwrap();
        let meta = std::fs::metadata(dir.path().join("run/pid")).unwrap();
        assert_eq!(meta.mode() & 0o7777, 0o644);
        drop(pid);
        assert!(!dir.path().join("run/pid").exists());
    }

    #[test]
    fn another_daemons_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let ours = PidFile::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "theirs").unwrap();
        ours.remove();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn what_is_no_plain_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let places = [
            fifo.as_path(),
            dir.path(),
            Path::new("/dev/null"),
            Path::new("/"),
        ];
        for place in places {
            assert!(PidFile::create(place).is_err(), "{}", place.display());
        }
        assert!(fifo.exists());
    }
}
