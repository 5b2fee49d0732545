//! The class of a message: its tag, and the words behind its first two blanks. All messages of a class have
//! the same candidate rules.

use super::rule_info::WordStart;
use super::tags;
use crate::pattern::tag_analysis;
use crate::pattern::{Continuation, Pattern};
use crate::record::MessageShape;
use crate::simd::{before_blank, digits_length};

/// The beginning of a message, from which its class follows.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineStart<'a> {
    /// A text that begins with the first word, and the length of the word.
    pub word: (&'a [u8], usize),
    /// The byte behind the first word.
    pub end: Option<u8>,
    /// Whether a blank stands behind that byte: `sshd: ` says more than `sshd:`.
    pub blank: bool,
    /// Where the first blank of the message ends, if nothing but `: ` or `[123]: ` stands between the word
    /// and there.
    pub after_tag: Option<usize>,
    /// The words behind the first two blanks; if a kernel's time stamp stands behind the first, the words
    /// behind the stamp.
    pub words: [WordStart; 2],
    /// Whether a process id stands behind the first word.
    pub numbered: bool,
    /// Whether a kernel's time stamp stands behind the first blank.
    pub stamped: bool,
}

impl<'a> LineStart<'a> {
    /// The beginning of a message as it is written, of this shape.
    #[inline(always)]
    pub(super) fn at(written: &'a [u8], shape: MessageShape) -> Self {
        let (word, tail) = (shape.word_end(), shape.tail(written));
        let (end, next) = (tail.get(word).copied(), tail.get(word + 1).copied());
        let (after_tag, numbered) = match (end, next) {
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
        let mut first = after_tag.unwrap_or_else(|| behind_blank(word));
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
            after_tag,
            words: [WordStart::at(tail, first), WordStart::at(tail, second)],
            numbered,
            stamped,
        }
    }

    /// The tag: the name of the program, the byte behind it, and a blank.
    pub(super) fn tag(&self) -> Vec<u8> {
        let (text, length) = self.word;
        let mut tag = text[..length].to_vec();
        tag.extend(self.end);
        tag.extend(self.blank.then_some(b' '));
        tag
    }

    /// How a pattern is matched from behind the first blank of messages with this tag; nothing if it has to
    /// be matched on the whole message.
    pub(super) fn entry(&self, tag: &[u8], pattern: &Pattern, spans: bool) -> Option<Continuation> {
        self.after_tag?;
        if tag.len() >= tags::LONGEST {
            return None;
        }
        match self.numbered {
            true => pattern.continuation(&[tag, b"1]: "].concat(), Some(tag.len()), spans),
            false => pattern.continuation(tag, None, spans),
        }
    }
}

/// A class of messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineClass {
    /// The number of the tag.
    pub tag: u32,
    /// Whether a kernel's time stamp stands behind the first blank; the keys are behind it then.
    pub stamped: bool,
    /// Whether a process id stands behind the first word.
    pub numbered: bool,
    /// The numbers of the keys behind the two blanks, 0 for one that no rule names.
    pub keys: [u32; 2],
}

impl LineClass {
    /// The class as the key of a table.
    pub(super) fn packed(self) -> u64 {
        let [first, second] = self.keys.map(u64::from);
        let bits = u64::from(self.stamped) | u64::from(self.numbered) << 1;
        (u64::from(self.tag) << 2 | bits) << 40 | first << 20 | second
    }
}
