//! The writing side: letters are put into the archive on the threads that deliver, one at a time.
//!
//! A letter is written beside the others first, and gets its name when it is on the disk: what has a letter's
//! name is whole. A letter of which a server has heard twice, since a crash came between its answer and the
//! next commit, is known by its Message-ID.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bstr::ByteSlice;
use chrono::{Datelike, Days, Local, NaiveDate, NaiveDateTime};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use super::entry::Entry;
use super::letter::Head;
use super::name::LetterName;
use super::told::Summary;
use super::{INDEX, directory, expiry};
use crate::clock::{LEAP, Time};
use crate::disk::{Disk, DiskFile, RealDisk};

/// The name of a letter while it is written, in the directory of the archive.
const NEW: &str = ".new";
/// Letters of one queue in one minute that have names.
const MOST_A_MINUTE: usize = 1000;
/// The part of a packed letter that is read for its Message-ID, bytes.
const HEAD: u64 = 64 << 10;

/// A letter that is to be kept.
pub struct ToKeep<'a> {
    /// When the report was made (`Date`).
    pub made: Time,
    /// The queue.
    pub queue: &'a str,
    /// The Message-ID as the head has it, without angle brackets.
    pub id: &'a str,
    /// The subject.
    pub subject: &'a [u8],
    /// What it tells, in short.
    pub summary: Summary,
    /// Writes the letter as it was mailed.
    pub content: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
}

impl std::fmt::Debug for ToKeep<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToKeep").field("id", &self.id).finish()
    }
}

/// What went wrong with the archive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ArchiveFault {
    /// The fault in words.
    pub text: String,
    /// Whether the letter is not in the archive for it.
    pub lost: bool,
}

/// The archive of a state directory, to be written.
#[derive(Debug)]
pub struct Archive {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The index whose last line is whole, since it was written here.
    index: Option<PathBuf>,
    /// The directory of a month that is on the disk with those above it, as far as this run knows.
    month: Option<PathBuf>,
    /// The day before which nothing is left, but for what a clock that may be wrong would have removed.
    removed: Option<NaiveDate>,
    /// The last day on which nothing was removed since the clock may have been wrong.
    doubted: Option<NaiveDate>,
}

impl Archive {
    /// The archive of a state directory.
    pub fn new(state: &Path) -> Self {
        Self::on(Arc::new(RealDisk), state)
    }

    /// As [`Self::new`], on another disk.
    fn on(disk: Arc<dyn Disk>, state: &Path) -> Self {
        Self {
            disk,
            directory: directory(state),
            state: Mutex::default(),
        }
    }

    /// Keeps a letter, one time however often this is called, and removes the letters that are older than this number
    /// of `days`. It returns when the letter is on the disk.
    ///
    /// # Errors
    /// The letter cannot be kept, or others cannot be removed.
    pub fn keep(&self, letter: &ToKeep<'_>, days: u16) -> Result<(), ArchiveFault> {
        let local = letter.made.with_timezone(&Local).naive_local();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // First what is old: that makes room.
        let removed = self.remove_old(&mut state, local.date(), days);
        let kept = self.put(&mut state, letter, local);
        let fault = |e: &io::Error, lost| ArchiveFault {
            text: e.to_string(),
            lost,
        };
        kept.map_err(|(e, lost)| fault(&e, lost))?;
        removed.map_err(|e| ArchiveFault {
            text: format!("letters of more than {days} days cannot be removed: {e}"),
            lost: false,
        })
    }

    fn remove_old(&self, state: &mut State, today: NaiveDate, days: u16) -> io::Result<()> {
        let Some(first) = today.checked_sub_days(Days::new(u64::from(days))) else {
            return Ok(());
        };
        // A clock that was ahead, and is set back, must not end the removals until it has come there again.
        if state.removed == Some(first) {
            return Ok(());
        }
        match self.remove_before(state, first, today) {
            Ok(true) => state.removed = Some(first),
            // The next letter goes on.
            Ok(false) => {}
            // Nothing was kept yet.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// As [`expiry::remove_before`], but for a day on which the clock may be far ahead: on a machine that starts with a
    /// wrong clock, everything would be old.
    fn remove_before(
        &self,
        state: &mut State,
        first: NaiveDate,
        today: NaiveDate,
    ) -> io::Result<bool> {
        let newest = expiry::newest_before(&self.directory, today)?;
        let leaps = newest.is_none_or(|newest| today - newest > LEAP);
        // On a later day it is believed: there may be a letter in a season only.
        if leaps && state.doubted.is_none_or(|day| today <= day) {
            state.doubted = Some(today);
            return Ok(true);
        }
        if !leaps {
            state.doubted = None;
        }
        expiry::remove_before(&self.directory, first)
    }

    /// Puts a letter in its place and into the index. With an error comes whether the letter is not there.
    fn put(
        &self,
        state: &mut State,
        letter: &ToKeep<'_>,
        local: NaiveDateTime,
    ) -> Result<(), (io::Error, bool)> {
        let (name, there) = self.name(letter, local).map_err(|e| (e, true))?;
        let path = self.directory.join(name.path());
        let month = path.parent().unwrap_or(&path);
        let written = self.make(state, month).and_then(|()| match there {
            true => Ok(()),
            false => self.write(letter, &path),
        });
        // Also a name that is there may not be on the disk: the run that gave it may have been killed.
        let written = written.and_then(|()| self.disk.sync_directory(month));
        written.map_err(|e| (e, true))?;
        let index = path.with_file_name(INDEX);
        if there && self.is_in(&index, &name, letter.id) {
            return Ok(());
        }
        let entry = Entry {
            name,
            made: letter.made,
            queue: letter.queue.to_owned(),
            summary: letter.summary.clone(),
            id: letter.id.to_owned(),
            subject: letter.subject.to_str_lossy().into_owned(),
        };
        self.note(state, &index, &entry.line())
            .map_err(|e| (e, false))
    }

    /// The name of a letter: the one that it has, or else the first one that is free. Whether it is there
    /// comes second.
    fn name(&self, letter: &ToKeep<'_>, local: NaiveDateTime) -> io::Result<(LetterName, bool)> {
        for number in 1..=MOST_A_MINUTE {
            let name = LetterName::new(local, letter.queue, number);
            match self.disk.read_head(&self.directory.join(name.path()), HEAD) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((name, false)),
                Err(e) => return Err(e),
                Ok(packed) if id_of(&packed).is_some_and(|id| id == letter.id) => {
                    return Ok((name, true));
                }
                Ok(_) => {}
            }
        }
        let text = format!("its queue had {MOST_A_MINUTE} letters in one minute");
        Err(io::Error::other(text))
    }

    /// Writes a letter under its name.
    fn write(&self, letter: &ToKeep<'_>, path: &Path) -> io::Result<()> {
        let new = self.directory.join(NEW);
        match self.disk.remove(&new) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let written = self
            .pack(letter, &new)
            .and_then(|()| self.disk.rename(&new, path));
        if written.is_err() {
            // On a full disk it is only in the way.
            let _ = self.disk.remove(&new);
        }
        written
    }

    /// Makes the directory of a month, with those above it.
    fn make(&self, state: &mut State, month: &Path) -> io::Result<()> {
        let known = state.month.take().is_some_and(|known| known == month);
        let year = month.parent().unwrap_or(month);
        let above = self.directory.parent().unwrap_or(&self.directory);
        for (directory, above) in [
            (self.directory.as_path(), above),
            (year, self.directory.as_path()),
            (month, year),
        ] {
            match self.disk.make_directory(directory) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                Err(_) if known => {}
                // Made now, or by a run that was killed.
                Ok(()) | Err(_) => self.disk.sync_directory(above)?,
            }
        }
        state.month = Some(month.to_owned());
        Ok(())
    }

    /// Writes a packed letter, and waits until it is on the disk. The letter alone decides on the bytes.
    fn pack(&self, letter: &ToKeep<'_>, path: &Path) -> io::Result<()> {
        let file = BufWriter::with_capacity(1 << 16, Appended(self.disk.create(path)?));
        let time = u32::try_from(letter.made.timestamp()).unwrap_or(0);
        let mut packer = GzBuilder::new()
            .mtime(time)
            .write(file, Compression::default());
        (letter.content)(&mut packer)?;
        let file = packer
            .finish()?
            .into_inner()
            .map_err(io::IntoInnerError::into_error);
        file?.0.sync()
    }

    /// Whether the index of a month has a letter, in a line that is whole.
    fn is_in(&self, index: &Path, name: &LetterName, id: &str) -> bool {
        let Ok(text) = self.disk.read(index) else {
            return false;
        };
        let (year, month) = (name.day().year(), name.day().month());
        let mut lines = text.lines().filter(|line| line.contains_str(id));
        lines.any(|line| Entry::of_line(year, month, line).is_some_and(|entry| entry.name == *name))
    }

    /// Appends a line to an index.
    fn note(&self, state: &mut State, index: &Path, line: &str) -> io::Result<()> {
        let whole = state.index.take().is_some_and(|known| known == index);
        let (mut file, new) = match self.disk.append_to(index) {
            Ok(file) => (file, false),
            Err(e) if e.kind() == io::ErrorKind::NotFound => (self.disk.create(index)?, true),
            Err(e) => return Err(e),
        };
        // A crash may have left a part of a line: a newline ends it before the next line begins.
        let ends = if whole || new { "" } else { "\n" };
        file.append(format!("{ends}{line}").as_bytes())?;
        file.sync()?;
        if new && let Some(month) = index.parent() {
            self.disk.sync_directory(month)?;
        }
        state.index = Some(index.to_owned());
        Ok(())
    }
}

/// The Message-ID of a letter of which this is the packed beginning.
fn id_of(packed: &[u8]) -> Option<String> {
    let mut reader = io::BufReader::new(GzDecoder::new(packed));
    let head = Head::read(&mut reader).ok()?;
    let id = head.field("Message-ID")?.to_str().ok()?;
    Some(id.strip_prefix('<')?.strip_suffix('>')?.to_owned())
}

/// A file of a [`Disk`] as a writer.
struct Appended(Box<dyn DiskFile>);

impl Write for Appended {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
