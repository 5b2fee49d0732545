//! Files that are new in a directory: where each is begun, or gone on with.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bstr::BString;

use super::{Done, HELD, Reader};
use crate::config::TailStart;
use crate::input::journal::directory::{Name, Role, is_archived};
use crate::input::journal::entries::{Entries, Entry};
use crate::input::journal::format::{Damage, Header, Id};
use crate::input::journal::numbering::{self, Watched};
use crate::input::journal::place::{Place, is_made_after, open};
use crate::input::journal::positions::{FilePosition, Instant};

/// A file that is new in a listing.
struct Found {
    place: Place,
    header: Header,
    /// Whether it came since the directory was begun.
    new: bool,
}

/// What tells where a numbering is begun.
#[derive(Default)]
struct Base {
    directory: Option<PathBuf>,
    /// The last number that was read.
    read: Option<u64>,
    /// The first number of the files that are read from their first entry.
    head: Option<u64>,
    /// The last number of all.
    tail: u64,
}

impl Reader {
    /// Takes up the files that are new in the listing of a directory, which was `begun` then, microseconds since
    /// the epoch; nothing if this is its first listing.
    pub(super) fn take_up(&mut self, directory: usize, names: &[Name], begun: Option<i64>) {
        let mut found: Vec<Found> = Vec::new();
        for name in names {
            let done = self.done.get(&name.path);
            if done.is_some_and(|done| done.inode == name.inode) {
                continue;
            }
            // A file that is held gets another name within its directory.
            let held = self.places.iter_mut().find(|place| {
                let beside = place.path.parent() == name.path.parent();
                beside && place.inode == name.inode && place.entries.is_some()
            });
            if let Some(place) = held {
                place.path.clone_from(&name.path);
                continue;
            }
            match open(&name.path) {
                Ok(Some(entries)) => {
                    let header = entries.header().clone();
                    let same = found.iter().find(|other| other.place.id == header.file_id);
                    if let Some(other) = same {
                        self.faults.copy(&name.path, &other.place.path);
                        continue;
                    }
                    let new = begun.is_some_and(|begun| is_made_after(entries.file(), begun));
                    let Some(mut place) = self.place(directory, name, entries) else {
                        continue;
                    };
                    if found.len() + self.places.len() >= HELD {
                        place.entries = None;
                    }
                    found.push(Found { place, header, new });
                }
                // It is being made, or has another name by now: the next look finds it.
                Ok(None) => {}
                Err(Damage::Io(e)) if e.kind() == ErrorKind::NotFound => {}
                Err(Damage::Io(e)) => self.faults.io(&name.path, &e),
                Err(e) => self.faults.file(&name.path, e.to_string()),
            }
        }
        found.sort_by_key(|found| found.header.head_realtime);
        self.begin_numberings(&found);
        for found in found {
            self.begin_file(found);
        }
    }

    /// The place of a file that was opened; nothing if it is read already.
    fn place(&mut self, directory: usize, name: &Name, entries: Entries<File>) -> Option<Place> {
        let header = entries.header();
        let id = header.file_id;
        if let Some(known) = self.places.iter_mut().find(|place| place.id == id) {
            let same = entries.file().metadata().is_ok_and(|meta| {
                let held = known.entries.as_ref().map(|held| held.file().metadata());
                match held {
                    Some(Ok(held)) => (held.dev(), held.ino()) == (meta.dev(), meta.ino()),
                    _ => meta.ino() == known.inode,
                }
            });
            if same {
                known.path.clone_from(&name.path);
                known.missing = 0;
            } else {
                let of = known.path.clone();
                self.faults.copy(&name.path, &of);
            }
            return None;
        }
        let meta = entries.file().metadata().ok()?;
        Some(Place {
            path: name.path.clone(),
            inode: meta.ino(),
            id,
            directory,
            missing: 0,
            numbering: numbering::name(&name.path, &header.seqnum_id),
            archived: header.archived,
            read: false,
            entries: Some(entries),
        })
    }

    /// Begins the numberings that are not known yet, or that began anew because all files were removed.
    fn begin_numberings(&mut self, found: &[Found]) {
        let whole = matches!(self.settings.start, TailStart::FromLine(0 | 1));
        let mut bases: BTreeMap<BString, Base> = BTreeMap::new();
        for Found { place, header, new } in found {
            let base = bases.entry(place.numbering.clone()).or_default();
            base.directory = place.path.parent().map(Path::to_path_buf);
            if let Some(read) = self.positions.files.get(&place.id) {
                base.read = base.read.max(Some(read.last_seqnum));
            } else if header.head_seqnum > 0 && (*new || whole) {
                let head = header.head_seqnum;
                base.head = Some(base.head.map_or(head, |before| before.min(head)));
            }
            base.tail = base.tail.max(header.tail_seqnum);
        }
        for (name, base) in bases {
            let known = self.numberings.get(&name).map(|known| known.now().base);
            let again = known.zip(base.head).is_some_and(|(known, head)| {
                let here = |path: &Path| path.parent() == base.directory.as_deref();
                let others = self.places.iter().any(|other| other.numbering == name);
                let done = self.done.keys().any(|path| here(path));
                base.read.is_none() && !others && !done && head < known
            });
            if known.is_none() || again {
                let first = match (base.read, base.head) {
                    (Some(read), _) => read.saturating_add(1),
                    (None, Some(head)) => head,
                    (None, None) => base.tail.saturating_add(1),
                };
                let numbers = Watched::from(first);
                self.numberings.insert(name.clone(), numbers);
                self.positions
                    .numberings
                    .insert(name.clone(), numbers.now());
                self.change.numberings.insert(name, Some(numbers.now()));
            }
        }
    }

    /// Goes to the entry where a file is begun, or gone on with.
    fn begin_file(&mut self, found: Found) {
        let Found {
            mut place,
            header,
            new,
        } = found;
        let known = self.positions.files.get(&place.id).copied();
        let archived = place.archived || is_archived(&place.path);
        let first = match (known, self.settings.start) {
            (Some(known), _) => known.next,
            (None, _) if new => 0,
            (None, TailStart::FromLine(line)) => line.saturating_sub(1).min(header.entries),
            (None, TailStart::LastLines(lines)) if !archived => {
                header.entries.saturating_sub(lines)
            }
            (None, _) => header.entries,
        };
        let mut position = known.unwrap_or(FilePosition {
            seqnum_id: header.seqnum_id,
            next: first,
            last_seqnum: 0,
            seen: self.today,
        });
        if known.is_none() && !new {
            if first == header.entries {
                position.last_seqnum = header.tail_seqnum;
            }
            self.note_volatile(place.directory, header.tail_boot, header.tail_monotonic);
        }
        if known.is_some() && self.beginning && self.too_old(&header) {
            (position.next, position.last_seqnum) = (header.entries, header.tail_seqnum);
            if let Some(numbers) = self.numberings.get_mut(&place.numbering) {
                let base = header.tail_seqnum.saturating_add(1);
                if numbers.now().base < base {
                    *numbers = Watched::from(base);
                }
            }
        }
        position.seen = self.today;
        if known != Some(position) {
            self.positions.files.insert(place.id, position);
            self.change.files.insert(place.id, Some(position));
        }
        if archived && position.next >= header.entries {
            let (inode, id) = (place.inode, place.id);
            self.done.insert(place.path, Done { inode, id });
            return;
        }
        if let Some(entries) = &mut place.entries {
            entries.seek(position.next);
        }
        self.places.push(place);
    }

    /// Whether the last entry of a file is older than what a restart reads.
    fn too_old(&self, header: &Header) -> bool {
        let limit = self.settings.not_before.map(|time| time.timestamp_micros());
        let limit = limit.and_then(|limit| u64::try_from(limit).ok());
        limit.is_some_and(|limit| header.tail_realtime < limit)
    }

    /// Takes note of an entry that was read where journald keeps entries in memory.
    pub(super) fn note_volatile(&mut self, directory: usize, boot: Id, monotonic: u64) {
        let volatile = |role: Role| role == Role::Volatile;
        let role = self.directories.get(directory).map(|dir| dir.role);
        if !role.is_some_and(volatile) {
            return;
        }
        let before = self.positions.volatile.filter(|last| last.boot == boot);
        if before.is_none_or(|last| last.monotonic < monotonic) {
            let now = Some(Instant { boot, monotonic });
            self.positions.volatile = now;
            self.change.volatile = now;
        }
    }

    /// Whether journald copied an entry from where it was read already.
    pub(super) fn is_copied(&self, directory: usize, entry: &Entry) -> bool {
        let Some(last) = self.positions.volatile else {
            return false;
        };
        let role = self.directories.get(directory).map(|dir| dir.role);
        role == Some(Role::Persistent)
            && last.boot == entry.boot
            && entry.monotonic <= last.monotonic
    }
}
