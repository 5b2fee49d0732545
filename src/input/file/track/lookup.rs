//! Looking at directories and rotated files: what is there, what is not, and what cannot be told.

use std::io;
use std::path::Path;

use super::super::checkpoint::FileCheckpoint;
pub(super) use super::super::fs::there;
use super::super::fs::{FileSystem, LogFile};
use super::super::generation::Generation;
use super::super::rotated::{Compression, RotatedFile};
use super::Context;

/// The directory, where the name of a file that has none is relative.
pub(super) fn dir_of(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

/// Opens `rotated file`, if its name still stands for the file that was listed.
pub(super) fn open<F: FileSystem>(rotated: &RotatedFile, cx: &Context<F>) -> Option<F::File> {
    let file = cx.fs.open(&rotated.path);
    let same = file
        .as_ref()
        .is_ok_and(|file| file.meta().is_ok_and(|meta| meta.id == rotated.meta.id));
    let gone = file
        .as_ref()
        .is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
    match &file {
        _ if same => {}
        Err(e) if !gone => {
            cx.unreadable(&rotated.path, e);
        }
        _ => cx.moved.set(true),
    }
    file.ok().filter(|_| same)
}

/// Opens `rotated file` at `checkpoint`, if its content fits.
pub(super) fn resume_on<F: FileSystem>(
    rotated: &RotatedFile,
    checkpoint: &FileCheckpoint,
    cx: &Context<F>,
) -> Option<Generation<F::File>> {
    let file = open(rotated, cx)?;
    let id = rotated.meta.id;
    match rotated.compression {
        Compression::Plain => {
            let fits = cx.readable(&rotated.path, checkpoint.fits(&file))?;
            fits.then(|| Generation::resumed(file, id, checkpoint.clone(), cx.now))
        }
        Compression::Packed => {
            let generation = Generation::compressed_at(file, id, checkpoint, cx.now);
            cx.readable(&rotated.path, generation)?
        }
        Compression::Unreadable => None,
    }
}
