//! The five fields of a cron specification, read as the original reads them and kept as sets of bits.
//!
//! The original takes any word for the number 0. Such words are refused here with a hint, except the full
//! names of days and months, which have their meaning.

/// Why a cron specification is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CronError {
    /// The bytes of the text that are wrong: start and end.
    pub span: (usize, usize),
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The values of the five fields as sets: bit N is value N.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    /// Bit 0 is Sunday; 7 is folded into it.
    weekdays: u64,
}

/// The values that a field may have.
struct FieldRange {
    name: &'static str,
    min: u64,
    max: u64,
    names: &'static [&'static str],
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const DAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const RANGES: [FieldRange; 5] = [
    FieldRange {
        name: "minute",
        min: 0,
        max: 59,
        names: &[],
    },
    FieldRange {
        name: "hour",
        min: 0,
        max: 23,
        names: &[],
    },
    FieldRange {
        name: "day of the month",
        min: 1,
        max: 31,
        names: &[],
    },
    FieldRange {
        name: "month",
        min: 1,
        max: 12,
        names: &MONTHS,
    },
    FieldRange {
        name: "weekday",
        min: 0,
        max: 7,
        names: &DAYS,
    },
];

const ALL_HOURS: u64 = (1 << 24) - 1;

/// A part of the text, and where it begins in the text.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    start: usize,
}

impl Part<'_> {
    /// An error at this part.
    fn error(&self, message: String, hint: Option<String>) -> CronError {
        CronError {
            span: (self.start, self.start + self.text.len()),
            message,
            hint,
        }
    }
}

impl Fields {
    /// Reads `MINUTE HOUR DAY MONTH WEEKDAY`.
    pub(super) fn parse(text: &str) -> Result<Self, CronError> {
        let pieces = split_blank(text);
        let &[minute, hour, day, month, weekday] = pieces.as_slice() else {
            return Err(wrong_number(text, pieces.len()));
        };
        let set = |range: usize, part| parse_field(&RANGES[range], part);
        let weekdays = set(4, weekday)?;
        Ok(Self {
            minutes: set(0, minute)?,
            hours: set(1, hour)?,
            days: set(2, day)?,
            months: set(3, month)?,
            weekdays: (weekdays | weekdays >> 7) & 0x7f,
        })
    }

    /// Whether the hour field has every hour of the day.
    pub(super) fn every_hour(&self) -> bool {
        self.hours == ALL_HOURS
    }

    /// Whether the fields have this hour and this minute.
    pub(super) fn has_time(&self, hour: i64, minute: i64) -> bool {
        self.hours >> hour & 1 == 1 && self.minutes >> minute & 1 == 1
    }

    /// Whether the fields have this day, this month and this weekday (0 is Sunday).
    pub(super) fn has_date(&self, day: u32, month: u32, weekday: u32) -> bool {
        self.days >> day & 1 == 1
            && self.months >> month & 1 == 1
            && self.weekdays >> weekday & 1 == 1
    }

    /// The specification in the language of the `cron` crate: seconds first, weekdays from 1. Nothing if a
    /// field is empty.
    pub(super) fn crate_text(&self) -> Option<String> {
        let list = |set: u64, shift: u32| {
            let values: Vec<String> = (0..64u32)
                .filter(|n| set >> n & 1 == 1)
                .map(|n| (n + shift).to_string())
                .collect();
            (!values.is_empty()).then(|| values.join(","))
        };
        Some(format!(
            "0 {} {} {} {} {}",
            list(self.minutes, 0)?,
            list(self.hours, 0)?,
            list(self.days, 0)?,
            list(self.months, 0)?,
            list(self.weekdays, 1)?
        ))
    }
}

/// The error for a text that has not five fields.
fn wrong_number(text: &str, count: usize) -> CronError {
    let hint = match text.trim() {
        "@hourly" => Some("write `0 * * * *`".to_owned()),
        "@daily" | "@midnight" => Some("write `0 0 * * *`".to_owned()),
        "@weekly" => Some("write `0 0 * * 0`".to_owned()),
        "@monthly" => Some("write `0 0 1 * *`".to_owned()),
        "@yearly" | "@annually" => Some("write `0 0 1 1 *`".to_owned()),
        _ => Some("write MINUTE HOUR DAY MONTH WEEKDAY, as in `0 8 * * 1-5`".to_owned()),
    };
    CronError {
        span: (0, text.len()),
        message: format!("a cron specification has five fields, this has {count}"),
        hint,
    }
}

fn split_blank(text: &str) -> Vec<Part<'_>> {
    let blank = |c: char| c.is_ascii_whitespace() || c == '\x0b';
    split_at(text, 0, blank)
        .into_iter()
        .filter(|part| !part.text.is_empty())
        .collect()
}

fn split_at(text: &str, offset: usize, separator: impl Fn(char) -> bool) -> Vec<Part<'_>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for part in text.split(&separator) {
        pieces.push(Part {
            text: part,
            start: offset + start,
        });
        // All separators are one byte.
        start += part.len() + 1;
    }
    pieces
}

fn parse_field(range: &FieldRange, field: Part<'_>) -> Result<u64, CronError> {
    let mut parts = split_at(field.text, field.start, |c| c == ',');
    // Commas at the end mean nothing; one alone makes an empty set.
    while parts.last().is_some_and(|part| part.text.is_empty()) {
        parts.pop();
    }
    let mut set = 0;
    for part in parts {
        set |= parse_part(range, part, field)?;
    }
    Ok(set)
}

fn parse_part(range: &FieldRange, part: Part<'_>, field: Part<'_>) -> Result<u64, CronError> {
    if part.text.is_empty() {
        return Err(field.error(
            format!("`{}` has an empty part between its commas", field.text),
            None,
        ));
    }
    if let Some(star) = part.text.find('*') {
        let step = part.text[star + 1..]
            .strip_prefix('/')
            .and_then(leading_number)
            .unwrap_or(1);
        // A step of 0 after a star is no step.
        return Ok(steps(range.min, range.max, step.max(1)));
    }
    let Some(first) = word_in(part, 0) else {
        let hint = format!("write numbers from {} to {}, or `*`", range.min, range.max);
        return Err(part.error(format!("`{}` is no {}", part.text, range.name), Some(hint)));
    };
    let rest = first.start - part.start + first.text.len();
    let start = value(range, first)?;
    let last = part.text[rest..]
        .starts_with('-')
        .then(|| word_at(part, rest + 1))
        .flatten();
    let Some(last) = last else {
        // A step without a range is no step: `5/20` is 5.
        return bounded(range, part, start, start, 1);
    };
    let end = value(range, last)?;
    let rest = last.start - part.start + last.text.len();
    let step = part.text[rest..]
        .strip_prefix('/')
        .and_then(leading_number)
        .unwrap_or(1);
    if step == 0 {
        let hint = "write a step of 1 or more, or none".to_owned();
        return Err(part.error(format!("`{}` has a step of 0", part.text), Some(hint)));
    }
    if start > end {
        return Err(reversed(range, part, first.text, last.text, start, end));
    }
    bounded(range, part, start, end, step)
}

/// The set of each `step`th value from `start` to `end`, if the field may have both.
fn bounded(
    range: &FieldRange,
    part: Part<'_>,
    start: u64,
    end: u64,
    step: u64,
) -> Result<u64, CronError> {
    for number in [start, end] {
        if number < range.min || number > range.max {
            let message = format!("`{}` is out of range for a {}", part.text, range.name);
            let hint = format!("write a number from {} to {}", range.min, range.max);
            return Err(part.error(message, Some(hint)));
        }
    }
    Ok(steps(start, end, step))
}

fn steps(start: u64, end: u64, step: u64) -> u64 {
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    (start..=end).step_by(step).fold(0, |set, n| set | 1 << n)
}

/// The error for a range that runs backwards (`sat-sun`, `22-3`), with a hint how to write it.
fn reversed(
    range: &FieldRange,
    part: Part<'_>,
    first: &str,
    last: &str,
    start: u64,
    end: u64,
) -> CronError {
    let message = format!("the range `{}` runs backwards", part.text);
    let hint = if range.max == 7 && end == 0 && start <= 7 {
        format!("a range ends with Sunday as 7: write `{first}-7`")
    } else {
        format!(
            "write two ranges: `{first}-{},{}-{last}`",
            range.max, range.min
        )
    };
    part.error(message, Some(hint))
}

/// The number that a word stands for: digits, or the name of a day or month.
fn value(range: &FieldRange, word: Part<'_>) -> Result<u64, CronError> {
    if word.text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(leading_number(word.text).unwrap_or(u64::MAX));
    }
    let lower = word.text.to_ascii_lowercase();
    let named = |name: &&str| **name == *lower || (lower.len() == 3 && name.starts_with(&*lower));
    // Months count from 1 and weekdays from 0: from the least number of the field.
    if let Some((number, _)) = (range.min..).zip(range.names).find(|(_, name)| named(name)) {
        return Ok(number);
    }
    let hint = match range
        .names
        .iter()
        .find(|name| lower.len() >= 2 && name.starts_with(&lower[..2]))
    {
        Some(name) => format!("did you mean `{}`?", &name[..3]),
        None => format!("write a number from {} to {}", range.min, range.max),
    };
    Err(word.error(format!("`{}` is no {}", word.text, range.name), Some(hint)))
}

/// The number whose digits the text begins with; a number that does not fit counts as the greatest that does.
fn leading_number(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| text[..digits].parse().unwrap_or(u64::MAX))
}

/// The first word of the part at or after `from`. Other bytes before the word are passed over, as in the
/// original (`-5` is 5).
fn word_in(part: Part<'_>, from: usize) -> Option<Part<'_>> {
    let start = part.text.bytes().skip(from).position(is_word)? + from;
    word_at(part, start)
}

/// The word of the part that begins at `start`.
fn word_at(part: Part<'_>, start: usize) -> Option<Part<'_>> {
    let length = part
        .text
        .bytes()
        .skip(start)
        .take_while(|&b| is_word(b))
        .count();
    (length > 0).then(|| Part {
        text: &part.text[start..start + length],
        start: part.start + start,
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
