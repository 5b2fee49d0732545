//! A turn: a look at all files, or at the files of which somebody told.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::super::fs::FileSystem;
use super::super::track::{Context, Progress, Track};
use super::why::Why;
use super::{DEPARTED, Follower, IDLE, SOON, Turn, UNWOKEN, nanos};
use crate::clock::Time;
use crate::counters::Counters;
use crate::input::{Event, Notice};
use crate::shown::shown_path;

impl<F: FileSystem> Follower<F> {
    /// Opens what is there, so that whatever is written from now on is new. Reads nothing yet.
    pub fn begin(&mut self, now: Time, emit: &mut dyn FnMut(Event)) {
        let now = nanos(now);
        self.listings.next_turn();
        self.expand(now, emit);
        self.told_since = self.patterns();
        self.each(None, now, Why::default(), emit, |track, cx| {
            track.begin_fresh(cx);
            Progress::default()
        });
    }

    /// Looks at every file once and hands out at most one chunk of each.
    pub fn turn(&mut self, now: Time, emit: &mut dyn FnMut(Event)) -> Turn {
        let now = nanos(now);
        self.listings.next_turn();
        let rescan = std::mem::take(&mut self.rescan);
        if rescan {
            self.expand(now, emit);
            let patterns = self.patterns();
            if patterns != self.told_since {
                self.told_since.clone_from(&patterns);
                emit(Event::Patterns(patterns));
            }
        }
        self.active.clear();
        let beside = self.look_beside(now, rescan, emit);
        let why = Why {
            names: rescan,
            data: !self.woken || self.told,
        };
        self.untold.clear();
        self.look_at_olddirs(now, emit);
        let all = self.each(None, now, why, emit, Track::turn);
        self.tell_faults(emit);
        self.tell_left_out(all, emit);
        if !all.more && !self.told {
            // Nothing comes: the room is made again when it is needed.
            self.buf = Vec::new();
        }
        self.lingering = self.tracks.iter().any(|track| track.lingers(now));
        if all.more {
            self.secret = self.woken && !self.told;
        }
        if !self.secret {
            self.untold.clear();
        }
        if all.changed || all.more || all.waiting {
            self.idle = self.first_pause();
        }
        self.idle = self.idle.min(self.longest());
        self.pause = self.idle;
        if !all.changed && !all.more {
            self.idle = (self.idle * 2).min(self.longest());
        }
        Turn {
            more: all.more,
            waiting: all.waiting,
            drained: self.is_drained(),
            all: true,
            soon: self.soon(all, beside),
            next: self.pause,
        }
    }

    /// Looks at those files that need it: because of what was told, or of what the last turn left.
    pub(in crate::input::file) fn turn_for(
        &mut self,
        now: Time,
        hints: &super::Hints,
        emit: &mut dyn FnMut(Event),
    ) -> Turn {
        let at = nanos(now);
        self.listings.next_turn();
        let mut due: BTreeMap<usize, Why> = BTreeMap::new();
        self.hear(hints, at, &mut due, emit);
        if self.rescan {
            return self.turn(now, emit);
        }
        let beside = self.look_beside(at, false, emit);
        let active = std::mem::take(&mut self.active);
        for at in active.into_iter().chain(self.unsettled()) {
            due.entry(at).or_default();
        }
        let mut all = self.each(Some(&due), at, Why::default(), emit, Track::turn);
        if std::mem::take(&mut self.index.freed) {
            let aliases = self.tracks.iter().enumerate();
            let aliases = aliases.filter(|(_, track)| track.is_alias());
            let aliases = aliases.map(|(at, _)| (at, Why::default())).collect();
            all.add(self.each(Some(&aliases), at, Why::default(), emit, Track::turn));
        }
        self.tell_left_out(all, emit);
        Turn {
            more: all.more,
            waiting: all.waiting,
            drained: self.is_drained(),
            all: false,
            soon: self.soon(all, beside),
            next: self.pause.min(self.longest()),
        }
    }

    fn longest(&self) -> Duration {
        match self.lingering {
            true => DEPARTED,
            false => IDLE,
        }
    }

    /// How soon some of the files want another look.
    fn soon(&self, all: Progress, beside: Option<Duration>) -> Option<Duration> {
        let room = self.index.closable > 0 || self.budget.has(self.index.open, false);
        let waits = (self.index.left_out > 0 && room).then_some(UNWOKEN);
        let waiting = all.waiting.then_some(SOON);
        [waiting, waits, beside].into_iter().flatten().min()
    }

    /// The paths that have a turn whatever was told: those that wait for room, or for a drain.
    fn unsettled(&self) -> Vec<usize> {
        let room = self.index.left_out > 0
            && (self.index.closable > 0 || self.budget.has(self.index.open, false));
        if !room && !self.draining {
            return Vec::new();
        }
        let waits =
            |track: &Track<F>| (room && track.is_left_out()) || (self.draining && !track.drained());
        let tracks = self.tracks.iter().enumerate();
        let tracks = tracks.filter(|(_, track)| waits(track));
        tracks.map(|(at, _)| at).collect()
    }

    fn is_drained(&mut self) -> bool {
        if self.draining {
            self.draining = !self.tracks.iter().all(Track::drained);
        }
        !self.draining
    }

    /// At the end of a run, when all turns are done: unterminated last bytes of files that were
    /// rotated away are handed out as lines.
    pub fn finish(&mut self, now: Time, emit: &mut dyn FnMut(Event)) {
        self.each(None, nanos(now), Why::default(), emit, |track, cx| {
            track.flush(cx);
            Progress::default()
        });
    }

    /// Follows what looked like a rotated file, and grows. Tells how soon the next look is due.
    fn look_beside(
        &mut self,
        now: i64,
        rescan: bool,
        emit: &mut dyn FnMut(Event),
    ) -> Option<Duration> {
        match self.beside.due(now) {
            Some(left) if left > 0 && !rescan => {
                return u64::try_from(left).ok().map(Duration::from_nanos);
            }
            None if !rescan => return None,
            _ => {}
        }
        let (logs, stirred) = self.beside.look(
            &self.fs,
            &mut self.tracks,
            &self.index,
            &self.settings.charsets,
            now,
        );
        self.active.extend(stirred);
        for track in logs {
            let text = format!(
                "{}: is named like a rotated file, and grows: followed as a log of its own",
                shown_path(track.path.as_path())
            );
            emit(Event::Notice(Notice {
                level: log::Level::Info,
                text,
                report: false,
                counters: Counters::default(),
            }));
            self.follow(track);
        }
        None
    }

    /// Follows one more path.
    pub(super) fn follow(&mut self, track: Track<F>) {
        let at = self.tracks.len();
        self.index.push(&track, at);
        if let Some(dir) = track.path.parent() {
            let dirs: Vec<PathBuf> = self.directories_of(dir).collect();
            self.new_directories.extend(dirs);
        }
        self.look_behind_link(&track.path);
        self.active.insert(at);
        self.tracks.push(track);
    }

    /// Acts on the paths that are `due`, on each for its own reason; without them on all paths, for the reason `why`.
    pub(super) fn each(
        &mut self,
        due: Option<&BTreeMap<usize, Why>>,
        now: i64,
        why: Why,
        emit: &mut dyn FnMut(Event),
        mut act: impl FnMut(&mut Track<F>, &mut Context<F>) -> Progress,
    ) -> Progress {
        self.crowded = false;
        let mut all = Progress::default();
        let mut faults = false;
        match due {
            None => {
                for at in 0..self.tracks.len() {
                    all.add(self.one(at, now, why, emit, &mut act, &mut faults));
                }
            }
            Some(due) => {
                for (at, why) in due {
                    all.add(self.one(*at, now, *why, emit, &mut act, &mut faults));
                }
            }
        }
        if faults && due.is_some() {
            self.tell_faults(emit);
        }
        all
    }

    fn one(
        &mut self,
        at: usize,
        now: i64,
        why: Why,
        emit: &mut dyn FnMut(Event),
        act: &mut impl FnMut(&mut Track<F>, &mut Context<F>) -> Progress,
        faults: &mut bool,
    ) -> Progress {
        let Some((before, rest)) = self.tracks.split_at_mut_checked(at) else {
            return Progress::default();
        };
        let Some((track, after)) = rest.split_first_mut() else {
            return Progress::default();
        };
        *faults |= track.fault().is_some();
        self.index.take(track, at);
        let held: Vec<_> = match self.index.aliases {
            0 => Vec::new(),
            _ => track.ids().collect(),
        };
        let mut cx = Context {
            fs: &self.fs,
            settings: &self.settings,
            now,
            emit,
            buf: &mut self.buf,
            index: &self.index,
            listings: &self.listings,
            resuming: self.index.resuming > 0,
            others: [before, after],
            rescan: why.names,
            written: why.data,
            moved: Cell::new(false),
            shut: Cell::new(None),
            hidden: Cell::new(false),
            unfinished: Cell::new(false),
            budget: self.budget,
        };
        let progress = act(track, &mut cx);
        self.index.put(track, at);
        self.index.freed |= held.into_iter().any(|id| self.index.holds(id).is_none());
        *faults |= track.fault().is_some();
        self.lingering |= track.lingers(now);
        if progress.more || progress.waiting {
            self.active.insert(at);
        }
        if progress.more && !self.told {
            self.untold.insert(at);
        }
        self.make_room(now);
        progress
    }

    /// Closes files that are silent for longest, where more are open than may be.
    fn make_room(&mut self, now: i64) {
        let excess = self.budget.excess(self.index.open);
        if excess == 0 || self.crowded || self.index.closable == 0 {
            return;
        }
        let tracks = self.tracks.iter().enumerate();
        let closable = tracks.filter(|(_, track)| track.is_closable());
        let mut silent: Vec<_> = closable.map(|(at, track)| (track.silence(), at)).collect();
        silent.sort_unstable();
        let mut closed = 0;
        for (_, at) in silent {
            if closed == excess {
                break;
            }
            if let Some(track) = self.tracks.get_mut(at) {
                self.index.take(track, at);
                closed += usize::from(track.close(now));
                self.index.put(track, at);
            }
        }
        self.crowded = closed == 0;
    }
}
