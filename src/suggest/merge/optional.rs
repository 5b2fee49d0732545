//! Kinds of which one has a piece more that says nothing by itself: `, user=X`, `(name)`, `[ip]`.

use super::put;
use crate::suggest::element::{Element, Key};
use crate::suggest::forms::is_blank;
use crate::suggest::group::{Group, replaced};
use crate::suggest::kinds::{Groups, Tables};

/// The longest piece, elements.
const LONGEST: usize = 14;

/// Joins until nothing changes.
pub(super) fn join(groups: &mut Groups, tables: &mut Tables) {
    let mut changed = true;
    while changed {
        changed = false;
        let mut keys: Vec<Key> = groups.keys().cloned().collect();
        keys.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        for key in keys {
            if !groups.contains_key(&key) {
                continue;
            }
            if let Some((from, to)) = found(groups, tables, &key) {
                make_optional(groups, tables, &key, from, to);
                changed = true;
            }
        }
    }
}

/// The last piece of a key that can be left out so that the key of another kind is left.
fn found(groups: &Groups, tables: &Tables, key: &[Element]) -> Option<(usize, usize)> {
    (0..key.len())
        .rev()
        .find_map(|from| piece(groups, tables, key, from).map(|to| (from, to)))
}

/// The end of such a piece that begins at a place.
fn piece(groups: &Groups, tables: &Tables, key: &[Element], from: usize) -> Option<usize> {
    let is_sign = |at: usize, signs: &[u8]| match key.get(at) {
        Some(Element::Sign(sign)) => signs.contains(sign),
        _ => false,
    };
    if key[from].is_word() && !is_sign(from + 1, b"=\"") {
        return None;
    }
    let (mut value, mut sign) = (false, false);
    for to in from + 1..=key.len().min(from + LONGEST) {
        match key[to - 1] {
            Element::Optional(_) | Element::Signs(_) => return None,
            Element::Word(_) => {
                let quoted = to >= 2 && is_sign(to - 2, b"\"");
                if !is_sign(to, b"=\"") && !quoted {
                    return None;
                }
            }
            element => {
                value |= element.is_value();
                sign |= element.is_sign();
            }
        }
        if !value || !sign || !is_balanced(&key[from..to]) {
            continue;
        }
        let rest = [&key[..from], &key[to..]].concat();
        if groups.contains_key(&rest) && tables.words.telling(&rest) >= 1 {
            return Some(to);
        }
    }
    None
}

/// Whether each bracket and quote is closed.
fn is_balanced(piece: &[Element]) -> bool {
    let mut open = Vec::new();
    for element in piece {
        match element {
            Element::Sign(b'(' | b'[' | b'{') => open.push(element.closing()),
            Element::Sign(sign @ (b')' | b']' | b'}')) if open.pop() != Some(Some(*sign)) => {
                return false;
            }
            _ => {}
        }
    }
    let count = |sign: u8| piece.iter().filter(|e| **e == Element::Sign(sign)).count();
    open.is_empty() && count(b'"').is_multiple_of(2) && count(b'<') == count(b'>')
}

/// Joins a kind with the one that lacks the piece.
fn make_optional(
    groups: &mut Groups,
    tables: &mut Tables,
    key: &[Element],
    from: usize,
    to: usize,
) {
    let rest = [&key[..from], &key[to..]].concat();
    let piece = &key[from..to];
    let (Some(longer), Some(shorter)) = (groups.remove(key), groups.remove(&rest)) else {
        return;
    };
    let piece = tables.piece(&loosened(piece, &longer, from));
    let new = replaced(key, from, to, Element::Optional(piece));
    put(groups, new.clone(), longer.collapsed(from, to));
    put(groups, new, shorter.collapsed(from, from));
}

/// The piece, with values as phrases that hold blanks or the sign behind them: so they are written.
fn loosened(piece: &[Element], group: &Group, from: usize) -> Key {
    let element = |(at, element): (usize, &Element)| {
        let Some(column) = group.columns.get(from + at) else {
            return *element;
        };
        let ends = match (element, piece.get(at + 1)) {
            (Element::Block(sign), _) | (Element::Slot, Some(Element::Sign(sign))) => {
                column.bytes.has(*sign)
            }
            _ => false,
        };
        let blank = *element == Element::Slot && !column.bytes.all(|b| !is_blank(b));
        if ends || blank {
            Element::Phrase
        } else {
            *element
        }
    };
    piece.iter().enumerate().map(element).collect()
}
