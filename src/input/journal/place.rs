//! A journal file that is being read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::directory::is_archived;
use super::entries::Entries;
use super::format::{Damage, Id};
use super::positions::FilePosition;
use crate::clock::Time;
use crate::plain;

/// A file that was made this much earlier than its directory was begun was there then, microseconds.
const EARLIER: i64 = 60_000_000;

/// A file that is being read.
#[derive(Debug)]
pub struct Place {
    /// Its path, as it was listed last.
    pub path: PathBuf,
    /// Its inode.
    pub inode: u64,
    /// Its `file_id`.
    pub id: Id,
    /// The directory that it was found in.
    pub directory: usize,
    /// The file, while it is open.
    pub entries: Option<Entries<File>>,
    /// How often it was not listed, one time after the other.
    pub missing: u32,
    /// The name of the numbering of its entries.
    pub numbering: BString,
    /// Whether it was ended in good order.
    pub archived: bool,
    /// Whether all entries were read that were there at the last look.
    pub read: bool,
}

impl Place {
    /// Whether nothing can come of the file any more.
    pub fn is_done(&self) -> bool {
        let ended = self.archived || is_archived(&self.path) || self.missing > 1;
        ended && self.read
    }
}

impl Place {
    /// Takes the file, with its new entries; nothing if it is not there under its name now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn take_entries(
        &mut self,
        known: &BTreeMap<Id, FilePosition>,
    ) -> Result<Option<Entries<File>>, Damage> {
        if let Some(mut entries) = self.entries.take() {
            entries.refresh()?;
            return Ok(Some(entries));
        }
        let opened = match open(&self.path) {
            Err(Damage::Io(e)) if e.kind() == ErrorKind::NotFound => {
                // It is gone, or has another name, which the next listing finds.
                self.read = true;
                return Ok(None);
            }
            opened => opened?,
        };
        let Some(mut entries) = opened.filter(|file| file.header().file_id == self.id) else {
            // Another file has its name.
            (self.missing, self.read) = (u32::MAX, true);
            return Ok(None);
        };
        let next = known.get(&self.id).map_or(0, |position| position.next);
        entries.seek(next);
        Ok(Some(entries))
    }
}

/// Opens a journal file. Nothing if its header is not written yet.
///
/// # Errors
/// It cannot be opened, or is none that is read.
pub fn open(path: &Path) -> Result<Option<Entries<File>>, Damage> {
    Entries::open(plain::open(path)?, 0)
}

/// Whether a file came to its directory after `begun`. One that was there and could not be read then is not new.
pub fn is_made_after(file: &File, begun: i64) -> bool {
    let made = file.metadata().and_then(|meta| meta.created()).ok();
    let made = made.map(|made| Time::from(made).timestamp_micros());
    made.is_none_or(|made| made.saturating_add(EARLIER) >= begun)
}
