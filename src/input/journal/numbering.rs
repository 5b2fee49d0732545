//! Whether entries are missing. journald numbers the entries of a machine without gaps, over all files of its
//! directory; a remote journal has a numbering of its own. So an entry that was removed before it was read
//! shows: fewer entries were read than there are numbers.
//!
//! The files are read one after the other while journald writes to all of them, so at the end of a look the
//! numbers of some entries may not have been seen yet. They are missed only if two more looks have not
//! brought them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bstr::BString;

use super::format::Id;
use super::positions::Numbering;

/// Number of looks after which an entry is lost whose number was not seen.
const LOOKS: u8 = 2;

/// The name of the numbering that a file belongs to.
pub fn name(path: &Path, seqnum_id: &Id) -> BString {
    let directory = path.parent().unwrap_or(path).as_os_str().as_bytes();
    let file = path.file_name().unwrap_or(OsStr::new("")).as_bytes();
    // journald of Debian 12 gives each of its files a seqnum_id, and all of them share one count.
    if file.starts_with(b"system") || file.starts_with(b"user-") {
        return directory.into();
    }
    let digits: String = seqnum_id.iter().map(|byte| format!("{byte:02x}")).collect();
    [directory, b"/", digits.as_bytes()].concat().into()
}

/// The directory of the files of a numbering, by its name.
pub fn directory(name: &BString) -> &Path {
    let path = Path::new(OsStr::from_bytes(name));
    let last = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
    let is_id = last.len() == 32 && last.iter().all(u8::is_ascii_hexdigit);
    // The directory of a machine has such a name too; one above it is good enough.
    match is_id {
        true => path.parent().unwrap_or(path),
        false => path,
    }
}

/// A numbering while it is watched.
#[derive(Clone, Copy, Debug)]
pub struct Watched {
    now: Numbering,
    /// The numbers that are being waited for.
    doubt: Option<Doubt>,
}

/// Numbers that were not seen though larger ones were.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// The largest number that had been seen when the doubt began.
    upto: u64,
    /// Number of entries read with larger numbers.
    beyond: u64,
    /// Number of looks since.
    looks: u8,
}

impl Watched {
    /// Goes on with a numbering.
    pub fn new(now: Numbering) -> Self {
        Self { now, doubt: None }
    }

    /// A numbering whose first entry to be read has the number `base`.
    pub fn from(base: u64) -> Self {
        Self::new(Numbering {
            base,
            most: base.saturating_sub(1),
            ..Numbering::default()
        })
    }

    /// As the state keeps it.
    pub fn now(&self) -> Numbering {
        self.now
    }

    /// Takes note that a file of it was seen on this day.
    pub fn see(&mut self, today: u32) {
        self.now.seen = today;
    }

    /// Whether entries are being waited for.
    pub fn in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Takes note of `count` entries that were read, whose numbers follow each other from `first` on.
    pub fn read(&mut self, first: u64, count: u64) {
        let end = first.saturating_add(count);
        let first = first.max(self.now.base);
        let Some(count) = end.checked_sub(first).filter(|count| *count > 0) else {
            return;
        };
        self.now.count = self.now.count.saturating_add(count);
        self.now.most = self.now.most.max(end - 1);
        if let Some(doubt) = &mut self.doubt {
            let beyond = end.saturating_sub(first.max(doubt.upto.saturating_add(1)));
            doubt.beyond = doubt.beyond.saturating_add(beyond);
        }
    }

    /// Takes note of `count` entries that could not be read, which was told.
    pub fn damaged(&mut self, count: u64) {
        self.now.count = self.now.count.saturating_add(count);
    }

    /// All files were looked at, to their ends. Gives the number of entries that are lost; `known` says that
    /// all files could be read.
    pub fn looked(&mut self, known: bool) -> u64 {
        let numbers = |from: u64, to: u64| to.saturating_add(1).saturating_sub(from);
        let complete = numbers(self.now.base, self.now.most) <= self.now.count;
        if complete || !known {
            let base = self.now.most.saturating_add(1).max(self.now.base);
            let seen = self.now.seen;
            *self = Self::from(base);
            self.now.seen = seen;
            return 0;
        }
        let Some(doubt) = &mut self.doubt else {
            self.doubt = Some(Doubt {
                upto: self.now.most,
                beyond: 0,
                looks: 0,
            });
            return 0;
        };
        doubt.looks += 1;
        let read = self.now.count - doubt.beyond.min(self.now.count);
        let missing = numbers(self.now.base, doubt.upto).saturating_sub(read);
        if missing > 0 && doubt.looks < LOOKS {
            return 0;
        }
        self.now.base = doubt.upto.saturating_add(1);
        self.now.count = doubt.beyond;
        self.doubt = None;
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_late_is_not_lost_and_what_never_comes_is() {
        let mut numbers = Watched::from(10);
        numbers.read(1, 12);
        assert_eq!((numbers.looked(true), numbers.now().base), (0, 13));
        // 15 stands in a file that was read before it was written.
        numbers.read(13, 2);
        numbers.read(16, 2);
        assert_eq!(numbers.looked(true), 0);
        assert!(numbers.in_doubt());
        numbers.read(15, 1);
        numbers.read(18, 1);
        assert_eq!((numbers.looked(true), numbers.now().base), (0, 19));
        // 19 to 28 are gone.
        numbers.read(29, 5);
        for late in 0..LOOKS {
            assert_eq!(numbers.looked(true), 0);
            numbers.read(34 + u64::from(late), 1);
        }
        assert_eq!(numbers.looked(true), 10);
        assert_eq!(numbers.looked(true), 0);
        assert_eq!(numbers.now().base, 36);
    }

    #[test]
    fn nothing_is_missed_where_files_cannot_be_read() {
        let mut numbers = Watched::from(1);
        numbers.read(100, 1);
        assert_eq!((numbers.looked(false), numbers.now().base), (0, 101));
        numbers.read(103, 1);
        numbers.damaged(2);
        assert_eq!((numbers.looked(true), numbers.now().base), (0, 104));
        numbers.read(u64::MAX, 5);
        assert_eq!(numbers.looked(true), 0);
    }

    #[test]
    fn a_machines_files_share_a_numbering_and_remote_ones_have_their_own() {
        let of = |path: &str, id: u8| name(Path::new(path), &[id; 16]).to_string();
        assert_eq!(of("/j/m/system.journal", 1), "/j/m");
        assert_eq!(of("/j/m/user-1000@7.journal", 2), "/j/m");
        assert_eq!(
            of("/j/remote-h.journal", 171),
            format!("/j/{}", "ab".repeat(16))
        );
    }
}
