//! The text of a report. A large one is packed while it is made, and read piece by piece: it may be as large as
//! everything that a queue holds, and is in memory, in the state and in the outbox of days without a server.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use bstr::{BStr, BString, ByteSlice};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The text of a report: bytes, shared, not copied.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Body(Arc<Kept>);

/// How the text is kept.
#[derive(PartialEq, Eq)]
enum Kept {
    /// As it is.
    Plain(Vec<u8>),
    /// [`MARK`], and the text in the form of RFC 1951 behind it.
    Packed(Vec<u8>),
}

impl Default for Kept {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

/// The length up to which a text is kept as it is, bytes.
const PLAIN: usize = 1 << 20;
/// The first bytes of a packed text. A text that begins with them is packed whatever its length.
const MARK: &[u8] = b"\0packed by tenshi\n";
/// Bytes that are packed at a time.
const PIECE: usize = 1 << 16;

impl Body {
    /// Whether these are one text, not only equal ones.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reads the text from its beginning.
    pub fn reader(&self) -> Box<dyn BufRead + '_> {
        match &*self.0 {
            Kept::Plain(text) => Box::new(&text[..]),
            Kept::Packed(bytes) => {
                let bytes = bytes.get(MARK.len()..).unwrap_or_default();
                Box::new(BufReader::with_capacity(PIECE, DeflateDecoder::new(bytes)))
            }
        }
    }

    /// Calls `act` with each line and its line end, until it answers false. Returns whether it never did.
    pub fn all_lines(&self, mut act: impl FnMut(&[u8]) -> bool) -> bool {
        let mut reader = match &*self.0 {
            Kept::Plain(text) => return text.lines_with_terminator().all(act),
            Kept::Packed(_) => self.reader(),
        };
        let mut line = Vec::new();
        // What was packed here can be unpacked.
        while reader
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            if !act(&line) {
                return false;
            }
            line.clear();
        }
        true
    }

    /// The whole text at once.
    pub fn whole(&self) -> Cow<'_, [u8]> {
        match &*self.0 {
            Kept::Plain(text) => Cow::Borrowed(text),
            Kept::Packed(_) => {
                let mut text = Vec::new();
                // As in `all_lines`.
                let _ = self.reader().read_to_end(&mut text);
                Cow::Owned(text)
            }
        }
    }

    /// What the text takes in memory and in the state, bytes.
    pub fn size(&self) -> usize {
        self.bytes().len()
    }

    /// This text with another one behind it.
    #[must_use]
    pub fn with(&self, later: &Self) -> Self {
        let mut writer = BodyWriter::default();
        for body in [self, later] {
            body.all_lines(|line| {
                writer.put(line);
                true
            });
        }
        writer.finish()
    }

    /// The bytes that a snapshot holds.
    fn bytes(&self) -> &[u8] {
        match &*self.0 {
            Kept::Plain(bytes) | Kept::Packed(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Body {
    fn from(text: Vec<u8>) -> Self {
        let mut writer = BodyWriter::default();
        // It is no longer than memory, and goes through it piece by piece.
        match text.len() <= PLAIN && !text.starts_with(MARK) {
            true => *writer.text() = text,
            false => text.chunks(PIECE).for_each(|piece| writer.put(piece)),
        }
        writer.finish()
    }
}

impl From<BString> for Body {
    fn from(text: BString) -> Self {
        Self::from(Vec::from(text))
    }
}

impl fmt::Display for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        BStr::new(&self.whole()).fmt(f)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kept::Plain(text) => BStr::new(text).fmt(f),
            Kept::Packed(bytes) => write!(f, "a packed text of {} bytes", bytes.len()),
        }
    }
}

impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BStr::new(self.bytes()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Vec::from(BString::deserialize(deserializer)?);
        let kept = match bytes.starts_with(MARK) {
            true => Kept::Packed(bytes),
            false => Kept::Plain(bytes),
        };
        Ok(Self(Arc::new(kept)))
    }
}

/// A text that is being written.
#[derive(Default)]
pub struct BodyWriter {
    /// What was not packed yet.
    text: Vec<u8>,
    packer: Option<DeflateEncoder<Vec<u8>>>,
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a text that ends with {} bytes", self.text.len())
    }
}

impl BodyWriter {
    /// What is to be appended to. Call [`BodyWriter::settle`] from time to time.
    pub fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    /// Appends a text.
    pub fn put(&mut self, text: &[u8]) {
        self.text.extend_from_slice(text);
        self.settle();
    }

    /// Packs what has come together, if that is much.
    #[inline]
    pub fn settle(&mut self) {
        let most = match self.packer {
            Some(_) => PIECE,
            None => PLAIN,
        };
        if self.text.len() > most {
            self.pack();
        }
    }

    fn pack(&mut self) {
        let packer = self
            .packer
            .get_or_insert_with(|| DeflateEncoder::new(MARK.to_vec(), Compression::fast()));
        // It is written to memory.
        let _ = packer.write_all(&self.text);
        self.text.clear();
    }

    /// The text.
    pub fn finish(mut self) -> Body {
        if self.packer.is_some() || self.text.starts_with(MARK) {
            self.pack();
        }
        let packed = self.packer.and_then(|packer| packer.finish().ok());
        Body(Arc::new(match packed {
            Some(mut bytes) => {
                bytes.shrink_to_fit();
                Kept::Packed(bytes)
            }
            None => Kept::Plain(self.text),
        }))
    }
}

impl Write for BodyWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.put(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: usize) -> Vec<u8> {
        let line = |n: usize| format!("    1: line {n} of {}\n", n * 7919 % 10_007).into_bytes();
        (0..lines).flat_map(line).collect()
    }

    #[test]
    fn a_text_of_any_length_is_what_was_written() {
        let mut packed = 0;
        let marked = [MARK, b"of somebody else"].concat();
        for text in [Vec::new(), b"x".to_vec(), text(10), text(100_000), marked] {
            let mut writer = BodyWriter::default();
            text.chunks(1_000).for_each(|piece| writer.put(piece));
            let written = writer.finish();
            assert_eq!(written, Body::from(text.clone()));
            let bytes = postcard::to_stdvec(&written).unwrap();
            let body: Body = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(body, written);
            assert_eq!(body.whole(), text);
            assert_eq!(body.to_string(), BStr::new(&text).to_string());
            let mut lines = Vec::new();
            assert!(body.all_lines(|line| {
                lines.push(line.to_vec());
                true
            }));
            assert!(text.lines_with_terminator().eq(&lines));
            assert!(text.is_empty() || !body.all_lines(|_| false));
            assert_eq!(body.with(&body).whole(), text.repeat(2));
            if text.len() > PLAIN {
                assert!(bytes.len() < text.len() / 3, "{}", bytes.len());
                packed += 1;
            }
        }
        assert_eq!(packed, 1);
    }

    /// As snapshots had it until version 2.
    #[test]
    fn a_text_that_was_kept_as_it_is_is_read() {
        let text = text(100_000);
        let bytes = postcard::to_stdvec(BStr::new(&text)).unwrap();
        let body: Body = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(body.whole(), text);
        assert_eq!(postcard::to_stdvec(&body).unwrap(), bytes);
    }
}
