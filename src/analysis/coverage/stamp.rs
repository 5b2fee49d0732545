//! The time that a line has in front, as its writer saw the clock.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime};

/// The length of `2026-11-23T21:44:00`.
const INTERNET: usize = 19;

/// The time of a line with the traditional prefix or one of RFC 3339. The traditional prefix has no year: the
/// line is taken for one of the year before `now`.
pub(super) fn stamp(line: &[u8], now: NaiveDateTime) -> Option<NaiveDateTime> {
    if let Some(head) = line.get(..INTERNET)
        && line
            .get(10)
            .is_some_and(|byte| matches!(byte, b'T' | b't' | b' '))
    {
        let [year, month, day] = numbers(head.get(..10)?, b'-')?;
        let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
        return at_time(date, head.get(11..)?);
    }
    let month = month(line.get(..3)?)?;
    let day = number(line.get(4..6)?.trim_ascii())?;
    let tomorrow = now.date().checked_add_days(Days::new(1))?;
    let this_year = NaiveDate::from_ymd_opt(now.year(), month, day);
    let date = match this_year {
        Some(date) if date <= tomorrow => date,
        // The 29th of February, too, may be of a year before.
        _ => (1..=4).find_map(|back| NaiveDate::from_ymd_opt(now.year() - back, month, day))?,
    };
    at_time(date, line.get(7..15)?)
}

fn at_time(date: NaiveDate, time: &[u8]) -> Option<NaiveDateTime> {
    let [hour, minute, second] = numbers(time, b':')?;
    date.and_hms_opt(hour, minute, second.min(59))
}

/// The number of the month with this English name, from 1.
fn month(name: &[u8]) -> Option<u32> {
    const MONTHS: [&[u8]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov",
        b"Dec",
    ];
    let at = MONTHS.iter().position(|month| *month == name)?;
    u32::try_from(at + 1).ok()
}

/// Three numbers with a byte between them.
fn numbers(text: &[u8], between: u8) -> Option<[u32; 3]> {
    let mut parts = text.split(|&byte| byte == between).map(number);
    let three = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(three)
}

fn number(digits: &[u8]) -> Option<u32> {
    let digit = |b: &u8| b.is_ascii_digit();
    let all = !digits.is_empty() && digits.iter().all(digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_year_is_that_of_the_last_such_day() {
        let now = |text: &str| NaiveDateTime::parse_from_str(text, "%F %T").unwrap();
        let mut checked = 0;
        for (line, at, want) in [
            (
                "Nov 23 21:44:00 h x",
                "2026-11-29 10:00:00",
                Some("2026-11-23 21:44:00"),
            ),
            (
                "Nov  3 21:44:00 h x",
                "2026-11-29 10:00:00",
                Some("2026-11-03 21:44:00"),
            ),
            (
                "Dec 31 23:59:59 h x",
                "2026-01-01 10:00:00",
                Some("2025-12-31 23:59:59"),
            ),
            (
                "Jan  1 00:00:01 h x",
                "2025-12-31 23:59:00",
                Some("2025-01-01 00:00:01"),
            ),
            (
                "Nov 30 00:00:01 h x",
                "2026-11-29 23:59:00",
                Some("2026-11-30 00:00:01"),
            ),
            (
                "Feb 29 00:00:01 h x",
                "2026-11-29 23:59:00",
                Some("2024-02-29 00:00:01"),
            ),
            (
                "2026-11-23T21:44:00.123456+09:00 h x",
                "2027-01-01 00:00:00",
                Some("2026-11-23 21:44:00"),
            ),
            ("Nov 31 21:44:00 h x", "2026-11-29 10:00:00", None),
            ("Foo 23 21:44:00 h x", "2026-11-29 10:00:00", None),
            ("short", "2026-11-29 10:00:00", None),
            ("", "2026-11-29 10:00:00", None),
        ] {
            assert_eq!(stamp(line.as_bytes(), now(at)), want.map(now), "{line}");
            checked += 1;
        }
        assert_eq!(checked, 11);
    }
}
