//! `tenshi learn FILE…`: takes the kinds of lines in old logs for known.
//!
//! The logs go through the rules, as the daemon would take their lines, and each line counts for the day that it
//! names. What comes of it is handed over to the daemon ([`Learnt`]): the state is the daemon's alone.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Datelike, Local, NaiveDate, NaiveTime, TimeZone};

use super::logs::each_line;
use super::rule_text::{ended, load};
use super::saved;
use super::state_directory::StateDirectory;
use crate::cli::LearnArgs;
use crate::clock::{Clock, SystemClock, Time};
use crate::config::Config;
use crate::counters::Counter;
use crate::ledger::News;
use crate::monitor::Monitor;
use crate::shown::{shown_lines, shown_path, thousands};
use crate::state::{self, Learnt, ReadError};

/// Bytes of lines of a day that are handed over together.
const BLOCK: usize = 256 * 1024;
/// The bytes at the beginning of a line that may tell its day.
const HEAD: usize = 10;

/// Learns; the exit status.
pub fn run(args: &LearnArgs, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
    let Some(config) = load(&args.config, err) else {
        return 1;
    };
    match learn(args, &config, err) {
        Ok(text) => ended(writeln!(out, "{text}").and_then(|()| out.flush()), 0, err),
        Err(fault) => {
            // Nobody listens to a message that cannot be written.
            let _ = writeln!(err, "tenshi: {}", shown_lines(&fault));
            1
        }
    }
}

fn learn(args: &LearnArgs, config: &Config, err: &mut dyn Write) -> Result<String, String> {
    if !config.news.is_on() {
        let path = shown_path(&args.config);
        return Err(format!(
            "{path}: no queue tells news, so nothing is to be learnt: write `set news on`"
        ));
    }
    let directory = StateDirectory::find(&args.config, args.state_dir.as_deref());
    let handed = Learnt::of(&directory.path);
    let news = match handed.read()? {
        // The daemon did not take it in yet: this is added.
        Some(news) => news,
        None => match state::read(&directory.path) {
            Ok(snapshot) => snapshot.news.like(),
            Err(ReadError::Absent(_)) if directory.path.is_dir() => News::default(),
            Err(fault) => return Err(directory.explain(&fault)),
        },
    };
    let mut learner = Learner::new(config, news);
    let mut read = 0;
    for file in &args.files {
        match learner.read(file) {
            Ok(()) => read += 1,
            Err(e) => {
                let _ = writeln!(err, "tenshi: {}: {e}", shown_path(file));
            }
        }
    }
    if read == 0 {
        return Err("nothing is learnt: no log could be read".into());
    }
    let lines = learner.monitor.counters().get(Counter::Lines);
    let now = SystemClock.now();
    let news = learner.monitor.swap_news(News::default(), now);
    let (kinds, hosts) = (news.kinds().count() as u64, news.hosts().count() as u64);
    handed.write(news)?;
    Ok(format!(
        "{} lines are learnt: {} kinds, {} hosts. The daemon takes them in at its start, or when it \
         is reloaded (systemctl reload tenshi).",
        thousands(lines),
        thousands(kinds),
        thousands(hosts)
    ))
}

/// Lets old lines go through the rules.
struct Learner {
    monitor: Monitor,
    /// The lines of one day that are yet to be taken.
    lines: Vec<u8>,
    day: NaiveDate,
}

impl Learner {
    fn new(config: &Config, news: News) -> Self {
        let mut config = config.clone();
        // All is learnt, and nothing told.
        config.news.learn = u16::MAX;
        config.trends.on = false;
        let now = SystemClock.now();
        let mut monitor = Monitor::new(Arc::new(config), now);
        monitor.swap_news(news, now);
        Self {
            monitor,
            lines: Vec::new(),
            day: now.with_timezone(&Local).date_naive(),
        }
    }

    /// Takes the lines of a log.
    fn read(&mut self, file: &Path) -> io::Result<()> {
        let mut log = saved::open_decoded(file, "tenshi learn -", self.monitor.config())?;
        let written = file.metadata().and_then(|meta| meta.modified());
        let written = written.unwrap_or_else(|_| SystemTime::now());
        let latest = DateTime::<Local>::from(written).date_naive();
        let (mut head, mut day) = (Vec::new(), latest);
        let max = self.monitor.config().inputs.max_line;
        let read = each_line(&mut *log, max, &mut |line| {
            let of_line = line.get(..HEAD).unwrap_or(line);
            if of_line != head {
                head.clear();
                head.extend_from_slice(of_line);
                day = date(line, latest).unwrap_or(day);
            }
            self.take(line, day);
        });
        self.flush();
        read
    }

    fn take(&mut self, line: &[u8], day: NaiveDate) {
        if day != self.day {
            self.flush();
            self.day = day;
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        if self.lines.len() >= BLOCK {
            self.take_lines();
        }
    }

    fn take_lines(&mut self) {
        let now = noon(self.day);
        self.monitor.advance_to(now);
        self.monitor.take(&self.lines);
        self.lines.clear();
    }

    /// Ends a day: what comes next is new to its queue.
    fn flush(&mut self) {
        self.take_lines();
        self.monitor.note_and_forget(noon(self.day));
    }
}

fn noon(day: NaiveDate) -> Time {
    let noon = day.and_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap_or_default());
    let local = Local.from_local_datetime(&noon).earliest();
    local.map_or_else(|| noon.and_utc(), |time| time.to_utc())
}

/// The day that a line names, in the form of RFC 3339 or as of old, without a year: then it is the last such day
/// up to the day after `latest`.
fn date(line: &[u8], latest: NaiveDate) -> Option<NaiveDate> {
    let number = |from: usize, to: usize| -> Option<u32> {
        let digits = line.get(from..to)?.trim_ascii_start();
        str::from_utf8(digits).ok()?.parse().ok()
    };
    if line.get(4) == Some(&b'-') && line.get(7) == Some(&b'-') {
        let year = i32::try_from(number(0, 4)?).ok()?;
        return NaiveDate::from_ymd_opt(year, number(5, 7)?, number(8, 10)?);
    }
    let months = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let name = line.get(..3)?;
    let month = months.chunks(3).position(|month| month == name)?;
    let (month, day) = (u32::try_from(month).ok()? + 1, number(4, 6)?);
    let of_year = |year| NaiveDate::from_ymd_opt(year, month, day);
    let last = latest.succ_opt().unwrap_or(latest);
    // 29 February comes every four years.
    (0..5).find_map(|ago| of_year(latest.year() - ago).filter(|date| *date <= last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_day() {
        let day = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
        let latest = day(2026, 3, 1);
        let cases = [
            ("Mar  1 00:00:01 h x", Some(day(2026, 3, 1))),
            ("Mar  2 00:00:01 h x", Some(day(2026, 3, 2))),
            ("Mar  3 00:00:01 h x", Some(day(2025, 3, 3))),
            ("Feb 29 00:00:01 h x", Some(day(2024, 2, 29))),
            ("Dec 31 23:59:59 h x", Some(day(2025, 12, 31))),
            ("2025-07-06T09:00:00+02:00 h x", Some(day(2025, 7, 6))),
            ("2025-13-06T09:00:00+02:00 h x", None),
            ("Foo 12 00:00:00 h x", None),
            ("Mar", None),
            ("", None),
        ];
        for (line, want) in cases {
            assert_eq!(date(line.as_bytes(), latest), want, "{line}");
        }
    }
}
