//! The shape of a line: what is left of it when the values that its rule did not mask are replaced by their
//! types. Lines of one shape are of one kind.
//!
//! A rule that masks less than it could must not make a new kind of each process id or address. So numbers,
//! addresses, paths, quoted texts and names of hosts count as what they are, not as what they say.

use bstr::ByteSlice;

/// The types, as they stand in a shape. No line that comes as text has these bytes.
const NUMBER: u8 = b'#';
const ADDRESS: u8 = 1;
const PATH: u8 = 2;
const HOST: u8 = 3;
const MAIL: u8 = 4;
const QUOTED: u8 = 5;

/// The bytes of a line that are looked at.
const LONGEST: usize = 2048;
/// The bytes of a quoted text, at most: an apostrophe may have no other end.
const LONGEST_QUOTE: usize = 512;

/// Whether a byte is a letter, a digit, or one that stands within names, numbers and paths.
const WORD: u8 = 1;
const DIGIT: u8 = 1 << 1;
/// Whether a byte opens a quoted text.
const QUOTE: u8 = 1 << 2;
const HEX: u8 = 1 << 3;
const DOT: u8 = 1 << 4;
const COLON: u8 = 1 << 5;
const SLASH: u8 = 1 << 6;
const AT: u8 = 1 << 7;
/// A word with one of these may be a value.
const MARKS: u8 = DIGIT | DOT | COLON | SLASH | AT;

/// What each byte is.
const CLASSES: [u8; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "it is done while this is compiled")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => WORD | DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' => WORD | HEX,
            b'g'..=b'z' | b'G'..=b'Z' | b'_' | b'-' | b'+' | b'%' | b'~' | 0x80..=0xff => WORD,
            b'.' => WORD | DOT,
            b':' => WORD | COLON,
            b'/' => WORD | SLASH,
            b'@' => WORD | AT,
            b'"' | b'\'' | b'`' | b'<' => QUOTE,
            _ => 0,
        };
        byte += 1;
    }
    classes
}

#[inline(always)]
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Appends the shape of a line of this host to `out`.
pub fn shape(line: &[u8], host: &[u8], out: &mut Vec<u8>) {
    let line = line.get(..LONGEST).unwrap_or(line);
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let of_byte = class(byte);
        if of_byte & WORD != 0 {
            at = word(line, at, host, out);
        } else if of_byte & QUOTE != 0 {
            at = quote(line, at, out);
        } else {
            // Blanks that align columns are one blank.
            if byte != b' ' || out.last() != Some(&b' ') {
                out.push(byte);
            }
            at += 1;
        }
    }
}

/// Takes the word that begins at `at`. Gives where it ends.
#[inline]
fn word(line: &[u8], at: usize, host: &[u8], out: &mut Vec<u8>) -> usize {
    let rest = line.get(at..).unwrap_or_default();
    // What its bytes are up to the last one that is no end of a sentence or of a tag.
    let (mut any, mut every, mut end, mut length) = (0, WORD | DIGIT, 0, 0);
    let (mut any_so_far, mut every_so_far) = (any, every);
    for &byte in rest {
        let of_byte = class(byte);
        if of_byte & WORD == 0 {
            break;
        }
        any_so_far |= of_byte;
        every_so_far &= of_byte;
        length += 1;
        if !matches!(byte, b'.' | b':' | b'-') {
            (any, every, end) = (any_so_far, every_so_far, length);
        }
    }
    let text = rest.get(..length).unwrap_or_default();
    let (inner, tail) = text.split_at_checked(end).unwrap_or_default();
    if every & DIGIT != 0 && end > 0 {
        out.push(NUMBER);
    } else if inner == host && end > 0 {
        out.push(HOST);
    } else if any & MARKS == 0 {
        out.extend_from_slice(inner);
    } else {
        marked(inner, any, out);
    }
    out.extend_from_slice(tail);
    at + length
}

/// Takes a word that may be a value; `any` is what its bytes are.
fn marked(word: &[u8], any: u8, out: &mut Vec<u8>) {
    let word = match word {
        [b'-' | b'+', rest @ ..] if rest.first().is_some_and(|byte| is_digit(*byte)) => rest,
        _ => word,
    };
    if any & SLASH != 0 {
        match word {
            [b'/', ..] | [b'~', b'/', ..] => return out.push(PATH),
            _ if word.contains_str("://") => return out.push(PATH),
            _ => {}
        }
    }
    if any & AT != 0 && !is_unit(word) {
        return out.push(MAIL);
    }
    if any & DIGIT != 0 && any & (DOT | COLON) != 0 && is_address(word) {
        return out.push(ADDRESS);
    }
    if any & DOT != 0 && is_host(word) {
        return out.push(HOST);
    }
    if any & DIGIT == 0 {
        return out.extend_from_slice(word);
    }
    match is_identifier(word) {
        true => out.push(NUMBER),
        false => numbers(word, out),
    }
}

/// Takes a word whose digits alone are values: `sda1`, `1.5`, `12:30`.
fn numbers(word: &[u8], out: &mut Vec<u8>) {
    let mut rest = word;
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if !is_digit(byte) {
            out.push(byte);
            continue;
        }
        out.push(NUMBER);
        // A fraction, or a version, is one number.
        loop {
            rest = match rest {
                [byte, behind @ ..] if is_digit(*byte) => behind,
                [b'.', byte, behind @ ..] if is_digit(*byte) => behind,
                _ => break,
            };
        }
    }
}

/// Takes a quoted text, or the quote alone if it opens none. Gives where it ends.
fn quote(line: &[u8], at: usize, out: &mut Vec<u8>) -> usize {
    let open = line.get(at).copied().unwrap_or_default();
    let before = at.checked_sub(1).and_then(|before| line.get(before));
    let rest = line.get(at + 1..).unwrap_or_default();
    let rest = rest.get(..LONGEST_QUOTE).unwrap_or(rest);
    let close = match open {
        b'`' => b'\'',
        b'<' => b'>',
        quote => quote,
    };
    let inside_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric());
    let end = memchr::memchr(close, rest).filter(|_| open == b'"' || !inside_word);
    let end = end.filter(|end| {
        let text = rest.get(..*end).unwrap_or_default();
        let after = rest.get(end + 1).copied().unwrap_or(b' ');
        match open {
            b'<' => text.is_empty() || (text.contains(&b'@') && !text.contains(&b' ')),
            _ => !after.is_ascii_alphanumeric(),
        }
    });
    match end {
        Some(end) => {
            out.push(if open == b'<' { MAIL } else { QUOTED });
            at + 1 + end + 1
        }
        None => {
            out.push(open);
            at + 1
        }
    }
}

/// Whether a word is the name of a systemd unit: it says what was done, and to what.
fn is_unit(word: &[u8]) -> bool {
    let kinds = [
        "service", "socket", "timer", "mount", "slice", "scope", "target", "device", "path", "swap",
    ];
    let last = word.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    last.len() < word.len() && kinds.iter().any(|kind| kind.as_bytes() == last)
}

/// Whether a word with digits is an address of a machine: `192.0.2.1`, with a port too, `2001:db8::1`,
/// `00:16:3e:12:34:56`.
fn is_address(word: &[u8]) -> bool {
    let (mut dots, mut colons, mut numeric, mut hex) = (0, 0, true, true);
    for &byte in word {
        let of_byte = class(byte);
        dots += usize::from(of_byte & DOT != 0);
        colons += usize::from(of_byte & COLON != 0);
        let between = of_byte & (DOT | COLON | SLASH) != 0;
        numeric &= between || of_byte & DIGIT != 0;
        hex &= between || of_byte & HEX != 0 || byte == b'%';
        if !hex {
            return false;
        }
    }
    let begins = word.first().is_some_and(|byte| is_digit(*byte));
    match dots == 3 && begins {
        true => numeric,
        false => colons >= 2,
    }
}

/// The last labels of names of hosts that have one dot only.
const DOMAINS: [&str; 12] = [
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "info",
    "biz",
    "local",
    "lan",
    "internal",
    "localdomain",
    "arpa",
];

/// Whether a word is the full name of a host: `mail.example.com`.
fn is_host(word: &[u8]) -> bool {
    // A port may stand behind it.
    let name = match word.rsplit_once_str(":") {
        Some((name, port)) if port.iter().all(|byte| is_digit(*byte)) => name,
        _ => word,
    };
    let labels = || name.split(|byte| *byte == b'.');
    let good = |label: &[u8]| {
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        !label.is_empty() && label.iter().all(part)
    };
    if !name.contains(&b'.') || !labels().all(good) || is_unit(name) {
        return false;
    }
    let is_domain = |label: &[u8]| DOMAINS.iter().any(|domain| domain.as_bytes() == label);
    let last = labels().next_back().unwrap_or_default();
    if last.len() < 2 || !last.iter().all(u8::is_ascii_lowercase) {
        return false;
    }
    // `org.freedesktop.systemd1`, `java.lang` and `net.core` are names of another kind.
    let first = labels().next().unwrap_or_default();
    let reversed = is_domain(first) || matches!(first, b"java" | b"javax" | b"kernel");
    (labels().count() > 2 && !reversed) || is_domain(last)
}

/// Whether a word is an identifier that a program made: a number in hexadecimal digits, a queue id.
fn is_identifier(word: &[u8]) -> bool {
    if word.starts_with(b"0x") {
        return true;
    }
    let (mut digits, mut letters, mut changes, mut hex) = (0, 0, 0, true);
    let mut before = 0;
    for &byte in word {
        let of_byte = class(byte);
        hex &= of_byte & HEX != 0 || byte == b'-';
        let digit = of_byte & DIGIT;
        changes += usize::from(digit != before);
        before = digit;
        digits += usize::from(digit != 0);
        letters += usize::from(digit == 0 && byte != b'-');
    }
    if digits == 0 {
        return false;
    }
    (hex && letters > 0 && word.len() >= 4) || (changes >= 3 && word.len() >= 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        let mut out = Vec::new();
        shape(line.as_bytes(), b"web1", &mut out);
        let shape = out.to_str_lossy().into_owned();
        let types = [
            (1_u8, "<ip>"),
            (2, "<path>"),
            (3, "<host>"),
            (4, "<mail>"),
            (5, "<q>"),
        ];
        types.iter().fold(shape, |shape, (byte, name)| {
            shape.replace(char::from(*byte), name)
        })
    }

    #[test]
    fn values_count_as_what_they_are() {
        let cases = [
            ("sshd: error: kex_exchange_identification: ______", None),
            ("mdadm: it can't be, isn't it", None),
            ("systemd: Started cron.service.", None),
            (
                "app: java.lang.NullPointerException in com.example.Main",
                None,
            ),
            ("dbus: org.freedesktop.DBus.Error", None),
            (
                "kernel: md device sda1 of 7",
                Some("kernel: md device sda# of #"),
            ),
            ("took 1.5 s, 12 kB, -3", Some("took # s, # kB, #")),
            ("from 192.0.2.17 port 4711", Some("from <ip> port #")),
            (
                "from 192.0.2.17:4711, 2001:db8::1.",
                Some("from <ip>, <ip>."),
            ),
            ("mac 00:16:3e:12:34:56 on eth0", Some("mac <ip> on eth#")),
            ("open /var/log/x.1: no", Some("open <path>: no")),
            ("get https://example.com/x?y z", Some("get <path>?y z")),
            (
                "to=<bob@example.com>, relay=mx.example.com[192.0.2.1]:25",
                Some("to=<mail>, relay=<host>[<ip>]:#"),
            ),
            ("from=<>, size=12", Some("from=<mail>, size=#")),
            ("for user@example.com now", Some("for <mail> now")),
            ("user@1000.service: done", Some("user@#.service: done")),
            ("5B3C12D4E0: removed", Some("#: removed")),
            ("4WJ5Nb1XzQz9: removed", Some("#: removed")),
            ("at 0xffffffff81234567", Some("at #")),
            ("id 6ba7b810-9dad-11d1-80b4-00c04fd430c8", Some("id #")),
            (
                "user \"bob smith\" and 'eve' or `mallory'",
                Some("user <q> and <q> or <q>"),
            ),
            ("web1 is up, web10 too", Some("<host> is up, web# too")),
            ("a  b   c", Some("a b c")),
            ("at 12:30:15 and 12:30", Some("at <ip> and #:#")),
        ];
        for (line, want) in cases {
            assert_eq!(shown(line), want.unwrap_or(line), "{line}");
        }
    }

    #[test]
    fn any_bytes_have_a_shape_and_a_long_line_is_cut() {
        let mut random = crate::random::Random::new(5);
        for _ in 0..5_000 {
            let length = random.below(40);
            let line: Vec<u8> = (0..length).map(|_| random.bits() as u8).collect();
            let mut out = Vec::new();
            shape(&line, b"h", &mut out);
            assert!(out.len() <= line.len());
        }
        let mut out = Vec::new();
        shape(&[b'"'; 100_000], b"h", &mut out);
        assert!(out.len() <= LONGEST);
    }
}
