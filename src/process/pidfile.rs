//! `set pidfile`: written before root's rights are given up, locked while we run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc::{O_CLOEXEC, O_NOFOLLOW, O_NONBLOCK};

/// Our pid file, locked.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes the process id, decimal and without a newline.
    ///
    /// # Errors
    /// The path is a link or no plain file of one name, it cannot be written, or another daemon
    /// holds it.
    pub fn create(path: &Path) -> Result<Self, String> {
        let told = |words: &str| format!("pid file {}: {words}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .custom_flags(O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            .open(path)
            .map_err(|e| told(&e.to_string()))?;
        let meta = file.metadata().map_err(|e| told(&e.to_string()))?;
        if !meta.is_file() || meta.nlink() != 1 {
            return Err(told("is not a plain file of its own; remove it"));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(told("another tenshi is running with it")),
            Err(TryLockError::Error(e)) => return Err(told(&e.to_string())),
        }
        file.set_len(0)
            .and_then(|()| write!(file, "{}", std::process::id()))
            .map_err(|e| told(&e.to_string()))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Removes it at the end of the run, as far as we still may; else it is left empty.
    pub fn remove(self) {
        if std::fs::remove_file(&self.path).is_err() {
            // In a directory of root's there is no more to be done.
            let _ = self.file.set_len(0);
        }
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
}
