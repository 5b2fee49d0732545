//! The news of several consoles in one report (`set site`).
//!
//! Each console has a ledger of its own, with a key of its own: a kind that one of them has never seen may be known
//! to another. So a console hands in what is new to it, with the shapes of the lines; whoever makes the report keeps
//! what is new to the site, and has the others learn it. What a site was told is a kind of no rule in the ledger.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use super::block::{Block, Reported, name};
use super::key::{Keyed, joined};
use super::kinds::{Kind, NOBODY, Pair};
use super::observe::SILENT;
use super::ops::Op;
use super::shape::shape;
use super::state::News;
use super::waiting::{Told, Why};
use crate::clock::Time;
use crate::config::NewsSettings;
use crate::ledger::{Counts, Day};

/// In front of what a site was told, where the hash of a rule stands otherwise.
const SITE: u64 = 0;
/// In front of the name of a host that a site was told.
const SITE_HOST: u64 = 1;

/// The news that a console hands in for a report of its site.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HandedIn {
    /// All of them, as they came.
    pub rows: Vec<HandedRow>,
    /// News beyond the bound of a queue.
    pub more: u64,
    /// Sentences about news as a whole.
    pub notes: Vec<String>,
}

/// Something that was new to a console.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HandedRow {
    /// What its report would have told.
    pub told: Told,
    /// The shape of its line; nothing for a new host.
    pub shape: BString,
}

/// What the ledgers of a site learn of a report.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Taught {
    /// The queue that told it: another one may have to tell it too.
    pub queue: String,
    /// What it told.
    pub news: Known,
}

/// Something new, by what each ledger knows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Known {
    /// A kind of line, by its shape.
    Kind(BString),
    /// A kind at a host.
    AtHost(BString, BString),
    /// A host.
    Host(BString),
}

impl HandedRow {
    fn known(&self) -> Option<Known> {
        let shape = || self.shape.clone();
        match self.told.why {
            Why::NeverSeen | Why::Back { .. } => Some(Known::Kind(shape())),
            Why::NewToHost { .. } => {
                let host = self.told.hosts.first()?.clone();
                Some(Known::AtHost(shape(), host))
            }
            Why::NewHost { .. } => Some(Known::Host(self.told.text.clone())),
        }
    }
}

/// The news of a share, and who handed it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whose {
    /// This console: its ledger knows the rows since it handed them in.
    Own,
    /// Another console.
    Other,
}

/// A row of the report while it is put together.
struct Row {
    told: Told,
    own: bool,
}

impl News {
    /// Takes out what a console hands in for the report of a queue; nothing if there is nothing. `text` gives host
    /// and text of the line of this number.
    pub fn hand_in<'t>(
        &mut self,
        report: &Reported<'_>,
        text: &dyn Fn(u32) -> Option<(&'t BStr, &'t BStr)>,
        (settings, now): (&NewsSettings, Time),
    ) -> Option<HandedIn> {
        let mut block = Block {
            today: Day::of(now),
            ..Block::default()
        };
        let rows = self.take_rows(&mut block, report, now).unwrap_or_default();
        let row = |(told, at): (Told, u32)| {
            let mut of_line = Vec::new();
            if let Some((host, line)) = text(at).filter(|_| !told.is_host()) {
                shape(line, host, &mut of_line);
            }
            let shape = of_line.into();
            HandedRow { told, shape }
        };
        let rows: Vec<HandedRow> = rows.into_iter().map(row).collect();
        self.note_begin(&mut block, report, settings);
        self.note_rules(&mut block, report);
        let handed = HandedIn {
            rows,
            more: block.more,
            notes: block.notes,
        };
        (handed != HandedIn::default()).then_some(handed)
    }

    /// The news of a report of several consoles, and what all ledgers learn of it: this one does at once. `rules` are
    /// the keys of the rules that have the queue, and a row that is `held` back by a threshold is no news.
    pub fn of_site(
        &mut self,
        queue: &str,
        (shares, counts): (Vec<(Whose, HandedIn)>, Counts),
        rules: &[u64],
        held: &mut dyn FnMut(&Told) -> bool,
        (settings, now): (&NewsSettings, Time),
    ) -> (Option<Block>, Vec<Taught>) {
        let mut block = Block {
            today: Day::of(now),
            ..Block::default()
        };
        let mut rows: BTreeMap<Known, Row> = BTreeMap::new();
        for (whose, handed) in shares {
            block.more = counts.of_both(block.more, handed.more, u64::saturating_add);
            for note in handed.notes {
                if !block.notes.contains(&note) {
                    block.notes.push(note);
                }
            }
            for row in handed.rows {
                if let Some(key) = row.known() {
                    add_row(&mut rows, key, (row.told, whose == Whose::Own), counts);
                }
            }
        }
        block.never_seen = block.more;
        let known = (rules, block.today);
        rows.retain(|key, row| !self.site_knows((queue, key), row, known) && !held(&row.told));
        let (taught, rows): (Vec<Known>, Vec<Row>) = rows.into_iter().unzip();
        let queued = |news| Taught {
            queue: queue.to_owned(),
            news,
        };
        let taught: Vec<Taught> = taught.into_iter().map(queued).collect();
        self.teach(&taught, now);
        let rows = rows.into_iter().map(|row| row.told).collect();
        block.set_rows(rows, settings.limit);
        let some = block.has_news() || !block.notes.is_empty();
        (some.then_some(block), taught)
    }

    /// Learns what a report of the site told.
    pub fn teach(&mut self, taught: &[Taught], now: Time) {
        let today = Day::of(now);
        for Taught { queue, news } in taught {
            match news {
                Known::Kind(shape) => self.teach_kind(self.told_hash(SITE, queue, shape), today),
                Known::AtHost(shape, host) => {
                    let pair = self.told_pair(queue, shape, host);
                    self.perform(Op::Pair(Pair::new(pair, today)));
                }
                Known::Host(host) => self.teach_kind(self.told_hash(SITE_HOST, queue, host), today),
            }
        }
    }

    fn teach_kind(&mut self, hash: u64, today: Day) {
        let known = self.kinds.kind(hash);
        let first = known.map_or(today, |kind| kind.first);
        self.perform(Op::Kind(Kind {
            hash,
            first,
            last: today,
            pause: 0,
            host: NOBODY,
        }));
    }

    /// Whether a report of this queue told the site this news: of a kind of this shape; where the kind is new to its
    /// host, of this kind at this host; where the host is new, of this host.
    pub(super) fn was_told(
        &self,
        (queue, shape): (&str, &[u8]),
        why: &Why,
        host: &BStr,
        today: Day,
    ) -> bool {
        match why {
            Why::NewToHost { .. } => {
                let pair = self.told_pair(queue, shape, host);
                self.kinds.pair(pair).is_some()
            }
            Why::NewHost { .. } => self
                .kinds
                .kind(self.told_hash(SITE_HOST, queue, host))
                .is_some(),
            why => self.knows_kind(self.told_hash(SITE, queue, shape), why, today),
        }
    }

    /// Whether a kind of this hash is known; to be back, it must have been silent here as well.
    fn knows_kind(&self, hash: u64, why: &Why, today: Day) -> bool {
        let back = matches!(why, Why::Back { .. });
        let known = self.kinds.kind(hash);
        known.is_some_and(|kind| !back || today.since(kind.last) <= SILENT)
    }

    fn told_pair(&self, queue: &str, shape: &[u8], host: &[u8]) -> u64 {
        let keyed = Keyed::new(self.about.key);
        joined(self.told_hash(SITE, queue, shape), keyed.of(host))
    }

    fn told_hash(&self, front: u64, queue: &str, text: &[u8]) -> u64 {
        let keyed = Keyed::new(self.about.key);
        // No name of a queue has a NUL.
        keyed.of(&[&front.to_le_bytes(), queue.as_bytes(), b"\0", text].concat())
    }

    /// Whether this is no news for the site: the queue has told it, or this console knows it from other lines than the
    /// lines of its own share, and not only from lines that came since and wait for its next one.
    fn site_knows(
        &self,
        (queue, key): (&str, &Known),
        row: &Row,
        (rules, today): (&[u64], Day),
    ) -> bool {
        let keyed = Keyed::new(self.about.key);
        let why = &row.told.why;
        let by_rule = |rule: &u64, shape: &[u8]| keyed.of(&[&rule.to_le_bytes(), shape].concat());
        let waiting = self.waiting.get(queue);
        let waits = |hash: u64| waiting.is_some_and(|waiting| waiting.place(hash).is_some());
        let (told, mine) = match key {
            Known::Kind(shape) => {
                let mine = |rule| {
                    let hash = by_rule(rule, shape);
                    self.knows_kind(hash, why, today) && !waits(hash)
                };
                let told = self.was_told((queue, shape), why, BStr::new(""), today);
                (told, rules.iter().any(mine))
            }
            Known::AtHost(shape, host) => {
                let of_host = keyed.of(host);
                let mine = |rule| {
                    let pair = joined(by_rule(rule, shape), of_host);
                    self.kinds.pair(pair).is_some() && !waits(pair)
                };
                let told = self.was_told((queue, shape), why, host.as_ref(), today);
                (told, rules.iter().any(mine))
            }
            Known::Host(host) => {
                let told = self.was_told((queue, b""), why, host.as_ref(), today);
                let known = self.hosts.number(host.as_ref()).is_some();
                (told, known && !waits(keyed.of(host)))
            }
        };
        told || (!row.own && mine)
    }
}

/// Adds a row, or its counts to the row that is there.
fn add_row(rows: &mut BTreeMap<Known, Row>, key: Known, (told, own): (Told, bool), counts: Counts) {
    match rows.entry(key) {
        Entry::Vacant(place) => {
            place.insert(Row { told, own });
        }
        Entry::Occupied(mut place) => {
            let row = place.get_mut();
            row.own |= own;
            row.told.count = counts.of_both(row.told.count, told.count, u64::saturating_add);
            row.told.first = row.told.first.min(told.first);
            let more_hosts = (row.told.more_hosts, told.more_hosts);
            row.told.more_hosts = counts.of_both(more_hosts.0, more_hosts.1, usize::saturating_add);
            if let (Why::NewHost { kinds }, Why::NewHost { kinds: more }) =
                (&mut row.told.why, &told.why)
            {
                *kinds = (*kinds).max(*more);
            }
            told.hosts
                .iter()
                .for_each(|host| name(&mut row.told, host.as_ref()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NewsQueues, NewsSettings};
    use crate::ledger::news::{NewLine, Observer, RuleOf};
    use chrono::TimeDelta;

    /// A console with a ledger of its own, and the lines of its queue.
    struct Console {
        news: News,
        lines: Vec<(BString, BString)>,
        settings: NewsSettings,
        rule: u64,
        counts: Counts,
    }

    impl Console {
        fn new(now: Time) -> Self {
            let mut news = News::default();
            news.begin([b"^rule$".as_slice()].into_iter(), now);
            Self {
                rule: news.rule_key(b"^rule$"),
                news,
                lines: Vec::new(),
                counts: Counts::Added,
                settings: NewsSettings {
                    queues: NewsQueues::All,
                    learn: 0,
                    memory: 400,
                    most_kinds: 1000,
                    limit: 20,
                },
            }
        }

        fn see(&mut self, host: &str, line: &str, now: Time) {
            self.lines.push((host.into(), line.into()));
            let at = u32::try_from(self.lines.len() - 1).unwrap();
            let mut observer = Observer::new(&mut self.news, &self.settings, "q", now);
            observer.see(NewLine {
                at,
                rule: self.rule,
                host: host.into(),
                line: line.into(),
            });
        }

        fn hand_in(&mut self, now: Time) -> HandedIn {
            let lines = std::mem::take(&mut self.lines);
            let line = |at: u32| lines.get(at as usize).map(|(host, _)| (host.as_ref(), 2));
            let rule = |_| None::<RuleOf>;
            let report = Reported {
                queue: "q",
                is_read: true,
                line: &line,
                rule: &rule,
            };
            let text = |at: u32| {
                lines
                    .get(at as usize)
                    .map(|(h, l)| (h.as_ref(), l.as_ref()))
            };
            let handed = self.news.hand_in(&report, &text, (&self.settings, now));
            handed.unwrap_or_default()
        }

        /// The rows of a report that this console makes, and what the others learn.
        fn report(
            &mut self,
            shares: Vec<(Whose, HandedIn)>,
            now: Time,
        ) -> (Vec<String>, Vec<Taught>) {
            let settings = (&self.settings, now);
            let (block, taught) = self.news.of_site(
                "q",
                (shares, self.counts),
                &[self.rule],
                &mut |_| false,
                settings,
            );
            let rows = block.map(|block| block.rows).unwrap_or_default();
            let row = |told: &Told| {
                let hosts: Vec<String> = told.hosts.iter().map(ToString::to_string).collect();
                format!("{} {} {}", hosts.join("+"), told.count, told.text)
            };
            (rows.iter().map(row).collect(), taught)
        }
    }

    #[test]
    fn a_report_tells_what_is_new_to_the_site_and_the_ledgers_learn_it() {
        let now = Time::default() + TimeDelta::days(20_000);
        let (mut a, mut b) = (Console::new(now), Console::new(now));
        a.see("h1", "known to a", now);
        b.see("h2", "of b", now);
        // Both have told their hosts.
        let shares = vec![(Whose::Own, a.hand_in(now)), (Whose::Other, b.hand_in(now))];
        let (rows, taught) = a.report(shares, now);
        assert_eq!(rows, ["h1 2 h1", "h2 2 h2"]);
        b.news.teach(&taught, now);
        let later = now + TimeDelta::hours(1);
        a.see("h1", "seen by both", later);
        b.see("h2", "seen by both", later);
        b.see("h2", "known to a", later);
        b.see("h2", "new to all", later);
        let share = b.hand_in(later);
        assert_eq!(share.rows.len(), 3, "{share:?}");
        let shares = vec![(Whose::Own, a.hand_in(later)), (Whose::Other, share)];
        let (rows, taught) = a.report(shares, later);
        assert_eq!(rows, ["h2 2 new to all", "h1+h2 4 seen by both"]);
        // A third console sees one of them before it learns of the report, and another one after that.
        let mut c = Console::new(now);
        c.see("h3", "x", now);
        c.hand_in(now);
        c.see("h3", "new to all", later);
        c.news.teach(&taught, later);
        c.see("h3", "seen by both", later);
        let share = c.hand_in(later);
        assert_eq!(share.rows.len(), 1, "{share:?}");
        let (rows, _) = c.report(vec![(Whose::Own, share.clone())], later);
        assert_eq!(rows, [""; 0]);
        let (rows, _) = a.report(vec![(Whose::Other, share)], later);
        assert_eq!(rows, [""; 0]);
    }

    /// Between the time of a report and its merge, the console that makes it may see what another one has handed in.
    #[test]
    fn what_waits_for_the_next_share_is_told_by_the_report_that_has_it() {
        let now = Time::default() + TimeDelta::days(20_000);
        let (mut a, mut b) = (Console::new(now), Console::new(now));
        for console in [&mut a, &mut b] {
            console.see("h1", "known", now);
            console.hand_in(now);
        }
        b.see("h1", "new", now);
        let share = b.hand_in(now);
        a.see("h1", "new", now);
        let (rows, taught) = a.report(vec![(Whose::Other, share)], now);
        assert_eq!(rows, ["h1 2 new"]);
        b.news.teach(&taught, now);
        let share = a.hand_in(now);
        let (rows, _) = b.report(vec![(Whose::Other, share.clone())], now);
        assert_eq!(rows, [""; 0]);
        let (rows, _) = a.report(vec![(Whose::Own, share)], now);
        assert_eq!(rows, [""; 0]);
    }

    #[test]
    fn where_consoles_hear_the_same_lines_their_counts_are_not_added() {
        let now = Time::default() + TimeDelta::days(20_000);
        let (mut a, mut b) = (Console::new(now), Console::new(now));
        a.counts = Counts::Mirrored;
        for (console, times) in [(&mut a, 2), (&mut b, 3)] {
            console.see("h1", "known", now);
            console.hand_in(now);
            (0..times).for_each(|_| console.see("h1", "new", now));
        }
        let shares = vec![(Whose::Own, a.hand_in(now)), (Whose::Other, b.hand_in(now))];
        let (rows, _) = a.report(shares, now);
        assert_eq!(rows, ["h1 6 new"]);
    }
}
