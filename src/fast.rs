//! The hot path's maps, and looks at many bytes at once.

mod sixteen;

use std::hash::{BuildHasherDefault, Hasher};

pub use sixteen::{Marks, Range, Sixteen, before as before_mark};

/// A hash map that is fast on short byte strings, takes a borrowed key where it must own one only
/// if it is new, and is keyed anew in each process, so that no log line can be made to collide.
pub type Map<K, V> = hashbrown::HashMap<K, V, ahash::RandomState>;

/// The same for keys that only the configuration makes: no log line can add one, so they need no
/// protection, and short keys are found in a few steps.
pub type OwnMap<K, V> = hashbrown::HashMap<K, V, BuildHasherDefault<OwnHasher>>;

/// A multiplication and a rotation for each eight bytes (the hash of Firefox and rustc).
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnHasher(u64);

impl OwnHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for OwnHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            self.add(chunk.try_into().map_or(0, u64::from_le_bytes));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.add(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        // The table looks at the highest bits and the lowest.
        self.0.rotate_left(26)
    }
}

/// A number that equal byte strings share, made of their ends and length in a few steps: for places
/// that remember what was last seen, where it does not matter if two share one.
#[inline]
pub fn mark(bytes: &[u8]) -> u64 {
    let ends = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        (Some(first), Some(last)) => {
            u64::from_le_bytes(*first).rotate_left(23) ^ u64::from_le_bytes(*last)
        }
        _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                u64::from(u32::from_le_bytes(*first)) << 32 ^ u64::from(u32::from_le_bytes(*last))
            }
            _ => bytes
                .iter()
                .fold(0, |all, &byte| all << 8 | u64::from(byte)),
        },
    };
    let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> 32
}

/// Whether two short byte strings are the same: no call, as a comparison of slices makes.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    match (one.first_chunk::<8>(), one.last_chunk::<8>()) {
        (Some(first), Some(last)) if one.len() <= 16 => {
            other.first_chunk() == Some(first) && other.last_chunk() == Some(last)
        }
        (Some(_), _) => one == other,
        _ => match (one.first_chunk::<4>(), one.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                other.first_chunk() == Some(first) && other.last_chunk() == Some(last)
            }
            _ => one.iter().eq(other),
        },
    }
}

/// A byte in each place of a word.
pub const fn each(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// The high bit of each byte of a word.
pub const HIGH: u64 = each(0x80);

/// The high bit of each byte of `word` that is from `low` to `high`; all bytes must be ASCII.
pub const fn between(word: u64, low: u8, high: u8) -> u64 {
    (word + each(0x80 - low)) & !(word + each(0x7f - high)) & HIGH
}

/// How many bytes stand before the first for which `ends` holds; `marks` gives the high bits of those
/// among eight bytes, the first in the lowest place.
#[inline]
fn before(text: &[u8], ends: impl Fn(u8) -> bool, marks: impl Fn(u64) -> u64) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let found = marks(u64::from_le_bytes(*chunk));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().position(|&byte| ends(byte)).map(|end| at + end)
}

/// Whether a byte ends the first word of a message.
pub fn ends_word(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}

/// Where the first word of a text ends.
#[inline]
pub fn word_end(text: &[u8]) -> usize {
    let end = before(text, ends_word, |word| {
        let ascii = word & !HIGH;
        let letters = between(ascii | each(0x20), b'a', b'z');
        let others = between(ascii, b'-', b'9') | between(ascii, b'_', b'_');
        !((letters | others) & !word) & HIGH
    });
    end.unwrap_or(text.len())
}

/// Where the digits end that a text begins with.
#[inline]
pub fn digits_end(text: &[u8]) -> usize {
    let end = before(
        text,
        |byte| !byte.is_ascii_digit(),
        |word| !(between(word & !HIGH, b'0', b'9') & !word) & HIGH,
    );
    end.unwrap_or(text.len())
}

/// Where the first white space is (Perl's `\s` on bytes).
#[inline]
pub fn space(text: &[u8]) -> Option<usize> {
    before(text, is_space, |word| {
        let ascii = word & !HIGH;
        (between(ascii, b'\t', b'\r') | between(ascii, b' ', b' ')) & !word
    })
}

/// White space as Perl's `\s` has it on bytes.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Where the first blank is.
#[inline]
pub fn blank(text: &[u8]) -> Option<usize> {
    before(
        text,
        |byte| byte == b' ',
        |word| between(word & !HIGH, b' ', b' ') & !word,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_strings_are_the_same_only_byte_for_byte() {
        for length in 0..40 {
            let text = vec![b'x'; length];
            assert!(same(&text, &text));
            assert!(!same(&text, &vec![b'x'; length + 1]));
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'y';
                assert!(!same(&text, &other), "{length} {at}");
            }
        }
    }

    #[test]
    fn eight_bytes_at_once_are_the_same_as_one_by_one() {
        let mut checked = 0;
        for length in 0..20 {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    for around in [b'x', b'7', 0x80, b' ', 0] {
                        let mut text = vec![around; length];
                        text[at] = byte;
                        let by_one = |ends: fn(u8) -> bool| text.iter().position(|&b| ends(b));
                        let all = by_one(ends_word).unwrap_or(length);
                        assert_eq!(word_end(&text), all, "{text:?}");
                        let all = by_one(|byte| !byte.is_ascii_digit()).unwrap_or(length);
                        assert_eq!(digits_end(&text), all, "{text:?}");
                        assert_eq!(space(&text), by_one(is_space), "{text:?}");
                        assert_eq!(blank(&text), by_one(|byte| byte == b' '), "{text:?}");
                        checked += 1;
                    }
                }
            }
        }
        assert_eq!(checked, 190 * 256 * 5);
    }
}
