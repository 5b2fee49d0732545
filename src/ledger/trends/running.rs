//! The hosts of the running periods: how many lines each rule had of each.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::hash::Map;

/// Counts of a rule and a host, at most: whoever sends lines can invent names.
const MOST_PAIRS: usize = 100_000;
/// Hosts that are told apart, at most.
const MOST_HOSTS: usize = 1 << 14;
/// The longest name of a host that is told apart, bytes: no name in DNS is longer.
const LONGEST: usize = 255;

/// The lines of each rule and host in the running periods.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Running {
    /// The names of the hosts.
    names: Vec<BString>,
    /// The lines of each rule, by its key, and of each host, by the place of its name.
    rules: BTreeMap<u64, BTreeMap<u32, u32>>,
    /// The places of the names, and the number of counts; made of the above.
    #[serde(skip)]
    places: Map<BString, u32>,
    #[serde(skip)]
    pairs: usize,
}

/// What is made of the rest is not compared.
impl PartialEq for Running {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names && self.rules == other.rules
    }
}

impl Running {
    /// Makes what is not kept, after it was read.
    pub(super) fn begin(&mut self) {
        self.places = self.names.iter().cloned().zip(0..).collect();
        self.pairs = self.rules.values().map(BTreeMap::len).sum();
    }

    /// The number of hosts that have names.
    pub(super) fn hosts(&self) -> usize {
        self.names.len()
    }

    /// The names of the hosts from this place on.
    pub(super) fn names_from(&self, place: usize) -> &[BString] {
        self.names.get(place..).unwrap_or_default()
    }

    /// The place of a host, which has one from now on if there is room.
    pub(super) fn host(&mut self, name: &BStr) -> Option<u32> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.names.len() >= MOST_HOSTS || name.len() > LONGEST {
            return None;
        }
        let place = u32::try_from(self.names.len()).ok()?;
        self.places.insert(name.to_owned(), place);
        self.names.push(name.to_owned());
        Some(place)
    }

    /// Whether a count of this rule and host is kept, or there is room for it.
    pub(super) fn has_room(&self, key: u64, host: u32) -> bool {
        let known = || {
            self.rules
                .get(&key)
                .is_some_and(|rule| rule.contains_key(&host))
        };
        self.pairs < MOST_PAIRS || known()
    }

    /// Adds names of hosts, as a commit holds them.
    pub(super) fn add_names(&mut self, names: Vec<BString>) {
        self.names.extend(names);
    }

    /// Adds lines of a rule and a host.
    pub(super) fn add(&mut self, key: u64, host: u32, n: u64) {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let hosts = self.rules.entry(key).or_default();
        let before = hosts.len();
        let count = hosts.entry(host).or_default();
        *count = count.saturating_add(n);
        self.pairs += hosts.len() - before;
    }

    /// The host that had most lines of a rule, with their number.
    pub(super) fn most(&self, key: u64) -> Option<(&BString, u32)> {
        let hosts = self.rules.get(&key)?.iter();
        let (host, count) = hosts.max_by_key(|(_, count)| **count)?;
        Some((self.names.get(*host as usize)?, *count))
    }

    /// The hosts of a rule with their lines, the most first.
    pub(super) fn hosts_of(&self, key: u64) -> Vec<(&BString, u32)> {
        let hosts = self.rules.get(&key).into_iter().flatten();
        let named = hosts.filter_map(|(host, n)| Some((self.names.get(*host as usize)?, *n)));
        let mut named: Vec<_> = named.collect();
        named.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        named
    }

    /// Forgets the counts of rules, and the names of hosts that have none left.
    pub(super) fn forget(&mut self, forgotten: impl Fn(u64) -> bool) {
        self.rules.retain(|key, _| !forgotten(*key));
        let hosts = self.rules.values().flat_map(BTreeMap::keys);
        let used: BTreeSet<u32> = hosts.copied().collect();
        let places: BTreeMap<u32, u32> = used.iter().copied().zip(0..).collect();
        let named = used
            .iter()
            .filter_map(|host| self.names.get(*host as usize));
        self.names = named.cloned().collect();
        for hosts in self.rules.values_mut() {
            let moved = std::mem::take(hosts).into_iter();
            *hosts = moved
                .filter_map(|(host, n)| Some((*places.get(&host)?, n)))
                .collect();
        }
        self.begin();
    }
}
