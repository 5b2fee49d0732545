//! The text of a mail: headers in the original's order and form, then ours, then the body.
//!
//! Encoded words and quoted-printable are written here: the crate `email-encoding` writes the words
//! otherwise (`?b?`, other folds) and has no quoted-printable, and here one line of a body is held at
//! a time.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bstr::ByteSlice;
use chrono::Local;

use super::QueuedMail;
use crate::clock::Time;
use crate::report::Body;
use crate::shown::shown;

/// The longest line of a mail, bytes (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;
/// The longest line in quoted-printable, characters (RFC 2045 §6.7).
const QUOTED_LINE: usize = 76;
/// The longest line with an encoded word, characters (RFC 2047 §2).
const ENCODED_LINE: usize = 75;
/// The length of an encoded word without its text: `=?utf-8?B?` and `?=`.
const AROUND_WORD: usize = 12;
/// The longest field that is not folded or encoded, bytes; well under [`LONGEST_LINE`], with room for the name.
const LONG_FIELD: usize = LONGEST_LINE - 100;

/// The program and the machine, as our mails name them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The version of tenshi.
    pub version: String,
    /// The name of the machine.
    pub hostname: String,
}

/// The whole mail, with CRLF line ends.
pub fn compose(mail: &QueuedMail, identity: &Identity) -> Vec<u8> {
    compose_with(mail, identity, mail.body())
}

/// The whole mail with another body.
pub(super) fn compose_with(mail: &QueuedMail, identity: &Identity, text: &Body) -> Vec<u8> {
    let report = &mail.report;
    let mut out = String::new();
    let mut header = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(": ");
        out.push_str(value);
        out.push_str("\r\n");
    };
    header("From", &addresses(&report.from));
    header("To", &addresses(&report.to));
    header("Date", &date(report.made));
    let ours = |name, value: &str| field(name, value.as_bytes());
    let (version, hostname) = ("X-tenshi-version", "X-tenshi-hostname");
    header(version, &ours(version, &identity.version));
    header(hostname, &ours(hostname, &identity.hostname));
    if let Some(start) = report.start {
        header("X-tenshi-report-start", &start_date(start));
    }
    header("Subject", &field("Subject", &report.subject));
    header("Message-ID", &message_id(&mail.message_id));
    if let Some(thread) = &mail.thread {
        let before: Vec<String> = thread.split(' ').map(message_id).collect();
        header("In-Reply-To", before.last().map_or("", String::as_str));
        header("References", &before.join("\r\n "));
    }
    header("Auto-Submitted", "auto-generated");
    header("List-Id", &list_id(&report.queue, &identity.hostname));
    let plain = is_plain_body(text);
    if !plain {
        header("MIME-Version", "1.0");
        header("Content-Type", "text/plain; charset=utf-8");
        header("Content-Transfer-Encoding", "quoted-printable");
    }
    out.push_str("\r\n");
    append_body(text, plain, &mut out);
    out.into_bytes()
}

/// A date as `Mon, 23 Nov 2026 22:38:27 +0000` (RFC 5322 §3.3): local time, English whatever the
/// locale.
pub(super) fn date(time: Time) -> String {
    time.with_timezone(&Local)
        .format("%a, %d %b %Y %H:%M:%S %z")
        .to_string()
}

/// A date as `Mon Nov 23 22:37:56 +0000 2026`, the original's form.
pub(super) fn start_date(time: Time) -> String {
    time.with_timezone(&Local)
        .format("%a %b %d %H:%M:%S %z %Y")
        .to_string()
}

/// An identifier between its angle brackets (RFC 5322 §3.6.4). Ours hold the machine's name, which
/// may be any bytes: what cannot stand there is replaced, the same way each time.
fn message_id(id: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | '"' | '\\' | ',') {
            c
        } else {
            '-'
        }
    };
    format!("<{}>", id.chars().map(safe).collect::<String>())
}

/// The name of a queue's list: each queue has its own, so that mail programs can sort by it (RFC 2919).
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
fn field(name: &str, value: &[u8]) -> String {
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
fn addresses(value: &[u8]) -> String {
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

/// Calls `act` with each line of a body in its safe form, until it answers false. One line is held
/// at a time: a body may be as large as everything that a queue holds.
fn each_line(text: &Body, mut act: impl FnMut(&str) -> bool) -> bool {
    let mut room = String::new();
    text.all_lines(|line| {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        room.clear();
        shown(line.strip_suffix(b"\r").unwrap_or(line)).append_to(&mut room);
        act(&room)
    })
}

/// Whether a body is plain ASCII that needs no encoding.
fn is_plain_body(text: &Body) -> bool {
    each_line(text, |line| line.is_ascii() && line.len() <= LONGEST_LINE)
}

/// Appends a body with CRLF line ends, encoded if it is not plain.
fn append_body(text: &Body, plain: bool, out: &mut String) {
    each_line(text, |line| {
        match plain {
            true => out.push_str(line),
            false => quoted(line, out),
        }
        out.push_str("\r\n");
        true
    });
}

/// The largest size of a line of a body in a mail, bytes with its line end.
pub(super) fn width(line: &[u8]) -> usize {
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Address;
    use crate::report::Report;
    use bstr::BString;
    use chrono::{TimeZone, Utc};
    use std::collections::BTreeMap;

    pub(in crate::delivery) fn queued_mail(subject: &[u8], body: &[u8]) -> QueuedMail {
        let time = Utc.with_ymd_and_hms(2026, 11, 23, 22, 38, 27).unwrap();
        QueuedMail {
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
                body: BString::from(body).into(),
                pager: false,
            },
            filtered: None,
            attempts: 0,
            done: Vec::new(),
            rejected: BTreeMap::new(),
            fault: None,
            next_try: None,
        }
    }

    fn composed(subject: &[u8], body: &[u8]) -> String {
        let identity = Identity {
            version: "1".into(),
            hostname: "console".into(),
        };
        String::from_utf8(compose(&queued_mail(subject, body), &identity)).unwrap()
    }

    #[test]
    fn an_ascii_mail_is_the_originals_to_the_byte() {
        let mail = composed(b"tenshi report [a]", b"\nh1: \n    1: .x\ty \n");
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
        let mail = composed(b"s", b"caf\xc3\xa9 =\n\xc3\xa9\xff\x1b[0m\r\n");
        assert!(mail.contains("Content-Transfer-Encoding: quoted-printable\r\n"));
        assert!(
            mail.ends_with("\r\ncaf=C3=A9 =3D\r\n\\xC3\\xA9\\xFF\\x1B[0m\r\n"),
            "{mail}"
        );
    }

    #[test]
    fn no_line_is_too_long_for_a_server() {
        let mail = composed(b"s", &[&b"x".repeat(3000)[..], b"\n"].concat());
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
        let mail = composed(b"x\r\nBcc: evil@x\r\n\r\nbody [a]", b"b\n");
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        assert!(!head.contains("\nBcc"), "{head}");
    }

    /// The header's lines, folded ones with their blank.
    fn lines<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
        let mut lines = mail.split("\r\n").skip_while(|l| !l.starts_with(name));
        let first = lines.next();
        let rest = lines.take_while(|l| l.starts_with(' '));
        first.into_iter().chain(rest).collect()
    }

    #[test]
    fn lines_with_encoded_words_are_short() {
        let mut checked = 0;
        for length in 1..60 {
            let mail = composed("Störung €".repeat(length).as_bytes(), b"b\n");
            for line in lines(&mail, "Subject: ") {
                assert!(line.len() <= ENCODED_LINE, "{line}");
                checked += 1;
            }
        }
        assert!(checked > 300, "{checked}");
    }

    fn to(text: &[u8]) -> String {
        let mut mail = queued_mail(b"s", b"b\n");
        mail.report.to = text.into();
        let identity = Identity {
            version: "1".into(),
            hostname: "a\r\nBcc: evil@x".into(),
        };
        mail.message_id = "1.2@a\r\nBcc: evil@x".into();
        mail.thread = Some("1.1@a\r\nBcc:evil@x 1.2@b".into());
        String::from_utf8(compose(&mail, &identity)).unwrap()
    }

    #[test]
    fn addresses_stay_addresses() {
        assert_eq!(lines(&to(b"root,b@x"), "To: "), ["To: root,b@x"]);
        let many = vec!["someone@mail.example"; 100].join(",");
        let mail = to(many.as_bytes());
        let folded = lines(&mail, "To: ");
        assert_eq!(folded.len(), 100);
        assert_eq!(folded.concat()[4..].replace(", ", ","), many);
        let mail = to("Jörg<j@x>,b@x".as_bytes());
        assert_eq!(
            lines(&mail, "To: "),
            ["To: =?utf-8?B?SsO2cmc=?=", " <j@x>,", " b@x"]
        );
    }

    #[test]
    fn neither_a_machines_name_nor_an_address_adds_a_header() {
        let mail = to(b"a@x\r\nBcc: evil@x,\r\n\r\n<b@x>\n");
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        assert!(!head.contains("\nBcc"), "{head}");
        let names = head.split("\r\n").filter(|l| !l.starts_with(' '));
        assert_eq!(names.count(), 12, "{head}");
        let thread = "\r\nIn-Reply-To: <1.2@b>\r\nReferences: <1.1@a--Bcc:evil@x>\r\n <1.2@b>\r\n";
        assert!(head.contains(thread), "{head}");
    }

    #[test]
    fn what_no_mail_may_hold_is_shown() {
        let body = composed(b"s", b"a\0b\rc\td\x7f\r\n\xc2\x85.\n.\nlast");
        let body = body.split_once("\r\n\r\n").unwrap().1;
        assert_eq!(
            body,
            "a\\x00b\\x0Dc\td\\x7F\r\n\\xC2\\x85.\r\n.\r\nlast\r\n"
        );
    }
}
