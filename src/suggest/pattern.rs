//! The pattern of a group: text escaped, and the narrowest mask for each value that takes the values of all
//! lines and their like.

use std::ops::Range;

use super::element::{Element, Key};
use super::forms::is_blank;
use super::group::{Column, Group};
use super::head::{Head, Part};
use super::kinds::{Tables, is_constant};

/// A pattern that was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// The pattern without its `^` and the program.
    pub body: Vec<u8>,
    /// How many of its bytes are literal.
    pub literal: usize,
    /// The literal bytes that it begins with, unescaped.
    pub begin: Vec<u8>,
}

/// What is not masked, as `--keep` asks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Keep {
    /// Names of users.
    pub users: bool,
    /// Addresses.
    pub addresses: bool,
}

/// Appends a text so that it stands for itself. Bytes that are not UTF-8, and control characters, are written
/// as `\xNN`.
pub fn escape(text: &[u8], out: &mut Vec<u8>) {
    let utf8 = std::str::from_utf8(text).is_ok();
    for &byte in text {
        match byte {
            b'\\' | b'.' | b'^' | b'$' | b'*' | b'+' | b'?' | b'(' | b')' | b'[' | b']' | b'{'
            | b'}' | b'|' | b'#' => out.extend_from_slice(&[b'\\', byte]),
            byte if byte < b' ' || byte == 0x7f || (byte >= 0x80 && !utf8) => {
                out.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
            }
            byte => out.push(byte),
        }
    }
}

/// Appends a sign as it stands in a class of characters.
pub(super) fn escape_in_class(sign: u8, out: &mut Vec<u8>) {
    match sign {
        b'\\' | b']' | b'^' | b'-' | b'[' => out.extend_from_slice(&[b'\\', sign]),
        sign if !(b' '..0x7f).contains(&sign) => {
            out.extend_from_slice(format!("\\x{sign:02x}").as_bytes())
        }
        sign => out.push(sign),
    }
}

/// The pattern of a program's name, with its colon; empty for none. In a `group` nothing is masked.
pub fn head(head: &Head, masked: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for part in &head.0 {
        let mask = match part {
            Part::Text(text) => {
                escape(text, &mut out);
                continue;
            }
            Part::Id => "[0-9a-f]+",
            Part::Number => "\\d+",
            Part::Pid => "\\d+",
        };
        let (open, close) = if *part == Part::Pid {
            ("\\[", "\\]")
        } else {
            ("", "")
        };
        let mask = if masked {
            format!("{open}({mask}){close}")
        } else {
            format!("{open}{mask}{close}")
        };
        out.extend_from_slice(mask.as_bytes());
    }
    if !head.0.is_empty() {
        out.extend_from_slice(if masked { b": " } else { b":" });
    }
    out
}

/// Writes the pattern of a group.
pub fn write(
    key: &Key,
    group: &Group,
    users: &dyn Fn(usize) -> bool,
    tables: &Tables,
    keep: Keep,
) -> Written {
    let literal = |at: usize| literal(key, group, at, users, tables);
    let literals: Vec<Option<Vec<u8>>> = (0..key.len()).map(literal).collect();
    let writer = Writer {
        key,
        group,
        tables,
        literals,
        keep,
    };
    writer.write(users)
}

/// The pattern of an element that is no value: its escaped text, or a run of blanks or of one sign; nothing for a value
/// that varies.
fn literal(
    key: &Key,
    group: &Group,
    at: usize,
    users: &dyn Fn(usize) -> bool,
    tables: &Tables,
) -> Option<Vec<u8>> {
    let column = group.columns.get(at)?;
    let mut out = Vec::new();
    match key[at] {
        Element::Word(number) => escape(&tables.words.get(number).text, &mut out),
        Element::Sign(sign) => escape(&[sign], &mut out),
        Element::Blank if column.value() == Some(b" ") => out.push(b' '),
        Element::Blank => out.extend_from_slice(b"\\s+"),
        Element::Signs(sign) => match column.value() {
            Some(text) => escape(text, &mut out),
            None => {
                escape(&[sign], &mut out);
                out.push(b'+');
            }
        },
        Element::Slot => {
            let value = column.value().filter(|value| !value.is_empty())?;
            if users(at) || !is_constant(tables, key, at, value, group.count) {
                return None;
            }
            escape(value, &mut out);
        }
        _ => return None,
    }
    Some(out)
}

struct Writer<'a> {
    key: &'a Key,
    group: &'a Group,
    tables: &'a Tables,
    literals: Vec<Option<Vec<u8>>>,
    keep: Keep,
}

impl Writer<'_> {
    fn write(&self, users: &dyn Fn(usize) -> bool) -> Written {
        let (mut body, mut literal, mut begin, mut begins) = (Vec::new(), 0, Vec::new(), true);
        for (at, element) in self.key.iter().enumerate() {
            if let Some(text) = &self.literals[at] {
                literal += text.len();
                let plain = match element {
                    Element::Blank | Element::Signs(_) => None,
                    _ => self.group.columns.get(at).and_then(Column::value),
                };
                let blank = *element == Element::Blank && text == b" ";
                begins = begins && (plain.is_some() || blank);
                if begins {
                    begin.extend_from_slice(plain.unwrap_or(b" "));
                }
                body.extend_from_slice(text);
                continue;
            }
            begins = false;
            let kept = (self.keep.users && users(at))
                || (self.keep.addresses && self.group.addresses.contains(&at));
            let mask = self.mask(at, *element);
            match mask
                .strip_prefix(b"(")
                .filter(|_| kept && *element == Element::Slot)
            {
                Some(rest) => {
                    body.extend_from_slice(b"(?:");
                    body.extend_from_slice(rest);
                }
                None => body.extend_from_slice(&mask),
            }
        }
        Written {
            body,
            literal,
            begin,
        }
    }

    /// The first byte of what stands behind a place, if that is known.
    fn next(&self, at: usize) -> Option<u8> {
        match (self.literals.get(at + 1)?, self.key.get(at + 1)?) {
            (Some(text), _) => match text.as_slice() {
                b" " | b"\\s+" => Some(b' '),
                [b'\\', b'x', ..] => None,
                [b'\\', sign, ..] | [sign, ..] => Some(*sign),
                [] => None,
            },
            (None, Element::Optional(piece)) => {
                match self
                    .tables
                    .pieces
                    .get(*piece as usize)
                    .and_then(|piece| piece.first())
                {
                    Some(Element::Sign(sign)) => Some(*sign),
                    _ => Some(b' '),
                }
            }
            _ => None,
        }
    }

    fn mask(&self, at: usize, element: Element) -> Vec<u8> {
        let Some(column) = self.group.columns.get(at) else {
            return b"(.*)".to_vec();
        };
        let next = self.next(at);
        match element {
            Element::Clock => b"\\[\\s*([\\d.]+)\\]\\s".to_vec(),
            Element::Block(close) => self.block(at, column, close, next),
            Element::Pairs => self.pairs(at),
            Element::Phrase => phrase(column, next),
            Element::Optional(piece) => {
                let mut out = b"(?:".to_vec();
                let piece = self.tables.pieces.get(piece as usize);
                let piece = piece.map(Vec::as_slice).unwrap_or_default();
                out.extend(self.optional(piece, column));
                out.extend_from_slice(b")?");
                out
            }
            _ => slot(column, next),
        }
    }

    /// What stands before a closing bracket or quote.
    fn block(&self, at: usize, column: &Column, close: u8, next: Option<u8>) -> Vec<u8> {
        let close = if close == b'"' && next == Some(b'\'') {
            b'\''
        } else {
            close
        };
        if !column.bytes.has(close) {
            let mut out = b"([^".to_vec();
            escape_in_class(close, &mut out);
            out.extend_from_slice(b"]*)");
            return out;
        }
        let mut texts = self.group.rows.iter().map(|row| row.cell(at));
        if close == b'"' && column.bytes.has(b'\\') && texts.all(is_escaped) {
            return b"((?:[^\"\\\\]|\\\\.)*)".to_vec();
        }
        b"(.*)".to_vec()
    }

    /// A run of pairs.
    fn pairs(&self, at: usize) -> Vec<u8> {
        let texts = || self.group.rows.iter().map(|row| row.cell(at));
        let rest = match texts().all(is_plain_pairs) {
            true => "\\S*(?:\\s+[\\w.-]+=\\S*)*",
            false => "\\S*(?:\\s+\\S+)*",
        };
        let name = |text: &[u8]| text.split(|b| *b == b'=').next().map(<[u8]>::to_vec);
        let first = texts().next().and_then(name).unwrap_or_default();
        if !first.is_empty() && texts().all(|text| name(text).as_deref() == Some(&first)) {
            let mut out = Vec::new();
            escape(&first, &mut out);
            out.extend_from_slice(format!("=({rest})").as_bytes());
            return out;
        }
        format!("([\\w.-]+={rest})").into_bytes()
    }

    /// A piece that may be there.
    fn optional(&self, piece: &[Element], column: &Column) -> Vec<u8> {
        let mut out = Vec::new();
        for (at, element) in piece.iter().enumerate() {
            let next = match piece.get(at + 1) {
                Some(Element::Sign(sign)) => *sign,
                _ => b' ',
            };
            match element {
                Element::Word(number) => escape(&self.tables.words.get(*number).text, &mut out),
                Element::Sign(sign) => escape(&[*sign], &mut out),
                Element::Signs(sign) => {
                    escape(&[*sign], &mut out);
                    out.push(b'+');
                }
                Element::Blank if column.uneven => out.extend_from_slice(b"\\s+"),
                Element::Blank => out.push(b' '),
                Element::Optional(inner) => {
                    let inner = self.tables.pieces.get(*inner as usize);
                    let inner = inner.map(Vec::as_slice).unwrap_or_default();
                    out.extend_from_slice(b"(?:");
                    out.extend(self.optional(inner, column));
                    out.extend_from_slice(b")?");
                }
                Element::Slot if next == b' ' => out.extend_from_slice(b"(\\S*)"),
                Element::Slot => {
                    out.extend_from_slice(b"([^\\s");
                    escape_in_class(next, &mut out);
                    out.extend_from_slice(b"]*)");
                }
                Element::Block(close) => {
                    out.extend_from_slice(b"([^");
                    escape_in_class(*close, &mut out);
                    out.extend_from_slice(b"]*)");
                }
                _ => out.extend_from_slice(b"(\\S*(?:\\s+\\S+)*)"),
            }
        }
        out
    }
}

/// Whether each quote has a backslash before it.
fn is_escaped(text: &[u8]) -> bool {
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return false,
            b'\\' if rest.next().is_none() => return false,
            _ => {}
        }
    }
    true
}

/// Whether a text is pairs and blanks alone.
fn is_plain_pairs(text: &[u8]) -> bool {
    let pair = |word: &[u8]| {
        let name = word
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b))
            .count();
        name > 0 && word.get(name) == Some(&b'=')
    };
    text.split(|b| is_blank(*b))
        .all(|word| word.is_empty() || pair(word))
}

/// Several words.
fn phrase(column: &Column, next: Option<u8>) -> Vec<u8> {
    let ends = next.filter(|sign| *sign != b' ' && !column.bytes.has(*sign));
    let mut word = b"\\S".to_vec();
    if let Some(sign) = ends {
        word = b"[^\\s".to_vec();
        escape_in_class(sign, &mut word);
        word.push(b']');
    }
    let lazy = if next.is_some() && ends.is_none() {
        &b"?"[..]
    } else {
        b""
    };
    let end = if column.ends_blank { &b"\\s*"[..] } else { b"" };
    [b"(", &word[..], b"*(?:\\s+", &word, b"+)*", lazy, end, b")"].concat()
}

/// One value.
fn slot(column: &Column, next: Option<u8>) -> Vec<u8> {
    let many = if column.empty { "*" } else { "+" };
    let all = |range: &Range<u8>, others: &[u8]| {
        column
            .bytes
            .all(|b| range.contains(&b) || others.contains(&b))
    };
    let digits = b'0'..b'9' + 1;
    if !column.bytes.is_empty() {
        if all(&digits, b"") {
            return format!("(\\d{many})").into_bytes();
        }
        if all(&digits, b".,:+-") {
            let others = b",:+-".iter().filter(|b| column.bytes.has(**b));
            let others: String = others.map(|b| char::from(*b)).collect();
            return format!("([\\d.{others}]{many})").into_bytes();
        }
    }
    if column.has_blank() {
        let maybe = if column.empty { "?" } else { "" };
        if column.begins_blank || column.ends_blank {
            return phrase(column, next);
        }
        return match column.spaces().filter(|_| column.is_even()) {
            Some(1) => format!("(\\S+(?: \\S+)){maybe}"),
            Some(count) => format!("(\\S+(?: \\S+){{{count}}}){maybe}"),
            None => format!("(\\S+(?:\\s+\\S+)*){maybe}"),
        }
        .into_bytes();
    }
    match next.filter(|sign| *sign != b' ' && !column.bytes.has(*sign)) {
        Some(sign) => {
            let mut out = b"([^\\s".to_vec();
            escape_in_class(sign, &mut out);
            out.extend_from_slice(b"]");
            out.extend_from_slice(many.as_bytes());
            out.push(b')');
            out
        }
        None => format!("(\\S{many})").into_bytes(),
    }
}
