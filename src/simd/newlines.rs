//! The positions of the newlines of a text, found for many lines at once.

use super::{BLOCK, Block16};

/// Bytes that are searched before their newlines are noted.
const WINDOW: usize = 4 * BLOCK;
/// Newlines that are kept at a time: few, so that the text they stand in stays in the cache of the
/// processor while its lines are worked on.
const KEPT: usize = 2 * WINDOW;

/// An iterator over the positions of newlines. It finds the newlines of many lines in one go, as the end of one line
/// does not tell where the next line ends.
#[derive(Debug)]
pub struct Newlines<'a> {
    text: &'a [u8],
    /// First byte that was not searched yet.
    searched: usize,
    /// Positions found, of which `filled` are set and `given` were handed out.
    positions: [usize; KEPT],
    filled: usize,
    given: usize,
    /// The union of the bytes of the last search and of the search before it, in which the current line may begin: the
    /// high bit is set if one of them is not ASCII.
    union: [u8; 2],
}

impl<'a> Newlines<'a> {
    /// The newlines of a text.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            searched: 0,
            positions: [0; KEPT],
            filled: 0,
            given: 0,
            union: [0; 2],
        }
    }

    /// Whether the line that ends at the newline given last is all ASCII. It may say no of one that is.
    #[inline(always)]
    pub fn ascii(&self) -> bool {
        (self.union[0] | self.union[1]).is_ascii()
    }

    /// Searches on until there is no room for the newlines of another window.
    fn fill(&mut self) {
        (self.filled, self.given) = (0, 0);
        self.union = [0, self.union[0]];
        let rest = self.text.get(self.searched..).unwrap_or_default();
        let (windows, tail) = rest.as_chunks::<WINDOW>();
        for window in windows {
            if self.filled + WINDOW > KEPT {
                return;
            }
            let (mut bits, mut union) = (0, Block16::new([0; BLOCK]));
            for (at, chunk) in window.as_chunks::<BLOCK>().0.iter().enumerate() {
                let chunk = Block16::new(*chunk);
                bits |= u64::from(chunk.equal(b'\n').bits()) << (BLOCK * at);
                union = union.union(chunk);
            }
            self.union[0] |= u8::from(!union.is_ascii()) << 7;
            self.note(bits);
            self.searched += WINDOW;
        }
        if self.filled + tail.len() <= KEPT {
            for (&byte, at) in tail.iter().zip(self.searched..) {
                self.union[0] |= byte;
                if byte == b'\n' {
                    self.positions[self.filled] = at;
                    self.filled += 1;
                }
            }
            self.searched += tail.len();
        }
    }

    /// Notes the positions of the set bits of a window. Most windows have no or one newline: which of
    /// the two cannot be predicted, so two positions are always written, and a branch is spared.
    #[inline(always)]
    fn note(&mut self, mut bits: u64) {
        loop {
            let room = self.positions.get_mut(self.filled..self.filled + 2);
            let Some([first, second]) = room else {
                return;
            };
            *first = self.searched + bits.trailing_zeros() as usize;
            let one = usize::from(bits != 0);
            bits &= bits.wrapping_sub(1);
            *second = self.searched + bits.trailing_zeros() as usize;
            self.filled += one + usize::from(bits != 0);
            bits &= bits.wrapping_sub(1);
            if bits == 0 {
                return;
            }
        }
    }
}

impl Iterator for Newlines<'_> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.given == self.filled {
            if self.searched >= self.text.len() {
                return None;
            }
            self.fill();
        }
        let position = self.positions.get(self.given).copied();
        self.given += 1;
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_newlines_are_found() {
        let mut checked = 0;
        for length in 0..700_usize {
            for step in [1, 2, 7, 30, 63, 64, 65, 129, 1000] {
                let text: Vec<u8> = (0..length)
                    .map(|at| match (at + length) % step {
                        0 => b'\n',
                        other => other as u8 & 0x3f | 0x40,
                    })
                    .collect();
                let found: Vec<usize> = Newlines::new(&text).collect();
                let wanted = (0..length).filter(|&at| text[at] == b'\n');
                assert!(
                    wanted.eq(found.iter().copied()),
                    "{length} {step} {found:?}"
                );
                checked += found.len();
            }
        }
        assert!(checked > 400_000, "only {checked}");
    }

    #[test]
    fn what_is_not_ascii_is_told_with_its_line() {
        let (mut checked, mut ascii) = (0, 0);
        for length in [0, 1, 30, 70, 200] {
            let line = [vec![b'x'; length], vec![b'\n']].concat();
            let all = line.repeat(300);
            for at in (0..all.len()).step_by(41).filter(|&at| all[at] != b'\n') {
                let mut text = all.clone();
                text[at] = 0x80;
                let mut newlines = Newlines::new(&text);
                let mut from = 0;
                while let Some(end) = newlines.next() {
                    assert!(
                        !newlines.ascii() || text[from..end].is_ascii(),
                        "{length} {at}"
                    );
                    checked += 1;
                    ascii += usize::from(newlines.ascii());
                    from = end + 1;
                }
                assert_eq!(from, text.len());
            }
        }
        assert!(checked > 500_000, "only {checked}");
        assert!(ascii > checked / 2, "only {ascii} of {checked}");
    }
}
