//! Saved logs of another character set, read as the daemon reads them (`set charset`).

use std::io::{self, BufRead, Read};
use std::path::Path;

use crate::charset::{Charset, Coding};
use crate::config::Config;
use crate::input::file::{CUT, bases_of};

/// The character set of a saved log, which may be a rotated one; `-` is the standard input.
pub(super) fn charset_of(path: &Path, config: &Config) -> Option<Charset> {
    let charsets = &config.charsets;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let bases = path.file_name().map(bases_of).unwrap_or_default();
    let bases = bases.into_iter().map(|base| path.with_file_name(base));
    let mut own = std::iter::once(path.clone())
        .chain(bases)
        .filter_map(|path| charsets.own(&path));
    own.next().or(charsets.default)
}

/// A log whose lines become UTF-8 while they are read.
pub(super) struct Decoded {
    log: Box<dyn BufRead>,
    charset: Charset,
    /// How the log is read, once its first bytes are there.
    coding: Option<Coding>,
    /// The longest line as it is written, bytes: of a longer one, that much is decoded.
    longest: usize,
    /// Bytes of the log that are no line yet.
    raw: Vec<u8>,
    /// Whether the rest of an over-long line is being passed over.
    skipping: bool,
    ended: bool,
    /// Lines in UTF-8, and how much of them is handed over.
    text: Vec<u8>,
    given: usize,
}

impl Decoded {
    /// The log, whose lines are of at most `max` bytes in the end (`set max_line`).
    pub(super) fn new(log: Box<dyn BufRead>, charset: Charset, max: usize) -> Self {
        Self {
            log,
            charset,
            coding: None,
            longest: max.saturating_mul(2),
            raw: Vec::new(),
            skipping: false,
            ended: false,
            text: Vec::new(),
            given: 0,
        }
    }

    /// Reads on until there is text to hand over, or nothing more.
    fn read_on(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        while self.text.is_empty() && !self.ended {
            let block = match self.log.fill_buf() {
                Ok(block) => block,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            };
            let length = block.len();
            self.raw.extend_from_slice(block);
            self.log.consume(length);
            self.ended = length == 0;
            if self.raw.len() >= 2 || self.ended {
                self.decode();
            }
        }
        Ok(())
    }

    /// Decodes what is complete.
    fn decode(&mut self) {
        let of_file = || self.charset.of_file(&self.raw);
        let coding = *self.coding.get_or_insert_with(of_file);
        let (raw, unit, mut at) = (std::mem::take(&mut self.raw), coding.unit(), 0);
        for end in coding.line_ends(&raw) {
            let line = raw.get(at..end - unit).unwrap_or_default();
            at = end;
            if !std::mem::take(&mut self.skipping) {
                self.push(coding, line);
                self.text.push(b'\n');
            }
        }
        let rest = raw.get(at..).unwrap_or_default();
        if self.skipping {
            // Half a code unit waits for its other half.
            self.raw = rest
                .get(rest.len() - rest.len() % unit..)
                .unwrap_or_default()
                .into();
        } else if rest.len() > self.longest {
            self.push(coding, rest);
            self.text.push(b'\n');
            self.skipping = true;
            self.raw = rest
                .get(rest.len() - rest.len() % unit..)
                .unwrap_or_default()
                .into();
        } else if self.ended {
            self.push(coding, rest);
        } else {
            self.raw = rest.into();
        }
    }

    fn push(&mut self, coding: Coding, line: &[u8]) {
        let begun = line
            .get(..self.longest)
            .filter(|begun| begun.len() < line.len());
        let text = coding.line(begun.unwrap_or(line), begun.is_some());
        self.text.extend_from_slice(&text);
        if begun.is_some() {
            self.text.extend_from_slice(CUT);
        }
    }
}

impl BufRead for Decoded {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.given >= self.text.len() {
            self.read_on()?;
        }
        Ok(self.text.get(self.given..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.given += amount;
    }
}

impl Read for Decoded {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let length = there.len().min(room.len());
        let part = there.get(..length).unwrap_or_default();
        room.get_mut(..length)
            .unwrap_or_default()
            .copy_from_slice(part);
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::config::parse_bytes;

    fn read(log: &[u8], name: &str, block: usize, max: usize) -> Vec<u8> {
        let log = BufReader::with_capacity(block, io::Cursor::new(log.to_vec()));
        let charset = Charset::named(name).unwrap();
        let mut text = Vec::new();
        Decoded::new(Box::new(log), charset, max)
            .read_to_end(&mut text)
            .unwrap();
        text
    }

    #[test]
    fn lines_become_utf_8_whatever_the_blocks() {
        for block in 1..20 {
            let text = read(b"a \xbc\xba\nb\xc7\xd4", "euc-jp", block, 100);
            assert_eq!(String::from_utf8(text).unwrap(), "a 失\nb敗");
            let log = b"\xff\xfe\x0a\x4e\x0d\0\x0a\0b\0\x0a\0";
            assert_eq!(read(log, "euc-jp", block, 100), "上\nb\n".as_bytes());
            let long = [&b"\xbc\xba".repeat(99)[..], b"\nnext\n"].concat();
            let want = format!("{} [... cut]\nnext\n", "失".repeat(20));
            assert_eq!(read(&long, "euc-jp", block, 20), want.as_bytes());
        }
        assert_eq!(read(b"", "euc-jp", 1, 10), b"");
        assert_eq!(read(b"x", "euc-jp", 1, 10), b"x");
    }

    #[test]
    fn a_rotated_log_is_read_as_the_log() {
        let text = b"set mailserver h\nset charset sjis\nset charset euc-jp /l/old*.log\n";
        let config = parse_bytes(text).config.unwrap();
        let name = |path: &str| charset_of(Path::new(path), &config).map(Charset::name);
        for path in [
            "/l/old.log",
            "/l/old1.log.2",
            "/l/old.log-20261123.gz",
            "/l/old.log.1.gz",
        ] {
            assert_eq!(name(path), Some("EUC-JP"), "{path}");
        }
        for path in ["/l/new.log", "/l/new.log.1", "-"] {
            assert_eq!(name(path), Some("Shift_JIS"), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(
            log in vec(any::<u8>(), 0..200), block in 1..50usize, kind in 0..4usize,
        ) {
            let name = ["euc-jp", "iso-2022-jp", "utf-16le", "utf-16be"][kind];
            let whole = read(&log, name, 1000, 20);
            prop_assert_eq!(read(&log, name, block, 20), whole);
        }
    }
}
