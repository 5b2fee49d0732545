//! The snapshot: everything that outlives the process, all or nothing.
//!
//! The log files are the journal; the snapshot is what was made of them so far: positions, and the
//! counts that the lines before those positions led to, in one file that is replaced as a whole.
//! After a crash at any instant the lines behind the positions are read again and lead to the same
//! counts: none is lost, none is counted twice, however old the snapshot is.
//!
//! ```text
//! "tenshi state\n"  CRC-32 of the rest (u32)  version (u32)  the sections (see [`Sections`])
//! ```

mod lock;
mod permissions;
mod snapshot;
mod store;
mod version1;

pub use lock::{LockStatus, lock_status};
pub use snapshot::{Sections, Snapshot, SnapshotRef};
pub use store::{DirectoryState, Loaded, ReadError, Store, WriteResult, read, resolve};

/// The first bytes of every snapshot.
const MAGIC: &[u8] = b"tenshi state\n";
/// The version that this program writes. A change that an older program must not pass over makes a
/// new version, and a reader for the one before.
const VERSION: u32 = 3;

/// Why a snapshot cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// The bytes are no snapshot, or not a whole one; the text says how that was seen.
    Damaged(String),
    /// A later program wrote the snapshot; its version.
    Newer(u32),
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Damaged(how) => write!(f, "the snapshot is damaged: {how}"),
            Self::Newer(version) => write!(
                f,
                "the snapshot has version {version}, this program knows {VERSION} and older: \
                 run the newer tenshi, or move the file away to begin anew"
            ),
        }
    }
}

/// The bytes of a snapshot.
///
/// # Errors
/// A value in it has no form in postcard.
pub fn encode(snapshot: &impl Sections) -> Result<Vec<u8>, String> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&VERSION.to_le_bytes());
    let mut out = snapshot.write(out)?;
    if let Some(rest) = out.get_mut(MAGIC.len()..)
        && let Some((checksum, rest)) = rest.split_first_chunk_mut::<4>()
    {
        *checksum = crc32fast::hash(rest).to_le_bytes();
    }
    Ok(out)
}

/// Reads the bytes of a snapshot.
///
/// # Errors
/// The bytes are not a whole snapshot that this version can read.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, DecodeError> {
    let damaged = |how: &str| DecodeError::Damaged(how.to_owned());
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("it does not begin like one"))?;
    let (crc, rest) = number(rest).ok_or_else(|| damaged("it ends in its head"))?;
    if crc32fast::hash(rest) != crc {
        return Err(damaged("its checksum does not fit"));
    }
    let (version, body) = number(rest).ok_or_else(|| damaged("it ends in its head"))?;
    match version {
        1 => version1::read(body),
        2 | VERSION => Snapshot::read(body),
        0 => Err("there is no version 0".to_owned()),
        newer => return Err(DecodeError::Newer(newer)),
    }
    .map_err(DecodeError::Damaged)
}

/// A number at the beginning of the bytes, little-endian, and the bytes after it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counter;

    #[test]
    fn every_damage_is_seen_and_a_newer_version_is_named() {
        let snapshot = Snapshot {
            remarks: vec!["x".into()],
            ..Snapshot::default()
        };
        let bytes = encode(&snapshot).unwrap();
        assert_eq!(decode(&bytes).unwrap(), snapshot);
        let mut checked = 0;
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length]).is_err(), "cut at {length}");
            let mut flipped = bytes.clone();
            flipped[length] ^= 0x40;
            assert!(decode(&flipped).is_err(), "flipped at {length}");
            checked += 1;
        }
        assert!(checked > MAGIC.len());
        assert_eq!(decode(&of_version(bytes, 9)), Err(DecodeError::Newer(9)));
    }

    /// Two daemons of version 1 made them.
    #[test]
    fn a_snapshot_of_version_1_is_read() {
        let body = include_bytes!("../../fuzz/corpus/snapshot/real");
        let head = [MAGIC, &[0; 8]].concat();
        let bytes = of_version([head.as_slice(), body].concat(), 1);
        let snapshot = decode(&bytes).unwrap();
        assert_eq!(snapshot.outbox.mails().len(), 5);
        assert_eq!((snapshot.files.len(), snapshot.queues.len()), (2, 5));
        assert_eq!(snapshot.faults.len(), 1);
        let bytes = include_bytes!("../../tests/site/crash/snapshots/version-1.state");
        let snapshot = decode(bytes).unwrap();
        assert_eq!(snapshot.outbox.mails().len(), 1);
        let counted = snapshot.counters.all().into_iter();
        let counted: Vec<_> = counted.filter(|c| c.2 > 0).map(|c| (c.0, c.2)).collect();
        let want = [
            (Counter::Lines, 10),
            (Counter::Matched, 9),
            (Counter::NoPrefix, 1),
            (Counter::NotUtf8, 1),
            (Counter::InputFaults, 1),
            (Counter::DeliveryFailed, 5),
        ];
        assert_eq!(counted, want);
        let again = encode(&snapshot).unwrap();
        assert_eq!(decode(&again), Ok(snapshot));
    }

    /// Of the same version, but with a part that we do not know, and without one that we know.
    #[test]
    fn a_section_that_came_or_went_costs_no_other_one() {
        let part = |name: &str, body: &[u8]| {
            let name = name.as_bytes();
            let lengths = (u8::try_from(name.len()).unwrap(), body.len() as u64);
            [&[lengths.0], name, &lengths.1.to_le_bytes(), body].concat()
        };
        let remarks = postcard::to_stdvec(&["x"].as_slice()).unwrap();
        let parts = [part("of_tomorrow", b"?"), part("remarks", &remarks)].concat();
        let head = [MAGIC, &[0; 8]].concat();
        let bytes = of_version([head, parts].concat(), VERSION);
        let read = decode(&bytes).unwrap();
        assert_eq!(read.remarks, ["x"]);
        assert_eq!((read.files.len(), read.queues.len()), (0, 0));
        let short = of_version(bytes[..bytes.len() - 1].to_vec(), VERSION);
        assert!(matches!(decode(&short), Err(DecodeError::Damaged(_))));
    }

    /// The same snapshot, as a program of this version would have written it.
    pub(super) fn of_version(mut bytes: Vec<u8>, version: u32) -> Vec<u8> {
        let (crc, rest) = (MAGIC.len(), MAGIC.len() + 4);
        bytes[rest..rest + 4].copy_from_slice(&version.to_le_bytes());
        let sum = crc32fast::hash(&bytes[rest..]);
        bytes[crc..rest].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}
