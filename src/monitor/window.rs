//! The window of a bundled queue, and the pages of the last hour: what `set bundle` and `set pager_hour` remember.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::config::{BundleSettings, QueueId};

/// Lines that are known to be mailed in a window, at most. Beyond them every line is only counted.
const MOST_MAILED: usize = 10_000;

/// A window: it is opened by a mail of the queue, and what comes until its end is mailed together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Window {
    /// When it was opened.
    opened: Time,
    /// How often its length was doubled: the number of bundles before it.
    doubled: u32,
    /// The number of mails that were made before its end, since they have lines that were new in it.
    firsts: u32,
    /// The hashes of the lines that were mailed in it, each with its host.
    mailed: BTreeSet<u64>,
    /// The hashes of the lines that were left out in it, since another console of the site had mailed them.
    left_out: BTreeSet<u64>,
    /// The number of the queue's lines that were looked at: the others may be new in the window.
    pub looked: u32,
    /// The numbers of new lines that a threshold held back.
    pub held: Vec<u32>,
    /// Whether lines were counted since the thresholds were looked at.
    pub touched: bool,
}

impl Window {
    pub(super) fn open(now: Time, doubled: u32) -> Self {
        Self {
            opened: now,
            doubled,
            firsts: 0,
            mailed: BTreeSet::new(),
            left_out: BTreeSet::new(),
            looked: 0,
            held: Vec::new(),
            touched: false,
        }
    }

    /// The window that follows when this one has brought a bundle.
    pub(super) fn next(&self, now: Time) -> Self {
        Self::open(now, self.doubled.saturating_add(1))
    }

    /// When it is over; nothing if its queue is not bundled any more.
    pub(super) fn end(&self, settings: &BundleSettings, queue: QueueId) -> Option<Time> {
        Some(self.opened + settings.length(queue, self.doubled)?)
    }

    /// Whether a line that is new in it may still be mailed at once.
    pub(super) fn may_mail(&self, settings: &BundleSettings) -> bool {
        self.firsts < settings.first && self.mailed.len() < MOST_MAILED
    }

    /// Whether there are lines to look at, of `distinct` ones that the queue has.
    pub(super) fn wants_look(&self, settings: &BundleSettings, distinct: usize) -> bool {
        let held = self.touched && !self.held.is_empty();
        self.may_mail(settings) && (held || (self.looked as usize) < distinct)
    }

    /// Whether this console mailed the line of this hash in it.
    pub(super) fn has_mailed(&self, line: u64) -> bool {
        self.mailed.contains(&line)
    }

    /// Whether the line of this hash is not new in it: a console has mailed the line.
    pub(super) fn knows(&self, line: u64) -> bool {
        self.has_mailed(line) || self.left_out.contains(&line)
    }

    /// Notes lines that are mailed.
    pub(super) fn mail(&mut self, lines: impl Iterator<Item = u64>) {
        for line in lines {
            if self.mailed.len() >= MOST_MAILED {
                return;
            }
            self.mailed.insert(line);
        }
    }

    /// Notes that a mail of lines that were new in it is made.
    pub(super) fn mail_first(&mut self, lines: impl Iterator<Item = u64>) {
        self.firsts = self.firsts.saturating_add(1);
        self.mail(lines);
    }

    /// Notes lines that are left out, since another console has mailed them.
    pub(super) fn leave_out(&mut self, lines: impl Iterator<Item = u64>) {
        for line in lines {
            if self.left_out.len() >= MOST_MAILED {
                return;
            }
            if !self.mailed.contains(&line) {
                self.left_out.insert(line);
            }
        }
    }

    /// To be called when the queue begins to collect anew: its lines have other numbers.
    pub(super) fn forget_numbers(&mut self) {
        self.looked = 0;
        self.held = Vec::new();
    }

    /// To be called when the clock was set back: a window does not begin in the future.
    pub(super) fn clock_was_set(&mut self, now: Time) {
        self.opened = self.opened.min(now);
    }

    pub(super) fn saved(&self, queue: &str) -> SavedWindow {
        SavedWindow {
            queue: queue.to_owned(),
            opened: self.opened,
            doubled: self.doubled,
            firsts: self.firsts,
            mailed: self.mailed.iter().copied().collect(),
        }
    }
}

impl From<SavedWindow> for Window {
    fn from(saved: SavedWindow) -> Self {
        Self {
            firsts: saved.firsts,
            mailed: saved.mailed.into_iter().take(MOST_MAILED).collect(),
            ..Self::open(saved.opened, saved.doubled)
        }
    }
}

/// The window of a queue, as a snapshot holds it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SavedWindow {
    /// The name of the queue.
    pub queue: String,
    /// When it was opened.
    pub opened: Time,
    /// How often its length was doubled.
    pub doubled: u32,
    /// The number of mails of lines that were new in it.
    pub firsts: u32,
    /// The hashes of the lines that were mailed in it.
    pub mailed: Vec<u64>,
}

/// The windows of all queues and the pages of the last hour, as a snapshot holds them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SavedBundles {
    /// The key of the hashes of lines.
    pub key: [u64; 2],
    /// The open windows.
    pub windows: Vec<SavedWindow>,
    /// When pager reports were made.
    pub pages: Vec<Time>,
}

/// When pager reports were made within the last hour, oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Pages(pub Vec<Time>);

impl Pages {
    /// Forgets the pages that are older than an hour, and those that a clock that was set back has in the future.
    pub(super) fn prune(&mut self, now: Time) -> bool {
        let before = self.0.len();
        let recent = |at: &Time| *at <= now && now - *at < TimeDelta::hours(1);
        self.0.retain(recent);
        self.0.len() < before
    }

    /// When there may be a further page, if there may be none now.
    pub(super) fn full_until(&self, most: u32) -> Option<Time> {
        let at = self.0.len().checked_sub(most as usize)?;
        Some(*self.0.get(at)? + TimeDelta::hours(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_lines_are_known() {
        let mut window = Window::open(Time::default(), 0);
        let settings = BundleSettings::default();
        let most = MOST_MAILED as u64;
        window.mail_first(0..most - 1);
        assert!(window.may_mail(&settings) && window.has_mailed(most - 2));
        window.mail_first(most..2 * most);
        assert!(!window.may_mail(&settings), "from now on it only counts");
        assert!(window.has_mailed(most) && !window.has_mailed(most + 1));
        let saved = window.saved("a");
        assert_eq!(saved.mailed.len(), MOST_MAILED);
        assert_eq!(Window::from(saved), window);
    }

    #[test]
    fn pages_of_the_last_hour_count() {
        let at = |minutes| Time::default() + TimeDelta::minutes(minutes);
        let mut pages = Pages(vec![at(0), at(10), at(50)]);
        assert_eq!(pages.full_until(3), Some(at(60)));
        assert_eq!(pages.full_until(2), Some(at(70)), "the number was lowered");
        assert_eq!(pages.full_until(4), None);
        assert!(!pages.prune(at(59)));
        assert!(pages.prune(at(60)));
        assert_eq!(pages.0, [at(10), at(50)]);
        assert!(pages.prune(at(20)), "the clock was set back");
        assert_eq!(pages.0, [at(10)]);
    }
}
