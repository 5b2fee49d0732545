//! Bundles: which lines of a bundled queue are mailed at once, and which together at the end of its window
//! (`set bundle`); and how many reports go to pagers (`set pager_hour`).

use super::bundling::Share;
use super::monitor::Monitor;
use super::queue_state::QueueState;
use super::window::{Pages, SavedBundles, Window};
use crate::clock::Time;
use crate::config::{MailQueue, Queue, QueueId};
use crate::counters::Counter;
use crate::ledger::news::Keyed;
use crate::pattern::Pattern;
use crate::queue::{HeldBack, HostLines, Tally};
use crate::report::{Gathered, Page};
use crate::schedule::Schedule;

/// Lines that a threshold holds back and that are looked at again in a window, at most. Others wait for its end.
const MOST_HELD: usize = 10_000;

/// What a look at a queue finds.
pub(super) enum Look {
    /// No window is open: all that the queue holds is mailed.
    Whole,
    /// A window is open.
    Window(InWindow),
}

/// What a look at a queue in its window finds.
#[derive(Default)]
pub(super) struct InWindow {
    /// The numbers of the lines that are new in the window, and mailed now.
    pub new: Vec<u32>,
    /// The number of the queue's lines that are looked at then.
    looked: u32,
    /// The numbers of new lines that a threshold holds back.
    held: Vec<u32>,
    /// The patterns that were given up, each with the length of the line.
    gave_up: Vec<(Pattern, usize)>,
}

/// Whether only pagers get the reports of a queue.
fn is_for_pagers_alone(queue: &Queue) -> bool {
    let mail = queue.output.mail();
    mail.is_some_and(|mail| !mail.wants(false))
}

impl Monitor {
    /// Makes the key of lines where there is none yet.
    pub(super) fn begin_bundles(&mut self) {
        if self.bundling.key == [0; 2] {
            self.bundling.key = Keyed::random_key();
        }
    }

    /// What of a queue that is due is mailed now, if anything is.
    pub(super) fn share(&mut self, index: usize, now: Time) -> Option<Share> {
        let look = match self.look(index, now)? {
            Look::Whole => return Some(Share::Whole),
            Look::Window(look) => look,
        };
        let window = self.queues.get_mut(index)?.window.as_mut()?;
        (window.looked, window.held, window.touched) = (look.looked, look.held, false);
        for (pattern, length) in look.gave_up {
            self.note_limit(&pattern, length);
        }
        (!look.new.is_empty()).then_some(Share::First(look.new))
    }

    /// What a look at a queue that is due finds; nothing if there is nothing to look at.
    pub(super) fn look(&self, index: usize, now: Time) -> Option<Look> {
        let config = &self.config;
        let queue = config.queues.get(index)?;
        let id = QueueId(u16::try_from(index).ok()?);
        let state = self.queues.get(index)?;
        let open = state.window.as_ref();
        let open =
            open.filter(|window| window.end(&config.bundle, id).is_some_and(|end| end > now));
        let Some(window) = open else {
            return Some(Look::Whole);
        };
        if !window.wants_look(&config.bundle, state.tally.distinct()) {
            return None;
        }
        let mut look = InWindow {
            looked: u32::try_from(state.tally.distinct()).unwrap_or(u32::MAX),
            ..InWindow::default()
        };
        let mut thresholds = HeldBack::new(&queue.thresholds, &mut look.gave_up);
        let held = window.held.iter().copied();
        for at in held.chain(window.looked..look.looked) {
            let Some((host, line, count)) = state.tally.numbered(at) else {
                continue;
            };
            if window.knows(self.bundling.hash(host, line)) {
                continue;
            }
            if !thresholds.is(line, count) {
                look.new.push(at);
            } else if look.held.len() < MOST_HELD {
                look.held.push(at);
            }
        }
        Some(Look::Window(look))
    }

    /// Notes in the window of a queue that these lines of a share of its tally are mailed, and opens one where there is
    /// none. Gives what was gathered since `start`, if a window was open and all of the queue is mailed.
    pub(super) fn note_mailed(
        &mut self,
        index: usize,
        (share, tally): (&Share, &Tally),
        lines: &[HostLines<'_>],
        (start, now): (Time, Time),
    ) -> Option<Gathered> {
        let id = QueueId(u16::try_from(index).ok()?);
        let settings = &self.config.bundle;
        let state = self.queues.get_mut(index)?;
        let at_once = self.config.queues.get(index)?.schedule == Schedule::Now;
        if !at_once || settings.length(id, 0).is_none() {
            // A reload may have ended its bundling.
            self.bundling.changed |= state.window.take().is_some();
            return None;
        }
        self.bundling.changed |= state.window.is_some() || !lines.is_empty();
        let hashes = self.bundling.hashes(lines);
        let before = match share {
            Share::First(numbers) => {
                if let Some(window) = &mut state.window {
                    if !lines.is_empty() {
                        window.mail_first(hashes);
                    }
                    let all = numbers.iter().filter_map(|at| tally.numbered(*at));
                    window.leave_out(all.map(|(host, line, _)| self.bundling.hash(host, line)));
                }
                return None;
            }
            Share::Whole => state.window.take(),
        };
        let was_open = before.is_some();
        let is_over = |window: &Window| window.end(settings, id).is_none_or(|end| end <= now);
        let window = match before {
            // A signal asked for what was collected: the window goes on.
            Some(window) if !is_over(&window) => Some(window),
            // Nothing came in it: the queue is quiet again.
            _ if lines.is_empty() => None,
            Some(window) => Some(window.next(now)),
            None => Some(Window::open(now, 0)),
        };
        state.window = window.map(|mut window| {
            window.forget_numbers();
            window.mail(hashes);
            window
        });
        state.next = state.window_end(settings, id);
        (was_open && !lines.is_empty()).then(|| Gathered::new(lines, now - start))
    }

    /// Gives a queue the lines back that were not mailed.
    pub(super) fn keep_rest(&mut self, index: usize, mut tally: Tally, share: &Share) {
        if let (Share::First(numbers), Some(state)) = (share, self.queues.get_mut(index)) {
            tally.forget_counts(numbers);
            state.tally = tally;
        }
    }

    /// Ends the windows that are over by now: a queue that has collected something is due, any other is quiet again.
    pub(super) fn end_windows(&mut self, now: Time) {
        let queues = self.config.queues.iter().zip(&mut self.queues);
        for (queue, state) in queues.filter(|(queue, _)| queue.schedule == Schedule::Now) {
            if state.next.is_none_or(|next| next > now) {
                continue;
            }
            state.next = None;
            if state.tally.holds_counts() {
                state.overdue = true;
                continue;
            }
            state.window = None;
            self.bundling.changed = true;
            // What it has are lines that were mailed.
            if !state.tally.is_empty() {
                (state.tally, state.fresh.lines) = (Tally::default(), Vec::new());
                let others = |name: &str| name != queue.name;
                self.ledger.news.keep_queues(others);
            }
        }
    }

    /// Which form a queue's pagers get, if it has any; a page is counted.
    pub(super) fn page(&mut self, mail: &MailQueue, now: Time) -> Page {
        let pages = &mut self.bundling.pages;
        let Some(most) = self.config.report.pager_hour.map(u32::from) else {
            return Page::Sent;
        };
        if !mail.wants(true) {
            return Page::Sent;
        }
        pages.prune(now);
        let alone = !mail.wants(false);
        if !alone && pages.full_until(most).is_some() {
            self.counters.add(Counter::PageWithheld, 1);
            return Page::Withheld;
        }
        pages.0.push(now);
        self.bundling.changed = true;
        match pages.full_until(most) {
            Some(until) => Page::Last {
                until,
                mailed: !alone,
            },
            None => Page::Sent,
        }
    }

    /// Whether a queue waits until there may be a page again: nobody would hear of its lines otherwise.
    pub fn waits_for_page(&self, queue: &Queue) -> bool {
        let most = self.config.report.pager_hour.map(u32::from);
        let full = most.and_then(|most| self.bundling.pages.full_until(most));
        full.is_some() && is_for_pagers_alone(queue)
    }

    /// When the queues go on that wait for a page.
    pub(super) fn next_page(&self) -> Option<Time> {
        let most = self.config.report.pager_hour?.get();
        let mut queues = self.config.queues.iter().zip(&self.queues);
        let waits = queues.any(|(queue, state)| state.overdue && is_for_pagers_alone(queue));
        self.bundling.pages.full_until(most).filter(|_| waits)
    }

    /// Goes on with the windows and the pages of a snapshot.
    pub(super) fn restore_bundles(&mut self, saved: SavedBundles, now: Time) {
        if saved.key != [0; 2] {
            self.bundling.key = saved.key;
        }
        self.bundling.pages = Pages(saved.pages);
        self.bundling.pages.prune(now);
        for window in saved.windows {
            let queues = &self.config.queues;
            let index = queues.iter().position(|queue| queue.name == window.queue);
            if let Some(state) = index.and_then(|index| self.queues.get_mut(index)) {
                let mut window = Window::from(window);
                // The run before may have had another clock.
                window.clock_was_set(now);
                state.window = Some(window);
            }
        }
        self.begin_bundles();
    }

    /// The windows and the pages, for a snapshot.
    pub fn saved_bundles(&self) -> SavedBundles {
        let queues = self.config.queues.iter().zip(&self.queues);
        let window = |(queue, state): (&Queue, &QueueState)| {
            let window = state.window.as_ref()?;
            Some(window.saved(&queue.name))
        };
        let windows: Vec<_> = queues.filter_map(window).collect();
        SavedBundles {
            // Without a window there is no hash.
            key: match windows.is_empty() {
                true => [0; 2],
                false => self.bundling.key,
            },
            windows,
            pages: self.bundling.pages.0.clone(),
        }
    }

    /// The windows and the pages, if they changed since the last commit.
    pub fn bundle_changes(&self) -> Option<SavedBundles> {
        self.bundling.changed.then(|| self.saved_bundles())
    }
}
