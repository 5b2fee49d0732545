//! Literals of each size, and the search for one.

use super::cursor::Cursor;
use crate::pattern::budget::StepBudget;
use crate::simd::last_position;

/// A literal of up to eight bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortLiteral {
    /// The bytes, the first in the lowest place.
    bytes: u64,
    /// The bits that the literal has.
    mask: u64,
}

/// A literal of nine to sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediumLiteral {
    first: [u8; 8],
    /// The last eight bytes, which overlap the first.
    last: [u8; 8],
    pub length: u8,
}

impl ShortLiteral {
    /// The literal of these bytes, of the first eight if there are more.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (mut word, mut mask) = ([0; 8], [0; 8]);
        for ((&byte, place), bits) in bytes.iter().zip(&mut word).zip(&mut mask) {
            (*place, *bits) = (byte, 0xff);
        }
        Self {
            bytes: u64::from_le_bytes(word),
            mask: u64::from_le_bytes(mask),
        }
    }

    /// Whether the next eight bytes of a subject begin with the literal. They are padded with zeros behind
    /// its end, so the caller has to check that there are as many bytes.
    #[inline(always)]
    pub(super) fn may_be(&self, word: u64) -> bool {
        (word ^ self.bytes) & self.mask == 0
    }
}

impl MediumLiteral {
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let length = u8::try_from(bytes.len()).ok()?;
        Some(Self {
            first: *bytes.first_chunk()?,
            last: *bytes.last_chunk()?,
            length: (length <= 16).then_some(length)?,
        })
    }

    /// Whether the literal equals bytes of its length.
    #[inline(always)]
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.first_chunk() == Some(&self.first) && bytes.last_chunk() == Some(&self.last)
    }

    /// The length of the literal (`Ok`) if `text` begins with it, else `Err(0)`: no byte was passed.
    #[inline(always)]
    pub(super) fn taken(&self, text: &[u8]) -> Result<usize, usize> {
        let length = usize::from(self.length);
        match text.get(..length) {
            Some(bytes) if self.is(bytes) => Ok(length),
            _ => Err(0),
        }
    }
}

/// Whether `text` begins with `bytes`, compared in words of eight: a call of memcmp would take longer.
#[inline]
pub(super) fn begins_with(text: &[u8], bytes: &[u8]) -> bool {
    let (Some(text), Some(last)) = (text.get(..bytes.len()), bytes.last_chunk::<8>()) else {
        return text.starts_with(bytes);
    };
    let mut pairs = text.as_chunks::<8>().0.iter().zip(bytes.as_chunks().0);
    pairs.all(|(one, other)| one == other) && text.last_chunk() == Some(last)
}

/// A literal to be searched for, by its rarest byte.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    bytes: Box<[u8]>,
    /// The first eight bytes.
    word: ShortLiteral,
    /// The offset of the rarest byte, and that byte.
    rarest: usize,
    byte: u8,
}

impl Needle {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let rarest = (0..bytes.len()).min_by_key(|&place| commonness(bytes[place]));
        Self {
            bytes: bytes.into(),
            word: ShortLiteral::new(bytes),
            rarest: rarest.unwrap_or(0),
            byte: rarest.map_or(0, |place| bytes[place]),
        }
    }

    /// Number of bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Number of bytes before the first that is `like` this.
    pub(super) fn before(&self, like: impl Fn(u8) -> bool) -> Option<u32> {
        let place = self.bytes.iter().position(|&byte| like(byte))?;
        u32::try_from(place).ok()
    }

    /// The last position from `low` to `high` where the literal begins. Positions that are tried in vain are
    /// charged to the budget, the bytes read on the way are not.
    pub(super) fn find_last(
        &self,
        subject: &[u8],
        (low, high): (usize, usize),
        budget: &mut StepBudget,
    ) -> Option<usize> {
        let mut end = (high + self.rarest + 1).min(subject.len());
        loop {
            end = last_position(subject, (low + self.rarest, end), self.byte)?;
            let place = end - self.rarest;
            if self.is_at(subject, place) {
                return Some(place);
            }
            budget.pay_for(0);
        }
    }

    /// The first position from `low` to `high` where the literal begins; charged as in [`Self::find_last`].
    pub(super) fn find_first(
        &self,
        subject: &[u8],
        (mut low, high): (usize, usize),
        budget: &mut StepBudget,
    ) -> Option<usize> {
        loop {
            let end = (high + self.rarest + 1).min(subject.len());
            let window = subject.get(low + self.rarest..end)?;
            low += memchr::memchr(self.byte, window)?;
            if self.is_at(subject, low) {
                return Some(low);
            }
            budget.pay_for(0);
            low += 1;
        }
    }

    #[inline(always)]
    fn is_at(&self, subject: &[u8], at: usize) -> bool {
        let cursor = Cursor::new(subject, at);
        let length = self.bytes.len();
        cursor.rest.len() >= length
            && self.word.may_be(cursor.next_eight())
            && (length <= 8 || begins_with(cursor.rest, &self.bytes))
    }
}

/// How common a byte is in logs, roughly: 0 is rare.
fn commonness(byte: u8) -> u8 {
    const COMMON: &[u8] = b" eotainrs10cldm2pu-.:35h=46f789,g/wyb[]vk()_<>x\"'jqz;@";
    let place = COMMON.iter().position(|&common| common == byte);
    place.map_or(0, |place| u8::MAX - place as u8)
}
