//! The lines before, by source and host: a syslog daemon that writes "last message repeated" means the
//! line before in the same file.

use bstr::{BStr, BString};

use super::repeat::Last;
use crate::hash::{FxHashMap, Map};

/// More lines before than these are not kept: files and hosts can be invented.
const MOST: usize = 1 << 16;
/// The same for the memory of their texts, bytes.
const MOST_BYTES: usize = 64 << 20;

/// The lines before.
#[derive(Debug, Default)]
pub(super) struct Lasts {
    sources: Vec<Source>,
    /// The sources by their names.
    numbers: Map<BString, usize>,
    /// Of a snapshot that kept one line a host, whatever its source.
    of_any: FxHashMap<u32, Last>,
    /// How many lines are kept.
    kept: usize,
    /// The memory of their texts, bytes.
    bytes: usize,
}

/// Where lines come from, and the line before of each of its hosts, by their numbers.
#[derive(Debug, Default)]
struct Source {
    name: BString,
    last: FxHashMap<u32, Last>,
}

/// A source that [`Lasts`] knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct SourceId(usize);

impl Lasts {
    /// The source of this name.
    pub(super) fn source(&mut self, name: &BStr) -> SourceId {
        if let Some(&number) = self.numbers.get(name) {
            return SourceId(number);
        }
        let number = self.sources.len();
        self.numbers.insert(name.to_owned(), number);
        self.sources.push(Source {
            name: name.to_owned(),
            last: FxHashMap::default(),
        });
        SourceId(number)
    }

    /// Changes the line before of a source and host.
    #[inline]
    pub(super) fn set(
        &mut self,
        SourceId(source): SourceId,
        host: usize,
        change: impl FnOnce(&mut Last),
    ) {
        let (Ok(host), Some(source)) = (u32::try_from(host), self.sources.get_mut(source)) else {
            return;
        };
        let Self { kept, bytes, .. } = self;
        let last = source.last.entry(host).or_insert_with(|| {
            *kept += 1;
            Last::default()
        });
        let before = last.room();
        change(last);
        *bytes = bytes.saturating_sub(before).saturating_add(last.room());
    }

    /// The line before of a source and host, if there is one.
    pub(super) fn get(&self, SourceId(source): SourceId, host: usize) -> Option<&Last> {
        let host = u32::try_from(host).ok()?;
        let own = self.sources.get(source).and_then(|s| s.last.get(&host));
        own.or_else(|| self.of_any.get(&host))
    }

    /// Takes the line before of a host from a snapshot that does not tell its source.
    pub(super) fn of_any(&mut self, host: usize, last: Last) {
        if let Ok(host) = u32::try_from(host) {
            self.kept += usize::from(self.of_any.insert(host, last).is_none());
        }
    }

    /// Whether there are more than may be.
    pub(super) fn full(&self) -> bool {
        self.kept > MOST || self.sources.len() > MOST || self.bytes > MOST_BYTES
    }

    /// Forgets them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All of them, to be changed.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Last> {
        let sources = self.sources.iter_mut();
        let own = sources.flat_map(|source| source.last.values_mut());
        own.chain(self.of_any.values_mut())
    }

    /// All of them: the source, nothing where it is not known, the number of the host, and the line.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&BStr>, usize, &Last)> {
        let own = self.sources.iter().flat_map(|source| {
            let lines = source.last.iter();
            lines.map(|(&host, last)| (Some(source.name.as_ref()), host as usize, last))
        });
        let of_any = self.of_any.iter();
        own.chain(of_any.map(|(&host, last)| (None, host as usize, last)))
    }
}
