//! The lines that tell of silences.

use bstr::BString;
use chrono::{DateTime, Datelike, FixedOffset, TimeDelta};

use super::state::{Flaps, Past};
use super::watch::Why;
use crate::clock::Time;
use crate::shown::shown;

/// Where and when a line is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub now: Time,
    /// How far local time is from UTC.
    pub offset: FixedOffset,
    /// Whether the line is read at once: else it may be read on another day.
    pub at_once: bool,
}

impl Reader {
    /// The reader of a queue that is mailed at once, or not.
    pub(super) fn at(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    /// A moment as people name it: the time of the day, with the weekday or the date where that may be another day.
    pub(super) fn moment(self, time: Time) -> String {
        let local: DateTime<FixedOffset> = time.with_timezone(&self.offset);
        let today = self.now.with_timezone(&self.offset).date_naive();
        let days = (today - local.date_naive()).num_days();
        let form = match days {
            0 if self.at_once => "%H:%M",
            0..=6 => "%a %H:%M",
            _ => "%-d %b %H:%M",
        };
        local.format(form).to_string()
    }

    /// The weekday on which the line is told.
    fn weekday(self) -> &'static str {
        match self.now.with_timezone(&self.offset).weekday() {
            chrono::Weekday::Mon => "Monday",
            chrono::Weekday::Tue => "Tuesday",
            chrono::Weekday::Wed => "Wednesday",
            chrono::Weekday::Thu => "Thursday",
            chrono::Weekday::Fri => "Friday",
            chrono::Weekday::Sat => "Saturday",
            chrono::Weekday::Sun => "Sunday",
        }
    }
}

/// A length of time: `20 s`, `38 min`, `1 h 38 min`, `3 days 4 h`.
pub(super) fn span(time: TimeDelta) -> String {
    if time < TimeDelta::minutes(1) {
        return format!("{} s", time.num_seconds().max(0));
    }
    let minutes = (time.num_seconds().max(0) + 30) / 60;
    let (hours, days) = (minutes / 60, minutes / (24 * 60));
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0..=1, _) => match minutes % 60 {
            0 => format!("{hours} h"),
            minutes => format!("{hours} h {minutes} min"),
        },
        (days, _) => match hours % 24 {
            0 => format!("{days} days"),
            hours => format!("{days} days {hours} h"),
        },
    }
}

/// The longest pause of a host.
fn pause(seconds: u32) -> String {
    match seconds {
        0..=1 => "1 second".to_owned(),
        2..=119 => format!("{seconds} seconds"),
        120..=7259 => format!("{} minutes", (seconds + 30) / 60),
        _ => span(TimeDelta::seconds(seconds.into())),
    }
}

/// A host that fell silent. `by` is the time of the day by which it had written on this day of the last four
/// weeks, where rule B tells and there is one.
pub(super) fn silent(why: Why, since: Time, reader: Reader, by: Option<String>) -> String {
    let since = reader.moment(since);
    let why = match why {
        Why::Pause(longest) => {
            let pause = pause(longest);
            return format!("silent since {since} (its longest pause in four weeks was {pause})");
        }
        Why::Fixed(time) => {
            let time = TimeDelta::from_std(time).map(span).unwrap_or_default();
            return format!("silent since {since} (no pause of it is to last {time})");
        }
        Why::Weekly => by,
    };
    match why {
        Some(by) => {
            let day = reader.weekday();
            format!("silent since {since}; on each of the last four {day}s it had written by {by}")
        }
        None => {
            format!("silent since {since}; it had written in the same hours of the last four weeks")
        }
    }
}

/// A host that writes again.
pub(super) fn back(past: Past, reader: Reader) -> String {
    let since = reader.moment(past.back);
    format!(
        "back since {since}, silent for {}",
        span(past.back - past.since)
    )
}

/// A host that is watched no more.
pub(super) fn forgotten() -> &'static str {
    "forgotten after 7 days of silence; it will be new when it comes"
}

/// The hosts of [`together`] are watched no more.
pub(super) fn forgotten_together(hosts: u32) -> String {
    format!("{hosts} hosts are forgotten after 7 days of silence; each will be new when it comes")
}

/// A host that fell silent again and again.
pub(super) fn often(flaps: &Flaps, silent: Option<Time>, reader: Reader) -> String {
    let since = reader.moment(flaps.since);
    let [shortest, longest] = [flaps.shortest, flaps.longest].map(|seconds| (seconds + 30) / 60);
    let minutes = match shortest == longest {
        true => format!("{longest} minutes"),
        false => format!("{shortest}-{longest} minutes"),
    };
    let still = silent.map(|silent| format!("; silent now since {}", reader.moment(silent)));
    let still = still.unwrap_or_default();
    format!(
        "silent {} times since {since}, {minutes}{still}",
        flaps.times
    )
}

/// The hosts that keep to no rule; nothing if there are none.
pub(super) fn irregular(names: &[&BString]) -> Option<String> {
    const SHOWN: usize = 20;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| shown(name).to_string())
        .collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = shown.join(", ");
    let text = format!(
        "not watched, too irregular: {names}{more} (`set silence QUEUE PATTERN 6h` watches them)"
    );
    (!names.is_empty()).then_some(text)
}

/// Many hosts that fell silent at the same time.
pub(super) fn together((silent, all): (usize, usize), since: Time, reader: Reader) -> String {
    let since = reader.moment(since);
    format!(
        "nothing from {silent} of {all} hosts since {since}: this console's network, or its rsyslogd?"
    )
}

/// The hosts of [`together`] write again.
pub(super) fn together_again(silent: u32, past: Past, reader: Reader) -> String {
    let since = reader.moment(past.back);
    let time = span(past.back - past.since);
    format!("back since {since}: nothing had come from {silent} hosts for {time}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(text: &str) -> Time {
        text.parse().expect(text)
    }

    /// Local time is an hour ahead, and it is Friday 15:20.
    fn here() -> Reader {
        Reader {
            now: at("2026-11-27T14:20:00Z"),
            offset: FixedOffset::east_opt(3600).expect("an offset"),
            at_once: true,
        }
    }

    #[test]
    fn a_silence_says_since_when_and_why() {
        let reader = here();
        let said = |why, since: &str, by: Option<&str>| {
            silent(why, at(since), reader, by.map(str::to_owned))
        };
        let fixed = Why::Fixed(Duration::from_secs(6 * 3600));
        let lines = [
            said(Why::Pause(61 * 60), "2026-11-27T13:02:00Z", None),
            said(Why::Pause(20), "2026-11-26T13:02:00Z", None),
            said(Why::Pause(5 * 3600), "2026-11-20T13:02:00Z", None),
            said(Why::Weekly, "2026-11-23T17:12:00Z", Some("08:15")),
            said(Why::Weekly, "2026-11-27T03:02:00Z", None),
            said(fixed, "2026-11-27T03:02:00Z", None),
        ];
        let want = [
            "silent since 14:02 (its longest pause in four weeks was 61 minutes)",
            "silent since Thu 14:02 (its longest pause in four weeks was 20 seconds)",
            "silent since 20 Nov 14:02 (its longest pause in four weeks was 5 h)",
            "silent since Mon 18:12; on each of the last four Fridays it had written by 08:15",
            "silent since 04:02; it had written in the same hours of the last four weeks",
            "silent since 04:02 (no pause of it is to last 6 h)",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn returns_and_silences_of_many_hosts_have_their_words() {
        let reader = here();
        let past = Past {
            since: at("2026-11-27T13:02:00Z"),
            back: at("2026-11-27T14:40:10Z"),
        };
        let flaps = Flaps {
            since: at("2026-11-24T09:12:00Z"),
            times: 7,
            shortest: 180,
            longest: 2400,
        };
        let lines = [
            back(past, reader),
            together((23, 25), at("2026-11-27T09:12:00Z"), reader),
            back(
                past,
                Reader {
                    at_once: false,
                    ..reader
                },
            ),
            often(&flaps, None, reader),
            often(&flaps, Some(at("2026-11-27T09:12:00Z")), reader),
        ];
        let want = [
            "back since 15:40, silent for 1 h 38 min",
            "nothing from 23 of 25 hosts since 10:12: this console's network, or its rsyslogd?",
            "back since Fri 15:40, silent for 1 h 38 min",
            "silent 7 times since Tue 10:12, 3-40 minutes",
            "silent 7 times since Tue 10:12, 3-40 minutes; silent now since 10:12",
        ];
        assert_eq!(lines, want);
    }

    #[test]
    fn lengths_of_time_are_short() {
        let cases = [
            (29, "29 s"),
            (95 * 60, "1 h 35 min"),
            (7200, "2 h"),
            (200_000, "2 days 7 h"),
        ];
        for (seconds, want) in cases {
            assert_eq!(span(TimeDelta::seconds(seconds)), want);
        }
    }
}
