//! The lines of one host with their counts, in little memory.
//!
//! A site may have half a million distinct lines a day. So the bytes of all lines stand one behind
//! the other, and beside them, for each line, there is only where it begins, its count, and a place
//! in a hash table: some thirteen bytes a line, and no allocation of its own.

use std::fmt;

use bstr::{BStr, BString};
use hashbrown::{HashMap, HashTable};
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Distinct lines and their counts.
#[derive(Clone, Default)]
pub struct Lines {
    /// All lines, in the order in which they came.
    text: Vec<u8>,
    /// Where each line begins in `text`; it ends where the next begins.
    starts: Vec<u32>,
    /// The counts; [`BIG`] where it is in `big`.
    counts: Vec<u32>,
    /// The counts that are too large for `counts`.
    big: HashMap<u32, u64, ahash::RandomState>,
    /// The numbers of the lines, by their hashes.
    table: HashTable<u32>,
    hasher: ahash::RandomState,
}

/// A count that stands in `big`.
const BIG: u32 = u32::MAX;

impl Lines {
    /// How many distinct lines there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Changes the count of a line that is known; whether it is.
    pub fn update(&mut self, line: &[u8], new: impl FnOnce(u64) -> u64) -> bool {
        let hash = self.hasher.hash_one(line);
        let same = |&at: &u32| text_of(&self.text, &self.starts, at) == line;
        let Some(&at) = self.table.find(hash, same) else {
            return false;
        };
        let count = new(self.count(at));
        self.set(at, count);
        true
    }

    /// Adds a line that is not known. Gives whether there was room: a host's lines take 4 GiB at most.
    pub fn insert(&mut self, line: &[u8], count: u64) -> bool {
        let (Ok(at), Ok(start)) = (
            u32::try_from(self.starts.len()),
            u32::try_from(self.text.len()),
        ) else {
            return false;
        };
        self.text.extend_from_slice(line);
        self.starts.push(start);
        self.counts.push(0);
        self.set(at, count);
        let Self {
            text,
            starts,
            table,
            hasher,
            ..
        } = self;
        let hash_of = |&at: &u32| hasher.hash_one(text_of(text, starts, at));
        table.insert_unique(hasher.hash_one(line), at, hash_of);
        true
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

/// The bytes of a line.
fn text_of<'a>(text: &'a [u8], starts: &[u32], at: u32) -> &'a [u8] {
    let at = at as usize;
    let start = starts.get(at).map_or(text.len(), |&start| start as usize);
    let end = starts.get(at + 1).map_or(text.len(), |&end| end as usize);
    text.get(start..end).unwrap_or_default()
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
            let hash = other.hasher.hash_one(line);
            let same = |&at: &u32| text_of(&other.text, &other.starts, at) == line;
            other.table.find(hash, same).map(|&at| other.count(at))
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
                    if !lines.update(&line, |_| count) {
                        lines.insert(&line, count);
                    }
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
        assert!(!lines.update(b"a", |n| n + 1));
        let big = u64::from(u32::MAX) + 5;
        for (line, count) in [("", 1), ("a", 2), ("ab", u64::from(BIG) - 1), ("b", big)] {
            assert!(lines.insert(line.as_bytes(), count));
        }
        assert!(lines.update(b"ab", |n| n + 1));
        assert!(lines.update(b"b", |n| n - 10));
        assert!(lines.update(b"", |n| n + 1));
        let all: Vec<(String, u64)> = lines.iter().map(|(l, n)| (l.to_string(), n)).collect();
        let want = [("", 2), ("a", 2), ("ab", u64::from(BIG)), ("b", big - 10)];
        assert_eq!(all, want.map(|(line, n)| (line.to_owned(), n)));

        let bytes = postcard::to_stdvec(&lines).unwrap();
        let again: Lines = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(again, lines);
        assert!(lines.update(b"a", |n| n + 1));
        assert_ne!(again, lines);
    }

    #[test]
    fn many_lines_are_found_again() {
        let mut lines = Lines::default();
        for n in 0..10_000_u64 {
            assert!(lines.insert(format!("line {n}").as_bytes(), n));
        }
        for n in 0..10_000_u64 {
            assert!(lines.update(format!("line {n}").as_bytes(), |old| {
                assert_eq!(old, n);
                old + 1
            }));
        }
        assert_eq!((lines.len(), lines.iter().count()), (10_000, 10_000));
    }
}
