//! A message as the rules see it: without its process id, where `hidepid` says so.

use crate::pattern::tag::tag_length;
use crate::simd::{before_space, digits_length};

/// A message, without its process id if `hidepid` says so. Most rules need no copy for that: the text behind
/// the process id is read where it is written ([`MessageShape::tail`]).
#[derive(Debug)]
pub struct MessageText<'a> {
    /// The message as it is written in the log.
    written: &'a [u8],
    shape: MessageShape,
    /// The copy without the process id, if there is one to hide.
    hidden: Option<Hidden<'a>>,
}

/// The copy of a message without its process id.
#[derive(Debug)]
struct Hidden<'a> {
    message: &'a mut Vec<u8>,
    /// Whether the copy was made: only when the whole message is asked for.
    made: bool,
}

/// Where the first word of a message ends, and how much behind it is hidden.
#[derive(Clone, Copy, Default, Debug)]
pub struct MessageShape {
    /// Where the first word ends.
    word: u32,
    /// The length of the process id right behind it with its `[` and `]`, if they are hidden.
    hidden: u32,
}

impl MessageShape {
    /// The shape of a message of which nothing is hidden.
    #[inline(always)]
    fn plain(message: &[u8]) -> Self {
        Self::new(tag_length(message, 0), 0)
    }

    /// The shape of a message whose process id is hidden, if the message begins as most do.
    #[inline(always)]
    fn without_pid(message: &[u8]) -> Option<Self> {
        let word = tag_length(message, 0);
        match (message.get(word), message.get(word + 1)) {
            (Some(b':'), Some(b' ')) => Some(Self::new(word, 0)),
            (Some(b'['), Some(b'0'..=b'9')) if word > 0 => {
                let length = pid_length(message, word)?;
                Some(Self::new(word, length))
            }
            _ => None,
        }
    }

    /// The shape of these lengths, which are less than 4 GiB: no line is longer.
    #[inline(always)]
    fn new(word: usize, hidden: usize) -> Self {
        debug_assert!(u32::try_from(word + hidden).is_ok());
        Self {
            word: word as u32,
            hidden: hidden as u32,
        }
    }

    /// Where the first word ends.
    #[inline(always)]
    pub fn word_end(self) -> usize {
        self.word as usize
    }

    /// The number of bytes that are hidden behind the first word.
    #[inline(always)]
    pub fn taken_out(self) -> usize {
        self.hidden as usize
    }

    /// The end of the message as it is written, as long as the message without its process id: from
    /// [`MessageShape::word_end`] on it equals that message; the bytes before are other ones.
    #[inline(always)]
    pub fn tail(self, written: &[u8]) -> &[u8] {
        written.get(self.taken_out()..).unwrap_or_default()
    }
}

impl<'a> From<&'a [u8]> for MessageText<'a> {
    /// A message of which nothing is hidden.
    fn from(message: &'a [u8]) -> Self {
        Self {
            written: message,
            shape: MessageShape::plain(message),
            hidden: None,
        }
    }
}

impl<'a> MessageText<'a> {
    /// The message as the rules see it: without its process id if `hidepid` says so (`set hidepid on`:
    /// `sshd[123]: x` becomes `sshd: x`). `room` holds the copy where one is needed.
    #[inline(always)]
    pub fn new(written: &'a [u8], hidepid: bool, room: &'a mut Vec<u8>) -> Self {
        if !hidepid {
            return Self::from(written);
        }
        let Some(shape) = MessageShape::without_pid(written) else {
            return Self::copied(written, room);
        };
        let (message, made) = (room, false);
        let hidden = (shape.hidden > 0).then_some(Hidden { message, made });
        Self {
            written,
            shape,
            hidden,
        }
    }

    /// A copy of the message without its process id, if it does not begin as most do.
    #[cold]
    fn copied(written: &'a [u8], room: &'a mut Vec<u8>) -> Self {
        let Some((start, end)) = pid(written) else {
            return Self::from(written);
        };
        room.clear();
        room.extend_from_slice(&written[..start]);
        room.extend_from_slice(&written[end..]);
        Self::from(&**room)
    }

    /// The whole message.
    #[inline]
    pub fn message(&mut self) -> &[u8] {
        let Some(hidden) = &mut self.hidden else {
            return self.written;
        };
        if !hidden.made {
            let (word, tail) = (self.shape.word_end(), self.shape.tail(self.written));
            hidden.made = true;
            hidden.message.clear();
            hidden.message.extend_from_slice(tail);
            hidden.message[..word].copy_from_slice(&self.written[..word]);
        }
        hidden.message
    }

    /// The first word of the message, if something is hidden behind it, and a text that equals the message behind that
    /// word.
    #[inline]
    pub fn parts(&self) -> (&'a [u8], &'a [u8]) {
        let begin = match self.hidden {
            Some(_) => &self.written[..self.shape.word_end()],
            None => &[],
        };
        (begin, self.tail())
    }

    /// The text of [`MessageShape::tail`].
    #[inline]
    pub fn tail(&self) -> &'a [u8] {
        self.shape.tail(self.written)
    }

    /// The message as it is written.
    #[inline]
    pub fn written(&self) -> &'a [u8] {
        self.written
    }

    /// Where its first word ends, and how much behind it is hidden.
    #[inline]
    pub fn shape(&self) -> MessageShape {
        self.shape
    }
}

/// The length of the `[123]` at `start`, where `[` and a digit stand, if `: ` stands behind it.
#[inline]
fn pid_length(message: &[u8], start: usize) -> Option<usize> {
    let digits = digits_length(message, start + 1);
    let end = start + 1 + digits;
    let ends = message.get(end..end + 3) == Some(b"]: ");
    ends.then_some(digits + 2)
}

/// The range of the `[123]` at the end of the first word, if `: ` stands behind it.
fn pid(message: &[u8]) -> Option<(usize, usize)> {
    let end = before_space(message, 0);
    if message.get(end) != Some(&b' ') {
        return None;
    }
    let word = message[..end].strip_suffix(b"]:")?;
    let digits = word.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let start = word.len().checked_sub(digits + 1)?;
    (digits > 0 && start > 0 && word[start] == b'[').then_some((start, end - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_read_in_two_parts_is_the_whole() {
        let mut hidden = 0;
        for written in [
            "sshd[123]: x",
            "sshd(pam_unix)[1]: y",
            "postfix/smtpd[1]: w",
            "x[1]: y[2]: z",
            "kernel: foo[1]: bar",
            "prog[12]:nospace",
            "[1]: onlypid",
            "p[1][2]: q",
            "sshd[1]: ",
            "",
        ] {
            let written = written.as_bytes();
            let whole = match pid(written) {
                Some((start, end)) => [&written[..start], &written[end..]].concat(),
                None => written.to_vec(),
            };
            let mut room = b"of the line before".to_vec();
            let mut text = MessageText::new(written, true, &mut room);
            let (word, head, tail) = (text.shape().word_end(), text.written(), text.tail());
            assert_eq!(head[..word], whole[..word]);
            assert_eq!(tail[word..], whole[word..]);
            assert_eq!(text.message(), &*whole);
            assert_eq!(text.message(), &*whole);
            hidden += usize::from(text.hidden.is_some());
        }
        assert_eq!(hidden, 4);
    }
}
