//! The file of the state on its disk: replaced as a whole, or appended to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::journal::record;
use super::{MAGIC, number};
use crate::disk::{Disk, DiskFile, Seen};

/// The file name of the state.
pub(super) const STATE: &str = "tenshi.state";
/// The file name of the next snapshot while it is written.
pub(super) const NEW: &str = "tenshi.state.new";

/// The state of a directory.
#[derive(Debug)]
pub(super) struct StateFile {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    /// The file to which records may be appended; nothing after a failure: what it holds is not known then.
    open: Option<Open>,
}

/// A file whose content is what we wrote, and on the disk.
#[derive(Debug)]
struct Open {
    file: Box<dyn DiskFile>,
    /// What the file must look like.
    seen: Seen,
    /// The checksum of the last record, or of the snapshot.
    checksum: u32,
}

/// How an attempt to append ended.
#[derive(Debug)]
pub enum Written {
    /// The commit is on the disk.
    Done,
    /// The file was removed or changed by somebody else: a whole snapshot is to be written.
    Lost,
    /// The commit may not be on the disk: a whole snapshot is to be written.
    Failed(io::Error),
}

impl StateFile {
    /// The state of this directory. The first commit must be a snapshot.
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path) -> Self {
        Self {
            disk,
            dir: dir.to_owned(),
            open: None,
        }
    }

    /// Removes a snapshot that was not written to its end: what was not renamed was not meant to count.
    pub(super) fn remove_new(&self) -> io::Result<()> {
        match self.disk.remove(&self.dir.join(NEW)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    }

    /// Writes a new snapshot beside the old one and puts it in its place, on the disk and not only in
    /// its cache.
    pub(super) fn replace(&mut self, snapshot: &[u8]) -> Written {
        self.open = None;
        match self.put(snapshot) {
            Ok(open) => {
                self.open = Some(open);
                Written::Done
            }
            Err(e) => Written::Failed(e),
        }
    }

    fn put(&self, snapshot: &[u8]) -> io::Result<Open> {
        let new = self.dir.join(NEW);
        // Made anew each time: nothing that somebody put there is opened.
        let _ = self.disk.remove(&new);
        let mut file = self.disk.create(&new)?;
        let written = file.append(snapshot).and_then(|()| file.sync());
        if let Err(e) = written {
            // On a full disk it is only in the way.
            let _ = self.disk.remove(&new);
            return Err(e);
        }
        self.disk.rename(&new, &self.dir.join(STATE))?;
        // Until then the old file may come back, and a record behind the new one would be lost.
        self.disk.sync_directory(&self.dir)?;
        let checksum = snapshot.get(MAGIC.len()..).and_then(number);
        let (checksum, _) = checksum.ok_or(io::ErrorKind::InvalidData)?;
        let seen = file.look()?;
        Ok(Open {
            file,
            seen,
            checksum,
        })
    }

    /// Appends the record of a commit to the state.
    pub(super) fn append(&mut self, changes: &[u8]) -> Written {
        // Whatever happens now, only a whole record makes the file one to be appended to again.
        let Some(mut open) = self.open.take() else {
            return Written::Lost;
        };
        let there = self.disk.look(&self.dir.join(STATE));
        if !there.is_ok_and(|there| there == open.seen) {
            return Written::Lost;
        }
        let Some((record, checksum)) = record(open.checksum, changes) else {
            return Written::Lost;
        };
        let written = open.file.append(&record).and_then(|()| open.file.sync());
        if let Err(e) = written {
            return Written::Failed(e);
        }
        open.seen.length += record.len() as u64;
        open.checksum = checksum;
        self.open = Some(open);
        Written::Done
    }
}
