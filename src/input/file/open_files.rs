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

/// The number of files left out that was told last.
#[derive(Debug, Default)]
pub(super) struct LeftOut {
    told: usize,
}

impl LeftOut {
    /// Tells how many files are left out, where that changed: in the log and the next report once, until
    /// none is any more; in the status always. `followed` are all files, `left` those that are not open.
    pub(super) fn tell<'a>(
        &mut self,
        budget: &OpenFileBudget,
        patterns: &[LogPath],
        followed: impl Iterator<Item = &'a Path>,
        left: &[&Path],
        emit: &mut dyn FnMut(Event),
    ) {
        let before = std::mem::replace(&mut self.told, left.len());
        if before == left.len() {
            return;
        }
        let input = || INPUT.to_owned();
        if left.is_empty() {
            let text = "all log files are followed again".to_owned();
            emit(notice(log::Level::Info, text, Counters::default()));
            return emit(Event::Health {
                input: input(),
                fault: None,
            });
        }
        let text = words(budget, patterns, followed, left);
        if before == 0 {
            let mut counters = Counters::default();
            counters.add(Counter::InputFaults, 1);
            emit(notice(log::Level::Warn, text.clone(), counters));
        }
        emit(Event::Health {
            input: input(),
            fault: Some(Fault::blind(text)),
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

/// How many files are left out, where the most of them are, and what to do.
fn words<'a>(
    budget: &OpenFileBudget,
    patterns: &[LogPath],
    followed: impl Iterator<Item = &'a Path>,
    left: &[&Path],
) -> String {
    let place = |path: &Path| {
        let pattern = patterns.iter().find(|pattern| pattern.matches(path));
        pattern.map_or_else(PathBuf::new, LogPath::base)
    };
    let mut places: HashMap<PathBuf, usize> = HashMap::new();
    for path in left {
        *places.entry(place(path)).or_default() += 1;
    }
    let most = places
        .into_iter()
        .max_by(|a, b| (a.1, &b.0).cmp(&(b.1, &a.0)));
    let most = most.map(|(dir, _)| dir).unwrap_or_default();
    let there = followed.filter(|path| path.starts_with(&most)).count();
    let (n, are) = match left.len() {
        1 => ("1 log file".to_owned(), "is"),
        n => (format!("{n} log files"), "are"),
    };
    format!(
        "{n} {are} not followed for want of open files (limit {}); {} has {there} log files: remove what \
         does not belong there, or raise the limit (LimitNOFILE= of a systemd unit, else ulimit -Hn)",
        budget.limit,
        shown_path(&most),
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
