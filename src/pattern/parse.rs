//! Reads Perl 5.36's pattern syntax into a tree, byte by byte as `qr/$string/` does: `\Q`, `\U` and
//! variables mean nothing here. The pattern is read twice, since what `\10` means depends on the
//! number of groups in the whole of it, and one `\p{L}` anywhere brings Latin-1 rules everywhere.

mod calls;
mod class;
mod code;
mod escape;
mod flags;
mod group;
mod special;

use super::ast::{Anchor, Mode, Node};
use super::set::ByteSet;
use super::{Note, NoteKind, PatternError};
use flags::Flags;

pub(super) use calls::strip as strip_captures;
pub(super) use code::{vertical, word};

/// How deep groups may be nested: each level takes stack here and in the engines. Perl allows 1000.
const MAX_DEPTH: usize = 120;
/// The largest number in a quantifier.
const MAX_REPEAT: u32 = 65_534;

type Result<T> = std::result::Result<T, PatternError>;

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Parsed {
    pub root: Node,
    /// How many groups there are.
    pub groups: usize,
    /// What showed while reading.
    pub notes: Vec<Note>,
}

/// What the first reading finds out.
#[derive(Clone, Debug, Default)]
struct Survey {
    groups: usize,
    names: Vec<(Vec<u8>, usize)>,
    /// Whether something asks for Unicode rules.
    unicode: bool,
    /// Whether there is a number that only the count of all groups tells from a character in octal.
    octal: bool,
}

struct Parser<'a> {
    src: &'a [u8],
    pos: usize,
    flags: Flags,
    /// What was found so far.
    seen: Survey,
    /// What the first reading found.
    whole: Option<Survey>,
    notes: Vec<Note>,
    depth: usize,
    /// How many look-arounds are open: `\K` is refused in them.
    looks: usize,
}

/// The numbers of `{n,m}`.
struct Braces {
    min: u32,
    max: Option<u32>,
    /// Whether Perl before 5.34 took it literally.
    recent: bool,
    leading_zero: bool,
    end: usize,
}

/// Reads a pattern.
///
/// # Errors
/// When Perl refuses it, or when it asks for what is not supported.
pub(super) fn parse(source: &[u8]) -> Result<Parsed> {
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

/// Perl does not accept the pattern.
fn invalid(span: (usize, usize), what: &str, hint: Option<&str>) -> PatternError {
    PatternError {
        span,
        message: format!("Perl does not accept this: {what}"),
        hint: hint.map(str::to_string),
    }
}

/// Perl accepts it, but it cannot be done here.
pub(super) fn unsupported(span: (usize, usize), what: &str, hint: Option<&str>) -> PatternError {
    PatternError {
        span,
        message: format!("not supported: {what}"),
        hint: hint.map(str::to_string),
    }
}

impl<'a> Parser<'a> {
    fn new(src: &'a [u8], whole: Option<Survey>) -> Self {
        Self {
            src,
            pos: 0,
            flags: Flags::default(),
            seen: Survey::default(),
            whole,
            notes: Vec::new(),
            depth: 0,
            looks: 0,
        }
    }

    fn run(mut self) -> Result<(Node, Self)> {
        let branches = self.branches(false)?;
        if self.pos < self.src.len() {
            return Err(invalid(
                (self.pos, self.pos + 1),
                "`)` without its `(`",
                Some("write `\\)` for a parenthesis"),
            ));
        }
        Ok((Node::alternate(branches), self))
    }

    fn peek(&self) -> Option<u8> {
        self.src.get(self.pos).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.src.get(self.pos..).unwrap_or_default()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn eat_text(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.pos += text.len();
        }
        found
    }

    /// The text up to `end`, which is taken too; `None` if there is none.
    fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let rest = self.rest();
        let length = memchr::memchr(end, rest)?;
        self.pos += length + 1;
        Some(&rest[..length])
    }

    fn span(&self, start: usize) -> (usize, usize) {
        (start, self.pos.min(self.src.len()).max(start))
    }

    fn invalid<T>(&self, start: usize, what: &str, hint: Option<&str>) -> Result<T> {
        Err(invalid(self.span(start), what, hint))
    }

    fn unsupported<T>(&self, start: usize, what: &str, hint: Option<&str>) -> Result<T> {
        Err(unsupported(self.span(start), what, hint))
    }

    fn note(&mut self, kind: NoteKind, start: usize, message: String, hint: Option<String>) {
        self.notes.push(Note {
            kind,
            span: self.span(start),
            message,
            hint,
        });
    }

    /// Whether Latin-1 rules hold here.
    fn latin1(&self) -> bool {
        self.flags
            .latin1(self.whole.as_ref().is_some_and(|w| w.unicode))
    }

    /// The other case of each letter, if `i` is on.
    fn fold(&self, set: ByteSet) -> ByteSet {
        let whole = self.whole.as_ref().is_some_and(|w| w.unicode);
        match (self.flags.i, self.flags.latin1_case(whole)) {
            (false, _) => set,
            (true, false) => set.fold_ascii(),
            (true, true) => code::fold_latin1(set),
        }
    }

    /// One byte, or a character that no byte can be.
    fn literal(&mut self, code: u32) -> Node {
        Node::Set(self.fold(self.code_set(code)))
    }

    /// Branches up to the `)` or the end; in a branch reset each counts its groups anew.
    fn branches(&mut self, reset: bool) -> Result<Vec<Node>> {
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

    fn branch(&mut self) -> Result<Node> {
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

    /// Comments, and under `x` blanks and `#` comments.
    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            let start = self.pos;
            if self.eat_text(b"(?#") {
                if self.until(b')').is_none() {
                    self.pos = self.src.len();
                    return self.invalid(start, "a comment without its `)`", None);
                }
            } else if self.flags.x && self.peek().is_some_and(code::is_pattern_blank) {
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

    /// One atom; `None` for flags, which match nothing and take no quantifier.
    fn atom(&mut self) -> Result<Option<Node>> {
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
    fn after_letter_escape(&self, at: usize) -> bool {
        at >= 2 && self.src[at - 1].is_ascii_alphabetic() && self.src[at - 2] == b'\\'
    }

    /// The atom with the quantifier that follows it, if one does.
    fn quantified(&mut self, atom: Node, start: usize) -> Result<Node> {
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
            return Err(unsupported(
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

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            _ => return self.brace_quantifier(),
        };
        self.pos += 1;
        Ok(Some(bounds))
    }

    fn brace_quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>> {
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

    /// `{n}`, `{n,}`, `{n,m}`, `{,m}`, with blanks around the numbers; `None` if it is none of them.
    fn braces(&self, start: usize) -> Option<Braces> {
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
