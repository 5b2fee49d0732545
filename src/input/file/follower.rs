//! All followed paths: globs, files with two names, fair turns.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bstr::BString;

use super::Settings;
use super::beside::Beside;
use super::checkpoint::PathCheckpoints;
use super::fs::{FileId, FileSystem};
use super::index::Index;
use super::listing::Listings;
use super::open_files::{LeftOut, OpenFileBudget};
use super::track::Track;
use crate::clock::Time;
use crate::logpath::LogPath;

mod directories;
mod faults;
mod hints;
mod look;
mod paths;
mod why;

pub(super) use hints::Hints;

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
    /// Whether all files were looked at.
    pub all: bool,
    /// Time until the next look at some of the files, if one is wanted.
    pub soon: Option<Duration>,
    /// Time from the last look at all files until the next one, if nothing wakes the follower before.
    pub next: Duration,
}

/// The state machine that follows the configured paths.
pub struct Follower<F: FileSystem> {
    fs: F,
    settings: Settings,
    configured: Vec<LogPath>,
    tracks: Vec<Track<F>>,
    /// What is known of all of them together.
    index: Index,
    listings: Listings,
    resume: HashMap<PathBuf, PathCheckpoints>,
    /// Paths that were missing at the start and are not waited for.
    skipped: HashSet<PathBuf>,
    /// Patterns whose directory we may not list, and what to say of it.
    shut: BTreeMap<PathBuf, String>,
    /// Directories of rotated files that cannot be listed, and what to say of them.
    hidden: BTreeMap<PathBuf, String>,
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
    /// No file can be closed in this turn.
    crowded: bool,
    /// The paths that want another turn at once or soon.
    active: BTreeSet<usize>,
    /// The paths of which the clock found lines that nobody had told of.
    untold: BTreeSet<usize>,
    /// A drain was asked for, and is not done.
    draining: bool,
    /// A path has a rotated file that is soon to be let go.
    lingering: bool,
    /// The paths that may be missing without a fault.
    excused: Option<fn(&Path) -> bool>,
    /// Directories in which something may happen to the paths that came since they were asked for.
    new_directories: BTreeSet<PathBuf>,
    /// The directories of which all is told.
    watched: HashSet<PathBuf>,
    /// The directories on the way to a log or to the directories of a pattern, and those themselves: which they
    /// were when they were looked at.
    ways: HashMap<PathBuf, Option<FileId>>,
    /// Since when each glob was followed in a run before, ns, until they are taken up.
    before: HashMap<BString, i64>,
    /// What was told of `since`.
    told_since: HashMap<BString, i64>,
    rescan: bool,
    /// The kernel tells of every change.
    woken: bool,
    /// The next pause, if nothing happens; they double.
    idle: Duration,
    /// The pause after the last look at all files.
    pause: Duration,
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
            index: Index::default(),
            listings: Listings::default(),
            resume: resume.into_iter().map(|m| (m.path.clone(), m)).collect(),
            skipped: HashSet::new(),
            shut: BTreeMap::new(),
            hidden: BTreeMap::new(),
            faults: BTreeMap::new(),
            fresh: HashSet::new(),
            since: HashMap::new(),
            beside: Beside::default(),
            budget: OpenFileBudget::default(),
            left_out: LeftOut::default(),
            crowded: false,
            active: BTreeSet::new(),
            untold: BTreeSet::new(),
            draining: true,
            lingering: false,
            excused: None,
            new_directories: BTreeSet::new(),
            watched: HashSet::new(),
            ways: HashMap::new(),
            before: HashMap::new(),
            told_since: HashMap::new(),
            rescan: true,
            woken: false,
            idle: UNWOKEN,
            pause: UNWOKEN,
            told: true,
            secret: false,
            buf: Vec::new(),
        };
        follower.set_paths(paths);
        follower
    }

    /// Has it be no fault that a path is missing which `excused` takes.
    pub fn excuse(&mut self, excused: fn(&Path) -> bool) {
        self.excused = Some(excused);
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
        self.active.clear();
        self.untold.clear();
        self.index = Index::of(&self.tracks, &self.settings.olddirs);
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
        self.draining = true;
        for track in &mut self.tracks {
            track.ask_drain();
        }
    }

    /// The paths that are followed now.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.tracks.iter().map(|track| track.path.as_path())
    }
}
