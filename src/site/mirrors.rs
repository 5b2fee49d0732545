//! The shares of consoles that hear the same hosts (`set site NAME URL mirror`): each host's counts come from one of them.
//!
//! What tenshi counts itself, as that a host fell silent, one console does for all: it is not compared, and none is lost.

use std::collections::{BTreeMap, BTreeSet};

use bstr::BString;

use super::pack::{Table, TableHost};
use crate::hash::Map;

/// The beginning of the lines that tenshi itself counts under a host.
const OWN: &[u8] = b"tenshi: ";

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
            told.extend(own_lines(table, host));
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
    let text = |at: u32| texts.get(at).map(|text| text.to_owned());
    table.hosts.retain_mut(|host| {
        if is_chosen(host, &table.head.console) {
            return true;
        }
        (host.others, host.continued) = (0, Vec::new());
        host.lines.retain(|(at, _)| {
            let own = text(*at).filter(|text| text.starts_with(OWN));
            own.is_some_and(|text| told.insert((host.host.clone(), text)))
        });
        !host.lines.is_empty()
    });
}

/// The lines of a host that tenshi counted itself.
fn own_lines(table: &Table, host: &TableHost) -> Vec<(BString, BString)> {
    let texts = host.lines.iter().filter_map(|(at, _)| table.texts.get(*at));
    let own = texts.filter(|text| text.starts_with(OWN));
    own.map(|text| (host.host.clone(), text.to_owned()))
        .collect()
}

/// The number of lines that came from a host.
fn total(table: &Table, host: &TableHost) -> u64 {
    let own = |at: u32| (table.texts.get(at)).is_some_and(|text| text.starts_with(OWN));
    let lines = host.lines.iter().filter(|(at, _)| !own(*at));
    lines
        .map(|(_, count)| *count)
        .fold(host.others, u64::saturating_add)
}
