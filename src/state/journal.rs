//! The records behind a snapshot: one for each commit since.
//!
//! ```text
//! length of the body (u32)  checksum (u32)  the body: sections of changes
//! ```
//!
//! The checksum is the CRC-32 of the checksum before it (for the first record, the checksum of the snapshot), of the
//! length and of the body. So a record is valid behind the record or snapshot behind which it was written, and behind
//! no other. A write that a power cut or a kill ended in the middle is a record that does not fit, and ends the file.

/// The length of what stands before the body of a record.
const HEAD: usize = 8;

/// What stands behind the last record that could be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Tail {
    /// Nothing.
    Clean,
    /// The beginning of a record whose commit was not ended, bytes.
    Torn(usize),
    /// Something that no power cut leaves; the text says what.
    Damaged(String),
}

/// A record with this body; `before` is the checksum of the one before. Gives the record's own checksum too;
/// nothing if the body is too long for one.
pub(super) fn record(before: u32, body: &[u8]) -> Option<(Vec<u8>, u32)> {
    let length = u32::try_from(body.len()).ok()?.to_le_bytes();
    let checksum = checksum(before, length, body);
    let mut record = Vec::with_capacity(HEAD + body.len());
    record.extend_from_slice(&length);
    record.extend_from_slice(&checksum.to_le_bytes());
    record.extend_from_slice(body);
    Some((record, checksum))
}

fn checksum(before: u32, length: [u8; 4], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&before.to_le_bytes());
    hasher.update(&length);
    hasher.update(body);
    hasher.finalize()
}

/// A record as it stands in a file.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    length: [u8; 4],
    checksum: u32,
    body: &'a [u8],
}

/// The records of a file, one after the other.
#[derive(Debug)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
    before: u32,
}

impl<'a> Records<'a> {
    /// The records in these bytes, behind what has this checksum.
    pub(super) fn new(bytes: &'a [u8], before: u32) -> Self {
        Self {
            rest: bytes,
            before,
        }
    }

    /// Splits off a record whatever its checksum. Gives what follows it too.
    fn split(bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (own, rest) = rest.split_first_chunk::<4>()?;
        let size = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (body, rest) = rest.split_at_checked(size).filter(|_| size > 0)?;
        let record = Record {
            length: *length,
            checksum: u32::from_le_bytes(*own),
            body,
        };
        Some((record, rest))
    }

    /// What stands behind the last record that [`Iterator::next`] gave.
    pub(super) fn tail(&self) -> Tail {
        if self.rest.is_empty() {
            return Tail::Clean;
        }
        let follows = |bytes: &'a [u8]| {
            // If the one after it fits its checksum, the record was once whole.
            let (record, rest) = Self::split(bytes)?;
            Self::new(rest, record.checksum).next()
        };
        match follows(self.rest) {
            Some(_) => Tail::Damaged("a commit before others does not fit its checksum".into()),
            None => Tail::Torn(self.rest.len()),
        }
    }

    /// The number of bytes that are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    /// The body of the next record that was committed.
    fn next(&mut self) -> Option<&'a [u8]> {
        let (record, rest) = Self::split(self.rest)?;
        if checksum(self.before, record.length, record.body) != record.checksum {
            return None;
        }
        (self.rest, self.before) = (rest, record.checksum);
        Some(record.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three records behind something of this checksum, and where each ends.
    fn three(before: u32) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut ends, mut last) = (Vec::new(), Vec::new(), before);
        for body in [&b"one"[..], b"two", &[0; 700]] {
            let (record, own) = record(last, body).unwrap();
            bytes.extend_from_slice(&record);
            ends.push(bytes.len());
            last = own;
        }
        (bytes, ends)
    }

    #[test]
    fn what_is_whole_is_read_and_what_is_torn_is_cut_off() {
        let (bytes, ends) = three(7);
        for length in 0..=bytes.len() {
            let mut records = Records::new(&bytes[..length], 7);
            let read = records.by_ref().count();
            assert_eq!(read, ends.iter().filter(|end| **end <= length).count());
            let rest = length - ends[..read].last().copied().unwrap_or(0);
            match records.tail() {
                Tail::Clean => assert_eq!(rest, 0),
                Tail::Torn(n) => assert_eq!(n, rest),
                Tail::Damaged(how) => panic!("{length}: {how}"),
            }
        }
        assert_eq!(
            Records::new(&bytes, 8).count(),
            0,
            "behind another snapshot"
        );
        let mut zeros = Records::new(&[0; 100], 0);
        assert_eq!((zeros.next(), zeros.tail()), (None, Tail::Torn(100)));
    }

    #[test]
    fn damage_before_a_good_record_is_no_torn_write() {
        let (bytes, ends) = three(7);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 4;
            let mut records = Records::new(&bytes, 7);
            let read = records.by_ref().count();
            assert_eq!(read, ends.iter().filter(|end| **end <= at).count());
            let begin = ends[..read].last().copied().unwrap_or(0);
            let in_body = at >= begin + HEAD;
            let last = read + 1 == ends.len();
            let told = matches!(records.tail(), Tail::Damaged(_));
            assert_eq!(told, in_body && !last, "{at}");
        }
    }
}
