//! The file system as the follower needs it. The real one is [`RealFs`]; the model test has one in
//! memory, so that every interleaving of writer, rotator and reader can be played.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::logpath::Names;

/// Device and inode. Good for telling two files apart while both are held open; no proof of
/// identity after that, because inodes are used again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct FileId {
    /// `st_dev`; may change over a reboot.
    pub dev: u64,
    /// `st_ino`.
    pub ino: u64,
}

/// The kind of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A plain file: the only kind that is followed.
    Regular,
    /// A directory.
    Directory,
    /// A fifo, a socket or a device.
    Other,
}

/// What `stat` tells of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Which file it is.
    pub id: FileId,
    /// The length of the file, bytes.
    pub size: u64,
    /// When its content (for a directory: its list of names) last changed, ns since the epoch.
    pub mtime: i64,
    /// The kind of the file.
    pub kind: Kind,
    /// Number of names of the file (`st_nlink`); none once it was removed or another one took its name.
    pub links: u64,
}

/// When names in some directories changed last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The newest of their mtimes, ns.
    pub newest: i64,
    /// The sum of all of them: a change in any directory makes it another one.
    sum: i64,
}

impl Stamp {
    /// The stamp of one directory.
    pub fn of(directory: &Meta) -> Self {
        Self {
            newest: directory.mtime,
            sum: directory.mtime,
        }
    }

    /// The stamp of these directories and another one.
    #[must_use]
    pub fn and(self, directory: &Meta) -> Self {
        Self {
            newest: self.newest.max(directory.mtime),
            sum: self.sum.wrapping_add(directory.mtime),
        }
    }
}

/// An open log file.
pub trait LogFile: Send + 'static {
    /// What `stat` tells of the file now.
    fn meta(&self) -> io::Result<Meta>;
    /// Reads at `offset`; fewer bytes than asked for only at the end.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}

/// A file system: names and files.
pub trait FileSystem: Send + 'static {
    /// The type of an open file.
    type File: LogFile;
    /// Opens for reading, without waiting for anybody (a fifo's writer).
    fn open(&self, path: &Path) -> io::Result<Self::File>;
    /// Follows symbolic links.
    fn meta(&self, path: &Path) -> io::Result<Meta>;
    /// The names in a directory.
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>>;
    /// Whether there is anything of this name, be it a link that leads nowhere.
    fn is_there(&self, path: &Path) -> bool {
        self.meta(path).is_ok()
    }
}

impl<F: FileSystem> Names for F {
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        FileSystem::list(self, dir)
    }

    fn is_there(&self, path: &Path) -> bool {
        FileSystem::is_there(self, path)
    }

    fn directory(&self, path: &Path) -> Option<(u64, u64)> {
        let meta = self.meta(path).ok();
        let meta = meta.filter(|meta| meta.kind == Kind::Directory)?;
        Some((meta.id.dev, meta.id.ino))
    }
}

/// What a call gave; nothing if there is no such file.
pub(super) fn there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{NotADirectory, NotFound};
    match result {
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => Ok(None),
        other => other.map(Some),
    }
}

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealFs;

fn meta_of(metadata: &Metadata) -> Meta {
    let kind = if metadata.is_file() {
        Kind::Regular
    } else if metadata.is_dir() {
        Kind::Directory
    } else {
        Kind::Other
    };
    Meta {
        id: FileId {
            dev: metadata.dev(),
            ino: metadata.ino(),
        },
        size: metadata.size(),
        mtime: metadata
            .mtime()
            .saturating_mul(1_000_000_000)
            .saturating_add(metadata.mtime_nsec()),
        kind,
        links: metadata.nlink(),
    }
}

impl LogFile for File {
    fn meta(&self) -> io::Result<Meta> {
        Ok(meta_of(&self.metadata()?))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match FileExt::read_at(self, &mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }
}

impl FileSystem for RealFs {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        Ok(meta_of(&std::fs::metadata(path)?))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    fn is_there(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path).is_ok()
    }
}
