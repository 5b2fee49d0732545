//! A message as the rules see it: without its process id, where `hidepid` says so.

use std::borrow::Cow;

use crate::fast::{before_space, digits_length, word_length};

/// A message, its process id taken out where that is wanted. Most rules can do without a copy for that:
/// what is behind the process id is read where it is written, as if it stood where it will.
#[derive(Debug)]
pub struct Text<'a> {
    /// The message as it is written in the log.
    written: &'a [u8],
    /// Where its first word ends.
    word: usize,
    /// What is taken out there.
    hidden: Option<Hidden<'a>>,
}

/// A process id right behind the first word, and the `[` and `]` around it.
#[derive(Debug)]
struct Hidden<'a> {
    length: usize,
    /// The message without it, once somebody has asked for that.
    message: &'a mut Vec<u8>,
    made: bool,
}

impl<'a> From<&'a [u8]> for Text<'a> {
    /// A message that is taken as it is.
    fn from(message: &'a [u8]) -> Self {
        Self {
            written: message,
            word: word_length(message, 0),
            hidden: None,
        }
    }
}

impl<'a> Text<'a> {
    /// The message without its process id, for which there is `room`.
    #[inline(always)]
    pub fn hidden(written: &'a [u8], room: &'a mut Vec<u8>) -> Self {
        let word = word_length(written, 0);
        let hidden = match (written.get(word), written.get(word + 1)) {
            (Some(b':'), Some(b' ')) => None,
            (Some(b'['), Some(b'0'..=b'9')) if word > 0 => match pid_length(written, word) {
                Some(length) => Some(Hidden {
                    length,
                    message: room,
                    made: false,
                }),
                None => return Self::of_any(written, room),
            },
            _ => return Self::of_any(written, room),
        };
        Self {
            written,
            word,
            hidden,
        }
    }

    /// The same, whatever the first word is.
    #[cold]
    fn of_any(written: &'a [u8], room: &'a mut Vec<u8>) -> Self {
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
            let (word, tail) = (self.word, &self.written[hidden.length..]);
            hidden.made = true;
            hidden.message.clear();
            hidden.message.extend_from_slice(tail);
            hidden.message[..word].copy_from_slice(&self.written[..word]);
        }
        hidden.message
    }

    /// How the message begins, and a text that is as the message behind that.
    #[inline]
    pub fn parts(&self) -> (&'a [u8], &'a [u8]) {
        let begin = match self.hidden {
            Some(_) => &self.written[..self.word],
            None => &[],
        };
        (begin, self.tail())
    }

    /// A text that is as the message from [`Text::word_end`] on; what is before is another.
    #[inline]
    pub fn tail(&self) -> &'a [u8] {
        let hidden = self.hidden.as_ref().map_or(0, |hidden| hidden.length);
        &self.written[hidden..]
    }

    /// A text that begins with the first word; what is behind it is another.
    #[inline]
    pub fn head(&self) -> &'a [u8] {
        self.written
    }

    /// Where the first word ends.
    #[inline]
    pub fn word_end(&self) -> usize {
        self.word
    }
}

/// `sshd[123]: x` becomes `sshd: x` (`set hidepid on`).
pub(super) fn hide_pid(message: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    match pid(&message) {
        None => message,
        Some((start, end)) => Cow::Owned([&message[..start], &message[end..]].concat()),
    }
}

/// The length of `[digits]` at `start`, where `[` and a digit are, if a colon and a blank stand behind it.
#[inline]
fn pid_length(message: &[u8], start: usize) -> Option<usize> {
    let digits = digits_length(message, start + 1);
    let end = start + 1 + digits;
    let ends = message.get(end..end + 3) == Some(b"]: ");
    ends.then_some(digits + 2)
}

/// Where `[digits]` stands in front of the colon that ends the first word with a blank behind it.
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
            let whole = hide_pid(written.into());
            let mut room = b"of the line before".to_vec();
            let mut text = Text::hidden(written, &mut room);
            let (word, head, tail) = (text.word_end(), text.head(), text.tail());
            assert_eq!(head[..word], whole[..word]);
            assert_eq!(tail[word..], whole[word..]);
            assert_eq!(text.message(), &*whole);
            assert_eq!(text.message(), &*whole);
            hidden += usize::from(text.hidden.is_some());
        }
        assert_eq!(hidden, 4);
    }
}
