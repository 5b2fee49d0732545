//! Characters by number, the sets that have names, and case under Latin-1 rules.

use super::{Parser, Result};
use crate::pattern::set::ByteSet;

/// Blanks that `x` skips.
pub(super) fn is_pattern_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

fn set_of(bytes: &[u8]) -> ByteSet {
    let mut set = ByteSet::default();
    for &byte in bytes {
        set.insert(byte);
    }
    set
}

fn where_ascii(is: impl Fn(&u8) -> bool) -> ByteSet {
    let bytes: Vec<u8> = (0..=127u8).filter(|b| is(b)).collect();
    set_of(&bytes)
}

/// Letters of Latin-1 above ASCII.
fn latin1_letters() -> ByteSet {
    set_of(&[0xAA, 0xB5, 0xBA])
        .union(ByteSet::range(0xC0, 0xD6))
        .union(ByteSet::range(0xD8, 0xF6))
        .union(ByteSet::range(0xF8, 0xFF))
}

/// Word characters.
pub(in crate::pattern) fn word(latin1: bool) -> ByteSet {
    let ascii = where_ascii(|b| b.is_ascii_alphanumeric() || *b == b'_');
    if latin1 {
        ascii.union(latin1_letters())
    } else {
        ascii
    }
}

fn space(latin1: bool) -> ByteSet {
    let ascii = ByteSet::range(b'\t', b'\r').union(set_of(b" "));
    if latin1 {
        ascii.union(set_of(&[0x85, 0xA0]))
    } else {
        ascii
    }
}

/// Vertical blanks: `\v`.
pub(in crate::pattern) fn vertical() -> ByteSet {
    ByteSet::range(b'\n', b'\r').union(set_of(&[0x85]))
}

/// The other case of each letter, by Latin-1.
pub(super) fn fold_latin1(set: ByteSet) -> ByteSet {
    let mut folded = set.fold_ascii();
    for byte in 0xC0..=0xDEu8 {
        let other = byte | 0x20;
        if byte != 0xD7 && (set.contains(byte) || set.contains(other)) {
            folded.insert(byte);
            folded.insert(other);
        }
    }
    folded
}

/// `\d`, `\w`, `\s`, `\h`, `\v`, by the lower case letter.
pub(super) fn escape_set(letter: u8, latin1: bool) -> Option<ByteSet> {
    let set = match letter.to_ascii_lowercase() {
        b'd' => ByteSet::range(b'0', b'9'),
        b'w' => word(latin1),
        b's' => space(latin1),
        b'h' => set_of(b"\t \xA0"),
        b'v' => vertical(),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() {
        set.negate()
    } else {
        set
    })
}

/// `[:alpha:]` and its kin.
pub(super) fn posix(name: &[u8], latin1: bool) -> Option<ByteSet> {
    let (ascii, more) = match name {
        b"alpha" => (where_ascii(u8::is_ascii_alphabetic), latin1_letters()),
        b"digit" => (ByteSet::range(b'0', b'9'), ByteSet::default()),
        b"alnum" => (where_ascii(u8::is_ascii_alphanumeric), latin1_letters()),
        b"upper" => (
            ByteSet::range(b'A', b'Z'),
            ByteSet::range(0xC0, 0xD6).union(ByteSet::range(0xD8, 0xDE)),
        ),
        b"lower" => (
            ByteSet::range(b'a', b'z'),
            set_of(&[0xAA, 0xB5, 0xBA])
                .union(ByteSet::range(0xDF, 0xF6))
                .union(ByteSet::range(0xF8, 0xFF)),
        ),
        b"punct" => (
            where_ascii(u8::is_ascii_punctuation),
            set_of(&[0xA1, 0xA7, 0xAB, 0xB6, 0xB7, 0xBB, 0xBF]),
        ),
        b"space" => (space(false), set_of(&[0x85, 0xA0])),
        b"blank" => (set_of(b"\t "), set_of(&[0xA0])),
        b"cntrl" => (
            where_ascii(u8::is_ascii_control),
            ByteSet::range(0x80, 0x9F),
        ),
        b"graph" => (ByteSet::range(b'!', b'~'), ByteSet::range(0xA1, 0xFF)),
        b"print" => (ByteSet::range(b' ', b'~'), ByteSet::range(0xA0, 0xFF)),
        b"word" => (word(false), latin1_letters()),
        b"xdigit" => (where_ascii(u8::is_ascii_hexdigit), ByteSet::default()),
        b"ascii" => (ByteSet::range(0, 127), ByteSet::default()),
        _ => return None,
    };
    Some(if latin1 { ascii.union(more) } else { ascii })
}

/// The bytes that have a Unicode property, taken as Latin-1.
fn property(name: &str) -> Option<ByteSet> {
    let plain: String = name
        .chars()
        .filter(|c| !matches!(c, ' ' | '_' | '-'))
        .collect::<String>()
        .to_ascii_lowercase();
    let plain = plain.strip_prefix("is").unwrap_or(&plain);
    if let Some(base) = plain.strip_prefix("xposix") {
        return posix(base.as_bytes(), true);
    }
    if let Some(base) = plain.strip_prefix("posix") {
        return posix(base.as_bytes(), false);
    }
    match plain {
        "punct" => {}
        "perlword" => return Some(word(false)),
        "xperlspace" | "spaceperl" => return Some(space(true)),
        "vertspace" => return Some(vertical()),
        "horizspace" => return posix(b"blank", true),
        "title" | "titlecase" => return Some(ByteSet::default()),
        _ => {
            if let Some(set) = posix(plain.as_bytes(), true) {
                return Some(set);
            }
        }
    }
    let name = if plain == "l&" { "LC" } else { name };
    let parse = |name: &str| {
        regex_syntax::Parser::new()
            .parse(&format!("\\p{{{name}}}"))
            .ok()
    };
    let hir = parse(name.trim()).or_else(|| parse(plain))?;
    let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) = hir.kind()
    else {
        return None;
    };
    let mut set = ByteSet::default();
    for range in class.ranges() {
        for byte in 0..=255u8 {
            if (range.start()..=range.end()).contains(&char::from(byte)) {
                set.insert(byte);
            }
        }
    }
    Some(set)
}

impl Parser<'_> {
    /// The set of one character. One above 255 is no byte, but its other case may be.
    pub(super) fn code_set(&self, code: u32) -> ByteSet {
        if let Ok(byte) = u8::try_from(code) {
            return set_of(&[byte]);
        }
        match code {
            0x17F if self.flags.i => set_of(b"s"),
            0x212A if self.flags.i => set_of(b"k"),
            0x212B if self.flags.i => set_of(&[0xE5]),
            0x1E9E if self.flags.i => set_of(&[0xDF]),
            0x178 if self.flags.i => set_of(&[0xFF]),
            0x39C | 0x3BC if self.flags.i => set_of(&[0xB5]),
            _ => ByteSet::default(),
        }
    }

    /// The set of an escape that stands for one, `letter` just read: `\d`, `\H`, `\pL`.
    pub(super) fn set_escape(&mut self, start: usize, letter: u8) -> Result<Option<ByteSet>> {
        if let Some(set) = escape_set(letter, self.latin1()) {
            return Ok(Some(set));
        }
        if !matches!(letter, b'p' | b'P') {
            return Ok(None);
        }
        let name = if self.eat(b'{') {
            self.until(b'}')
        } else {
            let one = self.rest().get(..1);
            self.pos += 1;
            one
        };
        let Some(name) = name.filter(|n| !n.is_empty()) else {
            return self.invalid(start, "a property without its name", None);
        };
        self.seen.unicode = true;
        let name = String::from_utf8_lossy(name);
        let name = name.trim();
        let (name, negated) = match name.strip_prefix('^') {
            Some(rest) => (rest, letter == b'p'),
            None => (name, letter == b'P'),
        };
        let plain = name.to_ascii_lowercase();
        let name = match plain.as_str() {
            // With `i`, either case is in each of these.
            "lu" | "ll" | "lt" | "uppercaseletter" | "lowercaseletter" if self.flags.i => "LC",
            _ => name,
        };
        let Some(set) = property(name) else {
            return self.unsupported(
                start,
                &format!("the property {name}"),
                Some("write a class in `[...]`"),
            );
        };
        let set = self.fold(set);
        Ok(Some(if negated { set.negate() } else { set }))
    }

    /// The character of an escape that stands for one by number or by name, `letter` just read.
    pub(super) fn code_escape(&mut self, start: usize, letter: u8) -> Result<Option<u32>> {
        let code = match letter {
            b'a' => 0x07,
            b'e' => 0x1B,
            b'f' => 0x0C,
            b'n' => 0x0A,
            b'r' => 0x0D,
            b't' => 0x09,
            b'x' => self.hex(start)?,
            b'o' => self.octal_braces(start)?,
            b'c' => self.control(start)?,
            b'N' if self.rest().starts_with(b"{") => self.named(start)?,
            _ => return Ok(None),
        };
        if code > 255 {
            self.seen.unicode = true;
        }
        Ok(Some(code))
    }

    fn digits(&mut self, radix: u32, most: usize) -> u32 {
        let mut value = 0u32;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(radix)) else {
                break;
            };
            value = value.saturating_mul(radix).saturating_add(digit);
            self.pos += 1;
        }
        value
    }

    /// Up to three octal digits.
    pub(super) fn octal(&mut self) -> u32 {
        self.digits(8, 3)
    }

    fn braced(&mut self, start: usize, radix: u32) -> Result<u32> {
        self.pos += 1;
        let Some(text) = self.until(b'}') else {
            return self.invalid(start, "`{` without its `}`", None);
        };
        let mut value = 0u32;
        for &byte in text.iter().skip_while(|b| matches!(b, b' ' | b'\t')) {
            match char::from(byte).to_digit(radix) {
                Some(digit) => value = value.saturating_mul(radix).saturating_add(digit),
                None if byte == b'_' => {}
                // Perl takes the digits before, and warns.
                None => break,
            }
        }
        Ok(value)
    }

    fn hex(&mut self, start: usize) -> Result<u32> {
        if self.peek() == Some(b'{') {
            self.braced(start, 16)
        } else {
            Ok(self.digits(16, 2))
        }
    }

    fn octal_braces(&mut self, start: usize) -> Result<u32> {
        if self.peek() != Some(b'{') {
            return self.invalid(start, "`\\o` without braces", Some("write `\\o{12}`"));
        }
        if self.rest().starts_with(b"{}") {
            return self.invalid(start, "`\\o` without a number", None);
        }
        self.braced(start, 8)
    }

    fn control(&mut self, start: usize) -> Result<u32> {
        match self.peek() {
            Some(byte @ b' '..=b'~') if byte != b'{' => {
                self.pos += 1;
                Ok(u32::from(byte.to_ascii_uppercase() ^ 64))
            }
            _ => self.invalid(
                start,
                "`\\c` without its character",
                Some("write `\\x01` or the like"),
            ),
        }
    }

    fn named(&mut self, start: usize) -> Result<u32> {
        self.seen.unicode = true;
        self.pos += 1;
        let Some(name) = self.until(b'}') else {
            return self.invalid(start, "`{` without its `}`", None);
        };
        let name = name.trim_ascii();
        if let Some(hex) = name.strip_prefix(b"U+") {
            let code = std::str::from_utf8(hex)
                .ok()
                .and_then(|h| u32::from_str_radix(h, 16).ok());
            return match code {
                Some(code) => Ok(code),
                None => self.invalid(start, "no number of a character", None),
            };
        }
        if name.is_empty() {
            return self.invalid(start, "a character without its name", None);
        }
        self.unsupported(
            start,
            "characters by name",
            Some("write the character as it is, or `\\xHH`"),
        )
    }
}
