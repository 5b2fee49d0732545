//! The reading side: months, their letters, and a letter by its name.
//!
//! Whoever may write the state directory may have put anything there. So no link is followed from the
//! directory of the archive on, only plain files are opened, and what is read has bounds.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use bstr::ByteSlice;
use chrono::{DateTime, NaiveDate};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use super::entry::{self, Entry};
use super::letter::Letter;
use super::name::LetterName;
use super::told::Summary;
use super::{INDEX, directory};
use crate::clock::Time;
use crate::shown::shown;

/// The part of an index that is read, bytes.
const MOST_INDEX: u64 = 256 << 20;
/// The length of a line of an index, bytes: a longer one is none.
const MOST_LINE: u64 = 16 << 10;
/// Letters of a month, at most.
const MOST_LETTERS: usize = 2_000_000;

/// The archive of a state directory, to be read.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    directory: OwnedFd,
}

/// A month of the archive.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Month {
    year: i32,
    month: u32,
}

impl Month {
    /// Whether the whole month is before a day.
    pub fn is_before(self, day: NaiveDate) -> bool {
        let next = match self.month {
            12 => (self.year + 1, 1),
            month => (self.year, month + 1),
        };
        NaiveDate::from_ymd_opt(next.0, next.1, 1).is_none_or(|next| next <= day)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl Reader {
    /// Opens the archive of a state directory.
    ///
    /// # Errors
    /// There is none, or it may not be read.
    pub fn open(state: &Path) -> io::Result<Self> {
        let path = directory(state);
        let directory = open(&path, directory_flags(), Mode::empty())?;
        Ok(Self { path, directory })
    }

    /// The directory of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The months that have letters, the first one first.
    ///
    /// # Errors
    /// A directory cannot be read.
    pub fn months(&self) -> io::Result<Vec<Month>> {
        let mut months = Vec::new();
        for year in numbers(&self.path, 4)? {
            let months_of_year = match numbers(&self.path.join(format!("{year:04}")), 2) {
                Ok(months_of_year) => months_of_year,
                // A file in the place of a year is none.
                Err(e) if e.kind() == io::ErrorKind::NotADirectory => continue,
                Err(e) => return Err(e),
            };
            let year = i32::try_from(year).unwrap_or(0);
            let good = months_of_year
                .into_iter()
                .filter(|month| (1..=12).contains(month));
            months.extend(good.map(|month| Month { year, month }));
        }
        months.sort_unstable();
        Ok(months)
    }

    /// The letters of a month, the first one first. A letter that is neither in the index nor can be read has
    /// its file's name alone.
    ///
    /// # Errors
    /// The directory cannot be read, or is behind a link.
    pub fn letters(&self, month: Month) -> io::Result<Vec<Entry>> {
        let (year, number) = (format!("{:04}", month.year), format!("{:02}", month.month));
        let at = self.walk(&year, &number)?;
        let mut known = index(&at, month);
        let mut letters = Vec::new();
        for file in fs::read_dir(self.path.join(year).join(number))?.take(MOST_LETTERS) {
            let file = file?.file_name();
            let name = file.to_str();
            let name = name.and_then(|name| LetterName::of_file(month.year, month.month, name));
            if let Some(name) = name {
                let entry = known.remove(&name.stem());
                letters.push(entry.unwrap_or_else(|| self.entry(name)));
            }
        }
        letters.sort_by(|a, b| (a.made, &a.name).cmp(&(b.made, &b.name)));
        Ok(letters)
    }

    /// Opens a letter.
    ///
    /// # Errors
    /// There is none of this name, it may not be read, it is no plain file, or is damaged.
    pub fn letter(&self, name: &LetterName) -> io::Result<Letter> {
        let (year, month) = name.month();
        let at = self.walk(&year, &month)?;
        Letter::open(plain(&at, &name.file())?)
    }

    /// The directory of a month.
    fn walk(&self, year: &str, month: &str) -> io::Result<OwnedFd> {
        let year = openat(&self.directory, year, directory_flags(), Mode::empty())?;
        Ok(openat(&year, month, directory_flags(), Mode::empty())?)
    }

    /// What an index would say of a letter, from its text.
    fn entry(&self, name: LetterName) -> Entry {
        let midnight = name.day().and_hms_opt(0, 0, 0).unwrap_or_default();
        let mut entry = Entry {
            made: midnight.and_utc(),
            queue: entry::text(name.queue()),
            summary: Summary::default(),
            id: String::new(),
            subject: "?".into(),
            name,
        };
        let Ok(mut letter) = self.letter(&entry.name) else {
            return entry;
        };
        let field = |name| letter.head.field(name).unwrap_or_default();
        let text = |value: &[u8]| entry::text(&shown(value).to_string());
        entry.subject = text(field("Subject"));
        entry.id = text(
            field("Message-ID")
                .trim_start_with(|c| c == '<')
                .trim_end_with(|c| c == '>'),
        );
        entry.made = date(field("Date")).unwrap_or(entry.made);
        entry.summary = Summary::of(|take| {
            // What can be read of it counts.
            let _ = letter.each_line(&mut |line| {
                take(line);
                true
            });
        });
        entry
    }
}

/// The time of a field `Date`.
fn date(value: &[u8]) -> Option<Time> {
    let time = DateTime::parse_from_rfc2822(value.to_str().ok()?).ok()?;
    Some(time.to_utc())
}

fn directory_flags() -> OFlag {
    OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC
}

/// Opens a plain file of a directory for reading: no link is followed, nothing else can hold us.
fn plain(at: &impl AsFd, name: &str) -> io::Result<File> {
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let refused = || io::Error::other("it is no plain file");
    let opened = openat(at, name, flags | OFlag::O_CLOEXEC, Mode::empty());
    let file = File::from(opened.map_err(|e| match e {
        Errno::ELOOP | Errno::ENXIO => refused(),
        e => e.into(),
    })?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(refused()),
    }
}

/// The names in a directory that are numbers of `digits` digits.
fn numbers(path: &Path, digits: usize) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name();
        let name = name.to_str().filter(|name| name.len() == digits);
        let good = name.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        found.extend(good.and_then(|name| name.parse::<u32>().ok()));
    }
    Ok(found)
}

/// The index of a month, by the names of the files without their ending. What cannot be read is not in it.
fn index(at: &impl AsFd, month: Month) -> HashMap<String, Entry> {
    let mut known = HashMap::new();
    let Ok(file) = plain(at, INDEX) else {
        return known;
    };
    let mut reader = BufReader::new(file.take(MOST_INDEX));
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = (&mut reader).take(MOST_LINE).read_until(b'\n', &mut line);
        if !read.is_ok_and(|read| read > 0) || known.len() >= MOST_LETTERS {
            return known;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some(entry) = Entry::of_line(month.year, month.month, text) {
            known.insert(entry.name.stem(), entry);
        }
    }
}
