//! What a report tells of news.

use bstr::{BStr, BString};

use super::ops::{About, Op};
use super::rules::{RuleRecord, ordinal};
use super::state::News;
use super::waiting::{Item, Told, Why};
use crate::clock::Time;
use crate::config::NewsSettings;
use crate::ledger::Day;

/// Hosts that are named of a kind, at most.
const HOSTS: usize = 5;
/// New hosts up to which each has a line of its own.
pub const NEW_HOSTS: usize = 5;

/// The news of a report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Block {
    /// The news that are shown, in their order.
    pub rows: Vec<Told>,
    /// The number of all news of each sort.
    pub never_seen: u64,
    /// Kinds that are new to their hosts.
    pub new_to_host: u64,
    /// Kinds that are back.
    pub back: u64,
    /// Hosts that are new.
    pub new_hosts: u64,
    /// News that are not shown.
    pub more: u64,
    /// Sentences about news as a whole.
    pub notes: Vec<String>,
    /// The day of the report.
    pub today: Day,
}

impl Block {
    /// Whether there is any news besides the sentences.
    pub fn has_news(&self) -> bool {
        !self.rows.is_empty() || self.more > 0
    }
}

/// What the configuration says of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleOf {
    /// Its place and its text, for a reader.
    pub label: String,
    /// Whether the queue is its first one.
    pub first: bool,
}

/// A queue whose report is made.
pub struct Reported<'a> {
    /// Its name.
    pub queue: &'a str,
    /// Whether somebody reads the sentences: pagers have none.
    pub is_read: bool,
    /// The host and the count of the line of this number, if the report shows it.
    pub line: &'a dyn Fn(u32) -> Option<(&'a BStr, u64)>,
    /// The rule of this key, if it has this queue.
    pub rule: &'a dyn Fn(u64) -> Option<RuleOf>,
}

impl News {
    /// Takes out what the report of a queue tells; nothing if there is nothing.
    pub fn take(
        &mut self,
        report: &Reported<'_>,
        settings: &NewsSettings,
        now: Time,
    ) -> Option<Block> {
        let today = Day::of(now);
        let mut block = Block {
            today,
            ..Block::default()
        };
        if let Some(rows) = self.take_rows(&mut block, report, now) {
            block.set_rows(
                rows.into_iter().map(|(told, _)| told).collect(),
                settings.limit,
            );
        }
        self.note_begin(&mut block, report, settings);
        self.note_rules(&mut block, report);
        (block.has_news() || !block.notes.is_empty()).then_some(block)
    }

    /// Takes out the news that wait for the report of a queue, each with the number of one of its lines, and notes what
    /// there is of them besides; nothing if none wait.
    pub(super) fn take_rows(
        &mut self,
        block: &mut Block,
        report: &Reported<'_>,
        now: Time,
    ) -> Option<Vec<(Told, u32)>> {
        let waiting = self.waiting.get(report.queue);
        let waiting = waiting.filter(|waiting| !waiting.is_empty())?;
        let rows = waiting.items.iter();
        let mut rows: Vec<(Told, u32)> = rows.map(|i| (told(i, report, now), 0)).collect();
        for (line, item) in &waiting.lines {
            if let Some((host, count)) = (report.line)(*line)
                && let Some((row, at)) = rows.get_mut(*item as usize)
            {
                add(row, host, count);
                *at = *line;
            }
        }
        block.more = waiting.more;
        block.never_seen = waiting.more;
        if waiting.taken_over > 0 {
            let kinds = match waiting.taken_over {
                1 => "1 kind".to_owned(),
                n => format!("{n} kinds"),
            };
            block
                .notes
                .push(format!("Rules changed: {kinds} taken over"));
        }
        // What a threshold holds back is no news.
        rows.retain(|(row, _)| row.count > 0);
        let kept = rows.iter().map(|(told, _)| told.clone()).collect();
        self.perform(Op::Report(report.queue.to_owned(), kept));
        Some(rows)
    }

    /// Tells once when news begin.
    pub(super) fn note_begin(
        &mut self,
        block: &mut Block,
        report: &Reported<'_>,
        settings: &NewsSettings,
    ) {
        let about = self.about;
        if !about.announced && report.is_read {
            if self.is_learning(settings, block.today) {
                let day = self.first_day(settings).date().format("%a %-d %b");
                block.notes.push(format!("News begin on {day}"));
            }
            self.perform(Op::About(About {
                announced: true,
                ..about
            }));
        }
    }

    /// Names the rules that lack a mask, and ends the time in which rules take kinds over.
    pub(super) fn note_rules(&mut self, block: &mut Block, report: &Reported<'_>) {
        let today = block.today;
        let asked = |(_, rule): &(&u64, &RuleRecord)| {
            rule.unreported || (report.is_read && rule.is_to_be_named(today))
        };
        let rules = self.rules.iter().filter(asked);
        let rules: Vec<(u64, RuleRecord)> = rules.map(|(key, rule)| (*key, rule.clone())).collect();
        for (key, mut rule) in rules {
            let Some(of) = (report.rule)(key) else {
                continue;
            };
            if of.first {
                rule.unreported = false;
            }
            if report.is_read && rule.is_to_be_named(today) {
                rule.named = Some(today);
                let word = match rule.varies() {
                    Some(number) => format!("the {} word varies", ordinal(number)),
                    None => "more than one word varies".to_owned(),
                };
                block.notes.push(format!(
                    "{}: {} new kinds a day; {word}: no news of this rule until it masks that",
                    of.label, rule.rate
                ));
            }
            self.perform(Op::Rule(key, Box::new(rule)));
        }
    }
}

impl Block {
    /// Shows `limit` of these rows at most: new hosts before kinds, and of each the rarest. They stand in the order
    /// never seen, new to a host, back, new hosts.
    pub(super) fn set_rows(&mut self, mut rows: Vec<Told>, limit: usize) {
        for row in &rows {
            *match row.why {
                Why::NeverSeen => &mut self.never_seen,
                Why::NewToHost { .. } => &mut self.new_to_host,
                Why::Back { .. } => &mut self.back,
                Why::NewHost { .. } => &mut self.new_hosts,
            } += 1;
        }
        if rows.iter().filter(|row| row.is_host()).count() > NEW_HOSTS {
            let (hosts, mut others): (Vec<Told>, Vec<Told>) =
                rows.into_iter().partition(Told::is_host);
            others.extend(together(hosts));
            rows = others;
        }
        // A new host is one line, however much it wrote.
        rows.sort_by_key(|row| (!row.is_host(), row.count));
        let cut = rows.len().saturating_sub(limit);
        rows.truncate(limit);
        self.more += cut as u64;
        rows.sort_by_key(|row| (rank(&row.why), row.count));
        self.rows = rows;
    }
}

/// Many new hosts as one row.
fn together(hosts: Vec<Told>) -> Option<Told> {
    let (count, number) = (hosts.iter().map(|row| row.count).sum(), hosts.len());
    let names = hosts.iter().map(|row| row.text.clone());
    let names: Vec<BString> = names.take(NEW_HOSTS).collect();
    let mut row = hosts.into_iter().next()?;
    (row.count, row.more_hosts) = (count, number - names.len());
    row.hosts = names;
    Some(row)
}

fn rank(why: &Why) -> u8 {
    match why {
        Why::NeverSeen => 0,
        Why::NewToHost { .. } => 1,
        Why::Back { .. } => 2,
        Why::NewHost { .. } => 3,
    }
}

fn told(item: &Item, report: &Reported<'_>, now: Time) -> Told {
    Told {
        key: item.key,
        when: now,
        queue: report.queue.to_owned(),
        why: item.why.clone(),
        first: item.first,
        hosts: Vec::new(),
        more_hosts: 0,
        count: 0,
        text: item.text.clone(),
    }
}

fn add(row: &mut Told, host: &BStr, count: u64) {
    row.count = row.count.saturating_add(count);
    name(row, host);
}

/// Names a host of a row, if there is room.
pub(super) fn name(row: &mut Told, host: &BStr) {
    if row.hosts.iter().any(|known| known == host) {
        return;
    }
    match row.hosts.len() < HOSTS {
        true => row.hosts.push(host.to_owned()),
        // Lines of a host that is not named may be several.
        false => row.more_hosts += 1,
    }
}
