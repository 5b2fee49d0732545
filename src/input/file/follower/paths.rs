//! The paths that the configuration means now: its patterns expanded, everywhere or where a name changed.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteSlice;

use super::super::beside::compressed_since;
use super::super::fs::FileSystem;
use super::super::rotated::is_compressed;
use super::super::track::Track;
use super::Follower;
use super::faults::{SKIPPED, fault_of};
use crate::input::Event;
use crate::logpath::LogPath;

impl<F: FileSystem> Follower<F> {
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
            let resume = self.resume.values();
            let known = resume.filter(|m| configured.matches(&m.path));
            let before = self.before.get(name.as_os_str().as_bytes().as_bstr());
            let mut last = before.copied();
            for checkpoints in known {
                last = last.max(Some(checkpoints.seen));
                found.push(checkpoints.path.clone());
            }
            let since = self.since.entry(name.to_owned());
            let since = *since.or_insert(last.unwrap_or(now));
            found.sort();
            found.dedup();
            self.add_found(&configured, found, (fresh && last.is_none(), since), emit);
            self.add_packed(&configured, None, since);
        }
        self.fresh.clear();
        // With the room for them: they do not come again.
        self.resume = HashMap::new();
        self.before = HashMap::new();
    }

    /// Makes a track of each path that the configuration now means at a place whose name changed, or below
    /// it.
    pub(super) fn expand_at(&mut self, place: &Path, now: i64, emit: &mut dyn FnMut(Event)) {
        for configured in self.configured.clone() {
            if !configured.is_pattern() {
                continue;
            }
            let expansion = configured.expand_at(&self.fs, place);
            if !expansion.shut.is_empty() {
                // A full look tells of them all.
                self.rescan = true;
            }
            let since = self.since.get(configured.as_path()).copied();
            let since = since.unwrap_or(now);
            self.add_found(&configured, expansion.paths, (false, since), emit);
            self.new_directories.extend(expansion.directories);
            if is_compressed(place) || self.directory(place).is_some() {
                self.add_packed(&configured, Some(place), since);
            }
        }
    }

    /// Follows the files that a pattern found, but for rotated files that were not followed before the restart.
    fn add_found(
        &mut self,
        configured: &LogPath,
        mut found: Vec<PathBuf>,
        (fresh, since): (bool, i64),
        emit: &mut dyn FnMut(Event),
    ) {
        // A pattern that asks for packed files gets them.
        let packed = is_compressed(configured.as_path());
        let logs: HashSet<PathBuf> = found.iter().cloned().collect();
        found.retain(|path| packed || !is_compressed(path));
        for path in &found {
            self.index.note_log(path);
        }
        for path in &found {
            let own = self.resume.contains_key(path);
            if own || !self.is_rotated(path, &logs) {
                self.add(path, true, fresh, since, emit);
            } else if !self.index.follows(path) {
                self.beside.note(path);
            }
        }
    }

    /// Follows logs that were packed under their names since an instant.
    fn add_packed(&mut self, configured: &LogPath, place: Option<&Path>, since: i64) {
        for path in compressed_since(&self.fs, configured, place, since) {
            if !self.index.follows(&path) && !self.is_rotated(&path, &HashSet::new()) {
                self.follow(Track::new(path, None, None, since).only_compressed());
            }
        }
    }

    /// Whether a file is by its name a rotated one of a followed log, or of one of these.
    fn is_rotated(&self, path: &Path, logs: &HashSet<PathBuf>) -> bool {
        let mut bases = self.index.logs_of(path).into_iter();
        bases.any(|base| logs.contains(&base) || self.index.follows(&base))
    }

    fn add(
        &mut self,
        path: &Path,
        exists: bool,
        fresh: bool,
        since: i64,
        emit: &mut dyn FnMut(Event),
    ) {
        if self.index.follows(path) || self.skipped.contains(path) {
            return;
        }
        let resume = self.resume.get(path).cloned();
        if !exists && resume.is_none() && !self.settings.wait_for_missing {
            self.skipped.insert(path.to_path_buf());
            emit(fault_of(path, SKIPPED));
            return;
        }
        let start = (fresh && exists).then_some(self.settings.start);
        let mut track = Track::new(path.to_path_buf(), start, resume, since);
        track.known |= self.configured.iter().any(|c| c.as_path() == path);
        self.follow(track);
    }
}
