//! The entries of one journal file, in the order in which they were written.

use super::fields::{Fields, Values};
use super::format::{
    ARRAY_HEAD, Damage, ENTRY, ENTRY_ARRAY, ENTRY_HEAD, Header, Id, Object, ReadAt, id, le64,
};
use super::window::Windows;

/// The most arrays of a file that are followed: each is about twice as long as the one before.
const ARRAYS: u32 = 4096;
/// Number of items of an array that are read at once.
const CHUNK: u64 = 1024;
/// The longest entry that is read, bytes: 16,384 fields.
const LONGEST_ENTRY: u64 = ENTRY_HEAD + 16 * 16_384;

/// What serves to read files, one after the other.
#[derive(Debug)]
pub struct Scratch {
    windows: Windows,
    /// The values of the last entry.
    pub fields: Fields,
    offsets: Vec<u64>,
    /// The file that was read last.
    file: Id,
}

impl Scratch {
    /// Reads these fields.
    pub fn new(fields: Fields) -> Self {
        Self {
            windows: Windows::default(),
            fields,
            offsets: Vec::new(),
            file: Id::default(),
        }
    }

    /// The values of the entry that was read last.
    pub fn values(&self) -> &Values {
        self.fields.values()
    }
}

/// An entry, without its values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number in the numbering of the file.
    pub seqnum: u64,
    /// When it was written, microseconds since the epoch.
    pub realtime: u64,
    /// When it was written, microseconds since the boot.
    pub monotonic: u64,
    /// The boot in which it was written.
    pub boot: Id,
}

/// An array of entries.
#[derive(Clone, Copy, Debug)]
struct Array {
    offset: u64,
    /// The index of its first entry in the file.
    first: u64,
    /// Number of entries that it has room for.
    room: u64,
    next: u64,
    /// How many arrays stand before it.
    number: u32,
}

/// A journal file that is being read.
#[derive(Debug)]
pub struct Entries<F> {
    file: F,
    header: Header,
    size: u64,
    /// The index of the next entry.
    next: u64,
    array: Option<Array>,
    /// Offsets of the entries from `chunk_first` on.
    chunk: Vec<u64>,
    chunk_first: u64,
    /// Whether the list of the entries is damaged: the entries behind cannot be found.
    broken: bool,
    /// Where the entry before ends: what is new to the next one stands behind it.
    behind: u64,
}

impl<F: ReadAt> Entries<F> {
    /// Reads a file from its entry `next` on. Nothing if its header is not written yet.
    ///
    /// # Errors
    /// It is no journal file, or one that is not read.
    pub fn open(file: F, next: u64) -> Result<Option<Self>, Damage> {
        let Some(header) = Header::read(&file)? else {
            return Ok(None);
        };
        let size = file.size()?;
        Ok(Some(Self {
            file,
            header,
            size,
            next,
            array: None,
            chunk: Vec::new(),
            chunk_first: 0,
            broken: false,
            behind: 0,
        }))
    }

    /// The header, as it was read last.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The file.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// The index of the next entry: the number of entries before it.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// Whether the entry that was read last could not be found, nor the entries behind it.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Goes on at another entry.
    pub fn seek(&mut self, next: u64) {
        self.next = next;
        self.array = None;
        self.chunk.clear();
    }

    /// Number of entries that are there and were not read.
    pub fn left(&self) -> u64 {
        self.header.entries.saturating_sub(self.next)
    }

    /// Looks how many entries are there now. Gives whether there are new ones.
    ///
    /// # Errors
    /// The header cannot be read any more.
    pub fn refresh(&mut self) -> Result<bool, Damage> {
        let header = Header::read(&self.file)?;
        let header = header.filter(|now| now.file_id == self.header.file_id);
        let header = header.ok_or(Damage::Format("another header than before", 0))?;
        self.size = self.file.size()?;
        let more = header.entries > self.header.entries;
        self.header = header;
        if more {
            self.chunk.clear();
            // The array may have got a next one.
            self.array = None;
        }
        Ok(more)
    }

    /// Reads the next entry, its values into `scratch`; it is read, be it damaged or not. Nothing if there is
    /// none.
    pub fn read(&mut self, scratch: &mut Scratch) -> Option<Result<Entry, Damage>> {
        if self.left() == 0 {
            return None;
        }
        if scratch.file != self.header.file_id || self.chunk.is_empty() {
            // The windows may be of another file, or of this one before it grew.
            scratch.windows.clear();
            scratch.windows.shrink();
        }
        if scratch.file != self.header.file_id {
            scratch.file = self.header.file_id;
            scratch.fields.next_file();
        }
        let entry = self.entry(scratch);
        self.next += 1;
        Some(entry)
    }

    fn entry(&mut self, scratch: &mut Scratch) -> Result<Entry, Damage> {
        let offset = self.offset(self.next);
        self.broken = matches!(offset, Err(Damage::Format(..)));
        let offset = offset?;
        self.check(offset, ENTRY_HEAD, "a wrong offset of an entry")?;
        let back = if self.behind < offset {
            self.behind
        } else {
            offset
        };
        let windows = &mut scratch.windows;
        let head = windows.near(&self.file, offset, ENTRY_HEAD, back)?;
        let object = Object::parse(head);
        let entry = Entry {
            seqnum: le64(head, 16),
            realtime: le64(head, 24),
            monotonic: le64(head, 32),
            boot: id(head, 40),
        };
        if object.kind != ENTRY || object.size < ENTRY_HEAD || object.size > LONGEST_ENTRY {
            return Err(Damage::Format("no entry", offset));
        }
        let bytes = windows.near(&self.file, offset, object.size, back)?;
        let item = usize::try_from(self.header.entry_item()).unwrap_or(usize::MAX);
        let items = bytes.get(64..).unwrap_or_default().chunks_exact(item);
        scratch.offsets.clear();
        let offsets = items.map(|item| self.header.offset(item, 0));
        scratch.offsets.extend(offsets);
        self.behind = (offset + object.size).next_multiple_of(8);
        let offsets = scratch.offsets.iter().copied();
        let read = scratch
            .fields
            .read(&self.file, &self.header, offsets, &mut scratch.windows);
        read.map(|_| entry)
    }

    /// Checks that an object of at least `length` bytes may stand at `offset`.
    fn check(&self, offset: u64, length: u64, what: &'static str) -> Result<(), Damage> {
        let end = offset.checked_add(length);
        let inside = end.is_some_and(|end| end <= self.size);
        if offset < self.header.size || !offset.is_multiple_of(8) || !inside {
            return Err(Damage::Format(what, offset));
        }
        Ok(())
    }

    /// The offset of an entry, by its index.
    fn offset(&mut self, index: u64) -> Result<u64, Damage> {
        let at = index.checked_sub(self.chunk_first);
        let known = at.and_then(|at| self.chunk.get(usize::try_from(at).ok()?));
        if let Some(offset) = known {
            return Ok(*offset);
        }
        let array = self.array_of(index)?;
        let item = self.header.array_item();
        let within = index - array.first;
        let most = (array.room - within).min(CHUNK);
        // What is behind the last entry is not written yet.
        let count = most.min(self.header.entries.saturating_sub(index)).max(1);
        let start = array.offset + ARRAY_HEAD + within * item;
        let mut bytes = vec![0; usize::try_from(count * item).unwrap_or_default()];
        let filled = self.file.fill(&mut bytes, start)?;
        let item = usize::try_from(item).unwrap_or(usize::MAX);
        let offsets = bytes.get(..filled).unwrap_or_default().chunks_exact(item);
        self.chunk.clear();
        self.chunk
            .extend(offsets.map(|item| self.header.offset(item, 0)));
        self.chunk_first = index;
        let first = self.chunk.first().copied();
        first.ok_or(Damage::Format("an array beyond the end", array.offset))
    }

    /// The array that lists an entry.
    fn array_of(&mut self, index: u64) -> Result<Array, Damage> {
        let known = self.array.filter(|array| array.first <= index);
        let mut array = match known {
            Some(array) => array,
            None => self.array_at(self.header.array, 0, 0, 0)?,
        };
        while index - array.first >= array.room {
            if array.number >= ARRAYS {
                return Err(Damage::Format("too many arrays", array.offset));
            }
            // They are written one behind the other: else there might be no end of them.
            let first = array.first.saturating_add(array.room);
            let number = array.number + 1;
            array = self.array_at(array.next, array.offset, first, number)?;
        }
        self.array = Some(array);
        Ok(array)
    }

    fn array_at(&self, offset: u64, after: u64, first: u64, number: u32) -> Result<Array, Damage> {
        const WRONG: &str = "a wrong offset of an array";
        self.check(offset, ARRAY_HEAD, WRONG)?;
        if offset <= after {
            return Err(Damage::Format(WRONG, offset));
        }
        let mut head = [0; ARRAY_HEAD as usize];
        self.file.fill(&mut head, offset)?;
        let object = Object::parse(&head);
        let length = object.size.checked_sub(ARRAY_HEAD);
        let room = length.map_or(0, |length| length / self.header.array_item());
        if object.kind != ENTRY_ARRAY || room == 0 {
            return Err(Damage::Format("no array", offset));
        }
        self.check(offset, object.size, "an array beyond the end")?;
        Ok(Array {
            offset,
            first,
            room,
            next: le64(&head, 16),
            number,
        })
    }
}
