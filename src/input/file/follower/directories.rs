//! The directories in which something may happen to a followed file.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::super::fs::{FileId, FileSystem, Kind};
use super::super::rotated::directories_of;
use super::Follower;
use crate::input::watch::Directories;

impl<F: FileSystem> Follower<F> {
    /// The directories in which something may happen to a followed file.
    pub fn directories(&mut self) -> Directories {
        self.new_directories.clear();
        let mut logs = BTreeSet::new();
        let mut own: HashSet<&Path> = HashSet::new();
        for track in &self.tracks {
            let link = track.path.is_symlink();
            let real = link.then(|| track.path.canonicalize().ok()).flatten();
            if let Some(real) = real {
                logs.extend(self.existing(real.parent()));
            }
            own.extend(track.path.parent());
        }
        let places = own.iter().flat_map(|dir| self.directories_of(dir));
        let places: HashSet<PathBuf> = places.collect();
        for place in &places {
            self.around(place, &mut logs);
        }
        for pattern in self.configured.iter().filter(|p| p.is_pattern()) {
            let wanted = pattern.expand(&self.fs).directories;
            logs.extend(wanted.iter().filter_map(|dir| self.existing(Some(dir))));
        }
        self.listings
            .retain(|dir| places.contains(dir) || dir == Path::new("."));
        let directories = Directories::of(logs);
        self.watched = directories.logs.iter().cloned().collect();
        self.ways.clear();
        self.note_ways(&directories.logs, places.iter());
        directories
    }

    /// A directory with logs, and the directories to which their rotated files may be moved.
    pub(super) fn directories_of<'a>(&'a self, dir: &'a Path) -> impl Iterator<Item = PathBuf> {
        directories_of(dir, &self.settings.olddirs).map(Cow::into_owned)
    }

    /// The directories to be watched for what came since [`Self::directories`].
    pub(in crate::input::file) fn take_new_directories(&mut self) -> Directories {
        let mut logs = BTreeSet::new();
        let new = std::mem::take(&mut self.new_directories);
        // Most new logs come where others are.
        let new: Vec<PathBuf> = new
            .into_iter()
            .filter(|dir| !self.watched.contains(dir))
            .collect();
        for dir in &new {
            self.around(dir, &mut logs);
        }
        self.watched.extend(logs.iter().cloned());
        self.note_ways(&logs, new.iter());
        Directories::of(logs)
    }

    /// Notes which directories are on the way to the watched directories and to the directories of the logs, which need
    /// not be there.
    fn note_ways<'a>(
        &mut self,
        logs: &'a BTreeSet<PathBuf>,
        listed: impl Iterator<Item = &'a PathBuf>,
    ) {
        for way in listed.chain(logs).flat_map(|dir| dir.ancestors()) {
            if !self.ways.contains_key(way) {
                self.ways.insert(way.to_path_buf(), self.directory(way));
            }
        }
    }

    /// A file behind a link may be written to in another directory.
    pub(super) fn look_behind_link(&mut self, path: &Path) {
        if path.is_symlink()
            && let Ok(real) = path.canonicalize()
        {
            self.new_directories
                .extend(real.parent().map(PathBuf::from));
        }
    }

    /// Which directory a path names now.
    pub(super) fn directory(&self, path: &Path) -> Option<FileId> {
        let meta = self.fs.meta(here(path)).ok();
        let meta = meta.filter(|meta| meta.kind == Kind::Directory);
        meta.map(|meta| meta.id)
    }

    /// The directories in which something may happen to the files of this one.
    fn around(&self, dir: &Path, logs: &mut BTreeSet<PathBuf>) {
        logs.extend(self.existing(Some(dir)));
        if let Ok(real) = here(dir).canonicalize() {
            logs.extend(self.existing(Some(&real)));
        }
        // A link on the way may come to lead elsewhere.
        for above in dir.ancestors() {
            if above.is_symlink() {
                logs.extend(self.existing(above.parent()));
            }
        }
    }

    fn existing(&self, dir: Option<&Path>) -> Option<PathBuf> {
        let mut dir = dir;
        while let Some(path) = dir {
            if self.directory(path).is_some() {
                return Some(here(path).to_path_buf());
            }
            dir = path.parent();
        }
        None
    }
}

fn here(path: &Path) -> &Path {
    match path.as_os_str().is_empty() {
        true => Path::new("."),
        false => path,
    }
}
