//! The watches of all hosts and files, and what a line does to one.

use std::collections::BTreeSet;

use bstr::{BStr, BString};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use super::leap::Leap;
use super::pauses::Pauses;
use super::ring::QUARTER;
use super::site::{Mode, Site};
use super::state::{Flaps, Past, Silent, State, Told};
use super::watch::Learnt;
use super::words::Reader;
use crate::clock::{EXACT, Time};
use crate::hash::Map;

/// Hosts and files that are watched, at most: whoever sends lines can invent names.
const MOST: usize = 1 << 14;
/// The longest time between two turns of a loop that runs, and of a clock that nobody sets.
pub(super) const TURN: TimeDelta = TimeDelta::minutes(6);
/// Looks are exact within this time.
const SOON: TimeDelta = TimeDelta::minutes(10);
/// The time after a return in which another silence is one of many.
pub(super) const OFTEN: TimeDelta = TimeDelta::hours(24);

/// Whose silence a line tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum About {
    /// The silence of one host or file.
    One,
    /// The silence of many hosts at the same time.
    Many,
}

/// A line for the queue of silences.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Whose silence it tells.
    pub about: About,
    /// The host that it stands under.
    pub host: BString,
    /// Its text.
    pub text: String,
}

/// The watch of a host or a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Watch {
    /// The name of the host, or the path of the file.
    pub name: BString,
    /// Of a file: the host of its last line, by the number of its watch; `None` for a host.
    pub file: Option<Option<usize>>,
    /// The source of its last line.
    pub source: BString,
    pub mode: Mode,
    pub learnt: Learnt,
    /// The time before which its silence does not count: its source was not read.
    pub held: Time,
    /// When its silence is to be looked at.
    pub due: Option<Time>,
    pub state: State,
    /// Its last silence that is over.
    pub past: Option<Past>,
    pub flaps: Option<Flaps>,
}

/// Many hosts that fell silent at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Outage {
    pub since: Time,
    pub hosts: u32,
    pub back: u32,
}

/// Everything known of the silences of a site.
#[derive(Clone, Debug)]
pub struct Silence {
    /// This machine, under which stands what is not of one host.
    pub(super) console: BString,
    pub(super) watches: Vec<Option<Watch>>,
    pub(super) names: Map<BString, usize>,
    /// The numbers of watches without a host or file.
    pub(super) vacant: Vec<usize>,
    /// The time before which no silence counts: the start, the end of reading what is old.
    pub(super) base: Time,
    /// The last turn of the loop.
    turned: Time,
    /// A step of the clock that may have been wrong.
    pub(super) leap: Leap,
    /// The last line of any host.
    pub(super) heard: Time,
    /// The pauses in which no host wrote.
    pub(super) whole: Pauses,
    pub(super) outage: Option<Outage>,
    /// When the next silence is to be looked at.
    pub(super) next: Option<Time>,
    pub(super) lines: Vec<Line>,
    /// The watches that changed since the last commit, but for their last lines.
    pub(super) changed: BTreeSet<usize>,
    /// The names that are watched no more since then.
    pub(super) gone: Vec<BString>,
    /// Whether a host fell silent again and again, and no report told of it yet.
    pub(super) often: bool,
    /// The week in which a report told of the hosts that keep to no rule.
    pub(super) week: i64,
    /// The number of names that found no room, since the table was full.
    pub(super) refused: u64,
    /// The quarter hour in which room was looked for last.
    swept: i64,
}

impl Silence {
    /// No watch yet.
    pub fn new(now: Time) -> Self {
        Self {
            console: "tenshi".into(),
            watches: Vec::new(),
            names: Map::default(),
            vacant: Vec::new(),
            base: now,
            turned: now,
            leap: Leap::default(),
            heard: now,
            whole: Pauses::default(),
            outage: None,
            next: None,
            lines: Vec::new(),
            changed: BTreeSet::new(),
            gone: Vec::new(),
            often: false,
            week: 0,
            refused: 0,
            swept: 0,
        }
    }

    /// Names this machine: what is not of one host stands under its name.
    pub fn name_console(&mut self, name: &[u8]) {
        self.console = name.into();
    }

    /// Begins all silences anew: nobody read lines before `now`, or what is read is old.
    pub fn begin(&mut self, now: Time) {
        self.base = now;
        self.turned = now;
    }

    /// To be called at each turn of the loop, at least every five minutes. After a longer time the machine was
    /// asleep or its clock was set: no host is to blame, and the turn before is given.
    pub fn turn(&mut self, now: Time, site: &dyn Site) -> Option<Time> {
        let passed = now - self.turned;
        if (-EXACT..TimeDelta::zero()).contains(&passed) {
            self.turned = now;
            return None;
        }
        if passed < TimeDelta::zero() {
            self.clock_was_set_back(now, site);
        }
        self.leap.note(self.turned, now);
        let before = std::mem::replace(&mut self.turned, now);
        if passed >= TimeDelta::zero() && passed <= TURN {
            return None;
        }
        self.begin(now);
        Some(before.min(now))
    }

    /// When the next silence is to be looked at.
    pub fn next(&self) -> Option<Time> {
        self.next
    }

    /// The lines since the last call.
    pub fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    /// The number of names that were not watched, since there were too many.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes note that lines of a host came. Gives the number of its watch, if it is watched.
    pub fn host(
        &mut self,
        name: &BStr,
        source: &BStr,
        now: Time,
        site: &dyn Site,
    ) -> Option<usize> {
        let paused = (now - self.heard.max(self.base)).num_seconds().max(0);
        let paused = u32::try_from(paused).unwrap_or(u32::MAX);
        if !self.leap.is_doubted(now) {
            self.whole.note(now.timestamp(), paused);
        }
        self.heard = self.heard.max(now);
        self.hear(name, None, source, now, site)
    }

    /// Takes note that lines of a file came; the last one was of the host with this watch.
    pub fn file(
        &mut self,
        path: &BStr,
        host: Option<usize>,
        source: &BStr,
        now: Time,
        site: &dyn Site,
    ) {
        self.hear(path, Some(host), source, now, site);
    }

    /// Takes note that another console heard a host, if it is watched here.
    pub fn heard_elsewhere(&mut self, name: &BStr, now: Time, site: &dyn Site) {
        if let Some(slot) = self.names.get(name).copied() {
            self.heard = self.heard.max(now);
            self.heard_of(slot, now, site);
        }
    }

    fn hear(
        &mut self,
        name: &BStr,
        file: Option<Option<usize>>,
        source: &BStr,
        now: Time,
        site: &dyn Site,
    ) -> Option<usize> {
        let slot = match self.names.get(name) {
            Some(slot) => *slot,
            None => self.add(name, file, source, now, site)?,
        };
        let watch = self.watches.get_mut(slot)?.as_mut()?;
        watch.file = file;
        if watch.source != source {
            watch.source = source.to_owned();
        }
        self.heard_of(slot, now, site);
        Some(slot)
    }

    /// Begins to watch a name, if it is to be watched and there is room.
    fn add(
        &mut self,
        name: &BStr,
        file: Option<Option<usize>>,
        source: &BStr,
        now: Time,
        site: &dyn Site,
    ) -> Option<usize> {
        let mode = site.mode(name);
        if mode == Mode::Off {
            return None;
        }
        if self.names.len() >= MOST && !self.make_room(now) {
            self.refused += 1;
            return None;
        }
        let watch = Watch {
            name: name.to_owned(),
            file,
            source: source.to_owned(),
            mode,
            learnt: Learnt::new(now),
            held: now,
            due: None,
            state: State::Heard,
            past: None,
            flaps: None,
        };
        let slot = self.put(watch);
        let quarter = quarter(now, site);
        if let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) {
            watch.learnt.ring.mark(quarter);
        }
        self.plan(slot, now, site);
        Some(slot)
    }

    /// Puts a watch into the table.
    pub(super) fn put(&mut self, watch: Watch) -> usize {
        let slot = self.vacant.pop().unwrap_or(self.watches.len());
        self.names.insert(watch.name.clone(), slot);
        match self.watches.get_mut(slot) {
            Some(place) => *place = Some(watch),
            None => self.watches.push(Some(watch)),
        }
        self.changed.insert(slot);
        slot
    }

    /// Takes a watch out of the table.
    pub(super) fn remove(&mut self, slot: usize) {
        let Some(watch) = self.watches.get_mut(slot).and_then(Option::take) else {
            return;
        };
        self.names.remove(&watch.name);
        self.vacant.push(slot);
        self.changed.remove(&slot);
        self.gone.push(watch.name);
    }

    /// Forgets the names that came within one hour alone, at most once each quarter hour. Gives whether there is
    /// room now.
    fn make_room(&mut self, now: Time) -> bool {
        let quarter = now.timestamp().div_euclid(QUARTER);
        if std::mem::replace(&mut self.swept, quarter) == quarter {
            return false;
        }
        let brief = |watch: &Watch| {
            let learnt = &watch.learnt;
            let one_hour = learnt.last - learnt.first < TimeDelta::hours(1);
            one_hour && watch.mode == Mode::Learnt && watch.state == State::Heard
        };
        let slots = (0..).zip(&self.watches);
        let slots = slots.filter(|(_, watch)| watch.as_ref().is_some_and(brief));
        let slots: Vec<usize> = slots.map(|(slot, _)| slot).collect();
        for slot in slots {
            self.remove(slot);
        }
        self.names.len() < MOST
    }

    /// What a line does to a watch.
    fn heard_of(&mut self, slot: usize, now: Time, site: &dyn Site) {
        let (begin, doubted) = (self.begin_of(slot), self.leap.is_doubted(now));
        let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let last = watch.learnt.last;
        let old_quarter = last.timestamp().div_euclid(QUARTER);
        let same_quarter = old_quarter == now.timestamp().div_euclid(QUARTER);
        if same_quarter && watch.state == State::Heard && !doubted {
            let paused = (now - begin).num_seconds().max(0);
            let paused = u32::try_from(paused).unwrap_or(u32::MAX);
            watch.learnt.pauses.note(now.timestamp(), paused);
            watch.learnt.last = now;
            return;
        }
        // A silence of an outage or within a hush says nothing of the host.
        let together = matches!(
            watch.state,
            State::Silent(Silent {
                told: Told::Together,
                ..
            })
        );
        let long = now - begin >= TimeDelta::seconds(QUARTER);
        if doubted {
            // What is noted at a time years ahead makes everything before it forgotten.
        } else if together || (long && site.hushed(watch.name.as_ref(), begin, now).is_some()) {
            watch.learnt.pauses.note(now.timestamp(), 0);
        } else {
            let quarters = (quarter(begin, site), quarter(now, site));
            watch.learnt.learn((begin, quarters.0), (now, quarters.1));
        }
        if !doubted {
            watch.learnt.ring.mark(quarter(now, site));
        }
        watch.learnt.last = now;
        self.changed.insert(slot);
        self.returned(slot, now, !same_quarter, site);
        let due = self.watches.get(slot).and_then(Option::as_ref);
        if due.is_some_and(|watch| watch.due.is_none()) {
            self.plan(slot, now, site);
        }
    }

    pub(super) fn tell(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// When the silence of a watch begins.
    pub(super) fn begin_of(&self, slot: usize) -> Time {
        let watch = self.watches.get(slot).and_then(Option::as_ref);
        watch.map_or(self.base, |watch| {
            watch.learnt.last.max(watch.held).max(self.base)
        })
    }

    /// Works out when a watch is to be looked at.
    pub(super) fn plan(&mut self, slot: usize, now: Time, site: &dyn Site) {
        let begin = self.begin_of(slot);
        let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) else {
            return;
        };
        let due = match watch.state {
            State::Silent(silent) => Some(silent.forgotten()),
            State::Heard | State::Returning(..) => {
                let quarter = quarter(begin, site);
                watch.learnt.deadline(watch.mode, begin, quarter)
            }
        };
        self.set_due(slot, due.map(|due| due.max(now)), now);
    }

    /// Sets when a watch is to be looked at. Looks that are far off are made at whole minutes, many at a time.
    pub(super) fn set_due(&mut self, slot: usize, due: Option<Time>, now: Time) {
        let whole = |due: Time| {
            let seconds = 60 - due.timestamp().rem_euclid(60);
            match due - now < SOON {
                true => due,
                // No calendar has a time behind its last minute.
                false => due
                    .checked_add_signed(TimeDelta::seconds(seconds % 60))
                    .unwrap_or(due),
            }
        };
        let due = due.map(whole);
        if let Some(watch) = self.watches.get_mut(slot).and_then(Option::as_mut) {
            watch.due = due;
            self.next = self.next.into_iter().chain(due).min();
        }
    }
}

/// The quarter hour of a time, in local time.
pub(super) fn quarter(at: Time, site: &dyn Site) -> i64 {
    let local = at.timestamp() + i64::from(site.offset(at).local_minus_utc());
    local.div_euclid(QUARTER)
}

/// Who reads a line about this name now; about no name, a line about many hosts.
pub(super) fn reader(name: Option<&BStr>, now: Time, site: &dyn Site) -> Reader {
    Reader {
        now,
        offset: site.offset(now),
        at_once: site.at_once(name),
    }
}
