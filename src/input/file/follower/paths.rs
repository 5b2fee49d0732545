//! The paths that the configuration means now: its patterns expanded, and the directories around them.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::super::beside::compressed_since;
use super::super::fs::{self, FileSystem};
use super::super::rotated::{is_compressed, is_rotation_of};
use super::super::track::Track;
use super::Follower;
use super::faults::{SKIPPED, fault_of};
use crate::input::Event;

impl<F: FileSystem> Follower<F> {
    /// The directories in which something may happen to a followed file.
    pub fn directories(&self) -> BTreeSet<PathBuf> {
        let mut dirs = BTreeSet::new();
        for track in &self.tracks {
            dirs.extend(self.existing(track.path.parent()));
            if let Ok(real) = track.path.canonicalize() {
                dirs.extend(self.existing(real.parent()));
            }
            // A link on the way may come to lead elsewhere.
            for above in track.path.ancestors().skip(1) {
                if above.is_symlink() {
                    dirs.extend(self.existing(above.parent()));
                }
            }
        }
        for pattern in self.configured.iter().filter(|p| p.is_pattern()) {
            let wanted = pattern.expand(&self.fs).directories;
            dirs.extend(wanted.iter().filter_map(|dir| self.existing(Some(dir))));
        }
        dirs
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.fs
            .meta(path)
            .is_ok_and(|m| m.kind == fs::Kind::Directory)
    }

    fn existing(&self, dir: Option<&Path>) -> Option<PathBuf> {
        let mut dir = dir;
        while let Some(path) = dir {
            let path = if path.as_os_str().is_empty() {
                Path::new(".")
            } else {
                path
            };
            if self.is_dir(path) {
                return Some(path.to_path_buf());
            }
            dir = path.parent();
        }
        None
    }

    /// Makes a track of each path that the configuration now means.
    pub(super) fn expand(&mut self, now: i64, emit: &mut dyn FnMut(Event)) {
        for configured in self.configured.clone() {
            let name = configured.as_path();
            let fresh = self.fresh.contains(name);
            if !configured.is_pattern() {
                let there = self.fs.meta(name).is_ok();
                self.add(name, there, fresh, now, emit);
                continue;
            }
            let expansion = configured.expand(&self.fs);
            self.tell_shut(name, &expansion, emit);
            let mut found = expansion.paths;
            // What was followed when the state was written is found again even if it is gone now.
            found.extend(
                self.resume
                    .iter()
                    .map(|m| m.path.clone())
                    .filter(|p| configured.matches(p)),
            );
            found.sort();
            found.dedup();
            let logs: Vec<PathBuf> = found
                .iter()
                .cloned()
                .chain(self.tracks.iter().map(|t| t.path.to_path_buf()))
                .collect();
            let resume = self.resume.iter();
            let known = resume.filter(|m| configured.matches(&m.path));
            let before = self.before.get(name.as_os_str().as_bytes().as_bstr());
            let known = known.map(|m| m.seen).max().or(before.copied());
            let since = self.since.entry(name.to_owned());
            let since = *since.or_insert(known.unwrap_or(now));
            // A pattern that asks for packed files gets them.
            let packed = is_compressed(name);
            found.retain(|path| packed || !is_compressed(path));
            for path in &found {
                let own = self.resume.iter().any(|m| m.path == *path);
                if own || !logs.iter().any(|log| is_rotation_of(log, path)) {
                    self.add(path, true, fresh && known.is_none(), since, emit);
                } else if !self.is_followed(path) {
                    self.beside.note(path);
                }
            }
            for path in compressed_since(&self.fs, &configured, since) {
                if !logs
                    .iter()
                    .any(|log| *log == path || is_rotation_of(log, &path))
                {
                    self.tracks
                        .push(Track::new(path, None, None, since).only_compressed());
                }
            }
        }
        self.fresh.clear();
        self.resume.clear();
        self.before.clear();
    }

    fn add(
        &mut self,
        path: &Path,
        exists: bool,
        fresh: bool,
        since: i64,
        emit: &mut dyn FnMut(Event),
    ) {
        if self.is_followed(path) || self.skipped.contains(path) {
            return;
        }
        let resume = self.resume.iter().find(|m| m.path == path).cloned();
        if !exists && resume.is_none() && !self.settings.wait_for_missing {
            self.skipped.insert(path.to_path_buf());
            emit(fault_of(path, SKIPPED));
            return;
        }
        let start = (fresh && exists).then_some(self.settings.start);
        let mut track = Track::new(path.to_path_buf(), start, resume, since);
        track.known |= self.configured.iter().any(|c| c.as_path() == path);
        self.tracks.push(track);
    }

    fn is_followed(&self, path: &Path) -> bool {
        self.tracks.iter().any(|t| t.path.as_path() == path)
    }
}
