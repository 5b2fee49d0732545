//! All followed paths: globs, files with two names, fair turns.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;

use super::Settings;
use super::beside::Beside;
use super::checkpoint::PathCheckpoints;
use super::fs::FileSystem;
use super::open_files::{LeftOut, OpenFileBudget};
use super::track::{Context, Progress, Track};
use crate::clock::Time;
use crate::counters::Counters;
use crate::input::{Event, Notice};
use crate::logpath::LogPath;
use crate::shown::shown_path;

mod faults;
mod paths;

/// The first pause between two scans where nothing wakes us.
const UNWOKEN: Duration = Duration::from_secs(1);
/// The longest pause between two scans while nothing happens, and every one where the kernel wakes.
const IDLE: Duration = Duration::from_secs(300);
/// The longest pause while a rotated file is soon to be let go.
const DEPARTED: Duration = Duration::from_secs(30);
/// How soon a directory that was not quiet is looked at again.
const SOON: Duration = Duration::from_millis(20);

/// The result of a turn: what is wanted next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// Whether more is there: call again at once.
    pub more: bool,
    /// Whether a directory is in the middle of a change: not all that is there could be read yet.
    pub waiting: bool,
    /// Whether everything that was there at [`Follower::ask_drain`] was handed out.
    pub drained: bool,
    /// Time until the next scan, if nothing wakes the follower before.
    pub next: Duration,
}

/// The state machine that follows the configured paths.
pub struct Follower<F: FileSystem> {
    fs: F,
    settings: Settings,
    configured: Vec<LogPath>,
    tracks: Vec<Track<F>>,
    resume: Vec<PathCheckpoints>,
    /// Paths that were missing at the start and are not waited for.
    skipped: HashSet<PathBuf>,
    /// Patterns whose directory we may not list, and what to say of it.
    shut: BTreeMap<PathBuf, String>,
    /// What was told to be wrong, by path.
    faults: BTreeMap<PathBuf, String>,
    /// What was there when the configuration was read begins where `set tail` says.
    fresh: HashSet<PathBuf>,
    /// Since when each glob is followed, ns: what its new files' rotations hold since then is new.
    since: HashMap<PathBuf, i64>,
    /// Files that look like rotated ones, and may be logs.
    beside: Beside,
    /// How many files may be held open, and what was told of those that do not fit.
    budget: OpenFileBudget,
    left_out: LeftOut,
    /// Since when each glob was followed in a run before, ns, until they are taken up.
    before: HashMap<BString, i64>,
    /// What was told of `since`.
    told_since: HashMap<BString, i64>,
    rescan: bool,
    /// The kernel tells of every change.
    woken: bool,
    /// The next pause, if nothing happens; they double.
    idle: Duration,
    /// Whether this turn has another reason than the clock.
    told: bool,
    /// The last lines were found by the clock alone: somebody writes whom the kernel does not tell
    /// of (through a mapping, or another directory's name of the file).
    secret: bool,
    buf: Vec<u8>,
}

fn nanos(now: Time) -> i64 {
    now.timestamp_nanos_opt().unwrap_or(i64::MAX)
}

impl<F: FileSystem> Follower<F> {
    /// Follows `paths` as configured (globs allowed), from where `resume` says.
    pub fn new<P: Clone + Into<LogPath>>(
        fs: F,
        settings: Settings,
        paths: &[P],
        resume: Vec<PathCheckpoints>,
    ) -> Self {
        let mut follower = Self {
            fs,
            settings,
            configured: Vec::new(),
            tracks: Vec::new(),
            resume,
            skipped: HashSet::new(),
            shut: BTreeMap::new(),
            faults: BTreeMap::new(),
            fresh: HashSet::new(),
            since: HashMap::new(),
            beside: Beside::default(),
            budget: OpenFileBudget::default(),
            left_out: LeftOut::default(),
            before: HashMap::new(),
            told_since: HashMap::new(),
            rescan: true,
            woken: false,
            idle: UNWOKEN,
            told: true,
            secret: false,
            buf: Vec::new(),
        };
        follower.set_paths(paths);
        follower
    }

    /// Holds no more files open than this.
    #[must_use]
    pub fn within(mut self, budget: OpenFileBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Globs that were followed in a run before, and since when: what came since is new.
    pub fn resume_patterns(&mut self, before: HashMap<BString, i64>) {
        self.before = before;
    }

    /// The globs, and since when each is followed, ns since the epoch.
    pub fn patterns(&self) -> HashMap<BString, i64> {
        let bytes = |path: &PathBuf| BString::from(path.as_os_str().as_bytes());
        let since = self.since.iter();
        since.map(|(path, at)| (bytes(path), *at)).collect()
    }

    /// Where the files stand that are followed for the first time.
    pub fn begun(&self) -> Vec<PathCheckpoints> {
        let fresh = self.tracks.iter().filter_map(Track::begun);
        fresh.collect()
    }

    /// Takes another list of paths; what stays is followed on.
    pub fn set_paths<P: Clone + Into<LogPath>>(&mut self, paths: &[P]) {
        let paths: Vec<LogPath> = paths.iter().cloned().map(Into::into).collect();
        let new = paths.iter().filter(|p| !self.configured.contains(p));
        self.fresh = new.map(|p| p.as_path().to_owned()).collect();
        self.skipped.clear();
        let stays = |path: &PathBuf| paths.iter().any(|p| p.as_path() == path);
        self.since.retain(|path, _| stays(path));
        self.shut.retain(|path, _| stays(path));
        self.tracks
            .retain(|track| paths.iter().any(|p| p.matches(&track.path)));
        self.configured = paths;
        self.rescan();
    }

    /// Names may have changed: the next turn expands the globs again.
    pub fn rescan(&mut self) {
        self.rescan = true;
        self.idle = self.first_pause();
    }

    /// Whether the kernel tells of every change: then scans are the safety net alone, and rare.
    pub(super) fn set_woken(&mut self, woken: bool) {
        if self.woken != woken {
            self.woken = woken;
            self.secret = false;
            self.idle = self.first_pause();
        }
    }

    /// Whether the next turn has another reason than that it is time. Lines that it finds without
    /// one make the scans as quick as if nothing woke us, until the next lines that were told of.
    pub(super) fn set_told(&mut self, told: bool) {
        self.told = told;
    }

    /// How soon it looks again after something happened.
    fn first_pause(&self) -> Duration {
        match self.woken && !self.secret {
            true => IDLE,
            false => UNWOKEN,
        }
    }

    /// As [`Self::rescan`], for a scan by the clock: the pause before the next one keeps growing.
    pub(super) fn rescan_names(&mut self) {
        self.rescan = true;
    }

    /// From now on [`Turn::drained`] tells whether all that is there at this moment was read. What
    /// is written later does not count, so a busy log cannot put the end off.
    pub fn ask_drain(&mut self) {
        self.rescan();
        for track in &mut self.tracks {
            track.ask_drain();
        }
    }

    /// The paths that are followed now.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.tracks.iter().map(|track| track.path.as_path())
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
        for track in self.beside.look(&self.fs, &mut self.tracks, now) {
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
            self.tracks.push(track);
        }
        None
    }

    /// Opens what is there, so that whatever is written from now on is new. Reads nothing yet.
    pub fn begin(&mut self, now: Time, emit: &mut dyn FnMut(Event)) {
        let now = nanos(now);
        self.expand(now, emit);
        self.told_since = self.patterns();
        self.each(now, false, emit, |track, cx| track.begin_fresh(cx));
    }

    /// Looks at every file once and hands out at most one chunk of each.
    pub fn turn(&mut self, now: Time, emit: &mut dyn FnMut(Event)) -> Turn {
        let now = nanos(now);
        let rescan = std::mem::take(&mut self.rescan);
        if rescan {
            self.expand(now, emit);
            let patterns = self.patterns();
            if patterns != self.told_since {
                self.told_since.clone_from(&patterns);
                emit(Event::Patterns(patterns));
            }
        }
        let beside = self.look_beside(now, rescan, emit);
        let mut all = Progress::default();
        self.each(now, rescan, emit, |track, cx| {
            let progress = track.turn(cx);
            all.changed |= progress.changed;
            all.more |= progress.more;
            all.waiting |= progress.waiting;
        });
        self.tell_faults(emit);
        self.tell_left_out(emit);
        if !all.more && !self.told {
            // Nothing comes: the room is made again when it is needed.
            self.buf = Vec::new();
        }
        let departed = self.tracks.iter().any(|track| track.lingers(now));
        if all.more {
            self.secret = self.woken && !self.told;
        }
        if all.changed || all.more || all.waiting {
            self.idle = self.first_pause();
        }
        let longest = if departed { DEPARTED } else { IDLE };
        self.idle = self.idle.min(longest);
        let mut next = if all.waiting { SOON } else { self.idle };
        if self.tracks.iter().any(Track::is_left_out) && self.budget.has(self.open_files(), false) {
            next = next.min(UNWOKEN);
        }
        next = next.min(beside.unwrap_or(next));
        if !all.changed && !all.more {
            self.idle = (self.idle * 2).min(longest);
        }
        Turn {
            more: all.more,
            waiting: all.waiting,
            drained: self.tracks.iter().all(Track::drained),
            next,
        }
    }

    /// At the end of a run, when all turns are done: unterminated last bytes of files that were
    /// rotated away are handed out as lines.
    pub fn finish(&mut self, now: Time, emit: &mut dyn FnMut(Event)) {
        self.each(nanos(now), false, emit, |track, cx| track.flush(cx));
    }

    fn open_files(&self) -> usize {
        self.tracks.iter().map(|track| track.gens.len()).sum()
    }

    fn each(
        &mut self,
        now: i64,
        rescan: bool,
        emit: &mut dyn FnMut(Event),
        mut act: impl FnMut(&mut Track<F>, &mut Context<F>),
    ) {
        let followed: HashSet<PathBuf> = self.tracks.iter().map(|t| t.path.to_path_buf()).collect();
        let pressed = self.tracks.iter().any(Track::is_left_out);
        let mut open = self.open_files();
        let mut held: HashMap<_, _> = HashMap::new();
        for track in &self.tracks {
            held.extend(
                track
                    .gens
                    .iter()
                    .map(|g| (g.checkpoint.id, track.path.clone())),
            );
        }
        for at in 0..self.tracks.len() {
            let (before, rest) = self.tracks.split_at_mut(at);
            let Some((track, after)) = rest.split_first_mut() else {
                break;
            };
            for generation in &track.gens {
                held.remove(&generation.checkpoint.id);
            }
            let resuming = before.iter().chain(after.iter()).any(Track::is_resuming);
            let mut cx = Context {
                fs: &self.fs,
                settings: &self.settings,
                now,
                emit,
                buf: &mut self.buf,
                held,
                followed: &followed,
                resuming,
                others: [before, after],
                rescan,
                moved: Cell::new(false),
                shut: Cell::new(None),
                budget: self.budget,
                open_elsewhere: open - track.gens.len(),
                pressed,
            };
            open -= track.gens.len();
            act(track, &mut cx);
            open += track.gens.len();
            held = cx.held;
            held.extend(
                track
                    .gens
                    .iter()
                    .map(|g| (g.checkpoint.id, track.path.clone())),
            );
        }
    }
}
