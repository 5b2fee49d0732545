//! Numbers with a unit, as the command line has them.

use chrono::Datelike;

use super::command::{HushTime, Since};
use crate::clock;

/// A time: `90`, `15m`, `1h`.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let time = clock::duration(text).map(|time| time.as_secs());
    let time = time.or_else(|| number(text, &[]));
    time.ok_or_else(|| "write seconds, or a number with s, m, h or d".to_owned())
}

/// A time from a second to a year with its unit, or `off`.
pub(super) fn hush(text: &str) -> Result<HushTime, String> {
    if text == "off" {
        return Ok(HushTime::Off);
    }
    let time = clock::duration(text);
    let time = time.filter(|time| (1..=366 * 86_400).contains(&time.as_secs()));
    let wrong = || "write a number with m, h or d, such as 2h, or off".to_owned();
    Ok(HushTime::For(time.ok_or_else(wrong)?))
}

/// A size: `4096`, `64K`, `1G`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let units = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];
    number(text, &units).ok_or_else(|| "write bytes, or a number with K, M or G".to_owned())
}

/// A day: `2026-11-27`.
pub(super) fn date(text: &str) -> Result<chrono::NaiveDate, String> {
    let date = chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    let date = date.filter(|date| (0..=9999).contains(&date.year()));
    date.ok_or_else(|| "write a day as YYYY-MM-DD".to_owned())
}

/// A time to look back to: `2026-11-27`, `3 weeks`, `2d`, `12 hours`, `yesterday`.
pub(super) fn since(text: &str) -> Result<Since, String> {
    let wrong = || {
        "write a day as YYYY-MM-DD, or a time as in `3 weeks`, `12 hours`, `yesterday`".to_owned()
    };
    match text.trim() {
        "today" => return Ok(Since::DaysAgo(0)),
        "yesterday" => return Ok(Since::DaysAgo(1)),
        _ => {}
    }
    if let Ok(day) = date(text) {
        return Ok(Since::Day(day));
    }
    let text = text.trim().trim_end_matches(" ago");
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let count = text
        .strip_suffix(unit)
        .and_then(|count| count.parse::<u32>().ok());
    let count = u64::from(count.ok_or_else(wrong)?);
    let days = match unit.trim() {
        "h" | "hour" | "hours" => return Ok(Since::HoursAgo(count)),
        "d" | "day" | "days" => 1,
        "w" | "week" | "weeks" => 7,
        "month" | "months" => 30,
        "y" | "year" | "years" => 365,
        _ => return Err(wrong()),
    };
    Ok(Since::DaysAgo(count * days))
}

fn number(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let unit = units.iter().find_map(|(name, factor)| {
        let digits = text.strip_suffix(name)?;
        Some((digits, *factor))
    });
    let (digits, factor) = unit.unwrap_or((text, 1));
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_look_back_to_has_many_forms() {
        let day = chrono::NaiveDate::from_ymd_opt(2026, 11, 3).unwrap();
        let good = [
            ("2026-11-03", Since::Day(day)),
            ("3 weeks", Since::DaysAgo(21)),
            ("1 week ago", Since::DaysAgo(7)),
            ("2d", Since::DaysAgo(2)),
            ("6 months", Since::DaysAgo(180)),
            ("1y", Since::DaysAgo(365)),
            ("12 hours", Since::HoursAgo(12)),
            ("today", Since::DaysAgo(0)),
            ("yesterday", Since::DaysAgo(1)),
        ];
        for (text, want) in good {
            assert_eq!(since(text), Ok(want), "{text}");
        }
        for text in [
            "",
            "weeks",
            "3",
            "-1 day",
            "1.5 days",
            "3 fortnights",
            "99999999999 days",
            "2026-13-01",
            "+262142-12-31",
            "-262143-01-01",
        ] {
            assert!(since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_units() {
        let good = [
            ("0", 0),
            ("90", 90),
            ("90s", 90),
            ("15m", 900),
            ("1h", 3600),
            ("2d", 172_800),
        ];
        for (text, want) in good {
            assert_eq!(seconds(text), Ok(want), "{text}");
        }
        for (text, want) in [
            ("10", 10),
            ("64K", 65_536),
            ("100M", 104_857_600),
            ("1G", 1 << 30),
        ] {
            assert_eq!(bytes(text), Ok(want), "{text}");
        }
        for text in [
            "",
            "m",
            "-1",
            "+1",
            "1.5h",
            "1 h",
            "1h1m",
            "99999999999999999999",
            "1K",
        ] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for text in ["", "G", "1k", "1m", "18446744073709551615K"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
