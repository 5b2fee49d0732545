//! Matching a row of literals and repeated sets without an engine.
//!
//! Most rules look like `^prog: text (.+) more (\S+)`. Such a row is matched from left to right with
//! the greedy choices that Perl makes, the longest first; where a literal follows, its last place
//! is looked for instead of trying each. Rows that need more than a bounded number of steps are
//! left to the engine, which is linear.

use memchr::memmem::Finder;

use super::Spans;
use super::literals::{Piece, Row};
use super::set::ByteSet;

/// More pieces are left to the engine: each is a level of recursion.
const MOST_PIECES: usize = 48;
/// So many steps for a byte of the subject, and some more.
const STEPS: usize = 4;

/// A row made ready.
#[derive(Debug)]
pub(super) struct RowMatcher {
    anchored: bool,
    ended: bool,
    pieces: Vec<Ready>,
    /// Finds the literal that the row begins with, where it is not anchored.
    finder: Option<Finder<'static>>,
    groups: usize,
}

#[derive(Debug)]
enum Ready {
    Literal(Vec<u8>),
    Repeat {
        set: Box<[bool; 256]>,
        /// Every byte but the newline, which a subject has not.
        any: bool,
        min: usize,
        max: usize,
    },
    Open(usize),
    Close(usize),
}

/// A match at work.
struct Run<'a> {
    row: &'a RowMatcher,
    subject: &'a [u8],
    spans: &'a mut [Option<(usize, usize)>],
    steps: usize,
}

/// Too many steps: the engine is to decide.
struct TooMany;

impl RowMatcher {
    /// A matcher for a row of this many groups, if it is one that pays.
    pub(super) fn new(row: Row, groups: usize) -> Option<Self> {
        if row.pieces.len() > MOST_PIECES {
            return None;
        }
        let finder = match row.pieces.iter().find(|p| !matches!(p, Piece::Open(_))) {
            _ if row.anchored => None,
            Some(Piece::Literal(bytes)) => Some(Finder::new(bytes).into_owned()),
            // Without a literal to jump to, each place would have to be tried.
            _ => return None,
        };
        Some(Self {
            anchored: row.anchored,
            ended: row.ended,
            pieces: row.pieces.into_iter().map(ready).collect(),
            finder,
            groups,
        })
    }

    /// The leftmost match and its groups; `None` if the engine has to decide. The subject holds no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        spans.0.resize(self.groups + 1, None);
        let mut run = Run {
            row: self,
            subject,
            spans: &mut spans.0,
            steps: STEPS * subject.len() + 64,
        };
        let found = run.search();
        match found {
            Ok(true) => Some(true),
            Ok(false) => {
                spans.0.clear();
                Some(false)
            }
            Err(TooMany) => {
                spans.0.clear();
                None
            }
        }
    }
}

fn ready(piece: Piece) -> Ready {
    match piece {
        Piece::Literal(bytes) => Ready::Literal(bytes),
        Piece::Repeat { set, min, max } => {
            let table = table(&set);
            let any = (0..=255u8).all(|b| b == b'\n' || set.contains(b));
            Ready::Repeat {
                set: Box::new(table),
                any,
                min,
                max,
            }
        }
        Piece::Open(group) => Ready::Open(group),
        Piece::Close(group) => Ready::Close(group),
    }
}

fn table(set: &ByteSet) -> [bool; 256] {
    let mut table = [false; 256];
    for byte in 0..=255u8 {
        table[usize::from(byte)] = set.contains(byte);
    }
    table
}

impl Run<'_> {
    fn search(&mut self) -> Result<bool, TooMany> {
        let row = self.row;
        if row.anchored {
            return self.whole(0);
        }
        let Some(finder) = &row.finder else {
            return Err(TooMany);
        };
        let mut from = 0;
        while let Some(at) = self.subject.get(from..).and_then(|rest| finder.find(rest)) {
            if self.whole(from + at)? {
                return Ok(true);
            }
            from += at + 1;
        }
        Ok(false)
    }

    /// A match that begins at `start`.
    fn whole(&mut self, start: usize) -> Result<bool, TooMany> {
        let Some(end) = self.rest(0, start)? else {
            return Ok(false);
        };
        self.spans[0] = Some((start, end));
        Ok(true)
    }

    /// Matches the pieces from `index` on at `at`; the end of the match.
    fn rest(&mut self, index: usize, at: usize) -> Result<Option<usize>, TooMany> {
        self.steps = self.steps.checked_sub(1).ok_or(TooMany)?;
        let row = self.row;
        match row.pieces.get(index) {
            None => Ok((!row.ended || at == self.subject.len()).then_some(at)),
            Some(Ready::Literal(bytes)) => match self.subject[at..].starts_with(bytes) {
                true => self.rest(index + 1, at + bytes.len()),
                false => Ok(None),
            },
            Some(&Ready::Open(group)) => {
                let Some(end) = self.rest(index + 1, at)? else {
                    return Ok(None);
                };
                // The close has left the end of the group; its start is known here.
                if let Some(span) = &mut self.spans[group] {
                    span.0 = at;
                }
                Ok(Some(end))
            }
            Some(&Ready::Close(group)) => {
                let Some(end) = self.rest(index + 1, at)? else {
                    return Ok(None);
                };
                self.spans[group] = Some((at, at));
                Ok(Some(end))
            }
            Some(Ready::Repeat { set, any, min, max }) => {
                let left = self.subject.len() - at;
                let most = (*max).min(left);
                let length = match any {
                    true => most,
                    false => {
                        let outside = |&b: &u8| !set[usize::from(b)];
                        let window = &self.subject[at..at + most];
                        window.iter().position(outside).unwrap_or(most)
                    }
                };
                if length < *min {
                    return Ok(None);
                }
                self.shrink(index, at, *min, length)
            }
        }
    }

    /// Tries a repeat of `length` bytes down to `min`, the longest first.
    fn shrink(
        &mut self,
        index: usize,
        at: usize,
        min: usize,
        length: usize,
    ) -> Result<Option<usize>, TooMany> {
        let row = self.row;
        let mut follow = index + 1;
        while matches!(
            row.pieces.get(follow),
            Some(Ready::Open(_) | Ready::Close(_))
        ) {
            follow += 1;
        }
        let next = match row.pieces.get(follow) {
            Some(Ready::Literal(bytes)) => bytes.first().copied(),
            None if row.ended && at + length < self.subject.len() => return Ok(None),
            _ => None,
        };
        let mut length = length;
        loop {
            if let Some(byte) = next {
                // The literal can only begin where its first byte stands.
                let window = &self.subject[at + min..(at + length + 1).min(self.subject.len())];
                match memchr::memrchr(byte, window) {
                    Some(place) => length = min + place,
                    None => return Ok(None),
                }
            }
            if let Some(end) = self.rest(index + 1, at + length)? {
                return Ok(Some(end));
            }
            if length == min {
                return Ok(None);
            }
            length -= 1;
        }
    }
}
