//! The pattern of one name between two slashes.

/// A pattern for one name, with a wildcard in it.
#[derive(Clone, Debug)]
pub(super) struct Wild(Vec<Token>);

/// A token of a pattern.
#[derive(Clone, Debug)]
enum Token {
    /// One certain character.
    One(Unit),
    /// Any character.
    Any,
    /// Any number of characters.
    Many,
    /// A character of the set, or none of it.
    Set { not: bool, items: Vec<Item> },
}

/// An item of a set.
#[derive(Clone, Debug)]
enum Item {
    Range(Unit, Unit),
    Class(Class),
}

/// The test whether a character is of a class.
type Class = fn(&char) -> bool;

/// A character, or beyond all characters a byte that is no part of one.
type Unit = u32;

/// The number that is added to a byte that is no part of a character.
const BYTE: Unit = 0x11_0000;

const DOT: Unit = b'.' as Unit;

/// The length of the longest name, bytes: no path is longer (`PATH_MAX`).
const LONGEST: usize = 4096;

/// POSIX' classes (XBD 9.3.5), for ASCII.
const CLASSES: [(&str, Class); 12] = [
    ("alnum", char::is_ascii_alphanumeric),
    ("alpha", char::is_ascii_alphabetic),
    ("blank", |c| matches!(c, ' ' | '\t')),
    ("cntrl", char::is_ascii_control),
    ("digit", char::is_ascii_digit),
    ("graph", char::is_ascii_graphic),
    ("lower", char::is_ascii_lowercase),
    ("print", |c| matches!(c, ' '..='~')),
    ("punct", char::is_ascii_punctuation),
    ("space", |c| matches!(c, ' ' | '\t'..='\r')),
    ("upper", char::is_ascii_uppercase),
    ("xdigit", char::is_ascii_hexdigit),
];

/// The first character of a text, and the rest.
fn first(text: &[u8]) -> Option<(Unit, &[u8])> {
    let byte = *text.first()?;
    let (unit, length) = match bstr::decode_utf8(text) {
        (Some(c), length) => (Unit::from(c), length),
        (None, _) => (BYTE + Unit::from(byte), 1),
    };
    Some((unit, text.get(length..)?))
}

impl Wild {
    /// `*`
    pub fn anything() -> Self {
        Self(vec![Token::Many])
    }

    /// Reads a name of a pattern; nothing if there is no wildcard in it.
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (mut tokens, mut rest, mut plain) = (Vec::new(), text, true);
        while let Some((unit, behind)) = first(rest) {
            let (token, behind) = match char::from_u32(unit) {
                Some('*') => (Token::Many, behind),
                Some('?') => (Token::Any, behind),
                Some('[') => set(rest).unwrap_or((Token::One(unit), behind)),
                _ => (Token::One(unit), behind),
            };
            plain &= matches!(token, Token::One(_));
            // Two of them are as good as one.
            let twice = matches!((&token, tokens.last()), (Token::Many, Some(Token::Many)));
            if !twice {
                tokens.push(token);
            }
            rest = behind;
        }
        (!plain).then_some(Self(tokens))
    }

    /// Whether a name is meant. The time is bounded by the product of the lengths.
    pub fn matches(&self, name: &[u8]) -> bool {
        if name.starts_with(b".") && !matches!(self.0.first(), Some(Token::One(DOT))) {
            return false;
        }
        let (mut tokens, mut rest) = (self.0.as_slice(), name);
        // The state to go on from if the last `*` takes one character more.
        let mut again: Option<(&[Token], &[u8])> = None;
        loop {
            let next = first(rest);
            match (tokens, next) {
                ([], None) => return true,
                ([Token::Many, behind @ ..], _) => {
                    again = Some((behind, rest));
                    tokens = behind;
                    continue;
                }
                // The rest of the pattern needs more text than there is.
                (_, None) => return false,
                ([token, behind @ ..], Some((unit, more))) if token.takes(unit) => {
                    (tokens, rest) = (behind, more);
                    continue;
                }
                _ => {}
            }
            let taken = again.and_then(|(behind, from)| Some((behind, first(from)?.1)));
            let Some((behind, from)) = taken else {
                return false;
            };
            again = Some((behind, from));
            (tokens, rest) = (behind, from);
        }
    }
}

impl Token {
    fn takes(&self, unit: Unit) -> bool {
        match self {
            Self::One(own) => *own == unit,
            Self::Any => true,
            Self::Many => false,
            Self::Set { not, items } => items.iter().any(|item| item.has(unit)) != *not,
        }
    }
}

impl Item {
    fn has(&self, unit: Unit) -> bool {
        match self {
            Self::Range(from, to) => (*from..=*to).contains(&unit),
            Self::Class(is) => char::from_u32(unit).is_some_and(|c| is(&c)),
        }
    }
}

/// Reads `[…]`, and gives what is behind it. Nothing if it has no end.
fn set(text: &[u8]) -> Option<(Token, &[u8])> {
    let rest = text.strip_prefix(b"[")?;
    let (not, mut rest) = match rest.strip_prefix(b"!") {
        Some(behind) => (true, behind),
        None => (false, rest),
    };
    let mut items = Vec::new();
    loop {
        // In the first place, `]` is a character of the set.
        if !items.is_empty()
            && let Some(behind) = rest.strip_prefix(b"]")
        {
            return Some((Token::Set { not, items }, behind));
        }
        if let Some((class, behind)) = class(rest) {
            items.push(Item::Class(class));
            rest = behind;
            continue;
        }
        let (from, behind) = first(rest)?;
        let range = behind.strip_prefix(b"-").and_then(first);
        match range.filter(|(to, _)| *to != Unit::from(b']')) {
            Some((to, behind)) => {
                items.push(Item::Range(from, to));
                rest = behind;
            }
            None => {
                items.push(Item::Range(from, from));
                rest = behind;
            }
        }
    }
}

/// Reads `[:digit:]` inside a set.
fn class(text: &[u8]) -> Option<(Class, &[u8])> {
    let rest = text.strip_prefix(b"[:")?;
    CLASSES.iter().find_map(|(name, is)| {
        let behind = rest.strip_prefix(name.as_bytes())?;
        Some((*is, behind.strip_prefix(b":]")?))
    })
}
