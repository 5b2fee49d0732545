//! The safe form in which foreign text (a log, a file name, the words of a server) is shown on a terminal, in
//! a mail, in a syslog message.
//!
//! A stranger's text must neither steer a terminal nor look like another text. So control characters show
//! as `\xNN`, and characters that have no picture of their own, or that turn the direction of what stands
//! beside them, as `\u{202E}`. Bytes are text only if all of them are UTF-8: of any other text, each byte
//! from 0x80 on shows as `\xNN`, so that it can be decoded by hand. Two or three bytes of another character
//! set are UTF-8 by chance, and would show as letters that nobody wrote.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Bytes that are to be shown on one line: its `Display` is safe on a terminal and holds no line end.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    bytes: &'a [u8],
    /// Whether the whole text that the bytes are a part of is UTF-8.
    utf8: bool,
}

/// The safe form of bytes: a line of a log, the name of a host, a pattern.
pub fn shown(bytes: &[u8]) -> Shown<'_> {
    let utf8 = std::str::from_utf8(bytes).is_ok();
    Shown { bytes, utf8 }
}

/// The safe form of the name of a file.
pub fn shown_path(path: &(impl AsRef<Path> + ?Sized)) -> Shown<'_> {
    shown(path.as_ref().as_os_str().as_bytes())
}

/// The safe form of a word of a command line.
pub fn shown_os(word: &(impl AsRef<OsStr> + ?Sized)) -> Shown<'_> {
    shown(word.as_ref().as_bytes())
}

/// The safe form of a text of several lines: line ends stay.
pub fn shown_lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, line) in text.split('\n').enumerate() {
        if at > 0 {
            out.push('\n');
        }
        shown(line.as_bytes()).append_to(&mut out);
    }
    out
}

/// A number with commas between its thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of seconds for people: `42 s`, `5 min`, `3 h 20 min`, `12 d 4 h`.
pub fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A number of bytes for people: `42 B`, `1.5 KiB`.
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

/// The last place up to `at` where no UTF-8 character of a text is cut. UTF-8 has one within three bytes; in
/// any other text it is `at` itself.
pub fn whole_characters(text: &[u8], at: usize) -> usize {
    let inside = |at: usize| text.get(at).is_some_and(|b| (0x80..0xc0).contains(b));
    (at.saturating_sub(3)..=at)
        .rev()
        .find(|at| !inside(*at))
        .unwrap_or(at)
}

impl<'a> Shown<'a> {
    /// A part of this text, shown as in the whole; empty where the range is beyond the end.
    pub fn part(self, range: std::ops::Range<usize>) -> Self {
        Self {
            bytes: self.bytes.get(range).unwrap_or_default(),
            utf8: self.utf8,
        }
    }

    /// Appends the safe form to `out`.
    pub fn append_to(self, out: &mut String) {
        if let Some(plain) = self.plain() {
            return out.push_str(plain);
        }
        // Writing to a String cannot fail.
        let _ = self.write(out);
    }

    /// The text, if it holds only printable ASCII and so is its own safe form, as nearly all texts.
    fn plain(self) -> Option<&'a str> {
        let plain = |&b: &u8| matches!(b, b' '..=b'~' | b'\t');
        let text = self.bytes.iter().all(plain).then_some(self.bytes)?;
        std::str::from_utf8(text).ok()
    }

    /// The safe form, piece by piece.
    pub fn pieces(self) -> impl Iterator<Item = Piece> + 'a {
        let utf8 = self.utf8;
        self.bytes.utf8_chunks().flat_map(move |chunk| {
            let mut before = None;
            let mut rest = chunk.valid().chars();
            let valid = std::iter::from_fn(move || {
                let c = rest.next()?;
                let piece = match c {
                    c if c.is_control() && c != '\t' => Piece::Bytes(c),
                    c if !c.is_ascii() && !utf8 => Piece::Bytes(c),
                    c if is_unseen(c) && !is_joined(before, c, rest.clone().next()) => {
                        Piece::Unseen(c)
                    }
                    c => Piece::Plain(c),
                };
                before = Some(c);
                Some(piece)
            });
            valid.chain(chunk.invalid().iter().map(|&byte| Piece::Byte(byte)))
        })
    }

    fn write(self, out: &mut dyn fmt::Write) -> fmt::Result {
        self.pieces().try_for_each(|piece| piece.write(out))
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.plain() {
            // With the width that the format asks for.
            Some(text) => f.pad(text),
            None => self.write(f),
        }
    }
}

/// A piece of the safe form: a character or a byte of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece {
    /// A character that is shown as it is.
    Plain(char),
    /// A character whose bytes are shown, each as `\xNN`: a control character, or one that is not to be
    /// taken for UTF-8.
    Bytes(char),
    /// A character that is shown as `\u{N}`.
    Unseen(char),
    /// A byte that is shown as `\xNN`.
    Byte(u8),
}

impl Piece {
    /// The length in the text, bytes.
    pub fn length(self) -> usize {
        match self {
            Self::Plain(c) | Self::Bytes(c) | Self::Unseen(c) => c.len_utf8(),
            Self::Byte(_) => 1,
        }
    }

    /// The length in the safe form, bytes.
    pub fn width(self) -> usize {
        /// The length of `\xNN`.
        const HEX: usize = 4;
        match self {
            Self::Plain(c) => c.len_utf8(),
            Self::Bytes(c) => HEX * c.len_utf8(),
            Self::Byte(_) => HEX,
            Self::Unseen(c) => {
                let digits = (u32::BITS - u32::from(c).leading_zeros()).div_ceil(4);
                r"\u{}".len() + digits as usize
            }
        }
    }

    /// Writes the safe form.
    ///
    /// # Errors
    /// The errors of `out`.
    pub fn write(self, out: &mut dyn fmt::Write) -> fmt::Result {
        match self {
            Self::Plain(c) => out.write_char(c),
            Self::Unseen(c) => write!(out, "\\u{{{:X}}}", u32::from(c)),
            Self::Byte(byte) => write!(out, "\\x{byte:02X}"),
            Self::Bytes(c) => {
                let mut room = [0; 4];
                let bytes = c.encode_utf8(&mut room).bytes();
                for byte in bytes {
                    write!(out, "\\x{byte:02X}")?;
                }
                Ok(())
            }
        }
    }
}

/// Whether a character has no picture of its own, or changes the order or the line of what stands beside it:
/// the Unicode characters of the categories Cf, Zl and Zp, the fillers, and the selectors of variants.
pub fn is_unseen(c: char) -> bool {
    matches!(
        u32::from(c),
        // The soft hyphen, the grapheme joiner, the Arabic letter mark.
        0xad | 0x34f | 0x61c
        // The fillers of Hangul, the marks that no font draws in Khmer and Mongolian.
        | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f | 0x3164 | 0xffa0
        // Zero widths and direction marks, the ends of lines and paragraphs, embeddings and overrides.
        | 0x200b..=0x200f | 0x2028..=0x202e
        // The word joiner, the unseen operators, isolates, and what Unicode gave up.
        | 0x2060..=0x206f
        // The selectors of variants, the byte order mark, annotations between the lines.
        | 0xfe00..=0xfe0f | 0xfeff | 0xfff9..=0xfffb
        // Controls of shorthand and of music, tags, the other selectors of variants.
        | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
    )
}

/// Whether an unseen character belongs to the writing that it stands in: a joiner (or its contrary) between
/// two letters of a script that joins, as in Persian and Hindi, or between two signs of an emoji; a selector
/// of variants behind a sign or a Chinese character. Anywhere else it only hides.
fn is_joined(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else {
        return false;
    };
    match c {
        '\u{200c}' | '\u{200d}' => {
            let both = |test: fn(char) -> bool| test(before) && after.is_some_and(test);
            both(is_of_joining_script) || (c == '\u{200d}' && both(is_of_emoji))
        }
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            is_sign(before) || is_chinese(before)
        }
        _ => false,
    }
}

/// Arabic, Syriac, N'Ko and the like; the scripts of India and of what is near it; Khmer; Mongolian.
fn is_of_joining_script(c: char) -> bool {
    let letter = matches!(u32::from(c), 0x620..=0x8ff | 0x900..=0xdff | 0xf00..=0x109f
        | 0x1780..=0x18af | 0x1a20..=0x1aad | 0x1b00..=0x1c4f | 0xa840..=0xa9ff
        | 0xaa60..=0xaadf | 0xabc0..=0xabff | 0xfb50..=0xfdff | 0xfe70..=0xfefc
        | 0x10a00..=0x10fff | 0x11000..=0x11fff);
    letter && !is_unseen(c)
}

fn is_of_emoji(c: char) -> bool {
    is_sign(c) || c == '\u{fe0f}'
}

fn is_sign(c: char) -> bool {
    matches!(u32::from(c), 0x203c | 0x2049 | 0x2122..=0x2bff | 0x3030 | 0x303d | 0x3297 | 0x3299
        | 0x1f000..=0x1faff)
}

fn is_chinese(c: char) -> bool {
    matches!(u32::from(c), 0x3400..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        let mut text = String::new();
        shown(bytes).append_to(&mut text);
        assert_eq!(text, shown(bytes).to_string());
        let width: usize = shown(bytes).pieces().map(Piece::width).sum();
        let length: usize = shown(bytes).pieces().map(Piece::length).sum();
        assert_eq!((width, length), (text.len(), bytes.len()));
        text
    }

    #[test]
    fn text_stays_as_it_is() {
        let texts = [
            "",
            "a line\twith ~ a tab",
            "café, 日本語, Ελλάδα, русский, עברית, العربية",
            "\u{1f600} \u{2764}\u{fe0f} \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308} \u{1f469}\u{1f3fd}\u{200d}\u{1f680}",
            "می\u{200c}خواهم, क\u{94d}\u{200d}ष, 葛\u{e0100}城",
        ];
        for whole in texts {
            assert_eq!(text(whole.as_bytes()), whole);
        }
    }

    #[test]
    fn controls_are_shown_by_their_bytes() {
        let line = "\u{1b}[2J\u{1b}]0;t\u{7}\r\n\0\u{7f}\u{85}\u{9b}31m";
        let want = r"\x1B[2J\x1B]0;t\x07\x0D\x0A\x00\x7F\xC2\x85\xC2\x9B31m";
        assert_eq!(text(line.as_bytes()), want);
    }

    #[test]
    fn what_nobody_sees_is_shown_by_its_number() {
        let unseen = "\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\
            \u{200e}\u{200f}\u{61c}\u{200b}\u{200c}\u{200d}\u{2060}\u{2063}\u{feff}\u{ad}\u{2028}\u{2029}\
            \u{e0001}\u{e0041}\u{e007f}\u{3164}\u{ffa0}\u{115f}\u{180e}\u{34f}\u{fff9}\u{fe0f}\u{e0100}";
        for c in unseen.chars() {
            let line = format!("ro{c}ot");
            let want = format!("ro\\u{{{:X}}}ot", u32::from(c));
            assert_eq!(text(line.as_bytes()), want);
            // At the begin and at the end of a text there is nothing to join.
            let want = format!("\\u{{{0:X}}}x\\u{{{0:X}}}", u32::from(c));
            assert_eq!(text(format!("{c}x{c}").as_bytes()), want);
        }
        assert_eq!(unseen.chars().count(), 32);
        // A joiner of an emoji joins nothing else, and one is enough.
        assert_eq!(text("日\u{200d}本".as_bytes()), r"日\u{200D}本");
        assert_eq!(text("م\u{200c}\u{200c}ی".as_bytes()), r"م\u{200C}\u{200C}ی");
    }

    #[test]
    fn bytes_are_utf8_as_a_whole_or_not_at_all() {
        // EUC-JP: 失敗 are two bytes of which the middle two look like a letter of Arabic.
        assert_eq!(text(b"err \xbc\xba\xc7\xd4"), r"err \xBC\xBA\xC7\xD4");
        assert_eq!(text(b"\xc4\xa7\xa4"), r"\xC4\xA7\xA4");
        assert_eq!(text(b"caf\xc3\xa9 \xff"), r"caf\xC3\xA9 \xFF");
        let whole = "caf\u{e9}!".as_bytes();
        assert_eq!(shown(whole).part(0..5).to_string(), "café");
        assert_eq!(whole_characters(whole, 4), 3);
        assert_eq!(whole_characters(whole, 5), 5);
        assert_eq!(whole_characters(whole, 99), 99);
        assert_eq!(whole_characters(&[0x80; 9], 5), 5);
        // A part that cuts a character, and parts that are not there.
        assert_eq!(shown(whole).part(0..4).to_string(), r"caf\xC3");
        assert_eq!(shown(whole).part(4..99).to_string(), "");
        assert_eq!(shown(b"\xc3\xa9\xff").part(0..2).to_string(), r"\xC3\xA9");
    }

    #[test]
    fn thousands_stand_apart() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(thousands(n), text);
        }
    }

    #[test]
    fn messages_keep_their_lines_and_names_do_not() {
        assert_eq!(shown_lines("a\n\u{1b}b\r\n"), "a\n\\x1Bb\\x0D\n");
        assert_eq!(shown_path("/l/a\nb\u{1b}").to_string(), r"/l/a\x0Ab\x1B");
        assert_eq!(shown_os(OsStr::from_bytes(b"\xe9")).to_string(), r"\xE9");
        assert_eq!(
            format!("{:>3}|{:<3}|", shown(b"a"), shown(b"b")),
            "  a|b  |"
        );
    }

    #[test]
    fn numbers_for_people() {
        let spans = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (12_000, "3 h 20 min"),
            (1_051_200, "12 d 4 h"),
        ];
        for (seconds, want) in spans {
            assert_eq!(span(seconds), want);
        }
        for (bytes, want) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(size(bytes), want);
        }
    }
}
