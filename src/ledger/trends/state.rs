//! The trends of a site as they are kept: in memory, and over the commits.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use super::calendar::Calendar;
use super::judge::{Judge, Period, WINDOW};
use super::note::Note;
use super::record::RuleHistory;
use super::running::Running;
use crate::clock::Time;
use crate::config::TrendsSettings;
use crate::ledger::Day;

/// The trends of a site.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Trends {
    /// The first day; nothing until it begins.
    began: Option<Day>,
    /// Whether a report said when trends begin.
    announced: bool,
    /// The periods of each queue, by its name.
    pub(super) calendars: BTreeMap<String, Calendar>,
    /// The rules, in the order of their keys.
    pub(super) rules: Vec<RuleHistory>,
    pub(super) running: Running,
    #[serde(skip)]
    log: Log,
}

/// Counts that are noted between two commits, at most: more cost more than the whole.
const MOST: usize = 1 << 17;

/// What changed since the last commit.
#[derive(Clone, Debug)]
struct Log {
    /// Whether more changed than counts: all is written whole.
    whole: bool,
    /// The number of hosts that the last commit holds.
    hosts: usize,
    counts: Vec<Count>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            whole: true,
            hosts: 0,
            counts: Vec::new(),
        }
    }
}

/// What is equal does not depend on what is committed of it.
impl PartialEq for Log {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Lines of a rule: its place, the place of the host's name and one more (0 if the host is not told apart), and
/// their number.
pub type Count = (u32, u32, u64);

/// The changes of a commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum TrendsChange<T = Trends, N = Vec<BString>, C = Vec<Count>> {
    /// What was before is gone: this stands in its place.
    Whole(T),
    /// Lines were counted: the names of hosts that are new, and the counts.
    Counts(N, C),
}

/// A change as it is written.
pub type TrendsChangeRef<'a> = TrendsChange<&'a Trends, &'a [BString], &'a [Count]>;

/// A queue that tells trends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Home {
    /// Its name.
    pub queue: String,
    /// The length of its periods, days.
    pub unit: u16,
    /// The keys of the rules that it tells of, sorted.
    pub keys: Vec<u64>,
}

/// What a report tells.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    /// The notes, the most unusual first.
    pub notes: Vec<Note>,
    /// The number of notes beyond these.
    pub over: u32,
    /// The number of rules that began anew.
    pub anew: u32,
    /// The first day with trends, if that is to be told.
    pub begins: Option<Day>,
}

impl Trends {
    /// Begins, if that was not done before, and goes on with these queues and rules. Of a rule that was changed
    /// nothing is known: its text is another one.
    pub fn begin(&mut self, homes: &[Home], now: Time) {
        self.running.begin();
        let first = self.began.is_none();
        let keys: BTreeSet<u64> = homes.iter().flat_map(|home| &home.keys).copied().collect();
        let unit = |name: &str| homes.iter().find(|home| home.queue == name).map(|h| h.unit);
        let stays = |name: &str, calendar: &Calendar| unit(name) == Some(calendar.unit);
        let same = self
            .calendars
            .iter()
            .all(|(name, calendar)| stays(name, calendar))
            && self.calendars.len() == homes.len()
            && self
                .rules
                .iter()
                .map(|rule| rule.key)
                .eq(keys.iter().copied());
        if same && !first {
            return;
        }
        self.whole();
        self.began.get_or_insert(Day::of(now));
        self.calendars
            .retain(|name, calendar| stays(name, calendar));
        for home in homes {
            let calendar = self.calendars.entry(home.queue.clone());
            let calendar = calendar.or_insert_with(|| Calendar::new(home.unit, now));
            if !first {
                let known = |key: &u64| self.rules.binary_search_by_key(key, |r| r.key).is_ok();
                let new = home.keys.iter().filter(|key| !known(key)).count();
                let new = u32::try_from(new).unwrap_or(u32::MAX);
                calendar.anew = calendar.anew.saturating_add(new);
            }
        }
        let gone = |key: u64| !keys.contains(&key);
        if self.rules.iter().any(|rule| gone(rule.key)) {
            self.rules.retain(|rule| !gone(rule.key));
            self.running.forget(gone);
        }
        let known: BTreeSet<u64> = self.rules.iter().map(|rule| rule.key).collect();
        let new = keys.difference(&known).map(|key| RuleHistory::new(*key));
        self.rules.extend(new);
        self.rules.sort_unstable_by_key(|rule| rule.key);
        self.rules.shrink_to_fit();
    }

    /// Whether anything was ever counted.
    pub fn has_begun(&self) -> bool {
        self.began.is_some()
    }

    /// The place of the rule of this key.
    pub fn place(&self, key: u64) -> Option<u32> {
        let place = self.rules.binary_search_by_key(&key, |rule| rule.key);
        place.ok().and_then(|place| u32::try_from(place).ok())
    }

    /// Counts lines of the rule of this place, of a host. Gives the number of those whose host is not told apart,
    /// since there are too many.
    pub fn count(&mut self, place: u32, host: Option<&BStr>, n: u64) -> u64 {
        let Some(key) = self.rules.get(place as usize).map(|rule| rule.key) else {
            return 0;
        };
        let number = host.and_then(|host| self.running.host(host));
        let number = number.filter(|number| self.running.has_room(key, *number));
        let count = (place, number.map_or(0, |number| number + 1), n);
        if !self.log.whole {
            self.log.counts.push(count);
            if self.log.counts.len() > MOST {
                self.whole();
            }
        }
        self.add(count);
        if host.is_some() && number.is_none() {
            n
        } else {
            0
        }
    }

    fn add(&mut self, (place, host, n): Count) {
        if let Some(rule) = self.rules.get_mut(place as usize) {
            rule.add(n);
            if let Some(host) = host.checked_sub(1) {
                self.running.add(rule.key, host, n);
            }
        }
    }

    /// A scheduled minute of a queue has come: judges its rules, and ends the period unless it is a day that ended
    /// already. All lines of before the minute must have been counted. Gives whether the next report has notes.
    pub fn pass(&mut self, period: Period<'_>, settings: &TrendsSettings) -> bool {
        let Self {
            calendars,
            rules,
            running,
            ..
        } = self;
        let Some(calendar) = calendars.get_mut(period.queue) else {
            return false;
        };
        let ends = calendar.ends_on(period.day);
        let judge = Judge {
            settings,
            calendar,
            running,
            day: period.day,
            now: period.now,
            ends,
        };
        let mut notes = Vec::new();
        for key in period.keys {
            let place = rules.binary_search_by_key(key, |rule| rule.key);
            let Some(rule) = place.ok().and_then(|place| rules.get_mut(place)) else {
                continue;
            };
            if let Some(note) = judge.note(rule) {
                (rule.told_more, rule.told_gone) = (rule.now > 0, rule.now == 0);
                notes.push(note);
            }
            if ends {
                rule.end_period();
            }
        }
        let changed = ends || !notes.is_empty();
        calendar.tell(notes);
        if ends {
            calendar.end_period(period.day, period.now);
            running.forget(|key| period.keys.binary_search(&key).is_ok());
        }
        let told = !calendar.notes.is_empty();
        if changed {
            self.whole();
        }
        told
    }

    /// The program was not running for a time, in which this scheduled minute of a queue passed or none did. Gives
    /// whether the next report has notes.
    pub fn interrupted(
        &mut self,
        down: chrono::TimeDelta,
        passed: Option<Period<'_>>,
        (queue, settings): (&str, &TrendsSettings),
    ) -> bool {
        let Some(calendar) = self.calendars.get_mut(queue) else {
            return false;
        };
        let seconds = down.num_seconds().max(0);
        let (little, told) = (calendar.is_little(seconds), !calendar.notes.is_empty());
        let add = u32::try_from(seconds).unwrap_or(u32::MAX);
        match passed {
            // The lines of the last moments count for the next period.
            Some(period) if little => self.pass(period, settings),
            _ => {
                calendar.down = calendar.down.saturating_add(add);
                self.whole();
                told
            }
        }
    }

    /// Whether a scheduled minute of a queue on this day ends a period.
    pub fn ends_on(&self, queue: &str, day: Day) -> bool {
        let calendar = self.calendars.get(queue);
        calendar.is_some_and(|calendar| calendar.ends_on(day))
    }

    /// Whether the next report of a queue has notes.
    pub fn has_notes(&self, queue: &str) -> bool {
        let calendar = self.calendars.get(queue);
        calendar.is_some_and(|calendar| !calendar.notes.is_empty())
    }

    /// Takes out what the report of a queue tells; nothing if there is nothing.
    pub fn take(&mut self, queue: &str, now: Time) -> Option<Taken> {
        let today = Day::of(now);
        let calendar = self.calendars.get_mut(queue)?;
        let taken = Taken {
            notes: std::mem::take(&mut calendar.notes),
            over: std::mem::take(&mut calendar.over),
            anew: std::mem::take(&mut calendar.anew),
            begins: match (self.announced, self.began) {
                (false, Some(began)) => Some(began.after(WINDOW)).filter(|day| *day > today),
                _ => None,
            },
        };
        if taken == Taken::default() && self.announced {
            return None;
        }
        self.announced = true;
        self.whole();
        (taken != Taken::default()).then_some(taken)
    }

    /// Has the next commit write all.
    fn whole(&mut self) {
        self.log = Log::default();
    }

    /// What changed since the last commit.
    pub(in crate::ledger) fn changes(&self) -> Option<TrendsChangeRef<'_>> {
        match self.log.whole {
            true if !self.has_begun() => None,
            true => Some(TrendsChange::Whole(self)),
            false if self.log.counts.is_empty() => None,
            false => {
                let names = self.running.names_from(self.log.hosts);
                Some(TrendsChange::Counts(names, &self.log.counts))
            }
        }
    }

    /// To be called when a commit was made of the trends as they are.
    pub(in crate::ledger) fn committed(&mut self) {
        self.log.whole = false;
        self.log.hosts = self.running.hosts();
        self.log.counts.clear();
        // What one burst needed is not kept for ever.
        self.log.counts.shrink_to(MOST >> 7);
    }

    /// Makes the changes of a commit.
    pub fn take_changes(&mut self, change: TrendsChange) {
        match change {
            TrendsChange::Whole(trends) => *self = trends,
            TrendsChange::Counts(names, counts) => {
                self.running.add_names(names);
                counts.into_iter().for_each(|count| self.add(count));
            }
        }
    }
}
