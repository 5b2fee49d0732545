//! Whether bytes of one file are a copy of another one, which is known by its checkpoint.

use std::collections::VecDeque;
use std::io;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::checkpoint::{ANCHOR, FileCheckpoint, HEAD};
use super::fs::LogFile;
use super::generation::first_bytes;

const BLOCK: usize = 64 * 1024;
/// Number of bytes of an edited file in which the last line that was read is looked for.
const SEARCH: u64 = 64 << 20;
/// How much of the file before the position is looked for, bytes.
const BEFORE: u64 = 4096;
/// Number of equal bytes in a row that are no chance.
const SURE: usize = 128;

/// The kind of the new bytes of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// Lines: no copy of anything known.
    Lines,
    /// A copy of what was read elsewhere, which ends at this offset.
    Copy(u64),
    /// So far they are how another file begins that is longer, or that is being read itself.
    Unsure,
}

/// Whether the bytes `from` to `to` of `file` are a copy of what `checkpoint` remembers; `own` is the file
/// of the checkpoint, if it is open.
///
/// # Errors
/// What reading the files gives.
pub fn added<F: LogFile>(
    file: &F,
    (from, to): (u64, u64),
    checkpoint: &FileCheckpoint,
    own: Option<&F>,
) -> io::Result<Added> {
    let is_there = |own: &F| io::Result::Ok(checkpoint.offset == 0 || checkpoint.fits(own)?);
    if let Some(own) = own
        && is_there(own)?
    {
        let found = compared(file, (from, to), checkpoint, Some(own))?;
        // It may have been cut off while it was read.
        if is_there(own)? {
            return Ok(found);
        }
    }
    compared(file, (from, to), checkpoint, None)
}

/// As [`added`]; what `own` holds is what the checkpoint remembers.
fn compared<F: LogFile>(
    file: &F,
    (from, to): (u64, u64),
    checkpoint: &FileCheckpoint,
    own: Option<&F>,
) -> io::Result<Added> {
    let first = match own {
        Some(own) => first_bytes(own)?,
        None => checkpoint.fingerprint.head.to_vec(),
    };
    let n = to - from;
    let here = bytes(file, from, first.len().min(length(n)))?;
    if here.is_empty() || !first.starts_with(&here) {
        return Ok(Added::Lines);
    }
    if let Some(own) = own {
        // The new bytes are how the file of the checkpoint begins: they are read in that file, as long as it has them.
        let back = n.min(ANCHOR as u64);
        if bytes(file, to - back, length(back))? == bytes(own, n - back, length(back))? {
            return Ok(Added::Unsure);
        }
        if from == 0 {
            // The two files begin alike, which does not make one a copy of the other.
            return Ok(Added::Lines);
        }
    }
    let end = from + checkpoint.offset;
    if checkpoint.offset == 0 || to < end {
        return Ok(if own.is_some() {
            Added::Lines
        } else {
            Added::Unsure
        });
    }
    if bytes(
        file,
        end - checkpoint.fingerprint.anchor.len() as u64,
        checkpoint.fingerprint.anchor.len(),
    )? != checkpoint.fingerprint.anchor[..]
    {
        return Ok(Added::Lines);
    }
    let more = own.map_or(Ok(0), |own| shared(file, end, own, checkpoint.offset))?;
    Ok(Added::Copy(end + more))
}

/// Whether bytes of a file do not come again by chance: there are two different lines among the first of
/// them, or they are many.
///
/// # Errors
/// What reading the file gives.
pub fn is_sure<F: LogFile>(file: &F, (from, to): (u64, u64)) -> io::Result<bool> {
    let first = bytes(file, from, length(to - from).min(HEAD))?;
    Ok(first.len() >= SURE || is_varied(file, (from, to))?)
}

/// Whether there are two different lines among the first bytes.
///
/// # Errors
/// What reading the file gives.
pub fn is_varied<F: LogFile>(file: &F, (from, to): (u64, u64)) -> io::Result<bool> {
    let first = bytes(file, from, length(to - from).min(HEAD))?;
    Ok(varied(&first))
}

/// Whether there are two different lines, of which the last one may have no end yet.
fn varied(text: &[u8]) -> bool {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let same = lines.next().unwrap_or_default();
    lines.any(|line| !same.starts_with(line))
}

/// Whether a text that does not come by chance stands in a file at an offset, as far as both go.
///
/// # Errors
/// What reading the file gives.
pub fn stands_in<F: LogFile>(file: &F, from: u64, text: &[u8]) -> io::Result<bool> {
    let there = bytes(file, from, text.len().min(BLOCK))?;
    let sure = varied(&there) || there.len() >= SURE;
    Ok(sure && text.starts_with(&there))
}

/// Where lines of a text are the first line of a file.
///
/// # Errors
/// What reading the file gives.
pub fn places_in<F: LogFile>(file: &F, text: &[u8]) -> io::Result<Vec<usize>> {
    let first = first_bytes(file)?;
    let Some(end) = memchr(b'\n', &first) else {
        return Ok(Vec::new());
    };
    let places = memmem::find_iter(text, &first[..=end]);
    Ok(places
        .filter(|at| *at == 0 || text.get(at - 1) == Some(&b'\n'))
        .collect())
}

/// Where the first line of `other` stands in `file` from an offset up to another one, but at the first one.
///
/// # Errors
/// What reading the files gives.
pub fn places_of<F: LogFile>(other: &F, file: &F, (from, to): (u64, u64)) -> io::Result<Vec<u64>> {
    let first = first_bytes(other)?;
    let Some(end) = memchr(b'\n', &first) else {
        return Ok(Vec::new());
    };
    // With the end of the line before it.
    let line = [b"\n", &first[..=end]].concat();
    let text = bytes(file, from, length(to - from) + line.len())?;
    let places = memmem::find_iter(&text, &line);
    Ok(places.map(|at| from + at as u64 + 1).collect())
}

/// How many bytes are equal in two files from an offset in each, to the end of a line.
///
/// # Errors
/// What reading the files gives.
pub fn shared<F: LogFile>(a: &F, a_from: u64, b: &F, b_from: u64) -> io::Result<u64> {
    let (mut whole, mut done) = (0, 0);
    loop {
        let (left, right) = (
            bytes(a, a_from + done, BLOCK)?,
            bytes(b, b_from + done, BLOCK)?,
        );
        let same = left.iter().zip(&right).take_while(|(l, r)| l == r).count();
        if let Some(at) = memrchr(b'\n', &left[..same]) {
            whole = done + at as u64 + 1;
        }
        done += same as u64;
        if same < BLOCK {
            return Ok(whole);
        }
    }
}

/// A run of lines of an edited file that are the last ones before a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LineRun {
    /// The number of its last line among the lines before the position.
    last: usize,
    /// How many lines it has.
    lines: usize,
    bytes: usize,
    /// Whether the file begins with it.
    first: bool,
}

/// The last lines before a position.
pub struct LastLines {
    lines: Vec<Vec<u8>>,
    /// Whether only the end of the first one is known.
    cut: bool,
}

impl LastLines {
    /// The last lines that a checkpoint remembers.
    pub fn of_mark(checkpoint: &FileCheckpoint) -> Self {
        Self::of_text(
            &checkpoint.fingerprint.anchor,
            checkpoint.offset > checkpoint.fingerprint.anchor.len() as u64,
        )
    }

    /// The last lines before the position of a checkpoint in its file: more than it remembers.
    ///
    /// # Errors
    /// What reading the file gives.
    pub fn of_file<F: LogFile>(file: &F, checkpoint: &FileCheckpoint) -> io::Result<Self> {
        let from = checkpoint.offset.saturating_sub(BEFORE);
        let text = bytes(file, from, length(checkpoint.offset - from))?;
        Ok(Self::of_text(&text, from > 0))
    }

    fn of_text(text: &[u8], cut: bool) -> Self {
        let (mut lines, mut from) = (Vec::new(), 0);
        for at in memchr_iter(b'\n', text) {
            lines.push(text[from..=at].to_vec());
            from = at + 1;
        }
        Self { lines, cut }
    }

    fn is(&self, n: usize, line: &[u8]) -> bool {
        match n {
            0 if self.cut => line.ends_with(&self.lines[0]),
            _ => self.lines[n] == line,
        }
    }

    /// The longest run of these lines that ends with the newest of `recent`.
    fn run(&self, recent: &VecDeque<Vec<u8>>, lines: usize) -> Option<LineRun> {
        let newest = recent.back()?;
        let last = (0..self.lines.len()).rev().find(|n| self.is(*n, newest))?;
        let mut run = LineRun {
            last,
            lines: 0,
            bytes: 0,
            first: false,
        };
        for (n, line) in (0..=last).rev().zip(recent.iter().rev()) {
            if !self.is(n, line) {
                break;
            }
            run.lines += 1;
            run.bytes += self.lines[n].len();
        }
        run.first = run.lines == lines;
        Some(run)
    }

    /// Whether lines of such a run do not come again by chance.
    fn is_sure(&self, run: LineRun) -> bool {
        let lines = &self.lines[run.last + 1 - run.lines..=run.last];
        let varied = lines.iter().any(|line| *line != lines[0]);
        let end = &self.lines[run.last];
        let once = self.lines.iter().filter(|line| *line == end).count() == 1;
        let last = run.last + 1 == self.lines.len();
        varied || (once && last && (run.bytes >= SURE || (run.first && self.lines.len() > 1)))
    }
}

/// The place in an edited file behind the last lines that were read of it: lines before them were
/// deleted, or changed. None if nothing of them is there.
///
/// # Errors
/// What reading the file gives.
pub fn relocated<F: LogFile>(file: &F, known: &LastLines) -> io::Result<Option<u64>> {
    let mut recent: VecDeque<Vec<u8>> = VecDeque::new();
    let mut best: Option<(LineRun, u64)> = None;
    let mut lines = 0;
    each_line(file, |line, end| {
        recent.push_back(line.to_vec());
        if recent.len() > known.lines.len() {
            recent.pop_front();
        }
        lines += 1;
        if let Some(run) = known.run(&recent, lines)
            && best.is_none_or(|(before, _)| run > before)
        {
            best = Some((run, end));
        }
    })?;
    Ok(best
        .filter(|(run, _)| known.is_sure(*run))
        .map(|(_, end)| end))
}

/// Hands out the complete lines of a file and where they end, as far as is looked.
fn each_line<F: LogFile>(file: &F, mut take: impl FnMut(&[u8], u64)) -> io::Result<()> {
    let (mut start, mut read) = (0, 0);
    let mut text = Vec::new();
    while read < SEARCH {
        let block = bytes(file, read, BLOCK)?;
        if block.is_empty() {
            break;
        }
        read += block.len() as u64;
        text.extend_from_slice(&block);
        let mut from = 0;
        for at in memchr_iter(b'\n', &text) {
            let end = start + at as u64 + 1;
            take(&text[from..=at], end);
            from = at + 1;
        }
        text.drain(..from);
        start += from as u64;
    }
    Ok(())
}

fn length(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

fn bytes<F: LogFile>(file: &F, from: u64, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    let n = file.read_at(from, &mut bytes)?;
    bytes.truncate(n);
    Ok(bytes)
}
