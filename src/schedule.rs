//! When a queue is mailed: `[now]`, or a five-field cron specification.
//!
//! The language is the original's: all five fields must match (day of month *and* weekday), 0 and 7 are Sunday, `5/2`
//! is just 5. Module `fields` reads it; the `cron` crate, which counts weekdays from 1 and wants seconds, then says
//! whether a minute is included.
//!
//! We only ever turn UTC into local time, never local time into UTC: the first has one answer on
//! every night of the year. Each minute of the epoch is looked at once, as the original does, with
//! two corrections for the nights of a clock change (where the original skips or doubles a report):
//!
//! * A specification is *hourly* when its hour field names all 24 hours (`*`, `*/1`, `0-23`). It
//!   counts in every real minute: both passes of the hour that comes twice. Of a gap shorter than
//!   an hour (Lord Howe) it makes up the minute that fell into it, for that hour has no other.
//! * Any other is at *fixed times*. Each local minute counts once: in the first pass of a fold, and
//!   right after the gap that swallowed it.

mod fields;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, Offset, TimeZone};

pub use self::fields::CronError;
use self::fields::Fields;
use crate::clock::Time;

/// When a queue is reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Schedule {
    /// `[now]`: at each look at the queues (`set sleep`) while it holds lines.
    Now,
    /// `[MINUTE HOUR DAY MONTH WEEKDAY]`, in local time; all five fields must match.
    Cron(CronSpec),
}

/// The schedule as a configuration writes it, with its brackets.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("[now]"),
            Self::Cron(spec) => write!(f, "[{spec}]"),
        }
    }
}

/// A five-field specification as the original reads it.
#[derive(Clone, Debug)]
pub struct CronSpec {
    /// The specification as it is written, without brackets.
    text: String,
    fields: Fields,
    /// The schedule of the `cron` crate; nothing if a field is empty (`,`), so that no minute ever matches.
    schedule: Option<Arc<cron::Schedule>>,
}

impl PartialEq for CronSpec {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronSpec {}

/// The specification as it is written, without brackets.
impl fmt::Display for CronSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Number of minutes of a day.
const DAY: i64 = 24 * 60;

/// How far back a change of the clock can still repeat local minutes, in minutes. The greatest steps known
/// are whole days (at the date line).
const LOOK_BACK: i64 = 26 * 60;

/// How far ahead [`CronSpec::next`] looks, in minutes: from one 29 February to the next, even over 2100, which
/// has none.
const AHEAD: i64 = 9 * 366 * DAY;

/// A time between two clock changes: the minutes `start..end` of the epoch, in which local time is `offset`
/// seconds east of UTC.
#[derive(Clone, Copy, Debug)]
struct OffsetPeriod {
    start: i64,
    end: i64,
    offset: i64,
}

impl OffsetPeriod {
    /// The local minute at minute `at` of the epoch, counted as if local time were UTC.
    fn local(&self, at: i64) -> i64 {
        (at * 60 + self.offset).div_euclid(60)
    }
}

impl CronSpec {
    /// Reads the text between the brackets.
    ///
    /// # Errors
    /// When there are not five fields, or one of them has no meaning.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let fields = Fields::parse(text)?;
        let schedule = match fields.crate_text() {
            None => None,
            Some(converted) => {
                let schedule = converted.parse().map_err(|e| CronError {
                    span: (0, text.len()),
                    message: format!("`{text}` has no meaning ({e})"),
                    hint: None,
                })?;
                Some(Arc::new(schedule))
            }
        };
        Ok(Self {
            text: text.to_owned(),
            fields,
            schedule,
        })
    }

    /// The latest minute in which a report falls due, of those after the minute of `after`, up to and with
    /// the minute of `until`; nothing if there is none. The specification is in the local time of `zone`.
    ///
    /// Nights of a clock change: a report at a fixed time comes once a day (right after the gap, in
    /// the first pass of the fold); one at every hour comes in every real hour.
    pub fn due<Z: TimeZone>(&self, after: Time, until: Time, zone: &Z) -> Option<Time> {
        let (from, to) = (minute_of(after) + 1, minute_of(until) + 1);
        let mut end = to;
        while end > from {
            let start = from.max((end - 1).div_euclid(DAY) * DAY);
            let mut latest = None;
            self.scan(start, end, zone, |minute| {
                latest = Some(minute);
                true
            });
            if let Some(minute) = latest {
                return time_of(minute);
            }
            end = start;
        }
        None
    }

    /// The first minute after the minute of `after` in which a report falls due; nothing if there is none
    /// in the next nine years.
    pub fn next<Z: TimeZone>(&self, after: Time, zone: &Z) -> Option<Time> {
        let mut start = minute_of(after) + 1;
        let last = start.saturating_add(AHEAD);
        while start < last {
            let end = (start.div_euclid(DAY) + 1) * DAY;
            let mut first = None;
            self.scan(start, end, zone, |minute| {
                first = Some(minute);
                false
            });
            if let Some(minute) = first {
                return time_of(minute);
            }
            start = end;
        }
        None
    }

    /// Calls `found` with the due minutes of `start..end` (at most a day), in order, until it returns false.
    fn scan<Z: TimeZone>(
        &self,
        start: i64,
        end: i64,
        zone: &Z,
        mut found: impl FnMut(i64) -> bool,
    ) {
        if self.schedule.is_none() || !self.day_is_possible(start, end) {
            return;
        }
        // The latest local minute so far.
        let mut seen = None;
        for period in offset_periods(start - LOOK_BACK, end, zone) {
            let first_local = period.local(period.start);
            let gap = seen
                .map(|seen: i64| (seen + 1, first_local))
                .filter(|(from, to)| from < to);
            let made_up =
                gap.is_some_and(|(from, to)| self.makes_up(to - from) && self.any_local(from, to));
            let repeated_to = if self.fields.every_hour() { None } else { seen };
            for minute in period.start.max(start)..period.end {
                let local = period.local(minute);
                if repeated_to.is_some_and(|seen| local <= seen) {
                    continue;
                }
                let due = (minute == period.start && made_up) || self.matches(local);
                if due && !found(minute) {
                    return;
                }
            }
            seen = seen.max(Some(period.local(period.end - 1)));
        }
    }

    /// Whether local minutes in a gap of this length (in minutes) are made up for right after the gap.
    fn makes_up(&self, gap: i64) -> bool {
        !self.fields.every_hour() || gap < 60
    }

    /// Whether any of the local minutes `from..to` matches.
    fn any_local(&self, from: i64, to: i64) -> bool {
        (from..to).any(|local| self.matches(local))
    }

    /// Whether the local minute matches.
    fn matches(&self, local: i64) -> bool {
        let of_day = local.rem_euclid(DAY);
        // Most minutes are ruled out by two bits; the rest ask the crate.
        if !self.fields.has_time(of_day / 60, of_day % 60) {
            return false;
        }
        // The local time as if it were UTC: it has no zone, and so one meaning.
        let Some(time) = time_of(local) else {
            return false;
        };
        self.schedule
            .as_ref()
            .is_some_and(|schedule| schedule.includes(time))
    }

    /// Whether any date that some place on earth has during `start..end` can match.
    fn day_is_possible(&self, start: i64, end: i64) -> bool {
        let Some(mut day) = date_of(start - LOOK_BACK) else {
            return false;
        };
        let Some(last) = date_of(end + LOOK_BACK) else {
            return false;
        };
        while day <= last {
            if self
                .fields
                .has_date(day.day(), day.month(), day.weekday().num_days_from_sunday())
            {
                return true;
            }
            let Some(next) = day.succ_opt() else {
                return false;
            };
            day = next;
        }
        false
    }
}

/// The minute of the epoch of a time.
fn minute_of(time: Time) -> i64 {
    time.timestamp().div_euclid(60)
}

/// The time at which a minute of the epoch begins.
fn time_of(minute: i64) -> Option<Time> {
    DateTime::from_timestamp(minute.checked_mul(60)?, 0)
}

/// The date of a minute of the epoch, in UTC.
fn date_of(minute: i64) -> Option<NaiveDate> {
    time_of(minute).map(|time| time.date_naive())
}

/// The offset of `zone` at a minute of the epoch, in seconds east of UTC.
fn offset_at<Z: TimeZone>(minute: i64, zone: &Z) -> i64 {
    let Some(time) = time_of(minute) else {
        return 0;
    };
    i64::from(
        zone.offset_from_utc_datetime(&time.naive_utc())
            .fix()
            .local_minus_utc(),
    )
}

/// Distance at which clock changes are looked for, minutes: no two are closer.
const PROBE: i64 = 6 * 60;

/// The periods between the clock changes in `start..end`.
fn offset_periods<Z: TimeZone>(start: i64, end: i64, zone: &Z) -> Vec<OffsetPeriod> {
    let mut periods: Vec<OffsetPeriod> = Vec::new();
    let mut period = OffsetPeriod {
        start,
        end: start,
        offset: offset_at(start, zone),
    };
    let mut at = start;
    while at < end {
        let probe = (at + PROBE).min(end - 1).max(at + 1);
        let offset = offset_at(probe, zone);
        if probe < end && offset != period.offset {
            // The first minute of the new offset lies in at+1..=probe.
            let (mut low, mut high) = (at, probe);
            while high - low > 1 {
                let middle = low + (high - low) / 2;
                if offset_at(middle, zone) == period.offset {
                    low = middle
                } else {
                    high = middle
                }
            }
            periods.push(OffsetPeriod {
                end: high,
                ..period
            });
            period = OffsetPeriod {
                start: high,
                end: high,
                offset: offset_at(high, zone),
            };
            at = high;
        } else {
            at = probe;
        }
    }
    periods.push(OffsetPeriod { end, ..period });
    periods
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use chrono_tz::Europe::Berlin;
    use chrono_tz::Tz;

    use super::*;

    fn spec(text: &str) -> CronSpec {
        CronSpec::parse(text).unwrap()
    }

    /// An instant, from RFC 3339 text.
    fn at(text: &str) -> Time {
        text.parse().unwrap()
    }

    /// All due minutes in `from..=to`, one by one through `next`, as local time.
    fn all(text: &str, zone: Tz, from: &str, to: &str) -> Vec<String> {
        let (spec, mut now, to) = (spec(text), at(from), at(to));
        let mut found = Vec::new();
        while let Some(next) = spec.next(now, &zone).filter(|next| *next <= to) {
            found.push(
                zone.from_utc_datetime(&next.naive_utc())
                    .format("%d %H:%M %z")
                    .to_string(),
            );
            now = next;
        }
        found
    }

    #[test]
    fn the_latest_due_minute_is_given_and_the_first_is_passed() {
        let daily = spec("0 8 * * *");
        assert_eq!(
            daily.due(
                at("2026-11-01T08:00:00Z"),
                at("2026-11-02T07:59:59Z"),
                &chrono::Utc
            ),
            None
        );
        let found = daily.due(
            at("2026-11-01T08:00:00Z"),
            at("2026-11-20T09:12:00Z"),
            &chrono::Utc,
        );
        assert_eq!(found, Some(at("2026-11-20T08:00:00Z")));
        assert_eq!(
            daily.due(
                at("2026-11-20T09:00:00Z"),
                at("2026-11-01T00:00:00Z"),
                &chrono::Utc
            ),
            None
        );
        assert_eq!(
            daily.next(at("2026-11-20T07:59:59Z"), &chrono::Utc),
            Some(at("2026-11-20T08:00:00Z"))
        );
        assert_eq!(
            daily.next(at("2026-11-20T08:00:00Z"), &chrono::Utc),
            Some(at("2026-11-21T08:00:00Z"))
        );
    }

    #[test]
    fn a_fixed_time_comes_once_in_the_nights_of_the_clock_change() {
        let gap = all(
            "30 2 * * *",
            Berlin,
            "2027-03-27T12:00:00Z",
            "2027-03-28T12:00:00Z",
        );
        assert_eq!(gap, ["28 03:00 +0200"]);
        let fold = all(
            "30 2 * * *",
            Berlin,
            "2026-10-24T12:00:00Z",
            "2026-10-25T12:00:00Z",
        );
        assert_eq!(fold, ["25 02:30 +0200"]);
    }

    #[test]
    fn an_hourly_one_comes_in_every_real_hour() {
        let fold = all(
            "0 * * * *",
            Berlin,
            "2026-10-24T23:30:00Z",
            "2026-10-25T02:30:00Z",
        );
        assert_eq!(fold, ["25 02:00 +0200", "25 02:00 +0100", "25 03:00 +0100"]);
        let gap = all(
            "30 * * * *",
            Berlin,
            "2027-03-28T00:00:00Z",
            "2027-03-28T01:59:00Z",
        );
        assert_eq!(gap, ["28 01:30 +0100", "28 03:30 +0200"]);
        let zone = chrono_tz::Australia::Lord_Howe;
        let half_gap = all(
            "15 * * * *",
            zone,
            "2026-10-03T14:00:00Z",
            "2026-10-03T16:59:00Z",
        );
        assert_eq!(
            half_gap,
            ["04 01:15 +1030", "04 02:30 +1100", "04 03:15 +1100"]
        );
    }

    #[test]
    fn what_never_comes_is_found_out_at_once() {
        let before = std::time::Instant::now();
        for text in ["0 0 30 2 *", ", * * * *", "0 0 31 4,6,9,11 *"] {
            assert_eq!(
                spec(text).next(at("2026-11-01T00:00:00Z"), &Berlin),
                None,
                "{text}"
            );
            let due = spec(text).due(
                at("2016-11-01T00:00:00Z"),
                at("2026-11-01T00:00:00Z"),
                &Berlin,
            );
            assert_eq!(due, None, "{text}");
        }
        assert!(before.elapsed().as_secs() < 2, "{:?}", before.elapsed());
        let leap = spec("0 0 29 2 *").next(at("2026-11-24T00:00:00Z"), &chrono::Utc);
        assert_eq!(leap, Some(at("2028-02-29T00:00:00Z")));
    }

    #[test]
    fn errors_name_the_place_and_what_to_write() {
        let errors = [
            ("0 0 * * sat-sun", (8, 15), "sat-7"),
            ("0 0 * * fri-mon", (8, 15), "fri-7,0-mon"),
            ("5-10/0 * * * *", (0, 6), "step of 1"),
            ("0 0 * * mo", (8, 10), "mon"),
            ("0 0 * foo *", (6, 9), "1 to 12"),
            ("60 * * * *", (0, 2), "0 to 59"),
            ("1,,2 * * * *", (0, 4), ""),
            ("@daily", (0, 6), "0 0 * * *"),
            ("* * * * * *", (0, 11), "MINUTE HOUR"),
        ];
        for (text, span, hint) in errors {
            let error = CronSpec::parse(text).unwrap_err();
            assert_eq!(error.span, span, "{text}: {error:?}");
            assert!(
                error.hint.clone().unwrap_or_default().contains(hint),
                "{text}: {error:?}"
            );
        }
    }
}
