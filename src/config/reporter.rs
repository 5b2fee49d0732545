//! The reporter: the errors and warnings that reading a configuration gives, and the locations that
//! they point at.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, Severity};
use super::grammar::Fragment;

/// The most diagnostics that are kept: a file of random bytes is wrong in each of its lines, and
/// nobody reads them all.
const MOST: usize = 500;

/// A problem with a value, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    /// One sentence without a full stop.
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Problem {
    /// A problem; an empty hint is none.
    pub(super) fn new(message: impl Into<String>, hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self {
            message: message.into(),
            hint,
        }
    }

    /// The problem of this fragment.
    pub(super) fn at(self, fragment: Fragment<'_>) -> Located<'_> {
        let problem = self;
        Located { fragment, problem }
    }
}

/// A problem, and the fragment of the line that has it.
pub(super) struct Located<'a> {
    pub(super) fragment: Fragment<'a>,
    pub(super) problem: Problem,
}

impl<'a> Located<'a> {
    /// A problem of this fragment; an empty hint is none.
    pub(super) fn new(fragment: Fragment<'a>, message: impl Into<String>, hint: &str) -> Self {
        Problem::new(message, hint).at(fragment)
    }
}

/// A line of a configuration file while it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceLine<'a> {
    pub(super) file: &'a Arc<Path>,
    /// The number of the line, counted from 1.
    pub(super) number: u32,
    /// The text of the line without its line end.
    pub(super) text: &'a [u8],
}

impl SourceLine<'_> {
    /// The location of a span of bytes, which outlives the line.
    pub(super) fn location(&self, span: (usize, usize)) -> Location {
        Location {
            place: self.place(span.0),
            span,
            line: self.text.to_vec(),
        }
    }

    /// The location of a fragment of the line.
    pub(super) fn at(&self, fragment: Fragment<'_>) -> Location {
        self.location(fragment.span())
    }

    /// The place of the line's byte `at`.
    pub(super) fn place(&self, at: usize) -> Place {
        let column = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        Place {
            file: Arc::clone(self.file),
            line: self.number,
            column,
        }
    }
}

/// A span of bytes in a configuration file, together with the text of its line: a diagnostic about it
/// can be made when the file is closed.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    /// The place where the span begins.
    pub(crate) place: Place,
    span: (usize, usize),
    line: Vec<u8>,
}

impl Location {
    /// A file as a whole.
    pub(crate) fn file(file: &Path) -> Self {
        Self {
            place: Place::file(file),
            span: (0, 0),
            line: Vec::new(),
        }
    }

    /// A diagnostic about this location.
    pub(crate) fn diagnostic(
        self,
        severity: Severity,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity,
            place: self.place,
            span: self.span,
            line: self.line,
            message: message.into(),
            hint,
        }
    }
}

/// The diagnostics so far.
#[derive(Debug, Default)]
pub(super) struct Reporter {
    list: Vec<Diagnostic>,
    errors: usize,
    left_out: usize,
}

impl Reporter {
    /// Adds an error.
    pub(super) fn error(
        &mut self,
        location: Location,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.errors += 1;
        self.add(location.diagnostic(Severity::Error, message, hint));
    }

    /// Adds an error about a line.
    pub(super) fn error_at(&mut self, line: &SourceLine<'_>, error: Located<'_>) {
        let Problem { message, hint } = error.problem;
        self.error(line.at(error.fragment), message, hint);
    }

    /// Adds a warning.
    pub(super) fn warn(
        &mut self,
        location: Location,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.add(location.diagnostic(Severity::Warning, message, hint));
    }

    /// The number of errors so far.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    fn add(&mut self, diagnostic: Diagnostic) {
        if self.list.len() < MOST {
            self.list.push(diagnostic);
        } else {
            self.left_out += 1;
        }
    }

    /// All diagnostics in their order, and one that says how many were left out, if so.
    pub(super) fn finish(
        mut self,
        file: &Path,
        files: &[PathBuf],
    ) -> (Vec<Diagnostic>, Option<Diagnostic>) {
        sort(&mut self.list, files);
        let left_out = (self.left_out > 0).then(|| {
            let severity = match self.errors {
                0 => Severity::Warning,
                _ => Severity::Error,
            };
            let message = format!("{} more errors and warnings are not shown", self.left_out);
            Location::file(file).diagnostic(severity, message, None)
        });
        (self.list, left_out)
    }
}

/// Puts diagnostics in the order of the files and their lines.
pub(super) fn sort(diagnostics: &mut [Diagnostic], files: &[PathBuf]) {
    let order: HashMap<&Path, usize> = files.iter().map(PathBuf::as_path).zip(0..).collect();
    let file_order = |place: &Place| order.get(&*place.file).copied().unwrap_or(0);
    diagnostics.sort_by_key(|d| (file_order(&d.place), d.place.line, d.place.column));
}
