//! Kinds that differ in how many names stand in a list.

use std::collections::BTreeMap;

use super::collapse;
use crate::suggest::element::{Element, Key};
use crate::suggest::group::replaced;
use crate::suggest::kinds::{Groups, Tables};

/// How many lengths of a list make it one value.
const LENGTHS: usize = 3;

/// Joins kinds with lists of three different lengths.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    let mut found: BTreeMap<Key, Vec<(Key, usize, usize)>> = BTreeMap::new();
    for key in groups.keys() {
        let mut at = 0;
        while at < key.len() {
            let mut last = at;
            if key[at] == Element::Slot {
                while key.get(last + 1) == Some(&Element::Blank)
                    && key.get(last + 2) == Some(&Element::Slot)
                {
                    last += 2;
                }
                let target = replaced(key, at, last + 1, Element::Phrase);
                let member = (key.clone(), at, last + 1);
                found.entry(target).or_default().push(member);
            }
            at = last + 1;
        }
    }
    for (target, members) in found {
        let here = members
            .into_iter()
            .filter(|(key, ..)| groups.contains_key(key));
        let members: Vec<_> = here.collect();
        if members.len() >= LENGTHS && tables.words.telling(&target) >= 1 {
            for (key, from, to) in members {
                collapse(groups, &key, from, to, Element::Phrase);
            }
        }
    }
}
