//! The names of letters: day, minute and queue, and a number where a minute brought more than one.

use std::fmt;
use std::path::PathBuf;

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

/// What the name of each letter's file ends with.
const ENDING: &str = ".txt.gz";
/// The length of the part of a name that comes from the queue, bytes at most.
const MOST_QUEUE: usize = 100;
/// The length of `DD-HHMM-`.
const HEAD: usize = 8;

/// The name of a letter: `2026-11-27-1230-report`, or `2026-11-27-1230-report-2` for the second one of the queue
/// in that minute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LetterName {
    /// The minute, in the time zone of the machine that wrote it.
    minute: NaiveDateTime,
    /// The queue, in a form for file names, and the number.
    rest: String,
}

impl LetterName {
    /// The name of the letter `number` (from 1 on) of a queue, made at this local time.
    pub(super) fn new(made: NaiveDateTime, queue: &str, number: usize) -> Self {
        let mut rest = file_form(queue);
        if number > 1 {
            rest += &format!("-{number}");
        }
        let minute = NaiveTime::from_hms_opt(made.hour(), made.minute(), 0).unwrap_or_default();
        Self {
            minute: made.date().and_time(minute),
            rest,
        }
    }

    /// The name of a file in the directory of a month; nothing if it is no letter's.
    pub(super) fn of_file(year: i32, month: u32, file: &str) -> Option<Self> {
        Self::of_stem(year, month, file.strip_suffix(ENDING)?)
    }

    /// As [`Self::of_file`], of a name without its ending.
    pub(super) fn of_stem(year: i32, month: u32, stem: &str) -> Option<Self> {
        let (head, rest) = stem.split_at_checked(HEAD)?;
        let number = |range: std::ops::Range<usize>| {
            let digits = head.get(range)?;
            let good = digits.bytes().all(|byte| byte.is_ascii_digit());
            good.then(|| digits.parse::<u32>().ok())?
        };
        let marks = head.get(2..3) == Some("-") && head.get(7..8) == Some("-");
        let good = marks && is_file_form(rest) && rest.len() < 2 * MOST_QUEUE;
        let date = NaiveDate::from_ymd_opt(year, month, number(0..2)?).filter(|_| good)?;
        let minute = date.and_hms_opt(number(3..5)?, number(5..7)?, 0)?;
        Some(Self {
            minute,
            rest: rest.to_owned(),
        })
    }

    /// The name of the file in the directory of its month.
    pub(super) fn file(&self) -> String {
        self.stem() + ENDING
    }

    /// The name of the file without its ending.
    pub(super) fn stem(&self) -> String {
        format!("{}-{}", self.minute.format("%d-%H%M"), self.rest)
    }

    /// The year and the month, as the directories are called.
    pub(super) fn month(&self) -> (String, String) {
        let (year, month) = (self.minute.year(), self.minute.month());
        (format!("{year:04}"), format!("{month:02}"))
    }

    /// The path of the file below the directory of the archive.
    pub fn path(&self) -> PathBuf {
        let (year, month) = self.month();
        [year, month, self.file()].iter().collect()
    }

    /// The day of the letter.
    pub fn day(&self) -> NaiveDate {
        self.minute.date()
    }

    /// The part behind the minute: the queue, and the number from the second letter on.
    pub fn queue(&self) -> &str {
        &self.rest
    }
}

impl fmt::Display for LetterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.minute.format("%Y-%m-%d-%H%M"), self.rest)
    }
}

/// The name of a queue as a part of a file name: letters, digits, and `.`, `_`, `-`; else `%XX`.
fn file_form(queue: &str) -> String {
    let mut form = String::new();
    for c in queue.chars() {
        let before = form.len();
        match is_plain(c) {
            true => form.push(c),
            false => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    form += &format!("%{byte:02X}");
                }
            }
        }
        if form.len() > MOST_QUEUE {
            form.truncate(before);
            break;
        }
    }
    form
}

fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn is_file_form(rest: &str) -> bool {
    !rest.is_empty() && rest.chars().all(|c| is_plain(c) || c == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32, hour: u32, second: u32) -> NaiveDateTime {
        let date = NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
        date.and_hms_opt(hour, 30, second).unwrap()
    }

    #[test]
    fn a_name_says_when_and_which_queue() {
        let name = LetterName::new(at(27, 12, 59), "report", 1);
        assert_eq!(name.path(), PathBuf::from("2026/11/27-1230-report.txt.gz"));
        assert_eq!(name.to_string(), "2026-11-27-1230-report");
        let second = LetterName::new(at(27, 12, 0), "report", 2);
        assert_eq!(second.to_string(), "2026-11-27-1230-report-2");
        assert_eq!(second.queue(), "report-2");
        assert!(name < second);
    }

    #[test]
    fn each_name_is_read_again_and_nothing_else_is() {
        let long = "x".repeat(300);
        let queues = [
            "report",
            "a/b",
            "..",
            "störung",
            "a\u{1b}[2J",
            "%",
            &long,
            "-",
        ];
        for queue in queues {
            for number in [1, 2, 1000] {
                let name = LetterName::new(at(3, 1, 7), queue, number);
                let file = name.file();
                assert!(
                    !file.contains(['/', '\u{1b}']) && file.len() < 200,
                    "{file}"
                );
                assert_eq!(LetterName::of_file(2026, 11, &file), Some(name), "{file}");
            }
        }
        let wrong = [
            "index",
            "27-1230-report.txt",
            "27-1230-.txt.gz",
            "32-1230-report.txt.gz",
            "27-2430-report.txt.gz",
            "27-12:0-report.txt.gz",
            "+7-1230-report.txt.gz",
            "27-1230-re\u{1b}port.txt.gz",
            "27-1230-../../x.txt.gz",
            "é7-1230-report.txt.gz",
        ];
        for file in wrong {
            assert_eq!(LetterName::of_file(2026, 11, file), None, "{file}");
        }
    }
}
