//! What the next report of a queue has to tell.

use std::collections::HashMap;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::ledger::Day;

/// Items that wait for a report, at most; more are only counted.
pub const MOST_ITEMS: usize = 1000;
/// Lines that belong to the items of a report, at most; more are not counted for their items.
const MOST_LINES: usize = 100_000;

/// Why something is news.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Why {
    /// No host had the kind before.
    NeverSeen,
    /// Other hosts had it, since this day; the one that had it first, if that is still known.
    NewToHost {
        /// The host that had it first.
        from: Option<BString>,
        /// The day on which that was.
        since: Day,
    },
    /// The kind was silent for long.
    Back {
        /// The day on which it was last seen.
        last: Day,
        /// The days since then.
        days: u16,
    },
    /// The host had no line before, whatever its kind.
    NewHost {
        /// The number of its kinds.
        kinds: u64,
    },
}

/// Something that the next report of a queue tells.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Item {
    /// The hash by which further lines of it are known.
    pub key: u64,
    /// Why it is news.
    pub why: Why,
    /// When its first line was counted.
    pub first: Time,
    /// A line of its kind; the name of the host for a new host.
    pub text: BString,
}

/// What the next report of a queue has to tell.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// The news, as they came.
    pub items: Vec<Item>,
    /// The numbers of lines of the queue, each with the place of its item.
    pub lines: Vec<(u32, u32)>,
    /// Items beyond the bound.
    pub more: u64,
    /// Kinds that were taken over since their rules are new.
    pub taken_over: u64,
    #[serde(skip)]
    places: HashMap<u64, u32>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        let parts = |waiting: &Self| (waiting.more, waiting.taken_over);
        self.items == other.items && self.lines == other.lines && parts(self) == parts(other)
    }
}

impl Waiting {
    /// The place of the item of this key.
    pub fn place(&self, key: u64) -> Option<u32> {
        match self.places.len() == self.items.len() {
            true => self.places.get(&key).copied(),
            // It was just read.
            false => {
                let place = self.items.iter().position(|item| item.key == key);
                place.and_then(|place| u32::try_from(place).ok())
            }
        }
    }

    /// Whether there is room for an item.
    pub fn has_room(&self) -> bool {
        self.items.len() < MOST_ITEMS
    }

    /// Adds an item.
    pub fn add(&mut self, item: Item) {
        if let Ok(place) = u32::try_from(self.items.len()) {
            if self.places.len() < self.items.len() {
                self.places = (self.items.iter().map(|item| item.key)).zip(0..).collect();
            }
            self.places.insert(item.key, place);
            self.items.push(item);
        }
    }

    /// Adds a line of an item.
    pub fn line(&mut self, line: u32, item: u32) {
        if self.lines.len() < MOST_LINES {
            self.lines.push((line, item));
        }
    }

    /// Counts a kind of a new host.
    pub fn kind(&mut self, item: u32) {
        if let Some(Item {
            why: Why::NewHost { kinds },
            ..
        }) = self.items.get_mut(item as usize)
        {
            *kinds += 1;
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.more == 0 && self.taken_over == 0
    }
}

/// Something that a report told, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Told {
    /// The hash of the kind, of the kind and its host, or of the host.
    pub key: u64,
    /// When the report was made.
    pub when: Time,
    /// The queue of the report.
    pub queue: String,
    /// Why it was news.
    pub why: Why,
    /// When its first line was counted.
    pub first: Time,
    /// The hosts that had it, the first of them.
    pub hosts: Vec<BString>,
    /// The number of hosts that had it besides.
    pub more_hosts: usize,
    /// The number of its lines.
    pub count: u64,
    /// A line of its kind; the name of the host for a new host.
    pub text: BString,
}

/// The bytes of a text that are kept of what was told.
const KEPT: usize = 200;

impl Told {
    /// Whether it is a new host, and not a kind of line.
    pub fn is_host(&self) -> bool {
        matches!(self.why, Why::NewHost { .. })
    }

    /// The beginning of a text, as it is kept.
    pub fn kept(text: &BStr) -> BString {
        let text: &[u8] = text.as_ref();
        text.get(..crate::shown::whole_characters(text, KEPT))
            .unwrap_or(text)
            .into()
    }
}
