//! Sets of bytes that are quick to ask, eight bytes at once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::fast::{HIGH, each};
use crate::pattern::set::{Bits, ByteSet};

/// A set of bytes; patterns share them.
#[derive(Debug)]
pub(super) struct Class {
    pub set: ByteSet,
    bits: Bits,
    stops: Stops,
}

/// What ends a run of bytes of the set.
#[derive(Debug)]
enum Stops {
    /// Nothing: it takes every byte but the newline, which a subject has not.
    Nothing,
    /// Some of the control characters and the blank.
    Blanks,
    /// A byte of few ranges, or one outside of them.
    One(Ranges<1>),
    Two(Ranges<2>),
    /// The same, letters of either case among them.
    Letters(Ranges<2>),
    ManyLetters(Ranges<5>),
    /// Whatever is not in the set.
    Others,
}

/// Ranges of ASCII bytes, made ready for eight bytes at once.
#[derive(Debug)]
struct Ranges<const N: usize> {
    /// For each range what has to be added to a byte so that its high bit is set if it is not below
    /// the range, and if it is above. The last may be one of small letters that stand for both cases.
    added: [[u64; 2]; N],
    /// All bits, if the bytes of the ranges go on and the others stop.
    inverted: u64,
    /// All bits, if bytes that are not ASCII go on.
    high: u64,
}

impl Class {
    /// The class of a set.
    pub(super) fn of(set: ByteSet) -> Arc<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<ByteSet, Arc<Class>>>> = LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            Arc::new(Self {
                set,
                bits: set.bits(),
                stops: stops(set),
            })
        };
        Arc::clone(known.entry(set).or_insert_with(make))
    }

    /// Whether it takes every byte of a subject.
    pub(super) fn everything(&self) -> bool {
        matches!(self.stops, Stops::Nothing)
    }

    /// Whether `byte` is in it.
    #[inline]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.bits.contains(byte)
    }

    /// How many bytes of the set there are from `at` on, `most` at most.
    #[inline(always)]
    pub(super) fn run(&self, subject: &[u8], at: usize, most: usize) -> usize {
        match &self.stops {
            Stops::Nothing => most,
            Stops::Blanks => self.until_blank(subject, at, most),
            Stops::One(ranges) => ranges.run::<false>(subject, at, most, &self.bits),
            Stops::Two(ranges) => ranges.run::<false>(subject, at, most, &self.bits),
            Stops::Letters(ranges) => ranges.run::<true>(subject, at, most, &self.bits),
            Stops::ManyLetters(ranges) => ranges.run::<true>(subject, at, most, &self.bits),
            Stops::Others => {
                let window = &subject[at..at + most];
                let end = window.iter().position(|&byte| !self.contains(byte));
                end.unwrap_or(most)
            }
        }
    }
}

impl Class {
    /// The same where only bytes up to the blank stop: most eight bytes have none of them.
    #[inline]
    fn until_blank(&self, subject: &[u8], at: usize, most: usize) -> usize {
        let stops = |byte: &u8| !self.contains(*byte);
        let mut length = 0;
        while length < most {
            let rest = subject.get(at + length..).unwrap_or_default();
            let Some(chunk) = rest.first_chunk::<8>() else {
                let end = rest.iter().position(stops);
                return most.min(length + end.unwrap_or(rest.len()));
            };
            let word = u64::from_le_bytes(*chunk);
            // If there is such a byte, a high bit is set, if not, none.
            if word.wrapping_sub(each(b' ' + 1)) & !word & HIGH != 0
                && let Some(end) = chunk.iter().position(stops)
            {
                return most.min(length + end);
            }
            length += 8;
        }
        most
    }
}

impl<const N: usize> Ranges<N> {
    /// The ranges, if they are not too many; `letters` are small ones that stand for both cases.
    fn new(kept: &Kept, letters: Option<(u8, u8)>) -> Option<Self> {
        let mut ranges = kept.ranges.clone();
        if ranges.len() + usize::from(letters.is_some()) > N {
            return None;
        }
        let added = |(low, last): (u8, u8)| [each(0x80 - low), each(0x7f - last)];
        // A range that no byte is in.
        let never = [0, 0];
        let mut all = [never; N];
        for (place, range) in all.iter_mut().zip(ranges.drain(..)) {
            *place = added(range);
        }
        if let (Some(range), Some(last)) = (letters, all.last_mut()) {
            *last = added(range);
        }
        Some(Self {
            added: all,
            inverted: if kept.inside { !0 } else { 0 },
            high: if kept.high { !0 } else { 0 },
        })
    }

    #[inline]
    fn run<const LETTERS: bool>(
        &self,
        subject: &[u8],
        from: usize,
        most: usize,
        set: &Bits,
    ) -> usize {
        let mut length = 0;
        while length < most {
            let at = from + length;
            let rest = subject.get(at..).unwrap_or_default();
            if let Some(chunk) = rest.first_chunk() {
                let stops = self.stops::<LETTERS>(u64::from_le_bytes(*chunk));
                if stops != 0 {
                    return most.min(length + stops.trailing_zeros() as usize / 8);
                }
                length += 8;
                continue;
            }
            let Some(last) = subject.last_chunk() else {
                let end = rest.iter().position(|&byte| !set.contains(byte));
                return most.min(length + end.unwrap_or(rest.len()));
            };
            // The last bytes, with others in front that are shifted out.
            let word = u64::from_le_bytes(*last) >> (8 * (8 - rest.len()));
            let end = self.stops::<LETTERS>(word).trailing_zeros() as usize / 8;
            return most.min(length + end.min(rest.len()));
        }
        most
    }

    /// The high bits of the bytes that stop.
    #[inline]
    fn stops<const LETTERS: bool>(&self, word: u64) -> u64 {
        let ascii = word & !HIGH;
        // Whatever becomes a small letter so was a letter.
        let folded = ascii | each(0x20);
        let mut found = 0;
        for (place, [low, last]) in self.added.iter().enumerate() {
            let bytes = if LETTERS && place + 1 == N {
                folded
            } else {
                ascii
            };
            found |= (bytes + low) & !(bytes + last);
        }
        let stops = found ^ self.inverted;
        ((stops & !word & self.high) | ((stops | word) & !self.high)) & HIGH
    }
}

/// The ranges that are looked for.
#[derive(Clone, Debug)]
struct Kept {
    ranges: Vec<(u8, u8)>,
    /// Whether their bytes go on.
    inside: bool,
    /// Whether bytes that are not ASCII go on.
    high: bool,
}

fn stops(set: ByteSet) -> Stops {
    let others = set.union(ByteSet::range(b'\n', b'\n')).negate();
    if others == ByteSet::default() {
        return Stops::Nothing;
    }
    let all_high = ByteSet::range(0x80, 0xff);
    let high = !others.intersects(all_high);
    if !others.intersects(ByteSet::range(b' ' + 1, 0xff)) {
        return Stops::Blanks;
    }
    if !high && set.intersects(all_high) {
        return Stops::Others;
    }
    let kept = |set, inside| Kept {
        ranges: ranges(set),
        inside,
        high,
    };
    let ways = [kept(others, false), kept(set, true)];
    let plain = ways
        .iter()
        .find_map(|kept| Ranges::new(kept, None).map(Stops::One));
    let plain = plain.or_else(|| {
        ways.iter()
            .find_map(|kept| Ranges::new(kept, None).map(Stops::Two))
    });
    let letters = || {
        ways.iter().find_map(|kept| {
            let (kept, letters) = kept.without_letters()?;
            let few = Ranges::new(&kept, Some(letters)).map(Stops::Letters);
            few.or_else(|| Ranges::new(&kept, Some(letters)).map(Stops::ManyLetters))
        })
    };
    plain.or_else(letters).unwrap_or(Stops::Others)
}

impl Kept {
    /// The other ranges, and one of small letters, if the same capitals are there too.
    fn without_letters(&self) -> Option<(Self, (u8, u8))> {
        let small = |&(low, last): &(u8, u8)| low.is_ascii_lowercase() && last.is_ascii_lowercase();
        let letters = *self.ranges.iter().find(|range| small(range))?;
        let capitals = (letters.0 & !0x20, letters.1 & !0x20);
        let both = self.ranges.contains(&capitals);
        let mut kept = self.clone();
        kept.ranges
            .retain(|&range| range != letters && range != capitals);
        both.then_some((kept, letters))
    }
}

/// The ranges of ASCII bytes that are in a set.
fn ranges(set: ByteSet) -> Vec<(u8, u8)> {
    let mut ranges: Vec<(u8, u8)> = Vec::new();
    for byte in set.bytes().filter(u8::is_ascii) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == byte => *last = byte,
            _ => ranges.push((byte, byte)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_as_long_as_byte_by_byte() {
        let range = ByteSet::range;
        let digits = range(b'0', b'9');
        let word = digits
            .union(range(b'a', b'z'))
            .union(range(b'A', b'Z'))
            .union(range(b'_', b'_'));
        let space = range(b'\t', b'\r').union(range(b' ', b' '));
        let many = b"acegikmoqs"
            .iter()
            .fold(digits, |all, &b| all.union(range(b, b)));
        let sets = [
            digits,
            word,
            word.union(range(b'-', b'.')),
            space,
            space.negate(),
            digits.negate(),
            range(b'"', b'"').negate(),
            range(b'\n', b'\n').negate(),
            range(0x80, 0xff),
            range(b'x', 0x90),
            range(0, 0x7f),
            many,
            many.negate(),
            ByteSet::default(),
        ];
        let mut checked = 0;
        for set in sets {
            let class = Class::of(set);
            let fill = set.bytes().find(|&byte| byte != b'\n').unwrap_or(b'x');
            for byte in (0..=255).filter(|&byte| byte != b'\n') {
                for (before, behind) in [(0, 0), (3, 4), (7, 8), (8, 7), (12, 1), (20, 30)] {
                    let subject = [vec![fill; before], vec![byte], vec![fill; behind]].concat();
                    for from in 0..=before {
                        for most in [subject.len() - from, (subject.len() - from).min(5)] {
                            let window = &subject[from..from + most];
                            let end = window.iter().position(|&b| !set.contains(b));
                            let got = class.run(&subject, from, most);
                            assert_eq!(got, end.unwrap_or(most), "{set:?} {subject:?} {from}");
                            checked += 1;
                        }
                    }
                }
            }
        }
        assert_eq!(checked, 14 * 255 * 2 * (1 + 4 + 8 + 9 + 13 + 21));
    }
}
