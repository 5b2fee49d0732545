//! Perl's regular expressions over bytes: the only module that knows matching engines.

pub mod set;

use std::fmt;

/// A compiled pattern.
#[derive(Clone)]
pub struct Pattern {
    source: Vec<u8>,
    engine: Engine,
}

/// What runs a pattern.
#[derive(Clone)]
enum Engine {
    /// Linear in the length of the line.
    Regular(regex::bytes::Regex),
    /// Look-around, backreferences and the like; it may give up.
    Backtracking(Box<fancy_regex::Regex>),
}

/// How many steps back a match may take before it is given up.
const BACKTRACK_LIMIT: usize = 1_000_000;

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

/// Something about a pattern that its writer should know; it works all the same.
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

/// The outcome of a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// It matches.
    Yes,
    /// It does not match.
    No,
    /// The backtrack limit was hit; to be counted, and taken for no match.
    GaveUp,
}

/// The spans of a match: group 0 first, `None` for a group that took no part. Reused from line to
/// line so that matching need not allocate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans(pub Vec<Option<(usize, usize)>>);

impl Pattern {
    /// Compiles the bytes of a Perl pattern as `qr/$string/` of Perl 5.36 would.
    ///
    /// # Errors
    /// When Perl refuses it, or when it needs what no engine here can do.
    pub fn compile(source: &[u8]) -> Result<Self, PatternError> {
        let text = &ascii(source);
        let regular = regex::bytes::RegexBuilder::new(text).unicode(false).build();
        let engine = match regular {
            Ok(regex) => Engine::Regular(regex),
            Err(_) => Engine::Backtracking(Box::new(backtracking(text)?)),
        };
        Ok(Self {
            source: source.to_vec(),
            engine,
        })
    }

    /// The pattern as written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// How many capture groups it has, group 0 not counted.
    pub fn groups(&self) -> usize {
        match &self.engine {
            Engine::Regular(regex) => regex.captures_len() - 1,
            Engine::Backtracking(regex) => regex.captures_len() - 1,
        }
    }

    /// What its writer should know.
    pub fn notes(&self) -> &[Note] {
        &[]
    }

    /// Whether it matches anywhere in `subject`, which holds no newline.
    pub fn is_match(&self, subject: &[u8]) -> Found {
        match &self.engine {
            Engine::Regular(regex) => found(regex.is_match(subject)),
            Engine::Backtracking(regex) => regex.is_match(subject).map_or(Found::GaveUp, found),
        }
    }

    /// The leftmost match in `subject` and its groups, as Perl's `@-` and `@+`.
    pub fn captures(&self, subject: &[u8], spans: &mut Spans) -> Found {
        spans.0.clear();
        match &self.engine {
            Engine::Regular(regex) => {
                let Some(groups) = regex.captures(subject) else {
                    return Found::No;
                };
                let span = |m: regex::bytes::Match<'_>| (m.start(), m.end());
                spans.0.extend(groups.iter().map(|m| m.map(span)));
            }
            Engine::Backtracking(regex) => {
                let groups = match regex.captures(subject) {
                    Ok(Some(groups)) => groups,
                    Ok(None) => return Found::No,
                    Err(_) => return Found::GaveUp,
                };
                spans
                    .0
                    .extend(groups.iter().map(|m| m.map(|m| (m.start(), m.end()))));
            }
        }
        Found::Yes
    }
}

/// The pattern in ASCII: each other byte becomes its escape, so that a quantifier and a class take
/// bytes, as Perl's do.
fn ascii(source: &[u8]) -> String {
    let mut text = String::with_capacity(source.len());
    let mut bytes = source.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            // A backslash before such a byte means just the byte.
            b'\\' if bytes.peek().is_some_and(|next| !next.is_ascii()) => {}
            b'\\' => {
                text.push('\\');
                text.extend(bytes.next().map(char::from));
            }
            _ if byte.is_ascii() => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02X}")),
        }
    }
    text
}

fn found(yes: bool) -> Found {
    if yes { Found::Yes } else { Found::No }
}

fn refused(span: (usize, usize), message: String) -> PatternError {
    PatternError {
        span,
        message,
        hint: None,
    }
}

fn backtracking(text: &str) -> Result<fancy_regex::Regex, PatternError> {
    fancy_regex::RegexBuilder::new(text)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .unicode_mode(false)
        .optimize(false)
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|e| refused((0, text.len()), e.to_string()))
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", bstr::BStr::new(&self.source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_matched_as_bytes() {
        let found = |pattern: &[u8], text: &[u8]| Pattern::compile(pattern).unwrap().is_match(text);
        let cases: [(&[u8], &[u8], Found); 7] = [
            (b"a \xe9t\xe9", b"a \xe9t\xe9", Found::Yes),
            (b"^[\xc3\xa9]$", b"\xa9", Found::Yes),
            (b"^\xc3\xa9+$", b"\xc3\xa9\xa9", Found::Yes),
            (b"^\\\xc3\xa9$", b"\xc3\xa9", Found::Yes),
            (b"^.$", b"\xc3\xa9", Found::No),
            (b"^\\w$", b"\xe9", Found::No),
            (b"\xe9(?!x)", b"\xe9y", Found::Yes),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(found(pattern, text), want, "{:?}", bstr::BStr::new(pattern));
        }
    }
}
