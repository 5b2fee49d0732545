//! The file that a path names now: what it is, and where a new one is begun.

use std::io;

use super::super::checkpoint::{FileCheckpoint, Standing};
use super::super::encoded::coding;
use super::super::fs::{FileSystem, Kind, LogFile};
use super::super::generation::Generation;
use super::super::start;
use super::{ALIAS, Context, Done, MISSING, Track};
use crate::shown::shown_path;

/// How the fault of a path begins that cannot be looked at.
const UNSEEN: &str = "cannot be looked at";

impl<F: FileSystem> Track<F> {
    /// Takes a generation up as the last one. Most paths have one: there is no room for more ahead.
    pub(super) fn hold(&mut self, generation: Generation<F::File>) {
        self.gens.reserve_exact(1);
        self.gens.push(generation);
    }

    fn depart(&mut self, now: i64) {
        if self.live {
            if let Some(last) = self.gens.last_mut() {
                last.departed = Some(now);
                last.checkpoint.standing = Standing::Renamed;
            }
            self.live = false;
        }
    }

    /// Looks which file the path names now.
    pub(super) fn adopt(&mut self, cx: &mut Context<F>) {
        self.left_out = false;
        let meta = match cx.fs.meta(&self.path) {
            Ok(meta) => meta,
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                self.depart(cx.now);
                self.start = None;
                self.alias = false;
                if self.gens.is_empty() && self.told.is_none() && !self.packed {
                    self.set_fault(cx, Some(MISSING.to_owned()));
                }
                return;
            }
            Err(e) => return self.set_fault(cx, Some(format!("{UNSEEN}: {e}"))),
        };
        if meta.kind != Kind::Regular {
            self.depart(cx.now);
            self.start = None;
            let what = if meta.kind == Kind::Directory {
                "a directory"
            } else {
                "a fifo, socket or device"
            };
            return self.set_fault(cx, Some(format!("is {what}, not a log file")));
        }
        if self.live && self.gens.last().is_some_and(|g| g.checkpoint.id == meta.id) {
            let told = self.fault.as_deref();
            if told.is_some_and(|fault| fault.starts_with(UNSEEN)) {
                self.set_fault(cx, None);
            }
            return;
        }
        if let Some(at) = self
            .gens
            .iter()
            .position(|g| !g.is_compressed() && g.checkpoint.id == meta.id)
        {
            self.depart(cx.now);
            let mut generation = self.gens.remove(at);
            generation.departed = None;
            generation.checkpoint.standing = Standing::Live;
            self.hold(generation);
            self.live = true;
            return self.set_fault(cx, None);
        }
        if cx.resuming {
            return;
        }
        if let Some(owner) = cx.index.holder(meta.id) {
            self.depart(cx.now);
            self.alias = true;
            let text = format!("{ALIAS} {}, followed once", shown_path(owner.as_path()));
            return self.set_fault(cx, Some(text));
        }
        self.begin(cx);
    }

    fn begin(&mut self, cx: &mut Context<F>) {
        self.depart(cx.now);
        if !cx.has_room(self.gens.len(), self.known) {
            return self.leave_out(cx);
        }
        match self.open_new(cx) {
            Ok(Some(mut generation)) => {
                generation.checkpoint.standing = Standing::Live;
                generation.turns.0 = self.turns;
                self.hold(generation);
                (self.live, self.known) = (true, true);
                self.recheck |= self.start.is_none();
                self.start = None;
                self.alias = false;
                self.set_fault(cx, None);
            }
            Ok(None) => {}
            Err(e) if is_limit(&e) => self.leave_out(cx),
            Err(e) => self.set_fault(cx, Some(format!("cannot be read: {e}"))),
        }
    }

    /// The file waits for room. Where it is to be begun is looked up now: lines that come meanwhile are
    /// read then.
    fn leave_out(&mut self, cx: &mut Context<F>) {
        self.left_out = true;
        // All files that are left out are told of together.
        self.fault = None;
        let Some(start) = self.start else {
            return;
        };
        let place = || {
            let file = cx.fs.open(&self.path)?;
            let id = file.meta()?.id;
            let offset = start::offset(&file, start, coding(&file, cx.charset(&self.path))?)?;
            let mut generation = Generation::plain(file, id, cx.now);
            generation.seek(offset)?;
            io::Result::Ok(generation.checkpoint)
        };
        if let Ok(checkpoint) = place() {
            self.remember(Done::seen(checkpoint, cx.now));
            self.start = None;
        }
    }

    fn open_new(&mut self, cx: &mut Context<F>) -> io::Result<Option<Generation<F::File>>> {
        let file = cx.fs.open(&self.path)?;
        let meta = file.meta()?;
        if meta.kind != Kind::Regular || cx.index.holder(meta.id).is_some() {
            return Ok(None);
        }
        // A file that another path named before.
        let others = cx.others.iter().copied().flatten();
        let elsewhere = others.filter(|_| cx.index.has_done(meta.id));
        let elsewhere = elsewhere.flat_map(|track| track.done.iter().map(|done| &done.checkpoint));
        for checkpoint in elsewhere.filter(|checkpoint| checkpoint.id == meta.id) {
            if checkpoint.fits(&file)? {
                let checkpoint = checkpoint.clone();
                return Ok(Some(Generation::resumed(file, meta.id, checkpoint, cx.now)));
            }
        }
        let file = match self.replaces(file, &meta, cx)? {
            Ok(generation) => return Ok(Some(generation)),
            Err(file) => file,
        };
        // A file that was let go, and has its name back.
        let known =
            |checkpoint: &FileCheckpoint| checkpoint.id == meta.id && meta.size >= checkpoint.end;
        for at in (0..self.done.len()).rev() {
            if known(&self.done[at].checkpoint) && self.done[at].checkpoint.fits(&file)? {
                let checkpoint = self.done.remove(at).checkpoint;
                return Ok(Some(Generation::resumed(file, meta.id, checkpoint, cx.now)));
            }
        }
        let mut generation = Generation::plain(file, meta.id, cx.now);
        if let (Some(start), Some(file)) = (self.start, generation.file()) {
            let offset = start::offset(file, start, coding(file, cx.charset(&self.path))?)?;
            generation.seek(offset)?;
            generation.judged = true;
        }
        Ok(Some(generation))
    }
}

/// Whether a file cannot be opened because too many are, of ours (EMFILE) or of all (ENFILE).
pub(super) fn is_limit(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(nix::libc::EMFILE | nix::libc::ENFILE)
    )
}
