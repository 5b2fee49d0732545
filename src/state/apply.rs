//! How the changes of a commit are made to the sections of the commit before.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::places::Places;
use crate::delivery::outbox::{Outbox, OutboxChange};
use crate::input::file::{PathChange, PathCheckpoints};
use crate::input::journal::{Positions, PositionsChange};
use crate::ledger::silence::{ExpectedChange, SavedExpected, SavedSilence, SilenceChange};
use crate::ledger::{News, NewsChange, Trends, TrendsChange};
use crate::monitor::{
    ContinuedChange, ContinuingChange, SavedContinued, SavedContinuing, SavedCounter, SavedQueue,
    SavedSource, SourcesChange,
};
use crate::queue::{Tally, TallyChange};
use crate::site::{SavedSite, SiteChange};

/// A section to which changes of the type `C` can be made.
pub(super) trait Apply<C> {
    /// Makes the changes; `places` tells where the items stand that they change.
    ///
    /// # Errors
    /// The changes do not fit this section; the text says how that was seen.
    fn apply(&mut self, change: C, places: &mut Places) -> Result<(), String>;
}

/// A small section is written whole when it changed.
impl<T> Apply<T> for T {
    fn apply(&mut self, change: T, _: &mut Places) -> Result<(), String> {
        *self = change;
        Ok(())
    }
}

/// The changes of a map.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MapChange<K, V> {
    /// The keys that are new or have another value.
    pub put: Vec<(K, V)>,
    /// The keys that are gone.
    pub gone: Vec<K>,
}

impl<K: Eq + Hash, V> Apply<MapChange<K, V>> for HashMap<K, V> {
    fn apply(&mut self, change: MapChange<K, V>, _: &mut Places) -> Result<(), String> {
        for key in &change.gone {
            self.remove(key);
        }
        self.extend(change.put);
        Ok(())
    }
}

impl Apply<Vec<PathChange>> for Vec<PathCheckpoints> {
    fn apply(&mut self, change: Vec<PathChange>, places: &mut Places) -> Result<(), String> {
        for change in change {
            let place = places.of_file(self, &change.path);
            let before = place.and_then(|place| self.get(place));
            let now = change.make(before)?;
            match place.and_then(|place| self.get_mut(place)) {
                Some(place) => *place = now,
                None => self.push(now),
            }
        }
        Ok(())
    }
}

/// A queue as a commit changed it.
type QueueChange = SavedQueue<Option<TallyChange>>;

impl Apply<Vec<QueueChange>> for Vec<SavedQueue> {
    fn apply(&mut self, change: Vec<QueueChange>, _: &mut Places) -> Result<(), String> {
        for change in change {
            let known = self.iter_mut().find(|queue| queue.name == change.name);
            let mut tally = Tally::default();
            let place = match known {
                Some(queue) => {
                    std::mem::swap(&mut tally, &mut queue.tally);
                    Some(queue)
                }
                None => None,
            };
            let (queue, change) = change.split();
            if let Some(change) = change {
                let told = |e| format!("queue {}: {e}", queue.name);
                tally.apply(change).map_err(told)?;
            }
            let queue = queue.with(tally);
            match place {
                Some(place) => *place = queue,
                None => self.push(queue),
            }
        }
        Ok(())
    }
}

/// Escalation counters with their lines now; those with none are gone.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct CountersChange(Vec<SavedCounter>);

impl Apply<CountersChange> for Vec<SavedCounter> {
    fn apply(&mut self, change: CountersChange, places: &mut Places) -> Result<(), String> {
        for change in change.0 {
            let place = places.of_counter(self, &change);
            match place.and_then(|place| self.get_mut(place)) {
                Some(counter) => counter.count = change.count,
                None => self.push(change),
            }
        }
        Ok(())
    }
}

impl Apply<SourcesChange> for Vec<SavedSource> {
    fn apply(&mut self, change: SourcesChange, places: &mut Places) -> Result<(), String> {
        if change.anew {
            self.clear();
            places.no_sources();
        }
        for mut change in change.sources {
            let place = places.of_source(self, &change.source);
            let Some(source) = place.and_then(|place| self.get_mut(place)) else {
                let last = std::mem::take(&mut change.last);
                self.push(change);
                let Some((place, source)) = self.len().checked_sub(1).zip(self.last_mut()) else {
                    continue;
                };
                for last in last {
                    places.set_last(place, &mut source.last, last);
                }
                continue;
            };
            let place = place.unwrap_or_default();
            for last in change.last {
                places.set_last(place, &mut source.last, last);
            }
        }
        Ok(())
    }
}

impl Apply<BTreeMap<String, ContinuedChange>> for SavedContinued {
    fn apply(
        &mut self,
        change: BTreeMap<String, ContinuedChange>,
        _: &mut Places,
    ) -> Result<(), String> {
        for (queue, change) in change {
            let lines = self.entry(queue).or_default();
            if change.anew {
                lines.clear();
            }
            lines.extend(change.lines);
        }
        self.retain(|_, lines| !lines.is_empty());
        Ok(())
    }
}

impl Apply<ContinuingChange> for SavedContinuing {
    fn apply(&mut self, change: ContinuingChange, _: &mut Places) -> Result<(), String> {
        if change.anew {
            self.clear();
        }
        for (name, change) in change.sources {
            let source = self.entry(name).or_default();
            source.latest = change.latest;
            source.hosts.extend(change.hosts);
        }
        Ok(())
    }
}

impl Apply<SilenceChange> for SavedSilence {
    fn apply(&mut self, change: SilenceChange, _: &mut Places) -> Result<(), String> {
        self.make(change);
        Ok(())
    }
}

impl Apply<SiteChange> for SavedSite {
    fn apply(&mut self, change: SiteChange, _: &mut Places) -> Result<(), String> {
        SavedSite::apply(self, change);
        Ok(())
    }
}

impl Apply<ExpectedChange> for SavedExpected {
    fn apply(&mut self, change: ExpectedChange, _: &mut Places) -> Result<(), String> {
        change.make(self);
        Ok(())
    }
}

impl Apply<PositionsChange> for Positions {
    fn apply(&mut self, change: PositionsChange, _: &mut Places) -> Result<(), String> {
        self.make(change);
        Ok(())
    }
}

impl Apply<OutboxChange> for Outbox {
    fn apply(&mut self, change: OutboxChange, _: &mut Places) -> Result<(), String> {
        self.make(change)
    }
}

impl Apply<NewsChange> for News {
    fn apply(&mut self, change: NewsChange, _: &mut Places) -> Result<(), String> {
        self.take_changes(change);
        Ok(())
    }
}

impl Apply<TrendsChange> for Trends {
    fn apply(&mut self, change: TrendsChange, _: &mut Places) -> Result<(), String> {
        self.take_changes(change);
        Ok(())
    }
}
