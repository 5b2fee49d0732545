//! What a bundled queue gathered in its window, and what a pager is told of further pages.

use chrono::{Local, TimeDelta};

use super::{BodyWriter, put};
use crate::clock::Time;
use crate::queue::HostLines;
use crate::shown::thousands;

/// What a bundled queue gathered since its mail before (`set bundle`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gathered {
    /// The sum of all counts.
    count: u64,
    /// The number of distinct lines.
    lines: u64,
    /// The time since the mail before.
    time: TimeDelta,
}

impl Gathered {
    /// The lines of a report, which were gathered in this time.
    pub fn new(hosts: &[HostLines<'_>], time: TimeDelta) -> Self {
        let lines = hosts.iter().flat_map(|host| &host.lines);
        let counts = lines.clone().map(|(count, _)| *count);
        let others = hosts.iter().map(|host| host.others);
        Self {
            count: counts.chain(others).fold(0, u64::saturating_add),
            lines: lines.count() as u64,
            time,
        }
    }

    /// `48,212 more in 10 minutes, 31 lines`
    pub fn words(&self) -> String {
        let lines = match self.lines {
            1 => "1 line".to_owned(),
            lines => format!("{} lines", thousands(lines)),
        };
        let (count, time) = (thousands(self.count), span(self.time));
        format!("{count} more in {time}, {lines}")
    }
}

/// A length of time: `20 seconds`, `10 minutes`, `1 hour`, `2 h 20 min`.
fn span(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let minutes = (seconds + 30) / 60;
    match (seconds, minutes / 60, minutes % 60) {
        (1, ..) => "1 second".into(),
        (0..=119, ..) => format!("{seconds} seconds"),
        (_, 1, 0) => "1 hour".into(),
        (_, hours @ 2.., 0) => format!("{hours} hours"),
        (_, 0 | 1, _) => format!("{minutes} minutes"),
        (_, hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Whether the pagers of a queue get its report (`set pager_hour`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// They do.
    Sent,
    /// They do, and it is their last one for a time.
    Last {
        /// When there may be a further one.
        until: Time,
        /// Whether others get the full form meanwhile.
        mailed: bool,
    },
    /// They do not: others get the full form.
    Withheld,
}

/// Writes the first lines of a pager's text: that it is the last one for a time, and what was gathered.
pub fn pager_head(body: &mut BodyWriter, page: Page, gathered: Option<&Gathered>) {
    if let Page::Last { until, mailed } = page {
        // The minute in which a further page may come has begun by then.
        let until = (until + TimeDelta::seconds(59)).with_timezone(&Local);
        let until = until.format("%H:%M");
        let words = match mailed {
            true => "more by mail only",
            false => "no more pages",
        };
        put(body.text(), format_args!("{words} until {until}\n"));
    }
    if let Some(gathered) = gathered {
        put(body.text(), format_args!("{}\n", gathered.words()));
    }
}

#[cfg(test)]
mod tests {
    use bstr::BStr;

    use super::*;

    #[test]
    fn the_words_tell_how_many_lines_came_in_what_time() {
        let host = |lines: &[u64], others| HostLines {
            host: BStr::new("h"),
            lines: lines.iter().map(|n| (*n, BStr::new("x"))).collect(),
            others,
            continued: Vec::new(),
        };
        let words = |hosts: &[HostLines<'_>], seconds| {
            Gathered::new(hosts, TimeDelta::seconds(seconds)).words()
        };
        let two = [host(&[40_000, 8_000], 200), host(&[12], 0)];
        assert_eq!(words(&two, 603), "48,212 more in 10 minutes, 3 lines");
        assert_eq!(words(&[host(&[1], 0)], 1), "1 more in 1 second, 1 line");
        let spans = [
            (0, "0 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (3_569, "59 minutes"),
            (3_605, "1 hour"),
            (4_200, "70 minutes"),
            (7_190, "2 hours"),
            (8_400, "2 h 20 min"),
        ];
        for (seconds, words) in spans {
            assert_eq!(span(TimeDelta::seconds(seconds)), words, "{seconds}");
        }
    }
}
