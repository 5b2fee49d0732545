//! A set of bytes: what every single-character part of a Perl pattern comes down to. With each
//! class spelled out as ranges, no engine's own idea of `\h`, `[[` or `&&` can change its meaning.

use std::fmt::Write;

/// A set of bytes, a bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct ByteSet([u128; 2]);

impl ByteSet {
    /// The set of the bytes from `first` to `last`, both included.
    pub fn range(first: u8, last: u8) -> Self {
        let mut set = Self::default();
        for byte in first..=last {
            set.insert(byte);
        }
        set
    }

    /// Adds one byte.
    pub fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 7)] |= 1 << (byte & 0x7F);
    }

    /// Whether `byte` is in the set.
    pub fn contains(&self, byte: u8) -> bool {
        #[cfg(test)]
        asked::count();
        self.0[usize::from(byte >> 7)] >> (byte & 0x7F) & 1 == 1
    }

    /// The set in words of 64 bits, in which a byte is looked up faster.
    pub fn bits(self) -> Bits {
        let [low, high] = self.0;
        Bits([
            low as u64,
            (low >> 64) as u64,
            high as u64,
            (high >> 64) as u64,
        ])
    }

    /// Whether there is a byte in both sets.
    pub fn intersects(self, other: Self) -> bool {
        self.0[0] & other.0[0] != 0 || self.0[1] & other.0[1] != 0
    }

    /// The byte of the set, if there is only one.
    pub fn single(&self) -> Option<u8> {
        let [low, high] = self.0;
        match (low.count_ones(), high.count_ones()) {
            (1, 0) => u8::try_from(low.trailing_zeros()).ok(),
            (0, 1) => u8::try_from(high.trailing_zeros() + 128).ok(),
            _ => None,
        }
    }

    /// The bytes of the set, in order.
    pub fn bytes(&self) -> impl Iterator<Item = u8> {
        let set = *self;
        (0..=255u8).filter(move |&byte| set.contains(byte))
    }

    /// The bytes of either set.
    pub fn union(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    /// The bytes that are not in the set.
    pub fn negate(self) -> Self {
        Self([!self.0[0], !self.0[1]])
    }

    /// The set with the other case of each ASCII letter: Perl's `(?i)` on bytes folds no others.
    pub fn fold_ascii(self) -> Self {
        let mut set = self;
        for byte in (0..=255u8).filter(|&b| self.contains(b) && b.is_ascii_alphabetic()) {
            set.insert(byte ^ 0x20);
        }
        set
    }

    /// The set as an ASCII class of `\xHH` ranges, which `regex` and `fancy-regex` both read as this set in bytes mode.
    /// The empty set matches nothing.
    pub fn to_class(&self) -> String {
        let mut text = String::new();
        let mut next = 0u16;
        while next < 256 {
            let first = next;
            while next < 256 && u8::try_from(next).is_ok_and(|b| self.contains(b)) {
                next += 1;
            }
            if next > first {
                let _ = write!(text, "\\x{first:02X}-\\x{:02X}", next - 1);
            }
            next += 1;
        }
        if text.is_empty() {
            "[^\\x00-\\xFF]".into()
        } else {
            format!("[{text}]")
        }
    }
}

/// A [`ByteSet`] for lookups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bits([u64; 4]);

impl Bits {
    /// Whether `byte` is in it.
    #[inline]
    pub fn contains(&self, byte: u8) -> bool {
        #[cfg(test)]
        asked::count();
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    /// A bit for each of four bytes, the first of which is four times `place`.
    pub fn four(&self, place: u8) -> u8 {
        let word = self.0[usize::from(place >> 4 & 3)];
        (word >> (4 * (place & 15)) & 15) as u8
    }
}

/// How often a set was asked for a byte: what a matcher reads, so that a test can hold it against
/// what it was charged.
#[cfg(test)]
pub(super) mod asked {
    use std::cell::Cell;

    thread_local!(static TIMES: Cell<u64> = const { Cell::new(0) });

    pub(super) fn count() {
        TIMES.with(|times| times.set(times.get() + 1));
    }

    /// By this thread, so far.
    pub(crate) fn times() -> u64 {
        TIMES.with(Cell::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_text_means_the_set() {
        let sets = [
            ByteSet::default(),
            ByteSet::default().negate(),
            ByteSet::range(b'a', b'f')
                .union(ByteSet::range(0xE9, 0xFF))
                .fold_ascii(),
            ByteSet::range(b'[', b'^')
                .union(ByteSet::range(b'&', b'-'))
                .negate(),
        ];
        let mut checked = 0;
        for set in sets {
            let regex = regex::bytes::RegexBuilder::new(&set.to_class())
                .unicode(false)
                .build()
                .unwrap();
            for byte in 0..=255u8 {
                assert_eq!(
                    regex.is_match(&[byte]),
                    set.contains(byte),
                    "{byte:#x} {}",
                    set.to_class()
                );
                assert_eq!(set.bits().contains(byte), set.contains(byte));
                let four = set.bits().four(byte / 4);
                assert_eq!(four >> (byte % 4) & 1 == 1, set.contains(byte));
                checked += 1;
            }
        }
        assert_eq!(checked, 1024);
        assert!(ByteSet::range(b'x', b'x').fold_ascii().contains(b'X'));
    }
}
