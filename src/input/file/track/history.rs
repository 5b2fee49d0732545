//! The rotated files of a path: which there are, and which of them hold lines not read yet.

use std::io;
use std::path::{Path, PathBuf};

use super::super::checkpoint::Standing;
use super::super::fs::{FileId, FileSystem, Kind, LogFile};
use super::super::generation::Generation;
use super::super::listing::Listing;
use super::super::open_files::NO_ROOM;
use super::super::rotated::{Compression, RotatedFile};
use super::lookup::{dir_of, open, resume_on, there};
use super::{Context, Done, LINGER, MARGIN, MAX_DONE, PATIENCE, QUIET, SETTLED, Track};
use crate::counters::Counter;
use crate::shown::shown_path;

impl<F: FileSystem> Track<F> {
    /// The rotated files that are there now.
    ///
    /// # Errors
    /// Some may be missing, since a call failed. A directory that may not be listed has none.
    pub(super) fn list_anew(&self, cx: &Context<F>) -> io::Result<Vec<RotatedFile>> {
        let listing = cx.listings.anew(cx.fs, self.dir(), cx.now)?;
        self.rotated_in(&listing, cx)
    }

    /// The rotated files of this turn, or of now.
    ///
    /// # Errors
    /// As [`Self::list_anew`].
    pub(super) fn list(&self, cx: &Context<F>) -> io::Result<Vec<RotatedFile>> {
        let listing = cx.listings.of_this_turn(cx.fs, self.dir(), cx.now)?;
        self.rotated_in(&listing, cx)
    }

    fn dir(&self) -> &Path {
        dir_of(self.path.parent().unwrap_or(Path::new("")))
    }

    /// The rotated files of a listing that are still there.
    fn rotated_in(&self, listing: &Listing, cx: &Context<F>) -> io::Result<Vec<RotatedFile>> {
        let (Some(dir), Some(base)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(Vec::new());
        };
        let mut rotated_files = Vec::new();
        for (name, compression) in listing.rotated(base) {
            let path = dir.join(name);
            let followed = cx.index.follows(&path);
            if let Some(meta) = there(cx.fs.meta(&path))?
                && meta.kind == Kind::Regular
            {
                rotated_files.push(RotatedFile {
                    path,
                    meta,
                    compression: *compression,
                    followed,
                });
            }
        }
        rotated_files.sort_by_key(RotatedFile::age);
        Ok(rotated_files)
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
        let listing = cx.listings.since(cx.fs, self.dir(), before, times);
        let listed = match listing {
            Ok(None) => return None,
            Ok(Some(listing)) => {
                let files = self.rotated_in(&listing, cx);
                files.map(|files| (files, listing.at))
            }
            Err(e) => Err(e),
        };
        let (rotated_files, at) = match listed {
            Ok(listed) => listed,
            Err(_) if !waited => return None,
            Err(_) => (Vec::new(), cx.now),
        };
        let unchanged = self.is_stamp(before, cx) && cx.now - before >= QUIET;
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
        // A directory that was quiet, and has the same time still, has the same names.
        let surveyed = self.surveyed.is_some_and(|(dir, _)| self.is_stamp(dir, cx));
        !surveyed && seen.is_some_and(|(seen, _)| moved(seen))
    }

    /// When names in the directory changed last; none if there is no directory.
    fn stamp(&self, cx: &Context<F>) -> io::Result<Option<i64>> {
        let Some(dir) = self.path.parent() else {
            return Ok(None);
        };
        let meta = there(cx.fs.meta(dir_of(dir)))?;
        Ok(meta.map(|meta| meta.mtime))
    }

    fn is_stamp(&self, stamp: i64, cx: &Context<F>) -> bool {
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

    /// At the first look: what the rotated files hold is old, unless they were written since the
    /// glob that found this path is followed.
    pub(super) fn remember_rotated(&mut self, cx: &Context<F>) {
        let rotated_files = self.list(cx).unwrap_or_default();
        for (age, rotated) in rotated_files.iter().rev().enumerate().rev() {
            let last = rotated.meta.mtime;
            // The newest may still be written to; others are old by their time.
            let late = self.seen < cx.now && last >= self.seen;
            // A plain one may be a log of its own.
            let kept = match rotated.compression {
                Compression::Plain => MAX_DONE,
                _ => 4,
            };
            let old = age >= kept && last < self.seen - 2 * MARGIN;
            if late || old || rotated.followed {
                continue;
            }
            let Ok(file) = cx.fs.open(&rotated.path) else {
                continue;
            };
            let id = rotated.meta.id;
            match rotated.compression {
                Compression::Plain => {}
                Compression::Unreadable => continue,
                Compression::Packed => {
                    if let Ok(generation) = Generation::compressed(file, id, cx.now) {
                        self.remember(Done::seen(generation.checkpoint, last));
                    }
                    continue;
                }
            }
            let mut generation = Generation::plain(file, id, cx.now);
            let offset = generation.file().map(|f| cx.end_of(&self.path, f));
            if let Some(Ok(offset)) = offset
                && generation.seek(offset).is_ok()
            {
                self.remember(Done::seen(generation.checkpoint, last));
            }
        }
    }

    /// A file shrank or was written anew: finishes its copy first, if there is one, and starts
    /// again at its beginning. A rotated file that was written over is looked at as if nobody knew
    /// it. Tells whether the rotated files held still.
    pub(super) fn truncated(
        &mut self,
        at: usize,
        rotated_files: &[RotatedFile],
        cx: &mut Context<F>,
    ) -> bool {
        let checkpoint = self.gens[at].checkpoint.clone();
        // The newest one: an older copy, made by hand, may hold less.
        let found = rotated_files
            .iter()
            .rev()
            // Of what nothing was read, every unknown file may be the copy: `recheck` looks.
            .filter(|s| checkpoint.offset > 0 && !self.is_held(s.meta.id, cx))
            .find_map(|s| resume_on(s, &checkpoint, cx));
        if found.is_none() && cx.moved.take() {
            return false;
        }
        let shut = found.is_none() && cx.shut.take().is_some();
        let unread = checkpoint.end.saturating_sub(checkpoint.offset);
        let departed = self.gens[at].departed.is_some();
        let gone = found.is_none() && checkpoint.offset > 0;
        // What cannot be read just now may be its copy: if it is, the rest comes once it can be.
        let gone = gone && !shut && !self.was_added(&checkpoint, rotated_files, cx);
        let empty = self.is_emptied(at, cx);
        if gone && unread > 0 && empty == Some(false) {
            // Whoever rewrites it in place may not have come to its first line yet.
            return false;
        }
        if departed {
            self.gens.remove(at);
        } else {
            self.gens[at].restart();
        }
        // It may have been copied and truncated again since.
        self.recheck = true;
        match found {
            Some(mut copy) => {
                copy.departed = Some(cx.now);
                copy.copied = !departed;
                self.gens.insert(at, copy);
            }
            None if checkpoint.offset == 0 => self.cut = self.cut.max(unread),
            None => {
                self.remember(Done::cut(checkpoint, cx.now));
                if gone && (departed || empty.is_some()) {
                    self.truncated_unread(unread, cx);
                } else if gone {
                    self.rewritten = unread;
                }
            }
        }
        true
    }

    /// Whether a live file has been empty for so long that nobody is rewriting it; none if it is not
    /// empty.
    fn is_emptied(&self, at: usize, cx: &Context<F>) -> Option<bool> {
        let meta = self.gens[at].file()?.meta().ok()?;
        let empty = meta.size == 0 && self.gens[at].departed.is_none();
        empty.then_some(cx.now - meta.mtime >= SETTLED)
    }

    pub(super) fn truncated_unread(&mut self, bytes: u64, cx: &mut Context<F>) {
        if bytes > 0 {
            self.lost(cx, "it was truncated before all was read", bytes);
        }
    }

    /// [`Self::insert_unknown`]; whether there is something to be read before the one at `at` (I5). If not, what
    /// was cut off a file of which nothing was read has no copy.
    pub(super) fn insert_missed(
        &mut self,
        at: usize,
        rotated_files: &[RotatedFile],
        cx: &mut Context<F>,
    ) -> bool {
        let (put, found) = self.insert_unknown(at, rotated_files, cx);
        let found = found + self.release(at + put, cx);
        let more = found > 0 || self.copies_have_more();
        if more {
            self.found_in_copy();
        } else if !self.recheck {
            // What moved meanwhile would be looked for again.
            let cut = std::mem::take(&mut self.cut);
            self.truncated_unread(cut, cx);
        }
        put > 0 || more
    }

    /// Puts generations that were born and rotated away unseen before the one at `at`: how many, and
    /// how many of them hold lines for sure.
    pub(super) fn insert_unknown(
        &mut self,
        at: usize,
        rotated_files: &[RotatedFile],
        cx: &mut Context<F>,
    ) -> (usize, usize) {
        let (mut place, mut found) = (at, 0);
        cx.shut.set(None);
        for rotated in rotated_files {
            if rotated.followed
                || rotated.meta.mtime < self.seen - MARGIN
                || self.is_held(rotated.meta.id, cx)
            {
                continue;
            }
            let Some(mut generation) = self.unknown(rotated, cx) else {
                continue;
            };
            if !cx.has_room(self.gens.len(), true) {
                cx.shut.set(Some(NO_ROOM.to_owned()));
                // One that was finished and has grown is known by this again.
                self.remember(Done::seen(generation.checkpoint, cx.now));
                continue;
            }
            generation.departed = Some(cx.now);
            generation.judged = true;
            if self.too_old(rotated.meta.mtime, cx) {
                self.lost(
                    cx,
                    "a rotated file is older than `catchup` allows",
                    rotated.meta.size,
                );
                // Compressed files cannot grow.
                generation.checkpoint.end = u64::MAX;
                if generation.file().is_some() {
                    let _ = generation.seek(rotated.meta.size);
                }
                self.remember(Done::seen(generation.checkpoint, cx.now));
                continue;
            }
            found += usize::from(!generation.held_back);
            self.gens.insert(place, generation);
            place += 1;
        }
        self.recheck |= cx.moved.take();
        self.tell_shut(cx);
        (place - at, found)
    }

    /// Tells of a rotated file that cannot be opened, and when none is left.
    pub(super) fn tell_shut(&mut self, cx: &mut Context<F>) {
        let shut = cx.shut.take();
        let told = |shut: &Option<String>| shut.clone().filter(|text| text != NO_ROOM);
        match (&told(&shut), &told(&self.shut)) {
            (Some(now), before) if before.as_ref() != Some(now) => {
                let text = format!("{now}; what was not read of it comes once it can be");
                let counter = Some((Counter::InputFaults, 1));
                cx.notice(log::Level::Warn, text, true, counter);
            }
            (None, Some(_)) => {
                let text = format!(
                    "{}: its rotated files can be read again",
                    shown_path(self.path.as_path())
                );
                cx.notice(log::Level::Info, text, false, None);
            }
            _ => {}
        }
        self.shut = shut;
    }

    pub(super) fn too_old(&self, mtime: i64, cx: &Context<F>) -> bool {
        let limit = cx
            .settings
            .catchup
            .and_then(|c| i64::try_from(c.as_nanos()).ok());
        limit.is_some_and(|limit| mtime < cx.now.saturating_sub(limit))
    }

    /// The generation that a rotated file is, if it holds lines that were not read. One that is
    /// empty, or so far a copy, is held back until more is known of it.
    fn unknown(
        &mut self,
        rotated: &RotatedFile,
        cx: &mut Context<F>,
    ) -> Option<Generation<F::File>> {
        let file = open(rotated, cx)?;
        let id = rotated.meta.id;
        let mut generation = match rotated.compression {
            Compression::Plain => Generation::plain(file, id, cx.now),
            Compression::Packed => {
                cx.readable(&rotated.path, Generation::compressed(file, id, cx.now))?
            }
            Compression::Unreadable => return None,
        };
        let first = cx.readable(&rotated.path, generation.first_bytes())?;
        let size = match rotated.compression {
            Compression::Plain => rotated.meta.size,
            // At least: the first bytes are unpacked.
            _ => first.len() as u64,
        };
        let last = cx.readable(&rotated.path, generation.last_bytes(size))?;
        // A copy of one that is followed is never a new generation (I10).
        let mut unsure = first.is_empty();
        for followed in &self.gens {
            unsure |= cx.readable(&self.path, followed.has_copy(&first, &last, size))?;
        }
        if unsure && !first.is_empty() {
            generation.checkpoint.standing = Standing::Copied;
        }
        // A finished one comes back only if its writer added to it after all.
        let mut grown = None;
        for at in 0..self.done.len() {
            let done = &self.done[at].checkpoint;
            if !done.begins_like(&first) {
                continue;
            }
            let more = resume_on(rotated, done, cx);
            if more.is_none() && cx.is_shut() {
                return None;
            }
            let Some(more) = more else {
                // They may begin with the same words, that is all.
                unsure |= size < done.offset || cx.moved.get();
                continue;
            };
            let more = self.behind_copies(rotated, more, cx);
            if !self.has_more(at, &more, cx)? {
                return None;
            }
            grown = Some((at, more));
        }
        if unsure {
            // A writer or a copier may have begun it just now.
            let young = cx.now - rotated.meta.mtime < LINGER && !generation.is_compressed();
            generation.held_back = true;
            return Some(generation).filter(|_| young && !cx.moved.get());
        }
        let Some((at, mut grown)) = grown else {
            return Some(generation);
        };
        self.done.remove(at);
        if grown.checkpoint.standing == Standing::Renamed {
            // It was silent for so long that a copier may add to it as well as its writer.
            grown.checkpoint.standing = Standing::Rotated;
        }
        Some(grown)
    }
}
