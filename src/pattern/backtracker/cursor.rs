//! The position of a match in its subject.

use crate::simd::first_eight;

/// A subject and the rest of it that was not read yet.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub whole: &'a [u8],
    pub rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The cursor at byte `at`.
    #[inline(always)]
    pub(super) fn new(whole: &'a [u8], at: usize) -> Self {
        let rest = whole.get(at..).unwrap_or_default();
        Self { whole, rest }
    }

    /// Number of bytes read.
    #[inline(always)]
    pub(super) fn at(self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// The rest behind the bytes that a step takes (`Ok`), or behind those that a failed step read
    /// (`Err`).
    #[inline(always)]
    pub(super) fn advance(self, taken: Result<usize, usize>) -> Result<&'a [u8], &'a [u8]> {
        match taken {
            Ok(taken) => self.rest.get(taken..).ok_or(self.rest),
            Err(read) => Err(self.rest.get(read..).unwrap_or_default()),
        }
    }

    /// The next eight bytes as a little-endian number, padded with zeros behind the end of the subject.
    #[inline(always)]
    pub(super) fn next_eight(self) -> u64 {
        first_eight(self.whole, self.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_the_next_eight_bytes_or_what_there_is_of_them() {
        let mut checked = 0;
        for length in 0..20_u8 {
            let whole: Vec<u8> = (1..=length).collect();
            for at in 0..=whole.len() + 1 {
                let cursor = Cursor::new(&whole, at);
                let mut wanted = [0; 8];
                for (place, &byte) in wanted.iter_mut().zip(whole.iter().skip(at)) {
                    *place = byte;
                }
                assert_eq!(cursor.next_eight().to_le_bytes(), wanted, "{whole:?} {at}");
                assert_eq!(cursor.at(), at.min(whole.len()));
                checked += 1;
            }
        }
        assert_eq!(checked, 20 * 2 + 19 * 20 / 2);
    }
}
