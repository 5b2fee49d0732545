//! The lines of a mail's body as they are written: as they are, or in quoted-printable (RFC 2045 §6.7).

use std::fmt::Write as _;

use crate::report::Body;
use crate::shown::shown;

/// The longest line of a mail, bytes (RFC 5322 §2.1.1).
pub(super) const LONGEST_LINE: usize = 998;
/// The longest line in quoted-printable, characters (RFC 2045 §6.7).
const QUOTED_LINE: usize = 76;

/// Calls `act` with each line of a body in its safe form, until it answers false. One line is held
/// at a time: a body may be as large as everything that a queue holds.
pub(super) fn each_line(text: &Body, mut act: impl FnMut(&str) -> bool) -> bool {
    let mut room = String::new();
    text.all_lines(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        room.clear();
        shown(line.strip_suffix(b"\r").unwrap_or(line)).append_to(&mut room);
        act(&room)
    })
}

/// Whether a body is plain ASCII that needs no encoding, and its length in a mail, bytes. In a mail of several parts
/// no line may be taken for their boundary.
pub(super) fn measure(text: &Body, of_parts: bool) -> (bool, usize) {
    let mut length = 0;
    let plain = each_line(text, |line| {
        length += line.len() + 2;
        let bounds = of_parts && line.starts_with("--");
        line.is_ascii() && line.len() <= LONGEST_LINE && !bounds
    });
    if plain {
        return (true, length);
    }
    let (mut length, mut room) = (0, String::new());
    each_line(text, |line| {
        room.clear();
        append_line(line, false, &mut room);
        length += room.len();
        true
    });
    (false, length)
}

/// Appends a line of a body with its CRLF, encoded if the body is not plain.
pub(super) fn append_line(line: &str, plain: bool, out: &mut String) {
    match plain {
        true => out.push_str(line),
        false => quoted(line, out),
    }
    out.push_str("\r\n");
}

/// The largest size of a line of a body in a mail, bytes with its line end.
pub(in crate::delivery) fn width(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let mut out = String::new();
    let text = shown(line.strip_suffix(b"\r").unwrap_or(line)).to_string();
    quoted(&text, &mut out);
    out.len() + 2
}

/// Appends one line in quoted-printable (RFC 2045 §6.7).
fn quoted(line: &str, out: &mut String) {
    let bytes = line.as_bytes();
    let mut column = 0;
    for (i, &byte) in bytes.iter().enumerate() {
        let last = i + 1 == bytes.len();
        let blank = matches!(byte, b' ' | b'\t');
        let literal = (byte.is_ascii_graphic() && byte != b'=') || (blank && !last);
        let width = if literal { 1 } else { 3 };
        if column + width >= QUOTED_LINE {
            out.push_str("=\r\n");
            column = 0;
        }
        column += width;
        if literal {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "={byte:02X}");
        }
    }
}
