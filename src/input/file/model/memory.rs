//! A file system in memory.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};

use super::super::*;

pub(super) struct Inode {
    pub ino: u64,
    pub data: Vec<u8>,
    pub mtime: i64,
    /// Whether nobody may open it; who has it open reads on.
    pub closed: bool,
    /// Number of its names.
    pub links: u64,
}

pub(super) type Shared = Arc<Mutex<Inode>>;

#[derive(Default)]
pub(super) struct Disk {
    pub now: i64,
    pub dir_mtime: i64,
    pub names: BTreeMap<PathBuf, Shared>,
    pub all: Vec<Weak<Mutex<Inode>>>,
}

#[derive(Clone, Default)]
pub(super) struct MemFs(pub Arc<Mutex<Disk>>);

impl LogFile for Shared {
    fn meta(&self) -> io::Result<Meta> {
        let inode = self.lock().unwrap();
        let id = FileId {
            dev: 1,
            ino: inode.ino,
        };
        Ok(Meta {
            id,
            size: inode.data.len() as u64,
            mtime: inode.mtime,
            kind: Kind::Regular,
            links: inode.links,
        })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let inode = self.lock().unwrap();
        let data = inode.data.get(offset as usize..).unwrap_or_default();
        let n = data.len().min(buf.len());
        buf[..n].copy_from_slice(&data[..n]);
        Ok(n)
    }
}

impl FileSystem for MemFs {
    type File = Shared;

    fn open(&self, path: &Path) -> io::Result<Shared> {
        let disk = self.0.lock().unwrap();
        let file = disk.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        if file.lock().unwrap().closed {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(file.clone())
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        let disk = self.0.lock().unwrap();
        if path == Path::new("/d") {
            let id = FileId { dev: 1, ino: 0 };
            return Ok(Meta {
                id,
                size: 0,
                mtime: disk.dir_mtime,
                kind: Kind::Directory,
                links: 1,
            });
        }
        disk.names.get(path).ok_or(io::ErrorKind::NotFound)?.meta()
    }

    fn list(&self, _: &Path) -> io::Result<Vec<OsString>> {
        let disk = self.0.lock().unwrap();
        Ok(disk
            .names
            .keys()
            .filter_map(|p| p.file_name())
            .map(OsString::from)
            .collect())
    }
}
