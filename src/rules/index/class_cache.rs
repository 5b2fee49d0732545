//! The cache in front of the classes: candidate rules by the beginning of a message.

use super::line_class::LineStart;
use super::rule_info::WordStart;
use crate::hash::FxHashMap;
use crate::pattern::tag_analysis::KEY;

/// Length of the longest first word that has a place in the cache, bytes.
const LONGEST: usize = 16;
/// Number of sets of the cache, each of two entries; a power of two.
const SETS: usize = 1024;
/// Number of bits of the Bloom filter; a power of two.
const BITS: usize = 1 << 14;

/// The number of a list of candidate rules.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct ListId(pub u32);

/// A Bloom filter (with one hash function) of the keys that rules name: it may say yes for other keys, too.
#[derive(Debug)]
struct KeyFilter(Box<[u64; BITS / 64]>);

impl KeyFilter {
    /// The filter of these keys.
    fn new(keys: &FxHashMap<u32, u32>) -> Self {
        let mut bits = Box::new([0; BITS / 64]);
        for &key in keys.keys() {
            let (word, bit) = Self::place(key);
            bits[word] |= bit;
        }
        Self(bits)
    }

    /// The place of a key in the filter: the index of a word, and a bit of the word.
    fn place(key: u32) -> (usize, u64) {
        let place = (key.wrapping_mul(0x9e37_79b1) >> (32 - BITS.ilog2())) as usize;
        (place / 64 % (BITS / 64), 1 << (place % 64))
    }

    /// The key that a word begins with and a bit above it, or 0 if no rule names the key.
    fn key(&self, word: WordStart) -> u64 {
        let key = word.key();
        let (index, bit) = Self::place(key);
        let named = 1 << (8 * KEY);
        if self.0[index] & bit == 0 {
            0
        } else {
            named | u64::from(key)
        }
    }
}

/// A two-way set-associative cache from the beginnings of recent messages to the lists of their candidate
/// rules: a message is looked up without a hash table, and its class is not worked out.
#[derive(Debug)]
pub(super) struct ClassCache {
    key_filter: KeyFilter,
    sets: Box<[[CacheEntry; 2]; SETS]>,
}

/// The key of an entry: what a message's class follows from.
#[derive(Clone, Copy, Debug)]
pub(super) struct CacheKey {
    /// The first word, filled up with zeros. It holds none itself, so its length follows.
    word: [u64; 2],
    /// The keys of the two words, the byte behind the first word, and three bits of [`LineStart`].
    rest: u64,
}

#[derive(Clone, Copy, Debug)]
struct CacheEntry {
    key: CacheKey,
    list: ListId,
}

impl CacheEntry {
    /// An empty place.
    const EMPTY: Self = Self {
        key: CacheKey {
            word: [0; 2],
            // No message has this bit.
            rest: 1 << 63,
        },
        list: ListId(0),
    };
}

impl ClassCache {
    /// An empty cache for rules that name these keys.
    pub(super) fn new(keys: &FxHashMap<u32, u32>) -> Self {
        Self {
            key_filter: KeyFilter::new(keys),
            sets: Box::new([[CacheEntry::EMPTY; 2]; SETS]),
        }
    }

    /// Empties the cache.
    pub(super) fn clear(&mut self) {
        self.sets.fill([CacheEntry::EMPTY; 2]);
    }

    /// The key of a message; nothing if its first word is longer than [`LONGEST`], or nothing is behind it.
    #[inline]
    pub(super) fn key(&self, start: &LineStart<'_>) -> Option<CacheKey> {
        let (text, length) = start.word;
        let (masks, end) = (MASKS.get(length)?, start.end?);
        let mut room = [0; LONGEST];
        let bytes = match text.first_chunk::<LONGEST>() {
            Some(bytes) => bytes,
            None => {
                room[..text.len()].copy_from_slice(text);
                &room
            }
        };
        let word = |at: usize| {
            let bytes: [u8; 8] = std::array::from_fn(|byte| bytes[8 * at + byte]);
            u64::from_le_bytes(bytes) & masks[at]
        };
        let [first, second] = start.words.map(|word| self.key_filter.key(word));
        let bits = [start.blank, start.numbered, start.stamped].map(u64::from);
        let bits = bits[0] | bits[1] << 1 | bits[2] << 2;
        Some(CacheKey {
            word: [word(0), word(1)],
            rest: first | second << 25 | u64::from(end) << 50 | bits << 58,
        })
    }

    /// The list of messages with this key, if the cache holds it.
    #[inline]
    pub(super) fn list(&self, key: &CacheKey) -> Option<ListId> {
        let [one, other] = &self.sets[key.set()];
        // Both are compared, without a branch: which of them fits cannot be predicted.
        let (first, second) = (one.key.differs(key), other.key.differs(key));
        let list = match first == 0 {
            true => one.list,
            false => other.list,
        };
        (first == 0 || second == 0).then_some(list)
    }

    /// Adds a list, in the place of the older of the two lists of its set.
    pub(super) fn insert(&mut self, key: CacheKey, list: ListId) {
        let [one, other] = &mut self.sets[key.set()];
        *other = *one;
        *one = CacheEntry { key, list };
    }
}

impl CacheKey {
    /// The index of the set for this key.
    fn set(&self) -> usize {
        let [first, second] = self.word;
        let mixed = first ^ second.rotate_left(17) ^ self.rest.rotate_left(34);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % SETS
    }

    /// 0 if the keys are equal, else any other number.
    #[inline(always)]
    fn differs(&self, other: &Self) -> u64 {
        let [first, second] = [0, 1].map(|at| self.word[at] ^ other.word[at]);
        first | second | (self.rest ^ other.rest)
    }
}

/// The bits of a first word in [`CacheKey`], by the length of the word.
const MASKS: [[u64; 2]; LONGEST + 1] = {
    let mut masks = [[0; 2]; LONGEST + 1];
    let mut length = 0;
    while length <= LONGEST {
        let mut at = 0;
        while at < length {
            masks[length][at / 8] |= 0xff << (8 * (at % 8));
            at += 1;
        }
        length += 1;
    }
    masks
};
