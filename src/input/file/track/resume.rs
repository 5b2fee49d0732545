//! The first look at a path after a restart: the files that the committed checkpoints speak of are
//! found again, under whatever names they have now.

use super::super::checkpoint::{FileCheckpoint, PathCheckpoints, Standing};
use super::super::fs::{FileId, FileSystem, Kind};
use super::super::generation::Generation;
use super::super::rotated::{Compression, RotatedFile};
use super::lookup::{resume_on, there};
use super::{Context, Done, GONE, Track};
use crate::shown::shown_path;

/// Where the file of a checkpoint is.
enum Found<F: FileSystem> {
    /// Under this name.
    At(Box<Generation<F::File>>, RotatedFile),
    /// Nowhere; whether a file that may be it cannot be opened.
    Gone { shut: bool },
}

impl<F: FileSystem> Track<F> {
    /// Finds the files that the committed checkpoints speak of, under whatever name they have now. Tells
    /// whether the names held still; if not, nothing was done.
    pub(super) fn resume_from(
        &mut self,
        checkpoints: &PathCheckpoints,
        rotated_files: &[RotatedFile],
        cx: &mut Context<F>,
    ) -> bool {
        if self.done.is_empty() {
            let done = checkpoints.done.iter().cloned();
            self.done = done
                .map(|checkpoint| Done::restored(checkpoint, cx.now))
                .collect();
        }
        self.seen = checkpoints.seen;
        self.last_line = checkpoints.last_line;
        let mut pool = rotated_files.to_vec();
        let live = there(cx.fs.meta(&self.path));
        // One that cannot be looked at just now may be any of them.
        let hidden = live.is_err() || cx.hidden.get();
        if let Ok(Some(meta)) = live
            && meta.kind == Kind::Regular
        {
            let path = self.path.as_ref().clone();
            let compression = Compression::Plain;
            pool.push(RotatedFile {
                path,
                meta,
                compression,
                foreign: false,
            });
        }
        let files = checkpoints.files.iter();
        let files: Vec<_> = files.filter(|checkpoint| !checkpoint.is_blank()).collect();
        let Some(found) = self.find_again(&files, &mut pool, cx) else {
            return false;
        };
        let mut gone = Vec::new();
        for (checkpoint, found) in files.into_iter().zip(found) {
            match found {
                // A beginning of which nothing was read is no identity (I8): `recheck` looks.
                Found::At(..) if checkpoint.offset == 0 => {}
                Found::At(generation, rotated) => self.take_up(*generation, &rotated, cx),
                Found::Gone { shut } => gone.push((checkpoint, shut || hidden)),
            }
        }
        gone.retain(|(checkpoint, _)| !self.was_replaced(checkpoint));
        if !gone.is_empty() && self.names_moved(cx) {
            // It may have been copied or renamed after the directory was listed.
            self.gens.clear();
            return false;
        }
        let mut explained = false;
        for (checkpoint, shut) in gone {
            explained |= self.resume_gone(checkpoint, shut, &pool, cx);
        }
        self.tell_compressed(rotated_files, usize::from(explained), cx);
        self.recheck = true;
        self.read_whole = false;
        true
    }

    /// Finds the files of the checkpoints in the pool; none if names moved meanwhile. A log that was replaced
    /// by copies of itself begins like each of the files before it, and may have the inode of one of them:
    /// the newest checkpoint that it fits has it, unless an older one of its inode was read further.
    fn find_again(
        &self,
        files: &[&FileCheckpoint],
        pool: &mut [RotatedFile],
        cx: &Context<F>,
    ) -> Option<Vec<Found<F>>> {
        let mut taken: Vec<FileId> = Vec::new();
        let mut found = Vec::new();
        for (at, checkpoint) in files.iter().enumerate().rev() {
            let same = |s: &RotatedFile, c: &FileCheckpoint| s.meta.id.ino == c.id.ino;
            pool.sort_by_key(|s| (!same(s, checkpoint), s.compression));
            let further = |s: &RotatedFile| {
                let mut older = files.iter().take(at);
                !same(s, checkpoint)
                    && older.any(|c| {
                        let more = c.offset > checkpoint.offset && same(s, c);
                        more && resume_on(s, c, cx).is_some()
                    })
            };
            let mut free = pool.iter().filter(|s| {
                !taken.contains(&s.meta.id) && !self.is_held(s.meta.id, cx) && !further(s)
            });
            let place = free.find_map(|s| resume_on(s, checkpoint, cx).map(|g| (g, s)));
            if place.is_none() && cx.moved.take() {
                return None;
            }
            let shut = cx.shut.take().is_some();
            found.push(match place {
                Some((generation, rotated)) => {
                    // A beginning of which nothing was read is no identity (I8).
                    taken.extend((checkpoint.offset > 0).then_some(rotated.meta.id));
                    Found::At(Box::new(generation), rotated.clone())
                }
                None => Found::Gone { shut },
            });
        }
        found.reverse();
        Some(found)
    }

    /// Whether what a checkpoint remembers is the beginning of a file that was found: it was replaced by a
    /// copy of itself. What was not read of it then is read there. Of a file of which nothing was read, an
    /// older checkpoint may have the copy, and be further in it.
    fn was_replaced(&mut self, checkpoint: &FileCheckpoint) -> bool {
        let holds = |g: &Generation<F::File>| {
            g.checkpoint.offset >= checkpoint.offset
                && g.file()
                    .is_some_and(|file| checkpoint.fits(file).unwrap_or(false))
        };
        let Some(heir) = self.gens.iter_mut().rev().find(|g| holds(g)) else {
            return false;
        };
        let begun = checkpoint.offset > 0;
        if begun && heir.checkpoint.offset <= checkpoint.end && heir.seek(checkpoint.offset).is_ok()
        {
            heir.checkpoint.skipping = checkpoint.skipping;
        }
        true
    }

    /// The file of a committed checkpoint is not there as it was. Tells whether a file is there that may be
    /// it, and cannot be read.
    fn resume_gone(
        &mut self,
        checkpoint: &FileCheckpoint,
        shut: bool,
        pool: &[RotatedFile],
        cx: &mut Context<F>,
    ) -> bool {
        let mut checkpoint = checkpoint.clone();
        let unread = checkpoint.end.saturating_sub(checkpoint.offset);
        if checkpoint.offset > 0 {
            if self.was_added(&checkpoint, pool, cx) {
                self.remember(Done::cut(checkpoint, cx.now));
                return false;
            }
            if checkpoint.standing == Standing::Live
                && let Some(edited) = self.edited(&checkpoint, cx)
            {
                self.hold(edited);
                self.depart_last(cx.now);
                return false;
            }
        }
        // A file that cannot be opened just now may be the one.
        let live = checkpoint.standing == Standing::Live;
        // Of one of which nothing was read nothing is known: it may be in a copy that is read.
        let copied = checkpoint.offset == 0 && self.copies_have_more();
        let gone = live && !copied && !self.read_whole;
        let hidden = cx.hidden.get();
        if hidden && (gone || unread > 0) {
            self.missing = self.missing.max(Some(unread));
        }
        let told = (gone && !shut) || (unread > 0 && !hidden);
        let packed = pool
            .iter()
            .any(|s| s.compression == Compression::Unreadable);
        if told {
            let why = if packed {
                "what was being read is gone, or was packed in a format that is not read"
            } else {
                GONE
            };
            self.lost(cx, why, unread);
        }
        if checkpoint.offset > 0 {
            if shut {
                checkpoint.end = checkpoint.offset;
            }
            self.remember(Done::cut(checkpoint, cx.now));
        }
        told && packed
    }

    /// Tells of files that were written since the path was seen, and packed by a program whose files
    /// are not read here; the oldest `known` ones were told already.
    fn tell_compressed(
        &mut self,
        rotated_files: &[RotatedFile],
        known: usize,
        cx: &mut Context<F>,
    ) {
        let seen = self.seen;
        let unread = rotated_files.iter().filter(|s| {
            s.compression == Compression::Unreadable && !s.foreign && s.meta.mtime > seen
        });
        for rotated in unread.skip(known) {
            let name = rotated.path.file_name().unwrap_or_default();
            let name = shown_path(name);
            let why = format!("{name} was packed in a format that is not read");
            self.lost(cx, &why, 0);
        }
    }

    fn take_up(
        &mut self,
        mut generation: Generation<F::File>,
        rotated: &RotatedFile,
        cx: &mut Context<F>,
    ) {
        let unread = generation
            .size()
            .unwrap_or(0)
            .saturating_sub(generation.checkpoint.offset);
        if unread > 0 && self.too_old(rotated.meta.mtime, cx) {
            let end = generation.file().map(|f| cx.end_of(&self.path, f));
            if let Some(Ok(end)) = end
                && generation
                    .seek(end.max(generation.checkpoint.offset))
                    .is_ok()
            {
                self.lost(
                    cx,
                    "what was not read is older than `catchup` allows",
                    unread,
                );
            }
        }
        self.hold(generation);
        self.depart_last(cx.now);
    }

    /// What was found again is taken for rotated until the path turns out to name it.
    fn depart_last(&mut self, now: i64) {
        if let Some(generation) = self.gens.last_mut() {
            generation.departed = Some(now);
            if generation.checkpoint.standing == Standing::Live {
                generation.checkpoint.standing = Standing::Renamed;
            }
        }
    }
}
