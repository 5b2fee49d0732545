//! One followed path: its generations, oldest first, the last one being what the path names.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use super::Settings;
use super::checkpoint::{FileCheckpoint, PathCheckpoints};
use super::fs::{FileId, FileSystem, Kind, LogFile};
use super::generation::{Generation, Step};
use super::lines::Cutter;
use super::open_files::{NO_ROOM, OpenFileBudget};
use super::start;
use crate::config::model::TailStart;
use crate::counters::{Counter, Counters};
use crate::input::{Batch, Checkpoint, Event, Notice};
use crate::shown::shown_path;

mod copies;
mod history;
mod read;
mod retire;

pub(super) const MS: i64 = 1_000_000;
/// A directory that changed less than this ago may be in the middle of a rotation (I9).
const QUIET: i64 = 50 * MS;
/// A directory that is never quiet is judged after this.
const PATIENCE: i64 = 5_000 * MS;
/// A departed generation is let go when it was silent for this long.
pub(super) const LINGER: i64 = 60_000 * MS;
/// When no file took its place, a departed generation is let go after this silence.
const LINGER_ALONE: i64 = 3_600_000 * MS;
/// A file that changed longer ago is not being rewritten any more.
const SETTLED: i64 = 1_000 * MS;
/// The kernel's clock for files ticks coarsely and may lag.
const MARGIN: i64 = 2_000 * MS;
/// How a fault begins that is none: the lines are taken under the other name.
const ALIAS: &str = "is the same file as";
/// The fault of a log that is not there yet.
pub(super) const MISSING: &str = "does not exist yet; followed from its beginning when it appears";
/// More departed files than this are not held open for their linger.
const MAX_DEPARTED: usize = 32;
/// So many finished generations are remembered, and more while they look new by their time.
const MAX_DONE: usize = 16;

/// What a turn needs from outside.
pub(super) struct Context<'a, F: FileSystem> {
    pub fs: &'a F,
    pub settings: &'a Settings,
    pub now: i64,
    pub emit: &'a mut dyn FnMut(Event),
    pub buf: &'a mut Vec<u8>,
    /// The files that other paths hold.
    pub held: HashMap<FileId, Arc<PathBuf>>,
    /// The other paths that are followed.
    pub followed: &'a HashSet<PathBuf>,
    /// Some path has not found its place again: no file may be taken for new.
    pub resuming: bool,
    /// The other paths: a file may come from one of them.
    pub others: [&'a [Track<F>]; 2],
    /// Whether names in directories may have changed.
    pub rescan: bool,
    /// A name stood for another file than when the directory was listed.
    pub moved: Cell<bool>,
    /// A rotated file that may hold lines cannot be opened: why.
    pub shut: Cell<Option<String>>,
    /// How many files may be held open, and how many the other paths hold.
    pub room: OpenFileBudget,
    pub open_elsewhere: usize,
    /// Some file is left out for want of room.
    pub pressed: bool,
}

impl<F: FileSystem> Context<'_, F> {
    /// Whether a path that holds `own` files open may open one more.
    pub fn has_room(&self, own: usize, known: bool) -> bool {
        self.room.has(self.open_elsewhere + own, known)
    }

    fn notice(
        &mut self,
        level: log::Level,
        text: String,
        report: bool,
        counter: Option<(Counter, u64)>,
    ) {
        let mut counters = Counters::default();
        if let Some((counter, n)) = counter {
            counters.add(counter, n);
        }
        (self.emit)(Event::Notice(Notice {
            level,
            text,
            report,
            counters,
        }));
    }
}

/// What a turn of one path gave.
#[derive(Clone, Copy, Default)]
pub(super) struct Progress {
    pub changed: bool,
    pub more: bool,
    pub waiting: bool,
}

/// A generation that was let go of.
#[derive(Clone)]
pub(super) struct Done {
    pub checkpoint: FileCheckpoint,
    /// It was not written to after this, ns.
    pub last: i64,
    /// As [`Generation::renamed`].
    pub renamed: bool,
    /// It was cut off or is gone: what was read of it may stand in another file.
    pub cut: bool,
}

impl Done {
    /// Of a file that was there.
    pub fn seen(checkpoint: FileCheckpoint, last: i64) -> Self {
        Self {
            checkpoint,
            last,
            renamed: true,
            cut: false,
        }
    }

    /// Of a file that is gone.
    fn cut(checkpoint: FileCheckpoint, last: i64) -> Self {
        let cut = true;
        Self {
            cut,
            ..Self::seen(checkpoint, last)
        }
    }
}

/// How far a path is with reading all that was there when it was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DrainProgress {
    /// The next turn sees what is there.
    Asked,
    /// What came after this turn does not count. Whether its rotated files were looked through.
    Since(u64, bool),
    Done,
}

pub(super) struct Track<F: FileSystem> {
    pub path: Arc<PathBuf>,
    /// The source of the lines, as `repeat` knows it.
    source: Arc<BString>,
    pub gens: Vec<Generation<F::File>>,
    pub done: Vec<Done>,
    pub resume: Option<PathCheckpoints>,
    turns: u64,
    drain: DrainProgress,
    /// The configuration names this very path, or its log was followed before.
    pub known: bool,
    /// There was no room to open the file that the path names.
    left_out: bool,
    /// The path names the last generation.
    live: bool,
    /// Where to begin, while nobody could tell whether the file was there at the start.
    start: Option<TailStart>,
    begun: bool,
    alias: bool,
    /// It was found packed under its name, and may never be there itself.
    packed: bool,
    recheck: bool,
    /// Bytes that were seen of a file when it was truncated before a line of it was read: lost, if no
    /// copy of it turns up.
    cut: u64,
    /// Bytes that were not read of the live file when it was written anew: lost, if they are not in
    /// what stands there now.
    rewritten: u64,
    seen: i64,
    last_line: i64,
    told: Option<PathCheckpoints>,
    fault: Option<String>,
    waiting_since: Option<i64>,
    /// A rotated file that may hold unread lines cannot be opened, as was told. Until it can, no
    /// later moment counts as seen, so that it stays a candidate.
    shut: Option<String>,
    /// The mtime of the directory when it was last looked through while it was quiet, and of what the
    /// path named: a copy may be written over an older one, and no name change.
    surveyed: Option<(i64, i64)>,
    /// The names around the path as last seen, and since when they are so.
    names_seen: Option<(Vec<(PathBuf, FileId)>, i64)>,
}

impl<F: FileSystem> Track<F> {
    /// Follows `path`; nothing that was written before `since` is new.
    pub fn new(
        path: PathBuf,
        start: Option<TailStart>,
        resume: Option<PathCheckpoints>,
        since: i64,
    ) -> Self {
        Self {
            source: Arc::new([b"file ", path.as_os_str().as_bytes()].concat().into()),
            path: Arc::new(path),
            gens: Vec::new(),
            done: Vec::new(),
            turns: 0,
            drain: DrainProgress::Asked,
            known: resume.is_some(),
            left_out: false,
            live: false,
            begun: resume.is_some(),
            start: if resume.is_some() { None } else { start },
            alias: false,
            packed: false,
            recheck: false,
            cut: 0,
            rewritten: 0,
            seen: since,
            last_line: 0,
            told: resume.clone(),
            resume,
            fault: None,
            waiting_since: None,
            shut: None,
            surveyed: None,
            names_seen: None,
        }
    }

    /// What is wrong with the path, but for its being followed under another name.
    pub fn fault(&self) -> Option<&str> {
        self.fault
            .as_deref()
            .filter(|text| !text.starts_with(ALIAS))
    }

    /// Whether its place is still to be found again; one that waits for room keeps nobody waiting.
    pub fn is_resuming(&self) -> bool {
        self.resume.is_some() && !self.left_out
    }

    /// Whether a file of this path waits for room.
    pub fn is_left_out(&self) -> bool {
        self.left_out || self.shut.as_deref() == Some(NO_ROOM)
    }

    pub fn departed(&self) -> bool {
        self.gens.iter().any(|g| g.departed.is_some())
    }

    /// Whether a departed generation is soon to be let go.
    pub fn lingers(&self, now: i64) -> bool {
        let soon = |departed: i64, g: &Generation<F::File>| {
            now - departed.max(g.last_data) < LINGER + MARGIN
        };
        self.gens
            .iter()
            .any(|g| g.departed.is_some_and(|at| soon(at, g)))
    }

    /// Whether it holds this file open.
    pub fn holds(&self, id: FileId) -> bool {
        self.gens.iter().any(|g| g.checkpoint.id == id)
    }

    /// At the next turn its rotated files are looked through again.
    pub fn look_again(&mut self) {
        self.recheck = true;
    }

    /// Begins behind what was read of its file under the name of another path.
    pub fn begin_after(&mut self, done: Done) {
        self.begun = true;
        self.remember(done);
    }

    /// Its log was packed before it was seen: nobody waits for it.
    pub fn only_compressed(mut self) -> Self {
        self.packed = true;
        self
    }

    /// At the first look: opens the file where it begins. What was followed before waits for its
    /// place to be found again.
    pub fn begin_fresh(&mut self, cx: &mut Context<F>) {
        if self.resume.is_some() {
            return;
        }
        if !self.begun {
            self.begun = true;
            self.remember_rotated(cx);
        }
        self.adopt(cx);
    }

    pub fn turn(&mut self, cx: &mut Context<F>) -> Progress {
        let mut progress = Progress::default();
        self.turns += 1;
        if !self.begun {
            self.begun = true;
            self.remember_rotated(cx);
        }
        if self.resume.is_some() && !cx.has_room(0, true) {
            // Its place is kept in the state as it is.
            self.left_out = true;
            self.drain = DrainProgress::Done;
            return progress;
        }
        if let Some(checkpoints) = self.resume.take() {
            self.left_out = false;
            let Some(rotated_files) = self.survey(cx) else {
                self.resume = Some(checkpoints);
                return Progress {
                    waiting: true,
                    ..progress
                };
            };
            if !self.resume_from(&checkpoints, &rotated_files, cx) {
                self.resume = Some(checkpoints);
                return Progress {
                    waiting: true,
                    ..progress
                };
            }
        }
        // Another path may still turn out to hold the file that this one names.
        progress.waiting = cx.resuming;
        self.adopt(cx);
        let blank = self.gens.last().is_some_and(|g| g.checkpoint.is_blank());
        let open = !self.live || blank || self.departed();
        let unsure = (open && !self.is_surveyed(cx)) || self.shut.is_some();
        self.recheck |= cx.rescan && unsure;
        if self.drain == DrainProgress::Asked {
            self.drain = DrainProgress::Since(self.turns, false);
        }
        self.read(cx, &mut progress);
        self.see_drain(cx);
        self.retire(cx);
        progress.changed |= self.publish(cx);
        progress
    }

    /// From now on [`Self::drained`] speaks of what is there now.
    pub fn ask_drain(&mut self) {
        self.drain = DrainProgress::Asked;
    }

    /// Whether all that was there when it was asked for is read.
    pub fn drained(&self) -> bool {
        self.drain == DrainProgress::Done
    }

    fn see_drain(&mut self, cx: &Context<F>) {
        let DrainProgress::Since(turn, looked) = self.drain else {
            return;
        };
        let looked = looked || !(self.recheck || cx.resuming);
        let read = |g: &Generation<F::File>| g.turns.0 > turn || g.turns.1 >= turn;
        let all = looked && self.gens.iter().all(read);
        self.drain = if all {
            DrainProgress::Done
        } else {
            DrainProgress::Since(turn, looked)
        };
    }

    /// Where it stands after its first look, unless it goes on from a run before, or nobody could
    /// tell yet where it begins.
    pub fn begun(&self) -> Option<PathCheckpoints> {
        let fresh = self.told.is_none() && self.resume.is_none() && self.start.is_none();
        fresh.then(|| self.checkpoints())
    }

    /// Moves the place that the state shall hold, when no line carried it.
    fn publish(&mut self, cx: &mut Context<F>) -> bool {
        // Without a place it would be read from its beginning by the next start.
        if cx.resuming && self.start.is_some() {
            return false;
        }
        let checkpoints = self.checkpoints();
        if self
            .told
            .as_ref()
            .is_some_and(|told| told.same_place(&checkpoints))
        {
            return false;
        }
        self.emit(cx, Vec::new(), Counters::default());
        true
    }

    fn emit(&mut self, cx: &mut Context<F>, text: Vec<u8>, counters: Counters) {
        if !text.is_empty() {
            self.last_line = cx.now / 1_000_000_000;
        }
        let checkpoints = self.checkpoints();
        self.told = Some(checkpoints.clone());
        (cx.emit)(Event::Batch(Batch {
            source: self.source.clone(),
            text,
            checkpoint: Checkpoint::File(checkpoints),
            counters,
        }));
    }

    fn checkpoints(&self) -> PathCheckpoints {
        PathCheckpoints {
            path: self.path.as_ref().clone(),
            files: self.gens.iter().map(|g| g.checkpoint.clone()).collect(),
            done: self.done.iter().map(|d| d.checkpoint.clone()).collect(),
            seen: self.seen,
            last_line: self.last_line,
        }
    }

    /// Keeps a generation in mind, so that it is never taken for a new one. One that is forgotten
    /// must be older than any that [`Self::insert_unknown`] looks at.
    fn remember(&mut self, done: Done) {
        if !done.checkpoint.is_blank() {
            self.done.push(done);
        }
        let mut extra = self.done.len().saturating_sub(MAX_DONE);
        let old = self.seen - 2 * MARGIN;
        self.done.retain(|done| {
            let forget = extra > 0 && done.last < old;
            extra -= usize::from(forget);
            !forget
        });
    }

    fn set_fault(&mut self, cx: &mut Context<F>, fault: Option<String>) {
        if fault == self.fault {
            return;
        }
        match &fault {
            Some(text) => {
                let text = format!("{}: {text}", shown_path(self.path.as_path()));
                cx.notice(
                    log::Level::Warn,
                    text,
                    false,
                    Some((Counter::InputFaults, 1)),
                );
            }
            None => cx.notice(
                log::Level::Info,
                format!("{}: followed again", shown_path(self.path.as_path())),
                false,
                None,
            ),
        }
        self.fault = fault;
    }

    fn depart(&mut self, now: i64) {
        if self.live {
            if let Some(last) = self.gens.last_mut() {
                last.departed = Some(now);
                last.renamed = true;
                last.checkpoint.live = false;
            }
            self.live = false;
        }
    }

    /// Looks which file the path names now.
    fn adopt(&mut self, cx: &mut Context<F>) {
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
            Err(e) => return self.set_fault(cx, Some(format!("cannot be looked at: {e}"))),
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
            generation.checkpoint.live = true;
            self.gens.push(generation);
            self.live = true;
            return self.set_fault(cx, None);
        }
        if cx.resuming {
            return;
        }
        if let Some(owner) = cx.held.get(&meta.id) {
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
                generation.checkpoint.live = true;
                generation.turns.0 = self.turns;
                self.gens.push(generation);
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
            let offset = start::offset(&file, start)?;
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
        if meta.kind != Kind::Regular || cx.held.contains_key(&meta.id) {
            return Ok(None);
        }
        // A file that another path named before.
        let elsewhere = cx.others.iter().copied().flatten();
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
            let offset = start::offset(file, start)?;
            generation.seek(offset)?;
            generation.judged = true;
        }
        Ok(Some(generation))
    }

    fn drain(&mut self, at: usize, cx: &mut Context<F>, last: bool) -> io::Result<Step> {
        let (mut text, mut counters) = (Vec::new(), Counters::default());
        let mut cutter = Cutter {
            max_line: cx.settings.max_line,
            text: &mut text,
            counters: &mut counters,
        };
        let step = self.gens[at].drain(&mut cutter, cx.buf, cx.now, last)?;
        if step == Step::Moved {
            self.emit(cx, text, counters);
        }
        Ok(step)
    }

    fn is_held(&self, id: FileId, cx: &Context<F>) -> bool {
        self.gens.iter().any(|g| g.checkpoint.id == id) || cx.held.contains_key(&id)
    }

    fn lost(&mut self, cx: &mut Context<F>, why: &str, bytes: u64) {
        let size = if bytes > 0 {
            format!("at least {bytes} bytes are lost")
        } else {
            "lines may be lost".to_owned()
        };
        let text = format!("{}: {why}: {size}", shown_path(self.path.as_path()));
        cx.notice(
            log::Level::Warn,
            text,
            true,
            Some((Counter::BytesLost, bytes)),
        );
    }
}

/// Whether a file cannot be opened because too many are, of ours (EMFILE) or of all (ENFILE).
fn is_limit(e: &io::Error) -> bool {
    matches!(
        e.raw_os_error(),
        Some(nix::libc::EMFILE | nix::libc::ENFILE)
    )
}
