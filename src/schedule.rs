//! When a queue is mailed: `[now]`, or a five-field cron specification.

use chrono::TimeZone;

use crate::clock::Time;

/// When a queue is reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Schedule {
    /// `[now]`: at each look at the queues (`set sleep`) while it holds lines.
    Now,
    /// `[MINUTE HOUR DAY MONTH WEEKDAY]`, in local time; all five fields must match.
    Cron(CronSpec),
}

/// A five-field specification as the original reads it (COMPAT §7).
#[derive(Clone, Debug)]
pub struct CronSpec {
    text: String,
    schedule: cron::Schedule,
}

/// Why a specification was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CronError {
    /// Bytes of the text that are at fault: start and end.
    pub span: (usize, usize),
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl PartialEq for CronSpec {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronSpec {}

impl CronSpec {
    /// Reads the text between the brackets.
    ///
    /// # Errors
    /// When there are not five fields, or one of them has no meaning.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        let _ = text;
        Err(CronError {
            span: (0, 0),
            message: "cron specifications are not there yet".into(),
            hint: None,
        })
    }

    /// Whether a report falls due in one of the minutes after `after`'s, up to and with `until`'s;
    /// it is the latest such minute that is given. Times are local to `zone`.
    ///
    /// Nights of a clock change: a report at a fixed time comes once a day (right after the gap, in
    /// the first pass of the fold); one at every hour comes in every real hour.
    pub fn due<Z: TimeZone>(&self, after: Time, until: Time, zone: &Z) -> Option<Time> {
        let _ = (after, until, zone, &self.schedule);
        None
    }

    /// The first minute after `after`'s in which a report falls due, looked for up to five years on.
    pub fn next<Z: TimeZone>(&self, after: Time, zone: &Z) -> Option<Time> {
        let _ = (after, zone);
        None
    }
}
