//! The files of a configuration. Behind a trait, so that a configuration can be read without any
//! (fuzzing, tests).

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::plain;

/// The greatest configuration file that is read, bytes: a greater one is something else.
const MAX_FILE: u64 = 16 << 20;

/// The files that a configuration is read from.
pub(super) trait ConfigFiles {
    /// The whole content of a file.
    ///
    /// # Errors
    /// The file cannot be read, is a directory, or is longer than 16 MiB.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The names in a directory that belong to regular files, links followed; in any order.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// The canonical path of a file, by which an include loop is known.
    fn identity(&self, path: &Path) -> PathBuf;
}

/// The files of the file system.
pub(super) struct FileSystem;

impl ConfigFiles for FileSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = plain::read(path, MAX_FILE + 1)?;
        if bytes.len() as u64 > MAX_FILE {
            let text = format!(
                "longer than {} MiB: this is no configuration",
                MAX_FILE >> 20
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            // Not `entry.file_type()`: links are followed.
            if fs::metadata(entry.path()).is_ok_and(|meta| meta.is_file()) {
                names.push(entry.file_name());
            }
        }
        Ok(names)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
    }
}

/// No files at all: every include is an error.
pub(super) struct NoFiles;

impl ConfigFiles for NoFiles {
    fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn identity(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

/// Files that are read once, however often they are asked for: a configuration may come out of a pipe.
pub(super) struct Kept<'f> {
    files: &'f dyn ConfigFiles,
    read: RefCell<HashMap<PathBuf, Vec<u8>>>,
}

impl<'f> Kept<'f> {
    /// These files, of which none is read yet.
    pub(super) fn new(files: &'f dyn ConfigFiles) -> Self {
        Self {
            files,
            read: RefCell::default(),
        }
    }
}

impl ConfigFiles for Kept<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if let Some(bytes) = self.read.borrow().get(path) {
            return Ok(bytes.clone());
        }
        let bytes = self.files.read(path)?;
        let kept = bytes.clone();
        self.read.borrow_mut().insert(path.to_owned(), kept);
        Ok(bytes)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.files.list(directory)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        self.files.identity(path)
    }
}
