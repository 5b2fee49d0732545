//! How far the journal files are read, as the state keeps it: by what a file is known by, whatever its name.

use std::collections::BTreeMap;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::format::Id;

/// How far the journal files are read.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Positions {
    /// The directories whose files were begun, and when, microseconds since the epoch: a file that is made there
    /// later is new from its first entry.
    pub directories: BTreeMap<BString, i64>,
    /// The files, by their `file_id`.
    pub files: BTreeMap<Id, FilePosition>,
    /// The numberings of entries, by their names (`numbering.rs`).
    pub numberings: BTreeMap<BString, Numbering>,
    /// The last entry that was read in `/run/log/journal`, for journald copies it to `/var/log/journal`.
    pub volatile: Option<Instant>,
}

/// How far a file is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FilePosition {
    /// The numbering of its entries.
    pub seqnum_id: Id,
    /// The index of the first entry that was not read: the number of those that were.
    pub next: u64,
    /// The number of the last entry that was read, 0 if there is none.
    pub last_seqnum: u64,
    /// The day on which the file was seen last, days since the epoch.
    pub seen: u32,
}

/// How far the entries of a numbering are known to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Numbering {
    /// Every entry with a smaller number was read, or told to be lost.
    pub base: u64,
    /// The largest number that was read, or `base - 1`.
    pub most: u64,
    /// Number of entries that were read from `base` to `most`.
    pub count: u64,
    /// The day on which a file of it was seen last, days since the epoch.
    pub seen: u32,
}

/// An instant on the clock of a boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Instant {
    /// The boot.
    pub boot: Id,
    /// Microseconds since its beginning.
    pub monotonic: u64,
}

/// What changed in the positions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct PositionsChange {
    /// The directories, if one came or went.
    pub directories: Option<BTreeMap<BString, i64>>,
    /// The files that were read further, or are forgotten.
    pub files: BTreeMap<Id, Option<FilePosition>>,
    /// The numberings that changed, or are forgotten.
    pub numberings: BTreeMap<BString, Option<Numbering>>,
    /// The last entry that was read in `/run/log/journal`, if one was read.
    pub volatile: Option<Instant>,
}

impl PositionsChange {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what changed after this.
    pub fn then(&mut self, later: Self) {
        self.files.extend(later.files);
        self.numberings.extend(later.numberings);
        if later.directories.is_some() {
            self.directories = later.directories;
        }
        self.volatile = later.volatile.or(self.volatile);
    }
}

impl Positions {
    /// Makes changes.
    pub fn make(&mut self, change: PositionsChange) {
        if let Some(directories) = change.directories {
            self.directories = directories;
        }
        for (id, position) in change.files {
            match position {
                Some(position) => _ = self.files.insert(id, position),
                None => _ = self.files.remove(&id),
            }
        }
        for (name, numbering) in change.numberings {
            match numbering {
                Some(numbering) => _ = self.numberings.insert(name, numbering),
                None => _ = self.numberings.remove(&name),
            }
        }
        self.volatile = change.volatile.or(self.volatile);
    }
}
