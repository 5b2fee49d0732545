//! The disk under everything that is to survive a power cut: a few operations, each of which says what a
//! power cut may take back. Tests have another one in its place that forgets all that it may.
//!
//! The rules for whoever writes:
//! * What was appended is on the disk once [`DiskFile::sync`] has returned; before that, any part of it may be
//!   there, in any order.
//! * A new file, another name and a removal are on the disk once [`Disk::sync_directory`] has returned; before
//!   that, each of them may be there or not.
//! * After a failed sync nothing is known of what was not on the disk before.

#[cfg(test)]
mod simulated;

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::plain;
#[cfg(test)]
pub use simulated::SimulatedDisk;

/// What is seen of a file without reading it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The device and the number of the file on it.
    pub id: (u64, u64),
    /// The length of the file, bytes.
    pub length: u64,
}

/// The files of directories.
pub trait Disk: Debug + Send + Sync {
    /// Makes a file, to be appended to; its group may read it.
    ///
    /// # Errors
    /// There is one of this name, or none can be made.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a plain file that is there, to be appended to.
    ///
    /// # Errors
    /// There is none, it may not be written, or it is no plain file.
    fn append_to(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Makes a directory, which its group may read.
    ///
    /// # Errors
    /// There is one of this name, or none can be made.
    fn make_directory(&self, path: &Path) -> io::Result<()>;

    /// Reads a whole plain file.
    ///
    /// # Errors
    /// There is none, it may not be read, or it is no plain file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read_head(path, u64::MAX)
    }

    /// Reads a plain file up to `most` bytes.
    ///
    /// # Errors
    /// As for [`Self::read`].
    fn read_head(&self, path: &Path, most: u64) -> io::Result<Vec<u8>>;

    /// Looks at the file of this name; a link is not followed.
    ///
    /// # Errors
    /// There is none, or the directory may not be searched.
    fn look(&self, path: &Path) -> io::Result<Seen>;

    /// Gives a file another name. A file that has that name already loses it.
    ///
    /// # Errors
    /// There is no such file, or the directory may not be written.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file one more name.
    ///
    /// # Errors
    /// There is no such file, that name is taken, or the file system has one name for each file only.
    fn link(&self, file: &Path, name: &Path) -> io::Result<()>;

    /// Takes a file's name away.
    ///
    /// # Errors
    /// There is no such file, or the directory may not be written.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Returns when all names in the directory are on the disk.
    ///
    /// # Errors
    /// They may not be.
    fn sync_directory(&self, dir: &Path) -> io::Result<()>;
}

/// A file that is appended to.
pub trait DiskFile: Debug + Send {
    /// Appends the bytes.
    ///
    /// # Errors
    /// A part of them may be appended.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was appended is on the disk.
    ///
    /// # Errors
    /// It may not be.
    fn sync(&mut self) -> io::Result<()>;

    /// Looks at the file, whatever its name is by now.
    ///
    /// # Errors
    /// What the file system gives.
    fn look(&self) -> io::Result<Seen>;
}

/// The disk of this machine.
#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.create_new(true).append(true).mode(0o640).open(path);
        Ok(Box::new(file?))
    }

    fn append_to(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = plain::open_with(OpenOptions::new().append(true), path)?;
        Ok(Box::new(file))
    }

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().mode(0o750).create(path)
    }

    fn read_head(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        plain::open(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn look(&self, path: &Path) -> io::Result<Seen> {
        fs::symlink_metadata(path).map(|meta| seen(&meta))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, file: &Path, name: &Path) -> io::Result<()> {
        fs::hard_link(file, name)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        // The length counts as data; times do not matter.
        self.sync_data()
    }

    fn look(&self) -> io::Result<Seen> {
        self.metadata().map(|meta| seen(&meta))
    }
}

fn seen(meta: &fs::Metadata) -> Seen {
    Seen {
        id: (meta.dev(), meta.ino()),
        length: meta.len(),
    }
}
