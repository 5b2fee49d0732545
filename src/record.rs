//! Prefixes: from a raw line to host and message.
//!
//! The traditional prefix comes first, then each `logprefix` in its order, and the RFC 3339 prefix
//! last, so that no line that the original understood is read in another way. Where the configuration
//! names devices (`set logprefix cisco`), what they write in front of their messages goes, too.

pub mod forms;
mod named;
pub mod rfc5424;
mod text;

use std::borrow::Cow;

use crate::config::LineSettings;
use crate::pattern::{Budget, Found, Pattern, Spans};
use crate::simd::{Block16, ByteRange, before_space, is_space};
pub use named::drops_structured;
pub use text::{Shape, Text};

/// The pseudo host of lines without a known prefix.
pub const UNPREFIXED: &[u8] = b"[unprefixed logs]";

/// A line, its prefix taken off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// The host, as the prefix names it; may be empty.
    pub host: &'a [u8],
    /// The rest of the line, its process id still in it.
    pub message: Cow<'a, [u8]>,
}

/// What a line turned out to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed<'a> {
    /// A line with a host.
    Record(Record<'a>),
    /// No known prefix: it belongs to the queue `noprefix`.
    NoPrefix,
    /// A `logprefix` matched, but its group took no part: there is no host, the line is dropped.
    NoHost,
}

/// Takes the prefix off `line`: the one way from a line to its host and message. The process id is
/// left in the message; [`Text::new`] hides it. Patterns that hit their limit are noted in `budget`.
#[inline]
pub fn parse<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    match common(line, settings) {
        Some(found) => record(line, found),
        None => parse_other(line, settings, spans, budget),
    }
}

/// Takes the prefix off a line that does not begin as most do.
#[cold]
#[inline(never)]
fn parse_other<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    if !settings.names.is_empty() {
        return named::parse(line, settings, spans, budget);
    }
    let built_in = || rfc3339(line).filter(|_| settings.rfc3339);
    traditional(line)
        .map(|found| record(line, found))
        .or_else(|| by_patterns(line, &settings.prefixes, spans, budget))
        .or_else(|| built_in().map(|found| record(line, found)))
        .unwrap_or(Parsed::NoPrefix)
}

/// The record of a line, given its host and where its message begins.
#[inline(always)]
fn record<'a>(line: &'a [u8], (host, start): (&'a [u8], usize)) -> Parsed<'a> {
    let message = Cow::Borrowed(line.get(start..).unwrap_or_default());
    Parsed::Record(Record { host, message })
}

/// The host and where the message begins, if the line has the prefix that rsyslog writes.
#[inline(always)]
fn common<'a>(line: &'a [u8], settings: &LineSettings) -> Option<(&'a [u8], usize)> {
    if !settings.names.is_empty() {
        return None;
    }
    let stamp = line.first_chunk::<16>()?;
    if is_common_stamp(stamp, line[DAY]) {
        host_at(line, 16)
    } else if settings.rfc3339 && settings.prefixes.is_empty() {
        host_at(line, common_rfc3339(line)?)
    } else {
        None
    }
}

fn by_patterns<'a>(
    line: &'a [u8],
    prefixes: &[Pattern],
    spans: &mut Spans,
    budget: &mut Budget,
) -> Option<Parsed<'a>> {
    for prefix in prefixes {
        let newlines = memchr::memchr(b'\n', line).is_some();
        match prefix.captures_within(line, newlines, spans, budget) {
            Found::No => {}
            Found::GaveUp => budget.give_up(prefix),
            Found::Yes => {
                let whole = spans.0.first().copied().flatten()?;
                let host = spans.0.get(1).copied().flatten();
                return Some(host.map_or(Parsed::NoHost, |(start, end)| {
                    Parsed::Record(Record {
                        host: &line[start..end],
                        message: without(line, whole),
                    })
                }));
            }
        }
    }
    None
}

/// `line` without the bytes of `span`: the match is cut out wherever it stands.
fn without(line: &[u8], (start, end): (usize, usize)) -> Cow<'_, [u8]> {
    if start == 0 {
        return Cow::Borrowed(&line[end..]);
    }
    Cow::Owned([&line[..start], &line[end..]].concat())
}

/// `Nov 23 21:44:00 HOST `: the host and where the message begins. Digits are not checked for range.
fn traditional(line: &[u8]) -> Option<(&[u8], usize)> {
    let stamp = line.first_chunk::<16>()?;
    let known = is_common_stamp(stamp, line[DAY]) || is_stamp(stamp);
    known.then(|| host_at(line, 16)).flatten()
}

/// Where the day stands in the traditional stamp: a blank, if it has one digit only.
const DAY: usize = 4;

/// Whether this is a stamp with blanks for its white space. The byte at [`DAY`] comes besides: to take it
/// out of the sixteen again would take longer than all the rest.
#[inline]
fn is_common_stamp(stamp: &[u8; 16], day: u8) -> bool {
    const STAMP: ByteRange = ByteRange::each(b"Aaa 00 00:00:00 ", b"Zzz 99 99:99:99 ");
    let others = Block16::new(*stamp).within(STAMP).unset_bits();
    others == 0 || (others == 1 << DAY && day == b' ')
}

/// Where the host begins behind `2026-11-23T21:44:00.123456+09:00 `, as rsyslog writes it.
#[inline]
fn common_rfc3339(line: &[u8]) -> Option<usize> {
    const DATE: ByteRange = ByteRange::each(b"0000-00-00T00:00", b"9999-99-99T99:99");
    // From the plus to the minus there is a comma, too.
    const TIME: ByteRange = ByteRange::each(b":00.000000+00:00", b":99.999999-99:99");
    const SIGN: usize = 26;
    let stamp = line.first_chunk::<33>()?;
    let [date, time] = stamp.as_chunks::<16>().0 else {
        return None;
    };
    let others = Block16::new(*date).within(DATE).unset_bits()
        | Block16::new(*time).within(TIME).unset_bits();
    (others == 0 && stamp[SIGN] != b',' && stamp[32] == b' ').then_some(33)
}

/// Whether this is a stamp of the traditional form, as loosely as the original reads it.
fn is_stamp(stamp: &[u8; 16]) -> bool {
    let is = |i: usize, test: fn(&u8) -> bool| test(&stamp[i]);
    let digits = [5, 7, 8, 10, 11, 13, 14];
    is(0, u8::is_ascii_uppercase)
        && is(1, u8::is_ascii_lowercase)
        && is(2, u8::is_ascii_lowercase)
        && is_space(stamp[3])
        && (is_space(stamp[4]) || stamp[4].is_ascii_digit())
        && is_space(stamp[6])
        && stamp[9] == b':'
        && stamp[12] == b':'
        && is_space(stamp[15])
        && digits.iter().all(|&i| stamp[i].is_ascii_digit())
}

/// Whether a line has the traditional prefix.
pub fn is_traditional(line: &[u8]) -> bool {
    traditional(line).is_some()
}

/// Whether a line begins with the traditional stamp and one white space behind it.
fn begins_traditional(line: &[u8]) -> bool {
    line.first_chunk().is_some_and(is_stamp) && !line.get(16).is_some_and(|&byte| is_space(byte))
}

/// The host of either built-in prefix, and where the message begins: what an input that writes
/// prefixes itself must know.
pub fn built_in(line: &[u8]) -> Option<(&[u8], usize)> {
    traditional(line).or_else(|| rfc3339(line))
}

/// `2026-11-23T21:44:00.123456+09:00 HOST ` (RFC 3339 §5.6, with `Z` or an offset).
fn rfc3339(line: &[u8]) -> Option<(&[u8], usize)> {
    const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";
    if let Some(start) = common_rfc3339(line) {
        return host_at(line, start);
    }
    let stamp = line.get(..SHAPE.len())?;
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(shape),
    };
    if !stamp.iter().zip(SHAPE).all(fits) {
        return None;
    }
    let mut at = SHAPE.len();
    if matches!(line.get(at), Some(b'.' | b',')) {
        let digits = line[at + 1..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        if digits == 0 {
            return None;
        }
        at += 1 + digits;
    }
    at += match line.get(at)? {
        b'Z' | b'z' => 1,
        b'+' | b'-' => offset_length(&line[at + 1..])? + 1,
        _ => return None,
    };
    is_space(*line.get(at)?)
        .then(|| host_at(line, at + 1))
        .flatten()
}

/// The length of `HH:MM` or `HHMM`.
fn offset_length(rest: &[u8]) -> Option<usize> {
    let digit = |i: usize| rest.get(i).is_some_and(u8::is_ascii_digit);
    let colon = usize::from(rest.get(2) == Some(&b':'));
    (digit(0) && digit(1) && digit(2 + colon) && digit(3 + colon)).then_some(4 + colon)
}

/// The word at `start` and where the text after its one white space begins.
#[inline]
fn host_at(line: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let end = start + before_space(line, start);
    (start < end && end < line.len()).then(|| (&line[start..end], end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(prefixes: &[&[u8]], hidepid: bool) -> LineSettings {
        LineSettings {
            prefixes: prefixes
                .iter()
                .map(|p| Pattern::compile(p).unwrap())
                .collect(),
            names: Vec::new(),
            rfc3339: true,
            hidepid,
        }
    }

    fn read(line: &str, settings: &LineSettings) -> Option<(String, String)> {
        match parse(
            line.as_bytes(),
            settings,
            &mut Spans::default(),
            &mut Budget::default(),
        ) {
            Parsed::Record(r) => {
                let mut room = Vec::new();
                let mut text = Text::new(&r.message, settings.hidepid, &mut room);
                Some((
                    String::from_utf8_lossy(r.host).into_owned(),
                    String::from_utf8_lossy(text.message()).into_owned(),
                ))
            }
            _ => None,
        }
    }

    #[test]
    fn the_traditional_prefix_is_read_as_loosely_as_before() {
        let plain = settings(&[], false);
        let cases = [
            ("Nov 23 21:44:00 h1 foo bar", Some(("h1", "foo bar"))),
            ("Nov  3 21:44:00 h1 foo", Some(("h1", "foo"))),
            ("Xyz\t99 99:99:99\th1\tfoo", Some(("h1", "foo"))),
            ("Nov 23 21:44:00 h1  foo", Some(("h1", " foo"))),
            ("Nov 23 21:44:00 2026 h1 foo", Some(("2026", "h1 foo"))),
            ("Nov 23 21:44:00 h1 ", Some(("h1", ""))),
            ("Nov 3 21:44:00 h1 foo", None),
            ("nov 23 21:44:00 h1 foo", None),
            ("Nov 23 21:44 h1 foo", None),
            (" Nov 23 21:44:00 h1 foo", None),
            ("<13>Nov 23 21:44:00 h1 foo", None),
            ("Nov 23 21:44:00  h1 foo", None),
            ("Nov 23 21:44:00 h1", None),
            ("", None),
        ];
        for (line, want) in cases {
            let want = want.map(|(h, m)| (h.to_owned(), m.to_owned()));
            assert_eq!(read(line, &plain), want, "{line:?}");
        }
    }

    #[test]
    fn a_stamp_at_a_glance_is_a_stamp() {
        let stamps = ["Nov 23 21:44:00 ", "Nov  3 21:44:00 ", "Xyz 00 99:99:99 "];
        let mut checked = 0;
        for stamp in stamps {
            let stamp: [u8; 16] = stamp.as_bytes().try_into().unwrap();
            assert!(is_common_stamp(&stamp, stamp[DAY]) && is_stamp(&stamp));
            for at in 0..16 {
                for byte in 0..=255 {
                    let mut other = stamp;
                    other[at] = byte;
                    let (one, all) = (is_common_stamp(&other, other[DAY]), is_stamp(&other));
                    let blanks = [3, 6, 15].iter().all(|&i| other[i] == b' ');
                    let blanks = blanks && !(b'\t'..=b'\r').contains(&other[4]);
                    assert_eq!(one, all && blanks, "{:?}", bstr::BStr::new(&other));
                    checked += 1;
                }
            }
        }
        assert_eq!(checked, 3 * 16 * 256);
    }

    /// What is known at a glance is what is found when one looks closely.
    #[test]
    fn a_common_prefix_is_the_same_as_at_a_close_look() {
        let lines = [
            &b"Nov 23 21:44:00 h1 foo bar"[..],
            b"Nov  3 21:44:00 h1 x",
            b"2026-11-23T21:44:00.123456+09:00 h1 foo",
            b"2026-11-23T21:44:00.123456-09:00 a-long-name-of-a-host. foo",
        ];
        let mut all = vec![settings(&[], false), settings(&[b"^2(\\d+)-"], false)];
        all.push(LineSettings {
            rfc3339: false,
            ..settings(&[], false)
        });
        let (mut checked, mut common_ones) = (0, 0);
        for settings in &all {
            for line in lines {
                for (length, at) in
                    (0..=line.len()).flat_map(|l| [(l, None), (line.len(), Some(l))])
                {
                    for byte in 0..=255 {
                        let mut line = line[..length].to_vec();
                        match at.and_then(|at| line.get_mut(at)) {
                            Some(place) => *place = byte,
                            None if byte > 0 => break,
                            None => {}
                        }
                        checked += 1;
                        let Some((host, start)) = common(&line, settings) else {
                            continue;
                        };
                        common_ones += 1;
                        let message = Cow::Borrowed(&line[start..]);
                        let wanted = Parsed::Record(Record { host, message });
                        let (mut spans, mut budget) = Default::default();
                        let other = parse_other(&line, settings, &mut spans, &mut budget);
                        assert_eq!(other, wanted, "{:?}", bstr::BStr::new(&line));
                    }
                }
            }
        }
        assert!(checked > 100_000, "only {checked}");
        assert!(common_ones > 15_000, "only {common_ones}");
    }

    #[test]
    fn rfc_3339_comes_last_and_can_be_switched_off() {
        let mut plain = settings(&[], false);
        for stamp in [
            "2026-11-23T21:44:00.123456+09:00",
            "2026-11-23T21:44:00Z",
            "2026-11-23T21:44:00-0330",
        ] {
            let want = Some(("h1".to_owned(), "foo x".to_owned()));
            assert_eq!(read(&format!("{stamp} h1 foo x"), &plain), want, "{stamp}");
        }
        assert_eq!(read("2026-11-23T21:44:00. h1 x", &plain), None);
        assert_eq!(read("2026-11-23T21:44:00 h1 x", &plain), None);
        plain.rfc3339 = false;
        assert_eq!(read("2026-11-23T21:44:00Z h1 foo", &plain), None);
    }

    #[test]
    fn a_logprefix_is_cut_out_where_it_stands() {
        let own = settings(&[b"host=(\\S+) "], false);
        let want = Some(("alpha".to_owned(), "ts 1 the message".to_owned()));
        assert_eq!(read("ts 1 host=alpha the message", &own), want);
        let optional = settings(&[b"^x(?: (\\S+))? "], false);
        let parsed = parse(
            b"x  y",
            &optional,
            &mut Spans::default(),
            &mut Budget::default(),
        );
        assert_eq!(parsed, Parsed::NoHost);
    }

    #[test]
    fn hidepid_takes_the_process_id_of_the_first_word_only() {
        let hide = settings(&[], true);
        let cases = [
            ("sshd[123]: x", "sshd: x"),
            ("sshd(pam_unix)[1]: y", "sshd(pam_unix): y"),
            ("postfix/smtpd[1]: w", "postfix/smtpd: w"),
            ("kernel: [12.3] z", "kernel: [12.3] z"),
            ("kernel: foo[1]: bar", "kernel: foo[1]: bar"),
            ("prog[12] no colon", "prog[12] no colon"),
            ("prog[12]:nospace", "prog[12]:nospace"),
            ("prog[abc]: n", "prog[abc]: n"),
            ("a b[1]: two words", "a b[1]: two words"),
            ("[1]: onlypid", "[1]: onlypid"),
            ("x[1]: y[2]: z", "x: y[2]: z"),
            ("p[1][2]: q", "p[1]: q"),
        ];
        for (text, want) in cases {
            let got = read(&format!("Nov 23 21:44:00 h1 {text}"), &hide);
            assert_eq!(got.map(|(_, m)| m).as_deref(), Some(want), "{text}");
        }
    }
}
