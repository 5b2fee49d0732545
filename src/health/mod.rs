//! Health: whether all is well with a daemon, and what is wrong. `tenshi status --check` judges by it, and the daemon
//! itself before each ping of `set heartbeat`: one judgement, so that the two cannot disagree.

pub mod lag;

use std::collections::{BTreeSet, HashMap};

use crate::cli::Levels;
use crate::clock::{EXACT, Time};
use crate::delivery::{MAIL_SERVER, QueuedMail};
use crate::shown::{size, span};
use crate::state::LockStatus;

/// A daemon shows that it moves at least each 300 s: after this many seconds it hangs.
const HANGS: u64 = 600;

/// How bad a fault is, in Nagios' words, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// No fault.
    Ok,
    /// It cannot be seen whether there is one.
    Unknown,
    /// It can wait for the day.
    Warning,
    /// It is to wake somebody.
    Critical,
}

impl Level {
    /// The word of Nagios' plugins.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unknown => "UNKNOWN",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
        }
    }

    fn of(value: u64, levels: Levels) -> Self {
        match value {
            _ if value >= levels.critical => Self::Critical,
            _ if value >= levels.warning => Self::Warning,
            _ => Self::Ok,
        }
    }
}

/// What is known of a daemon at an instant.
#[derive(Clone, Debug)]
pub struct Health {
    /// The instant.
    pub now: Time,
    /// What the lock of the state directory shows, or why it cannot be seen.
    pub lock: Result<LockStatus, String>,
    /// When the last snapshot was made.
    pub made: Time,
    /// The reports that are not delivered.
    pub outbox: Vec<WaitingReport>,
    /// Bytes of the logs and of the journal that are not taken yet.
    pub lag: u64,
    /// The log, or the directory of the journal, with the most of them.
    pub behind: Option<String>,
    /// The faults of inputs, queues and the mail server, by their names.
    pub faults: HashMap<String, String>,
    /// The names of those faults that keep lines from being read, or reports from arriving.
    pub blind: BTreeSet<String>,
}

/// A report that is not delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WaitingReport {
    /// Its queue.
    pub queue: String,
    /// When it was made.
    pub since: Time,
    /// Why the last attempt failed.
    pub fault: Option<String>,
    /// Whether the server refused it for good (5xx).
    pub refused: bool,
}

impl WaitingReport {
    /// The report of a mail.
    pub fn new(mail: &QueuedMail) -> Self {
        Self {
            queue: mail.report.queue.clone(),
            since: mail.report.made,
            fault: mail.fault.clone(),
            refused: mail.next_try.is_none(),
        }
    }
}

/// The faults, the worst first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict(Vec<(Level, String)>);

impl Verdict {
    /// The level of the worst fault.
    pub fn level(&self) -> Level {
        self.0.first().map_or(Level::Ok, |(level, _)| *level)
    }

    /// The faults, the worst first, a sentence each.
    pub fn faults(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|(_, text)| text.as_str())
    }
}

/// The fault of a state directory without a snapshot: a daemon that died before its first one, or
/// that cannot write any, is critical. Nothing if no daemon was ever there.
pub fn without_snapshot(holder: &LockStatus) -> Option<&'static str> {
    match (holder.moved, holder.running, holder.failing) {
        (None, ..) => None,
        (_, false, _) => Some("no daemon is running"),
        (_, true, true) => Some("the daemon cannot write its snapshots"),
        (_, true, false) => None,
    }
}

impl Health {
    /// The seconds since a time; 0 if the clock was set back.
    fn ago(&self, then: Time) -> u64 {
        seconds(then, self.now)
    }

    /// Looks for what is wrong. `age` and `lag` say from when on a report has waited for too long, seconds, and from
    /// when on too much of the logs is unread, bytes. The age of the snapshot does not count: an idle daemon writes
    /// none.
    pub fn judge(&self, age: Levels, lag: Levels) -> Verdict {
        let mut found = self.of_lock();
        for mail in &self.outbox {
            let waited = self.ago(mail.since);
            let fault = mail.fault.as_deref().unwrap_or("not tried yet");
            let queue = &mail.queue;
            if !mail.refused && is_ahead(mail.since, self.now) {
                let text = format!(
                    "the report of queue {queue} waits, for how long cannot be seen (its time is ahead of the \
                     clock): {fault}"
                );
                found.push((Level::Unknown, text));
                continue;
            }
            let (level, what) = match mail.refused {
                true => (Level::Critical, "was refused"),
                false => (Level::of(waited, age), "waits"),
            };
            let waited = span(waited);
            let text = format!("the report of queue {queue} {what} ({waited}): {fault}");
            found.push((level, text));
        }
        if let Some(path) = &self.behind {
            let text = format!("{} unread, most of it of {path}", size(self.lag));
            found.push((Level::of(self.lag, lag), text));
        }
        let mut faults: Vec<(&String, &String)> = self.faults.iter().collect();
        faults.sort();
        for (input, fault) in faults {
            // No report leaves until somebody has put the mail server's fault right.
            let level = match self.blind.contains(input) || input == MAIL_SERVER {
                true => Level::Critical,
                false => Level::Warning,
            };
            found.push((level, format!("{input}: {fault}")));
        }
        found.retain(|(level, _)| *level > Level::Ok);
        found.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        Verdict(found)
    }

    /// The faults that the lock of the state directory shows.
    fn of_lock(&self) -> Vec<(Level, String)> {
        let mut found = Vec::new();
        let lock = match &self.lock {
            Ok(lock) => lock,
            Err(why) => {
                let text = format!("whether a daemon runs cannot be seen ({why})");
                return vec![(Level::Unknown, text)];
            }
        };
        if !lock.running {
            found.push((Level::Critical, "no daemon is running".to_owned()));
        }
        if let Some(still) = hangs(lock, self.now) {
            let text = format!("the daemon hangs: it has not moved for {}", span(still));
            found.push((Level::Critical, text));
        }
        if lock.running
            && lock
                .moved
                .is_some_and(|moved| is_ahead(moved.into(), self.now))
        {
            let text = "whether the daemon hangs cannot be seen (its last sign of life is ahead of the clock)";
            found.push((Level::Unknown, text.to_owned()));
        }
        if lock.failing {
            let since = span(self.ago(self.made));
            let text = format!("no snapshot could be written for {since}");
            found.push((Level::Critical, text));
        }
        found
    }
}

/// For how many seconds a running daemon has not moved, if that is too long.
pub fn hangs(lock: &LockStatus, now: Time) -> Option<u64> {
    let moved = lock.moved.filter(|_| lock.running)?;
    let still = seconds(moved.into(), now);
    (still >= HANGS).then_some(still)
}

/// Whether a time was noted before the clock was set back: how old it is, nobody knows.
fn is_ahead(then: Time, now: Time) -> bool {
    then - now > EXACT
}

fn seconds(then: Time, now: Time) -> u64 {
    u64::try_from((now - then).num_seconds()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    const LEVELS: Levels = Levels {
        warning: 10,
        critical: 20,
    };

    #[test]
    fn a_level_is_reached_and_not_only_passed() {
        let levels: Vec<Level> = [9, 10, 19, 20].map(|n| Level::of(n, LEVELS)).to_vec();
        let want = [Level::Ok, Level::Warning, Level::Warning, Level::Critical];
        assert_eq!(levels, want);
    }

    fn health(now: Time, since: Time, moved: Time) -> Health {
        Health {
            now,
            lock: Ok(LockStatus {
                running: true,
                failing: false,
                moved: Some(moved.into()),
            }),
            made: now,
            outbox: vec![WaitingReport {
                queue: "a".into(),
                since,
                fault: Some("down".into()),
                refused: false,
            }],
            lag: 0,
            behind: None,
            faults: HashMap::new(),
            blind: BTreeSet::new(),
        }
    }

    #[test]
    fn what_has_a_time_ahead_of_the_clock_is_not_young() {
        let now = Time::UNIX_EPOCH + TimeDelta::days(20_000);
        let later = now + TimeDelta::hours(2);
        let level = |since, moved| health(now, since, moved).judge(LEVELS, LEVELS).level();
        assert_eq!(level(now, now), Level::Ok);
        assert_eq!(level(now + EXACT, now + EXACT), Level::Ok);
        assert_eq!(level(later, now), Level::Unknown);
        assert_eq!(level(now, later), Level::Unknown);
        let old = now - TimeDelta::seconds(20);
        assert_eq!(level(old, later), Level::Critical);
    }
}
