//! The merge of the shares of all consoles into the counts of one report.

use std::collections::BTreeSet;

use bstr::{BStr, BString};

use super::id::ShareId;
use super::mirrors::choose_mirrors;
use super::pack::Table;
use super::share::{HostCounts, Watched};
use crate::clock::Time;
use crate::config::{SortOrder, Threshold};
use crate::hash::Map;
use crate::ledger::trends::{self, Note, What};
use crate::ledger::{Counts, news};
use crate::pattern::Pattern;
use crate::queue::{Continued, HostLines, keep_reported};

/// The counts of one report, of all consoles that handed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// The name of the queue.
    pub queue: String,
    /// The time of the report.
    pub slot: Time,
    /// When the first of the lines came.
    pub from: Time,
    /// When the last of them came.
    pub to: Time,
    /// The names of the consoles whose counts these are, in order.
    pub consoles: Vec<String>,
    /// The hosts by name, each with its lines in the order of their texts.
    pub hosts: Vec<HostCounts>,
    /// The remarks, each with the name of its console in front if there are several consoles.
    pub remarks: Vec<String>,
    /// The news of each console.
    pub news: Vec<(String, news::HandedIn)>,
    /// The trends, one row for each rule.
    pub trends: Option<trends::Block>,
    /// What was read since the report before (`set quiet`).
    pub heard: Option<Watched>,
    /// The shares whose counts these are: to be given to `Member::reported` with the letter.
    pub ids: Vec<ShareId>,
    /// Whether a report of this queue and time was made before.
    pub late: bool,
    /// The consoles that had not handed in.
    pub missing: Vec<Missing>,
    /// The consoles in whose reports some of these counts may stand as well, with the console whose they are.
    pub doubts: Vec<Doubt>,
}

/// A console that had not handed in when a report was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Missing {
    /// Its name.
    pub console: String,
    /// When it was last heard of, by the clock of the reporter; nothing if it was not in this run.
    pub since: Option<Time>,
    /// Whether it is not waited for any more.
    pub given_up: bool,
}

/// Counts that may stand in another report as well.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub struct Doubt {
    /// The console whose counts they are.
    pub of: String,
    /// The console whose report may have them too; nothing if that is not known.
    pub by: Option<String>,
}

impl Merged {
    /// The lines to be reported, as [`crate::queue::Tally::lines`] gives them: hosts by name, lines by count and,
    /// where equal, by text, without what a threshold holds back.
    pub fn lines(
        &self,
        order: SortOrder,
        thresholds: &[Threshold],
        gave_up: &mut Vec<(Pattern, usize)>,
    ) -> Vec<HostLines<'_>> {
        let mut hosts: Vec<HostLines<'_>> = self.hosts.iter().map(host_lines).collect();
        keep_reported(&mut hosts, order, thresholds, gave_up);
        hosts
    }

    /// The number of all lines, each as often as it came.
    pub fn total(&self) -> u64 {
        let totals = self.hosts.iter().map(HostCounts::total);
        totals.fold(0, u64::saturating_add)
    }
}

fn host_lines(host: &HostCounts) -> HostLines<'_> {
    let mut continued: Vec<(&BStr, &Continued)> = (host.continued.iter())
        .filter_map(|(index, of)| {
            let (_, line) = host.lines.get(*index as usize)?;
            Some((BStr::new(line), of))
        })
        .collect();
    continued.sort_unstable_by_key(|(line, _)| *line);
    HostLines {
        host: BStr::new(&host.host),
        lines: host
            .lines
            .iter()
            .map(|(count, line)| (*count, BStr::new(line)))
            .collect(),
        others: host.others,
        continued,
    }
}

/// Merges shares of one queue and time; nothing if there is none. With `mirror` the counts of a host are the counts of
/// the console that has most lines of it, not the sum.
pub(super) fn merge(shares: Vec<(ShareId, Table)>, mirror: bool) -> Option<Merged> {
    let (first, _) = shares.first()?;
    let queue = first.queue.clone();
    let consoles: BTreeSet<String> = shares
        .iter()
        .map(|(_, table)| table.head.console.clone())
        .collect();
    let heads = shares.iter().map(|(_, table)| &table.head);
    let mut merged = Merged {
        queue,
        slot: heads.clone().map(|head| head.slot).min()?,
        from: heads.clone().map(|head| head.from).min()?,
        to: heads.clone().map(|head| head.to).max()?,
        hosts: Vec::new(),
        remarks: Vec::new(),
        news: Vec::new(),
        trends: None,
        heard: None,
        ids: shares.iter().map(|(id, _)| id.clone()).collect(),
        late: false,
        missing: Vec::new(),
        doubts: Vec::new(),
        consoles: consoles.into_iter().collect(),
    };
    let counts = Counts::of_site(mirror);
    let mut tables: Vec<Table> = shares.into_iter().map(|(_, table)| table).collect();
    tables.sort_by(|a, b| a.head.console.cmp(&b.head.console));
    for table in &mut tables {
        let console = &table.head.console;
        let several = merged.consoles.len() > 1;
        for remark in std::mem::take(&mut table.head.remarks) {
            merged.remarks.push(match several {
                true => format!("{console}: {remark}"),
                false => remark,
            });
        }
        if let Some(heard) = table.head.heard.take() {
            merged.heard.get_or_insert_default().add(heard, counts);
        }
        if let Some(block) = table.head.news.take() {
            merged.news.push((console.clone(), block));
        }
        if let Some(block) = table.head.trends.take() {
            merge_trends(merged.trends.get_or_insert_default(), block, counts);
        }
    }
    if mirror {
        merged.remarks.extend(choose_mirrors(&mut tables));
    }
    merged.hosts = add_hosts(&tables);
    Some(merged)
}

/// The lines of a host while they are added up.
#[derive(Default)]
struct Sum<'a> {
    others: u64,
    /// The number of each text, with its count.
    lines: Vec<(u32, u64)>,
    continued: Vec<(u32, &'a Continued)>,
}

/// The hosts of all tables, with the counts of each added.
fn add_hosts(tables: &[Table]) -> Vec<HostCounts> {
    let mut texts: Vec<&BStr> = Vec::new();
    let mut numbers: Map<&BStr, u32> = Map::default();
    let mut hosts: Map<&BStr, Sum<'_>> = Map::default();
    for table in tables {
        let numbered: Vec<u32> = (0..table.texts.len())
            .filter_map(|at| table.texts.get(u32::try_from(at).ok()?))
            .map(|text| {
                *numbers.entry(text).or_insert_with(|| {
                    texts.push(text);
                    u32::try_from(texts.len() - 1).unwrap_or(u32::MAX)
                })
            })
            .collect();
        let number = |place: u32| numbered.get(place as usize).copied();
        for host in &table.hosts {
            let sum = hosts.entry(BStr::new(&host.host)).or_default();
            sum.others = sum.others.saturating_add(host.others);
            let lines = host.lines.iter();
            sum.lines
                .extend(lines.filter_map(|(at, count)| Some((number(*at)?, *count))));
            let continued = host.continued.iter();
            sum.continued
                .extend(continued.filter_map(|(at, of)| Some((number(*at)?, of))));
        }
    }
    let mut hosts: Vec<(&BStr, Sum<'_>)> = hosts.into_iter().collect();
    hosts.sort_unstable_by_key(|(host, _)| *host);
    (hosts.into_iter())
        .map(|(host, sum)| added(host, sum, &texts))
        .collect()
}

fn added(host: &BStr, mut sum: Sum<'_>, texts: &[&BStr]) -> HostCounts {
    sum.lines.sort_unstable_by_key(|(number, _)| *number);
    sum.lines.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    let mut continued = Vec::new();
    // The first console that has continuation lines of a line gives them: the sort is stable.
    sum.continued.sort_by_key(|(number, _)| *number);
    sum.continued.dedup_by_key(|(number, _)| *number);
    for (number, of) in sum.continued {
        let index = sum
            .lines
            .binary_search_by_key(&number, |(number, _)| *number);
        if let Some(index) = index.ok().and_then(|index| u32::try_from(index).ok()) {
            continued.push((index, of.clone()));
        }
    }
    let text = |number: u32| texts.get(number as usize).copied().unwrap_or_default();
    HostCounts {
        host: host.to_owned(),
        lines: (sum.lines.iter())
            .map(|(number, count)| (*count, text(*number).to_owned()))
            .collect(),
        others: sum.others,
        continued,
    }
}

/// Adds the rows of a console to the rows that are there.
fn merge_trends(all: &mut trends::Block, block: trends::Block, counts: Counts) {
    for (rule, note) in block.rows {
        match all.rows.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, known)) => add_note(known, note, counts),
            None => all.rows.push((rule, note)),
        }
    }
    all.over = counts.of_both(all.over, block.over, u32::saturating_add);
    for sentence in block.sentences {
        if !all.sentences.contains(&sentence) {
            all.sentences.push(sentence);
        }
    }
}

/// Adds what another console saw of the same rule. A note that lines came counts more than a note that none came.
fn add_note(known: &mut Note, other: Note, counts: Counts) {
    let both = |one, other| counts.of_both(one, other, u32::saturating_add);
    match (&mut known.what, other.what) {
        (
            What::More {
                count,
                most,
                host,
                so_far,
                before,
            },
            What::More {
                count: more,
                most: other_most,
                host: other_host,
                so_far: other_so_far,
                before: other_before,
            },
        ) => {
            *count = both(*count, more);
            *most = both(*most, other_most);
            *so_far |= other_so_far;
            let number =
                |host: &Option<(BString, u32)>| host.as_ref().map_or(0, |(_, count)| *count);
            if number(&other_host) > number(host) {
                *host = other_host;
            }
            // The newest period is the last one of both.
            let other = other_before.iter().rev();
            for (mine, theirs) in before.iter_mut().rev().zip(other) {
                *mine = mine.zip(*theirs).map(|(a, b)| both(a, b));
            }
        }
        (
            What::Gone { days, fewest, most },
            What::Gone {
                days: other_days,
                fewest: few,
                most: many,
            },
        ) => {
            *days = (*days).min(other_days);
            *fewest = both(*fewest, few);
            *most = both(*most, many);
        }
        (what @ What::Gone { .. }, more) => *what = more,
        (What::More { .. }, What::Gone { .. }) => {}
    }
}
