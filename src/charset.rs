//! Character sets of text that is not UTF-8 (`set charset`).
//!
//! A [`Charset`] is what the configuration says of a source of lines, a [`Coding`] how the bytes of one
//! file or stream of it are read: a byte order mark at the beginning of a file stands above the
//! configuration. Lines become UTF-8 one by one, as soon as they are cut, so rules, masks and reports
//! know nothing of it. Positions stay positions in the bytes as they are written.

use std::borrow::Cow;
use std::fmt::Write as _;

use encoding_rs::{
    DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED,
};
use memchr::memchr_iter;

/// A character set in which lines and configuration text are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charset(&'static Encoding);

/// How the bytes of one file or stream become lines in UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Coding {
    /// The bytes are the lines: no `set charset` is for them.
    #[default]
    Bytes,
    /// UTF-8, of which a byte order mark is left out.
    Utf8,
    /// A set in which a line end is the one byte that it is in ASCII. A line that is UTF-8 stays as it is.
    Set(&'static Encoding),
    /// UTF-16, the low byte of a code unit first.
    Utf16Le,
    /// UTF-16, the high byte of a code unit first.
    Utf16Be,
}

/// The byte order mark in UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

impl Charset {
    /// The character set of this name. The names stand in the WHATWG Encoding Standard (`euc-jp`, `sjis`, `latin1`,
    /// `utf-16`). Nothing for sets in which a line end or a blank is not what it is in ASCII, but for UTF-16.
    pub fn named(name: &str) -> Option<Self> {
        let found = Encoding::for_label(name.as_bytes())?;
        let lines = [ISO_2022_JP, UTF_16LE, UTF_16BE].contains(&found);
        let usable = lines || found.is_ascii_compatible();
        (usable && ![REPLACEMENT, X_USER_DEFINED].contains(&found)).then_some(Self(found))
    }

    /// The name of the character set in the WHATWG Encoding Standard.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// Whether it is UTF-16, which is read from files alone.
    pub fn is_utf16(self) -> bool {
        [UTF_16LE, UTF_16BE].contains(&self.0)
    }

    /// How a file with these first bytes is read: two of them tell its byte order mark.
    pub fn of_file(self, first: &[u8]) -> Coding {
        match first {
            [0xff, 0xfe, ..] => Coding::Utf16Le,
            [0xfe, 0xff, ..] => Coding::Utf16Be,
            _ if self.0 == UTF_16LE => Coding::Utf16Le,
            _ if self.0 == UTF_16BE => Coding::Utf16Be,
            _ => self.of_text(),
        }
    }

    /// How text is read that has no beginning: what comes by a fifo, the network, Redis or a program, and the
    /// lines of a configuration. UTF-16 is read from files alone.
    pub fn of_text(self) -> Coding {
        match self.0 {
            set if set == UTF_8 => Coding::Utf8,
            _ if self.is_utf16() => Coding::Bytes,
            set => Coding::Set(set),
        }
    }

    /// Whether a text is UTF-8, or all of it has a meaning in this set.
    pub fn knows(self, text: &[u8]) -> bool {
        match self.of_text() {
            Coding::Set(set) if encodes(set, text, false) => decoded(set, text, true).1,
            _ => std::str::from_utf8(text).is_ok(),
        }
    }
}

impl Coding {
    /// Number of bytes of a code unit: lines begin at its multiples.
    pub fn unit(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Bytes | Self::Utf8 | Self::Set(_) => 1,
        }
    }

    /// Where the lines of a text that begins with a whole code unit end, their line ends included.
    pub fn line_ends(self, text: &[u8]) -> impl DoubleEndedIterator<Item = usize> {
        memchr_iter(b'\n', text).filter_map(move |at| match self {
            Self::Utf16Le => (at % 2 == 0 && text.get(at + 1) == Some(&0)).then_some(at + 2),
            Self::Utf16Be => (at % 2 == 1 && text.get(at - 1) == Some(&0)).then_some(at + 1),
            Self::Bytes | Self::Utf8 | Self::Set(_) => Some(at + 1),
        })
    }

    /// A line as UTF-8, without its line end, a byte order mark in front and, of UTF-16, the carriage return
    /// behind. Bytes without a meaning become `\xNN`. Where a line was `cut`, half a character at the end of it
    /// is left out.
    pub fn line(self, line: &[u8], cut: bool) -> Cow<'_, [u8]> {
        match self {
            Self::Bytes => Cow::Borrowed(line),
            Self::Utf8 => Cow::Borrowed(line.strip_prefix(MARK).unwrap_or(line)),
            Self::Set(set) => {
                let line = line.strip_prefix(MARK).unwrap_or(line);
                match encodes(set, line, cut) {
                    true => Cow::Owned(decoded(set, line, !cut).0.into_bytes()),
                    false => Cow::Borrowed(line),
                }
            }
            Self::Utf16Le => Cow::Owned(utf16(line, u16::from_le_bytes, cut)),
            Self::Utf16Be => Cow::Owned(utf16(line, u16::from_be_bytes, cut)),
        }
    }
}

/// Whether a text is to be decoded: it is not UTF-8, or the beginning of UTF-8 where it was `cut`.
fn encodes(set: &'static Encoding, text: &[u8], cut: bool) -> bool {
    match set == ISO_2022_JP {
        // ISO-2022-JP is written in seven bits, between escapes.
        true => text.is_ascii() && is_iso_2022(text),
        false => std::str::from_utf8(text).is_err_and(|e| !cut || e.error_len().is_some()),
    }
}

/// A text decoded, and whether all of it had a meaning; `whole` says that nothing follows.
fn decoded(set: &'static Encoding, text: &[u8], whole: bool) -> (String, bool) {
    let mut decoder = set.new_decoder_without_bom_handling();
    let longest = decoder.max_utf8_buffer_length_without_replacement(text.len());
    let mut out = String::with_capacity(longest.unwrap_or(text.len()));
    let (mut rest, mut known) = (text, true);
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut out, whole);
        let done = text.len() - rest.len() + read;
        rest = text.get(done..).unwrap_or_default();
        match result {
            DecoderResult::InputEmpty => return (out, known),
            DecoderResult::OutputFull => out.reserve(4 * rest.len() + 16),
            DecoderResult::Malformed(bad, after) => {
                known = false;
                let end = done.saturating_sub(usize::from(after));
                let begin = end.saturating_sub(usize::from(bad));
                out.reserve(4 * (usize::from(bad) + rest.len()) + 16);
                put_bytes(&mut out, text.get(begin..end).unwrap_or_default());
            }
        }
    }
}

/// A line of UTF-16 decoded. Surrogates that stand alone become `\xNN\xNN`, in the order of the file.
fn utf16(line: &[u8], unit: fn([u8; 2]) -> u16, cut: bool) -> Vec<u8> {
    let (units, half) = line.as_chunks::<2>();
    let zeros = units.iter().take_while(|unit| **unit == [0, 0]).count();
    let units = units.get(zeros..).unwrap_or_default();
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    for decoded in char::decode_utf16(units.iter().map(|two| unit(*two))) {
        let from = at;
        at += decoded.as_ref().map_or(1, |c| c.len_utf16());
        match decoded {
            Ok('\u{feff}') if from == 0 => {}
            Ok('\r') if at == units.len() && half.is_empty() => {}
            Ok(character) => out.push(character),
            Err(_) if cut && at == units.len() => {}
            Err(_) => put_bytes(&mut out, units.get(from).map_or(&[], |two| &two[..])),
        }
    }
    if !cut {
        put_bytes(&mut out, half);
    }
    out.into_bytes()
}

/// Appends bytes as `\xNN`.
fn put_bytes(out: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{byte:02X}");
    }
}

/// Whether a text switches to another set, as ISO-2022-JP does (RFC 1468).
pub fn is_iso_2022(text: &[u8]) -> bool {
    let escapes = [b"\x1b$@", b"\x1b$B", b"\x1b(J", b"\x1b(I"];
    memchr_iter(0x1b, text).any(|at| {
        let three = text.get(at..at + 3);
        three.is_some_and(|three| escapes.iter().any(|escape| *escape == three))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(name: &str, text: &[u8]) -> String {
        let charset = Charset::named(name).expect(name);
        let coding = charset.of_file(text);
        String::from_utf8_lossy(&coding.line(text, false)).into_owned()
    }

    #[test]
    fn one_text_in_five_sets() {
        // 失敗 (failure).
        assert_eq!(decoded("euc-jp", b"sshd: \xbc\xba\xc7\xd4!"), "sshd: 失敗!");
        assert_eq!(
            decoded("shift_jis", b"sshd: \x8e\xb8\x94\x73!"),
            "sshd: 失敗!"
        );
        let escaped = b"sshd: \x1b$B<:GT\x1b(B!";
        assert_eq!(decoded("iso-2022-jp", escaped), "sshd: 失敗!");
        assert_eq!(decoded("iso-8859-1", b"\xe9chec"), "échec");
        assert_eq!(decoded("windows-1252", b"\x80 5"), "€ 5");
        for name in ["euc-jp", "shift_jis", "iso-2022-jp", "iso-8859-1", "utf-8"] {
            assert_eq!(decoded(name, "sshd: 失敗!".as_bytes()), "sshd: 失敗!");
            assert_eq!(decoded(name, b"plain \x1b[1m"), "plain \x1b[1m");
            assert_eq!(decoded(name, b"\xef\xbb\xbfmarked"), "marked");
        }
    }

    #[test]
    fn what_has_no_meaning_is_shown_and_the_rest_is_read() {
        assert_eq!(
            decoded("euc-jp", b"\xbc\xba\xff\xc7\xd4\xc7"),
            r"失\xFF敗\xC7"
        );
        assert_eq!(decoded("shift_jis", b"\x8e\xb8\xa0 \x94"), r"失\xA0 \x94");
        // Not written in seven bits: no ISO-2022-JP.
        let coding = Charset::named("iso-2022-jp").unwrap().of_text();
        assert_eq!(*coding.line(b"\xbc\xba", false), b"\xbc\xba"[..]);
        let knows = |text: &[u8]| Charset::named("euc-jp").unwrap().knows(text);
        assert!(knows(b"\xbc\xba") && knows("失".as_bytes()) && !knows(b"\xbc\xba\xff"));
        // Any bytes are read to their end.
        let all: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for name in [
            "euc-jp",
            "shift_jis",
            "iso-8859-1",
            "gb18030",
            "big5",
            "euc-kr",
        ] {
            assert!(decoded(name, &all).len() > 4000);
        }
        let escapes = b"\x1b$B\x1b$\x1b(\x1b(J~\x1b$B<\x1b$B<:\x1b(I!\x1b".repeat(99);
        assert!(decoded("iso-2022-jp", &escapes).contains('失'));
    }

    #[test]
    fn half_a_character_where_a_line_was_cut_is_left_out() {
        let cut = |name: &str, text: &[u8]| {
            let coding = Charset::named(name).unwrap().of_file(b"");
            String::from_utf8(coding.line(text, true).into_owned()).unwrap()
        };
        assert_eq!(cut("euc-jp", b"\xbc\xba\xc7"), "失");
        assert_eq!(cut("shift_jis", b"\x8e\xb8\x94"), "失");
        assert_eq!(cut("iso-2022-jp", b"\x1b$B<:G"), "失");
        let coding = Charset::named("euc-jp").unwrap().of_text();
        let begun = &"失敗".as_bytes()[..5];
        assert_eq!(*coding.line(begun, true), *begun);
        assert_eq!(cut("utf-16be", b"\x59\x31\xd8\x3d"), "失");
        assert_eq!(cut("utf-16be", b"\x59\x31\x65"), "失");
    }

    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn utf_16_is_known_by_its_mark_and_cut_at_code_units() {
        // 上 is U+4E0A, ਊ is U+0A0A.
        let text = "\u{feff}上 ਊ\r\nb\u{1f600}\n\nc";
        let want = ["上 ਊ", "b\u{1f600}", "", "c"];
        for (bytes, name) in [
            (u16::to_le_bytes as fn(u16) -> [u8; 2], "utf-16le"),
            (u16::to_be_bytes, "utf-16be"),
        ] {
            let raw = utf16_of(text, bytes);
            let mut checked = 0;
            for set in ["euc-jp", "utf-8", "utf-16", "utf-16be", name] {
                let coding = Charset::named(set).unwrap().of_file(&raw);
                let mut from = 0;
                let ends = coding.line_ends(&raw).chain([raw.len() + coding.unit()]);
                let lines: Vec<String> = ends
                    .map(|end| {
                        let line = &raw[from..end - 2];
                        from = end;
                        String::from_utf8(coding.line(line, false).into_owned()).unwrap()
                    })
                    .collect();
                assert_eq!(lines, want, "{name} {set}");
                checked += 1;
            }
            assert_eq!(checked, 5);
            // Without a mark, the name says the order.
            let coding = Charset::named(name).unwrap().of_file(&raw[2..]);
            assert_eq!(coding.line_ends(&raw[2..]).count(), 3, "{name}");
        }
        assert_eq!(decoded("utf-16le", b"a\0\x3d\xd8b\0c"), r"a\x3D\xD8b\x63");
        assert_eq!(decoded("utf-16be", b"\0\0\0a\0\r"), "a");
        assert_eq!(decoded("utf-16be", b"\0a\0\r\0b"), "a\rb");
        // A stream has no beginning.
        assert_eq!(Charset::named("utf-16").unwrap().of_text(), Coding::Bytes);
    }

    #[test]
    fn sets_that_are_no_bytes_have_no_name() {
        for name in ["iso-2022-kr", "x-user-defined", "none", "utf-32"] {
            assert_eq!(Charset::named(name), None, "{name}");
        }
        let names = [
            ("sjis", "Shift_JIS"),
            ("EUC-JP", "EUC-JP"),
            ("latin1", "windows-1252"),
            ("utf8", "UTF-8"),
            ("utf-16", "UTF-16LE"),
        ];
        for (name, standard) in names {
            assert_eq!(Charset::named(name).map(Charset::name), Some(standard));
        }
    }
}
