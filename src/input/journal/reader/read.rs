//! The entries of a file become lines.

use std::collections::BTreeMap;
use std::fs::File;

use bstr::BString;

use super::Reader;
use crate::input::journal::entries::Entries;
use crate::input::journal::faults::Emit;
use crate::input::journal::format::{Damage, Id};
use crate::input::journal::numbering::Watched;
use crate::input::journal::positions::FilePosition;

/// After this number of entries the position is handed over, though there may be no line.
const STRIDE: u64 = 65_536;
/// After this number of damaged entries one behind the other the file is given up.
const DAMAGED: u64 = 1000;

/// How far a file is read, while it is.
#[derive(Default)]
struct Progress {
    id: Id,
    numbering: BString,
    /// The number of the last entry.
    last: u64,
    /// Number of entries up to it whose numbers follow each other, and that the numbering does not have yet.
    run: u64,
}

impl Progress {
    fn add(&mut self, seqnum: u64, numberings: &mut BTreeMap<BString, Watched>) {
        if seqnum != self.last.wrapping_add(1) {
            self.end(numberings);
        }
        self.last = seqnum;
        self.run += 1;
    }

    fn end(&mut self, numberings: &mut BTreeMap<BString, Watched>) {
        let run = std::mem::take(&mut self.run);
        if run > 0
            && let Some(numbers) = numberings.get_mut(&self.numbering)
        {
            numbers.read(self.last.wrapping_sub(run - 1), run);
        }
    }
}

/// The entries of a file that could not be read.
#[derive(Default)]
struct Damaged {
    count: u64,
    /// Number of them one behind the other.
    row: u64,
    /// What is wrong with the first one.
    why: String,
}

impl Damaged {
    fn add(&mut self, damage: &Damage, entries: &mut Entries<File>) {
        if self.count == 0 {
            self.why = damage.to_string();
        }
        self.count += 1;
        self.row += 1;
        if self.row >= DAMAGED || entries.is_broken() {
            self.count = self.count.saturating_add(entries.left());
            entries.seek(entries.header().entries);
        }
    }
}

impl Reader {
    /// Reads a file to its last entry. Gives false when nobody takes the lines any more.
    pub(super) fn read(&mut self, at: usize, emit: &mut Emit<'_>) -> bool {
        let Some(place) = self.places.get_mut(at) else {
            return true;
        };
        let directory = place.directory;
        let entries = match place.take_entries(&self.positions.files) {
            Ok(Some(entries)) => entries,
            Ok(None) => return true,
            Err(e) => {
                let path = place.path.clone();
                self.faults.file(&path, e.to_string());
                return true;
            }
        };
        if directory != self.collecting {
            if !self.flush(emit) {
                return false;
            }
            self.collecting = directory;
        }
        let (went_on, entries) = self.read_entries(at, entries, emit);
        if let Some(place) = self.places.get_mut(at) {
            place.archived = entries.header().archived;
            place.read = entries.left() == 0;
            place.entries = Some(entries);
        }
        went_on
    }

    /// Reads entries until none is left.
    fn read_entries(
        &mut self,
        at: usize,
        mut entries: Entries<File>,
        emit: &mut Emit<'_>,
    ) -> (bool, Entries<File>) {
        let Some(place) = self.places.get(at) else {
            return (true, entries);
        };
        let (path, directory) = (place.path.clone(), place.directory);
        let mut progress = Progress {
            id: place.id,
            numbering: place.numbering.clone(),
            ..Progress::default()
        };
        self.text.read_as(self.settings.charset.coding());
        let (mut damaged, mut since) = (Damaged::default(), 0);
        let mut went_on = true;
        while went_on && let Some(read) = entries.read(&mut self.scratch) {
            match read {
                Ok(entry) => {
                    damaged.row = 0;
                    progress.add(entry.seqnum, &mut self.numberings);
                    self.note_volatile(directory, entry.boot, entry.monotonic);
                    if !self.is_copied(directory, &entry)
                        && let Some(line) = self.lines.line(&entry, self.scratch.values())
                    {
                        self.text.push_coded(line, false);
                    }
                }
                Err(Damage::Io(e)) => {
                    entries.seek(entries.position().saturating_sub(1));
                    self.faults.io(&path, &e);
                    break;
                }
                Err(e) => damaged.add(&e, &mut entries),
            }
            since += 1;
            if self.text.full() || since >= STRIDE {
                since = 0;
                self.note(&mut progress, &entries);
                went_on = self.flush(emit);
            }
        }
        if damaged.count > 0 {
            self.faults.damaged(&path, damaged.count, &damaged.why);
            if let Some(numbers) = self.numberings.get_mut(&progress.numbering) {
                numbers.damaged(damaged.count);
            }
        }
        self.note(&mut progress, &entries);
        (went_on, entries)
    }

    /// Notes how far a file is read.
    fn note(&mut self, progress: &mut Progress, entries: &Entries<File>) {
        progress.end(&mut self.numberings);
        let known = self.positions.files.get(&progress.id).copied();
        let position = FilePosition {
            seqnum_id: entries.header().seqnum_id,
            next: entries.position(),
            last_seqnum: match (progress.last, known) {
                (0, known) => known.map_or(0, |known| known.last_seqnum),
                (last, _) => last,
            },
            seen: self.today,
        };
        if known == Some(position) {
            return;
        }
        self.positions.files.insert(progress.id, position);
        self.change.files.insert(progress.id, Some(position));
        let name = &progress.numbering;
        if let Some(numbers) = self.numberings.get(name).map(Watched::now) {
            self.positions.numberings.insert(name.clone(), numbers);
            self.change.numberings.insert(name.clone(), Some(numbers));
        }
    }
}
