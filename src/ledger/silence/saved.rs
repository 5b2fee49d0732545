//! What the state keeps of silences: each watch under its name, and of a commit the watches that changed.
//!
//! A last line alone is no change: it is written with the next quarter hour in which the host writes. After a
//! crash a silence counts from the start anyway.

use std::collections::BTreeMap;

use bstr::BString;
use serde::{Deserialize, Serialize};

use super::pauses::Pauses;
use super::ring::Ring;
use super::site::{Mode, Site};
use super::state::{Flaps, Past, State};
use super::table::{Outage, Silence, Watch};
use super::watch::Learnt;
use crate::clock::Time;

/// The watches of a site.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SavedSilence {
    site: SavedSite,
    watches: BTreeMap<BString, SavedWatch>,
}

/// What is not of one host.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct SavedSite {
    heard: Time,
    whole: (i64, Vec<u32>),
    outage: Option<Outage>,
    week: i64,
}

/// A watch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct SavedWatch {
    is_file: bool,
    source: BString,
    first: Time,
    last: Time,
    ring: (i64, BString),
    pauses: (i64, Vec<u32>),
    broken: [Option<Time>; 2],
    in_vain: Option<Time>,
    state: State,
    past: Option<Past>,
    flaps: Option<Flaps>,
}

/// The watches that changed since the last commit, and the names that are watched no more.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SilenceChange {
    site: SavedSite,
    watches: Vec<(BString, SavedWatch)>,
    gone: Vec<BString>,
}

impl SavedSilence {
    /// The hosts and files whose silence was told and lasts, each with its beginning.
    pub fn silent(&self) -> impl Iterator<Item = (&BString, Time)> {
        self.watches
            .iter()
            .filter_map(|(name, watch)| match watch.state {
                State::Silent(silent) => Some((name, silent.since)),
                State::Heard | State::Returning(..) => None,
            })
    }

    /// Makes the changes of a commit.
    pub fn make(&mut self, change: SilenceChange) {
        self.site = change.site;
        for name in &change.gone {
            self.watches.remove(name);
        }
        self.watches.extend(change.watches);
    }
}

impl SavedWatch {
    fn new(watch: &Watch) -> Self {
        let learnt = &watch.learnt;
        Self {
            is_file: watch.file.is_some(),
            source: watch.source.clone(),
            first: learnt.first,
            last: learnt.last,
            ring: learnt.ring.saved(),
            pauses: learnt.pauses.saved(),
            broken: learnt.broken,
            in_vain: learnt.in_vain,
            state: watch.state,
            past: watch.past,
            flaps: watch.flaps,
        }
    }

    fn restored(self, name: BString, mode: Mode) -> Watch {
        Watch {
            name,
            file: self.is_file.then_some(None),
            source: self.source,
            mode,
            learnt: Learnt {
                first: self.first,
                last: self.last,
                ring: Ring::restored(self.ring.0, &self.ring.1),
                pauses: Pauses::restored(self.pauses.0, &self.pauses.1),
                broken: self.broken,
                in_vain: self.in_vain,
            },
            held: self.last,
            due: None,
            state: self.state,
            past: self.past,
            flaps: self.flaps,
        }
    }
}

impl Silence {
    fn saved_site(&self) -> SavedSite {
        SavedSite {
            heard: self.heard,
            whole: self.whole.saved(),
            outage: self.outage,
            week: self.week,
        }
    }

    /// All watches, for a snapshot.
    pub fn saved(&self) -> SavedSilence {
        let watches = self.watches.iter().flatten();
        SavedSilence {
            site: self.saved_site(),
            watches: watches
                .map(|watch| (watch.name.clone(), SavedWatch::new(watch)))
                .collect(),
        }
    }

    /// What changed since the last commit.
    pub fn changes(&self) -> Option<SilenceChange> {
        if self.changed.is_empty() && self.gone.is_empty() {
            return None;
        }
        let slots = self.changed.iter();
        let watches = slots.filter_map(|slot| self.watches.get(*slot)?.as_ref());
        Some(SilenceChange {
            site: self.saved_site(),
            watches: watches
                .map(|watch| (watch.name.clone(), SavedWatch::new(watch)))
                .collect(),
            gone: self.gone.clone(),
        })
    }

    /// To be called when a commit was made of all watches as they are.
    pub fn committed(&mut self) {
        self.changed.clear();
        self.gone.clear();
    }

    /// Goes on from what a commit holds; no silence counts from before `now`.
    pub fn restore(&mut self, saved: SavedSilence, now: Time, site: &dyn Site) {
        let SavedSite {
            heard,
            whole: (newest, longest),
            outage,
            week,
        } = saved.site;
        self.heard = heard;
        self.whole = Pauses::restored(newest, &longest);
        self.outage = outage;
        self.week = week;
        self.begin(now);
        self.leap.note(heard, now);
        self.site_clock_was_set(now);
        for (name, watch) in saved.watches {
            let mode = site.mode(name.as_ref());
            if mode != Mode::Off {
                self.often |= watch.flaps.is_some();
                let mut watch = watch.restored(name, mode);
                // The run before may have had another clock.
                watch.clock_was_set(now);
                let slot = self.put(watch);
                self.plan(slot, now, site);
            }
        }
    }
}
