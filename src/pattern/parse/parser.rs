//! The reader of a pattern: its place in the text, the flags in force, and what was found so far.

use super::flags::Flags;
use crate::pattern::diagnostic::{Note, NoteKind, PatternError};
use crate::pattern::perl_classes::fold_latin1;
use crate::pattern::set::ByteSet;

/// The most levels of groups: each level takes stack here and in the engines. Perl allows 1000.
pub(super) const MAX_DEPTH: usize = 120;

/// What reading a part of a pattern gives.
pub(super) type Result<T> = std::result::Result<T, PatternError>;

/// What a reading finds out about the whole pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    pub groups: usize,
    pub names: Vec<(Vec<u8>, usize)>,
    /// Whether a part of the pattern asks for Unicode rules.
    pub unicode: bool,
    /// Whether there is a number that only the count of all groups tells from a character in octal.
    pub octal: bool,
}

pub(super) struct Parser<'a> {
    pub src: &'a [u8],
    pub pos: usize,
    pub flags: Flags,
    /// What this reading has found so far.
    pub seen: Survey,
    /// What the reading before this one found.
    pub whole: Option<Survey>,
    pub notes: Vec<Note>,
    pub depth: usize,
    /// Number of open look-arounds: `\K` is refused in them.
    pub looks: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(src: &'a [u8], whole: Option<Survey>) -> Self {
        Self {
            src,
            pos: 0,
            flags: Flags::default(),
            seen: Survey::default(),
            whole,
            notes: Vec::new(),
            depth: 0,
            looks: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.src.get(self.pos).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.src.get(self.pos..).unwrap_or_default()
    }

    /// Takes the byte if it comes next. Returns whether it did.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    /// Takes the text if it comes next. Returns whether it did.
    pub(super) fn eat_text(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    /// The text up to `end`, which is taken too; `None` if there is none.
    pub(super) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = memchr::memchr(end, rest)?;
        self.pos += length + 1;
        Some(&rest[..length])
    }

    pub(super) fn span(&self, start: usize) -> (usize, usize) {
        (start, self.pos.min(self.src.len()).max(start))
    }

    pub(super) fn invalid<T>(&self, start: usize, what: &str, hint: Option<&str>) -> Result<T> {
        Err(PatternError::invalid(self.span(start), what, hint))
    }

    pub(super) fn unsupported<T>(&self, start: usize, what: &str, hint: Option<&str>) -> Result<T> {
        Err(PatternError::unsupported(self.span(start), what, hint))
    }

    pub(super) fn note(
        &mut self,
        kind: NoteKind,
        start: usize,
        message: String,
        hint: Option<String>,
    ) {
        self.notes.push(Note {
            kind,
            span: self.span(start),
            message,
            hint,
        });
    }

    /// Whether Latin-1 rules hold here.
    pub(super) fn latin1(&self) -> bool {
        self.flags
            .latin1(self.whole.as_ref().is_some_and(|w| w.unicode))
    }

    /// The set with the other case of each letter, if `i` is on.
    pub(super) fn fold(&self, set: ByteSet) -> ByteSet {
        let whole = self.whole.as_ref().is_some_and(|w| w.unicode);
        match (self.flags.i, self.flags.latin1_case(whole)) {
            (false, _) => set,
            (true, false) => set.fold_ascii(),
            (true, true) => fold_latin1(set),
        }
    }
}
