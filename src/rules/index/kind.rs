//! What kind of line this is: its head, and what stands behind its first two blanks.

use super::heads;
use crate::fast::{OwnMap, blank, digits_end};
use crate::pattern::fields::{self, KEY};
use crate::pattern::{Entry, Pattern};
use crate::record::Text;

/// Longer first words are looked up in full.
const LONGEST: usize = 8 * WORDS;
const WORDS: usize = 4;
/// So many kinds are remembered; a power of two.
const REMEMBERED: usize = 512;
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
    pub rests: [&'a [u8]; 2],
    /// Whether a process id stands behind the word.
    pub numbered: bool,
    /// Whether a kernel's time stamp stands behind the first blank.
    pub stamped: bool,
}

impl<'a> Look<'a> {
    #[inline]
    pub(super) fn at(text: &Text<'a>) -> Self {
        let (begin, word, behind) = text.first_word();
        let (end, next) = (behind.first().copied(), behind.get(1).copied());
        let (length, numbered) = match (end, next) {
            (Some(b' '), Some(b' ')) => (None, false),
            (Some(b' '), _) => (Some(1), false),
            (_, Some(b' ')) => (Some(2), false),
            (Some(b'['), Some(b'0'..=b'9')) => {
                let digits = digits_end(&behind[1..]);
                let ends = behind[1 + digits..].starts_with(b"]: ");
                (ends.then_some(digits + 4), ends)
            }
            _ => (None, false),
        };
        let mut rest = match length {
            Some(length) => &behind[length..],
            None => behind_blank(behind),
        };
        let stamp = fields::stamp_length(rest);
        if let Some(length) = stamp {
            rest = &rest[length..];
        }
        Self {
            word: (begin, word),
            end,
            blank: next == Some(b' '),
            begin: length.map(|length| word + length),
            rests: [rest, behind_blank(rest)],
            numbered,
            stamped: stamp.is_some(),
        }
    }

    /// The length of the head: the name of the program, the byte behind it, and a blank.
    pub(super) fn head_length(&self) -> usize {
        self.word.1 + usize::from(self.end.is_some()) + usize::from(self.blank)
    }

    /// How a pattern goes on behind the first blank of lines of this kind.
    pub(super) fn entry(&self, message: &[u8], pattern: &Pattern, spans: bool) -> Option<Entry> {
        self.begin?;
        let head = &message[..self.head_length()];
        if head.len() >= heads::LONGEST {
            return None;
        }
        match self.numbered {
            true => pattern.behind(&[head, b"1]: "].concat(), Some(head.len()), spans),
            false => pattern.behind(head, None, spans),
        }
    }
}

fn behind_blank(text: &[u8]) -> &[u8] {
    blank(text).map_or(&[], |at| &text[at + 1..])
}

/// Which keys rules name, for a first look: it may say yes where they do not.
#[derive(Debug)]
pub(super) struct Named(Box<[u64; BITS / 64]>);

impl Named {
    pub(super) fn new(keys: &OwnMap<u32, u32>) -> Self {
        let mut bits = Box::new([0; BITS / 64]);
        for &key in keys.keys() {
            let (word, bit) = Self::place(key);
            bits[word] |= bit;
        }
        Self(bits)
    }

    fn place(key: u32) -> (usize, u64) {
        let place = key.wrapping_mul(0x9e37_79b1) as usize / (1 << 18);
        (place / 64 % (BITS / 64), 1 << (place % 64))
    }

    /// The key that a text begins with and a bit above it, or 0 if no rule names it.
    fn key(&self, text: &[u8]) -> u64 {
        let Some(key) = text.first_chunk::<KEY>().map(number) else {
            return 0;
        };
        let (word, bit) = Self::place(key);
        let named = 1 << (8 * KEY);
        if self.0[word] & bit == 0 {
            0
        } else {
            named | u64::from(key)
        }
    }
}

/// A key as a number.
pub(super) fn number(key: &[u8; KEY]) -> u32 {
    key.iter()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The kinds of lines that came of late, and their lists.
#[derive(Debug)]
pub(super) struct Memory {
    named: Named,
    entries: Vec<Remembered>,
}

/// A kind of line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    /// The first word.
    word: [u64; WORDS],
    /// Both keys, and the byte behind the word.
    keys: u64,
    /// The length of the word, and all that is said with yes or no.
    rest: u32,
}

#[derive(Clone, Debug)]
struct Remembered {
    mark: Mark,
    list: usize,
}

impl Memory {
    pub(super) fn new(keys: &OwnMap<u32, u32>) -> Self {
        let mut memory = Self {
            named: Named::new(keys),
            entries: Vec::new(),
        };
        memory.clear();
        memory
    }

    /// Forgets all lists.
    pub(super) fn clear(&mut self) {
        let none = Remembered {
            mark: Mark {
                word: [0; WORDS],
                keys: 0,
                // No word is so long.
                rest: u32::MAX,
            },
            list: usize::MAX,
        };
        self.entries.clear();
        self.entries.resize(REMEMBERED, none);
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
        let [first, second] = look.rests.map(|rest| self.named.key(rest));
        let Look {
            blank,
            numbered,
            stamped,
            ..
        } = look;
        let bits = u32::from(*blank) | u32::from(*numbered) << 1 | u32::from(*stamped) << 2;
        Some(Mark {
            word: std::array::from_fn(word),
            keys: first | second << 25 | u64::from(end) << 50,
            rest: bits << 8 | length as u32,
        })
    }

    /// The list of such lines, if it is remembered.
    #[inline]
    pub(super) fn list(&self, mark: &Mark) -> Option<usize> {
        let entry = self.entries.get(mark.place())?;
        (entry.mark == *mark).then_some(entry.list)
    }

    /// Remembers a list.
    pub(super) fn remember(&mut self, mark: Mark, list: usize) {
        if let Some(entry) = self.entries.get_mut(mark.place()) {
            *entry = Remembered { mark, list };
        }
    }
}

impl Mark {
    fn place(&self) -> usize {
        let [a, b, c, d] = self.word;
        let mixed = a ^ b.rotate_left(17) ^ c.rotate_left(34) ^ d.rotate_left(51);
        let mixed =
            (mixed ^ self.keys ^ u64::from(self.rest) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as usize % REMEMBERED
    }
}

/// By the length of a word, what belongs to it.
const MASKS: [[u64; WORDS]; LONGEST + 1] = {
    let mut masks = [[0; WORDS]; LONGEST + 1];
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
