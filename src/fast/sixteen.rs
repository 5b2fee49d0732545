//! Sixteen bytes at once (`wide`: SSE2 or NEON, where there is one, and plain code elsewhere).

use wide::u8x16;

/// How many bytes are looked at.
const SIZE: usize = 16;

/// Sixteen bytes of a text.
#[derive(Clone, Copy, Debug)]
pub struct Sixteen(u8x16);

/// Some of sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub struct Marks(u8x16);

/// The bytes from one to another, both included, made ready; in each of sixteen places perhaps others.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    low: u8x16,
    /// What is added to the lowest at most.
    most: u8x16,
}

impl Sixteen {
    /// These bytes.
    #[inline(always)]
    pub fn new(bytes: [u8; SIZE]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// The same byte in each place.
    #[inline(always)]
    pub const fn all(byte: u8) -> Self {
        Self(u8x16::new([byte; SIZE]))
    }

    /// The same bytes, each with the bits of the other besides.
    #[inline(always)]
    pub fn with(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// Those that are `byte`.
    #[inline(always)]
    pub fn are(self, byte: u8) -> Marks {
        Marks(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// Those that are in `range`.
    #[inline(always)]
    pub fn within(self, range: Range) -> Marks {
        Marks((self.0 - range.low).simd_le(range.most))
    }

    /// The same bytes, capital letters among them as small ones; a byte that is no letter may become
    /// another, but no small letter.
    #[inline(always)]
    pub fn folded(self) -> Self {
        Self(self.0 | u8x16::splat(0x20))
    }
}

impl Range {
    /// The bytes from `low` to `last`.
    #[inline(always)]
    pub const fn new(low: u8, last: u8) -> Self {
        Self::each([low; SIZE], [last; SIZE])
    }

    /// In each place the bytes from `low` to `last`.
    #[inline(always)]
    pub const fn each(low: [u8; SIZE], last: [u8; SIZE]) -> Self {
        let (mut most, mut at) = ([0; SIZE], 0);
        while at < SIZE {
            most[at] = last[at].wrapping_sub(low[at]);
            at += 1;
        }
        Self {
            low: u8x16::new(low),
            most: u8x16::new(most),
        }
    }
}

impl Marks {
    /// Those that are in either.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// A bit for each that is marked, the first in the lowest place.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0.to_bitmask()
    }

    /// A bit for each that is not marked.
    #[inline(always)]
    pub fn others(self) -> u32 {
        self.0.to_bitmask() ^ 0xffff
    }
}

/// How many bytes of `text` stand from `at` on before the first that `stops` sets the bit of; all, if
/// none does. It is quickest where sixteen bytes can be read behind `at`, or are in the text at all.
#[inline(always)]
pub fn before(text: &[u8], at: usize, stops: impl Fn(Sixteen) -> u32) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let (chunks, few) = rest.as_chunks::<SIZE>();
    let mut length = 0;
    for chunk in chunks {
        let bits = stops(Sixteen::new(*chunk));
        if bits != 0 {
            return length + bits.trailing_zeros() as usize;
        }
        length += SIZE;
    }
    let bits = match text.last_chunk::<SIZE>() {
        // The last bytes, with others in front that are shifted out.
        Some(last) => stops(Sixteen::new(*last)) >> (SIZE - few.len()),
        None => {
            let mut room = [0; SIZE];
            room[..few.len()].copy_from_slice(few);
            stops(Sixteen::new(room))
        }
    };
    length + few.len().min(bits.trailing_zeros() as usize)
}

/// The same, where the end is expected far away.
#[inline(always)]
pub fn far_before(text: &[u8], at: usize, stops: impl Fn(Sixteen) -> u32) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let mut length = 0;
    for chunk in rest.as_chunks::<{ 2 * SIZE }>().0 {
        let halves = chunk.as_chunks::<SIZE>().0;
        let [one, other] = [0, 1].map(|half| stops(Sixteen::new(halves[half])));
        let bits = one | other << SIZE;
        if bits != 0 {
            return length + bits.trailing_zeros() as usize;
        }
        length += 2 * SIZE;
    }
    length + before(text, at + length, stops)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bytes_at_once_are_the_same_as_one_by_one() {
        let digit = Range::new(b'0', b'9');
        let high = Range::new(0x80, 0xff);
        let nul = Range::new(0, 0);
        let mut checked = 0;
        for byte in 0..=255_u8 {
            for around in [b'x', b'7', 0x80, b' ', 0] {
                let mut bytes = [around; SIZE];
                bytes[7] = byte;
                let one = Sixteen::new(bytes);
                let by_one = |test: &dyn Fn(u8) -> bool| {
                    let bits = bytes.iter().enumerate();
                    bits.fold(0, |all, (at, &byte)| all | u32::from(test(byte)) << at)
                };
                assert_eq!(one.are(b' ').bits(), by_one(&|b| b == b' '));
                assert_eq!(one.within(digit).bits(), by_one(&|b| b.is_ascii_digit()));
                assert_eq!(one.within(digit).others(), by_one(&|b| !b.is_ascii_digit()));
                assert_eq!(one.within(high).bits(), by_one(&|b| b >= 0x80));
                assert_eq!(one.within(nul).bits(), by_one(&|b| b == 0));
                let small = Range::new(b'a', b'z');
                let letters = one.folded().within(small).bits();
                assert_eq!(letters, by_one(&|b| b.is_ascii_alphabetic()));
                // In each place all bytes up to its number.
                let each = Range::each([0; SIZE], std::array::from_fn(|at| at as u8));
                let up_to = bytes.iter().enumerate();
                let up_to = up_to.fold(0, |all, (at, &b)| {
                    all | u32::from(usize::from(b) <= at) << at
                });
                assert_eq!(one.within(each).bits(), up_to);
                let both = one.within(digit).or(one.are(b' ')).bits();
                assert_eq!(both, by_one(&|b| b.is_ascii_digit() || b == b' '));
                checked += 1;
            }
        }
        assert_eq!(checked, 256 * 5);
    }

    #[test]
    fn a_run_ends_at_the_first_mark_or_with_the_text() {
        let mut checked = 0;
        for length in 0..70 {
            for end in 0..=length {
                let mut text = vec![b'x'; length];
                if let Some(byte) = text.get_mut(end) {
                    *byte = b' ';
                }
                for at in 0..=length + 1 {
                    let rest = text.get(at..).unwrap_or_default();
                    let wanted = rest.iter().position(|&byte| byte == b' ');
                    let found = before(&text, at, |bytes| bytes.are(b' ').bits());
                    assert_eq!(found, wanted.unwrap_or(rest.len()), "{length} {end} {at}");
                    // What is not there must not stop either.
                    let found = before(&text, at, |bytes| bytes.are(b'x').others());
                    assert_eq!(found, wanted.unwrap_or(rest.len()), "{length} {end} {at}");
                    let found = far_before(&text, at, |bytes| bytes.are(b' ').bits());
                    assert_eq!(found, wanted.unwrap_or(rest.len()), "{length} {end} {at}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 20_000, "only {checked}");
    }
}
