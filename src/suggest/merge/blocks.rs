//! Kinds that differ only in what stands in one pair of brackets or quotes.

use std::collections::{BTreeMap, BTreeSet};

use super::absorb::is_detected;
use super::{collapse, has_pairs};
use crate::suggest::element::{Element, Key};
use crate::suggest::group::replaced;
use crate::suggest::kinds::{Groups, Tables};

/// A pair of brackets or quotes in a key: where its content stands.
type Member = (Key, usize, usize);

/// How many contents make them a value.
fn least(open: Element) -> usize {
    match open {
        Element::Sign(b'(') => 4,
        Element::Sign(b'[') => 6,
        _ => 3,
    }
}

/// Joins until nothing changes.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    while join_once(groups, tables) {}
}

fn join_once(groups: &mut Groups, tables: &Tables) -> bool {
    let mut found: BTreeMap<(Key, usize), Vec<Member>> = BTreeMap::new();
    for key in groups.keys() {
        for (open, close) in blocks(key, tables) {
            let Element::Sign(sign) = key[close] else {
                continue;
            };
            let target = replaced(key, open + 1, close, Element::Block(sign));
            let member = (key.clone(), open + 1, close);
            found.entry((target, open)).or_default().push(member);
        }
    }
    let mut todo: Vec<_> = found
        .into_iter()
        .filter(|((target, open), members)| {
            let word = |(key, from, to): &Member| key[*from..*to].iter().any(|e| e.is_word());
            members.len() >= least(target[*open]) && members.iter().any(word)
        })
        .collect();
    let lines = |members: &[Member]| -> u64 {
        let counts = members.iter().filter_map(|(key, ..)| groups.get(key));
        counts.map(|group| group.count).sum()
    };
    todo.sort_by_cached_key(|((target, open), members)| {
        let order = (members.len(), lines(members));
        (std::cmp::Reverse(order), target.clone(), *open)
    });
    let (mut done, mut used) = (false, BTreeSet::new());
    for ((target, _), members) in todo {
        let here = |(key, ..): &Member| groups.contains_key(key) && !used.contains(key);
        let members: Vec<Member> = members.into_iter().filter(here).collect();
        if members.len() < 3 {
            continue;
        }
        for (key, from, to) in members {
            if key != target {
                let Element::Sign(sign) = key[to] else {
                    continue;
                };
                collapse(groups, &key, from, to, Element::Block(sign));
            }
        }
        used.insert(target);
        done = true;
    }
    done
}

/// The brackets and quotes of a key whose content may be a value.
fn blocks(key: &[Element], tables: &Tables) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < key.len() {
        if let Some(end) = end(key, at) {
            let named = is_named(key, at, tables) || is_detected(key, at + 1, tables);
            if !has_pairs(&key[at + 1..end]) && !named {
                found.push((at, end));
            }
            if matches!(key[at], Element::Sign(b'"' | b'\'' | b'`')) {
                at = end;
            }
        }
        at += 1;
    }
    found
}

/// The place of the sign that closes the one at a place.
fn end(key: &[Element], at: usize) -> Option<usize> {
    let open = key[at];
    let close = Element::Sign(open.closing()?);
    let mut depth = 0usize;
    for (to, element) in key.iter().enumerate().skip(at + 1) {
        if *element == close {
            if depth == 0 {
                return Some(to);
            }
            depth -= 1;
        } else if *element == open {
            depth += 1;
        }
    }
    None
}

/// Whether the content is the value of a key that tells kinds apart, or text.
fn is_named(key: &[Element], at: usize, tables: &Tables) -> bool {
    let before = |back: usize| at.checked_sub(back).map(|at| key[at]);
    if !matches!(before(1), Some(Element::Sign(b'=' | b':'))) {
        return false;
    }
    let quoted = before(2) == Some(Element::Sign(b'"'));
    let name = if quoted { before(3) } else { before(2) };
    let word = name.and_then(|name| tables.words.word(name));
    word.is_some_and(|word| word.prose || word.telling)
}
