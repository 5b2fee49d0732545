//! The forms of values in a message: times, addresses, paths and so on, each by its first byte.
//!
//! Each function gives the length of the form that begins at a place, if one does.

use std::net::Ipv6Addr;
use std::str::FromStr;

/// Whether a byte is one of a word. Bytes of other character sets than ASCII are.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Whether a byte is white space, as patterns have it.
pub fn is_blank(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// A place in a text from which forms are read, byte by byte.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8], at: usize) -> Self {
        Self { text, at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Passes over one byte of these.
    pub(super) fn one(&mut self, of: &[u8]) -> Option<()> {
        self.peek().filter(|byte| of.contains(byte))?;
        self.at += 1;
        Some(())
    }

    /// Passes over one byte of these if it is there.
    pub(super) fn may(&mut self, of: &[u8]) {
        let _ = self.one(of);
    }

    /// Passes over all bytes that pass the test, at least `least` and at most `most`.
    pub(super) fn run(
        &mut self,
        least: usize,
        most: usize,
        test: impl Fn(u8) -> bool,
    ) -> Option<usize> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let count = rest.iter().take(most).take_while(|b| test(**b)).count();
        self.at += count;
        (count >= least).then_some(count)
    }

    fn digits(&mut self, count: usize) -> Option<()> {
        self.run(count, count, |b| b.is_ascii_digit()).map(|_| ())
    }

    /// One of these words.
    fn word(&mut self, of: &[&str]) -> Option<()> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let found = of.iter().find(|word| rest.starts_with(word.as_bytes()))?;
        self.at += found.len();
        Some(())
    }

    /// Tries to pass over a part; stays where it was if the part is not there.
    pub(super) fn optional(&mut self, part: impl Fn(&mut Self) -> Option<()>) {
        let mut tried = *self;
        if part(&mut tried).is_some() {
            *self = tried;
        }
    }

    /// Whether no byte of a word stands here.
    fn ends_word(&self) -> bool {
        !self.peek().is_some_and(is_word)
    }
}

const MONTHS: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const DAYS: &[&str] = &["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A duration as systemd writes it: `2min 3.5s`.
pub fn duration(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 9, |b| b.is_ascii_digit())?;
    r.word(&["min", "h", "d"])?;
    r.one(b" ")?;
    r.run(1, 1, |b| b.is_ascii_digit())?;
    r.run(0, 20, |b| b.is_ascii_digit() || b == b'.')?;
    r.word(&["min", "ms", "s"])?;
    r.ends_word().then_some(r.at - at)
}

/// `dd:dd:dd` with a fraction.
fn clock(r: &mut Reader<'_>, fraction: &[u8]) -> Option<()> {
    r.digits(2)?;
    r.one(b":")?;
    r.digits(2)?;
    r.one(b":")?;
    r.digits(2)?;
    r.optional(|r| {
        r.one(fraction)?;
        r.run(1, 12, |b| b.is_ascii_digit()).map(|_| ())
    });
    Some(())
}

/// A time stamp: ISO 8601, a stamp of syslog, of `ctime` or of web servers, or a clock alone.
pub fn time(text: &[u8], at: usize) -> Option<usize> {
    let first = *text.get(at)?;
    if first.is_ascii_digit() {
        return iso(text, at)
            .or_else(|| web(text, at))
            .or_else(|| clock_alone(text, at));
    }
    if !first.is_ascii_uppercase() {
        return None;
    }
    let mut r = Reader::new(text, at);
    r.optional(|r| {
        r.word(DAYS)?;
        r.may(b",");
        r.one(b" ")
    });
    r.word(MONTHS)?;
    r.run(1, 2, |b| b == b' ')?;
    r.run(1, 2, |b| b.is_ascii_digit())?;
    r.one(b" ")?;
    r.optional(|r| {
        r.digits(4)?;
        r.one(b" ")
    });
    clock(&mut r, b".")?;
    r.optional(|r| {
        r.one(b" ")?;
        r.run(3, 4, |b| b.is_ascii_uppercase())?;
        let mut year = *r;
        year.one(b" ")?;
        year.digits(4)
    });
    r.optional(|r| {
        r.one(b" ")?;
        r.digits(4)
    });
    Some(r.at - at)
}

fn iso(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.digits(4)?;
    r.one(b"-/.")?;
    r.digits(2)?;
    r.one(b"-/.")?;
    r.digits(2)?;
    let date = r;
    r.optional(|r| {
        r.one(b"T _-")?;
        r.may(b" ");
        r.digits(2)?;
        r.one(b":.")?;
        r.digits(2)?;
        r.one(b":.")?;
        r.digits(2)?;
        r.optional(|r| {
            r.one(b".,")?;
            r.run(1, 12, |b| b.is_ascii_digit()).map(|_| ())
        });
        let bare = *r;
        r.optional(|r| {
            if r.one(b"Z").is_some() {
                return Some(());
            }
            r.may(b" ");
            r.one(b"+-")?;
            r.digits(2)?;
            r.may(b":");
            r.digits(2)
        });
        if !r.ends_word() {
            *r = bare;
        }
        Some(())
    });
    if r.ends_word() {
        return Some(r.at - at);
    }
    date.ends_word().then_some(date.at - at)
}

/// `16/Nov/2026:21:44:00 +0900`, as web servers have it.
fn web(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 2, |b| b.is_ascii_digit())?;
    r.one(b"/ -")?;
    r.word(MONTHS)?;
    r.one(b"/ -")?;
    r.digits(4)?;
    r.one(b": ")?;
    clock(&mut r, b".,")?;
    r.optional(|r| {
        r.one(b" ")?;
        r.one(b"+-")?;
        r.digits(4)
    });
    Some(r.at - at)
}

fn clock_alone(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 2, |b| b.is_ascii_digit())?;
    r.one(b":")?;
    r.digits(2)?;
    r.one(b":")?;
    r.digits(2)?;
    let ends = |r: &Reader<'_>| !r.peek().is_some_and(|b| is_word(b) || b == b':');
    let whole = r;
    r.optional(|r| {
        r.one(b".,")?;
        r.run(1, 12, |b| b.is_ascii_digit()).map(|_| ())
    });
    let found = if ends(&r) { r } else { whole };
    ends(&found).then_some(found.at - at)
}

/// A URL, up to a blank or a sign that ends it.
pub fn url(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 1, |b| b.is_ascii_alphabetic())?;
    r.run(0, 40, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-')
    })?;
    r.word(&["://"])?;
    r.run(1, usize::MAX, |b| {
        !is_blank(b) && !b"\"'<>)]},;|".contains(&b)
    })?;
    Some(r.at - at)
}

/// `<…>` without blanks, or a list of such.
pub fn angles(text: &[u8], at: usize) -> Option<usize> {
    let one = |r: &mut Reader<'_>| {
        r.one(b"<")?;
        r.run(0, usize::MAX, |b| !is_blank(b) && !b"<>".contains(&b))?;
        r.one(b">")
    };
    let mut r = Reader::new(text, at);
    one(&mut r)?;
    loop {
        let before = r.at;
        r.optional(|r| {
            r.one(b",")?;
            r.may(b" ");
            one(r)
        });
        if r.at == before {
            return Some(r.at - at);
        }
    }
}

/// A mail address.
pub fn mail(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 320, |b| {
        !is_blank(b) && !b"@<>()[]{},;:\"'=/|#".contains(&b)
    })?;
    r.one(b"@")?;
    let host = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    r.run(1, 255, host)?;
    loop {
        let before = r.at;
        r.optional(|r| {
            r.one(b".")?;
            r.run(1, 255, host).map(|_| ())
        });
        if r.at == before {
            return Some(r.at - at);
        }
    }
}

/// Whether a byte is a hex digit.
pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// A UUID.
pub fn uuid(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(8, 8, is_hex)?;
    for _ in 0..3 {
        r.one(b"-")?;
        r.run(4, 4, is_hex)?;
    }
    r.one(b"-")?;
    r.run(12, 12, is_hex)?;
    Some(r.at - at)
}

/// A hardware address: six or more pairs of hex digits.
pub fn hardware(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(2, 2, is_hex)?;
    let mut pairs = 0;
    loop {
        let before = r.at;
        r.optional(|r| {
            r.one(b":-")?;
            r.run(2, 2, is_hex).map(|_| ())
        });
        if r.at == before {
            break;
        }
        pairs += 1;
    }
    let ends = !r.peek().is_some_and(|b| is_word(b) || b == b':');
    (pairs >= 5 && ends).then_some(r.at - at)
}

/// What looks like an IPv6 address: its length, and whether it is one.
pub fn ipv6(text: &[u8], at: usize) -> Option<(usize, bool)> {
    let mut r = Reader::new(text, at);
    let mut parts = 0;
    loop {
        let before = r.at;
        if parts < 7 {
            r.optional(|r| {
                r.run(0, 4, is_hex)?;
                r.one(b":")
            });
        }
        if r.at == before {
            break;
        }
        parts += 1;
    }
    if parts < 2 {
        return None;
    }
    r.run(0, 4, is_hex)?;
    let address = text.get(at..r.at).unwrap_or_default();
    r.optional(|r| {
        r.one(b"%")?;
        r.run(1, 40, is_word).map(|_| ())
    });
    if r.peek().is_some_and(|b| is_word(b) || b == b':') {
        return None;
    }
    let address = std::str::from_utf8(address).unwrap_or_default();
    Some((r.at - at, Ipv6Addr::from_str(address).is_ok()))
}

/// An IPv4 address, with the length of a net.
pub fn ipv4(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(1, 3, |b| b.is_ascii_digit())?;
    for _ in 0..3 {
        r.one(b".")?;
        r.run(1, 3, |b| b.is_ascii_digit())?;
    }
    let address = r;
    r.optional(|r| {
        r.one(b"/")?;
        r.run(1, 2, |b| b.is_ascii_digit()).map(|_| ())
    });
    let found = if r.ends_word() { r } else { address };
    found.ends_word().then_some(found.at - at)
}

/// A number in hex: `0x…`.
pub fn hex(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.word(&["0x"])?;
    r.run(1, usize::MAX, is_hex)?;
    r.ends_word().then_some(r.at - at)
}

/// Sixteen or more characters of base64, of all three kinds.
pub fn base64(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.run(16, usize::MAX, |b| {
        b.is_ascii_alphanumeric() || b == b'+' || b == b'/'
    })?;
    let run = text.get(at..r.at).unwrap_or_default();
    let has = |test: fn(&u8) -> bool| run.iter().any(test);
    if !has(u8::is_ascii_digit) || !has(u8::is_ascii_uppercase) || !has(u8::is_ascii_lowercase) {
        return None;
    }
    let bare = r;
    r.run(0, 2, |b| b == b'=')?;
    let found = if r.ends_word() { r } else { bare };
    found.ends_word().then_some(found.at - at)
}

/// A path of files.
pub fn path(text: &[u8], at: usize) -> Option<usize> {
    let mut r = Reader::new(text, at);
    r.optional(|r| r.word(&["~", "..", "."]));
    r.one(b"/")?;
    r.run(1, usize::MAX, |b| {
        !is_blank(b) && !b"\"'`(),;:[]<>=|{}".contains(&b)
    })?;
    Some(r.at - at)
}

/// A word: letters and digits, with single signs between; `sign` says whether a sign of a number may stand in
/// front, `colons` whether `::` is inside of words.
pub fn word(text: &[u8], at: usize, colons: bool) -> Option<usize> {
    let mut r = Reader::new(text, at);
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    if !before.is_some_and(|b| is_word(*b) || matches!(b, b'.' | b')'))
        && text.get(at + 1).is_some_and(u8::is_ascii_digit)
    {
        r.may(b"-+");
    }
    r.run(1, usize::MAX, is_word)?;
    loop {
        let end = r.at;
        r.optional(|r| {
            if colons && r.word(&["::"]).is_some() {
                return r.run(1, usize::MAX, is_word).map(|_| ());
            }
            r.one(b".'-")?;
            r.run(1, usize::MAX, is_word).map(|_| ())
        });
        if r.at == end {
            return Some(r.at - at);
        }
    }
}
