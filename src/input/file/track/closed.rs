//! A file that is closed because more logs are followed than may be open: it was read to its end and was
//! silent for longest. It is opened again when it changed. If it is then not the file that was closed, its
//! path goes on as after a restart: what was closed is looked for by its content among the rotated files.

use std::io;

use super::super::checkpoint::{FileCheckpoint, Standing};
use super::super::fs::{FileSystem, Kind, LogFile, Meta};
use super::super::generation::Generation;
use super::live::is_limit;
use super::lookup::there;
use super::read::UNREADABLE;
use super::{Context, DrainProgress, HIDDEN, SETTLED, Track};

/// The file that a path named when it was closed.
pub(in crate::input::file) struct Closed {
    pub checkpoint: FileCheckpoint,
    /// What `stat` told of the file: while its id, size and time do not change, nothing was written.
    meta: Meta,
    /// Whether it was written so long before it was looked at that any later write shows in its mtime.
    settled: bool,
    last_data: i64,
}

impl Closed {
    /// Whether `stat` tells of nothing new.
    fn is_as(&self, meta: &Meta) -> bool {
        let known = (self.meta.id, self.meta.size, self.meta.mtime);
        (meta.id, meta.size, meta.mtime) == known && meta.kind == Kind::Regular
    }

    /// Whether an open file is the one that was closed, by its content.
    fn is<F: LogFile>(&self, file: &F) -> io::Result<bool> {
        let meta = file.meta()?;
        if meta.id != self.checkpoint.id || meta.size < self.checkpoint.offset {
            return Ok(false);
        }
        // Of what nothing was read, any content is new.
        Ok(self.checkpoint.is_blank() || self.checkpoint.fits(file)?)
    }
}

impl<F: FileSystem> Track<F> {
    /// Whether its file is closed until it grows.
    pub fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether its file can be closed, as far as is known: all of it was seen, and nothing is in flux.
    pub fn is_closable(&self) -> bool {
        let [generation] = self.gens.as_slice() else {
            return false;
        };
        let checkpoint = &generation.checkpoint;
        let plain = !generation.is_compressed() && !checkpoint.skipping && !generation.held_back;
        let read = generation.at_rest() && generation.departed.is_none();
        let hidden = self.shut.as_deref() == Some(HIDDEN);
        let still =
            self.resume.is_none() && self.start.is_none() && (self.shut.is_none() || hidden);
        let whole = self.cut == 0 && self.rewritten == 0 && self.fault.is_none();
        let judged = !self.recheck && self.waiting_since.is_none();
        self.live && plain && read && still && whole && judged
    }

    /// Something was written to a file of another name than its own: one that was let go of early is looked
    /// for.
    pub fn late_lines(&mut self, now: i64) {
        self.recheck |= now < self.late_until;
    }

    /// Whether half a line stands at its end, and when it last gave something, ns: by this, those that are
    /// closed first come first.
    pub fn silence(&self) -> (bool, i64) {
        let half = |g: &Generation<F::File>| g.checkpoint.end > g.checkpoint.offset;
        let last = self.gens.iter().map(|g| (half(g), g.last_data)).max();
        last.unwrap_or_default()
    }

    /// Closes its file, if all that is there was seen. Tells whether it did.
    pub fn close(&mut self, now: i64) -> bool {
        if !self.is_closable() {
            return false;
        }
        let Some(generation) = self.gens.last() else {
            return false;
        };
        let Some(Ok(meta)) = generation.file().map(LogFile::meta) else {
            return false;
        };
        // A file without a name could not be opened again.
        if meta.size != generation.checkpoint.end || meta.links == 0 {
            return false;
        }
        self.closed = Some(Closed {
            checkpoint: generation.checkpoint.clone(),
            settled: now - meta.mtime > SETTLED,
            meta,
            last_data: generation.last_data,
        });
        self.gens.clear();
        self.live = false;
        self.drain = DrainProgress::Done;
        true
    }

    /// Looks whether the file that is closed changed; if so, opens it again, or goes on as after a
    /// restart. Tells whether the turn goes on.
    pub(super) fn reopen(&mut self, cx: &mut Context<F>) -> bool {
        let Some(mut closed) = self.closed.take() else {
            return true;
        };
        self.left_out = false;
        let meta = match there(cx.fs.meta(&self.path)) {
            Ok(meta) => meta,
            Err(e) => return self.cannot_reopen(closed, &e, cx),
        };
        let same = meta.is_some_and(|meta| closed.is_as(&meta));
        if same && (closed.settled || cx.now - closed.meta.mtime <= SETTLED) {
            return self.stays_closed(closed, cx);
        }
        if !same && !cx.has_room(0, true) {
            self.left_out = true;
            return self.keep_closed(closed);
        }
        let open = || {
            let file = cx.fs.open(&self.path)?;
            let is = closed.is(&file)?;
            io::Result::Ok(is.then_some(file))
        };
        let file = match there(open()) {
            Ok(file) => file.flatten(),
            Err(e) => return self.cannot_reopen(closed, &e, cx),
        };
        if same && file.is_some() {
            // A write in the same instant of the kernel's clock shows in the content alone.
            closed.settled = true;
            return self.stays_closed(closed, cx);
        }
        let Some(file) = file else {
            self.closed = Some(closed);
            let checkpoints = self.checkpoints();
            self.closed = None;
            // It was read to its end: if nobody wrote to it since, nothing is missing where it is gone.
            self.read_whole = !cx.written;
            self.resume = Some(checkpoints);
            return true;
        };
        let id = closed.checkpoint.id;
        let mut generation = match closed.checkpoint.is_blank() {
            true => Generation::plain(file, id, cx.now),
            false => Generation::resumed(file, id, closed.checkpoint, cx.now),
        };
        generation.checkpoint.standing = Standing::Live;
        generation.last_data = closed.last_data;
        generation.turns.0 = self.turns;
        self.hold(generation);
        self.live = true;
        true
    }

    fn stays_closed(&mut self, closed: Closed, cx: &mut Context<F>) -> bool {
        // Only a file that is known by its content proves that no other one had its place (I8).
        if closed.checkpoint.offset > 0 {
            self.seen = cx.now;
        }
        self.set_fault(cx, None);
        self.keep_closed(closed)
    }

    /// It cannot be looked at or opened now, which tells nothing of it: that is tried again.
    fn cannot_reopen(&mut self, closed: Closed, e: &io::Error, cx: &mut Context<F>) -> bool {
        match is_limit(e) {
            true => self.left_out = true,
            false => self.set_fault(cx, Some(format!("{UNREADABLE}: {e}"))),
        }
        self.keep_closed(closed)
    }

    fn keep_closed(&mut self, closed: Closed) -> bool {
        self.closed = Some(closed);
        self.drain = DrainProgress::Done;
        false
    }
}
