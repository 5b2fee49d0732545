//! Branches, the atoms that follow one another in them, and what stands between.

use super::parser::{Parser, Result};
use crate::pattern::ast::{Anchor, Node};
use crate::pattern::diagnostic::PatternError;
use crate::pattern::perl_classes::is_pattern_blank;
use crate::pattern::set::ByteSet;

impl<'a> Parser<'a> {
    pub(super) fn run(mut self) -> Result<(Node, Self)> {
        let branches = self.branches(false)?;
        if self.pos < self.src.len() {
            return Err(PatternError::invalid(
                (self.pos, self.pos + 1),
                "`)` without its `(`",
                Some("write `\\)` for a parenthesis"),
            ));
        }
        Ok((Node::alternate(branches), self))
    }

    /// The node of a character, which matches nothing if it is no byte.
    pub(super) fn literal(&mut self, code: u32) -> Node {
        Node::Set(self.fold(self.code_set(code)))
    }

    /// Reads branches up to the `)` or the end; in a branch reset each counts its groups anew.
    pub(super) fn branches(&mut self, reset: bool) -> Result<Vec<Node>> {
        let first = self.seen.groups;
        let mut most = first;
        let mut branches = Vec::new();
        loop {
            if reset {
                self.seen.groups = first;
            }
            branches.push(self.branch()?);
            most = most.max(self.seen.groups);
            if !self.eat(b'|') {
                self.seen.groups = most;
                return Ok(branches);
            }
        }
    }

    pub(super) fn branch(&mut self) -> Result<Node> {
        let mut items = Vec::new();
        loop {
            self.skip_blanks()?;
            if matches!(self.peek(), None | Some(b'|' | b')')) {
                return Ok(Node::concat(items));
            }
            let start = self.pos;
            if let Some(atom) = self.atom()? {
                items.push(self.quantified(atom, start)?);
            }
        }
    }

    /// Skips comments, and under `x` blanks and `#` comments.
    pub(super) fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let start = self.pos;
            if self.eat_text(b"(?#") {
                if self.until(b')').is_none() {
                    self.pos = self.src.len();
                    return self.invalid(start, "a comment without its `)`", None);
                }
            } else if self.flags.x && self.peek().is_some_and(is_pattern_blank) {
                self.pos += 1;
            } else if self.flags.x && self.eat(b'#') {
                if self.until(b'\n').is_none() {
                    self.pos = self.src.len();
                }
            } else {
                return Ok(());
            }
        }
    }

    /// Reads one atom; `None` for flags, which match nothing and take no quantifier.
    pub(super) fn atom(&mut self) -> Result<Option<Node>> {
        let start = self.pos;
        let Some(byte) = self.peek() else {
            return Ok(None);
        };
        self.pos += 1;
        Ok(Some(match byte {
            b'^' if self.flags.m => Node::Anchor(Anchor::LineStart),
            b'^' => Node::Anchor(Anchor::Start),
            b'$' if self.flags.m => Node::Anchor(Anchor::LineEnd),
            b'$' => Node::Anchor(Anchor::EndOrNewline),
            b'.' if self.flags.s => Node::Set(ByteSet::default().negate()),
            b'.' => Node::Set(ByteSet::range(b'\n', b'\n').negate()),
            b'[' => Node::Set(self.class(start)?),
            b'(' => return self.group(start),
            b'\\' => self.escape(start)?,
            b'*' | b'+' | b'?' => {
                let sign = char::from(byte);
                return self.invalid(
                    start,
                    &format!("nothing for `{sign}` to repeat"),
                    Some(&format!("write `\\{sign}` for the character")),
                );
            }
            b'{' if self.after_letter_escape(start) => {
                return self.invalid(
                    start,
                    "`{` after an escape, and no quantifier",
                    Some("write `\\{` for a brace"),
                );
            }
            _ => self.literal(u32::from(byte)),
        }))
    }

    /// Whether a backslash and a letter precede: Perl refuses a literal `{` there.
    pub(super) fn after_letter_escape(&self, at: usize) -> bool {
        at >= 2 && self.src[at - 1].is_ascii_alphabetic() && self.src[at - 2] == b'\\'
    }
}
