//! A generation whose file is packed.

use std::io;

use super::super::checkpoint::{FileCheckpoint, HEAD};
use super::super::compressed::Compressed;
use super::super::fs::{FileId, LogFile};
use super::{CHUNK, Generation, Source};

impl<F: LogFile> Generation<F> {
    /// A packed file from its beginning.
    ///
    /// # Errors
    /// The file cannot be read. That it is damaged is told when its end is reached.
    pub fn compressed(file: F, id: FileId, now: i64) -> io::Result<Self> {
        let mut packed = Compressed::open(file)?;
        packed.fill(HEAD);
        packed.readable()?;
        let head = packed.rest[..packed.rest.len().min(HEAD)].into();
        let mut checkpoint = FileCheckpoint::blank(id);
        checkpoint.fingerprint.head = head;
        Ok(Self::new(
            Source::Compressed(Box::new(packed)),
            checkpoint,
            now,
        ))
    }

    /// A packed file that holds what `checkpoint` remembers, at the checkpoint's offset.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn compressed_at(
        file: F,
        id: FileId,
        checkpoint: &FileCheckpoint,
        now: i64,
    ) -> io::Result<Option<Self>> {
        let mut packed = Compressed::open(file)?;
        packed.fill(HEAD);
        packed.readable()?;
        if checkpoint.is_blank() || !packed.rest.starts_with(&checkpoint.fingerprint.head) {
            return Ok(None);
        }
        // The checkpoint may be of a time when there was less: a short head fits many files.
        let head = packed.rest[..packed.rest.len().min(HEAD)].into();
        let mut left = checkpoint
            .offset
            .saturating_sub(checkpoint.fingerprint.anchor.len() as u64);
        while left > 0 {
            packed.fill(CHUNK);
            packed.readable()?;
            let n = packed
                .rest
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            if n == 0 {
                return Ok(None);
            }
            packed.rest.drain(..n);
            left -= n as u64;
        }
        packed.fill(CHUNK);
        packed.readable()?;
        if !packed.rest.starts_with(&checkpoint.fingerprint.anchor) {
            return Ok(None);
        }
        packed.rest.drain(..checkpoint.fingerprint.anchor.len());
        let mut checkpoint = checkpoint.clone().found_in(id);
        checkpoint.fingerprint.head = head;
        let mut generation = Self::new(Source::Compressed(Box::new(packed)), checkpoint, now);
        generation.judged = true;
        Ok(Some(generation))
    }

    /// Why nothing can be unpacked of a packed file, if so.
    pub fn spoiled(&self) -> Option<&io::Error> {
        match &self.source {
            Source::Plain(_) => None,
            Source::Compressed(packed) => packed.fault.as_ref().filter(|_| packed.rest.is_empty()),
        }
    }
}
