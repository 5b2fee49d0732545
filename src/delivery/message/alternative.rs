//! The parts of a mail that has an HTML form beside its text (`set html`): multipart/alternative (RFC 2046 §5.1.4),
//! the text first, as it is sent without HTML.

use super::lines::append_line;
use crate::delivery::QueuedMail;
use crate::delivery::marks::marks;
use crate::report::{self, Body};

/// The most that the HTML takes in a mail, bytes: of more, mail programs show the beginning only.
const MOST: usize = 100_000;

/// What stands around the text of such a mail.
#[derive(Debug)]
pub(super) struct Alternative {
    boundary: String,
    /// The HTML as it is sent.
    html: String,
}

impl Alternative {
    /// The HTML form of a mail with this text; nothing for a pager's, for one part of several, and for a text that a
    /// filter made another one of.
    pub(super) fn new(mail: &QueuedMail, text: &Body) -> Option<Self> {
        if mail.report.pager || marks(&mail.report.subject).is_some() {
            return None;
        }
        let size = |line: &str| {
            let mut room = String::new();
            append_line(line, false, &mut room);
            room.len()
        };
        let lines = report::html(text, MOST, &size)?;
        let mut html = String::new();
        for line in lines.lines() {
            append_line(line, false, &mut html);
        }
        // No line of quoted-printable begins with `--=_`, and a text with such a line is sent in that form.
        let local = mail.message_id.split('@').next().unwrap_or_default();
        let local = local.chars().filter(char::is_ascii_alphanumeric).take(40);
        let boundary = format!("=_tenshi_{}", local.collect::<String>());
        Some(Self { boundary, html })
    }

    /// The type of the whole mail.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/alternative; boundary=\"{}\"", self.boundary)
    }

    /// What stands before the text.
    pub(super) fn before_text(&self, plain: bool) -> String {
        let encoding = if plain { "7bit" } else { "quoted-printable" };
        self.part("plain", encoding)
    }

    /// What stands behind the text.
    pub(super) fn after_text(&self) -> String {
        let (part, html) = (self.part("html", "quoted-printable"), &self.html);
        format!("\r\n{part}{html}\r\n--{}--\r\n", self.boundary)
    }

    fn part(&self, kind: &str, encoding: &str) -> String {
        format!(
            "--{}\r\nContent-Type: text/{kind}; charset=utf-8\r\n\
             Content-Transfer-Encoding: {encoding}\r\n\r\n",
            self.boundary
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::message::tests::queued_mail;
    use crate::delivery::message::{Content, Identity, Message, compose};

    fn identity(html: bool) -> Identity {
        Identity {
            version: "1".into(),
            hostname: "console".into(),
            html,
        }
    }

    fn composed(mail: &QueuedMail, html: bool) -> String {
        String::from_utf8(compose(mail, &identity(html))).unwrap()
    }

    fn with_html(mail: &QueuedMail) -> String {
        let message = Message::new(mail, &identity(true));
        let whole = compose(mail, &identity(true));
        assert_eq!(whole.len(), message.length());
        let tail = if message.has_html() {
            "=_tenshi_12--\r\n"
        } else {
            ""
        };
        assert!(whole.ends_with(tail.as_bytes()));
        String::from_utf8(whole).unwrap()
    }

    /// The text part and the HTML part of a mail, each with its head.
    fn parts(mail: &str) -> [&str; 2] {
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        let kind = "Content-Type: multipart/alternative; boundary=\"=_tenshi_12\"";
        assert!(
            head.ends_with(&format!("\r\nMIME-Version: 1.0\r\n{kind}")),
            "{head}"
        );
        let mut parts = body.split("--=_tenshi_12");
        let [before, text, html, after] = [0; 4].map(|_| parts.next().unwrap());
        assert_eq!((before, after, parts.next()), ("", "--\r\n", None));
        [text, html].map(|part| {
            part.trim_start_matches("\r\n")
                .strip_suffix("\r\n")
                .unwrap()
        })
    }

    #[test]
    fn the_text_part_is_the_mail_without_html_byte_for_byte() {
        let mut large = String::from("\nh1: \n");
        for n in 0..100_000 {
            large += &format!("    1: line {n} \u{e9}\n");
        }
        let rows = [
            ("\nh1: \n    1: .x\ty \n", "7bit"),
            ("\nh1: \n    1: x", "7bit"),
            (
                "*** A remark ***\n\nh1: \n    1: caf\u{e9} = \n",
                "quoted-printable",
            ),
            // It might be taken for a boundary.
            ("\n--=_tenshi_12: \n    1: x\n", "quoted-printable"),
            (&large, "quoted-printable"),
        ];
        for (body, encoding) in rows {
            let mail = queued_mail(b"s", body.as_bytes());
            let without = composed(&mail, false);
            let without = without.split_once("\r\n\r\n").unwrap().1;
            let whole = with_html(&mail);
            let [text, html] = parts(&whole);
            let (head, text) = text.split_once("\r\n\r\n").unwrap();
            let want = format!(
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}"
            );
            assert_eq!(head, want);
            match body.starts_with("\n--") {
                true => {
                    let quoted = without.replace('=', "=3D").replace(": \r\n", ":=20\r\n");
                    assert_eq!(text, quoted);
                }
                false => assert_eq!(text, without),
            }
            let (head, html) = html.split_once("\r\n\r\n").unwrap();
            assert_eq!(
                head,
                want.replace("plain", "html")
                    .replace("7bit", "quoted-printable")
            );
            assert!(html.len() <= 100_000, "{}", html.len());
            assert!(html.starts_with("<!DOCTYPE html>\r\n"));
            assert!(html.is_ascii() && html.split("\r\n").all(|line| line.len() <= 76));
            let is_cut = html.replace("=\r\n", "").contains("It is cut here");
            assert_eq!(is_cut, body.len() > 100_000);
        }
    }

    #[test]
    fn a_mail_of_another_form_is_text_alone() {
        let report = "\nh1: \n    1: x\n";
        let mut pager = queued_mail(b"s", b"h1,1,x\n");
        pager.report.pager = true;
        let part = queued_mail(b"[1/2] s", report.as_bytes());
        let mut filtered = queued_mail(b"s", report.as_bytes());
        filtered.filtered = Some(b"-----BEGIN PGP MESSAGE-----\n".to_vec().into());
        for mail in [pager, part, filtered] {
            assert_eq!(with_html(&mail), composed(&mail, false));
        }
        let mut filtered = queued_mail(b"s", b"\nh1: \n    1: secret\n");
        filtered.filtered = Some(report.as_bytes().to_vec().into());
        let whole = with_html(&filtered);
        assert!(parts(&whole)[1].contains(">x<") && !whole.contains("secret"));
    }
}
