//! The fields of entries that are of interest, and a cache of those that many entries share.

use super::format::{DATA, Damage, Header, OBJECT_HEAD, Object, ReadAt};
use super::packed::{MOST, Unpacker};
use super::window::{LONGEST, Windows};

/// Number of places of the cache, a power of two.
const PLACES: usize = 1 << 13;
/// Longer values are not kept in the cache, bytes.
const LONGEST_KEPT: usize = 128;
/// Number of bytes of an object by which its field is known: a whole block of zstd is among them.
const PEEK: u64 = 192 << 10;

/// The field without which an entry gives no line.
const MESSAGE: &[u8] = b"MESSAGE=";

/// The names of the fields whose values are wanted, each followed by `=`.
#[derive(Clone, Debug)]
pub struct Wanted(Vec<Vec<u8>>);

impl Wanted {
    /// The fields of these names.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let names = names.into_iter();
        Self(names.map(|name| [name, b"="].concat()).collect())
    }

    /// The place of the message among the names.
    fn message(&self) -> Option<usize> {
        self.0.iter().position(|name| name == MESSAGE)
    }

    /// The place of a field among the names, and where its value begins.
    fn find(&self, payload: &[u8]) -> Option<(usize, usize)> {
        let found = self.0.iter().position(|name| payload.starts_with(name))?;
        Some((found, self.0.get(found)?.len()))
    }
}

/// The values of an entry that are wanted, each with the place of its field in [`Wanted`].
#[derive(Debug, Default)]
pub struct Values {
    bytes: Vec<u8>,
    parts: Vec<(usize, usize)>,
}

impl Values {
    fn clear(&mut self) {
        self.bytes.clear();
        self.parts.clear();
        if self.bytes.capacity() > 4 << 20 {
            self.bytes = Vec::new();
        }
    }

    fn push(&mut self, field: usize, value: &[u8]) {
        self.bytes.extend_from_slice(value);
        self.parts.push((field, self.bytes.len()));
    }

    /// All values, in the order in which the entry has them.
    pub fn all(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut start = 0;
        self.parts.iter().map(move |(field, end)| {
            let value = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            (*field, value)
        })
    }

    /// The first value of a field.
    pub fn get(&self, field: usize) -> Option<&[u8]> {
        self.all()
            .find(|(of, _)| *of == field)
            .map(|(_, value)| value)
    }
}

/// What is known of the data object at an offset.
#[derive(Clone, Debug, Default)]
struct Known {
    /// 0 where the place is free.
    offset: u64,
    /// Which file it is of: the number of [`Fields::next_file`].
    file: u64,
    /// The place of its field in [`Wanted`]; nothing if it is of no interest.
    field: Option<usize>,
    value: Vec<u8>,
}

impl Known {
    fn set(&mut self, offset: u64, file: u64, field: Option<usize>) {
        (self.offset, self.file, self.field) = (offset, file, field);
        self.value.clear();
    }
}

/// Reads data objects. One serves all files in turn.
#[derive(Debug)]
pub struct Fields {
    wanted: Wanted,
    known: Vec<Known>,
    file: u64,
    unpacker: Unpacker,
    values: Values,
    /// What is wrong with the first value of the entry that cannot be unpacked.
    damage: Option<Damage>,
    /// The longest part of a value that is wanted, bytes.
    most: usize,
}

impl Fields {
    /// Reads the fields that are wanted, of each value at most `most` bytes.
    pub fn new(wanted: Wanted, most: usize) -> Self {
        Self {
            wanted,
            known: vec![Known::default(); PLACES],
            file: 0,
            unpacker: Unpacker::default(),
            values: Values::default(),
            damage: None,
            most: most.min(MOST),
        }
    }

    /// What is known is of another file than what follows.
    pub fn next_file(&mut self) {
        self.file += 1;
        self.unpacker.shrink();
    }

    /// Takes these for the values of an entry.
    #[cfg(test)]
    pub fn set(&mut self, fields: &[(&str, &str)]) -> &Values {
        self.values.clear();
        for (name, value) in fields {
            let found = self.wanted.find(format!("{name}=").as_bytes());
            if let Some((field, _)) = found {
                self.values.push(field, value.as_bytes());
            }
        }
        &self.values
    }

    /// The values of the entry that was read last.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Reads the values of the data objects at `offsets`.
    ///
    /// # Errors
    /// One of them cannot be read, or is none; or one that cannot be unpacked may have been the message.
    pub fn read(
        &mut self,
        file: &impl ReadAt,
        header: &Header,
        offsets: impl Iterator<Item = u64>,
        windows: &mut Windows,
    ) -> Result<&Values, Damage> {
        self.values.clear();
        self.damage = None;
        for offset in offsets {
            let place = place(offset);
            let known = self.known.get(place);
            if let Some(known) = known.filter(|k| k.offset == offset && k.file == self.file) {
                if let Some(field) = known.field {
                    self.values.push(field, &known.value);
                }
                continue;
            }
            self.data(file, header, offset, windows)?;
        }
        let message = self.wanted.message();
        match self.damage.take() {
            Some(damage) if message.is_some_and(|field| self.values.get(field).is_none()) => {
                Err(damage)
            }
            _ => Ok(&self.values),
        }
    }

    /// Reads the value of the data object at `offset`, if it is wanted.
    fn data(
        &mut self,
        file: &impl ReadAt,
        header: &Header,
        offset: u64,
        windows: &mut Windows,
    ) -> Result<(), Damage> {
        if offset < header.size || !offset.is_multiple_of(8) {
            return Err(Damage::Format("a wrong offset of a value", offset));
        }
        let object = Object::parse(windows.far(file, offset, OBJECT_HEAD)?);
        if object.kind != DATA || object.size <= header.data_head() {
            return Err(Damage::Format("no value", offset));
        }
        let head = usize::try_from(header.data_head()).unwrap_or(usize::MAX);
        let bytes = windows.far(file, offset, object.size.min(PEEK))?;
        let packed = bytes.get(head..).unwrap_or_default();
        let found = match self.unpacker.beginning(packed, object.flags, offset) {
            Ok(payload) => self.wanted.find(payload),
            Err(damage) => {
                self.damage.get_or_insert(damage);
                return Ok(());
            }
        };
        let Some((field, start)) = found else {
            if let Some(known) = self.known.get_mut(place(offset)) {
                known.set(offset, self.file, None);
            }
            return Ok(());
        };
        if object.size > LONGEST {
            return Err(Damage::Format("a value that is too long", offset));
        }
        let bytes = windows.far(file, offset, object.size)?;
        let payload = bytes.get(head..).unwrap_or_default();
        let most = self.most.saturating_add(start);
        let payload = match object.flags & 7 {
            0 => payload.get(..payload.len().min(most)).unwrap_or_default(),
            flags => self.unpacker.unpack(payload, flags, most, offset)?,
        };
        let value = payload.get(start..).unwrap_or_default();
        self.values.push(field, value);
        if value.len() <= LONGEST_KEPT
            && let Some(known) = self.known.get_mut(place(offset))
        {
            known.set(offset, self.file, Some(field));
            known.value.extend_from_slice(value);
        }
        windows.shrink();
        Ok(())
    }
}

/// The place of an offset in the cache.
fn place(offset: u64) -> usize {
    // Objects begin at multiples of 8; the high bits of the product depend on all of them.
    let hash = (offset >> 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(hash >> 51).unwrap_or_default() & (PLACES - 1)
}

#[cfg(test)]
mod tests {
    use super::super::format::PACKED_ZSTD;
    use super::*;

    const HEAD: Header = Header {
        file_id: [0; 16],
        tail_boot: [0; 16],
        seqnum_id: [0; 16],
        archived: false,
        compact: false,
        size: 208,
        used: 0,
        entries: 0,
        tail_seqnum: 0,
        head_seqnum: 0,
        array: 0,
        head_realtime: 0,
        tail_realtime: 0,
        tail_monotonic: 0,
    };

    /// A file of data objects, and where they stand.
    fn file(payloads: &[(u8, &[u8])]) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut offsets) = (vec![0; 208], Vec::new());
        for (flags, payload) in payloads {
            offsets.push(bytes.len() as u64);
            let size = 64 + payload.len() as u64;
            bytes.extend([DATA, *flags, 0, 0, 0, 0, 0, 0]);
            bytes.extend(size.to_le_bytes());
            bytes.extend([0; 48]);
            bytes.extend(*payload);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        (bytes, offsets)
    }

    /// The message of an entry with these values, or what is wrong with the entry.
    fn message(payloads: &[(u8, &[u8])]) -> Result<Option<Vec<u8>>, Damage> {
        let (bytes, offsets) = file(payloads);
        let wanted = Wanted::new([&b"PRIORITY"[..], b"MESSAGE"]);
        let mut fields = Fields::new(wanted, 1000);
        let offsets = offsets.into_iter();
        let mut windows = Windows::default();
        let values = fields.read(&bytes.as_slice(), &HEAD, offsets, &mut windows)?;
        Ok(values.get(1).map(<[u8]>::to_vec))
    }

    #[test]
    fn a_value_that_cannot_be_unpacked_is_damage_if_it_may_be_the_message() {
        let plain: (u8, &[u8]) = (0, b"MESSAGE=there");
        let other: (u8, &[u8]) = (0, b"PRIORITY=3");
        let bad: (u8, &[u8]) = (PACKED_ZSTD, b"no frame of zstd");
        assert!(matches!(message(&[other, bad]), Err(Damage::Format(..))));
        assert_eq!(message(&[bad, plain]).unwrap(), Some(b"there".to_vec()));
        assert_eq!(message(&[other]).unwrap(), None);
    }
}
