//! What is told of a pattern: why it is refused, and what its writer should know.

/// Why a pattern was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    /// Bytes of the pattern that are at fault: start and end.
    pub span: (usize, usize),
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PatternError {
    /// The error of a pattern that Perl does not accept.
    pub(super) fn invalid(span: (usize, usize), what: &str, hint: Option<&str>) -> Self {
        Self {
            span,
            message: format!("Perl does not accept this: {what}"),
            hint: hint.map(str::to_string),
        }
    }

    /// The error of a pattern that Perl accepts, but no engine here can match.
    pub(super) fn unsupported(span: (usize, usize), what: &str, hint: Option<&str>) -> Self {
        Self {
            span,
            message: format!("not supported: {what}"),
            hint: hint.map(str::to_string),
        }
    }
}

/// Something about a pattern that its writer should know; the pattern works nevertheless.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Which class of note this is.
    pub kind: NoteKind,
    /// Bytes of the pattern that are meant: start and end.
    pub span: (usize, usize),
    /// One sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The classes of notes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoteKind {
    /// `\\d`: a literal backslash where a class was probably meant.
    DoubledBackslash,
    /// A capture group inside another: only the outermost is masked.
    NestedCaptures,
    /// A capture inside a repeated group: Perl's value for it depends on its version.
    LoopCapture,
    /// The slow engine is needed.
    SlowEngine,
    /// An escape that means just its letter.
    UnknownEscape,
    /// Something that Perl reads differently in other versions.
    PerlVersion,
}
