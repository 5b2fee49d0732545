//! Literals of each size, and the search for one.

use super::cursor::Cursor;
use crate::pattern::budget::StepBudget;
use crate::simd::last_position;

/// Up to eight bytes that must come.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShortLiteral {
    /// The first is the lowest.
    bytes: u64,
    /// The bits that are looked at.
    mask: u64,
}

/// Nine to sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct MediumLiteral {
    first: [u8; 8],
    /// The last eight: some are in both.
    last: [u8; 8],
    pub length: u8,
}

impl ShortLiteral {
    /// The first eight of these bytes.
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

    /// Whether they may be these: zeros may stand for no bytes, so who asks has to see that there are so
    /// many.
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

    /// Whether these bytes, which are as many, are the same.
    #[inline(always)]
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        bytes.first_chunk() == Some(&self.first) && bytes.last_chunk() == Some(&self.last)
    }

    /// How many bytes it takes.
    #[inline(always)]
    pub(super) fn taken(&self, text: &[u8]) -> Result<usize, usize> {
        let length = usize::from(self.length);
        match text.get(..length) {
            Some(bytes) if self.is(bytes) => Ok(length),
            _ => Err(0),
        }
    }
}

/// Whether a text begins with these bytes, as a rule more than eight: a call would take longer.
#[inline]
pub(super) fn begins_with(text: &[u8], bytes: &[u8]) -> bool {
    let (Some(text), Some(last)) = (text.get(..bytes.len()), bytes.last_chunk::<8>()) else {
        return text.starts_with(bytes);
    };
    let mut pairs = text.as_chunks::<8>().0.iter().zip(bytes.as_chunks().0);
    pairs.all(|(one, other)| one == other) && text.last_chunk() == Some(last)
}

/// Bytes to look for.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    bytes: Box<[u8]>,
    /// The first of them.
    word: ShortLiteral,
    /// The place of the rarest of them.
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

    /// How many bytes of it stand before the first one like this.
    pub(super) fn before(&self, like: impl Fn(u8) -> bool) -> Option<u32> {
        let place = self.bytes.iter().position(|&byte| like(byte))?;
        u32::try_from(place).ok()
    }

    /// The last place from `low` to `high` where it begins. Places that are looked at in vain are paid
    /// for, but not what is read on the way.
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

    /// The first such place.
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

/// How often a byte is met in logs, roughly.
fn commonness(byte: u8) -> u8 {
    const COMMON: &[u8] = b" eotainrs10cldm2pu-.:35h=46f789,g/wyb[]vk()_<>x\"'jqz;@";
    let place = COMMON.iter().position(|&common| common == byte);
    place.map_or(0, |place| u8::MAX - place as u8)
}
