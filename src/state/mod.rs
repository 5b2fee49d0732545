//! The state: everything that outlives the process, all or nothing.
//!
//! The log files are the journal of what came; the state is what was made of them so far: positions, and
//! the counts that the lines before those positions led to. After a crash at any instant the lines behind
//! the positions are read again and lead to the same counts: none is lost, none is counted twice, however
//! old the state is.
//!
//! One file holds it: a snapshot, and behind it a record for each commit since, with what changed. A record
//! is appended and synced; the whole file is replaced by a new snapshot when the records have outgrown it.
//! So the records belong to no other snapshot, and there is no instant between two files.
//!
//! ```text
//! "tenshi state\n"  CRC-32 of the rest of the snapshot (u32)  version (u32)
//! length of the sections (u64)  the sections (see [`Sections`])  zeros up to a multiple of 4096
//! and then records (see module `journal`)
//! ```

mod apply;
mod file;
mod hush;
mod journal;
mod learnt;
mod lock;
mod permissions;
mod places;
mod replay;
mod sections;
mod snapshot;
mod store;
mod version1;

pub use hush::{Hushes, make_hush_directory, read_hushes, remove_hush, write_hush};
pub use journal::Tail;
pub use learnt::Learnt;
pub use lock::{LockStatus, lock_status};
pub use sections::{Sections, Unchanged};
pub use snapshot::{ChangesRef, MapChange, Snapshot, SnapshotRef};
pub use store::{
    Commit, DirectoryState, Loaded, ReadError, Stamp, Store, WRITER, WriteResult, Written, read,
    resolve, stamp,
};

use replay::Replay;

/// The first bytes of every snapshot.
const MAGIC: &[u8] = b"tenshi state\n";
/// The version that this program writes. A change that an older program must not pass over makes a
/// new version, and a reader for the one before.
const VERSION: u32 = 5;
/// The first version with records behind the snapshot. Its generations say only whether they are live, as
/// the first two values of what they say now.
const RECORDS: u32 = 4;
/// Where the version begins: before it stand the magic bytes and the checksum.
const VERSION_AT: usize = MAGIC.len() + 4;
/// The length of what stands before the sections: the version and their length follow the checksum.
const HEAD: usize = VERSION_AT + 4 + 8;
/// The records begin at a multiple of this: a write to them never touches a block of the snapshot.
const BLOCK: usize = 4096;

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
    out.extend_from_slice(&[0; 8]);
    let mut out = snapshot.write(out)?;
    let length = (out.len() - HEAD) as u64;
    if let Some(place) = out.get_mut(VERSION_AT + 4..HEAD) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    let checksum = crc32fast::hash(out.get(VERSION_AT..).unwrap_or_default());
    if let Some(place) = out.get_mut(MAGIC.len()..VERSION_AT) {
        place.copy_from_slice(&checksum.to_le_bytes());
    }
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    Ok(out)
}

/// The bytes of the changes since the last commit, for a record; nothing if there is none.
///
/// # Errors
/// A value in them has no form in postcard.
pub fn encode_changes(changes: &impl Sections) -> Result<Vec<u8>, String> {
    changes.write(Vec::new())
}

/// Reads the bytes of a state: a snapshot, and the records of the commits after it.
///
/// # Errors
/// The bytes do not begin with a whole snapshot that this version can read.
pub fn decode(bytes: &[u8]) -> Result<Snapshot, DecodeError> {
    decode_with_tail(bytes).map(|(snapshot, _)| snapshot)
}

/// As [`decode`]; says also what stands behind the last commit that could be read.
fn decode_with_tail(bytes: &[u8]) -> Result<(Snapshot, Tail), DecodeError> {
    let damaged = |how: &str| DecodeError::Damaged(how.to_owned());
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| damaged("it does not begin like one"))?;
    let (checksum, rest) = number(rest).ok_or_else(|| damaged("it ends in its head"))?;
    let (version, body) = number(rest).ok_or_else(|| damaged("it ends in its head"))?;
    if version > VERSION {
        // What a later version sums up is not known, but that it is one.
        return Err(DecodeError::Newer(version));
    }
    let summed = match version {
        ..RECORDS => rest,
        _ => of_sections(rest).ok_or_else(|| damaged("it ends in its sections"))?,
    };
    if crc32fast::hash(summed) != checksum {
        return Err(damaged("its checksum does not fit"));
    }
    let read = match version {
        1 => version1::read(body),
        2 | 3 => Snapshot::read(body),
        RECORDS | VERSION => Snapshot::read(summed.get(HEAD - VERSION_AT..).unwrap_or_default()),
        _ => Err("there is no version 0".to_owned()),
    };
    let snapshot = read.map_err(DecodeError::Damaged)?;
    if version < RECORDS {
        return Ok((snapshot, Tail::Clean));
    }
    let records = (VERSION_AT + summed.len()).next_multiple_of(BLOCK);
    let records = bytes.get(records..).unwrap_or_default();
    Replay::run(snapshot, checksum, records).or_else(|(good, how)| {
        // The record that does not fit may have been applied in part: once more, and not beyond it.
        let snapshot = Snapshot::read(summed.get(HEAD - VERSION_AT..).unwrap_or_default());
        let snapshot = snapshot.map_err(DecodeError::Damaged)?;
        let good = records.get(..good).unwrap_or_default();
        let (snapshot, _) =
            Replay::run(snapshot, checksum, good).map_err(|(_, how)| DecodeError::Damaged(how))?;
        Ok((snapshot, Tail::Damaged(how)))
    })
}

/// Of the bytes that begin with the version, those up to the end of the sections.
fn of_sections(bytes: &[u8]) -> Option<&[u8]> {
    let head = HEAD - VERSION_AT;
    let length = bytes.get(4..head)?.first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    bytes.get(..head.checked_add(length)?)
}

/// A number at the beginning of the bytes, little-endian, and the bytes after it.
fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

#[cfg(test)]
mod power_cuts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters::Counter;
    use crate::input::file::{FileCheckpoint, Standing};

    #[test]
    fn every_damage_is_seen_and_a_newer_version_is_named() {
        let snapshot = Snapshot {
            remarks: vec!["x".into()],
            ..Snapshot::default()
        };
        let bytes = encode(&snapshot).unwrap();
        assert_eq!(decode(&bytes).unwrap(), snapshot);
        let mut checked = 0;
        let sections = VERSION_AT + of_sections(&bytes[VERSION_AT..]).unwrap().len();
        for length in 0..sections {
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

    /// A daemon of version 4 made it: a log that is followed, after one that was rotated and one that was let go.
    #[test]
    fn a_snapshot_of_version_4_is_read_with_its_records() {
        let bytes = include_bytes!("../../tests/site/crash/snapshots/version-4.state");
        let (snapshot, tail) = decode_with_tail(bytes).unwrap();
        assert_eq!(tail, Tail::Clean);
        let standing = |files: &[FileCheckpoint]| {
            let standing = files.iter().map(|file| file.standing);
            standing.collect::<Vec<_>>()
        };
        let log = &snapshot.files[0];
        assert_eq!(standing(&log.files), [Standing::Rotated, Standing::Live]);
        assert_eq!(standing(&log.done), [Standing::Rotated]);
        assert_eq!(log.files[1].offset, 58, "the last record counts");
        let again = encode(&snapshot).unwrap();
        assert_eq!(decode(&again), Ok(snapshot));
    }

    /// A snapshot of the same version, but with a section that we do not know, and without one that we know.
    #[test]
    fn a_section_that_came_or_went_costs_no_other_one() {
        let part = |name: &str, body: &[u8]| {
            let name = name.as_bytes();
            let lengths = (u8::try_from(name.len()).unwrap(), body.len() as u64);
            [&[lengths.0], name, &lengths.1.to_le_bytes(), body].concat()
        };
        let remarks = postcard::to_stdvec(&["x"].as_slice()).unwrap();
        let parts = [part("of_tomorrow", b"?"), part("remarks", &remarks)].concat();
        let length = (parts.len() as u64).to_le_bytes();
        let head = [MAGIC, &[0; 8], &length].concat();
        let bytes = of_version([head, parts].concat(), VERSION);
        let read = decode(&bytes).unwrap();
        assert_eq!(read.remarks, ["x"]);
        assert_eq!((read.files.len(), read.queues.len()), (0, 0));
        let short = of_version(bytes[..bytes.len() - 1].to_vec(), VERSION);
        assert!(matches!(decode(&short), Err(DecodeError::Damaged(_))));
    }

    /// The same snapshot, as a program of this version would have written it.
    pub(super) fn of_version(mut bytes: Vec<u8>, version: u32) -> Vec<u8> {
        let (crc, rest) = (MAGIC.len(), VERSION_AT);
        bytes[rest..rest + 4].copy_from_slice(&version.to_le_bytes());
        let summed = match version {
            0..RECORDS => &bytes[rest..],
            _ => of_sections(&bytes[rest..]).unwrap_or(&bytes[rest..]),
        };
        let sum = crc32fast::hash(summed);
        bytes[crc..rest].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}
