//! The rotated files of a path: which of them hold lines not read yet.

use std::io;

use super::super::checkpoint::Standing;
use super::super::fs::{FileSystem, LogFile};
use super::super::generation::Generation;
use super::super::open_files::NO_ROOM;
use super::super::rotated::{Compression, RotatedFile};
use super::lookup::{open, resume_on};
use super::{
    Context, Done, GONE, HIDDEN, LINGER, MARGIN, MAX_DONE, PACKING, SETTLED, Track, UNFINISHED,
};
use crate::counters::Counter;
use crate::shown::shown_path;

impl<F: FileSystem> Track<F> {
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
            if late || old || rotated.foreign {
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
        let shut = found.is_none() && (cx.shut.take().is_some() || cx.hidden.get());
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
                if cx.hidden.get() {
                    self.cut = self.cut.max(unread);
                }
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
        } else if !(self.recheck || cx.hidden.get()) {
            // What moved meanwhile would be looked for again; so would what lies where nobody can look.
            let cut = std::mem::take(&mut self.cut);
            self.truncated_unread(cut, cx);
            if let Some(missing) = self.missing.take() {
                self.lost(cx, GONE, missing);
            }
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
        // Nobody has to be told again of a file that is gone.
        let beside = |id| rotated_files.iter().any(|rotated| rotated.meta.id == id);
        self.spoiled.retain(|(id, _)| beside(*id));
        for rotated in rotated_files {
            if rotated.foreign
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
        let silent = match (cx.hidden.get(), cx.unfinished.take()) {
            (true, _) => Some(HIDDEN),
            (false, true) => Some(UNFINISHED),
            (false, false) => None,
        };
        if !cx.is_shut() {
            cx.shut.set(silent.map(str::to_owned));
        }
        self.tell_shut(cx);
        (place - at, found)
    }

    /// Tells of a rotated file that cannot be opened, and when none is left.
    pub(super) fn tell_shut(&mut self, cx: &mut Context<F>) {
        let shut = cx.shut.take();
        let silent = [NO_ROOM, HIDDEN, UNFINISHED];
        let told = |shut: &Option<String>| shut.clone().filter(|why| !silent.contains(&&**why));
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

    /// Nothing can be unpacked of a packed file. One that was written just now may still be being written.
    fn tell_spoiled(&mut self, rotated: &RotatedFile, why: &io::Error, cx: &mut Context<F>) {
        let told = (rotated.meta.id, rotated.meta.mtime);
        if cx.now - rotated.meta.mtime < PACKING {
            cx.unfinished.set(true);
        } else if rotated.meta.size > 0 && !self.spoiled.contains(&told) {
            // One without a byte is what a full disk leaves, beside the file itself.
            let name = rotated.path.file_name().unwrap_or_default();
            let text = format!("nothing can be unpacked of {}: {why}", shown_path(&name));
            self.lost(cx, &text, 0);
            self.spoiled.push(told);
        }
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
        if let Some(why) = generation.spoiled() {
            self.tell_spoiled(rotated, why, cx);
            return None;
        }
        let first = cx.readable(&rotated.path, generation.first_bytes())?;
        let size = match rotated.compression {
            Compression::Plain => rotated.meta.size,
            // At least: the first bytes are unpacked.
            _ => first.len() as u64,
        };
        let last = cx.readable(&rotated.path, generation.last_bytes(size))?;
        // A copy of a generation that is followed is never a new generation (I10).
        let mut unsure = first.is_empty();
        for followed in &self.gens {
            unsure |= cx.readable(&self.path, followed.has_copy(&first, &last, size))?;
        }
        if unsure && !first.is_empty() {
            generation.checkpoint.standing = Standing::Copied;
        }
        // A finished generation comes back only if its writer added to it after all.
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
                // The two files begin alike, and may have nothing else in common.
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
