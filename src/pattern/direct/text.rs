//! A subject and how far it was read.

use crate::simd::first_eight;

/// A subject and what is left of it.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub whole: &'a [u8],
    pub rest: &'a [u8],
}

impl<'a> Text<'a> {
    /// A subject from `at` on.
    #[inline(always)]
    pub(super) fn new(whole: &'a [u8], at: usize) -> Self {
        let rest = whole.get(at..).unwrap_or_default();
        Self { whole, rest }
    }

    /// How many bytes were read.
    #[inline(always)]
    pub(super) fn at(self) -> usize {
        self.whole.len() - self.rest.len()
    }

    /// What is left behind so many bytes, or those that were read in vain.
    #[inline(always)]
    pub(super) fn pass(self, taken: Result<usize, usize>) -> Result<&'a [u8], &'a [u8]> {
        match taken {
            Ok(taken) => self.rest.get(taken..).ok_or(self.rest),
            Err(read) => Err(self.rest.get(read..).unwrap_or_default()),
        }
    }

    /// The next eight bytes, the first in the lowest place, with zeros for those that are not there.
    #[inline(always)]
    pub(super) fn word(self) -> u64 {
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
                let text = Text::new(&whole, at);
                let mut wanted = [0; 8];
                for (place, &byte) in wanted.iter_mut().zip(whole.iter().skip(at)) {
                    *place = byte;
                }
                assert_eq!(text.word().to_le_bytes(), wanted, "{whole:?} {at}");
                assert_eq!(text.at(), at.min(whole.len()));
                checked += 1;
            }
        }
        assert_eq!(checked, 20 * 2 + 19 * 20 / 2);
    }
}
