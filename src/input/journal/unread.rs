//! How much of the journal is not read yet: the positions that the state has, and the headers of the files of now.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::directory::list;
use super::format::{Damage, Header, Id};
use super::place::is_made_after;
use super::positions::Positions;
use crate::plain;

/// What is not read yet of the journal of a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    /// The directory.
    pub directory: PathBuf,
    /// Number of entries behind the positions.
    pub entries: u64,
    /// About how many bytes of the files they take.
    pub bytes: u64,
    /// Why there may be more: a file or the directory cannot be read.
    pub unseen: Option<String>,
}

/// What is not read yet of each directory that was begun.
pub fn unread(positions: &Positions) -> Vec<Unread> {
    // A file may be there twice, as a copy.
    let mut counted = HashSet::new();
    let directories = positions.directories.iter();
    directories
        .map(|(path, begun)| {
            let path = path.to_os_str_lossy();
            of_directory(Path::new(&*path), *begun, positions, &mut counted)
        })
        .collect()
}

fn of_directory(
    path: &Path,
    begun: i64,
    positions: &Positions,
    counted: &mut HashSet<Id>,
) -> Unread {
    let mut all = Unread {
        directory: path.to_path_buf(),
        entries: 0,
        bytes: 0,
        unseen: None,
    };
    let listing = match list(path) {
        Ok(listing) => listing,
        Err(e) => {
            let gone = e.kind() == ErrorKind::NotFound;
            all.unseen = (!gone).then(|| e.to_string());
            return all;
        }
    };
    all.unseen = listing.shut.first().map(|(_, e)| e.to_string());
    for name in listing.files {
        match of_file(&name.path, begun, positions, counted) {
            Ok((entries, bytes)) => {
                all.entries = all.entries.saturating_add(entries);
                all.bytes = all.bytes.saturating_add(bytes);
            }
            Err(Damage::Io(e)) if e.kind() != ErrorKind::NotFound => {
                all.unseen.get_or_insert_with(|| e.to_string());
            }
            // It is gone, or one that is not read at all, which is told as a fault.
            Err(_) => {}
        }
    }
    all
}

/// The entries of a file that are not read, and about how many bytes they take.
fn of_file(
    path: &Path,
    begun: i64,
    positions: &Positions,
    counted: &mut HashSet<Id>,
) -> Result<(u64, u64), Damage> {
    let file = plain::open(path)?;
    let Some(header) = Header::read(&file)? else {
        return Ok((0, 0));
    };
    if !counted.insert(header.file_id) {
        return Ok((0, 0));
    }
    let next = match positions.files.get(&header.file_id) {
        Some(position) => position.next,
        None if is_made_after(&file, begun) => 0,
        // It was there when the directory was begun, and is not read.
        None => header.entries,
    };
    let entries = header.entries.saturating_sub(next);
    let size = file.metadata()?.len();
    let used = u128::from(header.used.min(size));
    let bytes = used * u128::from(entries) / u128::from(header.entries.max(1));
    Ok((entries, u64::try_from(bytes).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    use crate::input::journal::FilePosition;

    /// The header of a file with this number of entries, of 1,000 bytes each.
    fn header(id: u8, entries: u64) -> Vec<u8> {
        let mut bytes = vec![0; 208];
        bytes[..8].copy_from_slice(b"LPKSHHRH");
        bytes[24] = id;
        for (at, number) in [
            (88, 208),
            (112, 5_000),
            (128, 1_000),
            (136, 6_208 + entries * 1_000),
            (152, entries),
        ] {
            bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
        }
        bytes.resize(6_208 + usize::try_from(entries).unwrap() * 1_000 + 64, 0);
        bytes
    }

    #[test]
    fn entries_behind_the_positions_are_counted_and_those_of_new_files() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        };
        write("system.journal", header(1, 100));
        write("system@1.journal", header(2, 50));
        // A copy, one that is being made, and none at all.
        write("copy.journal", header(1, 100));
        write("begun.journal", vec![0; 300]);
        write("other.journal", b"no journal".repeat(40));
        let mut positions = Positions::default();
        let key = dir.path().as_os_str().as_bytes();
        let now = chrono::Utc::now().timestamp_micros();
        positions.directories.insert(key.into(), now);
        positions.directories.insert("/gone".into(), now);
        let id = |n: u8| {
            let mut id = Id::default();
            id[0] = n;
            id
        };
        let position = |next| FilePosition {
            next,
            ..FilePosition::default()
        };
        positions.files.insert(id(1), position(70));
        let of = |positions: &Positions| {
            let all = unread(positions);
            assert_eq!(all.len(), 2);
            assert!(all.iter().all(|one| one.unseen.is_none()), "{all:?}");
            let of: Vec<_> = all.iter().map(|one| (one.entries, one.bytes)).collect();
            assert_eq!(
                of[usize::from(all[0].directory != Path::new("/gone"))],
                (0, 0)
            );
            of.into_iter().max().unwrap()
        };
        // Of the other file nothing was read.
        assert_eq!(of(&positions), (80, 80_000));
        positions.files.insert(id(2), position(50));
        assert_eq!(of(&positions), (30, 30_000));
        // More than there is: it was made anew.
        positions.files.insert(id(1), position(200));
        assert_eq!(of(&positions), (0, 0));
        // A file that was there before, and was passed over.
        positions.files.clear();
        positions.files.insert(id(1), position(100));
        let later = now + 3_600_000_000;
        positions.directories.insert(key.into(), later);
        assert_eq!(of(&positions), (0, 0));
    }
}
