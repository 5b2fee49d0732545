//! What stands where at the beginning of a text, found for many bytes at once.
//!
//! Where a host ends tells where the program begins, where that ends, where the process id begins: looked
//! for one after the other, each waits for the one before.

use super::sixteen::{Range, Sixteen};
use super::{before_blank, digits_length, others_than_word, word_length};

/// So many bytes are looked at.
const SIZE: usize = 48;

/// Where blanks, first words and numbers end in the first bytes of a text. What it does not tell is looked
/// up in the text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Glance {
    /// A bit for each blank or byte below, the first in the lowest place.
    controls: u64,
    /// A bit for each byte that ends a first word.
    words: u64,
    /// A bit for each byte that is no digit.
    digits: u64,
    /// The place of the first byte of the text.
    first: usize,
}

impl Glance {
    /// That of a text between two places of a block.
    #[inline(always)]
    pub fn new(block: &[u8], start: usize, end: usize) -> Self {
        const CONTROLS: Range = Range::new(0, b' ');
        const DIGITS: Range = Range::new(b'0', b'9');
        let rest = block.get(start..).unwrap_or_default();
        let Some(bytes) = rest.first_chunk::<SIZE>() else {
            return Self::default();
        };
        let mut glance = Self::default();
        for (at, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = Sixteen::new(*bytes);
            let bits = |bits: u32| u64::from(bits) << (16 * at);
            glance.controls |= bits(bytes.within(CONTROLS).bits());
            glance.words |= bits(others_than_word(bytes));
            glance.digits |= bits(bytes.within(DIGITS).others());
        }
        // What is behind the end is of another text.
        let known = (1 << end.saturating_sub(start).min(SIZE)) - 1;
        glance.controls &= known;
        glance.words &= known;
        glance.digits &= known;
        glance
    }

    /// That of the text from `at` on.
    #[inline(always)]
    pub fn from(self, at: usize) -> Self {
        let first = self.first + at;
        Self { first, ..self }
    }

    /// How many bytes stand from `at` on before the first with a bit.
    #[inline(always)]
    fn before(self, bits: u64, at: usize) -> Option<usize> {
        let place = self.first + at;
        let bits = if place < SIZE { bits >> place } else { 0 };
        (bits != 0).then(|| bits.trailing_zeros() as usize)
    }

    /// See [`word_length`].
    #[inline(always)]
    pub fn word_length(self, text: &[u8], at: usize) -> usize {
        let known = self.before(self.words, at);
        known.unwrap_or_else(|| word_length(text, at))
    }

    /// See [`digits_length`].
    #[inline(always)]
    pub fn digits_length(self, text: &[u8], at: usize) -> usize {
        let known = self.before(self.digits, at);
        known.unwrap_or_else(|| digits_length(text, at))
    }

    /// See [`before_blank`].
    #[inline(always)]
    pub fn before_blank(self, text: &[u8], at: usize) -> usize {
        match self.before(self.controls, at) {
            Some(length) if text.get(at + length) == Some(&b' ') => length,
            _ => before_blank(text, at),
        }
    }

    /// How many bytes stand from the first on before a blank, if that is the first byte which may be white
    /// space. In `text`, the first byte stands at `at`.
    #[inline(always)]
    pub fn before_control(self, text: &[u8], at: usize) -> Option<usize> {
        let known = self.before(self.controls, 0);
        known.filter(|length| text.get(at + length) == Some(&b' '))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever of a text is seen at a glance, all that is asked has the answer that the text has.
    #[test]
    fn a_glance_tells_what_the_text_does() {
        let others = b" \t\x00\x1f[]:12az_-/\x80\n";
        let mut checked = 0;
        for (number, &other) in others.iter().enumerate() {
            for length in [0, 1, 15, 16, 17, 40, 47, 48, 49, 63, 64, 65, 90] {
                for place in 0..length {
                    let fill = [b'x', b'7', b' '][(number + place) % 3];
                    let mut block = vec![fill; length];
                    block[place] = other;
                    for (start, end) in [(0, length), (length / 3, length - length / 4)] {
                        let text = &block[start..end];
                        let glance = Glance::new(&block, start, end);
                        for from in [0, 1, text.len() / 2, text.len()] {
                            let (glance, text) = (glance.from(from), &text[from..]);
                            for at in [0, 1, 7, 30] {
                                let at = at.min(text.len());
                                let (word, digits) =
                                    (word_length(text, at), digits_length(text, at));
                                assert_eq!(glance.word_length(text, at), word);
                                assert_eq!(glance.digits_length(text, at), digits);
                                assert_eq!(glance.before_blank(text, at), before_blank(text, at));
                                checked += 3;
                            }
                            if let Some(blank) = glance.before_control(text, 0) {
                                let first = text.iter().position(|&byte| byte <= b' ');
                                assert_eq!((first, text[blank]), (Some(blank), b' '));
                            }
                        }
                    }
                }
            }
        }
        assert!(checked > 100_000, "only {checked}");
    }
}
