//! One followed path: its generations, oldest first, the last one being what the path names.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use bstr::BString;

use super::checkpoint::{FileCheckpoint, PathCheckpoints};
use super::container::{Container, LineReader};
use super::fs::{FileId, FileSystem, Stamp};
use super::generation::{Generation, Step};
use super::lines::Cutter;
use super::open_files::NO_ROOM;
use crate::charset::Coding;
use crate::config::model::TailStart;
use crate::counters::{Counter, Counters};
use crate::input::{Batch, Checkpoint, Event};
use crate::shown::shown_path;

mod added;
mod closed;
mod context;
mod copies;
mod history;
mod live;
mod lookup;
mod read;
mod resume;
mod retire;
mod survey;

pub(super) use closed::Closed;
pub(super) use context::{Context, Done, Progress};

pub(super) const MS: i64 = 1_000_000;
/// A directory that changed less than this ago may be in the middle of a rotation (I9).
pub(super) const QUIET: i64 = 50 * MS;
/// A directory that is never quiet is judged after this.
const PATIENCE: i64 = 5_000 * MS;
/// A departed generation is let go when it was silent for this long.
pub(super) const LINGER: i64 = 60_000 * MS;
/// How long a file of which nothing can be unpacked may be one that is still being packed, ns: some packers write
/// nothing before a large block is done.
pub(super) const PACKING: i64 = 3_600_000 * MS;
/// Where more files are followed than may be open, a departed generation that lies beside the log is let go
/// of after this silence: what is added to it later is found there.
const BRIEF: i64 = 2_000 * MS;
/// When no file took its place, a departed generation is let go after this silence.
const LINGER_ALONE: i64 = 3_600_000 * MS;
/// A file that changed longer ago is not being rewritten any more.
const SETTLED: i64 = 1_000 * MS;
/// The kernel's clock for files ticks coarsely and may lag.
const MARGIN: i64 = 2_000 * MS;
/// Why rotated files cannot be looked through where a directory of them cannot be listed: the directory is told of.
const HIDDEN: &str = "an olddir cannot be listed";
/// Why rotated files are looked through again where one of them may not be written to its end yet.
const UNFINISHED: &str = "a packed file has no end yet";
/// What is told of a checkpoint whose file is nowhere.
const GONE: &str = "the file that was being read is gone";
/// How a fault begins that is none: the lines are taken under the other name.
const ALIAS: &str = "is the same file as";
/// The fault of a log that is not there yet.
pub(super) const MISSING: &str = "does not exist yet; followed from its beginning when it appears";
/// Number of departed files that are held open for their linger.
const MAX_DEPARTED: usize = 32;
/// Number of finished generations that are remembered; more while they look new by their time.
const MAX_DONE: usize = 16;

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
    /// Bytes that were not read of a file that is gone: lost, if it is not where nobody can look now.
    missing: Option<u64>,
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
    /// Packed files of which nothing can be unpacked, as was told.
    spoiled: Vec<(FileId, i64)>,
    /// The mtimes of the directories when they were last looked through while they were quiet, and of what the
    /// path named: a copy may be written over an older one, and no name change.
    surveyed: Option<(Stamp, i64)>,
    /// The names around the path as last seen in a directory that changed, and since when they are so.
    names_seen: Option<(Vec<(PathBuf, FileId)>, i64)>,
    /// The file that the path names, while it is closed for want of room.
    closed: Option<Closed>,
    /// All was read of the file that is looked for: it was closed, and nobody told of a write since.
    read_whole: bool,
    /// Until then, what is added to a rotated file is looked for, ns: it was let go of early.
    late_until: i64,
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
            missing: None,
            rewritten: 0,
            seen: since,
            last_line: 0,
            told: resume.clone(),
            resume,
            fault: None,
            waiting_since: None,
            shut: None,
            spoiled: Vec::new(),
            surveyed: None,
            names_seen: None,
            closed: None,
            read_whole: false,
            late_until: 0,
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

    /// Whether a departed generation is soon to be let go, or was let go early.
    pub fn lingers(&self, now: i64) -> bool {
        if now < self.late_until {
            return true;
        }
        let soon = |departed: i64, g: &Generation<F::File>| {
            now - departed.max(g.last_data) < LINGER + MARGIN
        };
        self.gens
            .iter()
            .any(|g| g.departed.is_some_and(|at| soon(at, g)))
    }

    /// The files that it holds open, and the one that is closed until it grows.
    pub fn ids(&self) -> impl Iterator<Item = FileId> {
        let closed = self.closed.iter().map(|closed| closed.checkpoint.id);
        self.gens.iter().map(|g| g.checkpoint.id).chain(closed)
    }

    /// Whether it names a file that another path holds.
    pub fn is_alias(&self) -> bool {
        self.alias
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
        if self.closed.is_some() && !self.reopen(cx) {
            return progress;
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
        self.recheck |= cx.rescan && (unsure || cx.now < self.late_until);
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

    /// The checkpoints of the generations that can be found again, and of the one that is closed until it grows.
    fn places(&self) -> impl Iterator<Item = &FileCheckpoint> {
        let closed = self.closed.iter().map(|closed| &closed.checkpoint);
        let gens = self.gens.iter().filter(|g| !g.replaced);
        gens.map(|g| &g.checkpoint).chain(closed)
    }

    fn checkpoints(&self) -> PathCheckpoints {
        PathCheckpoints {
            path: self.path.as_ref().clone(),
            files: self.places().cloned().collect(),
            done: self.done.iter().map(|d| d.checkpoint.clone()).collect(),
            seen: self.seen,
            last_line: self.last_line,
        }
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

    /// Hands out what the generation at `at` has up to the offset `to`; with `last`, unterminated last bytes
    /// too.
    fn drain(&mut self, at: usize, cx: &mut Context<F>, to: u64, last: bool) -> io::Result<Step> {
        let (mut text, mut counters) = (Vec::new(), Counters::default());
        let container = match cx.settings.containers {
            true => Container::of(self.path.as_path()),
            false => None,
        };
        let cutter = Cutter {
            max_line: cx.settings.max_line,
            // The runtimes of containers write UTF-8.
            charset: cx.charset(&self.path).filter(|_| container.is_none()),
            coding: Coding::Bytes,
            from: 0,
            text: &mut text,
            counters: &mut counters,
        };
        let mut reader = LineReader { cutter, container };
        let step = self.gens[at].drain(&mut reader, cx.buf, cx.now, (to, last))?;
        if step == Step::Moved {
            self.emit(cx, text, counters);
        }
        Ok(step)
    }

    fn is_held(&self, id: FileId, cx: &Context<F>) -> bool {
        self.gens.iter().any(|g| g.checkpoint.id == id) || cx.index.holder(id).is_some()
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
