//! The hot path's maps, and looks at many bytes at once.

mod sixteen;

use std::hash::{BuildHasherDefault, Hasher};

use sixteen::before as before_mark;
pub use sixteen::{Newlines, Range, Sixteen, few_before, last};

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
pub fn mark(bytes: &[u8]) -> u32 {
    let ends = match ends(bytes) {
        Some([first, last]) => first.rotate_left(23) ^ last,
        None => word(bytes, bytes),
    };
    let mixed = (ends ^ bytes.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// The first eight bytes and the last of a string of eight or more, or four and four of a shorter one of
/// four or more. With the length they are all of it, if it has no more than sixteen.
#[inline(always)]
pub fn ends(bytes: &[u8]) -> Option<[u64; 2]> {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return Some([first, last].map(|eight| u64::from_le_bytes(*eight)));
    }
    let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
    Some([first, last].map(|four| u64::from(u32::from_le_bytes(*four))))
}

/// The first eight bytes of `rest`, which is the end of `whole`, the first in the lowest place; zeros
/// stand for those that are not there.
#[inline(always)]
pub fn word(whole: &[u8], rest: &[u8]) -> u64 {
    match rest.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(whole, rest),
    }
}

/// The same where there are less than eight.
#[inline(never)]
fn last_word(whole: &[u8], rest: &[u8]) -> u64 {
    match whole.last_chunk() {
        // The last bytes, with others in front that are shifted out.
        Some(last) if !rest.is_empty() => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        _ => {
            let bytes = rest.iter().rev();
            bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
        }
    }
}

/// Whether a byte ends the first word of a message.
pub fn ends_word(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/'))
}

/// How many bytes of a first word there are from `at` on.
#[inline]
pub fn word_length(text: &[u8], at: usize) -> usize {
    before_mark(text, at, others_than_word)
}

/// A bit for each byte that ends a first word.
#[inline(always)]
fn others_than_word(bytes: Sixteen) -> u32 {
    const OTHERS: Range = Range::new(b'-', b'9');
    const SMALL: Range = Range::new(b'a', b'z');
    let letters = bytes.folded().within(SMALL);
    let others = bytes.within(OTHERS).or(bytes.are(b'_'));
    letters.or(others).others()
}

/// How many digits there are from `at` on.
#[inline]
pub fn digits_length(text: &[u8], at: usize) -> usize {
    const DIGITS: Range = Range::new(b'0', b'9');
    before_mark(text, at, |bytes| bytes.within(DIGITS).others())
}

/// How many bytes stand from `at` on before white space (Perl's `\s` on bytes) or the end.
#[inline]
pub fn before_space(text: &[u8], at: usize) -> usize {
    const CONTROLS: Range = Range::new(b'\t', b'\r');
    before_mark(text, at, |bytes| {
        bytes.within(CONTROLS).or(bytes.are(b' ')).bits()
    })
}

/// How many bytes stand from `at` on before a blank or the end.
#[inline]
pub fn before_blank(text: &[u8], at: usize) -> usize {
    before_mark(text, at, |bytes| bytes.are(b' ').bits())
}

/// White space as Perl's `\s` has it on bytes.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_bytes_at_once_are_the_same_as_one_by_one() {
        let mut checked = 0;
        for length in [5, 16, 17, 33] {
            for at in 0..length {
                for byte in 0..=255_u8 {
                    for around in [b'x', b'7', 0x80, b' ', 0] {
                        let mut text = vec![around; length];
                        text[at] = byte;
                        for from in [0, 1, 17] {
                            let rest = text.get(from..).unwrap_or_default();
                            let by_one = |ends: fn(u8) -> bool| {
                                let end = rest.iter().position(|&b| ends(b));
                                end.unwrap_or(rest.len())
                            };
                            assert_eq!(word_length(&text, from), by_one(ends_word), "{text:?}");
                            let digits = by_one(|byte| !byte.is_ascii_digit());
                            assert_eq!(digits_length(&text, from), digits, "{text:?}");
                            assert_eq!(before_space(&text, from), by_one(is_space), "{text:?}");
                            let blank = by_one(|byte| byte == b' ');
                            assert_eq!(before_blank(&text, from), blank, "{text:?}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(checked, 71 * 256 * 5 * 3);
    }
}
