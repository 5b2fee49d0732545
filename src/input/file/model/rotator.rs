//! What rotators, packers and admins do to the files.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::memory::Shared;
use super::{KEEP, Model, name, number, packed_name};

impl Model {
    pub(super) fn shift(&mut self) {
        let pairs: Vec<(PathBuf, PathBuf)> = (1..=KEEP)
            .rev()
            .flat_map(|n| [(name(n), name(n + 1)), (packed_name(n), packed_name(n + 1))])
            .collect();
        for (from, to) in pairs {
            self.names(|names| {
                if let Some(file) = names.remove(&from) {
                    names.insert(to, file);
                }
            });
        }
        if let Some(file) = self.file(&name(KEEP + 1)) {
            self.excuse(&file);
        }
        if let Some(file) = self.file(&packed_name(KEEP + 1)) {
            let mut text = Vec::new();
            let packed = file.lock().unwrap().data.clone();
            io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut text)
                .unwrap();
            self.excused
                .extend(text.split(|&b| b == b'\n').filter_map(number));
        }
        self.names(|names| {
            names.remove(&name(KEEP + 1));
            names.remove(&packed_name(KEEP + 1));
        });
    }

    pub(super) fn rename(&mut self) {
        self.shift();
        self.names(|names| {
            if let Some(file) = names.remove(&name(0)) {
                names.insert(name(1), file);
            }
        });
    }

    pub(super) fn copy_truncate(&mut self) {
        let Some(file) = self.file(&name(0)) else {
            return;
        };
        self.finish_half();
        self.shift();
        let data = file.lock().unwrap().data.clone();
        let copy = self.create(data, None);
        self.names(|names| drop(names.insert(name(1), copy)));
        self.empty(&file);
    }

    pub(super) fn empty(&mut self, file: &Shared) {
        let now = self.fs.0.lock().unwrap().now;
        self.hints.written(name(0));
        let mut inode = file.lock().unwrap();
        inode.data.clear();
        inode.mtime = now;
    }

    pub(super) fn gzip(&mut self) {
        let n = 2 + self.below(KEEP as u64 - 1) as usize;
        let Some(file) = self.file(&name(n)) else {
            return;
        };
        if self.writer.as_ref().is_some_and(|w| Arc::ptr_eq(w, &file)) {
            return;
        }
        let empty = file.lock().unwrap().data.is_empty();
        if empty {
            return;
        }
        let data = file.lock().unwrap().data.clone();
        let mtime = file.lock().unwrap().mtime;
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(&data).unwrap();
        let packed = self.create(packer.finish().unwrap(), Some(mtime));
        self.names(|names| {
            names.remove(&name(n));
            names.insert(packed_name(n), packed);
        });
    }

    /// The permissions of some file change: the log, or one that was rotated.
    pub(super) fn chmod(&mut self) {
        let names = self.fs.0.lock().unwrap().names.clone();
        let at = self.below(names.len().max(1) as u64) as usize;
        if let Some((path, file)) = names.iter().nth(at) {
            let mut inode = file.lock().unwrap();
            inode.closed = !inode.closed;
            self.hints.named(path.clone());
        }
    }

    pub(super) fn open_up(&mut self) {
        let names = self.fs.0.lock().unwrap().names.clone();
        for (path, file) in names {
            file.lock().unwrap().closed = false;
            self.hints.named(path);
        }
    }

    pub(super) fn destroy(&mut self, truncate: bool) {
        let Some(file) = self.file(&name(0)) else {
            return;
        };
        self.finish_half();
        self.excuse(&file);
        if truncate {
            self.empty(&file);
        } else {
            self.names(|names| drop(names.remove(&name(0))));
            // Late lines go to a file without a name: gone if we are not there.
            self.reopen();
        }
    }
}
