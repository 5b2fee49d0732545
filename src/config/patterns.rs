//! The patterns of a configuration: compiled, with the diagnostics that come of it.

use super::grammar::Fragment;
use super::reporter::{Reporter, SourceLine};
use crate::pattern::{NoteKind, Pattern};

/// Compiles a pattern; an error is reported where it is.
pub(super) fn compile(
    line: &SourceLine<'_>,
    part: Fragment<'_>,
    reporter: &mut Reporter,
) -> Option<Pattern> {
    match Pattern::compile(part.text) {
        Ok(pattern) => Some(pattern),
        Err(e) => {
            let location = line.at(part.slice(e.span.0, e.span.1));
            reporter.error(location, format!("in the pattern: {}", e.message), e.hint);
            None
        }
    }
}

/// Warns of what the pattern's writer should know. Where nothing is masked, groups do no harm.
pub(super) fn warn_notes(
    line: &SourceLine<'_>,
    part: Fragment<'_>,
    pattern: &Pattern,
    masks: bool,
    reporter: &mut Reporter,
) {
    for note in pattern.notes() {
        let told = match note.kind {
            // Shown by `-C` as a number: it is no fault.
            NoteKind::SlowEngine => false,
            NoteKind::NestedCaptures | NoteKind::LoopCapture => masks,
            _ => true,
        };
        if told {
            let location = line.at(part.slice(note.span.0, note.span.1));
            reporter.warn(location, note.message.clone(), note.hint.clone());
        }
    }
}
