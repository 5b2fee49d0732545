//! The format of a journal file, as <https://systemd.io/JOURNAL_FILE_FORMAT> describes it: its header and
//! the heads of its objects. All numbers are little-endian.
//!
//! Whatever stands in a file may be wrong, or made by somebody who wishes us ill: each offset and each size
//! is looked at before it is used, and nothing here panics.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The 128 bits by which a file, a numbering of entries or a boot is known.
pub type Id = [u8; 16];

/// Number of bytes of the header that are looked at: up to the time of the last entry.
pub const HEADER: usize = 208;
/// Number of bytes in front of every object.
pub const OBJECT_HEAD: u64 = 16;
/// Number of bytes in front of the items of an entry.
pub const ENTRY_HEAD: u64 = 64;
/// Number of bytes in front of the items of an array of entries.
pub const ARRAY_HEAD: u64 = 24;

/// The type of an object that holds a field with its value.
pub const DATA: u8 = 1;
/// The type of an object that is an entry.
pub const ENTRY: u8 = 3;
/// The type of an object that lists entries.
pub const ENTRY_ARRAY: u8 = 6;

/// The flags of a data object that say how its payload is packed.
pub const PACKED_XZ: u8 = 1;
/// As [`PACKED_XZ`], by LZ4.
pub const PACKED_LZ4: u8 = 2;
/// As [`PACKED_XZ`], by zstd.
pub const PACKED_ZSTD: u8 = 4;

/// The incompatible flag of a file in which payloads may be packed by xz.
const XZ: u32 = 1;
/// The incompatible flag of a file with offsets of 32 bits.
const COMPACT: u32 = 16;
/// The incompatible flags that are understood: LZ4, keyed hashes (for look-ups alone), zstd, compact.
const UNDERSTOOD: u32 = 2 | 4 | 8 | COMPACT;

/// What is wrong with a journal file, or with a part of it.
#[derive(Debug)]
pub enum Damage {
    /// It could not be read.
    Io(io::Error),
    /// Something is not as the format has it: what, and the offset.
    Format(&'static str, u64),
    /// The file is of a kind that is not read; the words say which, and what to do.
    Refused(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "{e}"),
            Self::Format(what, offset) => write!(f, "{what} at offset {offset}"),
            Self::Refused(words) => f.write_str(words),
        }
    }
}

impl From<io::Error> for Damage {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

/// Something that can be read at any offset: a file, or bytes in memory.
pub trait ReadAt {
    /// Reads into `buffer` what stands at `offset`. Gives the number of bytes; 0 at the end.
    ///
    /// # Errors
    /// The errors of pread(2).
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The length, bytes.
    ///
    /// # Errors
    /// The errors of fstat(2).
    fn size(&self) -> io::Result<u64>;

    /// Reads until `buffer` is full or the end is reached. Gives the number of bytes.
    ///
    /// # Errors
    /// The errors of [`Self::read_at`], but for an interrupted call.
    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }
}

impl ReadAt for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }
}

impl ReadAt for &[u8] {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| self.get(at..))
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.len() as u64)
    }
}

/// The 8 bytes at `at` as a number; 0 beyond the end.
pub fn le64(bytes: &[u8], at: usize) -> u64 {
    let slice = bytes.get(at..).and_then(|rest| rest.first_chunk());
    slice.map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// The 4 bytes at `at` as a number; 0 beyond the end.
pub fn le32(bytes: &[u8], at: usize) -> u32 {
    let slice = bytes.get(at..).and_then(|rest| rest.first_chunk());
    slice.map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

/// The 16 bytes at `at`; zeros beyond the end.
pub fn id(bytes: &[u8], at: usize) -> Id {
    let slice = bytes.get(at..).and_then(|rest| rest.first_chunk());
    slice.copied().unwrap_or_default()
}

/// The header of a file, as far as it is of interest.
#[derive(Clone, Debug)]
pub struct Header {
    /// By which the file is known, whatever its name.
    pub file_id: Id,
    /// The boot of the last entry.
    pub tail_boot: Id,
    /// The numbering of its entries.
    pub seqnum_id: Id,
    /// Whether it was ended in good order: nobody writes to it any more.
    pub archived: bool,
    /// Whether offsets in entries and arrays have 32 bits.
    pub compact: bool,
    /// Number of bytes of the header: the first object begins there at the earliest.
    pub size: u64,
    /// Number of bytes of its objects, up to the last one, without the tables of hashes.
    pub used: u64,
    /// Number of entries.
    pub entries: u64,
    /// The number of the last entry, 0 if there is none.
    pub tail_seqnum: u64,
    /// The number of the first entry, 0 if there is none.
    pub head_seqnum: u64,
    /// Where the first array of entries stands, 0 if there is none.
    pub array: u64,
    /// The time of the first entry, microseconds since the epoch.
    pub head_realtime: u64,
    /// The time of the last entry, microseconds since the epoch.
    pub tail_realtime: u64,
    /// The time of the last entry, microseconds since its boot.
    pub tail_monotonic: u64,
}

impl Header {
    /// Reads the header. Nothing if it is not written yet.
    ///
    /// # Errors
    /// The file is no journal, or one that is not read.
    pub fn read(file: &impl ReadAt) -> Result<Option<Self>, Damage> {
        let mut bytes = [0; HEADER];
        let count = file.fill(&mut bytes, 0)?;
        if count < HEADER || bytes.iter().take(8).all(|byte| *byte == 0) {
            return Ok(None);
        }
        if !bytes.starts_with(b"LPKSHHRH") {
            return Err(Damage::Refused("it is no journal file".into()));
        }
        let flags = le32(&bytes, 12);
        if flags & XZ != 0 {
            let words = "its entries are packed by xz, which is not read; journalctl --file \
                         reads them, and a journald of after 2019 packs them otherwise";
            return Err(Damage::Refused(words.into()));
        }
        if flags & !UNDERSTOOD != 0 {
            let unknown = flags & !UNDERSTOOD;
            return Err(Damage::Refused(format!(
                "it is of a newer form than this tenshi knows (incompatible flags {unknown:#x})"
            )));
        }
        let size = le64(&bytes, 88);
        if size < HEADER as u64 || size > 1 << 20 {
            return Err(Damage::Format("a header of a wrong length", 88));
        }
        let tables = le64(&bytes, 112).saturating_add(le64(&bytes, 128));
        Ok(Some(Self {
            used: le64(&bytes, 136).saturating_sub(size.saturating_add(tables)),
            file_id: id(&bytes, 24),
            tail_boot: id(&bytes, 56),
            seqnum_id: id(&bytes, 72),
            archived: bytes[16] == 2,
            compact: flags & COMPACT != 0,
            size,
            entries: le64(&bytes, 152),
            tail_seqnum: le64(&bytes, 160),
            head_seqnum: le64(&bytes, 168),
            array: le64(&bytes, 176),
            head_realtime: le64(&bytes, 184),
            tail_realtime: le64(&bytes, 192),
            tail_monotonic: le64(&bytes, 200),
        }))
    }

    /// Number of bytes of an item in an array of entries.
    pub fn array_item(&self) -> u64 {
        if self.compact { 4 } else { 8 }
    }

    /// Number of bytes of an item in an entry.
    pub fn entry_item(&self) -> u64 {
        if self.compact { 4 } else { 16 }
    }

    /// Number of bytes in front of the payload of a data object.
    pub fn data_head(&self) -> u64 {
        if self.compact { 72 } else { 64 }
    }

    /// The offset in the item at `at` of an entry or an array.
    pub fn offset(&self, bytes: &[u8], at: usize) -> u64 {
        if self.compact {
            u64::from(le32(bytes, at))
        } else {
            le64(bytes, at)
        }
    }
}

/// The head of an object: its type, its flags and its whole length.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// [`DATA`], [`ENTRY`], [`ENTRY_ARRAY`], or something of no interest.
    pub kind: u8,
    /// The flags: how a payload is packed.
    pub flags: u8,
    /// The length with the head, bytes.
    pub size: u64,
}

impl Object {
    /// The head in the first 16 bytes of an object.
    pub fn parse(bytes: &[u8]) -> Self {
        Self {
            kind: bytes.first().copied().unwrap_or_default(),
            flags: bytes.get(1).copied().unwrap_or_default(),
            size: le64(bytes, 8),
        }
    }
}
