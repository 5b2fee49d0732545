//! Messages that are expected at some times (`expect`), and which of them did not come.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bstr::{BStr, BString};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::leap::Leap;
use super::site::Site;
use super::table::{About, Line, reader};
use crate::clock::Time;
use crate::hash::of_texts;
use crate::schedule::CronSpec;
use crate::shown::shown;

/// Hosts of all rules together that are known, at most: whoever sends lines can invent names.
const MOST: usize = 1 << 14;
/// The time after which a host that sent nothing more is expected to send nothing more.
const MEMORY: TimeDelta = TimeDelta::days(400);
/// A time without anybody who watched is no matter if it is no longer than this.
const BLINK: TimeDelta = TimeDelta::seconds(60);
/// A time that is further ahead than this is of another clock.
const AHEAD: TimeDelta = TimeDelta::hours(1);
/// A message that two consoles of a site have within this time of each other is one message.
const ONE: TimeDelta = TimeDelta::minutes(10);
/// What stands in front of the name of a console in the source of a message that another console of the site has.
const CONSOLE: &str = "console ";

/// A rule that expects a message.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The name by which it is known again after a restart.
    pub name: String,
    /// Its pattern, as it is shown.
    pub pattern: BString,
    /// When the message is expected.
    pub begins: CronSpec,
    /// How much later it may come, and how much earlier.
    pub grace: Duration,
    /// Whether lines about it are read at once.
    pub at_once: bool,
}

impl Expectation {
    /// A hash of the rule, by which another console with this rule knows it.
    pub fn hash(&self) -> u64 {
        of_texts([self.name.as_bytes()])
    }
}

/// A message as a host sent it the last time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Came {
    at: Time,
    /// Where its line came from; of a message that another console of the site has, that console.
    source: BString,
    /// The deadline that it missed, if that was told and it did not come since.
    missed: Option<Time>,
}

/// The messages that came, by the rule and the host.
pub type SavedExpected = BTreeMap<(String, BString), Came>;

/// What changed since the last commit: the messages that came or were missed, and those that are expected no more.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ExpectedChange {
    put: Vec<((String, BString), Came)>,
    gone: Vec<(String, BString)>,
}

impl Came {
    /// Whether another console of the site has the message.
    fn elsewhere(&self) -> bool {
        self.source.starts_with(CONSOLE.as_bytes())
    }
}

impl ExpectedChange {
    /// Makes the changes.
    pub fn make(self, saved: &mut SavedExpected) {
        for key in &self.gone {
            saved.remove(key);
        }
        saved.extend(self.put);
    }
}

/// Everything known of messages that are expected.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    came: SavedExpected,
    /// The keys that changed since the last commit.
    changed: Vec<(String, BString)>,
    /// Of each rule, the time at which its message is expected next.
    slots: Vec<Option<Time>>,
    /// The rules that were named since no host ever sent their message.
    named: BTreeSet<usize>,
    /// The last time in which nobody watched.
    unwatched: Option<(Time, Time)>,
    /// A step of the clock that may have been wrong.
    leap: Leap,
}

/// What a look found.
#[derive(Debug, Default)]
pub struct Found {
    /// The lines about messages that did not come, each with the index of its rule.
    pub lines: Vec<(usize, Line)>,
    /// The rules whose message no host ever sent, named once.
    pub unknown: Vec<usize>,
}

impl Expected {
    /// Goes on with these rules. What others expected is forgotten.
    pub fn configure(&mut self, rules: &[Expectation], now: Time, site: &dyn Site) {
        let known = |name: &String| rules.iter().any(|rule| rule.name == *name);
        let gone: Vec<_> = self
            .came
            .keys()
            .filter(|(name, _)| !known(name))
            .cloned()
            .collect();
        self.forget(gone);
        if !site.has_consoles() {
            let others = self.came.iter().filter(|(_, came)| came.elsewhere());
            let others = others.map(|(key, _)| key.clone()).collect();
            self.forget(others);
        }
        let slot = |rule: &Expectation| site.next(&rule.begins, now - rule.grace);
        self.slots = rules.iter().map(slot).collect();
        self.named = BTreeSet::new();
    }

    /// Goes on from what a commit holds.
    pub fn restore(&mut self, saved: SavedExpected) {
        self.came = saved;
    }

    /// To be called when the clock was set back.
    pub fn clock_was_set_back(&mut self, rules: &[Expectation], now: Time, site: &dyn Site) {
        self.leap.clock_was_set_back(now);
        let until_now = |(from, to): (Time, Time)| (from.min(now), to.min(now));
        self.unwatched = self.unwatched.map(until_now);
        for (slot, rule) in self.slots.iter_mut().zip(rules) {
            let next = site.next(&rule.begins, now - rule.grace);
            *slot = (*slot).into_iter().chain(next).min();
        }
    }

    /// Takes note that nobody watched between two instants.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        self.leap.note(from, to);
        if to - from >= BLINK {
            self.unwatched = Some((from, to));
        }
    }

    /// Takes note that a host sent the message of a rule. If that was missed, a line says that it came.
    pub fn came(
        &mut self,
        rule: &Expectation,
        (host, source): (&BStr, &BStr),
        now: Time,
        site: &dyn Site,
    ) -> Option<Line> {
        self.put(rule, (host, source.to_owned()), now, site)
    }

    /// Takes note that another console of the site has the message of a rule: it tells from now on if that does not
    /// come. If this console told that it was missed, a line says that it came.
    pub fn came_elsewhere(
        &mut self,
        rule: &Expectation,
        (host, console): (&BStr, &str),
        now: Time,
        site: &dyn Site,
    ) -> Option<Line> {
        let source = BString::from(format!("{CONSOLE}{console}"));
        let known = self.came.get(&(rule.name.clone(), host.to_owned()));
        // A console says so for some minutes, and mirrored consoles all have it.
        let noted = |came: &Came| {
            let same = came.source == source || !came.elsewhere();
            same && now - came.at < ONE
        };
        match known.is_some_and(noted) {
            true => None,
            false => self.put(rule, (host, source), now, site),
        }
    }

    /// Keeps that a message came. If it was missed, gives the line that says so.
    fn put(
        &mut self,
        rule: &Expectation,
        (host, source): (&BStr, BString),
        now: Time,
        site: &dyn Site,
    ) -> Option<Line> {
        let key = (rule.name.clone(), host.to_owned());
        if self.came.len() >= MOST && !self.came.contains_key(&key) {
            return None;
        }
        let came = Came {
            at: now,
            source,
            missed: None,
        };
        self.changed.push(key.clone());
        let missed = self.came.insert(key, came)?.missed?;
        let reader = reader(None, now, site).at(rule.at_once);
        let (by, pattern) = (reader.moment(missed), shown(&rule.pattern));
        let came = reader.moment(now);
        Some(Line {
            about: About::One,
            host: host.to_owned(),
            text: format!("came at {came}, expected by {by}: {pattern}"),
        })
    }

    /// Takes note which other consoles of the site know what they had before: this one tells of the messages that
    /// went to others.
    pub fn consoles(&mut self, know: impl Fn(&BStr) -> bool) {
        for (key, came) in &mut self.came {
            let console = came.source.strip_prefix(CONSOLE.as_bytes());
            if console.is_some_and(|console| !know(console.into())) {
                came.source.clear();
                self.changed.push(key.clone());
            }
        }
    }

    /// When the next message must have come.
    pub fn next(&self, rules: &[Expectation], site: &dyn Site) -> Option<Time> {
        let slots = self.slots.iter().zip(rules);
        slots
            .filter_map(|(slot, rule)| slot.map(|slot| slot + rule.grace + site.way()))
            .min()
    }

    /// Looks at the messages that must have come by `now`.
    pub fn check(&mut self, rules: &[Expectation], now: Time, site: &dyn Site) -> Found {
        let mut found = Found::default();
        for (index, rule) in rules.iter().enumerate() {
            let Some(slot) = self.slots.get(index).copied().flatten() else {
                continue;
            };
            if slot + rule.grace + site.way() > now {
                continue;
            }
            // If more than one has passed, nobody watched.
            if let Some(place) = self.slots.get_mut(index) {
                *place = site.next(&rule.begins, slot.max(now - rule.grace - site.way()));
            }
            self.missed(rule, index, slot, &mut found, (now, site));
        }
        found
    }

    /// Looks at the hosts of one rule, whose message was expected at `slot`.
    fn missed(
        &mut self,
        rule: &Expectation,
        index: usize,
        slot: Time,
        found: &mut Found,
        (now, site): (Time, &dyn Site),
    ) {
        let (from, by) = (slot - rule.grace, slot + rule.grace);
        let unseen = |(begin, end): (Time, Time)| begin < by && end > from;
        let old: Vec<_> = self
            .of(rule)
            .filter(|(_, came)| now - came.at > MEMORY && !self.leap.is_doubted(now))
            .collect();
        let old: Vec<_> = old.into_iter().map(|(key, _)| key.clone()).collect();
        self.forget(old);
        if self.of(rule).next().is_none() && self.named.insert(index) {
            found.unknown.push(index);
        }
        if self.unwatched.is_some_and(unseen) {
            return;
        }
        // A message that came by a clock that was ahead stands for none that is expected until then.
        let late =
            |(_, came): &(&(String, BString), &Came)| came.at < from || came.at > now + AHEAD;
        let late: Vec<_> = self.of(rule).filter(late).collect();
        let mut told = Vec::new();
        for ((name, host), came) in late {
            let (host, source) = (BStr::new(host), BStr::new(&came.source));
            let others = came.elsewhere() || site.blind(source);
            if others || site.hushed(host, from, by).is_some() {
                continue;
            }
            let reader = reader(None, now, site).at(rule.at_once);
            let (shown_by, pattern) = (reader.moment(by), shown(&rule.pattern));
            let last = reader.moment(came.at);
            let line = Line {
                about: About::One,
                host: host.to_owned(),
                text: format!("expected by {shown_by} and did not come: {pattern} (last {last})"),
            };
            found.lines.push((index, line));
            told.push((name.clone(), host.to_owned()));
        }
        for key in told {
            if let Some(came) = self.came.get_mut(&key) {
                came.missed = Some(by);
                self.changed.push(key);
            }
        }
    }

    /// The hosts that sent the message of a rule.
    fn of(&self, rule: &Expectation) -> impl Iterator<Item = (&(String, BString), &Came)> {
        let first = (rule.name.clone(), BString::default());
        let name = rule.name.clone();
        self.came
            .range(first..)
            .take_while(move |((of, _), _)| *of == name)
    }

    fn forget(&mut self, keys: Vec<(String, BString)>) {
        for key in keys {
            self.came.remove(&key);
            self.changed.push(key);
        }
    }

    /// All that came, for a snapshot.
    pub fn saved(&self) -> &SavedExpected {
        &self.came
    }

    /// What changed since the last commit.
    pub fn changes(&self) -> Option<ExpectedChange> {
        if self.changed.is_empty() {
            return None;
        }
        let mut change = ExpectedChange::default();
        let keys: BTreeSet<_> = self.changed.iter().collect();
        for key in keys {
            match self.came.get(key) {
                Some(came) => change.put.push((key.clone(), came.clone())),
                None => change.gone.push(key.clone()),
            }
        }
        Some(change)
    }

    /// To be called when a commit was made of all that came.
    pub fn committed(&mut self) {
        self.changed = Vec::new();
    }
}
