//! Files that are new in a directory: where each is begun, or gone on with.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;

use super::{Done, HELD, Reader};
use crate::config::TailStart;
use crate::input::journal::directory::{Name, Role, is_archived};
use crate::input::journal::entries::{Entries, Entry};
use crate::input::journal::format::{Damage, Header, Id};
use crate::input::journal::numbering::{self, Watched};
use crate::input::journal::place::{Place, open};
use crate::input::journal::positions::{FilePosition, Instant};

impl Reader {
    /// Takes up the files that are new in the listing of a directory; `new` says that they came since it was
    /// begun.
    pub(super) fn take_up(&mut self, directory: usize, names: &[Name], new: bool) {
        let mut found: Vec<(u64, Place, Header)> = Vec::new();
        for name in names {
            if self
                .done
                .get(&name.path)
                .is_some_and(|done| done.inode == name.inode)
            {
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
                    if let Some(mut place) = self.place(directory, name, entries) {
                        if found.len() + self.places.len() >= HELD {
                            place.entries = None;
                        }
                        found.push((header.head_realtime, place, header));
                    }
                }
                // It is being made, or has another name by now: the next look finds it.
                Ok(None) => {}
                Err(Damage::Io(e)) if e.kind() == ErrorKind::NotFound => {}
                Err(e) => self.faults.file(&name.path, e.to_string()),
            }
        }
        found.sort_by_key(|(time, ..)| *time);
        self.begin_numberings(&found, new);
        for (_, place, header) in found {
            self.begin_file(place, &header, new);
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
    fn begin_numberings(&mut self, found: &[(u64, Place, Header)], new: bool) {
        let whole = matches!(self.settings.start, TailStart::FromLine(0 | 1));
        for (_, place, header) in found {
            let name = &place.numbering;
            let of_it = found
                .iter()
                .filter(|(_, other, _)| other.numbering == *name);
            let heads = of_it.clone().map(|(_, _, header)| header.head_seqnum);
            let head = heads.filter(|head| *head > 0).min();
            let tail = of_it.map(|(_, _, header)| header.tail_seqnum).max();
            let read = self.positions.files.get(&place.id);
            let base = match (read, new || whole) {
                (Some(read), _) => read.last_seqnum.saturating_add(1),
                (None, true) => head.unwrap_or(1),
                (None, false) => tail.unwrap_or_default().saturating_add(1),
            };
            let known = self.numberings.get(name).map(|known| known.now().base);
            let again = known.is_some_and(|known| {
                let position = |place: &Place| self.positions.files.contains_key(&place.id);
                let others = self.places.iter().any(|other| other.numbering == *name);
                let dir = place.path.parent();
                let done = self.done.keys().any(|path| path.parent() == dir);
                let none = !others && !done && !position(place);
                none && header.head_seqnum > 0 && header.head_seqnum < known
            });
            if known.is_none() || again {
                let numbers = Watched::from(base);
                self.numberings.insert(name.clone(), numbers);
                self.positions
                    .numberings
                    .insert(name.clone(), numbers.now());
                self.change
                    .numberings
                    .insert(name.clone(), Some(numbers.now()));
            }
        }
    }

    /// Goes to the entry where a file is begun, or gone on with.
    fn begin_file(&mut self, mut place: Place, header: &Header, new: bool) {
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
        if known.is_some() && self.beginning && self.too_old(header) {
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
