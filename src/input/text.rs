//! Collecting lines of bounded length into a batch.

use std::sync::Arc;

use bstr::BString;
use memchr::memchr;

use super::file::CUT;
use super::{Batch, Checkpoint};
use crate::charset::Coding;
use crate::counters::{Counter, Counters};
use crate::shown::whole_characters;

/// A batch is handed over at this size, bytes; it may be longer by what one read gives.
pub(super) const FULL: usize = 256 * 1024;

/// Lines on their way into a batch.
#[derive(Debug)]
pub(super) struct Text {
    max_line: usize,
    /// How the lines that come are read.
    coding: Coding,
    bytes: Vec<u8>,
    /// What is to be counted with the batch.
    pub counters: Counters,
}

impl Text {
    /// No lines yet; a longer one than `max_line` bytes will be cut.
    pub fn new(max_line: usize) -> Self {
        Self {
            max_line,
            coding: Coding::Bytes,
            bytes: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Lines that come from now on are read so.
    pub fn read_as(&mut self, coding: Coding) {
        self.coding = coding;
    }

    /// The longest line, bytes.
    pub fn max_line(&self) -> usize {
        self.max_line
    }

    /// The longest line as it comes, bytes.
    pub fn longest(&self) -> usize {
        match self.coding {
            Coding::Bytes => self.max_line,
            // Escapes of a character set are left out.
            _ => self.max_line.saturating_mul(2),
        }
    }

    /// Adds a line as it comes, without its `\n`. `cut` says that its end is missing already.
    pub fn push_coded(&mut self, line: &[u8], cut: bool) {
        if self.coding == Coding::Bytes {
            return self.push(line, cut);
        }
        let begun = line
            .get(..self.longest())
            .filter(|begun| begun.len() < line.len());
        let cut = cut || begun.is_some();
        let text = self.coding.line(begun.unwrap_or(line), cut);
        self.push(&text, cut);
    }

    /// Whether it is time to hand over.
    pub fn full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Adds a line without its `\n`. `cut` says that its end is missing already.
    pub fn push(&mut self, line: &[u8], cut: bool) {
        if cut || line.len() > self.max_line {
            let kept = self.max_line.saturating_sub(CUT.len()).min(line.len());
            let kept = whole_characters(line, kept);
            self.bytes.extend_from_slice(&line[..kept]);
            self.bytes.extend_from_slice(CUT);
            self.counters.add(Counter::TooLong, 1);
        } else {
            self.bytes.extend_from_slice(line);
        }
        self.bytes.push(b'\n');
    }

    /// The lines that have come together of `source`, if any.
    pub fn batch(&mut self, source: &Arc<BString>, checkpoint: Checkpoint) -> Option<Batch> {
        let nothing = self.bytes.is_empty() && self.counters == Counters::default();
        if nothing && matches!(checkpoint, Checkpoint::None) {
            return None;
        }
        Some(Batch {
            source: source.clone(),
            text: std::mem::take(&mut self.bytes),
            checkpoint,
            counters: std::mem::take(&mut self.counters),
        })
    }
}

/// Cuts a stream of bytes at its newlines.
#[derive(Default)]
pub(super) struct Splitter {
    /// The line that has no end yet: at most the longest line and one read.
    rest: Vec<u8>,
    /// Whether the rest of an over-long line is being passed over.
    skipping: bool,
}

impl Splitter {
    /// Adds the lines that `data` completes.
    pub fn take(&mut self, mut data: &[u8], text: &mut Text) {
        while let Some(length) = memchr(b'\n', data) {
            let line = &data[..length];
            data = &data[length + 1..];
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            if self.rest.is_empty() {
                text.push_coded(line, false);
            } else {
                self.rest.extend_from_slice(line);
                text.push_coded(&self.rest, false);
                self.rest.clear();
            }
        }
        if self.skipping {
            return;
        }
        self.rest.extend_from_slice(data);
        if self.rest.len() > text.longest() {
            text.push_coded(&self.rest, true);
            self.rest = Vec::new();
            self.skipping = true;
        }
    }

    /// The stream is at its end: what has no newline is a line too.
    pub fn end(&mut self, text: &mut Text) {
        self.skipping = false;
        if !self.rest.is_empty() {
            text.push_coded(&self.rest, false);
            self.rest.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &mut Text) -> (String, u64) {
        let batch = text.batch(&Arc::default(), Checkpoint::None).unwrap();
        let cut = batch.counters.get(Counter::TooLong);
        (String::from_utf8(batch.text).unwrap(), cut)
    }

    #[test]
    fn a_line_is_completed_by_what_comes_next() {
        let (mut text, mut splitter) = (Text::new(100), Splitter::default());
        splitter.take(b"a\nbe", &mut text);
        splitter.take(b"gin", &mut text);
        splitter.take(b"ning\n\nrest", &mut text);
        assert_eq!(lines(&mut text), ("a\nbeginning\n\n".into(), 0));
        splitter.end(&mut text);
        splitter.end(&mut text);
        assert_eq!(lines(&mut text), ("rest\n".into(), 0));
        assert!(text.batch(&Arc::default(), Checkpoint::None).is_none());
    }

    #[test]
    fn an_over_long_line_is_cut_once_and_its_rest_passed_over() {
        let (mut text, mut splitter) = (Text::new(20), Splitter::default());
        for _ in 0..3 {
            splitter.take(&[b'x'; 15], &mut text);
        }
        splitter.take(b"end\nnext\n", &mut text);
        let whole = [&[b'y'; 21][..], b"\n"].concat();
        splitter.take(&whole, &mut text);
        let want = "xxxxxxxxxx [... cut]\nnext\nyyyyyyyyyy [... cut]\n";
        assert_eq!(lines(&mut text), (want.into(), 2));
        // Else a line that is UTF-8 would be none any more.
        text.push("失敗失敗失敗失敗".as_bytes(), false);
        assert_eq!(lines(&mut text), ("失敗失 [... cut]\n".into(), 1));
    }
}
