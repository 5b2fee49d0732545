//! What `tenshi learn` hands over: a file beside the state, which the daemon takes in at its start or at a
//! `SIGHUP`, and removes once a commit holds it. The state itself is the daemon's alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::permissions::is_trusted;
use super::{Snapshot, decode, encode};
use crate::ledger::News;
use crate::plain;
use crate::shown::shown_path;

/// The name of the file.
const LEARNT: &str = "tenshi.learnt";
/// The name of the next one while it is written.
const NEW: &str = "tenshi.learnt.new";
/// The bytes of such a file, at most.
const MOST: u64 = 1 << 30;

/// A file with what was learnt.
#[derive(Clone, Debug)]
pub struct Learnt(PathBuf);

impl Learnt {
    /// The file of a state directory, whether it is there or not.
    pub fn of(dir: &Path) -> Self {
        Self(dir.join(LEARNT))
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads what was learnt; nothing if there is no such file.
    ///
    /// # Errors
    /// It cannot be read, it is another user's, or it is damaged.
    pub fn read(&self) -> Result<Option<News>, String> {
        let told = |why: &dyn std::fmt::Display| format!("{}: {why}", shown_path(&self.0));
        let file = match plain::open(&self.0) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(told(&e)),
        };
        let owner = file.metadata().map_err(|e| told(&e))?.uid();
        let directory = self.0.parent().and_then(|dir| fs::metadata(dir).ok());
        let of_directory = directory.is_some_and(|directory| directory.uid() == owner);
        if !is_trusted(owner) && !of_directory {
            let text = format!(
                "it belongs to the user id {owner}, and neither to us, nor to root, nor to the \
                 owner of the directory"
            );
            return Err(told(&text));
        }
        let mut bytes = Vec::new();
        let read = file.take(MOST).read_to_end(&mut bytes);
        read.map_err(|e| told(&e))?;
        let snapshot = decode(&bytes).map_err(|e| told(&e))?;
        Ok(Some(snapshot.news))
    }

    /// Writes what was learnt. The file belongs to the owner of the directory, if we may give it away.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, news: News) -> Result<(), String> {
        let told = |why: &dyn std::fmt::Display| format!("{}: {why}", shown_path(&self.0));
        let snapshot = Snapshot {
            news,
            ..Snapshot::default()
        };
        let bytes = encode(&snapshot).map_err(|e| told(&e))?;
        let new = self.0.with_file_name(NEW);
        // Made anew each time: nothing that somebody put there is opened.
        let _ = fs::remove_file(&new);
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o640);
        let written = plain::open_with(options, &new).and_then(|mut file| {
            file.write_all(&bytes)?;
            self.give_away(&file)?;
            file.sync_all()?;
            fs::rename(&new, &self.0)
        });
        written.map_err(|e| told(&e))
    }

    fn give_away(&self, file: &File) -> io::Result<()> {
        let directory = self.0.parent().map(fs::metadata).transpose()?;
        match directory {
            Some(meta) if nix::unistd::Uid::effective().is_root() => {
                fchown(file, Some(meta.uid()), Some(meta.gid()))
            }
            _ => Ok(()),
        }
    }

    /// Removes the file: a commit holds what was in it.
    pub fn remove(&self) {
        if let Err(e) = fs::remove_file(&self.0)
            && e.kind() != io::ErrorKind::NotFound
        {
            log::warn!("{}: {e}; it is taken in again", shown_path(&self.0));
        }
    }
}
