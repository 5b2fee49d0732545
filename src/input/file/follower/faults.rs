//! What is told of the paths: what has become wrong with one, and what is well again.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::fs::FileSystem;
use super::super::track::{MISSING, Progress, Track};
use super::Follower;
use crate::counters::{Counter, Counters};
use crate::input::{Event, Fault, Notice};
use crate::logpath::Expansion;
use crate::shown::shown_path;

/// Why a file is not followed that was missing at the start.
pub(super) const SKIPPED: &str = "does not exist and is skipped (set tail_missing off)";

/// Tells what is wrong with a path.
pub(super) fn fault_of(path: &Path, fault: &str) -> Event {
    let mut counters = Counters::default();
    counters.add(Counter::InputFaults, 1);
    Event::Notice(Notice {
        level: log::Level::Warn,
        text: format!("{}: {fault}", shown_path(&path)),
        report: false,
        counters,
    })
}

impl<F: FileSystem> Follower<F> {
    /// Tells if directories of a pattern cannot be listed: it finds nothing in them, without a word.
    pub(super) fn tell_shut(
        &mut self,
        pattern: &Path,
        found: &Expansion,
        emit: &mut dyn FnMut(Event),
    ) {
        let Some((dir, why)) = found.shut.first() else {
            self.shut.remove(pattern);
            return;
        };
        let more = match found.shut.len() - 1 {
            0 => String::new(),
            more => format!("; nor can {more} more"),
        };
        let fault = format!("cannot list {}: {why}{more}", shown_path(dir));
        let before = self.shut.insert(pattern.to_path_buf(), fault.clone());
        if before.as_ref() != Some(&fault) {
            emit(fault_of(pattern, &fault));
        }
    }

    /// Tells which directories of rotated files (`set olddir`) cannot be listed: while one cannot, nobody knows
    /// whether a log has lines there that were not read.
    pub(super) fn look_at_olddirs(&mut self, now: i64, emit: &mut dyn FnMut(Event)) {
        let mut hidden = BTreeMap::new();
        for dir in self.index.olddirs() {
            let listing = self.listings.of_this_turn(&self.fs, dir, now);
            let why = listing.map_or_else(|e| Some(e.to_string()), |listing| listing.shut.clone());
            if let Some(why) = why {
                let fault = format!("olddir cannot be listed: {why}");
                hidden.insert(dir.to_path_buf(), fault);
            }
        }
        for (dir, fault) in &hidden {
            if self.hidden.get(dir) != Some(fault) {
                emit(fault_of(dir, fault));
            }
        }
        self.hidden = hidden;
    }

    /// Tells what has become wrong with a path, or well, since the last time. Here and not where it
    /// happens: a path that is no longer in the list has nobody else to tell it.
    pub(super) fn tell_faults(&mut self, emit: &mut dyn FnMut(Event)) {
        let skipped = self.skipped.iter().map(|path| (path.as_path(), SKIPPED));
        let shut = self
            .shut
            .iter()
            .map(|(path, fault)| (path.as_path(), fault.as_str()));
        let hidden = self.hidden.iter();
        let hidden = hidden.map(|(path, fault)| (path.as_path(), fault.as_str()));
        let tracks = self.tracks.iter();
        let faulty = tracks.filter_map(|t| Some((t.path.as_path(), t.fault()?)));
        let excused = |path: &Path| self.excused.is_some_and(|is_excused| is_excused(path));
        let faulty = faulty.filter(|(path, fault)| *fault != MISSING || !excused(path));
        let now: BTreeMap<&Path, &str> = skipped.chain(shut).chain(hidden).chain(faulty).collect();
        let told = self.faults.iter();
        if told.map(|(p, f)| (p.as_path(), f.as_str())).eq(now.clone()) {
            return;
        }
        let input = |path: &Path| shown_path(&path).to_string();
        for path in self
            .faults
            .keys()
            .filter(|p| !now.contains_key(p.as_path()))
        {
            let (input, fault) = (input(path), None);
            emit(Event::Health { input, fault });
        }
        for (path, fault) in &now {
            if self.faults.get(*path).is_none_or(|told| told != fault) {
                let fault = Some(Fault {
                    text: (*fault).to_owned(),
                    blind: ![SKIPPED, MISSING].contains(fault),
                });
                let input = input(path);
                emit(Event::Health { input, fault });
            }
        }
        let now = now.into_iter();
        self.faults = now.map(|(p, f)| (p.to_owned(), f.to_owned())).collect();
    }

    /// Tells how many files are left out, or closed until they grow, where that changed.
    pub(super) fn tell_left_out(&mut self, all: Progress, emit: &mut dyn FnMut(Event)) {
        let known = self.left_out.is(self.index.left_out, self.index.closed > 0);
        let room = self.index.left_out > 0 && self.index.closable > 0;
        if known || self.index.resuming > 0 || all.more || all.waiting || room {
            // How many there are shows when all have found their places again, and what is there is read.
            return;
        }
        let left = self.tracks.iter().filter(|track| track.is_left_out());
        let left: Vec<&Path> = left.map(|track| track.path.as_path()).collect();
        let paths = |track: &Track<F>| track.path.clone();
        let closed = self.tracks.iter().filter(|track| track.is_closed());
        let closed: Vec<_> = closed.map(paths).collect();
        let closed: Vec<&Path> = closed.iter().map(|path| path.as_path()).collect();
        let followed = self.tracks.iter().map(|track| track.path.as_path());
        self.left_out.tell(
            &self.budget,
            &self.configured,
            followed,
            (&left, &closed),
            emit,
        );
    }
}
