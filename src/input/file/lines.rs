//! Cutting bytes into complete lines of bounded length.

use memchr::memchr;

use crate::charset::{Charset, Coding};
use crate::counters::{Counter, Counters};
use crate::shown::whole_characters;

/// What stands at the end of a line that was cut.
pub const CUT: &[u8] = b" [... cut]";

/// Where lines go while a file is read.
pub struct Cutter<'a> {
    /// The longest line, bytes.
    pub max_line: usize,
    /// The character set of the log, if one is set.
    pub charset: Option<Charset>,
    /// How the file is read, by its first bytes and the character set.
    pub coding: Coding,
    /// The offset in the file at which the next data begins.
    pub from: u64,
    /// Complete lines in UTF-8, or as they are written where no character set is set, each ended by `\n`.
    pub text: &'a mut Vec<u8>,
    /// What was cut.
    pub counters: &'a mut Counters,
}

impl Cutter<'_> {
    /// Takes the complete lines of `data` and tells how many bytes are used up. Without newline,
    /// what is over-long is cut at once and `skipping` set; `full` says that more follows that
    /// did not fit, `last` that nothing will ever follow.
    pub fn take(&mut self, data: &[u8], skipping: &mut bool, full: bool, last: bool) -> usize {
        if self.coding != Coding::Bytes {
            return self.take_encoded(data, skipping, full, last);
        }
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &data[at..]) {
            let line = &data[at..at + length];
            at += length + 1;
            if !std::mem::take(skipping) {
                self.push(line);
            }
        }
        let rest = &data[at..];
        if rest.is_empty() {
            return at;
        }
        let nuls = rest.iter().take_while(|&&b| b == 0).count();
        let line = &rest[nuls..];
        if *skipping {
            return data.len();
        }
        if line.is_empty() {
            // The hole that a writer without O_APPEND leaves after a truncation; or room that a
            // writer will fill, so it is passed only when the buffer holds nothing else.
            return if (full && at == 0) || last {
                data.len()
            } else {
                at
            };
        }
        if line.len() > self.max_line {
            self.push(line);
            *skipping = !last;
            return data.len();
        }
        if last {
            self.push(line);
            return data.len();
        }
        at
    }

    /// Adds a line without its newline.
    pub(super) fn push(&mut self, line: &[u8]) {
        let nuls = line.iter().take_while(|&&b| b == 0).count();
        let line = &line[nuls..];
        self.put(line, line.len() > self.max_line);
    }

    /// Adds a line, `cut` at the limit.
    pub(super) fn put(&mut self, line: &[u8], cut: bool) {
        if cut {
            let kept = self.max_line.saturating_sub(CUT.len()).min(line.len());
            let kept = whole_characters(line, kept);
            self.text.extend_from_slice(&line[..kept]);
            self.text.extend_from_slice(CUT);
            self.counters.add(Counter::TooLong, 1);
        } else {
            self.text.extend_from_slice(line);
        }
        self.text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(data: &[u8], skipping: &mut bool, full: bool, last: bool) -> (usize, Vec<u8>, u64) {
        let (mut text, mut counters) = (Vec::new(), Counters::default());
        let mut cutter = Cutter {
            max_line: 20,
            charset: None,
            coding: Coding::Bytes,
            from: 0,
            text: &mut text,
            counters: &mut counters,
        };
        let used = cutter.take(data, skipping, full, last);
        (used, text, counters.get(Counter::TooLong))
    }

    #[test]
    fn i14_lines_are_whole_bounded_and_without_leading_nuls() {
        let mut skip = false;
        assert_eq!(
            cut(b"a\nb\nhalf", &mut skip, false, false),
            (4, b"a\nb\n".to_vec(), 0)
        );
        assert_eq!(
            cut(b"half", &mut skip, false, true),
            (4, b"half\n".to_vec(), 0)
        );
        assert_eq!(
            cut(b"\0\0\0a\n\0", &mut skip, false, false),
            (5, b"a\n".to_vec(), 0)
        );
        assert_eq!(cut(b"\0\0", &mut skip, true, false), (2, Vec::new(), 0));
        let long = [b'x'; 30];
        assert_eq!(
            cut(&long, &mut skip, false, false),
            (30, b"xxxxxxxxxx [... cut]\n".to_vec(), 1)
        );
        assert!(skip);
        assert_eq!(
            cut(b"still it", &mut skip, false, false),
            (8, Vec::new(), 0)
        );
        assert_eq!(
            cut(b"end\nnext\n", &mut skip, false, false),
            (9, b"next\n".to_vec(), 0)
        );
        assert!(!skip);
        let (used, text, cuts) = cut(b"12345678901234567890\n", &mut skip, false, false);
        assert_eq!((used, text.len(), cuts), (21, 21, 0));
    }
}
