//! The day that a line came, which is as fine as months need it.

use chrono::{Datelike, Local, NaiveDate, TimeDelta};
use serde::{Deserialize, Serialize};

use crate::clock::Time;

/// The days from the first one of the common era to the first one that a [`Day`] can be: 1 January 2020.
const FIRST: i32 = 737_425;

/// A day of the calendar at this machine, from 2020 to 2199.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Day(u16);

impl Day {
    /// The last day that there is.
    pub const LAST: Self = Self(u16::MAX);

    /// The day of an instant.
    pub fn of(time: Time) -> Self {
        Self::on(time.with_timezone(&Local).date_naive())
    }

    /// The day of a date. A date before the first day or after the last one is that day.
    pub fn on(date: NaiveDate) -> Self {
        let days = date.num_days_from_ce().saturating_sub(FIRST).max(0);
        Self(u16::try_from(days).unwrap_or(u16::MAX))
    }

    /// The day of this number, counted from the first one.
    pub fn numbered(number: u16) -> Self {
        Self(number)
    }

    /// The number of the day, counted from the first one.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The days from `earlier` to this one; 0 if that one is later.
    pub fn since(self, earlier: Self) -> u16 {
        self.0.saturating_sub(earlier.0)
    }

    /// The day that comes this number of `days` after this one.
    pub fn after(self, days: u16) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The day that was this number of `days` before this one.
    pub fn before(self, days: u16) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// The date of the day.
    pub fn date(self) -> NaiveDate {
        let first = NaiveDate::from_num_days_from_ce_opt(FIRST).unwrap_or_default();
        first
            .checked_add_signed(TimeDelta::days(i64::from(self.0)))
            .unwrap_or(first)
    }

    /// The day as a reader of `today` needs it: `6 Jul`, and `6 Jul 2025` in another year.
    pub fn shown(self, today: Self) -> String {
        let (date, now) = (self.date(), today.date());
        match date.year() == now.year() {
            true => date.format("%-d %b").to_string(),
            false => date.format("%-d %b %Y").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeZone;

    fn day(year: i32, month: u32, day: u32) -> Day {
        Day::on(NaiveDate::from_ymd_opt(year, month, day).unwrap())
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(day(2020, 1, 1), Day(0));
        assert_eq!(day(1999, 1, 1), Day(0), "a clock that was never set");
        assert_eq!(day(2900, 1, 1), Day::LAST);
        for day in [Day(0), Day(59), Day(2524), Day::LAST] {
            assert_eq!(Day::on(day.date()), day);
        }
        let local = |hour| Local.with_ymd_and_hms(2026, 11, 26, hour, 59, 59);
        for hour in [0, 12, 23] {
            let time = local(hour).unwrap().to_utc();
            assert_eq!(Day::of(time), day(2026, 11, 26), "{hour}");
        }
        let (july, november) = (day(2026, 7, 6), day(2026, 11, 26));
        assert_eq!(november.since(july), 143);
        assert_eq!(july.since(november), 0, "the clock was set back");
        assert_eq!(july.after(143), november);
        assert_eq!(november.before(143), july);
        assert_eq!(Day(3).before(9), Day(0));
    }

    #[test]
    fn the_year_is_told_where_it_is_another_one() {
        let today = day(2026, 11, 26);
        assert_eq!(day(2026, 3, 3).shown(today), "3 Mar");
        assert_eq!(day(2025, 12, 31).shown(today), "31 Dec 2025");
    }
}
