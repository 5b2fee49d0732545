//! The program of a message: the first word, up to its colon.

use super::forms::is_blank;

/// The longest name of a program, bytes.
const LONGEST: usize = 80;

/// A part of a program's name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Part {
    /// Text.
    Text(Vec<u8>),
    /// An identifier: hex digits.
    Id,
    /// A short number.
    Number,
    /// A process id with its brackets, where `hidepid` is off.
    Pid,
}

/// The name of a program; empty for messages without one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Head(pub Vec<Part>);

/// The program of a message, and where its text begins.
pub fn split(message: &[u8]) -> (Head, usize) {
    let Some(colon) = name_length(message) else {
        return (Head::default(), 0);
    };
    let name = message.get(..colon).unwrap_or_default();
    let (name, pid) = without_pid(name);
    let mut parts: Vec<Part> = Vec::new();
    let mut text = Vec::new();
    for piece in name.split_inclusive(|b| matches!(b, b'/' | b':' | b'@')) {
        let bare = piece
            .strip_suffix(b"/")
            .or_else(|| piece.strip_suffix(b":"))
            .or_else(|| piece.strip_suffix(b"@"))
            .unwrap_or(piece);
        if is_id(bare) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Id);
            text.extend_from_slice(piece.get(bare.len()..).unwrap_or_default());
        } else {
            text.extend_from_slice(piece);
        }
    }
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
    if pid {
        parts.push(Part::Pid);
    }
    (Head(parts), colon + 2)
}

/// The length of the first word up to its first `: `, if something stands behind.
fn name_length(message: &[u8]) -> Option<usize> {
    let end = message
        .iter()
        .take(LONGEST + 20)
        .position(|b| is_blank(*b))?;
    let name = message.get(..end)?.strip_suffix(b":")?;
    let fits = !name.is_empty() && name.len() <= LONGEST + 12 && message.len() > end + 1;
    (fits && message.get(end) == Some(&b' ')).then_some(name.len())
}

/// The name without its `[123]`, and whether there was one.
fn without_pid(name: &[u8]) -> (&[u8], bool) {
    let inner = name.strip_suffix(b"]");
    let open = inner.and_then(|inner| memchr::memrchr(b'[', inner).map(|at| (inner, at)));
    match open {
        Some((inner, at))
            if at > 0 && at + 1 < inner.len() && inner[at + 1..].iter().all(u8::is_ascii_digit) =>
        {
            (&inner[..at], true)
        }
        _ => (name, false),
    }
}

/// Whether a part of a name is an identifier rather than text.
fn is_id(part: &[u8]) -> bool {
    let digits = part.iter().filter(|b| b.is_ascii_digit()).count();
    let hex = part
        .iter()
        .all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    (part.len() >= 8 && hex && digits > 0) || (part.len() >= 3 && digits == part.len())
}

impl Head {
    /// The name with its numbers taken out, if it is letters and one short number behind: `ide0`.
    pub fn stem(&self) -> Option<&[u8]> {
        let [Part::Text(name)] = self.0.as_slice() else {
            return None;
        };
        let letters = name.iter().take_while(|b| b.is_ascii_lowercase()).count();
        let digits = name.get(letters..)?;
        let fits =
            letters > 0 && (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
        fits.then(|| &name[..letters])
    }

    /// The name that programs have in common which differ in a number alone.
    pub fn numbered(stem: &[u8]) -> Self {
        Self(vec![Part::Text(stem.into()), Part::Number])
    }

    /// A beginning of messages of this program, for trying patterns.
    pub fn example(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(name) => text.extend_from_slice(name),
                Part::Id | Part::Number => text.push(b'0'),
                Part::Pid => text.extend_from_slice(b"[1]"),
            }
        }
        if !self.0.is_empty() {
            text.extend_from_slice(b": ");
        }
        text
    }

    /// The name as people read it.
    pub fn shown(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for part in &self.0 {
            match part {
                Part::Text(name) => text.extend_from_slice(name),
                Part::Id => text.extend_from_slice(b"ID"),
                Part::Number => text.push(b'N'),
                Part::Pid => {}
            }
        }
        text
    }
}
