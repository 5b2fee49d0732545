//! Listings of directories, each of which serves all logs of its directory: which rotated files lie beside
//! a log is looked up by the log's name.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::fs::{FileSystem, there};
use super::rotated::{Compression, bases_of, compression_of};
use super::track::QUIET;

/// A directory with more names is not listed more often than in proportion to their number, even while
/// it changes all the time.
const FEW: usize = 32;
/// The pause between two listings for each name in the directory, ns: some twentieth of the time goes into
/// listing at most.
const PAUSE: i64 = 20_000;

/// The rotated files that stood in a directory when it was listed.
#[derive(Debug)]
pub struct Listing {
    /// The mtime of the directory before it was listed; none if there was no directory.
    stamp: Option<i64>,
    /// When it was listed, ns.
    pub at: i64,
    /// In which turn of the follower it was listed.
    turn: u64,
    /// Why the directory may not be listed, if it may not.
    pub shut: Option<String>,
    /// The number of all names.
    names: usize,
    /// The rotated files, by the name of the log that they may come from.
    rotated: HashMap<OsString, Vec<(OsString, Compression)>>,
}

impl Listing {
    fn of<F: FileSystem>(fs: &F, dir: &Path, now: i64, turn: u64) -> io::Result<Self> {
        let stamp = there(fs.meta(dir))?.map(|meta| meta.mtime);
        let (names, shut) = match there(fs.list(dir)) {
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => (None, Some(e.to_string())),
            names => (names?, None),
        };
        let names = names.unwrap_or_default();
        let mut listing = Self {
            stamp,
            at: now,
            turn,
            shut,
            names: names.len(),
            rotated: HashMap::new(),
        };
        for name in names {
            for base in bases_of(&name) {
                if let Some(compression) = compression_of(&base, &name) {
                    let rotated = listing.rotated.entry(base).or_default();
                    rotated.push((name.clone(), compression));
                }
            }
        }
        Ok(listing)
    }

    /// The rotated files of a log.
    pub fn rotated(&self, base: &OsStr) -> &[(OsString, Compression)] {
        self.rotated.get(base).map_or(&[], Vec::as_slice)
    }

    /// Whether the directory had held still before it was listed (I9), so that its mtime tells of any
    /// change since.
    fn is_exact(&self) -> bool {
        self.stamp.is_some_and(|stamp| self.at - stamp >= QUIET)
    }
}

/// The last listing of each directory.
#[derive(Debug, Default)]
pub struct Listings {
    turn: u64,
    last: RefCell<HashMap<PathBuf, Arc<Listing>>>,
}

impl Listings {
    /// The next turn of the follower begins.
    pub fn next_turn(&mut self) {
        self.turn += 1;
    }

    /// Forgets the listings of directories that no log stands in.
    pub fn retain(&mut self, wanted: impl Fn(&Path) -> bool) {
        self.last.get_mut().retain(|dir, _| wanted(dir));
    }

    /// Lists a directory now. One that is not there or may not be listed has no names.
    ///
    /// # Errors
    /// A call failed.
    pub fn anew<F: FileSystem>(&self, fs: &F, dir: &Path, now: i64) -> io::Result<Arc<Listing>> {
        let listing = Arc::new(Listing::of(fs, dir, now, self.turn)?);
        let mut last = self.last.borrow_mut();
        last.insert(dir.to_path_buf(), listing.clone());
        Ok(listing)
    }

    fn last(&self, dir: &Path) -> Option<Arc<Listing>> {
        self.last.borrow().get(dir).cloned()
    }

    /// A listing of this turn, or one since which no name changed.
    ///
    /// # Errors
    /// A call failed.
    pub fn of_this_turn<F: FileSystem>(
        &self,
        fs: &F,
        dir: &Path,
        now: i64,
    ) -> io::Result<Arc<Listing>> {
        let stamp = || fs.meta(dir).map(|meta| meta.mtime).ok();
        let good = |l: &Arc<Listing>| l.turn == self.turn || (l.is_exact() && l.stamp == stamp());
        let last = self.last(dir).filter(good);
        last.map_or_else(|| self.anew(fs, dir, now), Ok)
    }

    /// A listing with what changed until `since` at the least, for a directory whose mtime is `stamp` now.
    /// None if it changed after it was listed, so short a time ago that it is not listed again yet.
    ///
    /// # Errors
    /// A call failed.
    pub fn since<F: FileSystem>(
        &self,
        fs: &F,
        dir: &Path,
        stamp: i64,
        (since, now): (i64, i64),
    ) -> io::Result<Option<Arc<Listing>>> {
        let Some(last) = self.last(dir) else {
            return self.anew(fs, dir, now).map(Some);
        };
        let unchanged = last.stamp == Some(stamp);
        if unchanged && (last.is_exact() || (last.turn == self.turn && last.at > since)) {
            return Ok(Some(last));
        }
        let pause = PAUSE.saturating_mul(i64::try_from(last.names).unwrap_or(i64::MAX));
        let due = last.names <= FEW || (now - last.at).abs() >= pause;
        due.then(|| self.anew(fs, dir, now)).transpose()
    }
}
