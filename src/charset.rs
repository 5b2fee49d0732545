//! Character sets of text that is not UTF-8 (`set charset`).
//!
//! Lines are matched, masked and counted as bytes. Only reports, their subjects and their addresses are
//! decoded.

use std::borrow::Cow;
use std::fmt::Write as _;

use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, X_USER_DEFINED};

/// A character set in which lines and configuration text that are not UTF-8 are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charset(&'static Encoding);

impl Charset {
    /// The character set of this name. The names are those of the WHATWG Encoding Standard (`euc-jp`, `sjis`,
    /// `latin1`). Nothing for UTF-8, which needs no decoding, and for sets in which a line
    /// end or a blank is not the one byte that it is in ASCII.
    pub fn named(name: &str) -> Option<Self> {
        let found = Encoding::for_label(name.as_bytes())?;
        let bytes = found.is_ascii_compatible() || found == ISO_2022_JP;
        let usable = bytes && ![UTF_8, REPLACEMENT, X_USER_DEFINED].contains(&found);
        usable.then_some(Self(found))
    }

    /// The name of the character set in the WHATWG Encoding Standard.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// A text as UTF-8, if it is not UTF-8 already. Bytes without a meaning in this set become `\xNN`.
    pub fn decode(self, text: &[u8]) -> Cow<'_, [u8]> {
        match self.encodes(text) {
            true => Cow::Owned(self.decoded(text).0.into_bytes()),
            false => Cow::Borrowed(text),
        }
    }

    /// Whether a text is UTF-8, or all of it has a meaning in this set.
    pub fn knows(self, text: &[u8]) -> bool {
        !self.encodes(text) || self.decoded(text).1
    }

    /// Whether a text is to be decoded.
    fn encodes(self, text: &[u8]) -> bool {
        match self.0 == ISO_2022_JP {
            // ISO-2022-JP is written in seven bits, between escapes.
            true => text.is_ascii() && is_iso_2022(text),
            false => std::str::from_utf8(text).is_err(),
        }
    }

    /// A text decoded, and whether all of it had a meaning.
    fn decoded(self, text: &[u8]) -> (String, bool) {
        let mut decoder = self.0.new_decoder_without_bom_handling();
        let longest = decoder.max_utf8_buffer_length_without_replacement(text.len());
        let mut out = String::with_capacity(longest.unwrap_or(text.len()));
        let (mut rest, mut whole) = (text, true);
        loop {
            let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut out, true);
            let done = text.len() - rest.len() + read;
            rest = text.get(done..).unwrap_or_default();
            match result {
                DecoderResult::InputEmpty => return (out, whole),
                DecoderResult::OutputFull => out.reserve(4 * rest.len() + 16),
                DecoderResult::Malformed(bad, after) => {
                    whole = false;
                    let end = done.saturating_sub(usize::from(after));
                    let begin = end.saturating_sub(usize::from(bad));
                    out.reserve(4 * (usize::from(bad) + rest.len()) + 16);
                    for byte in text.get(begin..end).unwrap_or_default() {
                        // Writing to a String cannot fail.
                        let _ = write!(out, "\\x{byte:02X}");
                    }
                }
            }
        }
    }
}

/// Whether a text switches to another set, as ISO-2022-JP does (RFC 1468).
pub fn is_iso_2022(text: &[u8]) -> bool {
    let escapes = [b"\x1b$@", b"\x1b$B", b"\x1b(J", b"\x1b(I"];
    text.windows(3)
        .any(|three| escapes.iter().any(|e| *e == three))
}

/// A text decoded with the character set of the configuration, if there is one.
pub fn decode(charset: Option<Charset>, text: &[u8]) -> Cow<'_, [u8]> {
    match charset {
        Some(charset) => charset.decode(text),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(name: &str, text: &[u8]) -> String {
        let charset = Charset::named(name).expect(name);
        String::from_utf8(charset.decode(text).into_owned()).unwrap()
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
        for name in ["euc-jp", "shift_jis", "iso-2022-jp", "iso-8859-1"] {
            assert_eq!(decoded(name, "sshd: 失敗!".as_bytes()), "sshd: 失敗!");
            assert_eq!(decoded(name, b"plain \x1b[1m"), "plain \x1b[1m");
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
        assert_eq!(
            Charset::named("iso-2022-jp").unwrap().decode(b"\xbc\xba"),
            &b"\xbc\xba"[..]
        );
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
    fn sets_that_need_nothing_or_are_no_bytes_have_no_name() {
        for name in [
            "utf-8",
            "utf-16",
            "utf-16le",
            "iso-2022-kr",
            "x-user-defined",
            "none",
        ] {
            assert_eq!(Charset::named(name), None, "{name}");
        }
        let names = [
            ("sjis", "Shift_JIS"),
            ("EUC-JP", "EUC-JP"),
            ("latin1", "windows-1252"),
        ];
        for (name, standard) in names {
            assert_eq!(Charset::named(name).map(Charset::name), Some(standard));
        }
    }
}
