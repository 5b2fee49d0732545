//! The letters that options ask for.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;

use chrono::{Datelike, Days, Local, NaiveDate, TimeDelta};

use super::output::{FAULT, FOUND, NONE, say};
use crate::archive::{Entry, Reader, ToldLines};
use crate::cli::{LettersArgs, Since};
use crate::clock::Time;
use crate::shown::{shown, thousands};

/// Letters that are taken, at most: the last ones.
const MOST: usize = 200_000;

/// Letters, the first one first.
pub(super) struct Selection {
    pub(super) letters: Vec<Entry>,
    /// Whether something could not be read.
    pub(super) fault: bool,
}

impl Selection {
    /// The letters that `args` asks for; what cannot be read is told on `err`.
    pub(super) fn of(reader: &Reader, args: &LettersArgs, now: Time, err: &mut dyn Write) -> Self {
        let since = args.since.and_then(|since| beginning(since, now));
        let mut selection = Self {
            letters: Vec::new(),
            fault: false,
        };
        let months = reader.months();
        let months = selection.read(months, err).unwrap_or_default();
        // The names tell the day by the clock of the machine that wrote them: another zone is a day off at most.
        let first = since
            .map(|since| since.with_timezone(&Local).date_naive())
            .and_then(|first| first.checked_sub_days(Days::new(1)));
        let mut last_ones = Vec::new();
        for month in months.into_iter().rev() {
            if first.is_some_and(|first| month.is_before(first)) {
                break;
            }
            let letters = selection.read(reader.letters(month), err);
            let wanted = |entry: &Entry| {
                since.is_none_or(|since| entry.made >= since) && is_wanted(entry, args, reader)
            };
            let letters = letters.unwrap_or_default().into_iter().rev();
            last_ones.extend(letters.filter(wanted).take(MOST - last_ones.len()));
            if last_ones.len() == MOST {
                let most = thousands(MOST as u64);
                say(
                    err,
                    &format!("warning: only the last {most} letters are looked at"),
                );
                break;
            }
        }
        last_ones.reverse();
        selection.letters = last_ones;
        selection
    }

    /// What could be read; else the fault is told.
    pub(super) fn read<T>(&mut self, read: std::io::Result<T>, err: &mut dyn Write) -> Option<T> {
        match read {
            Ok(read) => Some(read),
            Err(e) => {
                say(err, &format!("the archive: {e}"));
                self.fault = true;
                None
            }
        }
    }

    /// The exit status.
    pub(super) fn status(&self) -> i32 {
        match (self.fault, self.letters.is_empty()) {
            (true, _) => FAULT,
            (false, true) => NONE,
            (false, false) => FOUND,
        }
    }
}

/// The instant that a time to look back to means.
fn beginning(since: Since, now: Time) -> Option<Time> {
    let midnight = |day: NaiveDate| {
        // Where the clock was set over midnight, the day begins a little later.
        let zoned = |hour| {
            day.and_hms_opt(hour, 0, 0)?
                .and_local_timezone(Local)
                .earliest()
        };
        (0..24).find_map(zoned).map(|time| time.to_utc())
    };
    let time = match since {
        Since::Day(day) => midnight(day),
        Since::DaysAgo(days) => {
            let today = now.with_timezone(&Local).date_naive();
            midnight(today.checked_sub_days(Days::new(days))?)
        }
        Since::HoursAgo(hours) => {
            let hours = TimeDelta::try_hours(i64::try_from(hours).ok()?)?;
            now.checked_sub_signed(hours)
        }
    };
    // Before that, there are no letters: all of them are meant.
    time.filter(|time| time.year() > 0)
}

fn is_wanted(entry: &Entry, args: &LettersArgs, reader: &Reader) -> bool {
    let text = |word: &OsStr| shown(word.as_bytes()).to_string();
    let queue = args.queue.as_deref();
    queue.is_none_or(|queue| text(queue) == entry.queue)
        && args
            .host
            .as_deref()
            .is_none_or(|host| has(entry, host.as_bytes(), reader))
}

/// Whether a letter tells of a host.
fn has(entry: &Entry, host: &[u8], reader: &Reader) -> bool {
    let name = crate::archive::host_shown(host);
    if entry.summary.hosts.contains(&name) || entry.summary.more_hosts == 0 {
        return entry.summary.hosts.contains(&name);
    }
    let (mut told, mut found) = (ToldLines::default(), false);
    if let Ok(mut letter) = reader.letter(&entry.name) {
        // A letter that cannot be read to its end tells what it tells.
        let _ = letter.each_line(&mut |line| {
            found = told
                .take(line)
                .is_some_and(|line| crate::archive::host_shown(line.host) == name);
            !found
        });
    }
    found
}
