//! The directories of a path: which rotated files there are, and whether a rotation is going on.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::fs::{FileId, FileSystem, Kind, Stamp};
use super::super::listing::Listing;
use super::super::rotated::{RotatedFile, directories_of};
use super::lookup::{dir_of, there};
use super::{Context, PATIENCE, QUIET, Track};

impl<F: FileSystem> Track<F> {
    /// The rotated files that are there now.
    ///
    /// # Errors
    /// Some may be missing, since a call failed. The log's own directory has none if it may not be listed; another
    /// one that cannot be looked at is noted in [`Context::hidden`], and is no error.
    pub(super) fn list_anew(&self, cx: &Context<F>) -> io::Result<Vec<RotatedFile>> {
        self.in_each(cx, |dir| cx.listings.anew(cx.fs, dir, cx.now).map(Some))
            .map(|found| found.unwrap_or_default().0)
    }

    /// The rotated files of this turn, or of now.
    ///
    /// # Errors
    /// As [`Self::list_anew`].
    pub(super) fn list(&self, cx: &Context<F>) -> io::Result<Vec<RotatedFile>> {
        self.in_each(cx, |dir| {
            let listing = cx.listings.of_this_turn(cx.fs, dir, cx.now);
            listing.map(Some)
        })
        .map(|found| found.unwrap_or_default().0)
    }

    /// The directory of the log, and those to which its rotated files may be moved.
    fn dirs<'a>(&'a self, cx: &'a Context<F>) -> impl Iterator<Item = Cow<'a, Path>> {
        let own = self.path.parent().unwrap_or(Path::new(""));
        directories_of(own, &cx.settings.olddirs)
    }

    /// The rotated files of the listings of all directories, and when the first of these was made; none if there
    /// is no listing of one of them.
    fn in_each(
        &self,
        cx: &Context<F>,
        mut list: impl FnMut(&Path) -> io::Result<Option<Arc<Listing>>>,
    ) -> io::Result<Option<(Vec<RotatedFile>, i64)>> {
        let (mut rotated_files, mut at) = (Vec::new(), cx.now);
        for (number, dir) in self.dirs(cx).enumerate() {
            let mut add = |listing: Arc<Listing>| {
                if number > 0 && listing.shut.is_some() {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
                self.add_rotated(&listing, &dir, cx, &mut rotated_files)?;
                Ok(listing.at)
            };
            match list(dir_of(&dir)).and_then(|listing| listing.map(&mut add).transpose()) {
                Ok(Some(listed)) => at = at.min(listed),
                Ok(None) => return Ok(None),
                // Nobody knows what lies there; what lies in the other directories is read.
                Err(_) if number > 0 => cx.hidden.set(true),
                Err(e) => return Err(e),
            }
        }
        rotated_files.sort_by_key(RotatedFile::age);
        Ok(Some((rotated_files, at)))
    }

    /// Adds the rotated files of a listing that are still there.
    fn add_rotated(
        &self,
        listing: &Listing,
        dir: &Path,
        cx: &Context<F>,
        rotated_files: &mut Vec<RotatedFile>,
    ) -> io::Result<()> {
        let Some(base) = self.path.file_name() else {
            return Ok(());
        };
        for (name, compression) in listing.rotated(base) {
            let path = dir.join(name);
            let foreign = cx.index.follows(&path) || cx.index.is_shared(dir, &self.path);
            if let Some(meta) = there(cx.fs.meta(&path))?
                && meta.kind == Kind::Regular
            {
                rotated_files.push(RotatedFile {
                    path,
                    meta,
                    compression: *compression,
                    foreign,
                });
            }
        }
        Ok(())
    }

    /// The rotated files, if no rotation is going on (I9): the directory did not change of late, or at
    /// least the names around this path did not.
    pub(super) fn survey(&mut self, cx: &Context<F>) -> Option<Vec<RotatedFile>> {
        let waits_since = *self.waiting_since.get_or_insert(cx.now);
        let waited = cx.now - waits_since >= PATIENCE;
        let before = match self.stamp(cx) {
            Ok(Some(before)) => before,
            // Without its directory, or one that nobody can look at.
            Err(_) if !waited => return None,
            Ok(None) | Err(_) => return Some(Vec::new()),
        };
        let own = self.own_stamp(cx);
        let times = (waits_since, cx.now);
        let listed = self.in_each(cx, |dir| {
            let stamp = there(cx.fs.meta(dir))?.map_or(0, |meta| meta.mtime);
            cx.listings.since(cx.fs, dir, stamp, times)
        });
        let (rotated_files, at) = match listed {
            Ok(None) => return None,
            Ok(Some(listed)) => listed,
            Err(_) if !waited => return None,
            Err(_) => (Vec::new(), cx.now),
        };
        let unchanged = self.is_stamp(before, cx) && cx.now - before.newest >= QUIET;
        let names = self.names(&rotated_files, cx);
        let since = match &self.names_seen {
            Some((seen, since)) if *seen == names => *since,
            _ => at,
        };
        let stable = at - since >= QUIET;
        self.names_seen = Some((names, since));
        // A directory is not listed in one instant: a name that changes meanwhile may be missed.
        if !(unchanged || stable || (waited && !self.names_moved(cx))) {
            return None;
        }
        self.waiting_since = None;
        self.surveyed = unchanged.then_some((before, own));
        Some(rotated_files)
    }

    /// The names around the path, and what they stand for.
    fn names(&self, rotated_files: &[RotatedFile], cx: &Context<F>) -> Vec<(PathBuf, FileId)> {
        let names = rotated_files.iter().map(|s| (s.path.clone(), s.meta.id));
        let own = cx.fs.meta(&self.path).ok();
        let own = own.map(|meta| (self.path.as_ref().clone(), meta.id));
        let mut names: Vec<_> = names.chain(own).collect();
        names.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        names
    }

    /// Whether the names around the path are others than when it was looked through.
    pub(super) fn names_moved(&self, cx: &Context<F>) -> bool {
        let seen = self.names_seen.as_ref();
        let now = |rotated_files: Vec<RotatedFile>| self.names(&rotated_files, cx);
        let moved = |seen: &Vec<_>| {
            let files = self.list_anew(cx);
            files.map_or(true, |files| *seen != now(files))
        };
        // A directory that was quiet, and whose time has not changed, has the names that it had.
        let surveyed = self.surveyed.is_some_and(|(dir, _)| self.is_stamp(dir, cx));
        !surveyed && seen.is_some_and(|(seen, _)| moved(seen))
    }

    /// When names in the directories changed last, as far as they can be looked at; none if the log has no directory.
    fn stamp(&self, cx: &Context<F>) -> io::Result<Option<Stamp>> {
        let mut stamp: Option<Stamp> = None;
        for (number, dir) in self.dirs(cx).enumerate() {
            let meta = match there(cx.fs.meta(dir_of(&dir))) {
                Err(_) if number > 0 => None,
                meta => meta?,
            };
            stamp = match (stamp, meta) {
                (None, None) => return Ok(None),
                (None, Some(own)) => Some(Stamp::of(&own)),
                (before, None) => before,
                (Some(before), Some(other)) => Some(before.and(&other)),
            };
        }
        Ok(stamp)
    }

    fn is_stamp(&self, stamp: Stamp, cx: &Context<F>) -> bool {
        self.stamp(cx).is_ok_and(|now| now == Some(stamp))
    }

    /// Whether no name in the directory changed since it was looked through.
    pub(super) fn is_surveyed(&self, cx: &Context<F>) -> bool {
        self.surveyed
            .is_some_and(|(dir, own)| self.is_stamp(dir, cx) && self.own_stamp(cx) == own)
    }

    /// When what the path names was last written to, as far as that is known.
    fn own_stamp(&self, cx: &Context<F>) -> i64 {
        cx.fs.meta(&self.path).map_or(0, |meta| meta.mtime)
    }
}
