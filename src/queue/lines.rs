//! The lines of a queue with their counts, in little memory.
//!
//! A site may have half a million distinct lines a day. So the texts of all lines stand one behind the
//! other, and a line costs besides only an entry (begin, count) and a slot in a hash table: some twenty bytes,
//! and no allocation of its own. A queue with few lines has no table.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::LazyLock;

use bstr::BStr;

use super::table::{Probe, Table};
use super::text::Text;
use crate::hash::{Map, hash_of_ends};

/// The distinct lines of a queue, each with its host, and their counts. Lines are numbered as they come, from 0,
/// and keep their numbers.
#[derive(Clone, Default)]
pub(super) struct Lines {
    /// The keys of all lines ([`Key`]), in the order in which they came.
    text: Text,
    /// An entry for each line, in the same order.
    entries: Vec<Entry>,
    /// The counts that are too large for an entry, by the number of the line.
    big: Option<Box<Map<u32, u64>>>,
    /// The numbers of the lines by the hashes of their keys; empty up to [`FEW`] lines.
    table: Table,
    /// The cache of recent lines; made when there are more than [`FEW`]: most queues have fewer.
    recent: Option<Box<RecentLines>>,
}

/// The entry of a line.
#[derive(Clone, Copy)]
struct Entry {
    /// Where the key of the line begins; it ends where the next one begins, or its chunk ends.
    start: u32,
    /// The count, or [`BIG`] if the count stands in `big`, and whether it [`CHANGED`].
    count: u32,
}

/// What lines are told apart by: the place of the host among the hosts of the queue, and the text. It is kept as the
/// place in the form of LEB128, and the text behind it.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub host: u32,
    pub line: &'a [u8],
}

/// The bytes of the place of a host, at most.
const MOST_HEAD: usize = 5;

impl<'a> Key<'a> {
    /// The bytes that stand in front of the text.
    #[inline(always)]
    fn head(self) -> ([u8; MOST_HEAD], usize) {
        let (mut head, mut rest, mut length) = ([0; MOST_HEAD], self.host, 1);
        for byte in &mut head {
            *byte = (rest & 0x7f) as u8;
            rest >>= 7;
            if rest == 0 {
                break;
            }
            *byte |= 0x80;
            length += 1;
        }
        (head, length)
    }

    /// Whether these are the bytes of this key.
    #[inline(always)]
    fn is(self, bytes: &[u8]) -> bool {
        let (head, length) = self.head();
        let Some((first, text)) = bytes.split_at_checked(length) else {
            return false;
        };
        // Most hosts have one byte.
        let same = match length {
            1 => first.first() == head.first(),
            _ => head.get(..length) == Some(first),
        };
        same && text == self.line
    }

    /// The key of these bytes.
    fn of(bytes: &'a [u8]) -> Self {
        let last = bytes.iter().position(|byte| *byte < 0x80).unwrap_or(0);
        let (head, line) = bytes.split_at_checked(last + 1).unwrap_or_default();
        let add = |host: u32, byte: &u8| host << 7 | u32::from(byte & 0x7f);
        let host = head.iter().rev().fold(0, add);
        Self { host, line }
    }

    /// The hash by which the line is found.
    #[inline(always)]
    pub fn hash(self) -> LineHash {
        let mut hasher = HASHER.build_hasher();
        hasher.write_u32(self.host);
        hasher.write(self.line);
        LineHash((hasher.finish() >> 32) as u32)
    }

    /// The quick hash for the cache of recent lines.
    #[inline(always)]
    fn mark(self) -> u32 {
        hash_of_ends(self.line) ^ self.host.wrapping_mul(0x9e37_79b9)
    }
}

/// The hash of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineHash(u32);

/// The hash function of keys, keyed anew in each process: nobody can make up lines that collide.
static HASHER: LazyLock<ahash::RandomState> = LazyLock::new(ahash::RandomState::new);

/// Memory of a line besides its key, bytes: its entry, which may have grown ahead, and its share of the table.
const COST: usize = 2 * size_of::<Entry>() + 16;

/// A direct-mapped cache of recent lines by their quick hash: most lines are found here, without the table.
#[derive(Clone)]
struct RecentLines([RecentLine; RECENT]);

/// Number of entries of the cache; a power of two.
const RECENT: usize = 1024;
/// Number of lines up to which they are searched one by one, without a table.
const FEW: usize = 16;

/// A recent line.
#[derive(Clone, Copy)]
struct RecentLine {
    /// The quick hash ([`Key::mark`]).
    mark: u32,
    /// The number of the line; `u32::MAX` if there is no line here.
    at: u32,
    /// Where its key begins.
    start: u32,
    /// The length of its key.
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

/// The outcome of counting a line; `first` tells of a known one that it is its first change since the last commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// The line of this number was known; its count was changed.
    Counted { at: u32, first: bool },
    /// The line is new, and takes this number of bytes.
    Added(usize),
    /// The line is new, and was not added: there is no room.
    Refused,
}

/// The bit of an entry's count that tells that it changed since the last commit.
const CHANGED: u32 = 1 << 31;
/// The count in an entry whose count stands in `big`.
const BIG: u32 = CHANGED - 1;

impl Lines {
    /// The number of distinct lines.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of the line if it is among the recent ones.
    #[inline(always)]
    pub fn recent(&self, key: Key<'_>) -> Option<u32> {
        let mark = key.mark();
        let known = self.recent.as_ref()?.0[mark as usize % RECENT];
        let same = known.mark == mark
            && known.at != u32::MAX
            && key.is(self.text.get(known.start, known.length)?);
        same.then_some(known.at)
    }

    /// The number of this line, if it is there.
    pub fn find(&self, key: Key<'_>) -> Option<u32> {
        let same = |at: u32| self.key(at).is_some_and(|bytes| key.is(bytes));
        if self.table.is_empty() {
            let few = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
            return (0..few).find(|at| same(*at));
        }
        match self.table.probe(key.hash().0, same) {
            Probe::Known(at) => Some(at),
            Probe::Free(_) => None,
        }
    }

    /// Changes the count of a known line by `new`, which gets the old count. Returns whether it is its first
    /// change since the last commit.
    #[inline(always)]
    pub fn update(&mut self, at: u32, new: impl FnOnce(u64) -> u64) -> bool {
        self.set(at, new(self.count(at)))
    }

    /// Fetches what is looked at first for this hash ([`Table::peek`]).
    #[inline(always)]
    pub fn peek(&self, hash: LineHash) -> u64 {
        self.table.peek(hash.0)
    }

    /// Changes the count of a line by `new`, which gets the old count. A new line is added, with 0 as its old
    /// count, unless `full`. The lines of a queue take 4 GiB at most.
    pub fn change(
        &mut self,
        key: Key<'_>,
        hash: LineHash,
        full: bool,
        new: impl FnOnce(u64) -> u64,
    ) -> Change {
        let same = |at: u32| self.key(at).is_some_and(|bytes| key.is(bytes));
        let probe = match self.table.is_empty() {
            true => {
                let few = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
                (0..few).find(|at| same(*at)).map(Probe::Known)
            }
            false => Some(self.table.probe(hash.0, same)),
        };
        let free = match probe {
            Some(Probe::Known(at)) => {
                self.remember(key, at);
                let first = self.update(at, new);
                return Change::Counted { at, first };
            }
            Some(Probe::Free(place)) => Some(place),
            None => None,
        };
        // A new line is not added to the cache: many lines come once only.
        let added = match full {
            true => None,
            false => self.add(key, new(0)),
        };
        let Some((at, bytes)) = added else {
            return Change::Refused;
        };
        match free {
            Some(place) => self.table.insert(place, hash.0, at),
            None if self.entries.len() > FEW => self.index_all(),
            None => {}
        }
        Change::Added(bytes)
    }

    /// Appends a line. Returns its number and how many bytes it takes; nothing if there is no room.
    fn add(&mut self, key: Key<'_>, count: u64) -> Option<(u32, usize)> {
        let at = u32::try_from(self.entries.len())
            .ok()
            .filter(|at| *at < u32::MAX)?;
        let (head, length) = key.head();
        let start = self.text.add(head.get(..length)?, key.line)?;
        self.entries.push(Entry { start, count: 0 });
        self.set(at, count);
        Some((at, length + key.line.len() + COST))
    }

    /// Makes the table, once there are more than few lines.
    #[cold]
    fn index_all(&mut self) {
        for (at, key, _) in Self::keys(&self.text, &self.entries) {
            let hash = key.hash().0;
            if let Probe::Free(place) = self.table.probe(hash, |_| false) {
                self.table.insert(place, hash, at);
            }
        }
    }

    /// Adds a line to the cache of recent lines.
    fn remember(&mut self, key: Key<'_>, at: u32) {
        if self.recent.is_none() && self.entries.len() <= FEW {
            return;
        }
        let Some(start) = self.entries.get(at as usize).map(|entry| entry.start) else {
            return;
        };
        let mark = key.mark();
        let length = key.head().1 + key.line.len();
        let recent = self.recent.get_or_insert_default();
        recent.0[mark as usize % RECENT] = RecentLine {
            mark,
            at,
            start,
            // No line is longer.
            length: u32::try_from(length).unwrap_or(0),
        };
    }

    /// The bytes of the key of this number.
    #[inline(always)]
    fn key(&self, at: u32) -> Option<&[u8]> {
        let begin = |at: usize| self.entries.get(at).map(|entry| entry.start);
        self.text
            .between(begin(at as usize)?, begin(at as usize + 1))
    }

    /// Each number with its key, and its count as the entry has it.
    fn keys<'a>(text: &'a Text, entries: &'a [Entry]) -> impl Iterator<Item = (u32, Key<'a>, u32)> {
        let next = entries.iter().skip(1).map(|next| Some(next.start));
        let ends = next.chain(std::iter::once(None));
        (0..)
            .zip(entries.iter().zip(ends))
            .map(|(at, (entry, end))| {
                let bytes = text.between(entry.start, end).unwrap_or_default();
                (at, Key::of(bytes), entry.count & !CHANGED)
            })
    }

    /// Each line with its host and its count, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (Key<'_>, u64)> {
        let keys = Self::keys(&self.text, &self.entries);
        keys.map(|(at, key, count)| match count {
            BIG => (key, self.big_count(at)),
            count => (key, u64::from(count)),
        })
    }

    /// The count of the line of this number.
    #[inline(always)]
    fn count(&self, at: u32) -> u64 {
        let entry = self.entries.get(at as usize);
        match entry.map(|entry| entry.count & !CHANGED) {
            Some(BIG) => self.big_count(at),
            Some(count) => u64::from(count),
            None => 0,
        }
    }

    /// The count of a line whose count does not fit into its entry.
    #[cold]
    fn big_count(&self, at: u32) -> u64 {
        let big = || self.big.as_ref()?.get(&at).copied();
        big().unwrap_or(0)
    }

    /// Sets the count of the line of this number: the one place where counts change. Returns whether it is its
    /// first change since the last commit.
    #[inline(always)]
    fn set(&mut self, at: u32, count: u64) -> bool {
        let small = u32::try_from(count).unwrap_or(BIG).min(BIG);
        if small == BIG {
            self.big.get_or_insert_default().insert(at, count);
        }
        let Some(entry) = self.entries.get_mut(at as usize) else {
            return false;
        };
        let first = entry.count & CHANGED == 0;
        entry.count = small | CHANGED;
        first
    }

    /// The line of this number with its host and its count.
    pub fn numbered(&self, at: u32) -> Option<(Key<'_>, u64)> {
        Some((Key::of(self.key(at)?), self.count(at)))
    }

    /// Notes that a commit holds the line of this number as it is.
    pub fn committed(&mut self, at: u32) {
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.count &= !CHANGED;
        }
    }

    /// Notes that a commit holds the lines from this number on as they are.
    pub fn all_committed(&mut self, from: usize) {
        for entry in self.entries.iter_mut().skip(from) {
            entry.count &= !CHANGED;
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self
            .iter()
            .map(|(key, count)| ((key.host, BStr::new(key.line)), count));
        f.debug_map().entries(lines).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::text::CHUNK;

    fn change(lines: &mut Lines, line: &[u8], full: bool, new: impl Fn(u64) -> u64) -> Change {
        let key = Key { host: 0, line };
        lines.change(key, key.hash(), full, new)
    }

    fn is_counted(change: Change) -> bool {
        matches!(change, Change::Counted { .. })
    }

    #[test]
    fn counts_are_kept_by_line_whatever_their_size() {
        let mut lines = Lines::default();
        assert_eq!(change(&mut lines, b"a", true, |n| n + 1), Change::Refused);
        let big = u64::from(u32::MAX) + 5;
        for (line, count) in [("", 1), ("a", 2), ("ab", u64::from(BIG) - 1), ("b", big)] {
            let added = change(&mut lines, line.as_bytes(), false, |_| count);
            assert!(matches!(added, Change::Added(_)), "{added:?}");
        }
        assert!(is_counted(change(&mut lines, b"ab", true, |n| n + 1)));
        assert!(is_counted(change(&mut lines, b"b", true, |n| n - 10)));
        assert!(is_counted(change(&mut lines, b"", true, |n| n + 1)));
        let all: Vec<(&[u8], u64)> = lines.iter().map(|(key, n)| (key.line, n)).collect();
        let want: [(&[u8], u64); 4] = [
            (b"", 2),
            (b"a", 2),
            (b"ab", u64::from(BIG)),
            (b"b", big - 10),
        ];
        assert_eq!(all, want);
    }

    #[test]
    fn lines_of_every_length_find_their_piece() {
        let mut lines = Lines::default();
        let lengths = [CHUNK - 2, 1, CHUNK, 0, 3, CHUNK + 1, 2, 2 * CHUNK, 7];
        for (number, length) in (0..).zip(lengths) {
            let line = vec![b'a' + number; length];
            let added = change(&mut lines, &line, false, |n| n + 1);
            assert!(matches!(added, Change::Added(n) if n >= COST), "{added:?}");
        }
        for (number, length) in (0..).zip(lengths) {
            let line = vec![b'a' + number; length];
            for _ in 0..2 {
                let counted = change(&mut lines, &line, true, |n| n + 1);
                assert!(is_counted(counted), "{length}");
            }
        }
        let kept: Vec<_> = lines.iter().map(|(key, n)| (key.line.len(), n)).collect();
        assert_eq!(kept, lengths.map(|length| (length, 3)));
    }

    /// The same text of several hosts is several lines, however large the number of the host is.
    #[test]
    fn many_lines_are_found_again() {
        let mut lines = Lines::default();
        let hosts = [0, 1, 127, 128, 300, 16_384, u32::MAX];
        let text = |n: u64| format!("line {}", n / 7).into_bytes();
        for n in 0..50_000_u64 {
            let (host, line) = (hosts[n as usize % 7], &text(n)[..]);
            let key = Key { host, line };
            let added = lines.change(key, key.hash(), false, |_| n);
            assert!(matches!(added, Change::Added(_)), "{added:?}");
        }
        for n in 0..50_000_u64 {
            let (host, line) = (hosts[n as usize % 7], &text(n)[..]);
            let key = Key { host, line };
            let counted = lines.change(key, key.hash(), true, |old| {
                assert_eq!(old, n);
                old + 1
            });
            assert!(is_counted(counted));
            let recent = lines.recent(key).expect("a recent line");
            assert_eq!(u64::from(recent), n);
        }
        let all = lines.iter().zip(0..);
        let same = all.filter(|((key, count), n)| {
            key.host == hosts[*n as usize % 7] && key.line == text(*n) && *count == n + 1
        });
        assert_eq!((lines.len(), same.count()), (50_000, 50_000));
    }

    /// What is said of the bytes taken holds for one line as for many.
    #[test]
    fn the_cost_is_told_as_it_grows() {
        let (mut lines, mut told) = (Lines::default(), 0);
        for n in 0..3_000_usize {
            let line = format!("{n} {}", "x".repeat(n * 7 % 500));
            match change(&mut lines, line.as_bytes(), false, |n| n + 1) {
                Change::Added(bytes) => told += bytes,
                other => panic!("{other:?}"),
            }
        }
        let text: usize = lines.iter().map(|(key, _)| key.line.len() + 1).sum();
        assert_eq!(told, text + 3_000 * COST);
        let slots = lines.table.slots() * size_of::<u64>();
        let entries = lines.entries.capacity() * size_of::<Entry>();
        assert!(slots + entries <= 3_000 * COST, "{slots} {entries}");
    }
}
