//! The lag of a log: the bytes that are there and not taken yet.
//!
//! The snapshot has the positions, the file system the lengths of now: the names and inodes are
//! enough, so the logs themselves need not be readable.

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::input::file::{
    FileCheckpoint, FileSystem, Kind, Listings, Meta, PathCheckpoints, RealFs, is_compressed,
};
use crate::input::journal::Unread;

/// A generation of a log: the file that has the path now, or one that was rotated away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Generation {
    /// The path that the file has now, if it was found.
    pub path: Option<PathBuf>,
    /// The offset of the next byte to take.
    pub position: u64,
    /// The number of bytes from there on.
    pub lag: u64,
    /// Whether the log's path names this file.
    pub live: bool,
}

struct Found {
    path: PathBuf,
    meta: Meta,
}

/// The generations of a log that are followed, oldest first, and those that nobody has looked at
/// yet. Compressed ones count as far as they were known, and what is followed by itself does not count.
pub fn generations(
    marks: &PathCheckpoints,
    followed: &HashSet<&Path>,
    listings: &Listings,
) -> Vec<Generation> {
    let live = look(&marks.path);
    let live_id = live.as_ref().map(|live| live.meta.id);
    let files: Vec<Found> = {
        let siblings = siblings(&marks.path, listings).into_iter();
        let siblings = siblings.filter(|file| !followed.contains(file.path.as_path()));
        live.into_iter().chain(siblings).collect()
    };
    let is_live = |file: &Found| Some(file.meta.id) == live_id;
    let known = marks.files.iter().map(|mark| {
        let file = files.iter().find(|file| file.meta.id == mark.id);
        Generation {
            path: file.map(|file| file.path.clone()),
            position: mark.offset,
            lag: left(mark, file.filter(|f| is_live(f) || !is_compressed(&f.path))),
            live: file.is_some_and(is_live),
        }
    });
    let mut generations: Vec<Generation> = known.collect();
    let mut new: Vec<&Found> = files.iter().collect();
    new.retain(|file| {
        let followed = marks.files.iter().any(|mark| mark.id == file.meta.id);
        // A file that was rotated away before the snapshot is done with.
        let late = file.meta.mtime > marks.seen && !is_compressed(&file.path);
        !followed && (is_live(file) || late)
    });
    new.sort_by_key(|file| (is_live(file), file.meta.mtime));
    for file in new {
        let mut done = marks.done.iter().filter(|mark| mark.id == file.meta.id);
        let position = match done.clone().find(|mark| fits(mark, &file.path)) {
            Some(mark) => mark.offset,
            // Read to its end and let go. The live file only has the inode of one that is gone.
            None if !is_live(file) && done.next().is_some() => continue,
            None => 0,
        };
        generations.push(Generation {
            path: Some(file.path.clone()),
            position,
            lag: file.meta.size.saturating_sub(position),
            live: is_live(file),
        });
    }
    generations
}

/// Bytes of all logs and of the journal that are not taken yet, and the log or the directory of the journal with the
/// most of them.
pub fn of_all(files: &[PathCheckpoints], journal: &[Unread]) -> (u64, Option<PathBuf>) {
    let followed: HashSet<&Path> = files.iter().map(|marks| marks.path.as_path()).collect();
    let listings = Listings::default();
    let lag = |marks: &PathCheckpoints| {
        let generations = generations(marks, &followed, &listings);
        let lags = generations.iter().map(|generation| generation.lag);
        lags.fold(0, u64::saturating_add)
    };
    let logs = files.iter().map(|marks| (lag(marks), marks.path.as_path()));
    let journal = journal
        .iter()
        .map(|unread| (unread.bytes, unread.directory.as_path()));
    let lags: Vec<(u64, &Path)> = logs.chain(journal).collect();
    let sum = lags
        .iter()
        .fold(0, |sum: u64, (lag, _)| sum.saturating_add(*lag));
    let most = lags.iter().max_by_key(|(lag, _)| *lag);
    (sum, most.map(|(_, path)| path.to_path_buf()))
}

fn left(mark: &FileCheckpoint, file: Option<&Found>) -> u64 {
    match file {
        // The file was truncated, or has the inode of a deleted one: all of it is new.
        Some(file) if file.meta.size < mark.offset || differs(mark, &file.path) => file.meta.size,
        Some(file) => file.meta.size - mark.offset,
        None => mark.end.saturating_sub(mark.offset),
    }
}

/// Whether the file can be read, and is the file of this mark.
fn fits(mark: &FileCheckpoint, path: &Path) -> bool {
    File::open(path).is_ok_and(|file| mark.fits(&file).unwrap_or(false))
}

/// Whether the file can be read, and is another file than the one of this mark.
fn differs(mark: &FileCheckpoint, path: &Path) -> bool {
    File::open(path).is_ok_and(|file| mark.fits(&file).is_ok_and(|fits| !fits))
}

fn look(path: &Path) -> Option<Found> {
    let meta = RealFs.meta(path).ok()?;
    (meta.kind == Kind::Regular).then(|| Found {
        path: path.to_owned(),
        meta,
    })
}

fn siblings(path: &Path, listings: &Listings) -> Vec<Found> {
    let (Some(dir), Some(base)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    // There is one turn: each directory is listed once, for all its logs.
    let Ok(listing) = listings.of_this_turn(&RealFs, dir, 0) else {
        return Vec::new();
    };
    let names = listing.rotated(base).iter();
    names
        .filter_map(|(name, _)| look(&dir.join(name)))
        .collect()
}
