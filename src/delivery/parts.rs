//! Parts: a report that is too large for one mail goes in several.
//!
//! A part is a mail of its own, with its own Message-ID: a part that was accepted leaves
//! the outbox and is not sent again. Each can be read by itself: it is cut between two lines, and
//! the name of the host stands before its lines.

use bstr::ByteSlice;

use super::message::{Content, Identity, Message, width};
use super::smtp::reply::Reply;
use super::{Delivery, QueuedMail};
use crate::report::{Body, BodyWriter, is_host};

/// The largest mail for a server that does not say what it takes, bytes: below the default of
/// Postfix (`message_size_limit`, 10,240,000).
pub const OWN_BOUND: u64 = 10_000_000;
/// The sizes that are tried after a server refused a larger mail without naming its limit, bytes.
const STEPS: [u64; 5] = [OWN_BOUND, 1_000_000, 100_000, 20_000, 4_096];
/// Every server takes mails of this size, bytes (RFC 5321 §4.5.3.1.7).
const ALL_TAKE: u64 = 64 * 1024;
/// The least room of a part for its lines, bytes: a smaller limit cannot be meant.
const LEAST_ROOM: usize = 1_000;
/// The room for the numbers in the subject, and for the lines that say which part follows, bytes.
const NOTES: usize = 300;

/// The next smaller size to try after a 5xx to a mail of this length, if the reply is about its size
/// (RFC 3463 §3.3, §3.4: 5.2.3 and 5.3.4). A bare 552 may also mean a full mailbox, which parts do not help.
pub fn smaller(length: usize, reply: &Reply) -> Option<u64> {
    let text = reply.text().to_ascii_lowercase();
    let least = match reply.enhanced() {
        Some("5.3.4" | "5.2.3") => 0,
        Some(_) => return None,
        None if reply.code != 552 => return None,
        None if is_about_size(&text) => 0,
        None => ALL_TAKE,
    };
    step_below(length, least)
}

fn is_about_size(text: &str) -> bool {
    let words = [
        "5.3.4",
        "5.2.3",
        "too big",
        "too large",
        "message size",
        "size limit",
    ];
    words.iter().any(|words| text.contains(words))
}

fn step_below(length: usize, least: u64) -> Option<u64> {
    let length = length as u64;
    let smaller = |step: &u64| *step >= least && step.saturating_mul(4) / 3 <= length;
    STEPS.into_iter().find(smaller)
}

/// Makes an attempt with a sendmail program, which does not name its limit: a mail is too large by
/// our own bound, or by the words of the program.
pub fn bounded(length: usize, carry: impl FnOnce() -> Delivery) -> Delivery {
    if length as u64 > OWN_BOUND {
        let why = format!("the mail has {length} bytes");
        return Delivery::TooLarge {
            most: OWN_BOUND,
            why,
        };
    }
    match carry() {
        Delivery::ContentRejected(why)
        | Delivery::EnvelopeRejected(why)
        | Delivery::Deferred(why)
            if is_about_size(&why.to_ascii_lowercase()) && step_below(length, 0).is_some() =>
        {
            let most = step_below(length, 0).unwrap_or(OWN_BOUND);
            Delivery::TooLarge { most, why }
        }
        other => other,
    }
}

/// Cuts a mail into bodies that fit into mails of at most `most` bytes. Gives none if there is
/// nothing to cut: it fits as it is, or is as small as it can be. A part is text alone: of a mail whose HTML
/// (`set html`) is all that is too much, it gives the text as the only part.
pub fn split(mail: &QueuedMail, identity: &Identity, most: u64) -> Vec<Body> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // Servers on the way add headers of their own, and have the same limit.
    let margin = (most / 32).clamp(1024, 64 * 1024);
    let head = Message::with_body(mail, identity, &Body::default()).length();
    let room = most.saturating_sub(margin + head + NOTES).max(LEAST_ROOM);
    // Each part says how many there are: they are counted before they are written.
    let mut counted = Count(0);
    cut(mail, room, &mut counted);
    if counted.0 < 2 && !Message::new(mail, identity).has_html() {
        return Vec::new();
    }
    let mut parts = Parts {
        count: counted.0,
        notes: is_full(mail),
        done: Vec::new(),
        part: BodyWriter::default(),
    };
    cut(mail, room, &mut parts);
    parts.done
}

/// Whether it is a full report as we wrote it: nothing is added to what a filter made of one, or to a pager's.
fn is_full(mail: &QueuedMail) -> bool {
    mail.filtered.is_none() && !mail.report.pager
}

/// Cuts the body of a mail into parts of at most `room` bytes.
fn cut(mail: &QueuedMail, room: usize, out: &mut dyn Part) {
    let full = is_full(mail);
    let mut cutter = Cutter::new(room, out);
    let mut blank = false;
    mail.body().all_lines(|line| {
        let before = std::mem::replace(&mut blank, full && line == b"\n");
        match (before, blank) {
            // It belongs to what follows.
            (false, true) => {}
            (true, true) => cutter.take(line, false),
            (true, false) => cutter.take(&[b"\n", line].concat(), is_host(line)),
            (false, false) => cutter.take(line, false),
        }
        true
    });
    if blank {
        cutter.take(b"\n", false);
    }
    if cutter.begun {
        cutter.out.end();
    }
}

/// What is made of the parts.
trait Part {
    /// Some text of a part.
    fn put(&mut self, text: &[u8]);
    /// The part is over.
    fn end(&mut self);
}

/// The number of parts.
struct Count(usize);

impl Part for Count {
    fn put(&mut self, _: &[u8]) {}

    fn end(&mut self) {
        self.0 += 1;
    }
}

/// The parts as they are sent.
struct Parts {
    /// How many there will be.
    count: usize,
    /// Whether each says which one it is.
    notes: bool,
    done: Vec<Body>,
    part: BodyWriter,
}

impl Part for Parts {
    fn put(&mut self, text: &[u8]) {
        self.part.put(text);
    }

    fn end(&mut self) {
        let (next, count) = (self.done.len() + 2, self.count);
        let goes_on = self.notes && next <= count;
        if goes_on {
            let words = format!("\n*** It goes on in part {next} of {count} ***\n");
            self.part.put(words.as_bytes());
        }
        self.done.push(std::mem::take(&mut self.part).finish());
        if goes_on {
            let words = format!("*** Part {next} of {count}: the report goes on ***\n");
            self.part.put(words.as_bytes());
        }
    }
}

/// Fills parts with lines, up to their room.
struct Cutter<'a> {
    out: &'a mut dyn Part,
    /// Whether the part that is being filled holds something, and how much of its room is taken.
    begun: bool,
    used: usize,
    room: usize,
    /// The line of the host whose block this is, with the empty one before it, and its size.
    host: Vec<u8>,
    host_size: usize,
}

impl<'a> Cutter<'a> {
    fn new(room: usize, out: &'a mut dyn Part) -> Self {
        Self {
            out,
            begun: false,
            used: 0,
            room,
            host: Vec::new(),
            host_size: 0,
        }
    }

    /// Takes a line, or a host's with the empty one before it.
    fn take(&mut self, text: &[u8], is_host: bool) {
        let size = measure(text);
        if is_host {
            let fits = size * 2 <= self.room;
            self.host = if fits { text.to_vec() } else { Vec::new() };
            self.host_size = if fits { size } else { 0 };
        }
        let again = if is_host { 0 } else { self.host_size };
        if size + again <= self.room {
            return self.put(text, size, is_host);
        }
        // Longer than a part: each byte takes at most four and a third of a mail.
        let mut rest = text;
        while !rest.is_empty() {
            let most = (self.room.saturating_sub(again) / 5).max(1);
            let cut = char_end(rest, most);
            let (piece, after) = rest.split_at_checked(cut).unwrap_or((rest, &[]));
            let piece = piece.strip_suffix(b"\n").unwrap_or(piece);
            let piece = [piece, b"\n"].concat();
            self.put(&piece, measure(&piece), is_host);
            rest = after;
        }
    }

    fn put(&mut self, text: &[u8], size: usize, is_host: bool) {
        if self.used + size > self.room && self.begun {
            self.out.end();
            self.used = 0;
            if !is_host {
                self.out.put(&self.host);
                self.used = self.host_size;
            }
        }
        self.out.put(text);
        self.begun = true;
        self.used += size;
    }
}

/// The largest size of these lines in a mail, bytes.
fn measure(text: &[u8]) -> usize {
    text.lines_with_terminator().map(width).sum()
}

/// The length of the first `most` bytes, or a little less: not within a character.
fn char_end(text: &[u8], most: usize) -> usize {
    if text.len() <= most {
        return text.len();
    }
    let is_begin = |at: &usize| text.get(*at).is_none_or(|byte| byte & 0xc0 != 0x80);
    let mut ends = (most.saturating_sub(3).max(1)..=most).rev();
    ends.find(is_begin).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::marks::mark;
    use crate::delivery::message::compose;
    use crate::delivery::message::tests::queued_mail;

    fn identity() -> Identity {
        Identity {
            version: "1".into(),
            hostname: "console".into(),
            html: false,
        }
    }

    /// A report of three hosts with lines of all kinds.
    fn body() -> Vec<u8> {
        let mut out = b"*** Status: flushing ***\n".to_vec();
        for host in ["h1", "h2", "h3"] {
            out.extend_from_slice(format!("\n{host}: \n").as_bytes());
            for n in 0..400 {
                let text: &[u8] = match n % 4 {
                    0 => b"a plain line",
                    1 => "störung = €".as_bytes(),
                    2 => b"\xff\x1b\x01 bytes",
                    _ => b"",
                };
                out.extend_from_slice(format!("    1: {host}-{n} ").as_bytes());
                out.extend_from_slice(text);
                out.push(b'\n');
            }
            out.extend_from_slice(b"\n  *** Too many alerts (limit: 400)  ***\n");
        }
        out
    }

    /// The lines of a body with their hosts, without what a part adds.
    fn lines(body: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut host = Vec::new();
        let mut lines = Vec::new();
        for line in body.lines() {
            if line.ends_with(b": ") && !line.starts_with(b" ") {
                host = line.to_vec();
            } else if line.starts_with(b"    ") {
                lines.push((host.clone(), line.to_vec()));
            }
        }
        lines
    }

    #[test]
    fn every_part_fits_and_together_they_say_all() {
        let (mut checked, body) = (0, body());
        for most in [2_000_u64, 3_000, 5_000, 20_000] {
            let mut whole = queued_mail(b"tenshi report [a]", &body);
            let parts = split(&whole, &identity(), most);
            let together: Vec<_> = parts.iter().flat_map(|part| lines(&part.whole())).collect();
            assert_eq!(together, lines(&body), "{most}");
            for (at, part) in parts.iter().enumerate() {
                whole.report.body = part.clone();
                whole.report.subject = mark(b"tenshi report [a]", at + 1, parts.len());
                let size = compose(&whole, &identity()).len() as u64;
                assert!(size <= most.max(2_600), "{most}: {size}");
                let text = part.whole();
                let first = text.lines().find(|l| l.ends_with(b": "));
                assert!(first.is_some(), "{part}");
                checked += 1;
            }
        }
        assert!(checked > 50, "{checked}");
        assert!(split(&queued_mail(b"s", &body), &identity(), OWN_BOUND).is_empty());
    }

    /// A report so long that it is kept packed.
    #[test]
    fn a_packed_report_goes_whole_or_in_parts() {
        let body = body().repeat(50);
        assert!(body.len() > 1 << 20, "{}", body.len());
        let whole = queued_mail(b"tenshi report [a]", &body);
        let parts = split(&whole, &identity(), 500_000);
        let together: Vec<_> = parts.iter().flat_map(|part| lines(&part.whole())).collect();
        assert_eq!(together, lines(&body));
        let sent = compose(&whole, &identity());
        assert_eq!(sent.find_iter(b"a plain line").count(), 50 * 300);
    }

    #[test]
    fn a_line_that_is_longer_than_a_part_is_cut_into_lines() {
        let mut long = b"\nh1: \n    1: ".to_vec();
        long.extend_from_slice("€\u{1}".repeat(5000).as_bytes());
        long.extend_from_slice(b"\n");
        let parts = split(&queued_mail(b"s", &long), &identity(), 4_000);
        assert!(parts.len() > 10, "{}", parts.len());
        let text: String = parts.iter().map(ToString::to_string).collect();
        assert_eq!(text.matches('€').count(), 5000);
        assert_eq!(text.matches("\nh1: \n").count(), parts.len());
        // What a filter made, and pagers: nothing is added.
        let mut other = queued_mail(b"s", b"");
        other.filtered = Some(Body::from("x".repeat(9_000).into_bytes()));
        let parts = split(&other, &identity(), 4_000);
        let text: String = parts.iter().map(ToString::to_string).collect();
        assert_eq!(text.replace('\n', ""), "x".repeat(9_000));
    }

    #[test]
    fn a_mail_that_cannot_be_smaller_is_not_cut() {
        for most in [0, 1, 500, 2_000] {
            assert!(split(&queued_mail(b"s", b"\nh1: \n    1: x\n"), &identity(), most).is_empty());
        }
    }

    #[test]
    fn which_refusals_are_about_the_size() {
        let reply = |code, text: &str| Reply {
            code,
            lines: vec![text.into()],
        };
        let cases = [
            (
                552,
                "5.3.4 Message size exceeds fixed limit",
                30_000,
                Some(20_000),
            ),
            (554, "5.3.4 too long", 30_000_000, Some(OWN_BOUND)),
            (552, "5.2.3 too long for you", 9_000_000, Some(1_000_000)),
            (552, "Message too large", 30_000, Some(20_000)),
            (552, "Requested mail action aborted", 300_000, Some(100_000)),
            (552, "Requested mail action aborted", 60_000, None),
            (552, "5.2.2 mailbox full", 300_000, None),
            (554, "message size", 300_000, None),
            (550, "5.7.1 no", 300_000, None),
            (552, "5.3.4 x", 5_000, None),
        ];
        for (code, text, length, most) in cases {
            assert_eq!(smaller(length, &reply(code, text)), most, "{code} {text}");
        }
    }
}
