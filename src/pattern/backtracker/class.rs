//! Sets of bytes, and the lengths of runs of their bytes, measured in blocks of sixteen.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::cursor::Cursor;
use crate::pattern::set::{Bits, ByteSet};
use crate::simd::{Block16, ByteRange, run_length_in_tail};

/// The most ranges that are tested in blocks; a set of more is tested byte by byte.
const MOST_RANGES: usize = 10;

/// A set of bytes with what its runs are measured by. Patterns share classes.
#[derive(Debug)]
pub(super) struct Class {
    pub set: ByteSet,
    bits: Bits,
    pub shape: Shape,
    ranges: Ranges,
}

/// How the end of a run is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// There is none: the set has every byte but perhaps the newline, which no subject has.
    Everything,
    /// By one range, in blocks.
    One,
    /// By several ranges, in blocks.
    Few,
    /// Byte by byte.
    Many,
}

/// Ranges that are the set or its complement.
#[derive(Debug)]
struct Ranges {
    /// Bits that turn capital letters into small ones, if the first range is of letters of both cases.
    fold: Block16,
    first: ByteRange,
    second: ByteRange,
    more: Box<[ByteRange]>,
    /// All bits of a mask, if the bytes outside of the ranges end a run; else none.
    inverted: u32,
}

impl Class {
    /// The class of a set.
    pub(super) fn of(set: ByteSet) -> Arc<Self> {
        static KNOWN: LazyLock<Mutex<HashMap<ByteSet, Arc<Class>>>> = LazyLock::new(Mutex::default);
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let (shape, ranges) = Ranges::new(set);
            Arc::new(Self {
                set,
                bits: set.bits(),
                shape,
                ranges,
            })
        };
        Arc::clone(known.entry(set).or_insert_with(make))
    }

    /// Whether every byte of a subject is in the set.
    pub(super) fn everything(&self) -> bool {
        self.shape == Shape::Everything
    }

    /// Whether `byte` is in the set.
    #[inline(always)]
    pub(super) fn contains(&self, byte: u8) -> bool {
        self.bits.contains(byte)
    }

    /// Number of bytes of the set from `at` on, `most` at most.
    pub(super) fn run(&self, subject: &[u8], at: usize, most: usize) -> usize {
        let cursor = Cursor::new(subject, at);
        match self.shape {
            Shape::One => self.run_one(cursor, most),
            Shape::Few => self.run_few(cursor, most),
            Shape::Everything | Shape::Many => self.run_any(cursor.rest, most),
        }
    }

    /// Number of bytes of the set at the cursor, for [`Shape::One`].
    #[inline(always)]
    pub(super) fn run_one(&self, cursor: Cursor<'_>, most: usize) -> usize {
        run(cursor, most, |bytes| self.ranges.one(bytes))
    }

    /// Number of bytes of the set at the cursor, for [`Shape::Few`].
    #[inline(always)]
    pub(super) fn run_few(&self, cursor: Cursor<'_>, most: usize) -> usize {
        run(cursor, most, |bytes| self.ranges.few(bytes))
    }

    /// Number of bytes of the set at the begin of `rest`, counted byte by byte.
    #[inline(never)]
    pub(super) fn run_any(&self, rest: &[u8], most: usize) -> usize {
        let window = &rest[..most.min(rest.len())];
        if self.everything() {
            return window.len();
        }
        let end = window.iter().position(|&byte| !self.contains(byte));
        end.unwrap_or(window.len())
    }
}

/// Number of bytes at the cursor before one that `stops`, `most` at most. As a rule it is in the next
/// block.
#[inline(always)]
fn run(cursor: Cursor<'_>, most: usize, stops: impl Fn(Block16) -> u32) -> usize {
    if let Some(chunk) = cursor.rest.first_chunk() {
        let bits = stops(Block16::new(*chunk));
        if bits != 0 {
            return most.min(bits.trailing_zeros() as usize);
        }
    } else if cursor.whole.len() >= 16 {
        return most.min(run_length_in_tail(cursor.whole, cursor.rest, stops));
    }
    far(cursor.whole, cursor.rest, most, stops)
}

/// As [`run`], where no byte of the next block stops, or the subject is shorter than a block.
#[inline(never)]
fn far(whole: &[u8], rest: &[u8], most: usize, stops: impl Fn(Block16) -> u32) -> usize {
    let mut left = rest.get(16..).unwrap_or(rest);
    let length = loop {
        let length = rest.len() - left.len();
        if length >= most {
            break most;
        }
        let Some((chunk, behind)) = left.split_first_chunk() else {
            break length + run_length_in_tail(whole, left, stops);
        };
        let bits = stops(Block16::new(*chunk));
        if bits != 0 {
            break length + bits.trailing_zeros() as usize;
        }
        left = behind;
    };
    length.min(most)
}

impl Ranges {
    fn new(set: ByteSet) -> (Shape, Self) {
        // No subject has a newline, so the set may be taken with it or without.
        let newline = ByteSet::range(b'\n', b'\n');
        let others = set.negate();
        let (most, least) = (set.union(newline), others.union(newline).negate());
        let stops = [others, others.union(newline), most.negate()].map(|set| (set, false));
        let ways = stops
            .into_iter()
            .chain([set, most, least].map(|set| (set, true)));
        let plans = ways.map(|(set, inside)| (Plan::new(set), inside));
        let (plan, inside) = plans
            .filter(|(plan, _)| !plan.ranges.is_empty())
            .min_by_key(|(plan, _)| plan.ranges.len())
            .unwrap_or_default();
        let shape = match (&plan.ranges[..], plan.letters) {
            _ if most.negate() == ByteSet::default() => Shape::Everything,
            ([_], false) => Shape::One,
            (ranges, _) if ranges.len() <= MOST_RANGES => Shape::Few,
            _ => Shape::Many,
        };
        let all = plan.ranges.iter();
        let mut all = all.map(|&(low, last)| ByteRange::new(low, last));
        let first = all.next().unwrap_or(ByteRange::new(0, 0));
        let second = all.next();
        let ranges = Self {
            fold: Block16::splat(if plan.letters { 0x20 } else { 0 }),
            first,
            second: second.unwrap_or(first),
            more: all.collect(),
            inverted: if inside { 0xffff } else { 0 },
        };
        (shape, ranges)
    }

    /// A bit for each byte that ends a run, by one range.
    #[inline(always)]
    fn one(&self, bytes: Block16) -> u32 {
        bytes.within(self.first).bits() ^ self.inverted
    }

    /// A bit for each byte that ends a run, by several ranges.
    #[inline(always)]
    fn few(&self, bytes: Block16) -> u32 {
        let first = bytes.union(self.fold).within(self.first);
        let mut found = first.or(bytes.within(self.second));
        for &range in &self.more {
            found = found.or(bytes.within(range));
        }
        found.bits() ^ self.inverted
    }
}

/// The ranges of a set, and how the first is tested.
#[derive(Default)]
struct Plan {
    ranges: Vec<(u8, u8)>,
    /// Whether the first range is of small letters that stand for both cases.
    letters: bool,
}

impl Plan {
    fn new(set: ByteSet) -> Self {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in set.bytes() {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == byte => *last = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        let small =
            |&&(low, last): &&(u8, u8)| low.is_ascii_lowercase() && last.is_ascii_lowercase();
        let capitals = |(low, last): (u8, u8)| (low & !0x20, last & !0x20);
        let mut small = ranges.iter().filter(small);
        let both = small.find(|&&letters| ranges.contains(&capitals(letters)));
        let letters = both.copied();
        if let Some(letters) = letters {
            ranges.retain(|&range| range != letters && range != capitals(letters));
            ranges.insert(0, letters);
        }
        Self {
            ranges,
            letters: letters.is_some(),
        }
    }
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
