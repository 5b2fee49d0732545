//! Quantifiers: `*`, `+`, `?`, `{n,m}`, and their `?` and `+`.

use super::parser::{Parser, Result};
use crate::pattern::ast::{Mode, Node};
use crate::pattern::diagnostic::{NoteKind, PatternError};

/// The largest number in a quantifier.
const MAX_REPEAT: u32 = 65_534;

/// The numbers of `{n,m}`.
pub(super) struct Braces {
    min: u32,
    max: Option<u32>,
    /// Whether Perl before 5.34 took it literally.
    recent: bool,
    leading_zero: bool,
    end: usize,
}

impl Parser<'_> {
    /// The atom with the quantifier that follows it, if one does.
    pub(super) fn quantified(&mut self, atom: Node, start: usize) -> Result<Node> {
        self.skip_blanks()?;
        let sign = self.pos;
        let Some((min, max)) = self.quantifier()? else {
            return Ok(atom);
        };
        // Perl looks no further after such numbers, not even for `?`.
        if max.is_some_and(|max| max < min) {
            return Ok(Node::Concat(vec![
                Node::never(),
                Node::Define(Box::new(atom)),
            ]));
        }
        self.skip_blanks()?;
        let mode = if self.eat(b'?') {
            Mode::Lazy
        } else if self.eat(b'+') {
            Mode::Possessive
        } else {
            Mode::Greedy
        };
        let span = self.span(start);
        self.skip_blanks()?;
        let next = self.pos;
        if self.quantifier()?.is_some() {
            return self.invalid(
                next,
                "a quantifier after a quantifier",
                Some("put what is to be repeated in `(?:...)`"),
            );
        }
        let bare = self.src[start..].starts_with(b"\\K");
        if bare && max.is_none_or(|m| m > MAX_REPEAT / 3) {
            return self.invalid(sign, "`\\K` cannot be repeated", None);
        }
        // Perl forgets on its way back through a loop where it was.
        let loops = max.is_none_or(|m| m > 1) || mode == Mode::Possessive;
        if !bare && loops && atom.any(&|n| *n == Node::Keep) {
            return Err(PatternError::unsupported(
                span,
                "`\\K` in a group that repeats",
                Some("put the `\\K` behind the group"),
            ));
        }
        Ok(Node::Repeat {
            body: Box::new(atom),
            min,
            max,
            mode,
            span,
        })
    }

    pub(super) fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            _ => return self.brace_quantifier(),
        };
        self.pos += 1;
        Ok(Some(bounds))
    }

    pub(super) fn brace_quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let start = self.pos;
        let Some(braces) = self.braces(start) else {
            return Ok(None);
        };
        self.pos = braces.end;
        if braces.leading_zero {
            return self.invalid(start, "a number with a leading zero", None);
        }
        if braces.min > MAX_REPEAT || braces.max.is_some_and(|m| m > MAX_REPEAT) {
            return self.invalid(start, &format!("a repeat of more than {MAX_REPEAT}"), None);
        }
        if braces.recent {
            self.note(
                NoteKind::PerlVersion,
                start,
                "a quantifier since Perl 5.34, plain text before".into(),
                Some(match braces.max {
                    Some(max) => format!("write `{{{},{max}}}`", braces.min),
                    None => format!("write `{{{},}}`", braces.min),
                }),
            );
        }
        Ok(Some((braces.min, braces.max)))
    }

    /// Reads `{n}`, `{n,}`, `{n,m}`, `{,m}`, with blanks around the numbers; `None` if it is none of them.
    pub(super) fn braces(&self, start: usize) -> Option<Braces> {
        let inner = self.src.get(start..)?.strip_prefix(b"{")?;
        let length = memchr::memchr(b'}', inner)?;
        let text = &inner[..length];
        let (low, high) = match memchr::memchr(b',', text) {
            Some(comma) => (&text[..comma], Some(&text[comma + 1..])),
            None => (text, None),
        };
        let low = number(low)?;
        let high = match high {
            Some(high) => Some(number(high)?),
            None => None,
        };
        if low.value.is_none() && high.as_ref().is_none_or(|h| h.value.is_none()) {
            return None;
        }
        Some(Braces {
            min: low.value.unwrap_or(0),
            max: match &high {
                Some(high) => high.value,
                None => low.value,
            },
            recent: low.value.is_none() || low.blanks || high.as_ref().is_some_and(|h| h.blanks),
            leading_zero: low.leading_zero || high.is_some_and(|h| h.leading_zero),
            end: start + length + 2,
        })
    }
}

/// A number in braces.
struct Number {
    value: Option<u32>,
    blanks: bool,
    leading_zero: bool,
}

fn number(text: &[u8]) -> Option<Number> {
    let is_blank = |b: &u8| *b == b' ' || *b == b'\t';
    let digits: Vec<u8> = text
        .iter()
        .copied()
        .skip_while(is_blank)
        .take_while(|b| !is_blank(b))
        .collect();
    let blanks = text.iter().any(is_blank);
    let rest = text.iter().filter(|b| !is_blank(b)).count();
    if rest != digits.len() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let value = digits.iter().fold(None, |sum: Option<u32>, d| {
        Some(
            sum.unwrap_or(0)
                .saturating_mul(10)
                .saturating_add(u32::from(d - b'0')),
        )
    });
    Some(Number {
        value,
        blanks,
        leading_zero: digits.len() > 1 && digits[0] == b'0',
    })
}
