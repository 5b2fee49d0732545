//! Syslog messages as lines of a log file: `Nov 23 21:44:00 HOST TAG: TEXT`.
//!
//! `<PRI>` goes; a prefix that [`crate::record`] knows stays as it is; RFC 5424 and messages without
//! a header get the traditional prefix, which is understood under every `set rfc3339`. The original
//! dies of both.

use std::borrow::Cow;

use chrono::{DateTime, Local};

use super::text::Text;
use crate::clock::Time;
use crate::record;

/// Who sent a message, and when it came: for messages that do not say.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The host of a message that names none; nothing leaves such a message as it is (Redis).
    pub sender: Option<&'a str>,
    /// The time of a message that names none.
    pub time: Time,
}

/// Adds the lines of one message. A message of several lines is several messages; `cut` says that
/// its end is missing.
pub(super) fn take(message: &[u8], cut: bool, arrival: Arrival<'_>, text: &mut Text) {
    let message = trimmed(message);
    let count = message.split(|&b| b == b'\n').count();
    for (i, part) in message.split(|&b| b == b'\n').enumerate() {
        let part = part.strip_suffix(b"\r").unwrap_or(part);
        let line = line(part, arrival);
        if !line.is_empty() || arrival.sender.is_none() {
            text.push(&line, cut && i + 1 == count);
        }
    }
}

/// The message without the newline, carriage return or NUL that many senders end it with.
fn trimmed(mut message: &[u8]) -> &[u8] {
    while let [rest @ .., b'\n' | b'\r' | 0] = message {
        message = rest;
    }
    message
}

/// One message, without newline, as a line of a log file; empty when nothing is in it.
pub fn line<'a>(message: &'a [u8], arrival: Arrival<'_>) -> Cow<'a, [u8]> {
    let rest = without_priority(message);
    if rest.len() < message.len()
        && let Some(line) = rfc5424(rest, arrival)
    {
        return Cow::Owned(line);
    }
    let Some(sender) = arrival.sender.filter(|_| !rest.is_empty()) else {
        return Cow::Borrowed(rest);
    };
    match record::built_in(rest) {
        Some((host, start)) if is_tag(host) => {
            let (stamp, tag) = rest.split_at(start - host.len() - 1);
            Cow::Owned([stamp, sender.as_bytes(), b" ", tag].concat())
        }
        Some(_) => Cow::Borrowed(rest),
        None => {
            let stamp = stamp(arrival.time);
            Cow::Owned([stamp.as_bytes(), sender.as_bytes(), b" ", rest].concat())
        }
    }
}

/// The message after its `<PRI>` (RFC 3164 §4.1.1).
fn without_priority(message: &[u8]) -> &[u8] {
    let Some(inner) = message.strip_prefix(b"<") else {
        return message;
    };
    let digits = inner.iter().take_while(|b| b.is_ascii_digit()).count();
    match inner.get(digits) {
        Some(b'>') if digits > 0 => &inner[digits + 1..],
        _ => message,
    }
}

/// Whether the word in the host's place is a program's name: `prog:` or `prog[12]:`. Programs on
/// the sender itself write no host (RFC 3164 §4.2).
fn is_tag(word: &[u8]) -> bool {
    let name = word.strip_suffix(b":");
    word.contains(&b'[') || name.is_some_and(|name| !name.contains(&b':'))
}

/// `Nov 23 21:44:00 ` in local time.
fn stamp(time: Time) -> String {
    let local = time.with_timezone(&Local);
    local.format("%b %e %H:%M:%S ").to_string()
}

/// What comes after `<PRI>` in a message of RFC 5424 §6, as a line; nothing if it is none.
fn rfc5424(rest: &[u8], arrival: Arrival<'_>) -> Option<Vec<u8>> {
    let mut fields = rest.strip_prefix(b"1 ")?.splitn(6, |&b| b == b' ');
    let mut field = || fields.next().filter(|field| !field.is_empty());
    let (time, host, app, process, _id) = (field()?, field()?, field()?, field()?, field()?);
    let message = after_structured_data(field()?)?;
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    // rsyslog's own template for this form doubles the blank: its `msg` begins with one.
    let message = message.strip_prefix(b" ").unwrap_or(message);
    let mut line = match time {
        b"-" => stamp(arrival.time),
        time => stamp(
            DateTime::parse_from_rfc3339(str::from_utf8(time).ok()?)
                .ok()?
                .into(),
        ),
    }
    .into_bytes();
    line.extend_from_slice(match (host, arrival.sender) {
        (b"-", Some(sender)) => sender.as_bytes(),
        (host, _) => host,
    });
    line.push(b' ');
    if app != b"-" {
        line.extend_from_slice(app);
        if process != b"-" {
            line.push(b'[');
            line.extend_from_slice(process);
            line.push(b']');
        }
        line.extend_from_slice(b": ");
    }
    line.extend_from_slice(message);
    Some(line)
}

/// What follows `-` or `[id name="value"]…` (RFC 5424 §6.3), without its blank.
fn after_structured_data(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    if let Some(after) = rest.strip_prefix(b"-") {
        rest = after;
    } else if rest.first() == Some(&b'[') {
        while let Some(element) = rest.strip_prefix(b"[") {
            rest = after_element(element)?;
        }
    } else {
        return None;
    }
    match rest.split_first() {
        None => Some(rest),
        Some((b' ', message)) => Some(message),
        Some(_) => None,
    }
}

/// What follows the `]` that ends an element; inside quotes a backslash takes the next byte along.
fn after_element(element: &[u8]) -> Option<&[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let end = element.iter().position(|&byte| {
        if std::mem::take(&mut escaped) {
            return false;
        }
        match byte {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return true,
            _ => {}
        }
        false
    })?;
    Some(&element[end + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Origin, Receipt};

    const SENDER: Option<&str> = Some("192.0.2.7");

    fn now() -> Time {
        "2026-11-03T21:44:00Z".parse().unwrap()
    }

    fn read(message: &[u8], sender: Option<&str>) -> String {
        let time = now();
        let arrival = Arrival { sender, time };
        String::from_utf8_lossy(&line(message, arrival)).into_owned()
    }

    #[test]
    fn a_prefix_stays_and_the_priority_goes() {
        let cases = [
            (
                "<13>Nov 23 21:44:00 h1 prog: x",
                "Nov 23 21:44:00 h1 prog: x",
            ),
            ("Nov 23 21:44:00 h1 prog: x", "Nov 23 21:44:00 h1 prog: x"),
            (
                "<13>2026-11-23T21:44:00Z h1 p: x",
                "2026-11-23T21:44:00Z h1 p: x",
            ),
            (
                "<13>Nov 23 21:44:00 prog[1]: x",
                "Nov 23 21:44:00 192.0.2.7 prog[1]: x",
            ),
            (
                "<13>Nov 23 21:44:00 prog: x",
                "Nov 23 21:44:00 192.0.2.7 prog: x",
            ),
            (
                "<13>Nov 23 21:44:00 fe80:: p: x",
                "Nov 23 21:44:00 fe80:: p: x",
            ),
            ("<13>", ""),
        ];
        for (message, want) in cases {
            assert_eq!(read(message.as_bytes(), SENDER), want, "{message}");
        }
    }

    #[test]
    fn a_message_without_header_gets_time_and_sender() {
        let stamp = stamp(now());
        for message in [
            "prog: x",
            "<13>prog: x",
            "<1x>y",
            "<>y",
            "<13",
            "Nov 23 21:44:00 h1",
        ] {
            let rest = message.strip_prefix("<13>").unwrap_or(message);
            let want = format!("{stamp}192.0.2.7 {rest}");
            assert_eq!(read(message.as_bytes(), SENDER), want);
            assert!(record::built_in(want.as_bytes()).is_some(), "{want}");
            assert_eq!(read(message.as_bytes(), None), rest);
        }
    }

    #[test]
    fn rfc_5424_becomes_the_traditional_form() {
        let time = "2026-11-23T21:44:00.003Z";
        let then = stamp("2026-11-23T21:44:00Z".parse().unwrap());
        let came = stamp(now());
        let cases = [
            (
                format!("<165>1 {time} h1 app 12 ID - text"),
                format!("{then}h1 app[12]: text"),
            ),
            (
                format!("<165>1 {time} h1 app - - -  text"),
                format!("{then}h1 app: text"),
            ),
            (
                format!("<165>1 {time} h1 - 12 - - text"),
                format!("{then}h1 text"),
            ),
            (
                "<165>1 - - app - - - text".into(),
                format!("{came}192.0.2.7 app: text"),
            ),
            (
                format!("<1>1 {time} h1 app - - -"),
                format!("{then}h1 app: "),
            ),
            (
                format!("<1>1 {time} h1 app - - [a x=\"] \\\" \\\\\"][b] \u{feff}text"),
                format!("{then}h1 app: text"),
            ),
            // None of these is RFC 5424: nothing of them is dropped.
            (
                "<1>1 then h1 app - - - x".into(),
                format!("{came}192.0.2.7 1 then h1 app - - - x"),
            ),
            (
                format!("<1>1 {time} h1 a - - [x"),
                format!("{came}192.0.2.7 1 {time} h1 a - - [x"),
            ),
            (
                format!("<1>1 {time} h1"),
                format!("{came}192.0.2.7 1 {time} h1"),
            ),
            (
                format!("<1>1 {time} h1 a - - x y"),
                format!("{came}192.0.2.7 1 {time} h1 a - - x y"),
            ),
        ];
        for (message, want) in cases {
            assert_eq!(read(message.as_bytes(), SENDER), want, "{message}");
        }
        assert_eq!(read(b"<1>1 - - a - - - x", None), format!("{came}- a: x"));
    }

    #[test]
    fn a_datagram_is_at_least_one_message() {
        let gather = |message: &[u8], sender, cut| {
            let mut text = Text::new(100);
            let arrival = Arrival {
                sender,
                time: now(),
            };
            take(message, cut, arrival, &mut text);
            let batch = text.batch(Origin::Redis, Receipt::None);
            batch.map(|b| String::from_utf8(b.text).unwrap())
        };
        let one = "Nov 23 21:44:00 h1 x";
        for end in ["", "\n", "\0", "\r\n", "\n\0"] {
            let message = format!("<13>{one}{end}");
            assert_eq!(
                gather(message.as_bytes(), SENDER, false),
                Some(format!("{one}\n"))
            );
        }
        let two = format!("<13>{one}\r\n\n<14>{one} y\n");
        let want = format!("{one}\n{one} y\n");
        assert_eq!(gather(two.as_bytes(), SENDER, false), Some(want));
        for nothing in [&b""[..], b"\n", b"\0\0", b"<13>\n"] {
            assert_eq!(gather(nothing, SENDER, false), None, "{nothing:?}");
        }
        let cut = format!("{one} [... cut]\n");
        assert_eq!(gather(one.as_bytes(), SENDER, true), Some(cut));
        assert_eq!(gather(b"a\n\nb", None, false), Some("a\n\nb\n".into()));
    }

    #[test]
    fn any_bytes_at_all_are_taken() {
        use proptest::prelude::*;
        proptest!(|(message in proptest::collection::vec(any::<u8>(), 0..60), cut: bool)| {
            let mut text = Text::new(40);
            take(&message, cut, Arrival { sender: SENDER, time: now() }, &mut text);
            take(&message, cut, Arrival { sender: None, time: now() }, &mut text);
            let batch = text.batch(Origin::Redis, Receipt::None);
            let bytes = batch.map(|b| b.text).unwrap_or_default();
            prop_assert!(bytes.split(|&b| b == b'\n').all(|line| line.len() <= 40));
        });
    }
}
