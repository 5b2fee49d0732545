//! The budget of open files: how many the follower may hold open, and what is told of those that it
//! has to leave out.
//!
//! A followed file is an open file: so it is found under any name, and its inode is not used again. The
//! number of open files has a limit, and the snapshot, mails, programs and connections need some too. What
//! does not fit is left out, is told of, and is taken up as soon as there is room.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::counters::{Counter, Counters};
use crate::input::{Event, Fault, Notice};
use crate::logpath::LogPath;
use crate::shown::shown_path;

/// The name under which `tenshi status` shows that files are left out.
const INPUT: &str = "open files";
/// The fault of a rotated file that waits: it is told of with all the others.
pub(super) const NO_ROOM: &str = "too many files are open";

/// The number of files that may be held open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFileBudget {
    /// Number for logs that are new, and that only a pattern names.
    logs: usize,
    /// Number beyond that for logs that are named, and for rotated files and what follows them.
    spare: usize,
    /// The limit for the process.
    limit: usize,
}

impl Default for OpenFileBudget {
    fn default() -> Self {
        Self {
            logs: usize::MAX,
            spare: 0,
            limit: usize::MAX,
        }
    }
}

impl OpenFileBudget {
    /// What is left of `limit` when `taken` are open or promised to others. A reserve is kept besides.
    pub fn new(limit: usize, taken: usize) -> Self {
        let reserve = (limit / 8).clamp(24, 256);
        let spare = (reserve / 4).min(limit / 4);
        let logs = limit.saturating_sub(taken.saturating_add(reserve));
        Self {
            logs: logs.max(limit / 8),
            spare,
            limit,
        }
    }

    /// Whether one more file may be opened while `open` are. `known` is a log that is named in the
    /// configuration, or was followed before.
    pub(super) fn has(&self, open: usize, known: bool) -> bool {
        let spare = if known { self.spare } else { 0 };
        open < self.logs.saturating_add(spare)
    }
}

#[cfg(test)]
impl OpenFileBudget {
    /// A budget by which each file is closed as soon as it is read.
    pub(super) fn none() -> Self {
        Self {
            logs: 0,
            spare: 64,
            limit: 64,
        }
    }
}

impl OpenFileBudget {
    /// Whether one more file may be opened while `open` are, if another one is closed at once.
    pub(super) fn has_beyond(&self, open: usize) -> bool {
        open < self.logs.saturating_add(self.spare)
    }

    /// How many of `open` files are to be closed, if they can be: none, or enough files that the next ones have room.
    pub(super) fn excess(&self, open: usize) -> usize {
        match open > self.logs {
            true => open - (self.logs - self.logs / 8),
            false => 0,
        }
    }
}

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    /// The number of files left out.
    told: usize,
    /// Whether it was told that some are closed until they grow.
    closing: bool,
}

impl LeftOut {
    /// Whether this is what was told last: how many files are left out, and whether some are closed.
    pub(super) fn is(&self, left: usize, closing: bool) -> bool {
        self.told == left && self.closing == (closing || left > 0)
    }

    /// Tells how many files are left out, or that some are closed until they grow, where that changed: in the
    /// log and the next report once, until all are open again; in the status always. `followed` are all
    /// files, `left` those that are left out, `closed` those that are closed.
    pub(super) fn tell<'a>(
        &mut self,
        budget: &OpenFileBudget,
        patterns: &[LogPath],
        followed: impl Iterator<Item = &'a Path>,
        (left, closed): (&[&Path], &[&Path]),
        emit: &mut dyn FnMut(Event),
    ) {
        let before = std::mem::replace(&mut self.told, left.len());
        let closing = !left.is_empty() || !closed.is_empty();
        let closing_before = std::mem::replace(&mut self.closing, closing);
        let input = || INPUT.to_owned();
        if !closing {
            let text = "all log files are held open again".to_owned();
            emit(notice(log::Level::Info, text, Counters::default()));
            return emit(Event::Health {
                input: input(),
                fault: None,
            });
        }
        let followed: Vec<&Path> = followed.collect();
        let (text, blind) = match left.is_empty() {
            false => (left_words(left.len()), true),
            true => (closed_words(followed.len(), closed.len()), false),
        };
        let most = if left.is_empty() { closed } else { left };
        let text = format!("{text} {}", remedy(budget, patterns, &followed, most));
        if (before == 0 && blind) || !closing_before {
            let mut counters = Counters::default();
            counters.add(Counter::InputFaults, u64::from(blind));
            emit(notice(log::Level::Warn, text.clone(), counters));
        }
        emit(Event::Health {
            input: input(),
            fault: Some(Fault { text, blind }),
        });
    }
}

fn notice(level: log::Level, text: String, counters: Counters) -> Event {
    Event::Notice(Notice {
        level,
        text,
        report: level == log::Level::Warn,
        counters,
    })
}

fn left_words(left: usize) -> String {
    let (n, are) = match left {
        1 => ("1 log file".to_owned(), "is"),
        n => (format!("{n} log files"), "are"),
    };
    format!("{n} {are} not followed for want of open files")
}

fn closed_words(all: usize, closed: usize) -> String {
    format!(
        "{all} log files are more than may be held open: of those that are silent for longest, {closed} are \
         closed until they grow"
    )
}

/// The limit, the directory that has the most of these files, and what to do.
fn remedy(
    budget: &OpenFileBudget,
    patterns: &[LogPath],
    followed: &[&Path],
    files: &[&Path],
) -> String {
    let place = |path: &Path| {
        let pattern = patterns.iter().find(|pattern| pattern.matches(path));
        pattern.map_or_else(PathBuf::new, LogPath::base)
    };
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    for path in files {
        *places.entry(place(path)).or_default() += 1;
    }
    let most = places
        .into_iter()
        .max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)));
    let most = most.map(|(dir, _)| dir).unwrap_or_default();
    let there = followed.iter().filter(|path| path.starts_with(&most));
    format!(
        "(limit {}); {} has {} log files: remove what does not belong there, or raise the limit \
         (LimitNOFILE= of a systemd unit, else ulimit -Hn)",
        budget.limit,
        shown_path(&most),
        there.count(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_kept_of_any_limit() {
        for limit in [0, 32, 64, 256, 1024, 4096, 524_288, usize::MAX] {
            let budget = OpenFileBudget::new(limit, 20);
            assert!(
                budget.logs.saturating_add(budget.spare) <= limit,
                "{limit}: {budget:?}"
            );
            if limit >= 256 {
                assert!(
                    limit - budget.logs - budget.spare >= 20 + 24,
                    "{limit}: {budget:?}"
                );
            }
        }
        let budget = OpenFileBudget::new(1024, 24);
        assert_eq!((budget.logs, budget.spare), (872, 32));
        assert!(budget.has(871, false) && !budget.has(872, false) && budget.has(872, true));
        // However much others take, some logs are followed.
        assert_eq!(OpenFileBudget::new(1024, 2000).logs, 128);
        assert!(OpenFileBudget::default().has(1 << 40, false));
    }
}
