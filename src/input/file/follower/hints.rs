//! What the kernel tells, and which paths it concerns.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::super::fs::{FileSystem, Kind};
use super::Follower;
use super::why::Why;
use crate::input::Event;

/// The names that are remembered one by one; when there are more, all files are looked at.
const MOST: usize = 4096;

/// The names of which the kernel told since the last turn.
#[derive(Debug, Default)]
pub struct Hints {
    /// The files that were written to.
    pub data: HashSet<PathBuf>,
    /// The names that came, went, or changed in another way.
    pub names: HashSet<PathBuf>,
    /// Directories that are watched since, and were looked through before.
    pub directories: HashSet<PathBuf>,
    /// Anything may have changed anywhere.
    pub all: bool,
}

impl Hints {
    /// Whether nothing was told.
    pub fn is_empty(&self) -> bool {
        !self.all && self.data.is_empty() && self.names.is_empty() && self.directories.is_empty()
    }

    /// A file was written to.
    pub fn written(&mut self, path: PathBuf) {
        if !self.all {
            self.data.insert(path);
            self.bound();
        }
    }

    /// A name changed.
    pub fn named(&mut self, path: PathBuf) {
        if !self.all {
            self.names.insert(path);
            self.bound();
        }
    }

    /// Takes up what was told later.
    pub fn extend(&mut self, later: Self) {
        self.data.extend(later.data);
        self.names.extend(later.names);
        self.directories.extend(later.directories);
        self.all |= later.all;
    }

    /// What changed is not known.
    pub fn lost(&mut self) {
        *self = Self {
            all: true,
            ..Self::default()
        };
    }

    fn bound(&mut self) {
        if self.data.len() + self.names.len() > MOST {
            self.lost();
        }
    }
}

impl<F: FileSystem> Follower<F> {
    /// Finds the paths that are to have a turn. If that cannot be told, all are.
    pub(super) fn hear(
        &mut self,
        hints: &Hints,
        now: i64,
        due: &mut BTreeMap<usize, Why>,
        emit: &mut dyn FnMut(Event),
    ) {
        if hints.all || hints.names.iter().any(|path| self.is_other_way(path)) {
            self.rescan();
            return;
        }
        for place in hints.names.iter().chain(&hints.directories) {
            self.look_behind_link(place);
            self.expand_at(place, now, emit);
        }
        for path in &hints.names {
            for at in self.concerned(path) {
                due.entry(at).or_default().names = true;
            }
        }
        for path in &hints.data {
            for at in self.concerned(path) {
                due.entry(at).or_default().data = true;
                self.told_of(at);
                if let Some(track) = self.tracks.get_mut(at)
                    && track.path.as_path() != path
                {
                    track.late_lines(now);
                }
            }
        }
    }

    /// Whether a directory on the way to a log is another one than before, or may have been opened to us.
    fn is_other_way(&self, path: &Path) -> bool {
        let Some(before) = self.ways.get(path) else {
            return false;
        };
        let faulty = !self.shut.is_empty() || !self.faults.is_empty();
        faulty || self.directory(path) != *before
    }

    /// The clock found lines of a path, and now the kernel told of it.
    fn told_of(&mut self, at: usize) {
        if self.untold.remove(&at) && self.untold.is_empty() && self.secret {
            self.secret = false;
            self.idle = self.first_pause();
            self.pause = self.idle;
        }
    }

    /// The paths that a name may concern: the one of this name, those that hold its file under another
    /// name, and those whose rotated file it may be.
    fn concerned(&self, path: &Path) -> Vec<usize> {
        let mut found: Vec<usize> = self.index.number(path).into_iter().collect();
        let meta = self.fs.meta(path).ok();
        let meta = meta.filter(|meta| meta.kind == Kind::Regular);
        found.extend(meta.and_then(|meta| self.index.holds(meta.id)));
        let logs = self.index.logs_of(path).into_iter();
        found.extend(logs.filter_map(|log| self.index.number(&log)));
        found
    }
}
