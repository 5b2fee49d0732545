//! What a commit changed in the checkpoints of a path. Most of their bytes are the beginnings of the files by
//! which these are known again: a commit after a few more lines does not write them anew.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::checkpoint::{FileCheckpoint, PathCheckpoints, Standing, bytes};

/// The checkpoints of a path as a commit changed them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PathChange {
    /// The path as followed.
    #[serde(with = "bytes")]
    pub path: PathBuf,
    files: Vec<FileChange>,
    done: Vec<FileChange>,
    seen: i64,
    last_line: i64,
}

/// The checkpoint of a generation. The numbers are places in the list of the checkpoints of the commit before: its
/// `files`, then its `done` files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum FileChange {
    /// The checkpoint is as it was.
    Same(u32),
    /// The file was read further; its beginning has not changed.
    Moved {
        from: u32,
        offset: u64,
        end: u64,
        anchor: Arc<[u8]>,
        skipping: bool,
        standing: Standing,
    },
    /// The commit before has no checkpoint of a file with this number and this beginning.
    New(FileCheckpoint),
}

impl FileChange {
    fn new(before: &[&FileCheckpoint], now: &FileCheckpoint) -> Self {
        let head = &now.fingerprint.head;
        let same_file = |old: &&FileCheckpoint| old.id == now.id && old.fingerprint.head == *head;
        let place = before.iter().position(same_file);
        let known = place.and_then(|place| u32::try_from(place).ok());
        match (known, place.and_then(|place| before.get(place))) {
            (Some(from), Some(old)) if *old == now => Self::Same(from),
            (Some(from), Some(_)) => Self::Moved {
                from,
                offset: now.offset,
                end: now.end,
                anchor: now.fingerprint.anchor.clone(),
                skipping: now.skipping,
                standing: now.standing,
            },
            _ => Self::New(now.clone()),
        }
    }

    fn make(self, before: &[&FileCheckpoint]) -> Result<FileCheckpoint, String> {
        let known = |from: u32| {
            let known = before.get(from as usize).map(|known| (*known).clone());
            known.ok_or_else(|| format!("there is no generation {from}"))
        };
        match self {
            Self::Same(from) => known(from),
            Self::New(file) => Ok(file),
            Self::Moved {
                from,
                offset,
                end,
                anchor,
                skipping,
                standing,
            } => {
                let mut file = known(from)?;
                file.fingerprint.anchor = anchor;
                Ok(FileCheckpoint {
                    offset,
                    end,
                    skipping,
                    standing,
                    ..file
                })
            }
        }
    }
}

fn generations(checkpoints: Option<&PathCheckpoints>) -> Vec<&FileCheckpoint> {
    let all = checkpoints.into_iter();
    all.flat_map(|path| path.files.iter().chain(&path.done))
        .collect()
}

impl PathChange {
    /// The change from the checkpoints of the last commit, if there were some, to the checkpoints of now.
    pub fn new(before: Option<&PathCheckpoints>, now: &PathCheckpoints) -> Self {
        let before = generations(before);
        let changes = |files: &[FileCheckpoint]| {
            let changes = files.iter().map(|file| FileChange::new(&before, file));
            changes.collect()
        };
        Self {
            path: now.path.clone(),
            files: changes(&now.files),
            done: changes(&now.done),
            seen: now.seen,
            last_line: now.last_line,
        }
    }

    /// The checkpoints of now, made from the checkpoints of the commit before.
    ///
    /// # Errors
    /// The change was made from other checkpoints.
    pub fn make(self, before: Option<&PathCheckpoints>) -> Result<PathCheckpoints, String> {
        let before = generations(before);
        let make = |changes: Vec<FileChange>| {
            let files = changes.into_iter().map(|change| change.make(&before));
            files.collect::<Result<Vec<_>, _>>()
        };
        Ok(PathCheckpoints {
            path: self.path,
            files: make(self.files)?,
            done: make(self.done)?,
            seen: self.seen,
            last_line: self.last_line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::checkpoint::Fingerprint;
    use super::super::fs::FileId;
    use super::*;

    fn file(ino: u64, offset: u64) -> FileCheckpoint {
        let bytes = |n: u64, length| Arc::from(vec![n as u8; length]);
        FileCheckpoint {
            id: FileId { dev: 1, ino },
            offset,
            end: offset + 7,
            fingerprint: Fingerprint {
                anchor: bytes(offset, 256),
                head: bytes(ino, 1024),
            },
            skipping: false,
            standing: Standing::Live,
        }
    }

    fn path(files: &[(u64, u64)], done: &[(u64, u64)]) -> PathCheckpoints {
        let all = |files: &[(u64, u64)]| files.iter().map(|&(i, o)| file(i, o)).collect();
        PathCheckpoints {
            path: "/var/log/x".into(),
            files: all(files),
            done: all(done),
            seen: 5,
            last_line: 6,
        }
    }

    /// Gives the bytes that the change takes.
    fn through(before: Option<&PathCheckpoints>, now: &PathCheckpoints) -> usize {
        let bytes = postcard::to_stdvec(&PathChange::new(before, now)).unwrap();
        let change: PathChange = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(change.make(before).as_ref(), Ok(now));
        bytes.len()
    }

    #[test]
    fn a_file_that_is_read_further_costs_what_is_new() {
        let first = path(&[(1, 100)], &[]);
        assert!(through(None, &first) > 1280);
        let further = path(&[(1, 5_000_000)], &[]);
        assert!(through(Some(&first), &further) < 320);
        let rotated = path(&[(2, 50)], &[(1, 5_000_000)]);
        assert!((1280..1350).contains(&through(Some(&further), &rotated)));
        let again = path(&[(3, 0), (2, 50)], &[(1, 5_000_000)]);
        through(Some(&rotated), &again);
        let let_go = path(&[(3, 9)], &[(2, 60)]);
        assert!(through(Some(&again), &let_go) < 600);
        let change = PathChange::new(Some(&again), &let_go);
        assert!(change.make(None).is_err());
    }
}
