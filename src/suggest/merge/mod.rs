//! Kinds that differ in values alone become one, step by step. Each step goes over sorted keys, so that the
//! result depends on the lines alone.

mod absorb;
mod blocks;
mod lists;
mod optional;
mod pairs;
mod phrases;
mod prose;
mod weak;

use super::element::{Element, Key};
use super::group::{Group, replaced};
use super::kinds::{Groups, Tables};

/// Joins the kinds of a program.
pub fn merge(groups: &mut Groups, tables: &mut Tables) {
    phrases::join(groups, tables);
    absorb::join(groups, tables);
    absorb::settle(groups, tables);
    absorb::join(groups, tables);
    pairs::join(groups, tables);
    blocks::join(groups, tables);
    absorb::join(groups, tables);
    lists::join(groups, tables);
    optional::join(groups, tables);
    prose::join(groups, tables);
    absorb::join(groups, tables);
    weak::split(groups, tables);
}

/// Joins a group with the group of a key; adds it under the key if there is none.
fn put(groups: &mut Groups, key: Key, group: Group) {
    match groups.get_mut(&key) {
        Some(there) => there.join(group),
        None => {
            groups.insert(key, group);
        }
    }
}

/// Makes the columns from `from` to `to` of a kind the element `with`.
fn collapse(groups: &mut Groups, key: &[Element], from: usize, to: usize, with: Element) {
    if let Some(group) = groups.remove(key) {
        let new = replaced(key, from, to, with);
        put(groups, new, group.collapsed(from, to));
    }
}

/// Whether a piece of a key has pairs of key and value, or of JSON.
fn has_pairs(piece: &[Element]) -> bool {
    let colon = |at: usize| at > 0 && piece[at - 1] == Element::Sign(b'"');
    piece.iter().enumerate().any(|(at, element)| match element {
        Element::Sign(b'=') => true,
        Element::Sign(b':') => colon(at),
        _ => false,
    })
}
