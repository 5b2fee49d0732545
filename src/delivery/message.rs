//! The text of a mail: headers in the original's order and form, then ours, then the body.
//!
//! Encoded words (`fields`) and quoted-printable (`lines`) are written here: the crate `email-encoding` writes
//! the words otherwise (`?b?`, other folds) and has no quoted-printable, and here one line of a body is held
//! at a time.

mod alternative;
mod fields;
mod lines;

use std::io::{self, Write};

use chrono::Local;

pub(super) use lines::width;

use self::alternative::Alternative;
use self::fields::{addresses, field};
use self::lines::{append_line, each_line, measure};
use super::QueuedMail;
use crate::clock::Time;
use crate::report::Body;

/// What all our mails have in common: the names of the program and the machine, and the form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The version of tenshi.
    pub version: String,
    /// The name of the machine.
    pub hostname: String,
    /// Whether mails have an HTML part (`set html`).
    pub html: bool,
}

/// Bytes of a body that are made at a time.
const PIECE: usize = 1 << 16;

/// What an output sends: it is written piece by piece, so that a large mail is nowhere held as a whole.
pub trait Content {
    /// The number of bytes.
    fn length(&self) -> usize;

    /// Writes all of it.
    ///
    /// # Errors
    /// A write to `out` failed.
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Content for &[u8] {
    fn length(&self) -> usize {
        self.len()
    }

    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self)
    }
}

/// A whole mail, with CRLF line ends. Its body is made of the report's text each time that it is written.
#[derive(Debug)]
pub struct Message<'a> {
    head: String,
    text: &'a Body,
    /// Whether the body is plain ASCII that needs no encoding.
    plain: bool,
    /// What stands behind the body: the HTML part, if there is one.
    tail: String,
    length: usize,
}

impl<'a> Message<'a> {
    /// The mail with the body that is sent.
    pub fn new(mail: &'a QueuedMail, identity: &Identity) -> Self {
        Self::with_body(mail, identity, mail.body())
    }

    /// The mail with another body.
    pub(super) fn with_body(mail: &QueuedMail, identity: &Identity, text: &'a Body) -> Self {
        let html = identity.html.then(|| Alternative::new(mail, text));
        let html = html.flatten();
        let (plain, length) = measure(text, html.is_some());
        let head = head(mail, identity, plain, html.as_ref());
        let tail = html.map_or(String::new(), |html| html.after_text());
        let length = head.len() + length + tail.len();
        Self {
            head,
            text,
            plain,
            tail,
            length,
        }
    }

    /// Whether there is an HTML part.
    pub(super) fn has_html(&self) -> bool {
        !self.tail.is_empty()
    }
}

impl Content for Message<'_> {
    fn length(&self) -> usize {
        self.length
    }

    fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(self.head.as_bytes())?;
        let mut piece = String::new();
        let mut written = Ok(());
        each_line(self.text, |line| {
            append_line(line, self.plain, &mut piece);
            if piece.len() >= PIECE {
                written = out.write_all(piece.as_bytes());
                piece.clear();
            }
            written.is_ok()
        });
        written?;
        out.write_all(piece.as_bytes())?;
        out.write_all(self.tail.as_bytes())
    }
}

/// The whole mail at once.
pub fn compose(mail: &QueuedMail, identity: &Identity) -> Vec<u8> {
    let message = Message::new(mail, identity);
    let mut out = Vec::with_capacity(message.length());
    // It is written to memory.
    let _ = message.write_to(&mut out);
    out
}

/// The headers of a mail and the empty line behind them, up to the text.
fn head(mail: &QueuedMail, identity: &Identity, plain: bool, html: Option<&Alternative>) -> String {
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
    if html.is_some() || !plain {
        header("MIME-Version", "1.0");
    }
    match html {
        Some(html) => header("Content-Type", &html.content_type()),
        None if !plain => {
            header("Content-Type", "text/plain; charset=utf-8");
            header("Content-Transfer-Encoding", "quoted-printable");
        }
        None => {}
    }
    out.push_str("\r\n");
    if let Some(html) = html {
        out.push_str(&html.before_text(plain));
    }
    out
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

/// An identifier between its angle brackets (RFC 5322 §3.6.4). Ours hold the machine's name, which may be any bytes:
/// each character that cannot stand there becomes a `-`, so that an identifier is written alike each time.
fn message_id(id: &str) -> String {
    format!("<{}>", identifier(id))
}

/// An identifier without its angle brackets.
pub(super) fn identifier(id: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_graphic() && !matches!(c, '<' | '>' | '(' | ')' | '"' | '\\' | ',') {
            c
        } else {
            '-'
        }
    };
    id.chars().map(safe).collect()
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

#[cfg(test)]
pub(super) mod tests {
    use super::fields::ENCODED_LINE;
    use super::*;
    use crate::config::Address;
    use crate::report::Report;
    use bstr::{BString, ByteSlice};
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
                notification: None,
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
            html: false,
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
    fn a_large_mail_is_written_in_pieces_and_its_length_is_known_before() {
        /// Writes that were made.
        #[derive(Default)]
        struct Pieces(Vec<Vec<u8>>);
        impl Write for Pieces {
            fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
                self.0.push(piece.to_vec());
                Ok(piece.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let identity = Identity {
            version: "1".into(),
            hostname: "console".into(),
            html: false,
        };
        for line in ["    1: a plain line\n", "    1: caf\u{e9} =\n"] {
            let mail = queued_mail(b"s", line.repeat(200_000).as_bytes());
            let message = Message::new(&mail, &identity);
            let mut pieces = Pieces::default();
            message.write_to(&mut pieces).unwrap();
            let longest = pieces.0.iter().map(Vec::len).max();
            assert!(longest < Some(2 * PIECE), "{longest:?}");
            let whole = pieces.0.concat();
            assert_eq!(whole.len(), message.length());
            assert_eq!(whole, compose(&mail, &identity));
            assert_eq!(
                whole
                    .lines()
                    .filter(|line| line.starts_with(b"    1:"))
                    .count(),
                200_000
            );
        }
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
            html: false,
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
