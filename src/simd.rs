//! Byte scans that look at sixteen bytes at once (`wide`: SSE2 or NEON where there is one, plain code
//! elsewhere), and loads of eight bytes.

mod newlines;

use wide::u8x16;

pub use newlines::Newlines;

/// Bytes of a block.
const BLOCK: usize = 16;

/// Sixteen consecutive bytes of a text.
#[derive(Clone, Copy, Debug)]
pub struct Block16(u8x16);

/// For each byte of a block whether a test holds.
#[derive(Clone, Copy, Debug)]
pub struct Mask(u8x16);

/// A range of bytes for each position of a block, ready to be tested.
#[derive(Clone, Copy, Debug)]
pub struct ByteRange {
    low: u8x16,
    /// The highest byte of the range less the lowest.
    width: u8x16,
}

impl Block16 {
    /// The block of these bytes.
    #[inline(always)]
    pub fn new(bytes: [u8; BLOCK]) -> Self {
        Self(u8x16::new(bytes))
    }

    /// The block of one byte, repeated.
    #[inline(always)]
    pub const fn splat(byte: u8) -> Self {
        Self(u8x16::new([byte; BLOCK]))
    }

    /// The bitwise union with another block.
    #[inline(always)]
    pub fn union(self, bits: Self) -> Self {
        Self(self.0 | bits.0)
    }

    /// Which bytes equal `byte`.
    #[inline(always)]
    pub fn equal(self, byte: u8) -> Mask {
        Mask(self.0.simd_eq(u8x16::splat(byte)))
    }

    /// Which bytes are in the range of their position.
    #[inline(always)]
    pub fn within(self, range: ByteRange) -> Mask {
        Mask((self.0 - range.low).simd_le(range.width))
    }

    /// Whether all bytes are ASCII.
    #[inline(always)]
    fn is_ascii(self) -> bool {
        self.0.to_bitmask() == 0
    }

    /// The block with capital ASCII letters as small ones. A byte that is no letter may become another
    /// one, but never a small letter.
    #[inline(always)]
    pub fn to_lowercase(self) -> Self {
        self.union(Self::splat(0x20))
    }
}

impl ByteRange {
    /// The range from `low` to `high`, both included, for all positions.
    #[inline(always)]
    pub const fn new(low: u8, high: u8) -> Self {
        Self::each(&[low; BLOCK], &[high; BLOCK])
    }

    /// The range from `low` to `high`, both included, of each position.
    #[inline(always)]
    pub const fn each(low: &[u8; BLOCK], high: &[u8; BLOCK]) -> Self {
        let (mut width, mut at) = ([0; BLOCK], 0);
        while at < BLOCK {
            width[at] = high[at].wrapping_sub(low[at]);
            at += 1;
        }
        Self {
            low: u8x16::new(*low),
            width: u8x16::new(width),
        }
    }
}

impl Mask {
    /// The union of two masks.
    #[inline(always)]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// A bit for each byte, set where the test holds; the first byte has the lowest bit.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0.to_bitmask()
    }

    /// A bit for each byte, set where the test does not hold.
    #[inline(always)]
    pub fn unset_bits(self) -> u32 {
        self.0.to_bitmask() ^ 0xffff
    }
}

/// Number of bytes of `text` from `at` on before the first for which `stops` sets its bit; all of them if
/// there is none. It is quickest where whole blocks can be read.
#[inline(always)]
pub fn run_length(text: &[u8], at: usize, stops: impl Fn(Block16) -> u32) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let (chunks, tail) = rest.as_chunks::<BLOCK>();
    let mut length = 0;
    for chunk in chunks {
        let bits = stops(Block16::new(*chunk));
        if bits != 0 {
            return length + bits.trailing_zeros() as usize;
        }
        length += BLOCK;
    }
    length + run_length_in_tail(text, tail, stops)
}

/// As [`run_length`], of `tail`: less than sixteen bytes that are the end of `whole`.
#[inline(always)]
pub fn run_length_in_tail(whole: &[u8], tail: &[u8], stops: impl Fn(Block16) -> u32) -> usize {
    let bits = match whole.last_chunk::<BLOCK>() {
        // The last block of the whole, with the bytes in front of `tail` shifted out.
        Some(last) => stops(Block16::new(*last)) >> (BLOCK - tail.len()),
        None => {
            let mut padded = [0; BLOCK];
            padded[..tail.len()].copy_from_slice(tail);
            stops(Block16::new(padded))
        }
    };
    // It stops behind the tail at the latest.
    (bits | 1 << tail.len()).trailing_zeros() as usize
}

/// The last position from `low` on and before `high` where `byte` stands in `text`. It is made for windows
/// of a few blocks; in larger ones `memrchr` searches.
#[inline(always)]
pub fn last_position(text: &[u8], (low, high): (usize, usize), byte: u8) -> Option<usize> {
    const FAR: usize = 8 * BLOCK;
    let window = text.get(low..high)?;
    if window.len() > FAR {
        return memchr::memrchr(byte, window).map(|position| low + position);
    }
    let (head, chunks) = window.as_rchunks::<BLOCK>();
    let highest = |bits: u32| bits.checked_ilog2().map(|bit| bit as usize);
    let mut end = high;
    for chunk in chunks.iter().rev() {
        end -= BLOCK;
        if let Some(position) = highest(Block16::new(*chunk).equal(byte).bits()) {
            return Some(end + position);
        }
    }
    // The first block of the window, without the bytes behind `head`.
    let bits = match text[low..].first_chunk::<BLOCK>() {
        Some(first) => Block16::new(*first).equal(byte).bits() & ((1 << head.len()) - 1),
        None => {
            return head
                .iter()
                .rposition(|&is| is == byte)
                .map(|position| low + position);
        }
    };
    highest(bits).map(|position| low + position)
}

/// The first eight and the last eight bytes of a string of at least eight, or four and four of one of at
/// least four, as little-endian numbers; `None` for a shorter one. Together with the length they
/// determine a string of up to sixteen bytes.
#[inline(always)]
pub fn first_and_last(bytes: &[u8]) -> Option<[u64; 2]> {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return Some([first, last].map(|eight| u64::from_le_bytes(*eight)));
    }
    let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
    Some([first, last].map(|four| u64::from(u32::from_le_bytes(*four))))
}

/// The first eight bytes of `rest` as a little-endian number, padded with zeros if there are fewer.
/// `rest` must be the end of `whole`: a load that begins before it replaces a loop over few bytes.
#[inline(always)]
pub fn first_eight(whole: &[u8], rest: &[u8]) -> u64 {
    match rest.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => fewer_than_eight(whole, rest),
    }
}

/// The cold half of [`first_eight`].
#[inline(never)]
fn fewer_than_eight(whole: &[u8], rest: &[u8]) -> u64 {
    match whole.last_chunk() {
        // The last eight bytes of the whole, with those in front of `rest` shifted out.
        Some(last) if !rest.is_empty() => u64::from_le_bytes(*last) >> (64 - 8 * rest.len()),
        _ => {
            let bytes = rest.iter().rev();
            bytes.fold(0, |word, &byte| word << 8 | u64::from(byte))
        }
    }
}

/// Number of ASCII digits from `at` on.
#[inline]
pub fn digits_length(text: &[u8], at: usize) -> usize {
    const DIGITS: ByteRange = ByteRange::new(b'0', b'9');
    run_length(text, at, |bytes| bytes.within(DIGITS).unset_bits())
}

/// Number of bytes from `at` on before white space (Perl's `\s` on bytes) or the end of the text.
#[inline]
pub fn before_space(text: &[u8], at: usize) -> usize {
    const CONTROLS: ByteRange = ByteRange::new(b'\t', b'\r');
    run_length(text, at, |bytes| {
        bytes.within(CONTROLS).or(bytes.equal(b' ')).bits()
    })
}

/// Number of bytes from `at` on before a blank or the end of the text.
#[inline]
pub fn before_blank(text: &[u8], at: usize) -> usize {
    run_length(text, at, |bytes| bytes.equal(b' ').bits())
}

/// Whether a byte is white space, as Perl's `\s` has it on bytes.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_place_of_a_byte_is_found() {
        let mut checked = 0;
        for length in [0, 1, 15, 16, 17, 33, 60, 200] {
            let text: Vec<u8> = (0..length).map(|at| b"ab.c"[at * at % 7 % 4]).collect();
            for low in 0..=length {
                for high in (low..=length).step_by(1 + length / 40) {
                    for byte in *b"abx" {
                        let place = text[low..high].iter().rposition(|&is| is == byte);
                        let wanted = place.map(|place| low + place);
                        assert_eq!(
                            last_position(&text, (low, high), byte),
                            wanted,
                            "{low} {high}"
                        );
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 15_000, "only {checked}");
    }

    #[test]
    fn a_block_answers_as_its_bytes_do_one_by_one() {
        let digit = ByteRange::new(b'0', b'9');
        let high = ByteRange::new(0x80, 0xff);
        let nul = ByteRange::new(0, 0);
        let mut checked = 0;
        for byte in 0..=255_u8 {
            for around in [b'x', b'7', 0x80, b' ', 0] {
                let mut bytes = [around; BLOCK];
                bytes[7] = byte;
                let one = Block16::new(bytes);
                let by_one = |test: &dyn Fn(u8) -> bool| {
                    let bits = bytes.iter().enumerate();
                    bits.fold(0, |all, (at, &byte)| all | u32::from(test(byte)) << at)
                };
                assert_eq!(one.equal(b' ').bits(), by_one(&|b| b == b' '));
                assert_eq!(one.within(digit).bits(), by_one(&|b| b.is_ascii_digit()));
                assert_eq!(
                    one.within(digit).unset_bits(),
                    by_one(&|b| !b.is_ascii_digit())
                );
                assert_eq!(one.within(high).bits(), by_one(&|b| b >= 0x80));
                assert_eq!(one.within(nul).bits(), by_one(&|b| b == 0));
                let small = ByteRange::new(b'a', b'z');
                let letters = one.to_lowercase().within(small).bits();
                assert_eq!(letters, by_one(&|b| b.is_ascii_alphabetic()));
                // In each place all bytes up to its number.
                let each = ByteRange::each(&[0; BLOCK], &std::array::from_fn(|at| at as u8));
                let up_to = bytes.iter().enumerate();
                let up_to = up_to.fold(0, |all, (at, &b)| {
                    all | u32::from(usize::from(b) <= at) << at
                });
                assert_eq!(one.within(each).bits(), up_to);
                let both = one.within(digit).or(one.equal(b' ')).bits();
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
                    let found = run_length(&text, at, |bytes| bytes.equal(b' ').bits());
                    assert_eq!(found, wanted.unwrap_or(rest.len()), "{length} {end} {at}");
                    // What is not there must not stop either.
                    let found = run_length(&text, at, |bytes| bytes.equal(b'x').unset_bits());
                    assert_eq!(found, wanted.unwrap_or(rest.len()), "{length} {end} {at}");
                    checked += 1;
                }
            }
        }
        assert!(checked > 20_000, "only {checked}");
    }

    #[test]
    fn scans_answer_as_their_bytes_do_one_by_one() {
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
