//! Where diagnostics are gathered while a configuration is read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, Severity};
use super::grammar::Part;

/// The most diagnostics that are kept: a file of random bytes is wrong in each of its lines, and
/// nobody reads them all.
const MOST: usize = 500;

/// The line that is being read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) file: &'a Arc<Path>,
    /// Counted from 1.
    pub(super) number: u32,
    /// Without its line end.
    pub(super) text: &'a [u8],
}

impl Line<'_> {
    /// The bytes `span` of it, to be remembered after it is gone.
    pub(super) fn spot(&self, span: (usize, usize)) -> Spot {
        Spot {
            place: self.place(span.0),
            span,
            line: self.text.to_vec(),
        }
    }

    /// A part of it.
    pub(super) fn at(&self, part: Part<'_>) -> Spot {
        self.spot(part.span())
    }

    /// The place of its byte `at`.
    pub(super) fn place(&self, at: usize) -> Place {
        let column = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        Place {
            file: Arc::clone(self.file),
            line: self.number,
            column,
        }
    }
}

/// A place with the line that stands there.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) place: Place,
    span: (usize, usize),
    line: Vec<u8>,
}

impl Spot {
    /// A file as a whole.
    pub(super) fn file(file: &Path) -> Self {
        Self {
            place: Place::file(file),
            span: (0, 0),
            line: Vec::new(),
        }
    }
}

/// The diagnostics so far.
#[derive(Debug, Default)]
pub(super) struct Reports {
    list: Vec<Diagnostic>,
    errors: usize,
    left_out: usize,
}

impl Reports {
    /// Adds an error.
    pub(super) fn error(&mut self, spot: Spot, message: impl Into<String>, hint: Option<String>) {
        self.errors += 1;
        self.add(Severity::Error, spot, message.into(), hint);
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, spot: Spot, message: impl Into<String>, hint: Option<String>) {
        self.add(Severity::Warning, spot, message.into(), hint);
    }

    /// How many errors there were.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All of them, in the order of the files and their lines.
    pub(super) fn finish(mut self, file: &Path, files: &[PathBuf]) -> Vec<Diagnostic> {
        let order: HashMap<&Path, usize> = files.iter().map(PathBuf::as_path).zip(0..).collect();
        let file_order = |place: &Place| order.get(&*place.file).copied().unwrap_or(0);
        self.list
            .sort_by_key(|d| (file_order(&d.place), d.place.line, d.place.column));
        if self.left_out > 0 {
            let severity = if self.errors > 0 {
                Severity::Error
            } else {
                Severity::Warning
            };
            let message = format!("{} more errors and warnings are not shown", self.left_out);
            let Spot { place, span, line } = Spot::file(file);
            self.list.push(Diagnostic {
                severity,
                place,
                span,
                line,
                message,
                hint: None,
            });
        }
        self.list
    }

    fn add(&mut self, severity: Severity, spot: Spot, message: String, hint: Option<String>) {
        if self.list.len() >= MOST {
            self.left_out += 1;
            return;
        }
        let Spot { place, span, line } = spot;
        self.list.push(Diagnostic {
            severity,
            place,
            span,
            line,
            message,
            hint,
        });
    }
}
