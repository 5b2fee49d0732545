//! Bracketed classes. There are no nested sets and no set operators in Perl.

use super::parser::{Parser, Result};
use crate::pattern::diagnostic::NoteKind;
use crate::pattern::perl_classes::posix;
use crate::pattern::set::ByteSet;

/// One element of a class.
enum Element {
    /// A character, which may begin or end a range.
    Code(u32),
    /// A set, beside which `-` is a plain character.
    Set(ByteSet),
}

impl Parser<'_> {
    /// Reads a class, its `[` just read.
    pub(super) fn class(&mut self, start: usize) -> Result<ByteSet> {
        self.skip_class_blanks();
        let negated = self.eat(b'^');
        let mut set = ByteSet::default();
        let mut first = true;
        loop {
            self.skip_class_blanks();
            match self.peek() {
                None => {
                    self.pos = start + 1;
                    return self.invalid(
                        start,
                        "`[` without its `]`",
                        Some("write `\\[` for a bracket"),
                    );
                }
                Some(b']') if !first => {
                    self.pos += 1;
                    break;
                }
                Some(_) => {}
            }
            first = false;
            let at = self.pos;
            match self.element()? {
                Element::Set(more) => set = set.union(more).union(self.dash_after_set()),
                Element::Code(low) => set = set.union(self.range_from(at, low)?),
            }
        }
        let set = self.fold(set);
        Ok(if negated { set.negate() } else { set })
    }

    /// Just after a set `-` begins no range and is the low end of none.
    fn dash_after_set(&mut self) -> ByteSet {
        self.skip_class_blanks();
        if self.peek() == Some(b'-') && self.rest().get(1) != Some(&b']') {
            self.pos += 1;
            return ByteSet::range(b'-', b'-');
        }
        ByteSet::default()
    }

    fn skip_class_blanks(&mut self) {
        while self.flags.xx && matches!(self.peek(), Some(b' ' | b'\t')) {
            self.pos += 1;
        }
    }

    /// Reads the range that begins with `low`, or `low` alone.
    fn range_from(&mut self, at: usize, low: u32) -> Result<ByteSet> {
        let alone = self.code_set(low);
        self.skip_class_blanks();
        if self.peek() != Some(b'-') {
            return Ok(alone);
        }
        let dash = self.pos;
        self.pos += 1;
        self.skip_class_blanks();
        if matches!(self.peek(), None | Some(b']')) {
            self.pos = dash;
            return Ok(alone);
        }
        match self.element()? {
            Element::Set(more) => {
                let dash = ByteSet::range(b'-', b'-');
                Ok(alone.union(dash).union(more).union(self.dash_after_set()))
            }
            Element::Code(high) if high < low => self.invalid(
                at,
                "a range that ends before it begins",
                Some("put the `-` at the end of the class, or write `\\-`"),
            ),
            Element::Code(high) => {
                let low = u8::try_from(low);
                let high = u8::try_from(high.min(255)).unwrap_or(255);
                Ok(low.map_or_else(|_| ByteSet::default(), |low| ByteSet::range(low, high)))
            }
        }
    }

    fn element(&mut self) -> Result<Element> {
        let start = self.pos;
        let Some(byte) = self.peek() else {
            return Ok(Element::Set(ByteSet::default()));
        };
        self.pos += 1;
        match byte {
            b'[' if matches!(self.peek(), Some(b':' | b'=' | b'.')) => self.posix_class(start),
            b'\\' => self.class_escape(start),
            _ => Ok(Element::Code(u32::from(byte))),
        }
    }

    /// Reads `[:name:]`, which is a plain `[` if it is not well formed.
    fn posix_class(&mut self, start: usize) -> Result<Element> {
        let bracket = Ok(Element::Code(u32::from(b'[')));
        let rest = self.rest();
        let kind = rest[0];
        let Some(close) = rest[1..].windows(2).position(|pair| pair == [kind, b']']) else {
            return bracket;
        };
        let inner = &rest[1..1 + close];
        let (name, negated) = match inner.strip_prefix(b"^") {
            Some(name) => (name, true),
            None => (inner, false),
        };
        if kind != b':' {
            if inner.is_empty() || inner.iter().any(|b| matches!(b, b'[' | b']' | b'\\')) {
                return bracket;
            }
            self.pos += close + 3;
            return self.invalid(start, "a POSIX class of a kind that there is not", None);
        }
        if name.is_empty() || !name.iter().all(u8::is_ascii_lowercase) {
            return bracket;
        }
        self.pos += close + 3;
        // With `i`, either case is in both.
        let name = match name {
            b"upper" | b"lower" if self.flags.i => b"alpha",
            _ => name,
        };
        match posix(name, self.latin1()) {
            Some(set) if negated => Ok(Element::Set(set.negate())),
            Some(set) => Ok(Element::Set(set)),
            None => self.invalid(
                start,
                "a POSIX class that there is not",
                Some("the classes are alpha, digit, alnum, upper, lower, punct, space, blank, cntrl, graph, print, word, xdigit and ascii"),
            ),
        }
    }

    fn class_escape(&mut self, start: usize) -> Result<Element> {
        let Some(letter) = self.peek() else {
            return self.invalid(start, "`[` without its `]`", None);
        };
        if letter.is_ascii_digit() && letter < b'8' {
            return Ok(Element::Code(self.octal()));
        }
        self.pos += 1;
        if let Some(set) = self.set_escape(start, letter)? {
            return Ok(Element::Set(set));
        }
        if let Some(code) = self.code_escape(start, letter)? {
            return Ok(Element::Code(code));
        }
        match letter {
            b'b' => Ok(Element::Code(8)),
            b'N' => self.invalid(start, "`\\N` in a class", Some("write `[^\\n]`")),
            _ => {
                if letter.is_ascii_alphanumeric() {
                    self.unknown_escape(start, letter);
                }
                Ok(Element::Code(u32::from(letter)))
            }
        }
    }

    /// Notes that an escape means its letter.
    pub(super) fn unknown_escape(&mut self, start: usize, letter: u8) {
        let letter = char::from(letter);
        self.note(
            NoteKind::UnknownEscape,
            start,
            format!("`\\{letter}` means just the letter {letter}, as in Perl"),
            Some(format!("write `{letter}`")),
        );
    }
}
