//! The hosts that other consoles of a site hear (`set site`): a host is silent when no console hears it, and of those
//! that heard it one tells.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString};
use chrono::TimeDelta;

use crate::clock::Time;
use crate::site::{HeardHere, LONGEST_HOST, MOST_HEARD};

/// Hosts that are known, at most: whoever sends lines can invent names.
const MOST: usize = 1 << 14;
/// A console tells the silence of a host if it heard the host itself within this time of its last line.
const OWN: TimeDelta = TimeDelta::hours(24);

/// Which hosts the consoles of a site hear.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// The name of this console; empty where there is no site.
    console: String,
    /// The other consoles that are alive, each with the run of its state.
    alive: BTreeMap<String, u64>,
    /// All other consoles, each with the run of its state as far as that is known.
    consoles: Option<BTreeMap<String, Option<u64>>>,
    /// The hosts, each with the consoles that heard it and when they last did.
    hosts: BTreeMap<BString, BTreeMap<String, Time>>,
    /// The hosts that were heard here since the other consoles were last told.
    fresh: BTreeSet<BString>,
    /// The messages that rules expect and that came here since then: the hash of the rule, and the host.
    messages: BTreeSet<(u64, BString)>,
    /// The bytes of the names of the hosts, and of the hosts of the messages.
    bytes: [usize; 2],
}

impl Elsewhere {
    /// Begins to know of other consoles.
    pub(super) fn join(&mut self, console: &str) {
        console.clone_into(&mut self.console);
    }

    /// Whether there is a site.
    pub(super) fn is_on(&self) -> bool {
        !self.console.is_empty()
    }

    /// Notes that a host was heard here.
    pub(super) fn heard_here(&mut self, host: &BStr) {
        let [bytes, _] = &mut self.bytes;
        if self.fresh.len() < MOST && !self.fresh.contains(host) && has_room(bytes, host) {
            self.fresh.insert(host.to_owned());
        }
    }

    /// Notes that the message of the rule with this hash came here.
    pub(super) fn came_here(&mut self, rule: u64, host: &BStr) {
        let message = (rule, host.to_owned());
        let [_, bytes] = &mut self.bytes;
        if self.messages.len() < MOST && !self.messages.contains(&message) && has_room(bytes, host)
        {
            self.messages.insert(message);
        }
    }

    /// What was heard here since the last call.
    pub(super) fn take_fresh(&mut self) -> HeardHere {
        self.bytes = [0; 2];
        HeardHere {
            hosts: std::mem::take(&mut self.fresh).into_iter().collect(),
            messages: std::mem::take(&mut self.messages).into_iter().collect(),
        }
    }

    /// Notes which other consoles there are, each with the run of its state as far as that is known. Gives, if
    /// anything of it is new, those that know what they had before.
    pub(super) fn set_consoles(
        &mut self,
        consoles: BTreeMap<String, Option<u64>>,
    ) -> Option<BTreeSet<BString>> {
        if self.consoles.as_ref() == Some(&consoles) {
            return None;
        }
        let before = self.consoles.replace(consoles).unwrap_or_default();
        let same = |console: &str, run: &Option<u64>| {
            let before = before.get(console).copied().flatten();
            before.is_none_or(|before| *run == Some(before))
        };
        let know = (self.consoles.iter().flatten()).filter(|(console, run)| same(console, run));
        Some(know.map(|(console, _)| console.as_str().into()).collect())
    }

    /// Notes which other consoles are alive, each with the run of its state. What one of them heard is forgotten when
    /// it is not, or has another state: it has forgotten it too.
    pub(super) fn set_alive(&mut self, alive: BTreeMap<String, u64>) {
        if self.alive == alive {
            return;
        }
        let before = &self.alive;
        let same = |console: &String| {
            let run = alive.get(console);
            run.is_some() && before.get(console).is_none_or(|before| Some(before) == run)
        };
        for consoles in self.hosts.values_mut() {
            consoles.retain(|console, _| same(console));
        }
        self.hosts.retain(|_, consoles| !consoles.is_empty());
        self.alive = alive;
    }

    /// Notes that another console heard a host.
    pub(super) fn heard(&mut self, host: &BStr, console: &str, now: Time) {
        let full = self.hosts.len() >= MOST || host.len() > LONGEST_HOST;
        if full && !self.hosts.contains_key(host) {
            return;
        }
        let consoles = self.hosts.entry(host.to_owned()).or_default();
        consoles.insert(console.to_owned(), now);
    }

    /// Whether another console tells the silence of this host, whose last line came at `last`: of those that heard it,
    /// the first by name does.
    pub(super) fn tells(&self, host: &BStr, last: Time) -> bool {
        let Some(consoles) = self.hosts.get(host) else {
            return false;
        };
        let first = |(console, heard): (&String, &Time)| {
            *console < self.console && self.alive.contains_key(console) && last - *heard < OWN
        };
        consoles.iter().any(first)
    }
}

/// Whether a word that has this number of bytes has room for a host. If so, they are counted.
fn has_room(bytes: &mut usize, host: &BStr) -> bool {
    let more = *bytes + host.len();
    let room = host.len() <= LONGEST_HOST && more <= MOST_HEARD;
    if room {
        *bytes = more;
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_strangers_invent_take_no_more_than_a_word_has_room_for() {
        let mut b = Elsewhere::default();
        b.join("b");
        for n in 0..100 {
            let long = BString::from(format!("{n:060000}"));
            b.heard_here(BStr::new(&long));
            b.came_here(1, BStr::new(&long));
            b.heard(BStr::new(&long), "a", Time::default());
        }
        assert!(b.take_fresh().is_empty() && b.hosts.is_empty());
        for n in 0..MOST {
            let name = BString::from(format!("{n:0255}"));
            b.heard_here(BStr::new(&name));
            b.came_here(1, BStr::new(&name));
        }
        let heard = b.take_fresh();
        let most = MOST_HEARD / LONGEST_HOST;
        assert_eq!((heard.hosts.len(), heard.messages.len()), (most, most));
        b.heard_here("h".into());
        assert_eq!(b.take_fresh().hosts, ["h"], "there is room again");
    }

    #[test]
    fn of_the_consoles_that_heard_a_host_the_first_by_name_tells() {
        let hour = TimeDelta::hours(1);
        let now = Time::default() + hour * 1000;
        let mut b = Elsewhere::default();
        assert!(!b.is_on(), "there is no site");
        b.join("b");
        b.heard_here("h".into());
        assert_eq!(b.take_fresh().hosts, ["h"]);
        assert!(b.take_fresh().is_empty());
        let alive = |names: &[(&str, u64)]| {
            let named = names.iter().map(|(name, run)| ((*name).to_owned(), *run));
            named.collect()
        };
        b.set_alive(alive(&[("a", 1), ("c", 1)]));
        assert!(!b.tells("h".into(), now));
        b.heard("h".into(), "c", now);
        assert!(!b.tells("h".into(), now), "c leaves it to b");
        b.heard("h".into(), "a", now);
        assert!(b.tells("h".into(), now + hour));
        assert!(!b.tells("h".into(), now + hour * 24), "a heard it long ago");
        b.set_alive(alive(&[("a", 2), ("c", 1)]));
        assert!(!b.tells("h".into(), now), "a has forgotten it");
        b.heard("h".into(), "a", now);
        assert!(b.tells("h".into(), now));
        b.set_alive(alive(&[("c", 1)]));
        assert!(!b.tells("h".into(), now));
        b.set_alive(alive(&[("a", 2), ("c", 1)]));
        assert!(!b.tells("h".into(), now), "a may have forgotten it");
    }

    #[test]
    fn a_console_knows_what_it_had_before_until_its_state_is_another_one() {
        let mut b = Elsewhere::default();
        let mut set = |consoles: &[(&str, Option<u64>)]| {
            let consoles = consoles.iter().map(|(name, run)| ((*name).into(), *run));
            let know = b.set_consoles(consoles.collect())?;
            let know: Vec<String> = know.iter().map(ToString::to_string).collect();
            Some(know.join(" "))
        };
        assert_eq!(set(&[("a", Some(1)), ("c", None)]).as_deref(), Some("a c"));
        assert_eq!(set(&[("a", Some(1)), ("c", None)]), None, "nothing is new");
        assert_eq!(set(&[("a", Some(2)), ("c", Some(1))]).as_deref(), Some("c"));
        assert_eq!(
            set(&[("a", Some(2))]).as_deref(),
            Some("a"),
            "c is forgotten"
        );
    }
}
