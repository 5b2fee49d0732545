//! Hosts by number: a name is looked up once a line, and everything kept by host is found by number.

use bstr::{BStr, BString};
use hashbrown::HashTable;

use crate::fast::{mark, same};

/// So many places remember the host that was last seen there; a power of two.
const NEAR: usize = 256;

/// A host that a [`HostTable`] knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host<'a> {
    number: usize,
    name: &'a [u8],
}

impl<'a> Host<'a> {
    /// Its number in its table, from 0.
    pub fn number(self) -> usize {
        self.number
    }

    /// Its name, as the prefix gives it.
    pub fn name(self) -> &'a BStr {
        BStr::new(self.name)
    }
}

/// The hosts that have come so far.
#[derive(Debug)]
pub struct HostTable {
    names: Vec<BString>,
    /// The numbers, by the hashes of the names.
    numbers: HashTable<u32>,
    hasher: ahash::RandomState,
    /// The numbers of hosts seen of late, by [`mark`]: most lines need no more than a look here.
    near: Box<[u32; NEAR]>,
}

impl Default for HostTable {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            numbers: HashTable::new(),
            hasher: ahash::RandomState::new(),
            near: Box::new([u32::MAX; NEAR]),
        }
    }
}

impl HostTable {
    /// The host of this name; a new one gets the next number.
    #[inline]
    pub fn host<'a>(&mut self, name: &'a [u8]) -> Host<'a> {
        let place = mark(name) as usize % NEAR;
        let number = self.near[place] as usize;
        if self
            .names
            .get(number)
            .is_some_and(|known| same(known, name))
        {
            return Host { number, name };
        }
        let number = self.find(name);
        self.near[place] = number;
        let number = number as usize;
        Host { number, name }
    }

    #[cold]
    fn find(&mut self, name: &[u8]) -> u32 {
        let Self {
            names,
            numbers,
            hasher,
            ..
        } = self;
        let hash = hasher.hash_one(name);
        let same = |&number: &u32| names.get(number as usize).is_some_and(|n| n == name);
        if let Some(&number) = numbers.find(hash, same) {
            return number;
        }
        let number = u32::try_from(names.len()).unwrap_or(u32::MAX);
        names.push(name.into());
        let hash_of = |&number: &u32| {
            let name = names.get(number as usize);
            name.map_or(0, |name| hasher.hash_one(&name[..]))
        };
        numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names, by number.
    pub fn names(&self) -> impl Iterator<Item = &BStr> {
        self.names.iter().map(BString::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_keeps_its_number() {
        let mut table = HostTable::default();
        let names: Vec<String> = (0..2_000)
            .map(|n| format!("{}h{n}", "x".repeat(n % 20)))
            .collect();
        for round in 0..3 {
            for (number, name) in names.iter().enumerate() {
                let host = table.host(name.as_bytes());
                assert_eq!(
                    (host.number(), host.name()),
                    (number, BStr::new(name)),
                    "{round}"
                );
            }
        }
        assert_eq!(table.len(), names.len());
        assert!(table.names().eq(names.iter().map(BStr::new)));
        for name in ["", "a", "ab", "abc", "abcd"] {
            let number = table.host(name.as_bytes()).number();
            assert_eq!(table.host(name.as_bytes()).number(), number);
        }
    }
}
