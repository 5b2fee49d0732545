//! Kinds that differ in which pairs of key and value are there.

use std::collections::{BTreeMap, BTreeSet};

use super::collapse;
use crate::suggest::element::{Element, Key, Number};
use crate::suggest::group::replaced;
use crate::suggest::kinds::{Groups, Tables};

/// A run of pairs in a key.
#[derive(Clone)]
struct Run {
    from: usize,
    to: usize,
    names: BTreeSet<Number>,
}

/// Joins kinds that are equal outside of their longest run, and share half of its keys.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    let mut found: BTreeMap<Key, Vec<(Key, Run)>> = BTreeMap::new();
    for key in groups.keys() {
        let runs = runs(key, tables).into_iter();
        let longest = runs.max_by_key(|run| (run.to - run.from, std::cmp::Reverse(run.from)));
        if let Some(run) = longest {
            let target = replaced(key, run.from, run.to, Element::Pairs);
            found.entry(target).or_default().push((key.clone(), run));
        }
    }
    for members in found.values() {
        for part in parts(members) {
            for at in &part {
                if part.len() >= 2 {
                    let (key, run) = &members[*at];
                    collapse(groups, key, run.from, run.to, Element::Pairs);
                }
            }
        }
    }
}

/// The members that share half of their keys with another one, together.
fn parts(members: &[(Key, Run)]) -> Vec<Vec<usize>> {
    let mut part: Vec<usize> = (0..members.len()).collect();
    for a in 0..members.len() {
        for b in 0..a {
            let (x, y) = (&members[a].1.names, &members[b].1.names);
            let common = x.intersection(y).count();
            if common > 0 && 2 * common >= x.len().min(y.len()) && part[a] != part[b] {
                let (from, to) = (part[a], part[b]);
                for one in &mut part {
                    if *one == from {
                        *one = to;
                    }
                }
            }
        }
    }
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, root) in part.into_iter().enumerate() {
        parts.entry(root).or_default().push(at);
    }
    parts.into_values().collect()
}

/// The runs of two or more pairs.
fn runs(key: &[Element], tables: &Tables) -> Vec<Run> {
    let pair = |at: usize| {
        let sign = key.get(at + 1) == Some(&Element::Sign(b'='));
        match key.get(at) {
            Some(Element::Word(name)) if sign => Some(*name),
            _ => None,
        }
    };
    let mut runs = Vec::new();
    let mut from = 0;
    while from < key.len() {
        let (mut to, mut names) = (from, BTreeSet::new());
        while let Some(name) = pair(to).filter(|_| key.get(to + 2) == Some(&Element::Slot)) {
            names.insert(name);
            to = behind_flags(key, to + 3, tables);
            if key.get(to) == Some(&Element::Blank) && pair(to + 1).is_some() {
                to += 1;
            } else {
                break;
            }
        }
        if names.len() < 2 {
            from += 1;
            continue;
        }
        if key.get(to - 1) == Some(&Element::Blank) {
            to -= 1;
        }
        runs.push(Run { from, to, names });
        from = to;
    }
    runs
}

/// The place behind the flags of TCP that stand between pairs.
fn behind_flags(key: &[Element], mut at: usize, tables: &Tables) -> usize {
    while key.get(at) == Some(&Element::Blank) {
        let word = key.get(at + 1).and_then(|e| tables.words.word(*e));
        if !word.is_some_and(|word| word.flag) || key.get(at + 2) == Some(&Element::Sign(b'=')) {
            break;
        }
        at += 2;
    }
    at
}
