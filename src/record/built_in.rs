//! The built-in prefixes: the traditional one, and that with a time of RFC 3339.

use crate::config::LineSettings;
use crate::simd::{Block16, ByteRange, before_space, is_space};

/// The host and where the message begins, if the line has the prefix that rsyslog writes and no setting
/// comes before it: the quick way for most lines.
#[inline(always)]
pub(super) fn common<'a>(line: &'a [u8], settings: &LineSettings) -> Option<(&'a [u8], usize)> {
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

/// The host of the traditional prefix (`Nov 23 21:44:00 HOST `) and where the message begins. Digits are not
/// checked for range.
pub(super) fn traditional(line: &[u8]) -> Option<(&[u8], usize)> {
    let stamp = line.first_chunk::<16>()?;
    let known = is_common_stamp(stamp, line[DAY]) || is_stamp(stamp);
    known.then(|| host_at(line, 16)).flatten()
}

/// Where the day stands in the traditional stamp; a blank stands there if the day has one digit.
pub(super) const DAY: usize = 4;

/// Whether this is a traditional stamp whose white space is blanks. `day` is the byte at [`DAY`]: to take it
/// out of the sixteen bytes again would cost more than the comparison.
#[inline]
pub(super) fn is_common_stamp(stamp: &[u8; 16], day: u8) -> bool {
    const STAMP: ByteRange = ByteRange::each(b"Aaa 00 00:00:00 ", b"Zzz 99 99:99:99 ");
    let others = Block16::new(*stamp).within(STAMP).unset_bits();
    others == 0 || (others == 1 << DAY && day == b' ')
}

/// Where the host begins behind a stamp as rsyslog writes it: `2026-11-23T21:44:00.123456+09:00 `.
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

/// Whether this is a stamp of the traditional form, read as loosely as the original reads it.
pub(super) fn is_stamp(stamp: &[u8; 16]) -> bool {
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

/// Whether a line begins with the traditional stamp and exactly one white space behind it.
pub(super) fn begins_traditional(line: &[u8]) -> bool {
    line.first_chunk().is_some_and(is_stamp) && !line.get(16).is_some_and(|&byte| is_space(byte))
}

/// The host of either built-in prefix and where the message begins, for inputs that write prefixes
/// themselves.
pub fn built_in(line: &[u8]) -> Option<(&[u8], usize)> {
    traditional(line).or_else(|| rfc3339(line))
}

/// The host of a prefix with a time of RFC 3339 §5.6 (`2026-11-23T21:44:00.123456+09:00 HOST `, with `Z` or
/// an offset) and where the message begins.
pub(super) fn rfc3339(line: &[u8]) -> Option<(&[u8], usize)> {
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

/// The length of an offset behind its sign: `HH:MM` or `HHMM`.
fn offset_length(rest: &[u8]) -> Option<usize> {
    let digit = |i: usize| rest.get(i).is_some_and(u8::is_ascii_digit);
    let colon = usize::from(rest.get(2) == Some(&b':'));
    (digit(0) && digit(1) && digit(2 + colon) && digit(3 + colon)).then_some(4 + colon)
}

/// The word at `start`, and where the text behind it and one white space begins.
#[inline]
fn host_at(line: &[u8], start: usize) -> Option<(&[u8], usize)> {
    let end = start + before_space(line, start);
    (start < end && end < line.len()).then(|| (&line[start..end], end + 1))
}
