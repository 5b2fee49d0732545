//! Errors and warnings about a configuration: each with its place, what is wrong and what to write.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bstr::ByteSlice;

use crate::shown::{self, Piece, Shown, shown_path, whole_characters};

/// A place in a configuration file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file, as it was opened.
    pub file: Arc<Path>,
    /// The line, counted from 1; 0 means the file as a whole.
    pub line: u32,
    /// The column in bytes, counted from 1.
    pub column: u32,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: &Path) -> Self {
        Self {
            file: Arc::from(file),
            line: 0,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", shown_path(&*self.file)),
            line => write!(f, "{}:{line}:{}", shown_path(&*self.file), self.column),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The severity of a diagnostic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The configuration works, but probably not as meant.
    Warning,
    /// The configuration cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// An error or a warning. Its `Display` is what a user sees, without colours and without a newline
/// at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// The severity.
    pub severity: Severity,
    /// The place of the first byte of the span.
    pub place: Place,
    /// The start and the end of the bytes of `line` that the message is about.
    pub span: (usize, usize),
    /// The whole line; empty when the place is a file as a whole.
    pub line: Vec<u8>,
    /// The message: one sentence without a full stop that says what is wrong.
    pub message: String,
    /// The hint what to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.render(f, &Paint::PLAIN)
    }
}

/// Escape sequences around the parts of a diagnostic.
struct Paint {
    error: &'static str,
    warning: &'static str,
    caret: &'static str,
    end: &'static str,
}

impl Paint {
    const PLAIN: Self = Self {
        error: "",
        warning: "",
        caret: "",
        end: "",
    };
    const COLOUR: Self = Self {
        error: "\x1b[1;31m",
        warning: "\x1b[1;33m",
        caret: "\x1b[32m",
        end: "\x1b[0m",
    };
}

/// A line of the configuration as it is shown: a password in the address of a `set` directive
/// (`redis://USER:PASSWORD@HOST`) becomes as many stars, since people paste what they are shown.
fn without_passwords(line: &[u8]) -> Cow<'_, [u8]> {
    let mut shown = Cow::Borrowed(line);
    if !line.trim_start().starts_with(b"set") {
        return shown;
    }
    for begin in line.find_iter("://").map(|at| at + 3) {
        let address = line.get(begin..).unwrap_or_default();
        let end = address.iter().position(u8::is_ascii_whitespace);
        let address = address.get(..end.unwrap_or(address.len()));
        let login = address.and_then(|text| text.get(..text.rfind_byte(b'@')?));
        let password =
            login.and_then(|login| Some(begin + login.find_byte(b':')? + 1..begin + login.len()));
        if let Some(bytes) = password.and_then(|range| shown.to_mut().get_mut(range)) {
            bytes.fill(b'*');
        }
    }
    shown
}

/// Columns of an excerpt: a longer line is cut around its span.
const EXCERPT: usize = 100;

impl Diagnostic {
    /// Whether the diagnostic is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The text with colours, for a terminal.
    pub fn coloured(&self) -> String {
        struct Coloured<'a>(&'a Diagnostic);
        impl fmt::Display for Coloured<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.render(f, &Paint::COLOUR)
            }
        }
        Coloured(self).to_string()
    }

    fn render(&self, f: &mut fmt::Formatter<'_>, paint: &Paint) -> fmt::Result {
        let colour = if self.is_error() {
            paint.error
        } else {
            paint.warning
        };
        let message = clean(&self.message);
        write!(
            f,
            "{}: {colour}{}{}: {message}",
            self.place, self.severity, paint.end
        )?;
        if self.place.line > 0 {
            let excerpt = Excerpt::new(&without_passwords(&self.line), self.span);
            let (caret, end) = (paint.caret, paint.end);
            write!(
                f,
                "\n    {}\n    {}{caret}{}{end}",
                excerpt.text, excerpt.blanks, excerpt.carets
            )?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", clean(hint))?;
        }
        Ok(())
    }
}

/// A line as a terminal shows it, with the carets below it.
pub(crate) struct Excerpt {
    /// The line, or the part of a long one around its span.
    pub(crate) text: String,
    /// The blanks in front of the carets.
    pub(crate) blanks: String,
    /// The carets, one at least.
    pub(crate) carets: String,
}

impl Excerpt {
    /// The excerpt of a line with carets below the bytes from the start to the end of the span.
    pub(crate) fn new(line: &[u8], (start, end): (usize, usize)) -> Self {
        // A character that is cut in two would show as bytes: widen the span to whole ones.
        let inside = |at: usize| line.get(at).is_some_and(|b| (0x80..0xc0).contains(b));
        let start = whole_characters(line, start.min(line.len()));
        let end = end.clamp(start, line.len());
        let end = (end..=line.len().min(end + 3))
            .find(|at| !inside(*at))
            .unwrap_or(end);
        let first = whole_characters(line, start.saturating_sub(EXCERPT / 2));
        let last = whole_characters(line, line.len().min(first + EXCERPT));
        let whole = shown::shown(line);
        let mut text = String::new();
        let before = visible(whole.part(first..start), &mut text);
        let shown_end = end.clamp(start, last.max(start));
        let marked = visible(whole.part(start..shown_end), &mut text);
        visible(whole.part(shown_end..last.max(shown_end)), &mut text);
        let (ahead, behind) = (
            if first > 0 { "…" } else { "" },
            if last < line.len() { "…" } else { "" },
        );
        Self {
            text: format!("{ahead}{text}{behind}"),
            blanks: " ".repeat(before + usize::from(first > 0)),
            carets: "^".repeat(marked.max(1)),
        }
    }
}

/// Appends a text in its safe form and gives the columns that it takes. The form is as [`crate::shown`] has it, but
/// bytes are as a pattern would write them (`\xnn`), and a tab becomes a blank.
fn visible(text: Shown<'_>, out: &mut String) -> usize {
    let mut columns = 0;
    for piece in text.pieces() {
        columns += match piece {
            Piece::Plain('\t') => {
                out.push(' ');
                1
            }
            Piece::Plain(c) => {
                out.push(c);
                if is_wide(c) { 2 } else { 1 }
            }
            escaped => {
                let mut text = String::new();
                // Writing to a String cannot fail.
                let _ = escaped.write(&mut text);
                if !matches!(escaped, Piece::Unseen(_)) {
                    text.make_ascii_lowercase();
                }
                out.push_str(&text);
                text.len()
            }
        };
    }
    columns
}

/// A sentence in its form that is safe on a terminal: it may quote text from anywhere.
fn clean(sentence: &str) -> String {
    let mut text = String::new();
    for (at, line) in sentence.split('\n').enumerate() {
        if at > 0 {
            text.push_str("\n    ");
        }
        visible(shown::shown(line.as_bytes()), &mut text);
    }
    text
}

/// Bytes in a form that is safe on a terminal, for use inside a message: not all of a long text.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    let cut = whole_characters(bytes, bytes.len().min(EXCERPT));
    visible(shown::shown(bytes).part(0..cut), &mut text);
    if cut < bytes.len() {
        text.push('…');
    }
    text
}

/// Whether a terminal shows the character two columns wide (the East Asian blocks).
fn is_wide(c: char) -> bool {
    matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(line: &[u8], span: (usize, usize)) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            place: Place {
                file: Arc::from(Path::new("/t.conf")),
                line: 3,
                column: span.0 as u32 + 1,
            },
            span,
            line: line.to_vec(),
            message: "unknown setting `mailsever`".into(),
            hint: Some("did you mean `mailserver`?".into()),
        }
    }

    #[test]
    fn a_diagnostic_points_at_its_span() {
        let shown = diagnostic(b"set mailsever localhost", (4, 13)).to_string();
        insta::assert_snapshot!(shown, @r"
        /t.conf:3:5: error: unknown setting `mailsever`
            set mailsever localhost
                ^^^^^^^^^
        hint: did you mean `mailserver`?
        ");
    }

    #[test]
    fn bytes_that_a_terminal_must_not_see_are_escaped() {
        let shown = diagnostic("a\t\u{1b}[31m\u{85}漢x".as_bytes(), (12, 13)).to_string();
        assert!(
            shown.contains("\n    a \\x1b[31m\\xc2\\x85漢x\n"),
            "{shown}"
        );
        let shown = diagnostic(b"\xe9t\xe9 x", (4, 5)).to_string();
        assert!(
            shown.contains("\n    \\xe9t\\xe9 x\n              ^\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_its_span() {
        let line = [b'x'; 100_000];
        let shown = diagnostic(&line, (70_000, 99_000)).to_string();
        assert!(shown.len() < 500, "{}", shown.len());
    }

    #[test]
    fn a_span_beyond_the_line_does_no_harm() {
        for span in [(0, 0), (5, 2), (7, 90), (usize::MAX, usize::MAX)] {
            assert!(diagnostic(b"short", (0, 0)).to_string().contains("short"));
            let mut beyond = diagnostic(b"short", (0, 0));
            beyond.span = span;
            assert!(beyond.to_string().contains('^'));
        }
    }
}
