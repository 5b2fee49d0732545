//! The fields of a mail's head as they are written: encoded words (RFC 2047) where a text is not plain.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice;

use super::lines::LONGEST_LINE;
use crate::shown::shown;

/// The longest line with an encoded word, characters (RFC 2047 §2).
pub(super) const ENCODED_LINE: usize = 75;
/// The length of an encoded word without its text: `=?utf-8?B?` and `?=`.
const AROUND_WORD: usize = 12;
/// The longest field that is not folded or encoded, bytes; well under [`LONGEST_LINE`], with room for the name.
const LONG_FIELD: usize = LONGEST_LINE - 100;

/// The text of a header field: as it is while it is printable ASCII, else as encoded words. No line
/// end can get into it.
pub(super) fn field(name: &str, value: &[u8]) -> String {
    if is_plain(value) && value.len() < LONG_FIELD {
        return value.to_str_lossy().into_owned();
    }
    encoded_words(&shown(value).to_string(), name.len() + 2)
}

fn is_plain(value: &[u8]) -> bool {
    value.iter().all(|b| b.is_ascii_graphic() || *b == b' ')
}

/// The text of `From:` or `To:`: as configured while it is printable ASCII, folded after commas
/// where the list is long. Of other addresses only what stands before `<` is encoded, as an encoded
/// word must not stand in an address (RFC 2047 §5).
pub(super) fn addresses(value: &[u8]) -> String {
    if is_plain(value) && value.len() < LONG_FIELD {
        return value.to_str_lossy().into_owned();
    }
    let safe = |part: &[u8]| match part.rfind_byte(b'<') {
        _ if is_plain(part) && part.len() < LONG_FIELD => part.to_str_lossy().into_owned(),
        Some(at) if is_plain(&part[at..]) && part[at..].len() < LONG_FIELD => format!(
            "{}\r\n {}",
            encoded_words(&shown(part[..at].trim_ascii()).to_string(), "From: ".len()),
            part[at..].to_str_lossy()
        ),
        _ => encoded_words(&shown(part).to_string(), "From: ".len()),
    };
    let parts: Vec<String> = value
        .split(|&b| b == b',')
        .map(|part| safe(part.trim_ascii()))
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(",\r\n ")
}

/// Encoded words in base64 (RFC 2047), one on each line, with whole characters only. The first line
/// has `used` characters already.
fn encoded_words(text: &str, used: usize) -> String {
    let mut words = Vec::new();
    let mut piece = String::new();
    let mut room = (ENCODED_LINE - AROUND_WORD).saturating_sub(used) / 4 * 3;
    for c in text.chars() {
        if piece.len() + c.len_utf8() > room {
            words.push(std::mem::take(&mut piece));
            // A folded line begins with a blank.
            room = (ENCODED_LINE - AROUND_WORD - 1) / 4 * 3;
        }
        piece.push(c);
    }
    words.push(piece);
    let word = |piece: &String| format!("=?utf-8?B?{}?=", STANDARD.encode(piece));
    words.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}
