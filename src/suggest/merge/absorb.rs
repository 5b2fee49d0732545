//! Kinds that differ in one word, where that place holds values elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::put;
use crate::suggest::element::{Element, Key};
use crate::suggest::group::replaced;
use crate::suggest::kinds::{Groups, Tables, is_constant};
use crate::suggest::token::is_letters;

/// How many values are looked at in the place of a word.
const LOOKED_AT: usize = 40;

/// Joins until nothing changes.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    while join_once(groups, tables) {}
    stars(groups, tables);
}

fn join_once(groups: &mut Groups, tables: &Tables) -> bool {
    let keys: Vec<Key> = groups.keys().cloned().collect();
    let mut changed = false;
    for key in keys {
        let target = (0..key.len()).find_map(|at| target(groups, tables, &key, at));
        if let Some(target) = target
            && let Some(group) = groups.remove(&key)
        {
            put(groups, target, group);
            changed = true;
        }
    }
    changed
}

/// The key of the kind that has values where this one has a word or a sign for nothing.
fn target(groups: &Groups, tables: &Tables, key: &[Element], at: usize) -> Option<Key> {
    groups.get(key)?;
    match tables.words.word(key[at]) {
        Some(word) if word.state && !word.enumerated => return None,
        Some(_) if key.get(at + 1) == Some(&Element::Sign(b'=')) => return None,
        None if !is_placeholder(key, at) => return None,
        _ => {}
    }
    let target = replaced(key, at, at + 1, Element::Slot);
    let values = groups.get(&target)?.values(at, LOOKED_AT);
    let is_named = |value: &&&[u8]| {
        let named = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'.' | b':');
        value.iter().any(named)
    };
    (values.iter().filter(is_named).count() >= 2).then_some(target)
}

/// Whether `-` or `?` stands for a value that is not there.
fn is_placeholder(key: &[Element], at: usize) -> bool {
    let free = |element: Option<&Element>| matches!(element, None | Some(Element::Blank));
    matches!(key[at], Element::Sign(b'-' | b'?'))
        && at.checked_sub(1).is_none_or(|before| free(key.get(before)))
        && free(key.get(at + 1))
}

/// Joins kinds with many different words in one place.
fn stars(groups: &mut Groups, tables: &Tables) {
    let mut found: BTreeMap<(usize, Key), BTreeSet<Key>> = BTreeMap::new();
    for key in groups.keys() {
        for at in 0..key.len() {
            let word = tables.words.word(key[at]);
            let fits = word.is_some_and(|word| word.enumerated || !word.state);
            if fits && key.get(at + 1) != Some(&Element::Sign(b'=')) {
                let target = replaced(key, at, at + 1, Element::Slot);
                found.entry((at, target)).or_default().insert(key.clone());
            }
        }
    }
    let mut found: Vec<_> = found
        .into_iter()
        .filter(|(_, keys)| keys.len() > 1)
        .collect();
    found.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    for ((at, target), keys) in found {
        let keys: Vec<Key> = keys
            .into_iter()
            .filter(|key| groups.contains_key(key))
            .collect();
        let all = |test: fn(&crate::suggest::element::Word) -> bool| {
            keys.iter()
                .all(|key| tables.words.word(key[at]).is_some_and(test))
        };
        let least = match () {
            () if is_detected(&target, at, tables) => usize::MAX,
            () if all(|word| word.enumerated) => 2,
            () if all(crate::suggest::element::Word::is_capitals) => 3,
            () => 6,
        };
        if keys.len() >= least {
            for key in keys {
                if let Some(group) = groups.remove(&key) {
                    put(groups, target.clone(), group);
                }
            }
        }
    }
}

/// Whether a place is in the name of what was detected: behind such a key, in its quotes.
pub(super) fn is_detected(key: &[Element], at: usize, tables: &Tables) -> bool {
    let quote = Element::Sign(b'"');
    let before = key.get(..at).unwrap_or_default();
    let Some(open) = before.iter().rposition(|element| *element == quote) else {
        return false;
    };
    let named = before[..open].iter().rev().take(4);
    let mut words = named.filter_map(|element| tables.words.word(*element));
    let behind_sign = matches!(
        open.checked_sub(1).map(|at| before[at]),
        Some(Element::Sign(b':' | b'=') | Element::Blank)
    );
    behind_sign && words.next().is_some_and(|word| word.detected)
}

/// A name that is the only value of its place is text.
pub(super) fn settle(groups: &mut Groups, tables: &mut Tables) {
    let keys: Vec<Key> = groups.keys().cloned().collect();
    for key in keys {
        let Some(group) = groups.get(&key) else {
            continue;
        };
        let mut new = key.clone();
        for (at, element) in key.iter().enumerate() {
            if *element != Element::Slot || group.users.contains(&at) {
                continue;
            }
            let value = group.columns.get(at).and_then(|column| column.value());
            if let Some(value) = value
                && is_letters(value)
                && is_constant(tables, &key, at, value, group.count)
            {
                new[at] = Element::Word(tables.words.number(value));
            }
        }
        if new != key
            && let Some(group) = groups.remove(&key)
        {
            put(groups, new, group);
        }
    }
}
