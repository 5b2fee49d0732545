//! From a line that is new to its queue to what is known of its kind, and whether that is news.

use bstr::{BStr, BString};

use super::hosts::KnownHost;
use super::key::{Keyed, joined};
use super::kinds::{Kind, NOBODY, Pair};
use super::ops::{About, Op, Wait};
use super::rules::RuleRecord;
use super::shape::shape;
use super::state::News;
use super::waiting::{Item, Told, Why};
use crate::clock::{LEAP, Time};
use crate::config::NewsSettings;
use crate::ledger::Day;

/// Hosts that are known, at most.
const MOST_HOSTS: usize = 1 << 14;
/// The days for which a kind must have been silent to be back.
pub(super) const SILENT: u16 = 30;
/// The share of all kinds that one rule may add on a day.
const SHARE: usize = 16;

/// A line that a queue did not have yet in its period.
#[derive(Clone, Copy, Debug)]
pub struct NewLine<'a> {
    /// The number of the line in the queue.
    pub at: u32,
    /// The hash of the rule that took it ([`News::rule_key`]).
    pub rule: u64,
    /// The host.
    pub host: &'a BStr,
    /// The masked line.
    pub line: &'a BStr,
}

/// Looks up the kinds of lines that are new to a queue. All of them count as lines of one time.
#[derive(Debug)]
pub struct Observer<'a> {
    news: &'a mut News,
    settings: &'a NewsSettings,
    /// The queue of the lines.
    queue: &'a str,
    now: Time,
    today: Day,
    keyed: Keyed,
    /// Whether all is learnt and nothing told.
    learning: bool,
    /// The hashes of hosts by their numbers; 0 where it was not asked for.
    hosts: Vec<u64>,
    /// The hosts of the last lines, by the places of their names.
    recent: [Option<(usize, HostOf)>; RECENT],
    shape: Vec<u8>,
    /// Kinds that there was no room for, or that had to go for others.
    over: u64,
}

/// The number of recent hosts; a power of two.
const RECENT: usize = 64;

/// The host of a line.
#[derive(Clone, Copy, Debug)]
struct HostOf {
    number: u16,
    hash: u64,
    first: Day,
    /// Whether this is its first line.
    new: bool,
}

/// The kind of a line, and what was known of it before.
struct KindOf {
    hash: u64,
    known: Option<Kind>,
    /// The hash of the kind and its host.
    pair: u64,
    new_to_host: bool,
}

impl<'a> Observer<'a> {
    /// Looks up lines of this queue, at `now`.
    pub fn new(news: &'a mut News, settings: &'a NewsSettings, queue: &'a str, now: Time) -> Self {
        let today = Day::of(now);
        let keyed = Keyed::new(news.about.key);
        let learning = news.is_learning(settings, today);
        let mut observer = Self {
            news,
            settings,
            queue,
            now,
            today,
            keyed,
            learning,
            hosts: Vec::new(),
            recent: [None; RECENT],
            shape: Vec::new(),
            over: 0,
        };
        observer.tidy();
        observer
    }

    /// The number of kinds that there was no room for, or that had to go for others.
    pub fn over(&self) -> u64 {
        self.over
    }

    /// Looks up a line.
    pub fn see(&mut self, new: NewLine<'_>) {
        let Some(host) = self.recent_host(new.host) else {
            return;
        };
        self.shape.clear();
        self.shape.extend_from_slice(&new.rule.to_le_bytes());
        shape(new.line, new.host, &mut self.shape);
        let hash = self.keyed.of(&self.shape);
        let pair = joined(hash, host.hash);
        let known_pair = self.news.kinds.pair(pair);
        let kind = KindOf {
            hash,
            known: self.news.kinds.kind(hash),
            pair,
            new_to_host: known_pair.is_none(),
        };
        let rule = match kind.known {
            Some(known) => {
                self.known_again(known);
                None
            }
            None => match self.first_seen(hash, host.number, new) {
                Some(rule) => Some(rule),
                None => return,
            },
        };
        if known_pair.is_none_or(|known| known.last() < self.today) {
            self.note_pair(pair);
        }
        // Most lines are of known kinds, while nothing waits to be told.
        let plain = kind.known.is_some_and(|known| !self.is_back(known)) && !kind.new_to_host;
        if self.learning || (plain && !host.new && self.news.waiting.is_empty()) {
            return;
        }
        self.judge(new, host, &kind, rule);
    }

    /// As [`Self::host`]; most lines are of a host that had one before. The names of a queue's hosts stay where
    /// they are while its lines are looked up.
    #[inline]
    fn recent_host(&mut self, name: &BStr) -> Option<HostOf> {
        let at = name.as_ptr() as usize;
        let place = (at >> 4) % RECENT;
        if let Some(Some((known, host))) = self.recent.get(place)
            && *known == at
        {
            return Some(*host);
        }
        let host = self.host(name)?;
        if let Some(place) = self.recent.get_mut(place) {
            *place = Some((at, HostOf { new: false, ..host }));
        }
        Some(host)
    }

    /// The host of this name, which is known from now on; nothing if there is no number for it.
    fn host(&mut self, name: &BStr) -> Option<HostOf> {
        let number = self.news.hosts.number(name);
        let known = number.and_then(|number| Some((number, self.news.hosts.get(number)?)));
        let (number, first, new) = match known {
            Some((number, host)) if host.last >= self.today => (number, host.first, false),
            Some((number, host)) => {
                let host = KnownHost {
                    last: self.today,
                    ..host.clone()
                };
                let first = host.first;
                self.news.perform(Op::Host(number, host));
                (number, first, false)
            }
            None => (self.new_host(name)?, self.today, true),
        };
        let place = usize::from(number);
        if self.hosts.len() <= place {
            self.hosts.resize(place + 1, 0);
        }
        let hash = self.hosts.get_mut(place)?;
        if *hash == 0 || new {
            *hash = self.keyed.of(name);
        }
        Some(HostOf {
            number,
            hash: *hash,
            first,
            new,
        })
    }

    #[cold]
    fn new_host(&mut self, name: &BStr) -> Option<u16> {
        if self.news.hosts.count() >= MOST_HOSTS {
            self.news
                .perform(Op::KeepHosts(MOST_HOSTS - MOST_HOSTS / SHARE));
            self.hosts.clear();
            self.recent = [None; RECENT];
        }
        let number = self.news.hosts.free();
        let host = KnownHost {
            name: name.to_owned(),
            first: self.today,
            last: self.today,
        };
        (number != NOBODY).then(|| {
            self.news.perform(Op::Host(number, host));
            number
        })
    }

    /// Notes that a kind was seen today.
    fn known_again(&mut self, known: Kind) {
        if known.last < self.today {
            let pause = known.pause.max(self.today.since(known.last));
            self.news.perform(Op::Kind(Kind {
                last: self.today,
                pause,
                ..known
            }));
        } else if self.today < known.first {
            self.news.perform(Op::Kind(Kind {
                first: self.today,
                ..known
            }));
        }
    }

    fn note_pair(&mut self, pair: u64) {
        self.news.perform(Op::Pair(Pair::new(pair, self.today)));
        let most = self.settings.most_kinds.saturating_mul(4);
        if self.news.kinds.pairs() > most {
            self.news.perform(Op::KeepPairs(most - most / SHARE));
        }
    }

    /// Notes a kind that was never seen before, and what that makes of its rule; nothing if there is no room for
    /// it.
    #[cold]
    fn first_seen(&mut self, hash: u64, host: u16, new: NewLine<'_>) -> Option<RuleRecord> {
        let mut rule = self.news.rules.get(&new.rule).cloned().unwrap_or_default();
        rule.count(self.today, new.line, self.learning);
        self.news
            .perform(Op::Rule(new.rule, Box::new(rule.clone())));
        let most = self.settings.most_kinds;
        if rule.today as usize > (most / SHARE).max(1) {
            self.over += 1;
            return None;
        }
        self.news.perform(Op::Kind(Kind {
            hash,
            first: self.today,
            last: self.today,
            pause: 0,
            host,
        }));
        let number = self.news.kinds.count();
        if number > most {
            self.news.perform(Op::KeepKinds(most - most / SHARE));
            self.over += (number - self.news.kinds.count()) as u64;
        }
        Some(rule)
    }

    /// Whether a kind that was known comes back after a long silence.
    fn is_back(&self, known: Kind) -> bool {
        let silent = self.today.since(known.last);
        silent > SILENT && silent > known.pause.saturating_mul(2)
    }

    /// Says whether a line is news, and has its queue's next report tell it.
    fn judge(&mut self, new: NewLine<'_>, host: HostOf, kind: &KindOf, rule: Option<RuleRecord>) {
        let new_host = Why::NewHost { kinds: 0 };
        let told = host.new && self.was_told(&new_host, new.host);
        if (host.new && !told) || self.waits(host.hash) {
            let text = new.host.to_owned();
            let place = self.item(host.hash, new_host, text);
            if let Some(place) = place {
                self.wait(Wait::Line(new.at, place));
                if kind.new_to_host {
                    self.wait(Wait::HostKind(place));
                }
            }
            return;
        }
        let of_kind = self.waits(kind.hash);
        let waits = of_kind || self.waits(kind.pair);
        let old_host = self.today.since(host.first) >= self.settings.learn;
        let back = kind.known.filter(|known| self.is_back(*known));
        let (key, why) = match kind.known {
            // What another queue waits to tell is told here too.
            _ if waits => {
                let key = if of_kind { kind.hash } else { kind.pair };
                let Some(why) = self.why(key) else { return };
                (key, why)
            }
            None => (kind.hash, Why::NeverSeen),
            Some(known) if back.is_some() => {
                let (last, days) = (known.last, self.today.since(known.last));
                (kind.hash, Why::Back { last, days })
            }
            Some(known) if kind.new_to_host && old_host => {
                let from = self.news.hosts.get(known.host);
                let from = from.map(|host| host.name.clone());
                let since = known.first;
                (kind.pair, Why::NewToHost { from, since })
            }
            Some(_) => return,
        };
        if !waits {
            let rule = rule.or_else(|| self.news.rules.get(&new.rule).cloned());
            let rule = rule.unwrap_or_default();
            if rule.takes_over(self.today) {
                if why == Why::NeverSeen {
                    self.wait(Wait::TakenOver);
                }
                return;
            }
            if rule.lacks_mask(self.today) || self.was_told(&why, new.host) {
                return;
            }
        }
        if let Some(place) = self.item(key, why, Told::kept(new.line)) {
            self.wait(Wait::Line(new.at, place));
        }
    }

    /// Whether the reports of the site have told it already (`set site`), of the line that is looked up.
    fn was_told(&self, why: &Why, host: &BStr) -> bool {
        let shape = self.shape.get(size_of::<u64>()..).unwrap_or_default();
        self.news
            .was_told((self.queue, shape), why, host, self.today)
    }

    /// Whether this queue waits to tell the item of this key, or another one does while this queue has not told
    /// it yet.
    fn waits(&self, key: u64) -> bool {
        let here = self.news.waiting.get(self.queue);
        here.is_some_and(|waiting| waiting.place(key).is_some())
            || self
                .waiting_item(key)
                .is_some_and(|item| !self.news.has_told(self.queue, key, item.first))
    }

    /// Why the item of this key, which a queue waits to tell, is news.
    fn why(&self, key: u64) -> Option<Why> {
        self.waiting_item(key).map(|item| item.why.clone())
    }

    /// The item of this key that a queue waits to tell.
    fn waiting_item(&self, key: u64) -> Option<&Item> {
        let mut waiting = self.news.waiting.values();
        waiting.find_map(|waiting| waiting.items.get(waiting.place(key)? as usize))
    }

    /// The place of the item of this key in this queue; a new one is added, if there is room.
    fn item(&mut self, key: u64, why: Why, text: BString) -> Option<u32> {
        let waiting = self.news.waiting.get(self.queue);
        if let Some(place) = waiting.and_then(|waiting| waiting.place(key)) {
            return Some(place);
        }
        if waiting.is_some_and(|waiting| !waiting.has_room()) {
            self.wait(Wait::More);
            return None;
        }
        self.wait(Wait::Item(Box::new(Item {
            key,
            why,
            first: self.now,
            text,
        })));
        self.news.waiting.get(self.queue)?.place(key)
    }

    fn wait(&mut self, more: Wait) {
        self.news.perform(Op::Wait(self.queue.to_owned(), more));
    }

    /// Once a day, forgets what was not seen for long. On a day that comes long after the last one the clock may be
    /// wrong, for a moment, and everything would be old: it is forgotten on the next day. A last day that is still to
    /// come is of such a clock.
    fn tidy(&mut self) {
        let about = self.news.about;
        if about.tidied == self.today {
            return;
        }
        let passed = self.today.since(about.tidied);
        self.news.perform(Op::About(About {
            tidied: self.today,
            ..about
        }));
        if !(1..=LEAP.num_days()).contains(&i64::from(passed)) {
            return;
        }
        let oldest = self.today.before(self.settings.memory);
        self.news.perform(Op::ForgetBefore(oldest));
        let most = self.settings.most_kinds;
        let number = self.news.kinds.count();
        if number > most {
            self.news.perform(Op::KeepKinds(most));
            self.over += (number - most) as u64;
        }
    }
}
