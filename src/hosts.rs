//! Numbers of hosts: a name is looked up once a line, and everything else that is kept by host is found by
//! number.

use bstr::{BStr, BString};
use hashbrown::HashTable;

use crate::simd::first_and_last;

/// Number of entries of the cache of recent hosts; a power of two.
const RECENT: usize = 256;

/// A host that a [`HostTable`] knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host<'a> {
    number: usize,
    name: &'a [u8],
}

impl<'a> Host<'a> {
    /// The number of the host in its table, from 0.
    pub fn number(self) -> usize {
        self.number
    }

    /// The name of the host, as the prefix gives it.
    pub fn name(self) -> &'a BStr {
        BStr::new(self.name)
    }
}

/// The hosts that have come so far.
#[derive(Debug)]
pub struct HostTable {
    names: Vec<BString>,
    /// The length of all names together, bytes.
    bytes: usize,
    /// The numbers, by the hashes of the names.
    numbers: HashTable<u32>,
    hasher: ahash::RandomState,
    /// A direct-mapped cache of recent hosts: most lines are found here, without the hash table.
    recent: Box<[RecentHost; RECENT]>,
}

/// A recent host.
#[derive(Clone, Copy, Debug)]
struct RecentHost {
    name: ShortName,
    number: u32,
}

/// A name of 4 to 16 bytes: its first eight and its last eight bytes, which may overlap, and its length.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct ShortName {
    ends: [u64; 2],
    length: usize,
}

impl ShortName {
    /// No name: the content of an unused entry.
    const NONE: Self = Self {
        ends: [0; 2],
        length: usize::MAX,
    };

    /// The name, if it has 4 to 16 bytes, as most have.
    #[inline(always)]
    fn new(name: &[u8]) -> Option<Self> {
        Some(Self {
            ends: first_and_last(name).filter(|_| name.len() <= 16)?,
            length: name.len(),
        })
    }

    /// The index of the entry for this name.
    fn place(self) -> usize {
        let [first, last] = self.ends;
        let mixed = (first.rotate_left(23) ^ last).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as usize % RECENT
    }
}

impl Default for HostTable {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            bytes: 0,
            numbers: HashTable::new(),
            hasher: ahash::RandomState::new(),
            recent: Box::new(
                [RecentHost {
                    name: ShortName::NONE,
                    number: 0,
                }; RECENT],
            ),
        }
    }
}

impl HostTable {
    /// The host of this name; a new one gets the next number.
    #[inline]
    pub fn host<'a>(&mut self, name: &'a [u8]) -> Host<'a> {
        let number = match ShortName::new(name) {
            Some(short) => {
                let recent = self.recent[short.place()];
                match recent.name == short {
                    true => recent.number,
                    false => self.learn(name, short),
                }
            }
            None => self.find(name),
        };
        let number = number as usize;
        Host { number, name }
    }

    /// Looks a host up in the hash table, and adds it to the cache.
    #[cold]
    fn learn(&mut self, name: &[u8], short: ShortName) -> u32 {
        let number = self.find(name);
        self.recent[short.place()] = RecentHost {
            name: short,
            number,
        };
        number
    }

    /// Looks a host up in the hash table; a new one gets the next number.
    #[cold]
    fn find(&mut self, name: &[u8]) -> u32 {
        let Self {
            names,
            bytes,
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
        *bytes += name.len();
        let hash_of = |&number: &u32| {
            let name = names.get(number as usize);
            name.map_or(0, |name| hasher.hash_one(&name[..]))
        };
        numbers.insert_unique(hash, number, hash_of);
        number
    }

    /// The number of hosts.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The length of all names together, bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is no host.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of the host with this number.
    pub fn name(&self, number: usize) -> Option<&BStr> {
        self.names.get(number).map(BString::as_ref)
    }

    /// The names of all hosts, in the order of their numbers.
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
