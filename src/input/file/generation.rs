//! One generation of a log: an open file, plain or packed, and how far it was read.

use std::io;
use std::sync::Arc;

use super::checkpoint::{ANCHOR, FileCheckpoint, HEAD, same_beginning};
use super::compressed::Compressed;
use super::container::LineReader;
use super::encoded::{coding, whole_units};
use super::fs::{FileId, LogFile};
use super::lines::Cutter;
use super::start;
use crate::charset::Charset;

mod packed;

/// Number of bytes of a file that are read in one go (I14).
pub const CHUNK: usize = 256 * 1024;

/// The result of one read of a generation.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// No complete line is there.
    Dry,
    /// The position moved.
    Moved,
    /// What stood before the position is not there any more.
    Truncated,
}

enum Source<F> {
    Plain(F),
    Compressed(Box<Compressed>),
}

/// An open file of a log's history. While it is held its inode cannot be used again (I4).
pub struct Generation<F> {
    source: Source<F>,
    /// The position that is committed.
    pub checkpoint: FileCheckpoint,
    /// When the path stopped naming it, ns; none while it is live.
    pub departed: Option<i64>,
    /// When it last gave something, ns.
    pub last_data: i64,
    /// Whether the rotated files beside it were looked through, as must be before its first bytes are
    /// taken (I8).
    pub judged: bool,
    /// A packed file that was read to its end, or one that turned out damaged.
    pub finished: bool,
    /// The last look reached what was its end then.
    pub at_end: bool,
    /// The last look found no whole line.
    resting: bool,
    /// A copy that was made before the live file was cut off.
    pub copied: bool,
    /// Whether its new bytes wait, because they may be a copy of others.
    pub held_back: bool,
    /// Whether all of it that was not read stands in the file that came in its place. It has no name any more, so
    /// nothing is kept of it: after a crash that file alone is there.
    pub replaced: bool,
    /// All up to here was a copy when it was looked at.
    pub copy_end: u64,
    /// The turn of its path in which it came, and the last one in which its end was seen.
    pub turns: (u64, u64),
    quiet: Option<(u64, i64)>,
}

impl<F: LogFile> Generation<F> {
    /// A plain file, to be read from its beginning.
    pub fn plain(file: F, id: FileId, now: i64) -> Self {
        Self::new(Source::Plain(file), FileCheckpoint::blank(id), now)
    }

    /// A plain file whose content fits `checkpoint`.
    pub fn resumed(file: F, id: FileId, checkpoint: FileCheckpoint, now: i64) -> Self {
        let mut generation = Self::new(Source::Plain(file), checkpoint.found_in(id), now);
        generation.judged = true;
        generation
    }

    fn new(source: Source<F>, checkpoint: FileCheckpoint, now: i64) -> Self {
        Self {
            source,
            checkpoint,
            departed: None,
            last_data: now,
            judged: false,
            finished: false,
            at_end: false,
            resting: false,
            copied: false,
            held_back: false,
            replaced: false,
            copy_end: 0,
            turns: (0, 0),
            quiet: None,
        }
    }

    /// Whether the file is packed.
    pub fn is_compressed(&self) -> bool {
        matches!(self.source, Source::Compressed(_))
    }

    /// The length of the file now; of a compressed one what is unpacked of it.
    pub fn size(&self) -> io::Result<u64> {
        match &self.source {
            Source::Plain(file) => Ok(file.meta()?.size),
            Source::Compressed(packed) => Ok(self.checkpoint.offset + packed.rest.len() as u64),
        }
    }

    /// Whether the last look found no whole line behind the position.
    pub fn at_rest(&self) -> bool {
        let checkpoint = &self.checkpoint;
        // A beginning that was looked at and not taken is no rest: it is being judged (I8).
        let known = checkpoint.offset > 0 || checkpoint.is_blank();
        self.resting || (known && checkpoint.end == checkpoint.offset)
    }

    /// The file itself, if it is plain.
    pub fn file(&self) -> Option<&F> {
        match &self.source {
            Source::Plain(file) => Some(file),
            Source::Compressed(_) => None,
        }
    }

    /// Unpacks a chunk of a packed file.
    pub fn unpack(&mut self) {
        if let Source::Compressed(packed) = &mut self.source {
            packed.fill(CHUNK);
        }
    }

    /// What was unpacked of a packed file and is not handed out.
    pub fn next_bytes(&self) -> &[u8] {
        match &self.source {
            Source::Plain(_) => &[],
            Source::Compressed(packed) => &packed.rest,
        }
    }

    /// The first bytes of the file as they are now.
    pub fn first_bytes(&self) -> io::Result<Vec<u8>> {
        match &self.source {
            Source::Plain(file) => first_bytes(file),
            Source::Compressed(_) => Ok(self.checkpoint.fingerprint.head.to_vec()),
        }
    }

    /// Remembers the first bytes before anything is taken of them: if they are others when they are
    /// read, the file was truncated in between.
    pub fn preview(&mut self) -> io::Result<()> {
        if self.checkpoint.is_blank() {
            self.checkpoint.fingerprint.head = self.first_bytes()?.into();
        }
        Ok(())
    }

    /// Whether `first` and `last`, the first bytes of a file of `size` bytes and the last ones where
    /// they are known, show it as a copy of this one or of its beginning.
    ///
    /// # Errors
    /// The file of this one cannot be read.
    pub fn has_copy(&self, first: &[u8], last: &[u8], size: u64) -> io::Result<bool> {
        let Source::Plain(file) = &self.source else {
            return Ok(self.checkpoint.begins_like(first));
        };
        let own = file.meta()?.size;
        // A copy may be of what stood here before a truncation, or of what stands here now.
        let stale = !self.checkpoint.is_blank() && !self.checkpoint.fits(file)?;
        if stale && self.checkpoint.begins_like(first) {
            return Ok(true);
        }
        if size > own || !same_beginning(&first_bytes(file)?, first) {
            return Ok(false);
        }
        let mut end = vec![0; last.len()];
        let n = file.read_at(size.saturating_sub(last.len() as u64), &mut end)?;
        Ok(end[..n] == *last)
    }

    /// The end of the last complete line before `offset`.
    pub fn last_line_before(&self, offset: u64, charset: Option<Charset>) -> io::Result<u64> {
        match &self.source {
            Source::Plain(file) => start::last_line_end(file, offset, coding(file, charset)?),
            Source::Compressed(_) => Ok(offset),
        }
    }

    /// The last bytes before `size`; none of a compressed file.
    pub fn last_bytes(&self, size: u64) -> io::Result<Vec<u8>> {
        let Source::Plain(file) = &self.source else {
            return Ok(Vec::new());
        };
        let back = ANCHOR.min(usize::try_from(size).unwrap_or(ANCHOR));
        let mut last = vec![0; back];
        let n = file.read_at(size - back as u64, &mut last)?;
        last.truncate(n);
        Ok(last)
    }

    /// Starts again at the beginning: the file was truncated.
    pub fn restart(&mut self) {
        self.checkpoint = FileCheckpoint {
            standing: self.checkpoint.standing,
            ..FileCheckpoint::blank(self.checkpoint.id)
        };
        self.judged = false;
        self.quiet = None;
    }

    /// Stands at `offset`, remembering what is before it.
    pub fn seek(&mut self, offset: u64) -> io::Result<()> {
        let Source::Plain(file) = &self.source else {
            return Ok(());
        };
        let mut head = vec![0; HEAD.min(usize::try_from(offset).unwrap_or(HEAD))];
        let n = file.read_at(0, &mut head)?;
        head.truncate(n);
        let back = ANCHOR.min(usize::try_from(offset).unwrap_or(ANCHOR));
        let mut anchor = vec![0; back];
        let n = file.read_at(offset - back as u64, &mut anchor)?;
        anchor.truncate(n);
        self.checkpoint.offset = offset;
        self.checkpoint.end = offset.max(file.meta()?.size);
        self.checkpoint.fingerprint.head = head.into();
        self.checkpoint.fingerprint.anchor = anchor.into();
        self.judged = offset > 0;
        Ok(())
    }

    /// Reads, verifies, then hands out what is there up to the offset `to`, at most one chunk (I7). `last`
    /// hands out unterminated last bytes too.
    pub fn drain(
        &mut self,
        reader: &mut LineReader<'_>,
        buf: &mut Vec<u8>,
        now: i64,
        (to, last): (u64, bool),
    ) -> io::Result<Step> {
        let want = CHUNK.max(reader.cutter.longest() + 4096);
        let before = self.checkpoint.offset;
        let to = self.begin(&mut reader.cutter, to)?;
        let step = match &mut self.source {
            Source::Compressed(packed) => {
                packed.fill(want);
                let known = usize::try_from(to.saturating_sub(before)).unwrap_or(usize::MAX);
                let limited = known < packed.rest.len();
                let end = packed.ended && packed.fault.is_none() && !limited;
                let full = !packed.ended;
                let text = &packed.rest[..packed.rest.len().min(known)];
                let used = reader.take(text, &mut self.checkpoint.skipping, full, end);
                if let Some(fault) = packed.fault.take_if(|_| used == 0) {
                    return Err(fault);
                }
                self.checkpoint.fingerprint.anchor =
                    tail(&self.checkpoint.fingerprint.anchor, &packed.rest[..used]);
                packed.rest.drain(..used);
                self.checkpoint.offset += used as u64;
                self.checkpoint.end = (self.checkpoint.offset + packed.rest.len() as u64).min(to);
                self.finished = (end && packed.rest.is_empty()) || (limited && used == known);
                self.at_end = self.finished;
                if used > 0 { Step::Moved } else { Step::Dry }
            }
            Source::Plain(_) => self.drain_plain(reader, buf, now, want, (to, last))?,
        };
        if self.checkpoint.offset != before {
            self.last_data = now;
        }
        self.resting = step == Step::Dry && self.at_end;
        Ok(step)
    }

    /// Tells the cutter how the file is read from its position on. Gives the offset `to` at a whole code unit.
    fn begin(&self, cutter: &mut Cutter, to: u64) -> io::Result<u64> {
        cutter.from = self.checkpoint.offset;
        cutter.coding = match (&self.source, cutter.charset) {
            (_, None) => return Ok(to),
            (Source::Plain(file), charset) => coding(file, charset)?,
            (Source::Compressed(_), Some(charset)) => {
                charset.of_file(&self.checkpoint.fingerprint.head)
            }
        };
        Ok(whole_units(cutter.coding, to))
    }

    fn drain_plain(
        &mut self,
        reader: &mut LineReader<'_>,
        buf: &mut Vec<u8>,
        now: i64,
        want: usize,
        (to, last): (u64, bool),
    ) -> io::Result<Step> {
        let Source::Plain(file) = &self.source else {
            return Ok(Step::Dry);
        };
        let checkpoint = &mut self.checkpoint;
        // Half a line is no identity: log lines often begin alike.
        let unread = checkpoint.offset == 0;
        let meta = file.meta()?;
        if meta.size < checkpoint.offset {
            return Ok(Step::Truncated);
        }
        if self.quiet == Some((meta.size, meta.mtime)) && !last {
            return Ok(Step::Dry);
        }
        let back = checkpoint.fingerprint.anchor.len();
        // Room for what is there, and for one byte that came since: a small file needs no large one.
        let there = usize::try_from(meta.size - checkpoint.offset).unwrap_or(want);
        let known = usize::try_from(to.saturating_sub(checkpoint.offset)).unwrap_or(want);
        let room = want.min(there + 1).min(known);
        if buf.len() < back + room {
            buf.resize(back + room, 0);
        }
        let buf = &mut buf[..back + room];
        let from = checkpoint.offset - back as u64;
        let n = file.read_at(from, buf)?;
        if n < back || buf[..back] != checkpoint.fingerprint.anchor[..] {
            return Ok(Step::Truncated);
        }
        let data = &buf[back..n];
        let read_to = checkpoint.offset + data.len() as u64;
        self.at_end = data.len() < want.min(there + 1) && read_to >= meta.size;
        let mut head = vec![0; HEAD];
        let length = file.read_at(0, &mut head)?;
        head.truncate(length);
        if !head.starts_with(&checkpoint.fingerprint.head) {
            return Ok(Step::Truncated);
        }
        // The other half of the lock: what was read is what still stands there.
        if !stands(file, from, &buf[..back + data.len().min(ANCHOR)])? {
            return Ok(Step::Truncated);
        }
        let grew = data.len() as u64 > checkpoint.end.saturating_sub(checkpoint.offset);
        let used = reader.take(data, &mut checkpoint.skipping, data.len() == want, last);
        checkpoint.end = meta.size.min(to).max(read_to);
        if used == 0 {
            if unread {
                checkpoint.fingerprint.head = Arc::from(&b""[..]);
            }
            if grew {
                self.last_data = now;
            }
            // Two changes may share one tick of the kernel's clock: trust only an old mtime.
            let settled = now - meta.mtime > 1_000_000_000;
            self.quiet = (settled && meta.size <= to).then_some((meta.size, meta.mtime));
            return Ok(Step::Dry);
        }
        checkpoint.fingerprint.anchor = tail(&checkpoint.fingerprint.anchor, &data[..used]);
        checkpoint.offset += used as u64;
        head.truncate(usize::try_from(checkpoint.offset).unwrap_or(HEAD));
        if head[..] != checkpoint.fingerprint.head[..] {
            checkpoint.fingerprint.head = head.into();
        }
        self.quiet = None;
        Ok(Step::Moved)
    }
}

/// Whether these bytes stand in a file at an offset.
fn stands<F: LogFile>(file: &F, from: u64, bytes: &[u8]) -> io::Result<bool> {
    let mut there = vec![0; bytes.len()];
    let length = file.read_at(from, &mut there)?;
    Ok(there[..length] == *bytes)
}

fn tail(anchor: &Arc<[u8]>, used: &[u8]) -> Arc<[u8]> {
    if used.len() >= ANCHOR {
        return used[used.len() - ANCHOR..].into();
    }
    let keep = anchor.len().min(ANCHOR - used.len());
    [&anchor[anchor.len() - keep..], used].concat().into()
}

/// The first bytes of a plain file.
pub fn first_bytes<F: LogFile>(file: &F) -> io::Result<Vec<u8>> {
    let mut first = vec![0; HEAD];
    let n = file.read_at(0, &mut first)?;
    first.truncate(n);
    Ok(first)
}
