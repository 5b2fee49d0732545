//! `Started X`, `Stopped X`: the same text behind several words shows that it is a value.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::collapse;
use crate::suggest::element::{Element, Key};
use crate::suggest::forms::is_blank;
use crate::suggest::group::{Column, Group, Row};
use crate::suggest::kinds::{Groups, Tables};

/// The longest beginning that is looked at, elements.
const LONGEST: usize = 7;

type Tail = Rc<[u8]>;

/// The texts behind the beginnings of keys.
#[derive(Default)]
struct Tails {
    /// The beginnings of each text without values of other forms.
    plain: BTreeMap<Tail, BTreeSet<Key>>,
    /// The texts behind each beginning, and the keys that they are of.
    behind: BTreeMap<Key, BTreeSet<(Tail, Key)>>,
}

/// Joins kinds whose ends stand behind other words as well.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    let tails = Tails::new(groups, tables);
    let shared = tails.shared();
    let mut known: BTreeSet<Tail> = BTreeSet::new();
    let mut prefixes: Vec<&Key> = shared.keys().collect();
    prefixes.sort_by_key(|key| (key.len(), *key));
    for prefix in prefixes {
        let all = tails.all_behind(prefix).len();
        let Some(mine) = shared.get(prefix) else {
            continue;
        };
        if mine.len() < 3 || (10 * mine.len() < 3 * all && mine.len() < 6) {
            continue;
        }
        known.extend(mine.iter().cloned());
        join_behind(groups, &tails, prefix, mine);
    }
    let mut prefixes: Vec<&Key> = tails.behind.keys().collect();
    prefixes.sort_by_key(|key| (key.len(), *key));
    for prefix in prefixes {
        let all = tails.all_behind(prefix);
        let mine: BTreeSet<Tail> = all.intersection(&known).cloned().collect();
        if mine.len() >= 2 && 10 * mine.len() >= 3 * all.len() {
            join_behind(groups, &tails, prefix, &mine);
        }
    }
}

/// Makes a value of what stands behind a beginning, in kinds where it may be one.
fn join_behind(groups: &mut Groups, tails: &Tails, prefix: &Key, mine: &BTreeSet<Tail>) {
    let mut texts: BTreeMap<&Key, BTreeSet<&Tail>> = BTreeMap::new();
    for (tail, key) in tails.behind.get(prefix).into_iter().flatten() {
        if groups.contains_key(key) {
            texts.entry(key).or_default().insert(tail);
        }
    }
    let fits = |key: &Key, texts: &BTreeSet<&Tail>| {
        texts.iter().any(|text| mine.contains(*text))
            || groups.get(key).is_some_and(|group| group.count <= 2)
            || !key[prefix.len()..].contains(&Element::Slot)
            || texts.len() == 1
    };
    let taken: Vec<&Key> = texts
        .iter()
        .filter(|(key, texts)| fits(key, texts))
        .map(|(key, _)| *key)
        .collect();
    if taken.len() < 2 {
        return;
    }
    for key in taken {
        let mut to = key.len();
        let point = |element| matches!(element, Element::Sign(b'.') | Element::Signs(b'.'));
        while to > prefix.len() + 1 && point(key[to - 1]) {
            to -= 1;
        }
        collapse(groups, key, prefix.len(), to, Element::Phrase);
    }
}

impl Tails {
    fn new(groups: &Groups, tables: &Tables) -> Self {
        let mut tails = Self::default();
        for (key, group) in groups {
            for at in 2..key.len().min(LONGEST + 1) {
                let prefix = &key[..at];
                if !is_beginning(prefix, tables) {
                    continue;
                }
                for row in &group.rows {
                    tails.take(key, prefix, group, row);
                }
            }
        }
        tails
    }

    fn take(&mut self, key: &Key, prefix: &[Element], group: &Group, row: &Row) {
        let at = prefix.len();
        let tail: Tail = without_end(row.part(at, key.len())).into();
        if tail.is_empty() {
            return;
        }
        // A path that never varies is part of a name: `Backup of /srv to tape`.
        let fixed = |at: &usize| {
            let value = group.columns.get(*at).and_then(Column::value);
            value.is_some_and(|value| value.starts_with(b"/"))
        };
        let slots = (at..key.len()).filter(|at| key[*at] == Element::Slot && !fixed(at));
        let typed: Vec<&[u8]> = slots
            .map(|at| row.cell(at))
            .filter(|text| is_typed(text))
            .collect();
        if typed.is_empty() {
            self.plain
                .entry(tail.clone())
                .or_default()
                .insert(prefix.into());
        }
        let number = |text: &&[u8]| {
            !text.is_empty() && text.iter().all(|b| b.is_ascii_digit() || *b == b'.')
        };
        if typed.iter().all(number) {
            let behind = self.behind.entry(prefix.into()).or_default();
            behind.insert((tail, key.clone()));
        }
    }

    /// The texts behind a beginning.
    fn all_behind(&self, prefix: &Key) -> BTreeSet<Tail> {
        let behind = self.behind.get(prefix).into_iter().flatten();
        behind.map(|(tail, _)| tail.clone()).collect()
    }

    /// For each beginning, the texts that also stand behind one that differs in its last word alone.
    fn shared(&self) -> BTreeMap<Key, BTreeSet<Tail>> {
        let mut shared: BTreeMap<Key, BTreeSet<Tail>> = BTreeMap::new();
        for (tail, prefixes) in &self.plain {
            if prefixes.len() < 2 || tail.len() < 4 {
                continue;
            }
            for prefix in prefixes {
                let stem = &prefix[..prefix.len() - 2];
                let sibling = |other: &&Key| {
                    *other != prefix && other.len() == prefix.len() && other.starts_with(stem)
                };
                if prefixes.iter().any(|other| sibling(&other)) {
                    shared
                        .entry(prefix.clone())
                        .or_default()
                        .insert(tail.clone());
                }
            }
        }
        shared
    }
}

/// Whether a beginning of a key is one to three words, one of which says what happened, the last right before
/// blanks.
fn is_beginning(prefix: &[Element], tables: &Tables) -> bool {
    let [.., Element::Word(_), Element::Blank] = prefix else {
        return false;
    };
    let words = || prefix.iter().filter_map(|e| tables.words.word(*e));
    prefix.iter().all(|e| e.is_word() || e.is_sign())
        && (1..=3).contains(&words().count())
        && words().any(|word| word.state || word.ending)
}

/// A text with each number as 0 and without points at its end.
fn without_end(text: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut digits = false;
    for &byte in text {
        let digit = byte.is_ascii_digit();
        if !digit {
            out.push(byte);
        } else if !digits {
            out.push(b'0');
        }
        digits = digit;
    }
    loop {
        if out.ends_with("\u{2026}".as_bytes()) {
            out.truncate(out.len() - 3);
        } else if out.last() == Some(&b'.') {
            out.pop();
        } else {
            return out;
        }
    }
}

/// Whether a text is a value by its form: a number, an address, a path, a pair.
fn is_typed(text: &[u8]) -> bool {
    let digits = text
        .windows(3)
        .any(|three| three.iter().all(u8::is_ascii_digit));
    let blank = text.iter().any(|b| is_blank(*b));
    text.iter()
        .all(|b| b.is_ascii_digit() || b"-+.,:/".contains(b))
        || text.starts_with(b"0x")
        || text.iter().any(|b| matches!(b, b'@' | b'='))
        || matches!(text.first(), Some(b'<' | b'/'))
        || (!blank && (digits || text.contains(&b':')))
}
