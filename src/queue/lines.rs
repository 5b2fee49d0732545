//! The lines of one host with their counts, in little memory.
//!
//! A site may have half a million distinct lines a day. So the texts of all lines stand one behind the
//! other, and a line costs besides only an entry (begin, count, part of its hash) and a place in a hash table:
//! some seventeen bytes, and no allocation of its own. A host with few lines has no table: whoever sends lines
//! can invent names of hosts, and each is to cost little.

use std::fmt;
use std::sync::LazyLock;

use bstr::{BStr, BString};
use hashbrown::HashTable;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::{Map, hash_of_ends};

/// The distinct lines of a host and their counts.
#[derive(Clone, Default)]
pub struct Lines {
    /// The texts of all lines, in the order in which they came.
    text: Chunks,
    /// An entry for each line, in the same order.
    entries: Vec<Entry>,
    /// The counts that are too large for an entry, by the number of the line.
    big: Option<Box<Map<u32, u64>>>,
    /// The numbers of the lines by their [`spread`] hashes; empty up to [`FEW`] lines.
    table: HashTable<u32>,
    /// The cache of recent lines; made when there are more than [`FEW`]: most hosts of a large site have fewer.
    recent: Option<Box<RecentLines>>,
}

/// The entry of a line.
#[derive(Clone, Copy)]
struct Entry {
    /// Where the text of the line begins; it ends where the next line begins, or its chunk ends.
    start: u32,
    /// The count, or [`BIG`] if the count stands in `big`.
    count: u32,
    /// The upper half of the hash.
    hash: u32,
}

/// The hash function of lines, keyed anew in each process. All hosts share it: it takes 32 bytes.
static HASHER: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);

/// Memory of a line besides its text, bytes: its entry and its place in the table, which may have grown
/// ahead.
const COST: usize = 2 * size_of::<Entry>() + 12;

/// Text in chunks that never move: nothing is copied when the text grows.
#[derive(Clone, Default)]
struct Chunks(Vec<Vec<u8>>);

/// The greatest length of a chunk of several lines, bytes. A longer line is a chunk of its own.
const CHUNK: usize = 1 << 16;

impl Chunks {
    /// Appends a line. Returns where the line begins and how many bytes more the text takes; nothing if there
    /// is no room.
    fn add(&mut self, line: &[u8]) -> Option<(u32, usize)> {
        let mut more = 0;
        let last = self.0.last();
        let fits = last
            .is_some_and(|last| last.len() < CHUNK && line.len() <= last.capacity() - last.len());
        if !fits {
            u16::try_from(self.0.len()).ok()?;
            let twice = last.map_or(0, |last| 2 * last.capacity());
            let size = twice.min(CHUNK).max(line.len());
            if self.0.is_empty() {
                // Most hosts that somebody made up have one line.
                self.0.reserve_exact(1);
            }
            self.0.push(Vec::with_capacity(size));
            more = size + size_of::<Vec<u8>>();
        }
        let chunk = u16::try_from(self.0.len() - 1).ok()?;
        let last = self.0.last_mut()?;
        let start = u16::try_from(last.len()).ok()?;
        last.extend_from_slice(line);
        Some((u32::from(chunk) << 16 | u32::from(start), more))
    }

    /// The text of this length that begins at `start`.
    #[inline(always)]
    fn get(&self, start: u32, length: u32) -> Option<&[u8]> {
        let from = (start & 0xffff) as usize;
        let chunk = self.0.get((start >> 16) as usize)?;
        chunk.get(from..from + length as usize)
    }

    /// The length of the line that begins at `start`; `next` is where the line after it begins.
    fn length(&self, start: u32, next: Option<u32>) -> u32 {
        let chunk = self.0.get((start >> 16) as usize).map_or(0, Vec::len);
        let end = u32::try_from(chunk).unwrap_or(u32::MAX);
        match next.filter(|next| next >> 16 == start >> 16) {
            Some(next) => next - start,
            None => end.saturating_sub(start & 0xffff),
        }
    }
}

/// A direct-mapped cache of recent lines by their quick hash: most lines are found here, without the table.
#[derive(Clone)]
struct RecentLines([RecentLine; RECENT]);

/// Number of entries of the cache; a power of two.
const RECENT: usize = 64;
/// Number of lines up to which they are searched one by one, without a table.
const FEW: usize = 16;

/// A recent line.
#[derive(Clone, Copy)]
struct RecentLine {
    /// The hash of its ends ([`hash_of_ends`]).
    mark: u32,
    /// The number of the line; `u32::MAX` if there is no line here.
    at: u32,
    /// Where the line begins in the text.
    start: u32,
    length: u32,
}

impl Default for RecentLines {
    fn default() -> Self {
        let none = RecentLine {
            mark: 0,
            at: u32::MAX,
            start: 0,
            length: 0,
        };
        Self([none; RECENT])
    }
}

/// The outcome of counting a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The line was known; its count was changed.
    Counted,
    /// The line is new, and takes this number of bytes.
    Added(usize),
    /// The line is new, and was not added: there is no room.
    Refused,
}

/// The count in an entry whose count stands in `big`.
const BIG: u32 = u32::MAX;

impl Lines {
    /// The number of distinct lines.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The memory that the lines take, bytes.
    pub fn cost(&self) -> usize {
        let chunks = self.text.0.iter();
        let text: usize = chunks
            .map(|chunk| chunk.capacity() + size_of::<Vec<u8>>())
            .sum();
        text + self.len() * COST
    }

    /// Changes the count of a line by `new`, which gets the old count. A new line is added, with 0 as its old
    /// count, unless `full`. The lines of a host take 4 GiB at most.
    pub fn change(&mut self, line: &[u8], full: bool, new: impl FnOnce(u64) -> u64) -> Change {
        let mark = hash_of_ends(line);
        if let Some(recent) = &self.recent
            && let known = recent.0[mark as usize % RECENT]
            && known.mark == mark
        {
            let RecentLine {
                at, start, length, ..
            } = known;
            if self.text.get(start, length) == Some(line) && at != u32::MAX {
                self.set(at, new(self.count(at)));
                return Change::Counted;
            }
        }
        let hash = part(HASHER.hash_one(line));
        if let Some(at) = self.find(line, hash) {
            self.remember(mark, at);
            self.set(at, new(self.count(at)));
            return Change::Counted;
        }
        if full {
            return Change::Refused;
        }
        match self.insert(line, hash, new(0)) {
            // Not added to the cache: many lines come once only.
            Some(bytes) => Change::Added(bytes),
            None => Change::Refused,
        }
    }

    /// Adds a line to the cache of recent lines.
    fn remember(&mut self, mark: u32, at: u32) {
        if self.recent.is_none() && self.entries.len() <= FEW {
            return;
        }
        let (start, length) = range_of(&self.text, &self.entries, at);
        let recent = self.recent.get_or_insert_default();
        recent.0[mark as usize % RECENT] = RecentLine {
            mark,
            at,
            start,
            length,
        };
    }

    /// The number of a line, if it is known.
    fn find(&self, line: &[u8], hash: u32) -> Option<u32> {
        let same = |at: u32| {
            self.entries
                .get(at as usize)
                .is_some_and(|e| e.hash == hash)
                && text_of(&self.text, &self.entries, at) == line
        };
        if self.table.is_empty() {
            let few = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            return (0..few).find(|&at| same(at));
        }
        self.table.find(spread(hash), |&at| same(at)).copied()
    }

    /// Adds a line that is not known. Returns how many bytes it takes; nothing if there is no room.
    fn insert(&mut self, line: &[u8], hash: u32, count: u64) -> Option<usize> {
        let at = u32::try_from(self.entries.len()).ok()?;
        let (start, more) = self.text.add(line)?;
        if self.entries.is_empty() {
            self.entries.reserve_exact(1);
        }
        self.entries.push(Entry {
            start,
            count: 0,
            hash,
        });
        self.set(at, count);
        let Self { entries, table, .. } = self;
        // A new table receives the lines before, too.
        let from = match table.is_empty() {
            true if entries.len() <= FEW => at + 1,
            true => 0,
            false => at,
        };
        let hash_of = |&at: &u32| entries.get(at as usize).map_or(0, |e| spread(e.hash));
        for at in from..=at {
            table.insert_unique(hash_of(&at), at, hash_of);
        }
        Some(more + COST)
    }

    /// Each line with its count, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, u64)> {
        (0..self.entries.len()).filter_map(|at| {
            let at = u32::try_from(at).ok()?;
            let line = text_of(&self.text, &self.entries, at);
            Some((BStr::new(line), self.count(at)))
        })
    }

    /// The count of the line of this number.
    fn count(&self, at: u32) -> u64 {
        let big = || self.big.as_ref()?.get(&at).copied();
        match self.entries.get(at as usize).map(|entry| entry.count) {
            Some(BIG) => big().unwrap_or(0),
            Some(count) => u64::from(count),
            None => 0,
        }
    }

    /// Sets the count of the line of this number.
    fn set(&mut self, at: u32, count: u64) {
        let small = u32::try_from(count).unwrap_or(BIG);
        if small == BIG {
            self.big.get_or_insert_default().insert(at, count);
        }
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.count = small;
        }
    }
}

/// The part of a hash that an entry keeps.
fn part(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash for the table, made of an entry's part: the table uses the highest bits and the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(32)
}

/// The text of the line of this number.
fn text_of<'a>(text: &'a Chunks, entries: &[Entry], at: u32) -> &'a [u8] {
    let (start, length) = range_of(text, entries, at);
    text.get(start, length).unwrap_or_default()
}

/// Where the line of this number begins, and its length.
fn range_of(text: &Chunks, entries: &[Entry], at: u32) -> (u32, u32) {
    let at = at as usize;
    let begin = |at: usize| entries.get(at).map(|entry| entry.start);
    let Some(start) = begin(at) else {
        return (0, 0);
    };
    (start, text.length(start, begin(at + 1)))
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Lines are equal if they are the same with the same counts, whichever came first.
impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        let known = |line: &[u8]| {
            let at = other.find(line, part(HASHER.hash_one(line)))?;
            Some(other.count(at))
        };
        self.len() == other.len() && self.iter().all(|(line, n)| known(line) == Some(n))
    }
}

impl Eq for Lines {}

impl Serialize for Lines {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (line, count) in self.iter() {
            map.serialize_entry(line, &count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("lines with their counts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                let mut lines = Lines::default();
                while let Some((line, count)) = map.next_entry::<BString, u64>()? {
                    lines.change(&line, false, |_| count);
                }
                Ok(lines)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_kept_by_line_whatever_their_size() {
        let mut lines = Lines::default();
        assert_eq!(lines.change(b"a", true, |n| n + 1), Change::Refused);
        let big = u64::from(u32::MAX) + 5;
        for (line, count) in [("", 1), ("a", 2), ("ab", u64::from(BIG) - 1), ("b", big)] {
            let added = lines.change(line.as_bytes(), false, |_| count);
            assert!(matches!(added, Change::Added(_)), "{added:?}");
        }
        assert_eq!(lines.change(b"ab", true, |n| n + 1), Change::Counted);
        assert_eq!(lines.change(b"b", true, |n| n - 10), Change::Counted);
        assert_eq!(lines.change(b"", true, |n| n + 1), Change::Counted);
        let all: Vec<(String, u64)> = lines.iter().map(|(l, n)| (l.to_string(), n)).collect();
        let want = [("", 2), ("a", 2), ("ab", u64::from(BIG)), ("b", big - 10)];
        assert_eq!(all, want.map(|(line, n)| (line.to_owned(), n)));

        let bytes = postcard::to_stdvec(&lines).unwrap();
        let again: Lines = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again, lines);
        assert_eq!(lines.change(b"a", true, |n| n + 1), Change::Counted);
        assert_ne!(again, lines);
    }

    #[test]
    fn lines_of_every_length_find_their_piece() {
        let mut lines = Lines::default();
        let lengths = [CHUNK - 1, 1, CHUNK, 0, 3, CHUNK + 1, 2, 2 * CHUNK, 7];
        for (number, length) in (0..).zip(lengths) {
            let line = vec![b'a' + number; length];
            let added = lines.change(&line, false, |n| n + 1);
            assert!(matches!(added, Change::Added(n) if n >= COST), "{added:?}");
        }
        for (number, length) in (0..).zip(lengths) {
            let line = vec![b'a' + number; length];
            for _ in 0..2 {
                let counted = lines.change(&line, true, |n| n + 1);
                assert_eq!(counted, Change::Counted, "{length}");
            }
        }
        let kept: Vec<_> = lines.iter().map(|(line, n)| (line.len(), n)).collect();
        assert_eq!(kept, lengths.map(|length| (length, 3)));
    }

    #[test]
    fn many_lines_are_found_again() {
        let mut lines = Lines::default();
        for n in 0..10_000_u64 {
            let added = lines.change(format!("line {n}").as_bytes(), false, |_| n);
            assert!(matches!(added, Change::Added(_)), "{added:?}");
        }
        for n in 0..10_000_u64 {
            let counted = lines.change(format!("line {n}").as_bytes(), true, |old| {
                assert_eq!(old, n);
                old + 1
            });
            assert_eq!(counted, Change::Counted);
        }
        assert_eq!((lines.len(), lines.iter().count()), (10_000, 10_000));
    }

    /// What is said of the bytes taken holds for one line as for many.
    #[test]
    fn the_cost_is_told_as_it_grows() {
        let (mut lines, mut told) = (Lines::default(), 0);
        for n in 0..3_000_usize {
            let line = format!("{n} {}", "x".repeat(n * 7 % 500));
            match lines.change(line.as_bytes(), false, |n| n + 1) {
                Change::Added(bytes) => told += bytes,
                other => panic!("{other:?}"),
            }
            assert_eq!(lines.cost(), told);
        }
        let text: usize = lines.iter().map(|(line, _)| line.len()).sum();
        assert!(
            told > text && told < text + 3_000 * COST + 3 * CHUNK,
            "{told} for {text}"
        );
        assert_eq!(size_of::<Lines>(), 96);
    }
}
