//! Files that a pattern names and that look like rotated files of a followed log, and logs that were
//! packed under their names. A rotated file does not grow once it was let go: one that grows, and
//! whose new bytes are no copy, is a log of its own.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::encoded::coding;
use super::fs::{FileId, FileSystem, Kind, LogFile};
use super::generation::Generation;
use super::index::Index;
use super::rotated::packed_log;
use super::start;
use super::track::{Done, MS, Track};
use crate::charset::Charset;
use crate::input::charsets::SharedCharsets;
use crate::logpath::LogPath;

/// Pause between two looks at the files while something is written, ns.
const OFTEN: i64 = 1_000 * MS;

/// A file beside a log when it was last looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    id: FileId,
    size: u64,
}

/// The files that may be logs of their own.
#[derive(Default)]
pub(super) struct Beside {
    files: HashMap<PathBuf, Seen>,
    /// Files that the patterns found and that were not there before.
    new: Vec<PathBuf>,
    /// Whether the files were looked at once.
    begun: bool,
    looked: i64,
}

impl Beside {
    /// A pattern named this file, which looks like a rotation of a followed one.
    pub fn note(&mut self, path: &Path) {
        if !self.files.contains_key(path) {
            self.new.push(path.to_owned());
        }
    }

    /// How long until the next look is due, ns; none if there is nothing to look at.
    pub fn due(&self, now: i64) -> Option<i64> {
        let left = OFTEN - (now - self.looked);
        (!self.files.is_empty()).then_some(left.max(0))
    }

    /// Looks which of the files grew. Gives those that are logs of their own, to be followed, and the numbers
    /// of the logs that are to look through their rotated files again.
    pub fn look<F: FileSystem>(
        &mut self,
        fs: &F,
        tracks: &mut [Track<F>],
        index: &Index,
        charsets: &SharedCharsets,
        now: i64,
    ) -> (Vec<Track<F>>, Vec<usize>) {
        self.looked = now;
        let mut stirred = Vec::new();
        if index.resuming > 0 {
            return (Vec::new(), stirred);
        }
        let begun = std::mem::replace(&mut self.begun, true);
        for path in std::mem::take(&mut self.new) {
            let Ok(meta) = fs.meta(&path) else { continue };
            let (id, size) = (meta.id, meta.size);
            let grown = |done: &Done| done.checkpoint.id == id && size > done.checkpoint.end;
            let mut others = tracks.iter().filter(|_| index.has_done(id));
            if begun || others.any(|track| track.done.iter().any(grown)) {
                // It may have been born and rotated away unseen.
                recheck(tracks, index, &path, &mut stirred);
            }
            self.files.insert(path, Seen { id, size });
        }
        let mut logs = Vec::new();
        self.files.retain(|path, seen| {
            let meta = fs.meta(path).ok().filter(|m| m.kind == Kind::Regular);
            let Some(meta) = meta else { return false };
            let (id, size) = (meta.id, meta.size);
            let before = std::mem::replace(seen, Seen { id, size });
            if index.holds(id).is_some() || before == *seen {
                return true;
            }
            if before.id != id || size < before.size {
                recheck(tracks, index, path, &mut stirred);
                return true;
            }
            let charset = charsets.now().of_path(path);
            match own_log(fs, tracks, index, path, (before, charset), now) {
                Some(track) => logs.push(track),
                None => recheck(tracks, index, path, &mut stirred),
            }
            logs.last().is_none_or(|log| log.path.as_path() != path)
        });
        (logs, stirred)
    }
}

/// The numbers of the logs that `path` may be a rotation of.
fn stems(index: &Index, path: &Path) -> BTreeSet<usize> {
    let logs = index.logs_of(path).into_iter();
    logs.filter_map(|log| index.number(&log)).collect()
}

/// The logs that `path` may be a rotation of look through their rotated files again.
fn recheck<F: FileSystem>(
    tracks: &mut [Track<F>],
    index: &Index,
    path: &Path,
    stirred: &mut Vec<usize>,
) {
    for at in stems(index, path) {
        if let Some(track) = tracks.get_mut(at) {
            track.look_again();
            stirred.push(at);
        }
    }
}

/// Follows a file that grew from where it was read to. None if what was added is a copy of what
/// stands in the log that it is named after.
fn own_log<F: FileSystem>(
    fs: &F,
    tracks: &mut [Track<F>],
    index: &Index,
    path: &Path,
    (before, charset): (Seen, Option<Charset>),
    now: i64,
) -> Option<Track<F>> {
    let file = fs.open(path).ok()?;
    let meta = file.meta().ok().filter(|meta| meta.id == before.id)?;
    let numbers = stems(index, path);
    let stems = tracks.iter_mut().enumerate();
    let stems = stems.filter(|(at, _)| numbers.contains(at));
    let mut stems: Vec<&mut Track<F>> = stems.map(|(_, track)| track).collect();
    let known = stems.iter().enumerate().find_map(|(n, track)| {
        let at = track
            .done
            .iter()
            .rposition(|done| done.checkpoint.fits(&file).unwrap_or(false))?;
        Some((n, at))
    });
    let from = match known.and_then(|(n, at)| Some(stems.get(n)?.done.get(at)?.checkpoint.offset)) {
        Some(offset) => offset,
        None => {
            let coding = coding(&file, charset).ok()?;
            start::last_line_end(&file, before.size, coding).ok()?
        }
    };
    let rewritten = |track: &&mut Track<F>| {
        // It was followed, and something else stands there now.
        let other = known.is_none() && track.done.iter().any(|done| done.checkpoint.id == meta.id);
        let copied = |from| track.is_copy(&file, meta.id, (from, meta.size));
        other || copied(0) || copied(from)
    };
    if stems.iter().any(rewritten) {
        return None;
    }
    let mut track = Track::new(path.to_owned(), None, None, now);
    let done = match known {
        Some((n, at)) => stems.get_mut(n)?.done.remove(at),
        None => {
            let mut generation = Generation::plain(file, meta.id, now);
            generation.seek(from).ok()?;
            Done::seen(generation.checkpoint, now)
        }
    };
    track.begin_after(done);
    Some(track)
}

/// The names of logs that were packed under their names since an instant, everywhere or at one place.
pub(super) fn compressed_since<F: FileSystem>(
    fs: &F,
    pattern: &LogPath,
    place: Option<&Path>,
    since: i64,
) -> Vec<PathBuf> {
    let mut text: OsString = pattern.as_path().as_os_str().to_owned();
    // With what the names of packed files begin behind the dot.
    text.push(".[gxzb]*");
    let pattern = LogPath::new(text);
    let found = match place {
        Some(place) => pattern.expand_at(fs, place).paths,
        None => pattern.expand(fs).paths,
    };
    let new = |path: &PathBuf| {
        fs.meta(path)
            .is_ok_and(|meta| meta.kind == Kind::Regular && meta.mtime >= since)
    };
    let found = found.into_iter().filter(new);
    found.filter_map(|path| packed_log(&path)).collect()
}
