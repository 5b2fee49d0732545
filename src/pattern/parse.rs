//! Reads Perl 5.36's pattern syntax into a tree, byte by byte as `qr/$string/` does: `\Q`, `\U` and
//! variables mean nothing here. The pattern is read twice, since what `\10` means depends on the
//! number of groups in the whole of it, and one `\p{L}` anywhere brings Latin-1 rules everywhere.

mod calls;
mod class;
mod code;
mod escape;
mod flags;
mod group;
mod parser;
mod quantifier;
mod sequence;
mod special;

use super::ast::Node;
use super::diagnostic::{Note, PatternError};
use parser::Parser;

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The tree, without calls.
    pub root: Node,
    /// Number of capture groups.
    pub groups: usize,
    /// What showed while reading.
    pub notes: Vec<Note>,
}

/// Reads a pattern.
///
/// # Errors
/// When Perl refuses it, or when it asks for what is not supported.
pub(super) fn parse(source: &[u8]) -> Result<Parsed, PatternError> {
    let (_, mut first) = Parser::new(source, None).run()?;
    if first.seen.octal {
        (_, first) = Parser::new(source, Some(first.seen)).run()?;
    }
    let (mut root, mut second) = Parser::new(source, Some(first.seen)).run()?;
    calls::resolve(&mut root)?;
    second.notes.sort_by_key(|n| n.span);
    Ok(Parsed {
        root,
        groups: second.seen.groups,
        notes: second.notes,
    })
}
