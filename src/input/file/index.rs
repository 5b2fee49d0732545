//! What is known of all followed paths together, kept up to date with each turn of one of them: so a turn
//! costs what its paths cost, however many others are followed.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fs::{FileId, FileSystem};
use super::rotated::{bases_of, directories_of};
use super::track::Track;

/// The paths by name and by file, and how many of them are in which state.
#[derive(Debug, Default)]
pub struct Index {
    paths: HashMap<PathBuf, usize>,
    /// Where rotated files may be moved to (`set olddir`).
    olddirs: Vec<PathBuf>,
    /// The directories of logs by those to which their rotated files may be moved.
    moved_from: HashMap<PathBuf, BTreeSet<PathBuf>>,
    /// Who holds a file, by the path and its number. A file that is closed for want of room counts too.
    held: HashMap<FileId, (Arc<PathBuf>, usize)>,
    /// The files of which some path has read all that there was: how many times.
    done: HashMap<FileId, u32>,
    /// Number of open files.
    pub open: usize,
    /// Number of paths that have not found their places again.
    pub resuming: usize,
    /// Number of paths with a file that waits for room.
    pub left_out: usize,
    /// Number of paths whose file is closed until it grows.
    pub closed: usize,
    /// Number of paths whose file could be closed.
    pub closable: usize,
    /// Number of paths that name a file which another path holds.
    pub aliases: usize,
    /// A file was let go of that another path may name.
    pub freed: bool,
}

impl Index {
    /// The index of these paths, whose rotated files may be moved to `olddirs`.
    pub fn of<F: FileSystem>(tracks: &[Track<F>], olddirs: &[PathBuf]) -> Self {
        let mut index = Self {
            olddirs: olddirs.to_vec(),
            ..Self::default()
        };
        for (at, track) in tracks.iter().enumerate() {
            index.push(track, at);
        }
        index
    }

    /// Notes where the rotated files of a log may be moved to.
    pub fn note_log(&mut self, path: &Path) {
        let Some(own) = path.parent() else { return };
        for dir in directories_of(own, &self.olddirs).skip(1) {
            let logs = self.moved_from.entry(dir.into_owned()).or_default();
            if !logs.contains(own) {
                logs.insert(own.to_path_buf());
            }
        }
    }

    /// The directories to which rotated files of logs may be moved.
    pub fn olddirs(&self) -> impl Iterator<Item = &Path> {
        self.moved_from.keys().map(PathBuf::as_path)
    }

    /// The paths of the logs whose rotated file this may be, by its name and its directory.
    pub fn logs_of(&self, path: &Path) -> Vec<PathBuf> {
        let bases = path.file_name().map(bases_of).unwrap_or_default();
        let moved_from = path.parent().and_then(|dir| self.moved_from.get(dir));
        let log = |base: OsString| {
            let moved = moved_from.into_iter().flatten();
            let moved: Vec<PathBuf> = moved.map(|dir| dir.join(&base)).collect();
            std::iter::once(path.with_file_name(base)).chain(moved)
        };
        bases.into_iter().flat_map(log).collect()
    }

    /// Whether rotated files of another log of the same name may be moved to this directory as well.
    pub fn is_shared(&self, dir: &Path, log: &Path) -> bool {
        let (Some(own), Some(name)) = (log.parent(), log.file_name()) else {
            return false;
        };
        let logs = self.moved_from.get(dir).into_iter().flatten();
        let mut others = logs.filter(|other| other.as_path() != own);
        others.any(|other| self.follows(&other.join(name)))
    }

    /// Adds a path that is followed from now on.
    pub fn push<F: FileSystem>(&mut self, track: &Track<F>, at: usize) {
        self.paths.insert(track.path.to_path_buf(), at);
        self.note_log(&track.path);
        self.put(track, at);
    }

    /// The number of a path, if it is followed.
    pub fn number(&self, path: &Path) -> Option<usize> {
        self.paths.get(path).copied()
    }

    /// Whether a path is followed.
    pub fn follows(&self, path: &Path) -> bool {
        self.paths.contains_key(path)
    }

    /// The path that holds a file.
    pub fn holder(&self, id: FileId) -> Option<&Arc<PathBuf>> {
        self.held.get(&id).map(|(path, _)| path)
    }

    /// The number of the path that holds a file.
    pub fn holds(&self, id: FileId) -> Option<usize> {
        self.held.get(&id).map(|(_, at)| *at)
    }

    /// Whether some path has read all there was of a file.
    pub fn has_done(&self, id: FileId) -> bool {
        self.done.contains_key(&id)
    }

    /// Leaves out what it knows of a path's state: the path has its turn now.
    pub fn take<F: FileSystem>(&mut self, track: &Track<F>, at: usize) {
        for id in track.ids() {
            if self.holds(id) == Some(at) {
                self.held.remove(&id);
            }
        }
        for done in &track.done {
            let id = done.checkpoint.id;
            if let Some(times) = self.done.get_mut(&id) {
                *times -= 1;
                if *times == 0 {
                    self.done.remove(&id);
                }
            }
        }
        self.count(track, |count, n| *count = count.saturating_sub(n));
    }

    /// Takes up the state of a path again.
    pub fn put<F: FileSystem>(&mut self, track: &Track<F>, at: usize) {
        for id in track.ids() {
            self.held.insert(id, (track.path.clone(), at));
        }
        for done in &track.done {
            *self.done.entry(done.checkpoint.id).or_default() += 1;
        }
        self.count(track, |count, n| *count += n);
    }

    fn count<F: FileSystem>(&mut self, track: &Track<F>, by: impl Fn(&mut usize, usize)) {
        by(&mut self.open, track.gens.len());
        by(&mut self.resuming, usize::from(track.is_resuming()));
        by(&mut self.left_out, usize::from(track.is_left_out()));
        by(&mut self.closed, usize::from(track.is_closed()));
        by(&mut self.closable, usize::from(track.is_closable()));
        by(&mut self.aliases, usize::from(track.is_alias()));
    }
}
