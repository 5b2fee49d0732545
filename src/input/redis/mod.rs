//! `set redisserver`, `set redisqueue`: lines from Redis lists, such as rsyslog's omhiredis fills.
//!
//! Elements are moved (`LMOVE`, Redis 6.2) from KEY to a list of our own, `KEY:tenshi`, and removed
//! from it only when [`Input::acknowledge`] says that the snapshot with their lines is on disk. What a
//! crash leaves there is read first at the next start, but for what the snapshot holds already
//! (see `ledger`). One daemon a key: two would share the list.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bstr::{BStr, BString};

use super::charsets::SharedCharsets;
use super::control::{self, EventSender, InputThread};
use super::{Counted, Input, Start};
use crate::clock::Clock;
use crate::config::{Config, RedisServer};

mod fault;
mod ledger;
mod reader;

/// What is added to a key for the list of elements that are not committed yet.
pub const OWN_LIST: &str = ":tenshi";

/// What is added to the name of that list for the number of its first element.
const HEAD: &str = ":head";

/// The name of a list in a [`Checkpoint::Number`](super::Checkpoint): with its server.
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
    /// The character sets of the lists (`set charset`).
    pub charsets: SharedCharsets,
}

/// The lists of a server as an input of the daemon: a thread reads each.
#[derive(Debug)]
pub struct RedisLists {
    settings: Settings,
    threads: Vec<InputThread>,
    /// The number before which the elements of a list may be removed, by its [`place`].
    acknowledged: Vec<(BString, Arc<AtomicU64>)>,
}

/// The lists of a configuration, if it has any (`set redisqueue`).
pub(super) fn configured(config: &Config) -> Option<Box<dyn Input>> {
    let inputs = &config.inputs;
    if inputs.redis_queues.is_empty() {
        return None;
    }
    Some(Box::new(RedisLists::new(Settings {
        server: inputs.redis_server.clone(),
        keys: inputs.redis_queues.clone(),
        max_line: inputs.max_line,
        charsets: SharedCharsets::new(config),
    })))
}

impl RedisLists {
    /// The lists of these settings, not read yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            threads: Vec::new(),
            acknowledged: Vec::new(),
        }
    }

    /// Reads the lists, each in a thread of its own, from where the snapshot's counts end. A server
    /// that is away is told of once and tried for ever.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn read(
        &mut self,
        clock: &Arc<dyn Clock>,
        events: &EventSender,
        counted: &Counted,
    ) -> io::Result<()> {
        let settings = &self.settings;
        for key in &settings.keys {
            let upto = Arc::<AtomicU64>::default();
            let place = place(&settings.server, key);
            let counted = counted.get(&place).copied().unwrap_or_default();
            let (key, clock) = (key.clone(), clock.clone());
            let reader = reader::Reader::new(settings, key, upto.clone(), clock, counted);
            let run = move |control| reader.run(&control);
            self.threads
                .push(control::spawn("redis", events.clone(), run)?);
            self.acknowledged.push((place, upto));
        }
        Ok(())
    }
}

impl Input for RedisLists {
    fn describe(&self) -> String {
        format!("redis {}", self.settings.server.name())
    }

    fn open_files(&self) -> usize {
        // A connection or two for each list, and what wakes its thread.
        4 * self.settings.keys.len()
    }

    fn start(&mut self, start: &Start<'_>) -> io::Result<()> {
        self.read(start.clock, start.events, &start.resume.counted)
    }

    fn threads(&self) -> &[InputThread] {
        &self.threads
    }

    fn acknowledge(&self, source: &BStr, upto: u64) {
        for (_, acknowledged) in self.acknowledged.iter().filter(|(of, _)| of == source) {
            acknowledged.fetch_max(upto, Ordering::SeqCst);
        }
    }

    fn reload(&mut self, config: &Config) -> Result<bool, String> {
        self.settings.charsets.set(config);
        Ok(false)
    }

    /// What was acknowledged is removed first, if the server answers.
    fn stop(self: Box<Self>) -> Vec<InputThread> {
        self.threads
    }
}
