//! The lines of one host with their counts, in little memory.
//!
//! A site may have half a million distinct lines a day. So the bytes of all lines stand one behind
//! the other, and beside them, for each line, there is only where it begins, its count, its hash, and
//! a place in a hash table: some seventeen bytes a line, and no allocation of its own.

use std::fmt;

use bstr::{BStr, BString};
use hashbrown::{HashMap, HashTable};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fast::mark;

/// Distinct lines and their counts.
#[derive(Clone, Default)]
pub struct Lines {
    /// All lines, in the order in which they came.
    text: Pieces,
    /// Where each line begins in `text`; it ends where the next begins, or its piece ends.
    starts: Vec<u32>,
    /// The counts; [`BIG`] where it is in `big`.
    counts: Vec<u32>,
    /// The counts that are too large for `counts`.
    big: HashMap<u32, u64, ahash::RandomState>,
    /// A part of the hash of each line.
    hashes: Vec<u32>,
    /// The numbers of the lines, by [`spread`] hashes.
    table: HashTable<u32>,
    hasher: ahash::RandomState,
    /// Made when there are some lines: most hosts of a large site have few.
    recent: Option<Box<Recent>>,
}

/// Text in pieces that stay where they are: nothing is copied when it grows.
#[derive(Clone, Default)]
struct Pieces(Vec<Vec<u8>>);

/// The greatest length of a piece of several lines.
const PIECE: usize = 1 << 16;

impl Pieces {
    /// Appends a line; where it begins, if there is room.
    fn add(&mut self, line: &[u8]) -> Option<u32> {
        let last = self.0.last();
        let fits = last
            .is_some_and(|last| last.len() < PIECE && line.len() <= last.capacity() - last.len());
        if !fits {
            u16::try_from(self.0.len()).ok()?;
            let twice = last.map_or(0, |last| 2 * last.capacity());
            let size = twice.min(PIECE).max(line.len());
            self.0.push(Vec::with_capacity(size));
        }
        let piece = u16::try_from(self.0.len() - 1).ok()?;
        let last = self.0.last_mut()?;
        let start = u16::try_from(last.len()).ok()?;
        last.extend_from_slice(line);
        Some(u32::from(piece) << 16 | u32::from(start))
    }

    /// So much text from a place on.
    #[inline(always)]
    fn get(&self, start: u32, length: u32) -> Option<&[u8]> {
        let from = (start & 0xffff) as usize;
        let piece = self.0.get((start >> 16) as usize)?;
        piece.get(from..from + length as usize)
    }

    /// How long the line at a place is, if this is where the next begins.
    fn length(&self, start: u32, next: Option<u32>) -> u32 {
        let piece = self.0.get((start >> 16) as usize).map_or(0, Vec::len);
        let end = u32::try_from(piece).unwrap_or(u32::MAX);
        match next.filter(|next| next >> 16 == start >> 16) {
            Some(next) => next - start,
            None => end.saturating_sub(start & 0xffff),
        }
    }
}

/// Lines that came of late, by [`mark`]: most lines need no more than a look here.
#[derive(Clone)]
struct Recent([Place; RECENT]);

/// A power of two.
const RECENT: usize = 64;
/// With fewer lines, the table is small enough.
const FEW: usize = 16;

/// Where a line is.
#[derive(Clone, Copy)]
struct Place {
    /// Its [`mark`].
    mark: u32,
    /// Its number.
    at: u32,
    /// Where it begins in the text.
    start: u32,
    length: u32,
}

impl Default for Recent {
    fn default() -> Self {
        let none = Place {
            mark: 0,
            at: u32::MAX,
            start: 0,
            length: 0,
        };
        Self([none; RECENT])
    }
}

/// What became of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It was known, and its count is another one now.
    Counted,
    /// It was not known, and was added.
    Added,
    /// It was not known, and there is no room for it.
    Refused,
}

/// A count that stands in `big`.
const BIG: u32 = u32::MAX;

impl Lines {
    /// How many distinct lines there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Changes the count of a line from what it is. One that is not known is added with a count made of
    /// 0, if it is not `full`. A host's lines take 4 GiB at most.
    pub fn change(&mut self, line: &[u8], full: bool, new: impl FnOnce(u64) -> u64) -> Change {
        let mark = mark(line);
        if let Some(recent) = &self.recent
            && let known = recent.0[mark as usize % RECENT]
            && known.mark == mark
        {
            let Place {
                at, start, length, ..
            } = known;
            if self.text.get(start, length) == Some(line) && at != u32::MAX {
                self.set(at, new(self.count(at)));
                return Change::Counted;
            }
        }
        let hash = part(self.hasher.hash_one(line));
        if let Some(at) = self.find(line, hash) {
            self.remember(mark, at);
            self.set(at, new(self.count(at)));
            return Change::Counted;
        }
        if full {
            return Change::Refused;
        }
        match self.insert(line, hash, new(0)) {
            // Many come once only: the places are for those that come again.
            Some(_) => Change::Added,
            None => Change::Refused,
        }
    }

    fn remember(&mut self, mark: u32, at: u32) {
        if self.recent.is_none() && self.starts.len() <= FEW {
            return;
        }
        let (start, length) = range_of(&self.text, &self.starts, at);
        let recent = self.recent.get_or_insert_default();
        recent.0[mark as usize % RECENT] = Place {
            mark,
            at,
            start,
            length,
        };
    }

    /// The number of a line.
    fn find(&self, line: &[u8], hash: u32) -> Option<u32> {
        let same = |&at: &u32| {
            self.hashes.get(at as usize) == Some(&hash)
                && text_of(&self.text, &self.starts, at) == line
        };
        self.table.find(spread(hash), same).copied()
    }

    /// Adds a line that is not known. Gives its number, if there was room.
    fn insert(&mut self, line: &[u8], hash: u32, count: u64) -> Option<u32> {
        let at = u32::try_from(self.starts.len()).ok()?;
        let start = self.text.add(line)?;
        self.starts.push(start);
        self.counts.push(0);
        self.hashes.push(hash);
        self.set(at, count);
        let Self { hashes, table, .. } = self;
        let hash_of = |&at: &u32| hashes.get(at as usize).map_or(0, |&hash| spread(hash));
        table.insert_unique(spread(hash), at, hash_of);
        Some(at)
    }

    /// Each line with its count, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&BStr, u64)> {
        (0..self.starts.len()).filter_map(|at| {
            let at = u32::try_from(at).ok()?;
            let line = text_of(&self.text, &self.starts, at);
            Some((BStr::new(line), self.count(at)))
        })
    }

    fn count(&self, at: u32) -> u64 {
        match self.counts.get(at as usize) {
            Some(&BIG) => self.big.get(&at).copied().unwrap_or(0),
            Some(&count) => u64::from(count),
            None => 0,
        }
    }

    fn set(&mut self, at: u32, count: u64) {
        let small = u32::try_from(count).unwrap_or(BIG);
        if small == BIG {
            self.big.insert(at, count);
        }
        if let Some(place) = self.counts.get_mut(at as usize) {
            *place = small;
        }
    }
}

/// What is kept of a hash.
fn part(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash for the table, which looks at the highest bits and the lowest.
fn spread(hash: u32) -> u64 {
    u64::from(hash)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(32)
}

/// The bytes of a line.
fn text_of<'a>(text: &'a Pieces, starts: &[u32], at: u32) -> &'a [u8] {
    let (start, length) = range_of(text, starts, at);
    text.get(start, length).unwrap_or_default()
}

/// Where a line begins, and its length.
fn range_of(text: &Pieces, starts: &[u32], at: u32) -> (u32, u32) {
    let at = at as usize;
    let Some(&start) = starts.get(at) else {
        return (0, 0);
    };
    (start, text.length(start, starts.get(at + 1).copied()))
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// The same lines with the same counts, whichever came first.
impl PartialEq for Lines {
    fn eq(&self, other: &Self) -> bool {
        let known = |line: &[u8]| {
            let at = other.find(line, part(other.hasher.hash_one(line)))?;
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
            assert_eq!(added, Change::Added);
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
        let lengths = [PIECE - 1, 1, PIECE, 0, 3, PIECE + 1, 2, 2 * PIECE, 7];
        for (number, length) in (0..).zip(lengths) {
            let line = vec![b'a' + number; length];
            assert_eq!(lines.change(&line, false, |n| n + 1), Change::Added);
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
            assert_eq!(added, Change::Added);
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
}
