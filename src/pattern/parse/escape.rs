//! Escapes outside of classes.

use super::parser::{Parser, Result};
use crate::pattern::ast::{Anchor, Node};
use crate::pattern::diagnostic::NoteKind;
use crate::pattern::set::ByteSet;

impl Parser<'_> {
    /// Reads an escape, its backslash just read.
    pub(super) fn escape(&mut self, start: usize) -> Result<Node> {
        let Some(letter) = self.peek() else {
            return self.invalid(
                start,
                "a backslash at the end",
                Some("write `\\\\` for a backslash"),
            );
        };
        self.pos += 1;
        match letter {
            b'0' => {
                self.pos -= 1;
                let code = self.octal();
                return Ok(self.code_node(code));
            }
            b'1'..=b'9' => return self.numbered(start),
            b'\\' => self.doubled(start),
            _ => {}
        }
        if let Some(anchor) = self.anchor(start, letter)? {
            return Ok(Node::Anchor(anchor));
        }
        // `\N{2}` is a quantifier, `\N{U+41}` a character.
        let counted = letter == b'N' && self.braces(self.pos).is_some();
        if !counted && let Some(code) = self.code_escape(start, letter)? {
            return Ok(self.code_node(code));
        }
        if let Some(set) = self.set_escape(start, letter)? {
            return Ok(Node::Set(set));
        }
        match letter {
            b'N' => Ok(Node::Set(ByteSet::range(b'\n', b'\n').negate())),
            b'R' => Ok(Node::Newline),
            b'X' => Ok(Node::Cluster),
            b'K' if self.looks > 0 => self.invalid(start, "`\\K` in a look-around", None),
            b'K' => Ok(Node::Keep),
            b'g' => self.group_reference(start),
            b'k' => self.name_reference(start),
            b'C' => self.invalid(start, "`\\C`, which is no more", Some("write `(?s:.)`")),
            _ => {
                if letter.is_ascii_alphanumeric() {
                    self.unknown_escape(start, letter);
                }
                Ok(self.literal(u32::from(letter)))
            }
        }
    }

    fn code_node(&mut self, code: u32) -> Node {
        if code > 255 {
            self.seen.unicode = true;
        }
        self.literal(code)
    }

    /// Notes `\\d`, which a shell or another program would turn into `\d`.
    fn doubled(&mut self, start: usize) {
        let Some(letter) = self.peek().filter(|b| b"dDwWsSbB".contains(b)) else {
            return;
        };
        let letter = char::from(letter);
        self.pos += 1;
        self.note(
            NoteKind::DoubledBackslash,
            start,
            format!("`\\\\{letter}` is a backslash and the letter {letter}"),
            Some(format!("write `\\{letter}` if the class is meant")),
        );
        self.pos -= 1;
    }

    fn anchor(&mut self, start: usize, letter: u8) -> Result<Option<Anchor>> {
        Ok(Some(match letter {
            // `\G` is where the last match ended: at the start, as there was none.
            b'A' | b'G' => Anchor::Start,
            b'z' => Anchor::End,
            b'Z' => Anchor::EndOrNewline,
            b'b' | b'B' => {
                if self.eat(b'{') {
                    return self.named_boundary(start);
                }
                Anchor::Word {
                    negated: letter == b'B',
                    latin1: self.latin1(),
                }
            }
            _ => return Ok(None),
        }))
    }

    fn named_boundary(&mut self, start: usize) -> Result<Option<Anchor>> {
        let name = self.until(b'}').unwrap_or_default().trim_ascii();
        if matches!(name, b"gcb" | b"g" | b"sb" | b"wb" | b"lb") {
            return self.unsupported(start, "Unicode boundaries", Some("write `\\b`"));
        }
        self.invalid(
            start,
            "a kind of boundary that there is not",
            Some("write `\\b`"),
        )
    }

    /// Reads `\1`: a group, or a character in octal, which depends on the number of groups.
    fn numbered(&mut self, start: usize) -> Result<Node> {
        self.pos -= 1;
        let digits = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let group = self.rest()[..digits].iter().fold(0usize, |n, d| {
            n.saturating_mul(10).saturating_add(usize::from(d - b'0'))
        });
        let groups = self.whole.as_ref().map_or(usize::MAX, |w| w.groups);
        self.seen.octal |= group > 9;
        if group > 9 && group > groups && self.peek().is_some_and(|b| b < b'8') {
            let code = self.octal();
            return Ok(self.code_node(code));
        }
        self.pos += digits;
        self.backref(start, vec![group])
    }

    /// A reference to groups by number, which must exist.
    pub(super) fn backref(&mut self, start: usize, groups: Vec<usize>) -> Result<Node> {
        let exist = self.whole.as_ref().map_or(usize::MAX, |w| w.groups);
        if groups.iter().any(|&g| g == 0 || g > exist) {
            return self.invalid(
                start,
                "a reference to a group that there is not",
                Some(&format!("the pattern has {exist} groups")),
            );
        }
        Ok(Node::Backref {
            groups,
            fold: self.flags.i,
            span: self.span(start),
        })
    }

    /// The groups of this name.
    pub(super) fn named_groups(&self, start: usize, name: &[u8]) -> Result<Vec<usize>> {
        let Some(whole) = &self.whole else {
            return Ok(vec![1]);
        };
        let groups: Vec<usize> = whole
            .names
            .iter()
            .filter(|(n, _)| n == name)
            .map(|(_, g)| *g)
            .collect();
        if groups.is_empty() {
            return self.invalid(start, "a reference to a name that no group has", None);
        }
        Ok(groups)
    }

    /// Reads `\g1`, `\g-1`, `\g{1}`, `\g{-1}`, `\g{name}`.
    fn group_reference(&mut self, start: usize) -> Result<Node> {
        let text = if self.eat(b'{') {
            match self.until(b'}') {
                Some(text) => text.trim_ascii(),
                None => return self.invalid(start, "`\\g{` without its `}`", None),
            }
        } else {
            let sign = usize::from(self.peek() == Some(b'-'));
            let digits = self.rest()[sign..]
                .iter()
                .take_while(|b| b.is_ascii_digit())
                .count();
            let text = &self.rest()[..sign + digits];
            self.pos += text.len();
            text
        };
        if text
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_')
        {
            let groups = self.named_groups(start, text)?;
            return self.backref(start, groups);
        }
        let number = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
        let group = match number {
            Some(n @ 1isize..) => n.unsigned_abs(),
            Some(n @ ..=-1) if n.unsigned_abs() <= self.seen.groups => {
                self.seen.groups + 1 - n.unsigned_abs()
            }
            Some(_) => 0,
            None => return self.invalid(start, "`\\g` without a number or name", None),
        };
        self.backref(start, vec![group])
    }

    /// Reads `\k<name>`, `\k'name'`, `\k{name}`.
    fn name_reference(&mut self, start: usize) -> Result<Node> {
        let close = match self.peek() {
            Some(b'<') => b'>',
            Some(b'\'') => b'\'',
            Some(b'{') => b'}',
            _ => return self.invalid(start, "`\\k` without a name", Some("write `\\k<name>`")),
        };
        self.pos += 1;
        let Some(name) = self.until(close) else {
            return self.invalid(start, "`\\k` without the end of its name", None);
        };
        let name = if close == b'}' {
            name.trim_ascii()
        } else {
            name
        };
        let groups = self.named_groups(start, name)?;
        self.backref(start, groups)
    }
}
