//! The table of kinds, and the table of the kinds of each host.
//!
//! A kind is known by a hash of 64 bits, a kind of a host by one of 48: no text is kept. The key of the hashes
//! is secret, so nobody can make up lines that are taken for known ones. A kind takes 16 bytes, a kind of a host
//! 8, and their slots in the tables some more.

use bstr::{BStr, BString};
use hashbrown::HashTable;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ledger::Day;

/// What is known of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Kind {
    /// The hash by which it is known.
    pub hash: u64,
    /// The day on which it was first seen.
    pub first: Day,
    /// The day on which it was last seen.
    pub last: Day,
    /// The longest time between two days on which it was seen, days.
    pub pause: u16,
    /// The number of the host that had it first, or [`NOBODY`].
    pub host: u16,
}

/// The number of no host.
pub const NOBODY: u16 = u16::MAX;

/// A kind of a host: the upper 48 bits of their hash, and the day on which it was last seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pair(u64);

impl Pair {
    /// The pair of this hash, last seen on this day.
    pub fn new(hash: u64, last: Day) -> Self {
        Self(hash & !0xffff | u64::from(last.number()))
    }

    /// The day on which it was last seen.
    pub fn last(self) -> Day {
        Day::numbered((self.0 & 0xffff) as u16)
    }

    fn key(self) -> u64 {
        self.0 >> 16
    }

    /// The hash for the table, which looks at its ends.
    fn slot(self) -> u64 {
        self.0 & !0xffff ^ self.key()
    }
}

/// The bytes of a kind in a snapshot.
const KIND: usize = 16;

impl Kind {
    fn bytes(self) -> [u8; KIND] {
        let mut bytes = [0; KIND];
        let days = [self.first.number(), self.last.number(), self.pause];
        let parts = days
            .into_iter()
            .chain([self.host])
            .flat_map(u16::to_le_bytes);
        let all = self.hash.to_le_bytes().into_iter().chain(parts);
        bytes
            .iter_mut()
            .zip(all)
            .for_each(|(place, byte)| *place = byte);
        bytes
    }

    fn of(bytes: [u8; KIND]) -> Self {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let [i, j, k, l, m, n, o, p] = rest;
        Self {
            hash: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            first: Day::numbered(u16::from_le_bytes([i, j])),
            last: Day::numbered(u16::from_le_bytes([k, l])),
            pause: u16::from_le_bytes([m, n]),
            host: u16::from_le_bytes([o, p]),
        }
    }
}

/// The kinds that are known, and the kinds of each host.
#[derive(Clone, Debug, Default)]
pub struct Kinds {
    kinds: HashTable<Kind>,
    pairs: HashTable<Pair>,
}

impl Kinds {
    /// The kind of this hash.
    #[inline]
    pub fn kind(&self, hash: u64) -> Option<Kind> {
        self.kinds.find(hash, |kind| kind.hash == hash).copied()
    }

    /// The pair of this hash.
    #[inline]
    pub fn pair(&self, hash: u64) -> Option<Pair> {
        let like = Pair::new(hash, Day::default());
        let same = |pair: &Pair| pair.key() == like.key();
        self.pairs.find(like.slot(), same).copied()
    }

    /// The pair that is known in the place of this one.
    pub fn like(&self, pair: Pair) -> Option<Pair> {
        self.pair(pair.0)
    }

    /// The number of kinds.
    pub fn count(&self) -> usize {
        self.kinds.len()
    }

    /// The number of kinds of all hosts.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Adds a kind, or replaces what is known of it.
    pub fn put(&mut self, kind: Kind) {
        let same = |known: &Kind| known.hash == kind.hash;
        match self.kinds.find_mut(kind.hash, same) {
            Some(known) => *known = kind,
            None => {
                self.kinds.insert_unique(kind.hash, kind, |kind| kind.hash);
            }
        }
    }

    /// Adds a pair, or replaces what is known of it.
    pub fn put_pair(&mut self, pair: Pair) {
        let same = |known: &Pair| known.key() == pair.key();
        match self.pairs.find_mut(pair.slot(), same) {
            Some(known) => *known = pair,
            None => {
                self.pairs
                    .insert_unique(pair.slot(), pair, |pair| pair.slot());
            }
        }
    }

    /// Forgets what was not seen since this day. Returns the number of kinds that are forgotten.
    pub fn forget_before(&mut self, day: Day) -> usize {
        let before = self.count();
        self.kinds.retain(|kind| kind.last >= day);
        self.pairs.retain(|pair| pair.last() >= day);
        before - self.count()
    }

    /// Forgets the kinds that were least recently seen, so that `most` kinds are left at most.
    pub fn keep(&mut self, most: usize) {
        let ages = self.kinds.iter().map(|kind| (kind.last, kind.hash));
        if let Some(first) = first_kept(ages.collect(), most) {
            self.kinds.retain(|kind| (kind.last, kind.hash) >= first);
        }
    }

    /// Forgets the pairs that were least recently seen, so that `most` pairs are left at most.
    pub fn keep_pairs(&mut self, most: usize) {
        let ages = self.pairs.iter().map(|pair| (pair.last(), pair.key()));
        if let Some(first) = first_kept(ages.collect(), most) {
            self.pairs.retain(|pair| (pair.last(), pair.key()) >= first);
        }
    }

    /// Forgets which host had a kind first, where it is one of these.
    pub fn forget_hosts(&mut self, gone: impl Fn(u16) -> bool) {
        for kind in &mut self.kinds {
            if kind.host != NOBODY && gone(kind.host) {
                kind.host = NOBODY;
            }
        }
    }

    /// All kinds.
    pub fn iter(&self) -> impl Iterator<Item = Kind> {
        self.kinds.iter().copied()
    }

    /// All pairs.
    pub fn iter_pairs(&self) -> impl Iterator<Item = Pair> {
        self.pairs.iter().copied()
    }

    /// The memory of both tables, bytes.
    pub fn memory(&self) -> usize {
        self.kinds.allocation_size() + self.pairs.allocation_size()
    }
}

/// The first of these ages that is kept if the last `most` of them are; nothing if there are no more than `most`.
fn first_kept(mut ages: Vec<(Day, u64)>, most: usize) -> Option<(Day, u64)> {
    let gone = ages.len().checked_sub(most).filter(|gone| *gone > 0)?;
    if gone == ages.len() {
        return Some((Day::LAST, u64::MAX));
    }
    let (_, first, _) = ages.select_nth_unstable(gone);
    Some(*first)
}

impl PartialEq for Kinds {
    fn eq(&self, other: &Self) -> bool {
        let same = |kind: &Kind| other.kind(kind.hash) == Some(*kind);
        let same_pair = |pair: &Pair| other.pair(pair.0) == Some(*pair);
        self.count() == other.count()
            && self.pairs() == other.pairs()
            && self.kinds.iter().all(same)
            && self.pairs.iter().all(same_pair)
    }
}

/// A snapshot has both tables as bytes: they are read in some milliseconds.
impl Serialize for Kinds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kinds: Vec<u8> = self.kinds.iter().flat_map(|kind| kind.bytes()).collect();
        let pairs: Vec<u8> = self
            .pairs
            .iter()
            .flat_map(|pair| pair.0.to_le_bytes())
            .collect();
        (BStr::new(&kinds), BStr::new(&pairs)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Kinds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (kinds, pairs) = <(BString, BString)>::deserialize(deserializer)?;
        let ((kinds, []), (pairs, [])) = (kinds.as_chunks::<KIND>(), pairs.as_chunks::<8>()) else {
            return Err(D::Error::custom("a kind ends in its middle"));
        };
        let mut read = Self {
            kinds: HashTable::with_capacity(kinds.len()),
            pairs: HashTable::with_capacity(pairs.len()),
        };
        kinds.iter().for_each(|bytes| read.put(Kind::of(*bytes)));
        let pairs = pairs.iter().map(|bytes| Pair(u64::from_le_bytes(*bytes)));
        pairs.for_each(|pair| read.put_pair(pair));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn filled(number: usize, random: &mut Random) -> Kinds {
        let mut kinds = Kinds::default();
        for n in 0..number {
            let hash = random.bits();
            let first = Day::numbered((n % 900) as u16);
            kinds.put(Kind {
                hash,
                first,
                last: first.after(3),
                pause: 3,
                host: (n % 200) as u16,
            });
            kinds.put_pair(Pair::new(hash.rotate_left(9), first));
        }
        kinds
    }

    #[test]
    fn tables_come_back_and_damage_is_told() {
        let kinds = filled(1_000, &mut Random::new(1));
        let bytes = postcard::to_stdvec(&kinds).unwrap();
        assert_eq!(postcard::from_bytes::<Kinds>(&bytes).unwrap(), kinds);
        for kind in kinds.iter() {
            assert_eq!(Kind::of(kind.bytes()), kind);
        }
        let odd = (BString::from("short"), BString::from(""));
        let odd = postcard::to_stdvec(&odd).unwrap();
        assert!(postcard::from_bytes::<Kinds>(&odd).is_err());
    }

    #[test]
    fn what_was_seen_least_recently_is_forgotten_first() {
        let mut kinds = filled(2_000, &mut Random::new(2));
        kinds.keep(700);
        kinds.keep_pairs(800);
        assert_eq!((kinds.count(), kinds.pairs()), (700, 800));
        assert!(kinds.iter().all(|kind| kind.last.number() >= 203 + 200));
        let old = Day::numbered(500);
        kinds.forget_before(old);
        assert!(kinds.iter().all(|kind| kind.last >= old));
        assert!(kinds.iter_pairs().all(|pair| pair.last() >= old));
        kinds.forget_hosts(|host| host < 150);
        assert!(kinds.iter().all(|kind| kind.host >= 150));
        kinds.keep(0);
        kinds.keep_pairs(0);
        assert_eq!((kinds.count(), kinds.pairs()), (0, 0));
    }

    #[test]
    fn a_kind_takes_little_memory_and_is_read_in_no_time() {
        let kinds = filled(200_000, &mut Random::new(3));
        let of_kinds = kinds.kinds.allocation_size() as f64 / 200_000.0;
        let of_pairs = kinds.pairs.allocation_size() as f64 / 200_000.0;
        println!("{of_kinds:.1} bytes a kind, {of_pairs:.1} a kind of a host");
        assert!(
            of_kinds <= 24.0 && of_pairs <= 12.0,
            "{of_kinds} {of_pairs}"
        );
        let bytes = postcard::to_stdvec(&kinds).unwrap();
        let begun = std::time::Instant::now();
        let read: Kinds = postcard::from_bytes(&bytes).unwrap();
        println!("200,000 kinds, and as many of hosts: {:?}", begun.elapsed());
        assert_eq!(read.count(), 200_000);
    }
}
