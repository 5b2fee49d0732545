//! `set redisserver`, `set redisqueue`: lines from Redis lists, such as rsyslog's omhiredis fills.
//!
//! Elements are moved (`LMOVE`, Redis 6.2) from KEY to a list of our own, `KEY:tenshi`, and removed
//! from it only when [`Handle::ack`] says that the snapshot with their lines is on disk. What a
//! crash leaves there is read first at the next start, but for what the snapshot holds already
//! (see `ledger`). One daemon a key: two would share the list.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

use bstr::{BStr, BString};

use super::{Event, control};
use crate::clock::Clock;
use crate::config::RedisServer;

mod ledger;
mod link;
mod reader;

/// What is added to a key for the list of elements that are not committed yet.
pub const OWN_LIST: &str = ":tenshi";

/// What is added to the name of that list for the number of its first element.
const HEAD: &str = ":head";

/// How far each list is counted: the number of the first element that is not, by the list's
/// [`place`].
pub type Counted = BTreeMap<BString, u64>;

/// What tells the list of a server from all others.
pub fn place(server: &RedisServer, key: &BString) -> BString {
    BString::from([server.name().as_bytes(), b" ", key.as_slice()].concat())
}

/// What is read, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server (`set redisserver`).
    pub server: RedisServer,
    /// The lists (`set redisqueue`).
    pub keys: Vec<BString>,
    /// Longer lines are cut, bytes (`set max_line`).
    pub max_line: usize,
}

/// The running readers, one a key.
#[derive(Debug)]
pub struct Handle {
    readers: Vec<(BString, Arc<AtomicU64>, control::Handle)>,
}

impl Handle {
    /// The snapshot with the lines of a list's elements before the number `upto` is on disk: they
    /// may go. The list is named as in [`Checkpoint`](super::Checkpoint).
    pub fn ack(&self, list: &BStr, upto: u64) {
        for (_, acks, _) in self.readers.iter().filter(|(of, ..)| of == list) {
            acks.fetch_max(upto, Ordering::SeqCst);
        }
    }

    /// How many [`Event::Drained`] a drain is answered with: one a key.
    pub fn readers(&self) -> usize {
        self.readers.len()
    }

    /// Asks each reader for [`Event::Drained`] once all that is in its list now was handed over.
    pub fn drain(&self) {
        for (.., handle) in &self.readers {
            handle.drain();
        }
    }

    /// Ends the readers, within a second or so; what was acknowledged is removed first if the
    /// server answers.
    pub fn stop(self) {
        // Dropping one tells its thread; the waiting is for all together then.
        let handles: Vec<_> = self
            .readers
            .into_iter()
            .map(|(.., handle)| handle)
            .collect();
        control::Handle::stop_all(handles);
    }
}

/// Reads the lists, each in a thread of its own, from where the snapshot's counts end. A server that is away is told of once and tried
/// for ever.
///
/// # Errors
/// When no thread can be made.
pub fn spawn(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    events: &SyncSender<Event>,
    counted: &Counted,
) -> io::Result<Handle> {
    let mut readers = Vec::new();
    for key in &settings.keys {
        let acks = Arc::<AtomicU64>::default();
        let place = place(&settings.server, key);
        let counted = counted.get(&place).copied().unwrap_or_default();
        let (key, clock) = (key.clone(), clock.clone());
        let reader = reader::Reader::new(settings, key, acks.clone(), clock, counted);
        let handle = control::spawn("redis", events.clone(), move |control| reader.run(&control))?;
        readers.push((place, acks, handle));
    }
    Ok(Handle { readers })
}
