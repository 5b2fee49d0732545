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

    /// Whether all are ASCII.
    #[inline(always)]
    fn ascii(self) -> bool {
        self.0.to_bitmask() == 0
    }

    /// The same bytes, capital letters among them as small ones; a byte that is no letter may become
    /// another, but no small letter.
    #[inline(always)]
    pub fn folded(self) -> Self {
        self.with(Self::all(0x20))
    }
}

impl Range {
    /// The bytes from `low` to `last`.
    #[inline(always)]
    pub const fn new(low: u8, last: u8) -> Self {
        Self::each(&[low; SIZE], &[last; SIZE])
    }

    /// In each place the bytes from `low` to `last`.
    #[inline(always)]
    pub const fn each(low: &[u8; SIZE], last: &[u8; SIZE]) -> Self {
        let (mut most, mut at) = ([0; SIZE], 0);
        while at < SIZE {
            most[at] = last[at].wrapping_sub(low[at]);
            at += 1;
        }
        Self {
            low: u8x16::new(*low),
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
    length + few_before(text, few, stops)
}

/// The same in `few`, less than sixteen bytes that are the end of `whole`.
#[inline(always)]
pub fn few_before(whole: &[u8], few: &[u8], stops: impl Fn(Sixteen) -> u32) -> usize {
    let bits = match whole.last_chunk::<SIZE>() {
        // The last bytes, with others in front that are shifted out.
        Some(last) => stops(Sixteen::new(*last)) >> (SIZE - few.len()),
        None => {
            let mut room = [0; SIZE];
            room[..few.len()].copy_from_slice(few);
            stops(Sixteen::new(room))
        }
    };
    // Behind them it stops.
    (bits | 1 << few.len()).trailing_zeros() as usize
}

/// The last place from `low` on and before `high` where `byte` stands in `text`. It is made for places that
/// are near each other.
#[inline(always)]
pub fn last(text: &[u8], (low, high): (usize, usize), byte: u8) -> Option<usize> {
    const FAR: usize = 8 * SIZE;
    let window = text.get(low..high)?;
    if window.len() > FAR {
        return memchr::memrchr(byte, window).map(|place| low + place);
    }
    let (few, chunks) = window.as_rchunks::<SIZE>();
    let last = |bits: u32| bits.checked_ilog2().map(|bit| bit as usize);
    let mut end = high;
    for chunk in chunks.iter().rev() {
        end -= SIZE;
        if let Some(place) = last(Sixteen::new(*chunk).are(byte).bits()) {
            return Some(end + place);
        }
    }
    // The first bytes, with others behind that do not count.
    let bits = match text[low..].first_chunk::<SIZE>() {
        Some(first) => Sixteen::new(*first).are(byte).bits() & ((1 << few.len()) - 1),
        None => {
            return few
                .iter()
                .rposition(|&is| is == byte)
                .map(|place| low + place);
        }
    };
    last(bits).map(|place| low + place)
}

/// So many bytes are searched for newlines at once.
const WORD: usize = 4 * SIZE;
/// There is room for the newlines of some lines: as many as stay near while they are worked on.
const ROOM: usize = 2 * WORD;

/// Where newlines stand in a text: found for many lines at once, as the end of one line does not tell
/// where that of the next is.
#[derive(Debug)]
pub struct Newlines<'a> {
    text: &'a [u8],
    /// What was not looked at yet begins here.
    from: usize,
    /// Some of the places.
    places: [usize; ROOM],
    filled: usize,
    given: usize,
    /// Bits from the bytes that were looked at: the high one is that of a byte that is not ASCII. First
    /// those of the last look, then those of the one before, where the first line may begin.
    bits: [u8; 2],
}

impl<'a> Newlines<'a> {
    /// Those of a text.
    pub fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            from: 0,
            places: [0; ROOM],
            filled: 0,
            given: 0,
            bits: [0; 2],
        }
    }

    /// Whether all is ASCII from the newline before to the one that was given last. It may say no where it
    /// is.
    #[inline(always)]
    pub fn ascii(&self) -> bool {
        (self.bits[0] | self.bits[1]).is_ascii()
    }

    /// Looks for more.
    fn fill(&mut self) {
        (self.filled, self.given) = (0, 0);
        self.bits = [0, self.bits[0]];
        let rest = self.text.get(self.from..).unwrap_or_default();
        let (words, few) = rest.as_chunks::<WORD>();
        for word in words {
            if self.filled + WORD > ROOM {
                return;
            }
            let (mut bits, mut all) = (0, Sixteen::new([0; SIZE]));
            for (at, chunk) in word.as_chunks::<SIZE>().0.iter().enumerate() {
                let chunk = Sixteen::new(*chunk);
                bits |= u64::from(chunk.are(b'\n').bits()) << (SIZE * at);
                all = all.with(chunk);
            }
            self.bits[0] |= u8::from(!all.ascii()) << 7;
            self.note(bits);
            self.from += WORD;
        }
        if self.filled + few.len() <= ROOM {
            for (&byte, at) in few.iter().zip(self.from..) {
                self.bits[0] |= byte;
                if byte == b'\n' {
                    self.places[self.filled] = at;
                    self.filled += 1;
                }
            }
            self.from += few.len();
        }
    }

    /// Notes the places of the bits. Most words have one or none: which, nobody can tell before, so
    /// it is not asked.
    #[inline(always)]
    fn note(&mut self, mut bits: u64) {
        loop {
            let room = self.places.get_mut(self.filled..self.filled + 2);
            let Some([first, second]) = room else {
                return;
            };
            *first = self.from + bits.trailing_zeros() as usize;
            let one = usize::from(bits != 0);
            bits &= bits.wrapping_sub(1);
            *second = self.from + bits.trailing_zeros() as usize;
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
            if self.from >= self.text.len() {
                return None;
            }
            self.fill();
        }
        let place = self.places.get(self.given).copied();
        self.given += 1;
        place
    }
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
                        assert_eq!(last(&text, (low, high), byte), wanted, "{low} {high}");
                        checked += 1;
                    }
                }
            }
        }
        assert!(checked > 15_000, "only {checked}");
    }

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
                let each = Range::each(&[0; SIZE], &std::array::from_fn(|at| at as u8));
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
                    checked += 1;
                }
            }
        }
        assert!(checked > 20_000, "only {checked}");
    }

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
