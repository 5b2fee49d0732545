//! Where things stand in the sections of a snapshot, while records are read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bstr::{BStr, BString, ByteSlice};

use crate::input::file::PathCheckpoints;
use crate::monitor::{SavedCounter, SavedLast, SavedSource};

/// Where things stand in the sections of a snapshot: to look through all of them for each change would take
/// minutes where there are many. Each is made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct Places {
    files: Option<HashMap<PathBuf, usize>>,
    counters: Option<HashMap<String, HashMap<BString, usize>>>,
    sources: Option<HashMap<BString, usize>>,
    /// The places of the hosts of each source.
    hosts: HashMap<usize, HashMap<BString, usize>>,
}

impl Places {
    /// The place of the checkpoints of a path. If there are none, they are to be added at the end.
    pub(super) fn of_file(&mut self, all: &[PathCheckpoints], path: &Path) -> Option<usize> {
        let places = self.files.get_or_insert_with(|| {
            let paths = all.iter().map(|file| file.path.clone());
            paths.zip(0..).collect()
        });
        let known = places.get(path).copied();
        if known.is_none() {
            places.insert(path.to_owned(), all.len());
        }
        known
    }

    /// The place of a counter. If there is none, it is to be added at the end.
    pub(super) fn of_counter(
        &mut self,
        all: &[SavedCounter],
        counter: &SavedCounter,
    ) -> Option<usize> {
        let places = self.counters.get_or_insert_with(|| {
            let mut places: HashMap<String, HashMap<BString, usize>> = HashMap::new();
            for (counter, place) in all.iter().zip(0..) {
                let hosts = places.entry(counter.rule.clone()).or_default();
                hosts.insert(counter.host.clone(), place);
            }
            places
        });
        let hosts = places.entry(counter.rule.clone()).or_default();
        let known = hosts.get(&counter.host).copied();
        if known.is_none() {
            hosts.insert(counter.host.clone(), all.len());
        }
        known
    }

    /// The place of a source. If there is none, it is to be added at the end.
    pub(super) fn of_source(&mut self, all: &[SavedSource], source: &BString) -> Option<usize> {
        let places = self.sources.get_or_insert_with(|| {
            let names = all.iter().map(|source| source.source.clone());
            names.zip(0..).collect()
        });
        let known = places.get(source).copied();
        if known.is_none() {
            places.insert(source.clone(), all.len());
        }
        known
    }

    /// Sets the last line of a host in the source of this place.
    pub(super) fn set_last(&mut self, source: usize, all: &mut Vec<SavedLast>, last: SavedLast) {
        let hosts = self.hosts.entry(source).or_insert_with(|| {
            let names = all.iter().map(|last| last.host.clone());
            names.zip(0..).collect()
        });
        let host: &BStr = last.host.as_bstr();
        match hosts.get(host).and_then(|place| all.get_mut(*place)) {
            Some(place) => *place = last,
            None => {
                hosts.insert(last.host.clone(), all.len());
                all.push(last);
            }
        }
    }

    /// To be called when all sources are gone.
    pub(super) fn no_sources(&mut self) {
        self.sources = None;
        self.hosts.clear();
    }
}
