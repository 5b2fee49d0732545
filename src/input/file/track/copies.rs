//! Bytes that stand in two files: a log that was copied over or to the end of a rotated one, and
//! one that was replaced by a copy of itself. Content decides which of them were handed out.

use std::io;

use super::super::checkpoint::FileCheckpoint;
use super::super::copies::{Added, LastLines, added, is_sure, relocated, shared};
use super::super::fs::{FileId, FileSystem, LogFile, Meta};
use super::super::generation::Generation;
use super::super::rotated::{Compression, RotatedFile};
use super::lookup::resume_on;
use super::{Context, Done, LINGER, SETTLED, Track};
use crate::counters::Counter;
use crate::shown::shown_path;

/// How many times a packed file may have been added to unseen.
const MEMBERS: usize = 1_000;

impl<F: FileSystem> Track<F> {
    /// What is known of other files than the one at `at`, the newest first: their checkpoints, the file if
    /// it is open, and whether its content was cut off since.
    pub(super) fn others(
        &self,
        at: Option<usize>,
    ) -> impl Iterator<Item = (&FileCheckpoint, Option<&F::File>, bool)> {
        let gens = self.gens.iter().enumerate().rev();
        let gens = gens.filter(move |(n, g)| Some(*n) != at && !g.replaced);
        let gens = gens.map(|(_, g)| {
            let stale = || {
                g.file()
                    .is_some_and(|f| !g.checkpoint.fits(f).unwrap_or(true))
            };
            let cut = g.departed.is_none() && g.checkpoint.offset > 0 && stale();
            (&g.checkpoint, g.file(), cut)
        });
        let done = self.done.iter().rev().map(|d| (&d.checkpoint, None, d.cut));
        let closed = self.closed.iter();
        let closed = closed.map(|closed| (&closed.checkpoint, None, false));
        closed.chain(gens).chain(done)
    }

    /// Whether bytes of a file that is none of its generations are a copy of another one that it knows.
    pub fn is_copy(&self, file: &F::File, id: FileId, (from, to): (u64, u64)) -> bool {
        let mut others = self
            .others(None)
            .filter(|(checkpoint, _, _)| checkpoint.id != id);
        others.any(|(checkpoint, own, _)| {
            !matches!(added(file, (from, to), checkpoint, own), Ok(Added::Lines))
        })
    }

    /// Whether what `checkpoint` remembers was added to a file that is known, whose rest is read there.
    pub(super) fn was_added(
        &self,
        checkpoint: &FileCheckpoint,
        rotated_files: &[RotatedFile],
        cx: &Context<F>,
    ) -> bool {
        let ends = |file: &F::File, from: u64| {
            let size = file.meta().map_or(0, |meta| meta.size);
            size > from
                && matches!(
                    added(file, (from, size), checkpoint, None),
                    Ok(Added::Copy(_))
                )
        };
        let held = self.gens.iter().filter(|g| g.departed.is_some());
        let held = held.filter_map(|g| Some((g.file()?, g.checkpoint.offset)));
        if { held }.any(|(file, from)| ends(file, from)) {
            return true;
        }
        rotated_files.iter().any(|rotated| {
            self.done.iter().any(|done| {
                let Some(more) = resume_on(rotated, &done.checkpoint, cx) else {
                    return false;
                };
                if let Some(file) = more.file() {
                    return ends(file, done.checkpoint.offset);
                }
                let more = self.behind_copies(rotated, more, cx);
                // It may be the last one that was passed.
                let passed = more.checkpoint.fingerprint.anchor == checkpoint.fingerprint.anchor;
                passed || compressed_behind(rotated, &more, checkpoint, cx).is_some()
            })
        })
    }

    /// A packed file at the first byte that was not copied into it from a file that is known.
    pub(super) fn behind_copies(
        &self,
        rotated: &RotatedFile,
        mut more: Generation<F::File>,
        cx: &Context<F>,
    ) -> Generation<F::File> {
        if rotated.compression != Compression::Packed {
            return more;
        }
        for _ in 0..MEMBERS {
            // No writer adds to a packed file.
            let mut known = self.others(None);
            let Some(next) = known
                .find_map(|(checkpoint, _, _)| compressed_behind(rotated, &more, checkpoint, cx))
            else {
                break;
            };
            more = next;
        }
        more
    }

    /// The generation that the path came to name begins with what was read of the one before, which
    /// has no name any more: it was replaced by a copy of itself, as editors and rsync do it.
    pub(super) fn replaces(
        &mut self,
        file: F::File,
        meta: &Meta,
        cx: &mut Context<F>,
    ) -> io::Result<Result<Generation<F::File>, F::File>> {
        let Some(old) = self.gens.last().filter(|g| g.checkpoint.offset > 0) else {
            self.replaces_unread(&file)?;
            return Ok(Err(file));
        };
        let checkpoint = old.checkpoint.clone();
        let links = old.file().map_or(Ok(0), |f| f.meta().map(|m| m.links))?;
        let place = if checkpoint.fits(&file)? {
            // The whole of a short file may be how each new one begins.
            let moved = links > 0 && checkpoint.offset < super::super::checkpoint::HEAD as u64;
            let same = |s: &RotatedFile| s.meta.id == checkpoint.id;
            let beside = self.list_anew(cx)?.iter().any(same) || (links > 0 && cx.hidden.get());
            (!moved && !beside).then_some((checkpoint.offset, false))
        } else if links == 0 {
            let known = match old.file() {
                Some(old) => LastLines::of_file(old, &checkpoint)?,
                None => LastLines::of_mark(&checkpoint),
            };
            relocated(&file, &known)?.map(|place| (place, true))
        } else {
            None
        };
        // What was not read of the old one comes from there.
        let (place, edited) = match (place, old.file()) {
            (Some((place, edited)), Some(old)) => (
                place + shared(old, checkpoint.offset, &file, place)?,
                edited,
            ),
            (Some(place), None) => place,
            // Of what was read nothing may be left.
            (None, Some(old)) if links == 0 => match shared(old, checkpoint.offset, &file, 0)? {
                all if all > 0 && all == old.meta()?.size - checkpoint.offset => (all, true),
                _ => return Ok(Err(file)),
            },
            _ => return Ok(Err(file)),
        };
        let mut generation = Generation::plain(file, meta.id, cx.now);
        generation.checkpoint.skipping = checkpoint.skipping;
        generation.seek(place)?;
        if edited {
            self.tell_edited(cx);
        }
        Ok(Ok(generation))
    }

    /// As [`Self::replaces`], where nothing was read of the generation before: all of it is read in its copy.
    fn replaces_unread(&mut self, file: &F::File) -> io::Result<()> {
        let Some(last) = self.gens.last_mut() else {
            return Ok(());
        };
        let Some(old) = last.file() else {
            return Ok(());
        };
        let there = old.meta()?;
        let sure = there.links == 0 && there.size > 0 && is_sure(old, (0, there.size))?;
        if sure && shared(old, 0, file, 0)? == there.size {
            last.seek(there.size)?;
            last.replaced = true;
        }
        Ok(())
    }

    /// Where the file that the path names goes on behind what `checkpoint` remembers, if it was edited.
    pub(super) fn edited(
        &self,
        checkpoint: &FileCheckpoint,
        cx: &mut Context<F>,
    ) -> Option<Generation<F::File>> {
        let file = cx.fs.open(&self.path).ok()?;
        let id = file.meta().ok()?.id;
        if self.is_held(id, cx) {
            return None;
        }
        let place = relocated(&file, &LastLines::of_mark(checkpoint)).ok()??;
        let mut generation = Generation::plain(file, id, cx.now);
        generation.seek(place).ok()?;
        self.tell_edited(cx);
        Some(generation)
    }

    fn tell_edited(&self, cx: &mut Context<F>) {
        let text = format!(
            "{}: its text was changed by another program than its writer; it is read on behind the \
             last line of it that was read before",
            shown_path(self.path.as_path())
        );
        cx.notice(
            log::Level::Warn,
            text,
            true,
            Some((Counter::InputFaults, 1)),
        );
    }

    /// A live file that was cut off, and has content again: if that is what stood there before, it
    /// was rewritten in place. Tells whether it is still being written.
    pub(super) fn reunite(&mut self, at: usize, cx: &mut Context<F>) -> io::Result<bool> {
        let generation = &self.gens[at];
        let Some(file) = generation.file().filter(|_| generation.departed.is_none()) else {
            return Ok(false);
        };
        let (meta, first) = (file.meta()?, generation.first_bytes()?);
        let (mut place, mut waits) = (None, false);
        for (checkpoint, done) in self.cut_checkpoints(generation.checkpoint.id, cx.now) {
            if checkpoint.fits(file)? {
                place = Some((checkpoint.offset, checkpoint.skipping, false, done));
                break;
            }
            waits |= checkpoint.begins_like(&first)
                && meta.size < checkpoint.offset
                && cx.now - meta.mtime < SETTLED;
            if place.is_none() {
                let offset = relocated(file, &LastLines::of_mark(checkpoint))?;
                place = offset.map(|offset| (offset, false, true, done));
            }
        }
        let Some((offset, skipping, edited, done)) = place.filter(|_| !waits) else {
            return Ok(waits);
        };
        if let Some(done) = done {
            self.done.remove(done);
        }
        self.gens[at].seek(offset)?;
        self.gens[at].checkpoint.skipping = skipping;
        if edited {
            self.tell_edited(cx);
        }
        Ok(false)
    }

    /// The checkpoints of what stood in the live file before it was cut off of late, and where they are
    /// among the finished ones.
    fn cut_checkpoints(
        &self,
        id: FileId,
        now: i64,
    ) -> impl Iterator<Item = (&FileCheckpoint, Option<usize>)> {
        let cut =
            move |done: &Done| done.cut && done.checkpoint.id == id && now - done.last < LINGER;
        let done = self.done.iter().enumerate().rev();
        let done = done.filter(move |(_, done)| cut(done));
        let done = done.map(|(at, done)| (&done.checkpoint, Some(at)));
        let copies = self.gens.iter().rev();
        let copies = copies.filter(|g| g.departed.is_some() && g.copied);
        done.chain(copies.map(|g| (&g.checkpoint, None)))
    }
}

/// `more`, a packed file, behind a copy of what `checkpoint` remembers, if that is what comes next in it.
fn compressed_behind<F: FileSystem>(
    rotated: &RotatedFile,
    more: &Generation<F::File>,
    checkpoint: &FileCheckpoint,
    cx: &Context<F>,
) -> Option<Generation<F::File>> {
    if checkpoint.offset == 0 || !more.next_bytes().starts_with(&checkpoint.fingerprint.head) {
        return None;
    }
    let mut behind = FileCheckpoint {
        offset: more.checkpoint.offset + checkpoint.offset,
        ..more.checkpoint.clone()
    };
    behind
        .fingerprint
        .anchor
        .clone_from(&checkpoint.fingerprint.anchor);
    resume_on(rotated, &behind, cx)
}
