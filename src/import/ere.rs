//! Extended regular expressions as GNU grep reads them (`grep -E`, in the C locale), and how Perl writes them.

use crate::pattern::set::ByteSet;

/// A part of an expression and how often it is repeated: quantifiers in a row, the inner one first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Part {
    pub item: Item,
    pub times: Vec<Times>,
}

/// What a part matches once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Item {
    /// This byte.
    Byte(u8),
    /// One byte of a set, and how Perl writes the set.
    Set(ByteSet, Vec<u8>),
    /// A place: how Perl writes it.
    Anchor(&'static str),
    /// A group: one of these.
    Group(Vec<Vec<Part>>),
    /// A back reference.
    Back,
}

/// How often a part is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Times {
    pub min: u32,
    pub max: Option<u32>,
}

/// The characters that Perl takes for more than themselves.
const SPECIAL: &[u8] = b"\\.[]{}()*+?^$|";

/// Reads an expression: its alternatives, each a sequence of parts.
///
/// # Errors
/// Says what grep refuses or what has another meaning in each of its versions.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Vec<Part>>, String> {
    Reader { text, at: 0 }.alternatives(0)
}

/// Writes parts in a row as Perl does.
pub(super) fn write(parts: &[Part], out: &mut Vec<u8>) {
    for part in parts {
        let mut text = Vec::new();
        write_item(&part.item, &mut text);
        for (at, times) in part.times.iter().enumerate() {
            if at > 0 {
                text = [b"(?:", &text[..], b")"].concat();
            }
            write_times(*times, &mut text);
        }
        out.append(&mut text);
    }
}

fn write_item(item: &Item, out: &mut Vec<u8>) {
    match item {
        Item::Byte(byte) => {
            out.extend(SPECIAL.contains(byte).then_some(b'\\'));
            out.push(*byte);
        }
        Item::Set(_, text) => out.extend_from_slice(text),
        Item::Anchor(text) => out.extend_from_slice(text.as_bytes()),
        Item::Group(alternatives) => {
            out.extend_from_slice(b"(?:");
            for (at, parts) in alternatives.iter().enumerate() {
                out.extend((at > 0).then_some(b'|'));
                write(parts, out);
            }
            out.push(b')');
        }
        // Rules with references are refused.
        Item::Back => {}
    }
}

fn write_times(times: Times, out: &mut Vec<u8>) {
    let text = match (times.min, times.max) {
        (0, None) => "*".to_owned(),
        (1, None) => "+".to_owned(),
        (0, Some(1)) => "?".to_owned(),
        (min, None) => format!("{{{min},}}"),
        (min, Some(max)) if min == max => format!("{{{min}}}"),
        (min, Some(max)) => format!("{{{min},{max}}}"),
    };
    out.extend_from_slice(text.as_bytes());
}

/// The depth of groups, at most.
const MOST_DEPTH: usize = 50;

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Alternatives up to the `)` that ends them, or to the end.
    fn alternatives(&mut self, depth: usize) -> Result<Vec<Vec<Part>>, String> {
        if depth > MOST_DEPTH {
            return Err("groups inside each other, too deep".into());
        }
        let mut all = vec![Vec::new()];
        while let Some(byte) = self.peek() {
            match byte {
                b')' if depth > 0 => break,
                b'|' => {
                    self.at += 1;
                    all.push(Vec::new());
                }
                _ => {
                    let part = self.part(depth)?;
                    if let Some(last) = all.last_mut() {
                        last.push(part);
                    }
                }
            }
        }
        Ok(all)
    }

    fn part(&mut self, depth: usize) -> Result<Part, String> {
        let item = self.item(depth)?;
        let mut times = Vec::new();
        while let Some(found) = self.times()? {
            times.push(found);
        }
        if !times.is_empty() && matches!(item, Item::Anchor(_)) {
            return Err("a quantifier with nothing to repeat".into());
        }
        Ok(Part { item, times })
    }

    fn item(&mut self, depth: usize) -> Result<Item, String> {
        Ok(match self.take() {
            None => return Err("a part that is missing".into()),
            Some(b'.') => Item::Set(set_but(&[b'\n', 0]), b".".to_vec()),
            Some(b'^') => Item::Anchor("^"),
            Some(b'$') => Item::Anchor("$"),
            Some(b'*' | b'+' | b'?') => return Err("a quantifier with nothing to repeat".into()),
            Some(b'(') => {
                let alternatives = self.alternatives(depth + 1)?;
                match self.take() {
                    Some(b')') => Item::Group(alternatives),
                    _ => return Err("a `(` without its `)`".into()),
                }
            }
            Some(b'[') => self.bracket()?,
            Some(b'\\') => self.escape()?,
            Some(byte) => Item::Byte(byte),
        })
    }

    fn escape(&mut self) -> Result<Item, String> {
        let set = |is: fn(u8) -> bool, text: &str| Item::Set(set_where(is), text.into());
        Ok(match self.take() {
            None => return Err("a backslash at the end".into()),
            Some(b'w') => set(is_word, r"\w"),
            Some(b'W') => set(|byte| !is_word(byte), r"\W"),
            Some(b's') => set(is_space, r"\s"),
            Some(b'S') => set(|byte| !is_space(byte), r"\S"),
            Some(b'b') => Item::Anchor(r"\b"),
            Some(b'B') => Item::Anchor(r"\B"),
            Some(b'<') => Item::Anchor(r"\b(?=\w)"),
            Some(b'>') => Item::Anchor(r"\b(?<=\w)"),
            Some(b'`') => Item::Anchor(r"\A"),
            Some(b'\'') => Item::Anchor(r"\z"),
            Some(b'1'..=b'9') => Item::Back,
            Some(byte) => Item::Byte(byte),
        })
    }

    /// The quantifier that stands here, if one does. What is no count of rounds is a brace.
    fn times(&mut self) -> Result<Option<Times>, String> {
        let simple = |min, max| Ok(Some(Times { min, max }));
        match self.peek() {
            Some(b'*') => {
                self.at += 1;
                simple(0, None)
            }
            Some(b'+') => {
                self.at += 1;
                simple(1, None)
            }
            Some(b'?') => {
                self.at += 1;
                simple(0, Some(1))
            }
            Some(b'{') => self.count(),
            _ => Ok(None),
        }
    }

    fn count(&mut self) -> Result<Option<Times>, String> {
        let Some(end) = self.rest().iter().position(|&byte| byte == b'}') else {
            return Ok(None);
        };
        let inside = self.rest().get(1..end).unwrap_or_default();
        let Some((min, max)) = std::str::from_utf8(inside).ok().and_then(bounds) else {
            return Ok(None);
        };
        // What grep takes for too large, 2^15 - 1.
        if max.unwrap_or(min) > 32_767 || max.is_some_and(|max| max < min) {
            return Err("a count of rounds that grep refuses".into());
        }
        self.at += end + 1;
        Ok(Some(Times { min, max }))
    }

    /// A set in brackets, its `[` taken.
    fn bracket(&mut self) -> Result<Item, String> {
        const OPEN: &str = "a `[` without its `]`";
        let negated = self.peek() == Some(b'^');
        self.at += usize::from(negated);
        let (mut set, mut text) = (ByteSet::default(), b"[".to_vec());
        text.extend(negated.then_some(b'^'));
        let mut first = true;
        loop {
            let rest = self.rest();
            match rest {
                [] => return Err(OPEN.into()),
                [b']', ..] if !first => break,
                [b'[', b':', ..] => {
                    let end = rest.windows(2).position(|two| two == b":]").ok_or(OPEN)?;
                    let name = rest.get(2..end).unwrap_or_default();
                    set = set.union(class(name).ok_or("a class that is unknown")?);
                    text.extend_from_slice(rest.get(..end + 2).unwrap_or_default());
                    self.at += end + 2;
                }
                [b'[', b'.' | b'=', ..] => return Err("a collating element".into()),
                [low, b'-', high, ..] if *high != b']' => {
                    let (low, high) = (*low, *high);
                    if high < low || high == b'[' {
                        return Err("a range that grep refuses".into());
                    }
                    set = set.union(ByteSet::range(low, high));
                    member(low, &mut text);
                    text.push(b'-');
                    member(high, &mut text);
                    self.at += 3;
                }
                [byte, ..] => {
                    set.insert(*byte);
                    let last = rest.get(1) == Some(&b']');
                    match *byte == b'-' && (first || last) {
                        true => text.push(b'-'),
                        false => member(*byte, &mut text),
                    }
                    self.at += 1;
                }
            }
            first = false;
        }
        self.at += 1;
        text.push(b']');
        let set = match negated {
            true => set.negate(),
            false => set,
        };
        Ok(Item::Set(set, text))
    }
}

/// Writes a member of a set.
fn member(byte: u8, out: &mut Vec<u8>) {
    out.extend(b"\\]^-[".contains(&byte).then_some(b'\\'));
    out.push(byte);
}

/// The bounds of a count of rounds: `3`, `3,`, `3,4`, `,4`.
fn bounds(text: &str) -> Option<(u32, Option<u32>)> {
    let number = |digits: &str| match digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => digits.parse::<u32>().ok(),
        false => None,
    };
    match text.split_once(',') {
        None => number(text).map(|times| (times, Some(times))),
        Some(("", max)) => number(max).map(|max| (0, Some(max))),
        Some((min, "")) => number(min).map(|min| (min, None)),
        Some((min, max)) => Some((number(min)?, Some(number(max)?))),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn set_where(is: impl Fn(u8) -> bool) -> ByteSet {
    let mut set = ByteSet::default();
    (0..=u8::MAX)
        .filter(|byte| is(*byte))
        .for_each(|byte| set.insert(byte));
    set
}

fn set_but(bytes: &[u8]) -> ByteSet {
    set_where(|byte| !bytes.contains(&byte))
}

/// The class of this name, in the C locale.
fn class(name: &[u8]) -> Option<ByteSet> {
    let is: fn(u8) -> bool = match name {
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"digit" => |byte| byte.is_ascii_digit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| byte == b' ' || byte.is_ascii_graphic(),
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"space" => is_space,
        b"upper" => |byte| byte.is_ascii_uppercase(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        _ => return None,
    };
    Some(set_where(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, String> {
        let mut out = Vec::new();
        for (at, parts) in parse(text.as_bytes())?.iter().enumerate() {
            out.extend((at > 0).then_some(b'|'));
            write(parts, &mut out);
        }
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_grep_means_is_written_as_perl_means_it() {
        for (grep, perl) in [
            ("^a b$", "^a b$"),
            ("(a|b)+c", "(?:a|b)+c"),
            ("[[:alnum:]._-]+", "[[:alnum:]._-]+"),
            (r"[\w]", r"[\\w]"),
            (r"[\(\)._-]", r"[\\(\\)._-]"),
            ("[]a]", r"[\]a]"),
            ("[^]a^]", r"[^\]a\^]"),
            ("[[a]", r"[\[a]"),
            ("[[[:digit:]]+]:", r"[\[[:digit:]]+\]:"),
            ("[-a]", "[-a]"),
            ("[a-]", "[a-]"),
            ("[ !-/]", "[ !-/]"),
            (r"\.\/\-\{x", r"\./-\{x"),
            ("{ a }", r"\{ a \}"),
            ("a{2}b{2,}c{2,3}d{,3}", "a{2}b{2,}c{2,3}d{0,3}"),
            ("a{x}", r"a\{x\}"),
            ("a+?b*+", "(?:a+)?(?:b*)+"),
            (r"\w\W\s\S\b", r"\w\W\s\S\b"),
            (r"\<a\>", r"\b(?=\w)a\b(?<=\w)"),
            (r"\d\e", "de"),
            ("()|a||", "(?:)|a||"),
            ("a)", r"a\)"),
        ] {
            assert_eq!(written(grep).as_deref(), Ok(perl), "{grep}");
        }
        for grep in [
            "(a",
            "[a",
            "[[:foo:]]",
            "[[.a.]]",
            "*a",
            "(+a)",
            "a|*",
            "^*",
            "[z-a]",
            "a\\",
            "a{3,2}",
        ] {
            assert!(written(grep).is_err(), "{grep}");
        }
    }
}
