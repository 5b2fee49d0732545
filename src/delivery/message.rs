//! A letter as a mail: headers in the original's order and form, then ours, then the body.

use std::fmt::Write as _;

use bstr::ByteSlice;
use chrono::Local;

use super::Letter;
use crate::clock::Time;

/// RFC 5322 §2.1.1: no line of a mail is longer, bytes.
const LONGEST_LINE: usize = 998;
/// RFC 2045 §6.7: no encoded line is longer.
const QUOTED_LINE: usize = 76;
/// RFC 2047 §2: no encoded word is longer; this many bytes of text fit into one.
const WORD: usize = 42;

/// Who we are, as our mails say it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Our version.
    pub version: String,
    /// The machine's name.
    pub hostname: String,
}

/// The whole mail, with CRLF line ends.
pub fn compose(letter: &Letter, identity: &Identity) -> Vec<u8> {
    let report = &letter.report;
    let mut out = String::new();
    let mut header = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    };
    header("From", &field(&report.from));
    header("To", &field(&report.to));
    header("Date", &date(report.made));
    header("X-tenshi-version", &field(identity.version.as_bytes()));
    header("X-tenshi-hostname", &field(identity.hostname.as_bytes()));
    if let Some(start) = report.start {
        header("X-tenshi-report-start", &start_date(start));
    }
    header("Subject", &field(&report.subject));
    header("Message-ID", &format!("<{}>", letter.message_id));
    if let Some(first) = &letter.thread {
        header("References", &format!("<{first}>"));
    }
    header("Auto-Submitted", "auto-generated");
    header("List-Id", &list_id(&report.queue, &identity.hostname));
    let (text, plain) = body(letter.filtered.as_ref().unwrap_or(&report.body));
    if !plain {
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "quoted-printable");
    }
    out.push_str("\r\n");
    out.push_str(&text);
    out.into_bytes()
}

/// `Mon, 23 Nov 2026 22:38:27 +0000` in local time, English whatever the locale.
fn date(time: Time) -> String {
    time.with_timezone(&Local)
        .format("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// `Mon Nov 23 22:37:56 +0000 2026`, the original's form.
fn start_date(time: Time) -> String {
    time.with_timezone(&Local)
        .format("%a %b %d %H:%M:%S %z %Y")
        .to_string()
}

/// One list a queue, so that mail programs can sort by it (RFC 2919).
fn list_id(queue: &str, hostname: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
            c
        } else {
            '-'
        }
    };
    let name = |text: &str| text.chars().map(plain).collect::<String>();
    format!("<{}.tenshi.{}>", name(queue), name(hostname))
}

/// The text of a header field: as it is while it is printable ASCII, else as encoded words. No line
/// end can get into it.
fn field(value: &[u8]) -> String {
    let plain = value.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
    if plain && value.len() < LONGEST_LINE - 100 {
        return value.to_str_lossy().into_owned();
    }
    encoded_words(&shown(value))
}

/// RFC 2047: base64 words of at most 75 characters, each with whole characters only.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut piece = String::new();
    for c in text.chars() {
        if piece.len() + c.len_utf8() > WORD {
            words.push(std::mem::take(&mut piece));
        }
        piece.push(c);
    }
    words.push(piece);
    let word = |piece: &String| format!("=?utf-8?B?{}?=", base64(piece.as_bytes()));
    words.iter().map(word).collect::<Vec<_>>().join("\r\n ")
}

/// Base64 (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    out
}

/// The body on the wire, and whether it is plain ASCII that needs no encoding.
fn body(text: &[u8]) -> (String, bool) {
    let lines: Vec<String> = text
        .lines_with_terminator()
        .map(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            shown(line.strip_suffix(b"\r").unwrap_or(line))
        })
        .collect();
    let plain = lines
        .iter()
        .all(|line| line.is_ascii() && line.len() <= LONGEST_LINE);
    let mut out = String::with_capacity(text.len() + lines.len());
    for line in &lines {
        if plain {
            out.push_str(line);
        } else {
            quoted(line, &mut out);
        }
        out.push_str("\r\n");
    }
    (out, plain)
}

/// Text that a terminal and a mail program can be trusted with: UTF-8 and tabs stay themselves,
/// other bytes and control characters show as `\xNN`.
pub(super) fn shown(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c.is_control() && c != '\t' {
                let mut buffer = [0; 4];
                hex(c.encode_utf8(&mut buffer).as_bytes(), &mut out);
            } else {
                out.push(c);
            }
        }
        hex(chunk.invalid(), &mut out);
    }
    out
}

fn hex(bytes: &[u8], out: &mut String) {
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\x{byte:02X}");
    }
}

/// Quoted-printable (RFC 2045 §6.7), one line.
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Address;
    use crate::report::Report;
    use chrono::{TimeZone, Utc};
    use std::collections::BTreeMap;

    pub(in crate::delivery) fn letter(subject: &[u8], body: &[u8]) -> Letter {
        let time = Utc.with_ymd_and_hms(2026, 11, 23, 22, 38, 27).unwrap();
        Letter {
            id: 1,
            message_id: "1.2@console".into(),
            thread: None,
            report: Report {
                queue: "a".into(),
                from: "f@x".into(),
                sender: Address::new("f@x").unwrap(),
                to: "t@x".into(),
                recipients: vec![Address::new("t@x").unwrap()],
                subject: subject.into(),
                start: Some(time),
                made: time,
                body: body.into(),
                pager: false,
            },
            filtered: None,
            attempts: 0,
            done: Vec::new(),
            refused: BTreeMap::new(),
            fault: None,
            next_try: None,
        }
    }

    fn mail(subject: &[u8], body: &[u8]) -> String {
        let identity = Identity {
            version: "1".into(),
            hostname: "console".into(),
        };
        String::from_utf8(compose(&letter(subject, body), &identity)).unwrap()
    }

    #[test]
    fn an_ascii_mail_is_the_originals_to_the_byte() {
        let mail = mail(b"tenshi report [a]", b"\nh1: \n    1: .x\ty \n");
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let names: Vec<&str> = head.lines().map(|l| l.split_once(':').unwrap().0).collect();
        let want = [
            "From",
            "To",
            "Date",
            "X-tenshi-version",
            "X-tenshi-hostname",
            "X-tenshi-report-start",
            "Subject",
            "Message-ID",
            "Auto-Submitted",
            "List-Id",
        ];
        assert_eq!(names, want);
        assert_eq!(body, "\r\nh1: \r\n    1: .x\ty \r\n");
    }

    #[test]
    fn other_text_is_quoted_and_bad_bytes_are_shown() {
        let mail = mail(b"s", b"caf\xc3\xa9 = \xff\x1b[0m\r\n");
        assert!(mail.contains("Content-Transfer-Encoding: quoted-printable\r\n"));
        assert!(
            mail.ends_with("\r\ncaf=C3=A9 =3D \\xFF\\x1B[0m\r\n"),
            "{mail}"
        );
    }

    #[test]
    fn no_line_is_too_long_for_a_server() {
        let mail = mail(b"s", &[&b"x".repeat(3000)[..], b"\n"].concat());
        assert!(mail.split("\r\n").all(|line| line.len() <= 76), "{mail}");
        assert_eq!(
            mail.split_once("\r\n\r\n")
                .unwrap()
                .1
                .replace("=\r\n", "")
                .len(),
            3002
        );
    }

    #[test]
    fn nothing_gets_into_the_head() {
        let mail = mail(b"x\r\nBcc: evil@x\r\n\r\nbody [a]", b"b\n");
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        assert!(!head.contains("\nBcc"), "{head}");
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
        let long = "Störung ".repeat(20);
        assert!(
            field(long.as_bytes())
                .split("\r\n ")
                .all(|word| word.len() <= 75)
        );
    }
}
