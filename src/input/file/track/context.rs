//! What a turn of one path needs and gives, and what is kept of a generation after it.

use std::cell::Cell;
use std::io;
use std::path::Path;

use super::super::Settings;
use super::super::checkpoint::{FileCheckpoint, Standing};
use super::super::encoded::coding;
use super::super::fs::FileSystem;
use super::super::index::Index;
use super::super::listing::Listings;
use super::super::open_files::OpenFileBudget;
use super::super::start;
use super::Track;
use crate::charset::Charset;
use crate::config::model::TailStart;
use crate::counters::{Counter, Counters};
use crate::input::{Event, Notice};
use crate::shown::shown_path;

/// The surroundings of a turn: file system, settings, the other paths, and where events go.
pub(in crate::input::file) struct Context<'a, F: FileSystem> {
    pub fs: &'a F,
    pub settings: &'a Settings,
    pub now: i64,
    pub emit: &'a mut dyn FnMut(Event),
    pub buf: &'a mut Vec<u8>,
    /// The other paths: what they hold, and how many of them there are.
    pub index: &'a Index,
    /// The last listings of directories.
    pub listings: &'a Listings,
    /// Some other path has not found its place again: no file may be taken for new.
    pub resuming: bool,
    /// The other paths: a file may come from one of them.
    pub others: [&'a [Track<F>]; 2],
    /// Whether names in directories may have changed.
    pub rescan: bool,
    /// Whether the file may have been written to since the last turn of the path; else somebody would have
    /// told of it.
    pub written: bool,
    /// A name stood for another file than when the directory was listed.
    pub moved: Cell<bool>,
    /// A rotated file that may hold lines cannot be opened: why.
    pub shut: Cell<Option<String>>,
    /// A directory of rotated files cannot be looked at (`set olddir`): nobody can tell what lies there.
    pub hidden: Cell<bool>,
    /// A packed file of which nothing can be unpacked may still be being written.
    pub unfinished: Cell<bool>,
    /// How many files may be held open.
    pub budget: OpenFileBudget,
}

impl<F: FileSystem> Context<'_, F> {
    /// Whether a path that holds `own` files open may open one more. Where others can be closed for it, they
    /// are when its turn is over.
    pub fn has_room(&self, own: usize, known: bool) -> bool {
        let open = self.index.open + own;
        let by_closing = self.index.closable > 0 && self.budget.has_beyond(open);
        by_closing || self.budget.has(open, known)
    }

    /// The character set of a log, if `set charset` names one.
    pub(super) fn charset(&self, path: &Path) -> Option<Charset> {
        self.settings.charsets.now().of_path(path)
    }

    /// Where the last complete line of a log ends in a file of it.
    pub(super) fn end_of(&self, path: &Path, file: &F::File) -> io::Result<u64> {
        start::offset(file, TailStart::End, coding(file, self.charset(path))?)
    }

    /// Whether there are more files than may be held open.
    pub fn is_pressed(&self) -> bool {
        self.index.left_out > 0 || self.index.closed > 0
    }

    /// Notes that a rotated file cannot be opened or read: nobody can tell yet what it holds.
    pub(super) fn unreadable(&self, path: &Path, why: &io::Error) {
        let text = format!("{}: cannot be read: {why}", shown_path(path));
        self.shut.set(Some(text));
    }

    /// Gives what a call about the rotated file of this path gave; an error is noted.
    pub(super) fn readable<T>(&self, path: &Path, result: io::Result<T>) -> Option<T> {
        result.map_err(|e| self.unreadable(path, &e)).ok()
    }

    /// Whether such a file was met.
    pub(super) fn is_shut(&self) -> bool {
        let shut = self.shut.take();
        let is = shut.is_some();
        self.shut.set(shut);
        is
    }

    pub(super) fn notice(
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

/// The result of a turn of one path.
#[derive(Clone, Copy, Default)]
pub(in crate::input::file) struct Progress {
    pub changed: bool,
    pub more: bool,
    pub waiting: bool,
}

impl Progress {
    /// Takes up what another path's turn gave.
    pub fn add(&mut self, other: Self) {
        self.changed |= other.changed;
        self.more |= other.more;
        self.waiting |= other.waiting;
    }
}

/// A generation that was let go of.
#[derive(Clone)]
pub(in crate::input::file) struct Done {
    pub checkpoint: FileCheckpoint,
    /// The time after which it was not written to, ns.
    pub last: i64,
    /// Whether it was cut off or is gone: what was read of it may stand in another file.
    pub cut: bool,
}

impl Done {
    /// A generation whose file is there.
    pub fn seen(checkpoint: FileCheckpoint, last: i64) -> Self {
        Self {
            checkpoint,
            last,
            cut: false,
        }
    }

    /// A generation whose file is gone or was cut off: in the state it is a finished one that was live.
    pub(super) fn cut(mut checkpoint: FileCheckpoint, last: i64) -> Self {
        checkpoint.standing = Standing::Live;
        Self {
            cut: true,
            ..Self::seen(checkpoint, last)
        }
    }

    /// A generation as the state has it.
    pub(super) fn restored(checkpoint: FileCheckpoint, last: i64) -> Self {
        let cut = checkpoint.standing == Standing::Live;
        Self {
            cut,
            ..Self::seen(checkpoint, last)
        }
    }
}
