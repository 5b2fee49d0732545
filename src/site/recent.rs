//! What was heard of late, each thing once.

use std::collections::BTreeMap;

use chrono::TimeDelta;

use crate::clock::Time;

/// How long a thing stands in our word after it was heard: other consoles read the word once a minute, and may miss one.
const HEARD: TimeDelta = TimeDelta::seconds(150);
/// Things in our word, at most.
const MOST: usize = 20_000;

/// What was heard of late, and when.
#[derive(Debug)]
pub(super) struct Recent<T>(BTreeMap<T, Time>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord + Clone> Recent<T> {
    /// Notes that these were heard now.
    pub(super) fn note(&mut self, heard: Vec<T>, now: Time) {
        for thing in heard {
            if self.0.len() < MOST || self.0.contains_key(&thing) {
                self.0.insert(thing, now);
            }
        }
    }

    /// What was heard of late. The rest is forgotten.
    pub(super) fn names(&mut self, now: Time) -> Vec<T> {
        self.0.retain(|_, at| *at > now - HEARD);
        self.0.keys().cloned().collect()
    }
}
