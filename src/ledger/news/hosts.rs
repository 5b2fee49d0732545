//! The hosts that had kinds.

use std::collections::HashMap;

use bstr::{BStr, BString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::ledger::Day;

/// A host, and since when it is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KnownHost {
    /// Its name.
    pub name: BString,
    /// The day on which it was first seen.
    pub first: Day,
    /// The day on which it was last seen.
    pub last: Day,
}

/// The hosts that are known, each with its number: kinds name the host that had them first by it.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// The hosts by their numbers; nothing where one was forgotten.
    hosts: Vec<Option<KnownHost>>,
    numbers: HashMap<BString, u16, ahash::RandomState>,
}

impl Hosts {
    /// The number of the host of this name.
    pub fn number(&self, name: &BStr) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The host of this number.
    pub fn get(&self, number: u16) -> Option<&KnownHost> {
        self.hosts.get(usize::from(number))?.as_ref()
    }

    /// The number that the next new host gets.
    pub fn free(&self) -> u16 {
        let free = match self.numbers.len() < self.hosts.len() {
            true => self.hosts.iter().position(Option::is_none),
            false => None,
        };
        let free = free.unwrap_or(self.hosts.len());
        u16::try_from(free).unwrap_or(super::kinds::NOBODY)
    }

    /// Sets the host of this number.
    pub fn put(&mut self, number: u16, host: KnownHost) {
        let place = usize::from(number);
        if self.hosts.len() <= place {
            self.hosts.resize(place + 1, None);
        }
        if let Some(place) = self.hosts.get_mut(place) {
            self.numbers.insert(host.name.clone(), number);
            if let Some(before) = place.replace(host)
                && Some(&before.name) != place.as_ref().map(|host| &host.name)
            {
                self.numbers.remove(&before.name);
            }
        }
    }

    /// Forgets the host of this number.
    pub fn forget(&mut self, number: u16) {
        let place = self.hosts.get_mut(usize::from(number));
        if let Some(host) = place.and_then(Option::take) {
            self.numbers.remove(&host.name);
        }
    }

    /// The number of hosts.
    pub fn count(&self) -> usize {
        self.numbers.len()
    }

    /// All hosts with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &KnownHost)> {
        let numbered = (0..).zip(&self.hosts);
        numbered.filter_map(|(number, host)| Some((number, host.as_ref()?)))
    }
}

impl PartialEq for Hosts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.hosts.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hosts = Vec::<Option<KnownHost>>::deserialize(deserializer)?;
        let named = (0..).zip(&hosts);
        let numbers = named.filter_map(|(n, host)| Some((host.as_ref()?.name.clone(), n)));
        let numbers = numbers.collect();
        Ok(Self { hosts, numbers })
    }
}
