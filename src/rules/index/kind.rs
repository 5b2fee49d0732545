//! What kind of line this is: its head, and what stands behind its first two blanks.

use super::facts::Begin;
use super::{ListId, heads};
use crate::hash::FxHashMap;
use crate::pattern::tag_analysis::{self, KEY};
use crate::pattern::{Continuation, Pattern};
use crate::record::Shape;
use crate::simd::{before_blank, digits_length};

/// Lines with longer first words are looked up in full.
const LONGEST: usize = 16;
/// In so many places two kinds are remembered each; a power of two.
const PLACES: usize = 1024;
/// So many bits tell which keys a rule names; a power of two.
const BITS: usize = 1 << 14;

/// A message, as far as it is looked at to tell its kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    /// A text that begins with the first word, and the length of the word.
    word: (&'a [u8], usize),
    /// The byte behind the word.
    end: Option<u8>,
    /// Whether a blank stands behind that: `sshd: ` says more than `sshd:`.
    blank: bool,
    /// Where the first blank ends in the message, if nothing but `: ` or `[123]: ` is behind the word
    /// up to there.
    pub begin: Option<usize>,
    /// What stands behind the first two blanks; behind the kernel's time stamp, if there is one.
    pub begins: [Begin; 2],
    /// Whether a process id stands behind the word.
    pub numbered: bool,
    /// Whether a kernel's time stamp stands behind the first blank.
    pub stamped: bool,
}

impl<'a> Look<'a> {
    #[inline(always)]
    pub(super) fn at(written: &'a [u8], shape: Shape) -> Self {
        let (word, tail) = (shape.word_end(), shape.tail(written));
        let (end, next) = (tail.get(word).copied(), tail.get(word + 1).copied());
        let (begin, numbered) = match (end, next) {
            (Some(b' '), Some(b' ')) => (None, false),
            (Some(b' '), _) => (Some(word + 1), false),
            (_, Some(b' ')) => (Some(word + 2), false),
            (Some(b'['), Some(b'0'..=b'9')) => {
                let end = word + 1 + digits_length(tail, word + 1);
                let ends = tail[end..].starts_with(b"]: ");
                (ends.then_some(end + 3), ends)
            }
            _ => (None, false),
        };
        let behind_blank = |at: usize| at + before_blank(tail, at) + 1;
        let mut first = begin.unwrap_or_else(|| behind_blank(word));
        let mut stamped = false;
        if tail.get(first) == Some(&b'[')
            && let Some(length) = tag_analysis::stamp_length(&tail[first..])
        {
            (first, stamped) = (first + length, true);
        }
        let second = behind_blank(first);
        Self {
            word: (written, word),
            end,
            blank: next == Some(b' '),
            begin,
            begins: [Begin::at(tail, first), Begin::at(tail, second)],
            numbered,
            stamped,
        }
    }

    /// The head: the name of the program, the byte behind it, and a blank.
    pub(super) fn head(&self) -> Vec<u8> {
        let (text, length) = self.word;
        let mut head = text[..length].to_vec();
        head.extend(self.end);
        head.extend(self.blank.then_some(b' '));
        head
    }

    /// How a pattern goes on behind the first blank of lines of this kind.
    pub(super) fn entry(
        &self,
        head: &[u8],
        pattern: &Pattern,
        spans: bool,
    ) -> Option<Continuation> {
        self.begin?;
        if head.len() >= heads::LONGEST {
            return None;
        }
        match self.numbered {
            true => pattern.continuation(&[head, b"1]: "].concat(), Some(head.len()), spans),
            false => pattern.continuation(head, None, spans),
        }
    }
}

/// Which keys rules name, for a first look: it may say yes where they do not.
#[derive(Debug)]
pub(super) struct Named(Box<[u64; BITS / 64]>);

impl Named {
    pub(super) fn new(keys: &FxHashMap<u32, u32>) -> Self {
        let mut bits = Box::new([0; BITS / 64]);
        for &key in keys.keys() {
            let (word, bit) = Self::place(key);
            bits[word] |= bit;
        }
        Self(bits)
    }

    fn place(key: u32) -> (usize, u64) {
        let place = (key.wrapping_mul(0x9e37_79b1) >> (32 - BITS.ilog2())) as usize;
        (place / 64 % (BITS / 64), 1 << (place % 64))
    }

    /// A key and a bit above it, or 0 if no rule names it.
    fn key(&self, begin: Begin) -> u64 {
        let key = begin.key();
        let (word, bit) = Self::place(key);
        let named = 1 << (8 * KEY);
        if self.0[word] & bit == 0 {
            0
        } else {
            named | u64::from(key)
        }
    }
}

/// The kinds of lines that came of late, and their lists.
#[derive(Debug)]
pub(super) struct Memory {
    named: Named,
    places: Box<[[Remembered; 2]; PLACES]>,
}

/// A kind of line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    /// The first word. It holds no zeros: so its length need not be told.
    word: [u64; 2],
    /// Both keys, the byte behind the word, and all that is said with yes or no.
    rest: u64,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    mark: Mark,
    list: ListId,
}

impl Remembered {
    const NOTHING: Self = Self {
        mark: Mark {
            word: [0; 2],
            // This bit is used by no line.
            rest: 1 << 63,
        },
        list: ListId(0),
    };
}

impl Memory {
    pub(super) fn new(keys: &FxHashMap<u32, u32>) -> Self {
        Self {
            named: Named::new(keys),
            places: Box::new([[Remembered::NOTHING; 2]; PLACES]),
        }
    }

    /// Forgets all lists.
    pub(super) fn clear(&mut self) {
        self.places.fill([Remembered::NOTHING; 2]);
    }

    /// What a line is remembered by; nothing if its first word is too long, or all there is.
    #[inline]
    pub(super) fn mark(&self, look: &Look<'_>) -> Option<Mark> {
        let (text, length) = look.word;
        let (masks, end) = (MASKS.get(length)?, look.end?);
        let mut room = [0; LONGEST];
        let bytes = match text.first_chunk::<LONGEST>() {
            Some(bytes) => bytes,
            None => {
                room[..text.len()].copy_from_slice(text);
                &room
            }
        };
        let word = |at: usize| {
            let bytes: [u8; 8] = std::array::from_fn(|byte| bytes[8 * at + byte]);
            u64::from_le_bytes(bytes) & masks[at]
        };
        let [first, second] = look.begins.map(|begin| self.named.key(begin));
        let bits = [look.blank, look.numbered, look.stamped].map(u64::from);
        let bits = bits[0] | bits[1] << 1 | bits[2] << 2;
        Some(Mark {
            word: [word(0), word(1)],
            rest: first | second << 25 | u64::from(end) << 50 | bits << 58,
        })
    }

    /// The list of such lines, if it is remembered.
    #[inline]
    pub(super) fn list(&self, mark: &Mark) -> Option<ListId> {
        let [one, other] = &self.places[mark.place()];
        // Which of them it is nobody can tell before: so it is not asked.
        let (first, second) = (one.mark.differs(mark), other.mark.differs(mark));
        let list = match first == 0 {
            true => one.list,
            false => other.list,
        };
        (first == 0 || second == 0).then_some(list)
    }

    /// Remembers a list in the place of the older one.
    pub(super) fn remember(&mut self, mark: Mark, list: ListId) {
        let [one, other] = &mut self.places[mark.place()];
        *other = *one;
        *one = Remembered { mark, list };
    }
}

impl Mark {
    fn place(&self) -> usize {
        let [first, second] = self.word;
        let mixed = first ^ second.rotate_left(17) ^ self.rest.rotate_left(34);
        (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize % PLACES
    }

    /// Nothing but zeros, if they are the same.
    #[inline(always)]
    fn differs(&self, other: &Self) -> u64 {
        let [first, second] = [0, 1].map(|at| self.word[at] ^ other.word[at]);
        first | second | (self.rest ^ other.rest)
    }
}

/// By the length of a word, what belongs to it.
const MASKS: [[u64; 2]; LONGEST + 1] = {
    let mut masks = [[0; 2]; LONGEST + 1];
    let mut length = 0;
    while length <= LONGEST {
        let mut at = 0;
        while at < length {
            masks[length][at / 8] |= 0xff << (8 * (at % 8));
            at += 1;
        }
        length += 1;
    }
    masks
};
