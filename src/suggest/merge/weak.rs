//! A kind without a word of its own would take everything: its names become text again.

use std::collections::BTreeMap;

use super::put;
use crate::suggest::element::{Element, Key};
use crate::suggest::group::{Column, Group};
use crate::suggest::kinds::{Groups, Tables};

/// The greatest number of kinds that one is split into.
const MOST: usize = 12;

/// Splits such kinds by the column with the fewest names.
pub(super) fn split(groups: &mut Groups, tables: &mut Tables) {
    let keys: Vec<Key> = groups.keys().cloned().collect();
    for key in keys {
        if tables.words.telling(&key) > 0 || !key.contains(&Element::Slot) {
            continue;
        }
        let best = groups.get(&key).and_then(|group| best_column(&key, group));
        if let Some(at) = best
            && let Some(group) = groups.remove(&key)
        {
            for (value, part) in by_value(group, at) {
                let mut new = key.clone();
                new[at] = Element::Word(tables.words.number(&value));
                put(groups, new, part);
            }
        }
    }
}

/// The column with the fewest names, if they are few.
fn best_column(key: &[Element], group: &Group) -> Option<usize> {
    let slots = (0..key.len()).filter(|at| key[*at] == Element::Slot && !group.users.contains(at));
    let fits = |at: usize| {
        let values = group.values(at, MOST + 1);
        let few = (2..=MOST).contains(&values.len());
        let rarer = (values.len() as u64) * 5 < group.count * 4;
        (few && rarer && values.iter().all(|value| is_name(value))).then_some((values.len(), at))
    };
    slots.filter_map(fits).min().map(|(_, at)| at)
}

/// Whether a text has two letters in a row, and looks neither like an address nor like a number.
fn is_name(text: &[u8]) -> bool {
    let pair = |test: fn(&u8) -> bool| text.windows(2).any(|two| two.iter().all(test));
    pair(u8::is_ascii_alphabetic)
        && !pair(u8::is_ascii_digit)
        && !text.iter().any(|b| matches!(b, b'@' | b'/'))
}

/// The group in parts, one for each text of a column. The lines of a part are counted in the sample, and its share of
/// the sample is taken for its share of all lines.
fn by_value(group: Group, at: usize) -> BTreeMap<Vec<u8>, Group> {
    let sampled: u64 = group.rows.iter().map(|row| row.count).sum();
    let mut parts: BTreeMap<Vec<u8>, Group> = BTreeMap::new();
    for row in &group.rows {
        let value = row.cell(at).to_vec();
        let part = parts.entry(value.clone()).or_insert_with(|| {
            let mut part = Group {
                rows: Vec::new(),
                count: 0,
                ..group.clone()
            };
            part.columns[at] = Column::of(&value);
            part
        });
        part.count += row.count;
        part.rows.push(row.clone());
    }
    if sampled < group.count {
        for part in parts.values_mut() {
            part.count = part.count * group.count / sampled.max(1);
        }
    }
    parts
}
