//! What was heard of late, each thing once.

use std::collections::BTreeMap;

use bstr::BString;
use chrono::TimeDelta;

use super::record::{LONGEST_HOST, MOST_HEARD};
use crate::clock::Time;

/// How long a thing stands in our word after it was heard: other consoles read the word once a minute, and may miss one.
const HEARD: TimeDelta = TimeDelta::seconds(150);

/// Something that is heard, of which our word has room for a number of bytes.
pub(super) trait Heard: Ord + Clone {
    /// The host.
    fn host(&self) -> &BString;
    /// The bytes that it takes in our word, at most.
    fn bytes(&self) -> usize;
}

impl Heard for BString {
    fn host(&self) -> &BString {
        self
    }

    fn bytes(&self) -> usize {
        self.len() + 2
    }
}

impl Heard for (u64, BString) {
    fn host(&self) -> &BString {
        &self.1
    }

    fn bytes(&self) -> usize {
        self.1.len() + 12
    }
}

/// What was heard of late, and when.
#[derive(Debug)]
pub(super) struct Recent<T> {
    things: BTreeMap<T, Time>,
    /// The bytes of all of them.
    bytes: usize,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self {
            things: BTreeMap::new(),
            bytes: 0,
        }
    }
}

impl<T: Heard> Recent<T> {
    /// Notes that these were heard now.
    pub(super) fn note(&mut self, heard: Vec<T>, now: Time) {
        for thing in heard {
            if let Some(at) = self.things.get_mut(&thing) {
                *at = now;
                continue;
            }
            let bytes = self.bytes + thing.bytes();
            if bytes <= MOST_HEARD && thing.host().len() <= LONGEST_HOST {
                self.bytes = bytes;
                self.things.insert(thing, now);
            }
        }
    }

    /// What was heard of late. The rest is forgotten.
    pub(super) fn names(&mut self, now: Time) -> Vec<T> {
        self.things.retain(|_, at| {
            // The clock may have been set back.
            *at = now.min(*at);
            *at > now - HEARD
        });
        self.bytes = self.things.keys().map(T::bytes).sum();
        self.things.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::record::{HeardHere, Record, write};

    #[test]
    fn a_word_stays_small_however_long_the_names_of_hosts_are() {
        let now = Time::default();
        let (mut hosts, mut messages) = (Recent::default(), Recent::default());
        for n in 0..1_000 {
            let long = |length: usize| BString::from(format!("{n:0length$}"));
            hosts.note(vec![long(60_000), long(256)], now);
            messages.note(vec![(n, long(60_000))], now);
        }
        assert!(hosts.names(now).is_empty() && messages.names(now).is_empty());
        for n in 0..20_000 {
            let name = BString::from(format!("{n:0255}"));
            hosts.note(vec![name.clone()], now);
            messages.note(vec![(u64::MAX, name)], now);
        }
        let heard = HeardHere {
            hosts: hosts.names(now),
            messages: messages.names(now),
        };
        assert!(heard.hosts.len() > 2_000 && heard.messages.len() > 1_900);
        let word = write(&Record {
            heard,
            ..Record::default()
        });
        assert!(word.len() < (1 << 20) + 100, "{}", word.len());
        let later = now + HEARD;
        assert!(hosts.names(later).is_empty());
        hosts.note(vec!["h".into()], later);
        assert_eq!(hosts.names(later), ["h"], "there is room again");
    }
}
