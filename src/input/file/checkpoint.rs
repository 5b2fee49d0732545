//! Positions as they are committed: one [`FileCheckpoint`] a generation, recognised again by the
//! [`Fingerprint`] of its content.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fs::{FileId, LogFile};

/// Number of bytes before the offset that a fingerprint keeps.
pub const ANCHOR: usize = 256;
/// Number of bytes at the start of a file that a fingerprint keeps.
pub const HEAD: usize = 1024;

/// Content by which a file is recognised again under any name and inode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The last bytes before the checkpoint's offset, at most [`ANCHOR`].
    pub anchor: Arc<[u8]>,
    /// The first bytes of the file, at most [`HEAD`].
    pub head: Arc<[u8]>,
}

/// What a file is to the path that it is a generation of. Snapshots of version 4 and before had the first two
/// alone, as false and true.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It was rotated, and nobody saw how: its writer or a copier may add to it.
    Rotated,
    /// The path names it. Of one that is finished: it was cut off or is gone.
    Live,
    /// The path named it before: its writer may add to it.
    Renamed,
    /// The log was copied there: only a copier may add to it.
    Copied,
}

/// How far one generation of a log was read. A file belongs to it only if its content fits the
/// fingerprint (I3): names change and inodes are used again, so these two only break ties.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileCheckpoint {
    /// The file when the checkpoint was made.
    pub id: FileId,
    /// The next byte to read: the start of a line (I1), or inside one that is being skipped.
    pub offset: u64,
    /// The length of the file when it was last looked at, bytes.
    pub end: u64,
    /// The content around the offset and at the start of the file.
    pub fingerprint: Fingerprint,
    /// Whether the rest of an over-long line is to be skipped up to its newline.
    pub skipping: bool,
    /// What the file was to the path when the checkpoint was made.
    pub standing: Standing,
}

impl FileCheckpoint {
    /// The checkpoint of a file of which nothing was read.
    pub(super) fn blank(id: FileId) -> Self {
        let none: Arc<[u8]> = Arc::from(&b""[..]);
        Self {
            id,
            offset: 0,
            end: 0,
            fingerprint: Fingerprint {
                anchor: none.clone(),
                head: none,
            },
            skipping: false,
            standing: Standing::Rotated,
        }
    }

    /// Whether nothing of the file's content is known: such a checkpoint fits no file.
    pub fn is_blank(&self) -> bool {
        self.fingerprint.head.is_empty() && self.fingerprint.anchor.is_empty()
    }

    /// Whether the content of `file` is what this checkpoint remembers.
    ///
    /// # Errors
    /// What reading the file gives.
    pub fn fits<F: LogFile>(&self, file: &F) -> io::Result<bool> {
        let before = self
            .offset
            .checked_sub(self.fingerprint.anchor.len() as u64);
        let Some(before) = before.filter(|_| !self.is_blank()) else {
            return Ok(false);
        };
        if file.meta()?.size < self.offset {
            return Ok(false);
        }
        let mut bytes = vec![0; self.fingerprint.head.len()];
        let n = file.read_at(0, &mut bytes)?;
        if bytes[..n] != self.fingerprint.head[..] {
            return Ok(false);
        }
        bytes.resize(self.fingerprint.anchor.len(), 0);
        let n = file.read_at(before, &mut bytes)?;
        Ok(bytes[..n] == self.fingerprint.anchor[..])
    }

    /// Whether a file that begins with `first` begins as this generation did, as far as both go.
    pub fn begins_like(&self, first: &[u8]) -> bool {
        same_beginning(&self.fingerprint.head, first)
    }

    fn position(&self) -> (FileId, u64, bool, Standing) {
        (self.id, self.offset, self.skipping, self.standing)
    }

    /// Takes over the position of another checkpoint of the same file.
    pub(super) fn read_to(&mut self, other: &Self) {
        self.end = self.end.max(other.offset);
        self.offset = other.offset;
        self.fingerprint.clone_from(&other.fingerprint);
    }

    /// The checkpoint of a file that was found to have its content. A file with another inode number is a copy; the
    /// number of its device may change.
    pub(super) fn found_in(self, id: FileId) -> Self {
        let standing = match self.standing {
            _ if self.id.ino != id.ino => Standing::Copied,
            Standing::Live => Standing::Renamed,
            other => other,
        };
        Self {
            id,
            standing,
            ..self
        }
    }
}

/// Whether the shorter of two beginnings is how the longer one begins; empty ones tell nothing.
pub fn same_beginning(a: &[u8], b: &[u8]) -> bool {
    let n = a.len().min(b.len());
    n > 0 && a[..n] == b[..n]
}

/// The committed positions of one followed path.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathCheckpoints {
    /// The path as followed (a glob is expanded).
    #[serde(with = "bytes")]
    pub path: PathBuf,
    /// The generations that may still grow, oldest first.
    pub files: Vec<FileCheckpoint>,
    /// Generations read to their end and let go, oldest first: to know them again.
    pub done: Vec<FileCheckpoint>,
    /// No generation of this path that is not among the checkpoints was written to before this instant
    /// (ns since the epoch).
    pub seen: i64,
    /// When the last line was read, s since the epoch; 0 for never.
    pub last_line: i64,
}

/// A path in a snapshot: its bytes, which need not be UTF-8. In postcard's form they look as a string
/// of them does, so snapshots in which paths were strings are read too.
pub(super) mod bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(path.as_os_str().as_bytes())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        let bytes = bstr::BString::deserialize(deserializer)?;
        Ok(PathBuf::from(OsString::from_vec(bytes.into())))
    }
}

impl PathCheckpoints {
    /// Whether `other` stands at the same places; the times do not count.
    pub(super) fn same_place(&self, other: &PathCheckpoints) -> bool {
        let places = |checkpoints: &[FileCheckpoint]| {
            checkpoints
                .iter()
                .map(FileCheckpoint::position)
                .collect::<Vec<_>>()
        };
        places(&self.files) == places(&other.files) && places(&self.done) == places(&other.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_path_of_any_bytes_is_saved_and_one_that_was_saved_as_a_string_is_read() {
        let checkpoints = |path: &[u8]| PathCheckpoints {
            path: OsStr::from_bytes(path).into(),
            files: Vec::new(),
            done: Vec::new(),
            seen: 7,
            last_line: 8,
        };
        let paths: [&[u8]; 4] = [b"/var/log/l\xe9g.log", b"/\xff\x00\n", "/é".as_bytes(), b""];
        for path in paths {
            let saved = postcard::to_allocvec(&checkpoints(path)).unwrap();
            assert_eq!(
                postcard::from_bytes::<PathCheckpoints>(&saved).unwrap(),
                checkpoints(path)
            );
        }
        let before = ("/var/log/é", 0_u8, 0_u8, 7_i64, 8_i64);
        let saved = postcard::to_allocvec(&before).unwrap();
        let read: PathCheckpoints = postcard::from_bytes(&saved).unwrap();
        assert_eq!(read, checkpoints("/var/log/é".as_bytes()));
        assert_eq!(postcard::to_allocvec(&read).unwrap(), saved);
    }
}
