//! The sets of bytes that have names in Perl: `\w`, `[:alpha:]`, `\p{...}`, and the case of letters under
//! the rules of Latin-1.

use super::set::ByteSet;

/// Whether the flag `x` skips the byte.
pub(super) fn is_pattern_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ')
}

/// The set of these bytes.
pub(super) fn set_of(bytes: &[u8]) -> ByteSet {
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

/// Word characters: `\w`.
pub(super) fn word(latin1: bool) -> ByteSet {
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
pub(super) fn vertical() -> ByteSet {
    ByteSet::range(b'\n', b'\r').union(set_of(&[0x85]))
}

/// The set with the other case of each letter of Latin-1.
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

/// The set of `\d`, `\w`, `\s`, `\h`, `\v` or its negation, by the letter.
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

/// The set of a POSIX class such as `[:alpha:]`, by its name.
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
pub(super) fn property(name: &str) -> Option<ByteSet> {
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
