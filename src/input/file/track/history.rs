//! The past of a path: rotated files beside it, and which of them hold lines not read yet.

use std::path::Path;

use super::super::fs::{FileSystem, Kind, LogFile};
use super::super::generation::Generation;
use super::super::marks::{Mark, PathMarks, same_beginning};
use super::super::siblings::{Packing, Sibling, packing_of};
use super::super::start;
use super::{Context, MARGIN, PATIENCE, QUIET, Track};
use crate::config::model::TailStart;

impl<F: FileSystem> Track<F> {
    fn list(&self, cx: &Context<F>) -> Vec<Sibling> {
        let (Some(dir), Some(base)) = (self.path.parent(), self.path.file_name()) else {
            return Vec::new();
        };
        let mut siblings = Vec::new();
        for name in cx.fs.list(dir_of(dir)).unwrap_or_default() {
            let Some(packing) = packing_of(base, &name) else {
                continue;
            };
            let path = dir.join(&name);
            if cx.followed.contains(&path) {
                continue;
            }
            if let Ok(meta) = cx.fs.meta(&path)
                && meta.kind == Kind::Regular
            {
                siblings.push(Sibling {
                    path,
                    meta,
                    packing,
                });
            }
        }
        siblings.sort_by_key(Sibling::age);
        siblings
    }

    /// The siblings, if the directory was quiet and did not change while it was listed (I9).
    pub(super) fn survey(&mut self, cx: &Context<F>) -> Option<Vec<Sibling>> {
        let dir = self
            .path
            .parent()
            .map(|d| dir_of(d).to_path_buf())
            .unwrap_or_default();
        let stamp = || cx.fs.meta(&dir).map(|m| m.mtime).ok();
        let Some(before) = stamp() else {
            return Some(Vec::new());
        };
        let since = match self.dir_seen {
            Some((mtime, since)) if mtime == before => since,
            _ => cx.now,
        };
        self.dir_seen = Some((before, since));
        let quiet = cx.now - before >= QUIET || cx.now - since >= QUIET;
        let waited = cx.now - *self.waiting_since.get_or_insert(cx.now) >= PATIENCE;
        let siblings = self.list(cx);
        if !waited && (!quiet || stamp() != Some(before)) {
            return None;
        }
        self.waiting_since = None;
        Some(siblings)
    }

    /// At the first start: what the rotated files hold is old.
    pub(super) fn remember_siblings(&mut self, cx: &Context<F>) {
        let siblings = self.list(cx);
        let plain: Vec<_> = siblings
            .iter()
            .filter(|s| s.packing == Packing::Plain)
            .collect();
        for sibling in plain.iter().skip(plain.len().saturating_sub(4)) {
            let Ok(file) = cx.fs.open(&sibling.path) else {
                continue;
            };
            let mut generation = Generation::plain(file, sibling.meta.id, cx.now);
            let offset = generation.file().map(|f| start::offset(f, TailStart::End));
            if let Some(Ok(offset)) = offset
                && generation.seek(offset).is_ok()
            {
                self.remember(generation.mark);
            }
        }
    }

    /// A file shrank or was written anew: finishes its copy first, if there is one, and starts
    /// again at its beginning.
    pub(super) fn truncated(&mut self, at: usize, siblings: &[Sibling], cx: &mut Context<F>) {
        let mark = self.gens[at].mark.clone();
        self.gens[at].restart();
        let found = siblings
            .iter()
            .filter(|s| !self.is_held(s.meta.id, cx))
            .find_map(|s| resume_on(s, &mark, cx));
        match found {
            Some(mut copy) => {
                copy.departed = Some(cx.now);
                copy.mark.live = false;
                self.gens.insert(at, copy);
            }
            None => {
                let unread = mark.end.saturating_sub(mark.offset);
                self.remember(mark);
                if unread > 0 {
                    self.lost(cx, "it was truncated before all was read", unread);
                }
            }
        }
    }

    /// Puts generations that were born and rotated away unseen before the one at `at`.
    pub(super) fn insert_unknown(
        &mut self,
        at: usize,
        siblings: &[Sibling],
        cx: &mut Context<F>,
    ) -> usize {
        let mut place = at;
        for sibling in siblings {
            if sibling.meta.mtime < self.seen - MARGIN
                || sibling.meta.size == 0
                || self.is_held(sibling.meta.id, cx)
            {
                continue;
            }
            let Some(mut generation) = self.unknown(sibling, cx) else {
                continue;
            };
            generation.departed = Some(cx.now);
            generation.judged = true;
            if self.too_old(sibling.meta.mtime, cx) {
                self.lost(
                    cx,
                    "a rotated file is older than `catchup` allows",
                    sibling.meta.size,
                );
                self.remember(generation.mark);
                continue;
            }
            self.gens.insert(place, generation);
            place += 1;
        }
        place - at
    }

    fn too_old(&self, mtime: i64, cx: &Context<F>) -> bool {
        let limit = cx
            .settings
            .catchup
            .and_then(|c| i64::try_from(c.as_nanos()).ok());
        limit.is_some_and(|limit| mtime < cx.now.saturating_sub(limit))
    }

    fn unknown(&mut self, sibling: &Sibling, cx: &mut Context<F>) -> Option<Generation<F::File>> {
        let Ok(file) = cx.fs.open(&sibling.path) else {
            return None;
        };
        let id = file.meta().ok()?.id;
        let generation = match sibling.packing {
            Packing::Plain => Generation::plain(file, id, cx.now),
            Packing::Gzip => Generation::packed(file, id, cx.now).ok()?,
            Packing::Unreadable => return None,
        };
        let first = generation.first_bytes().ok()?;
        // A copy of one that is followed is never a new generation (I10).
        let copy = |g: &Generation<F::File>| {
            g.mark.begins_like(&first)
                || g.first_bytes()
                    .is_ok_and(|head| same_beginning(&head, &first))
        };
        if first.is_empty() || self.gens.iter().any(copy) {
            return None;
        }
        let Some(at) = self.done.iter().rposition(|mark| mark.begins_like(&first)) else {
            return Some(generation);
        };
        // A finished one that its writer added to after all.
        let grown = generation.file().is_some_and(|file| {
            self.done[at].fits(file).unwrap_or(false) && sibling.meta.size > self.done[at].end
        });
        if !grown {
            return None;
        }
        let mut generation = generation;
        generation.mark = Mark {
            id,
            ..self.done.remove(at)
        };
        Some(generation)
    }

    /// Finds the files that the committed marks speak of, under whatever name they have now.
    pub(super) fn resume_from(
        &mut self,
        marks: PathMarks,
        siblings: &[Sibling],
        cx: &mut Context<F>,
    ) {
        self.done = marks.done;
        self.seen = marks.seen;
        self.last_line = marks.last_line;
        let mut pool = siblings.to_vec();
        if let Ok(meta) = cx.fs.meta(&self.path)
            && meta.kind == Kind::Regular
        {
            pool.insert(
                0,
                Sibling {
                    path: self.path.as_ref().clone(),
                    meta,
                    packing: Packing::Plain,
                },
            );
        }
        for mark in marks.marks {
            if mark.is_blank() {
                continue;
            }
            pool.sort_by_key(|s| (s.meta.id.ino != mark.id.ino, s.packing));
            let found = pool
                .iter()
                .filter(|s| !self.is_held(s.meta.id, cx))
                .find_map(|s| resume_on(s, &mark, cx).map(|g| (g, s.clone())));
            match found {
                Some((generation, sibling)) => self.take_up(generation, &sibling, cx),
                None => {
                    let unread = mark.end.saturating_sub(mark.offset);
                    if mark.live || unread > 0 {
                        let packed = pool.iter().any(|s| s.packing == Packing::Unreadable);
                        let why = if packed {
                            "what was being read is gone, or was packed by a program other than gzip"
                        } else {
                            "the file that was being read is gone"
                        };
                        self.lost(cx, why, unread);
                    }
                    self.remember(mark);
                }
            }
        }
        self.recheck = true;
    }

    fn take_up(
        &mut self,
        mut generation: Generation<F::File>,
        sibling: &Sibling,
        cx: &mut Context<F>,
    ) {
        let unread = generation
            .size()
            .unwrap_or(0)
            .saturating_sub(generation.mark.offset);
        if unread > 0 && self.too_old(sibling.meta.mtime, cx) {
            let end = generation.file().map(|f| start::offset(f, TailStart::End));
            if let Some(Ok(end)) = end
                && generation.seek(end.max(generation.mark.offset)).is_ok()
            {
                self.lost(
                    cx,
                    "what was not read is older than `catchup` allows",
                    unread,
                );
            }
        }
        generation.departed = Some(cx.now);
        generation.mark.live = false;
        self.gens.push(generation);
    }
}

fn dir_of(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    }
}

/// Opens `sibling` at `mark`, if its content fits.
fn resume_on<F: FileSystem>(
    sibling: &Sibling,
    mark: &Mark,
    cx: &Context<F>,
) -> Option<Generation<F::File>> {
    let file = cx.fs.open(&sibling.path).ok()?;
    let id = file.meta().ok()?.id;
    match sibling.packing {
        Packing::Plain => {
            let fits = mark.fits(&file).unwrap_or(false);
            fits.then(|| Generation::resumed(file, id, mark.clone(), cx.now))
        }
        Packing::Gzip => Generation::packed_at(file, id, mark, cx.now).ok()?,
        Packing::Unreadable => None,
    }
}
