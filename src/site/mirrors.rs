//! The shares of consoles that hear the same hosts (`set site NAME URL mirror`): each host's counts come from one of them.
//!
//! What tenshi counts itself, as that a host fell silent, one console does for all: it is not compared, and none is lost.

use std::collections::{BTreeMap, BTreeSet};

use bstr::{BStr, BString};

use super::pack::{Table, TableHost, Texts};
use crate::hash::Map;
use crate::queue::OWN_LINE;

/// Leaves each host to the console that has most lines of it. Gives a remark for each host of which another console
/// has fewer.
pub(super) fn choose_mirrors(tables: &mut [Table]) -> Vec<String> {
    let mut counts: BTreeMap<BString, BTreeMap<String, u64>> = BTreeMap::new();
    for table in tables.iter() {
        for host in &table.hosts {
            let of = counts.entry(host.host.clone()).or_default();
            let count = of.entry(table.head.console.clone()).or_default();
            *count = count.saturating_add(total(table, host));
        }
    }
    let mut remarks = Vec::new();
    let mut chosen: Map<BString, String> = Map::default();
    for (host, of) in counts {
        // The smallest name comes last of the reversed: it is the one that `max_by_key` gives where counts are equal.
        let most = of.iter().rev().max_by_key(|(_, count)| **count);
        let Some((console, most)) = most.map(|(console, count)| (console.clone(), *count)) else {
            continue;
        };
        let fewer: Vec<String> = (of.iter())
            .filter(|(_, count)| **count < most)
            .map(|(other, count)| format!("{other} has {} fewer", most - count))
            .collect();
        if !fewer.is_empty() {
            let host = crate::shown::shown(&host);
            remarks.push(format!("{host} from {console} ({})", fewer.join(", ")));
        }
        chosen.insert(host, console);
    }
    let is_chosen = |host: &TableHost, console: &String| chosen.get(&host.host) == Some(console);
    let mut told = BTreeSet::new();
    for table in tables.iter() {
        let hosts = table.hosts.iter();
        for host in hosts.filter(|host| is_chosen(host, &table.head.console)) {
            let own = (host.lines.iter()).filter_map(|(at, _)| own_line(&table.texts, *at));
            told.extend(own.map(|text| (host.host.clone(), text.to_owned())));
        }
    }
    for table in tables {
        leave_own_lines(table, &is_chosen, &mut told);
    }
    remarks
}

/// Takes from a table what other consoles were chosen for, but for the lines of tenshi that nobody has told.
fn leave_own_lines(
    table: &mut Table,
    is_chosen: &dyn Fn(&TableHost, &String) -> bool,
    told: &mut BTreeSet<(BString, BString)>,
) {
    let texts = &table.texts;
    table.hosts.retain_mut(|host| {
        if is_chosen(host, &table.head.console) {
            return true;
        }
        (host.others, host.continued) = (0, Vec::new());
        host.lines.retain(|(at, _)| {
            let own = own_line(texts, *at);
            own.is_some_and(|text| told.insert((host.host.clone(), text.to_owned())))
        });
        !host.lines.is_empty()
    });
}

/// The text at a place, if tenshi counted it itself.
fn own_line(texts: &Texts, at: u32) -> Option<&BStr> {
    texts
        .get(at)
        .filter(|text| text.starts_with(OWN_LINE.as_bytes()))
}

/// The number of lines that came from a host.
fn total(table: &Table, host: &TableHost) -> u64 {
    let lines = host.lines.iter();
    let lines = lines.filter(|(at, _)| own_line(&table.texts, *at).is_none());
    lines
        .map(|(_, count)| *count)
        .fold(host.others, u64::saturating_add)
}
