//! The outcome of a match and the spans of its groups.

/// Start and end of a group in the subject, in bytes; `None` if the group took no part in the match.
pub type Span = Option<(usize, usize)>;

/// The outcome of a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The pattern matches.
    Yes,
    /// The pattern does not match.
    No,
    /// The step budget was spent before an answer was found. It counts as no match.
    GaveUp,
}

impl From<bool> for Found {
    fn from(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

/// The spans of a match: group 0, which is the whole match, then the groups by number. It is reused from
/// line to line, so that matching need not allocate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans(pub Vec<Span>);
