//! What is added to a rotated file: lines by its writer, or a copy of the log, which is read in the log as
//! long as it is there.

use std::io;

use super::super::checkpoint::{FileCheckpoint, Standing};
use super::super::copies::{Added, added, is_sure, is_varied, places_in, places_of, stands_in};
use super::super::fs::{FileSystem, Kind, LogFile, there};
use super::super::generation::{CHUNK, Generation};
use super::{Context, SETTLED, Track};

/// What comes next in a generation, behind what was copied to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passed {
    /// Lines, up to this offset at least.
    Lines(u64),
    /// Bytes that may be a copy of bytes of another file: they are read in that file.
    Held,
    /// Bytes that may be a copy, in a file to which its writer may add just as well: the next moment tells.
    Settling,
}

/// The file that a path names, and what is known of it.
struct Named<F: FileSystem> {
    checkpoint: FileCheckpoint,
    file: F::File,
}

impl<F: FileSystem> Track<F> {
    /// What the new bytes of a departed generation are, up to the offset `to`, and whether they are a copy of
    /// the live file that was cut off. The writer may still add to a generation that the path named before: there,
    /// bytes count as a copy only if they were cut off elsewhere, and bytes that look like a copy of the live file are
    /// left unsure for a moment.
    fn added_to(
        &self,
        at: usize,
        to: u64,
        named: Option<&Named<F>>,
        now: i64,
    ) -> io::Result<(Added, bool)> {
        let generation = &self.gens[at];
        let checkpoint = &generation.checkpoint;
        let Some(file) = generation.file() else {
            return Ok((Added::Lines, false));
        };
        let renamed = checkpoint.standing == Standing::Renamed;
        let young = !renamed || now - file.meta()?.mtime < SETTLED;
        let mut unsure = false;
        let named = named
            .iter()
            .map(|named| (&named.checkpoint, Some(&named.file), false));
        for (other, own, cut) in named.chain(self.others(Some(at))) {
            let live = other.standing == Standing::Live;
            if !cut && renamed && !(live && young) {
                continue;
            }
            let known = cut || checkpoint.standing == Standing::Copied;
            match added(file, (checkpoint.offset, to), other, own)? {
                Added::Lines => {}
                // Few bytes prove nothing: a writer may write the same words to both files.
                _ if !known && !is_sure(file, (checkpoint.offset, to))? => {}
                Added::Copy(_) if renamed && !cut => unsure = true,
                Added::Unsure => unsure = true,
                copy @ Added::Copy(_) => {
                    // It may have been cut off just now.
                    let gone = |own: &F::File| io::Result::Ok(!other.fits(own)?);
                    let of_live = live && other.offset > 0 && own.map_or(Ok(false), gone)?;
                    return Ok((copy, of_live));
                }
            }
        }
        Ok((if unsure { Added::Unsure } else { Added::Lines }, false))
    }

    /// Passes over what was copied to the generation at `at`. Tells what comes next.
    pub(super) fn pass_copies(&mut self, at: usize, cx: &Context<F>) -> io::Result<Passed> {
        let mut named = None;
        loop {
            let generation = &mut self.gens[at];
            generation.held_back = false;
            if generation.is_compressed() {
                generation.unpack();
                let named = self.named(cx)?;
                return Ok(Passed::Lines(self.packed_end(at, named.as_ref())?));
            }
            let generation = &mut self.gens[at];
            let (Some(file), Some(_)) = (generation.file(), generation.departed) else {
                return Ok(Passed::Lines(u64::MAX));
            };
            let (from, size) = (generation.checkpoint.offset, file.meta()?.size);
            if generation.checkpoint.skipping || size <= from {
                return Ok(Passed::Lines(size));
            }
            let renamed = generation.checkpoint.standing == Standing::Renamed;
            let copy_end = std::mem::take(&mut generation.copy_end);
            if named.is_none() && !self.live && !renamed {
                named = self.named(cx)?;
            }
            let (mut added, of_live) = self.added_to(at, size, named.as_ref(), cx.now)?;
            if added == Added::Lines && copy_end > from {
                // It was a copy when nothing more was in it.
                added = self.added_to(at, copy_end, named.as_ref(), cx.now)?.0;
                if added == Added::Unsure {
                    let end = self.gens[at].last_line_before(copy_end, cx.charset(&self.path))?;
                    added = Added::Copy(end.max(from));
                }
            }
            let generation = &mut self.gens[at];
            match added {
                Added::Lines => {
                    let end = self.lines_end(at, size, named.as_ref())?;
                    return Ok(Passed::Lines(end));
                }
                Added::Unsure if renamed => return Ok(Passed::Settling),
                Added::Unsure => {
                    generation.held_back = true;
                    generation.copy_end = size;
                    return Ok(Passed::Held);
                }
                Added::Copy(end) => {
                    generation.seek(end)?;
                    if !renamed {
                        generation.checkpoint.standing = Standing::Copied;
                    }
                    if let Some(last) = self.gens.last_mut().filter(|_| of_live) {
                        // It was cut off after it was copied.
                        last.restart();
                        self.gens[at].copied = true;
                        self.recheck = true;
                    }
                }
            }
        }
    }

    /// Up to where the generation at `at` is to be read as lines, `size` at most: if the log was not emptied yet
    /// after it was copied there, its copy is the end of the file, and is read in the log.
    fn lines_end(&self, at: usize, size: u64, named: Option<&Named<F>>) -> io::Result<u64> {
        let generation = &self.gens[at];
        let live = self.gens.last().filter(|g| g.departed.is_none());
        let live = live.and_then(|g| Some((&g.checkpoint, g.file()?)));
        let live = live.or(named.map(|named| (&named.checkpoint, &named.file)));
        let (Some(file), Some((live, own))) = (generation.file(), live) else {
            return Ok(size);
        };
        if generation.checkpoint.standing == Standing::Renamed {
            return Ok(size);
        }
        let from = generation.checkpoint.offset;
        let to = size.min(from + CHUNK as u64);
        for place in places_of(own, file, (from, to))? {
            if is_varied(file, (place, size))?
                && added(file, (place, size), live, Some(own))? == Added::Unsure
            {
                return Ok(place);
            }
        }
        Ok(to)
    }

    /// Up to where the packed generation at `at` is to be read as lines: a log may have been packed and added to it,
    /// and what is still in the log is read there.
    fn packed_end(&self, at: usize, named: Option<&Named<F>>) -> io::Result<u64> {
        let generation = &self.gens[at];
        let text = generation.next_bytes();
        let Some(named) = named.filter(|_| !text.is_empty()) else {
            return Ok(u64::MAX);
        };
        let (own, from) = (&named.file, generation.checkpoint.offset);
        if stands_in(own, named.checkpoint.offset, text)? {
            return Ok(from);
        }
        for place in places_in(own, text)? {
            if stands_in(own, 0, &text[place..])? {
                return Ok(from + place as u64);
            }
        }
        Ok(u64::MAX)
    }

    /// Whether the file of the finished generation at `at`, which was opened again, has something that is read
    /// there; none if that cannot be told now.
    pub(super) fn has_more(
        &mut self,
        at: usize,
        more: &Generation<F::File>,
        cx: &Context<F>,
    ) -> Option<bool> {
        let done = &mut self.done[at].checkpoint;
        let grown = |size| size > done.end.max(more.checkpoint.offset);
        if !more.size().is_ok_and(grown) {
            if more.is_compressed() {
                // What was passed now need not be known for the next time.
                done.read_to(&more.checkpoint);
            }
            return Some(false);
        }
        let in_log = cx.readable(&self.path, self.is_in_log(more, cx))?;
        Some(!in_log)
    }

    /// Whether what comes next in a packed file still stands in the log behind what was read of it: the log was
    /// packed, and is not emptied yet.
    fn is_in_log(&self, more: &Generation<F::File>, cx: &Context<F>) -> io::Result<bool> {
        let text = more.next_bytes();
        let Some(named) = self.named(cx)?.filter(|_| !text.is_empty()) else {
            return Ok(false);
        };
        stands_in(&named.file, named.checkpoint.offset, text)
    }

    /// The file that the path names, and what is known of it.
    fn named(&self, cx: &Context<F>) -> io::Result<Option<Named<F>>> {
        let open = || {
            let file = cx.fs.open(&self.path)?;
            let meta = file.meta()?;
            io::Result::Ok((file, meta))
        };
        let named = there(open())?.filter(|(_, meta)| meta.kind == Kind::Regular);
        Ok(named.map(|(file, meta)| {
            let known = self.gens.iter().find(|g| g.checkpoint.id == meta.id);
            let checkpoint = known.map_or_else(
                || FileCheckpoint::blank(meta.id),
                |known| known.checkpoint.clone(),
            );
            Named { checkpoint, file }
        }))
    }

    /// How many of the generations before the one at `at` that were held back turn out to hold lines.
    pub(super) fn release(&mut self, at: usize, cx: &Context<F>) -> usize {
        let held = (0..at.min(self.gens.len())).filter(|n| self.gens[*n].held_back);
        let held: Vec<usize> = held.collect();
        held.into_iter()
            .filter(|n| matches!(self.pass_copies(*n, cx), Ok(Passed::Lines(_))))
            .count()
    }

    /// Whether a file that the path did not name has bytes that are not read yet.
    pub(super) fn copies_have_more(&self) -> bool {
        let copies = self
            .gens
            .iter()
            .filter(|g| matches!(g.checkpoint.standing, Standing::Copied | Standing::Rotated));
        let mut copies = copies.filter(|g| !g.is_compressed() && !g.held_back);
        copies.any(|g| g.size().is_ok_and(|size| size > g.checkpoint.end))
    }

    /// Lines came from a copy: what was seen, and not read, of the file that the path names may be there.
    pub(super) fn found_in_copy(&mut self) {
        (self.cut, self.missing) = (0, None);
        let own = self.gens.last_mut().filter(|g| g.departed.is_none());
        if let Some(own) = own.filter(|own| own.checkpoint.offset == 0) {
            own.checkpoint.end = 0;
        }
    }
}
