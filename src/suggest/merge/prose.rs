//! Rare kinds that share a long beginning and an end, with ever new words between: text that people or
//! libraries wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::absorb::is_detected;
use super::{collapse, has_pairs};
use crate::hash::FxHashMap;
use crate::suggest::element::{Element, Key};
use crate::suggest::kinds::{Groups, Tables};

/// How many different texts are prose.
const TEXTS: usize = 5;

/// Kinds with the same beginning and the same end.
struct Frame {
    /// The lengths of the beginning and of the end, elements.
    before: usize,
    behind: usize,
    keys: BTreeSet<Key>,
}

type Frames = FxHashMap<u64, Frame>;

/// Joins until nothing changes.
pub(super) fn join(groups: &mut Groups, tables: &Tables) {
    let mut frames = Frames::default();
    for key in groups.keys() {
        note(&mut frames, key, tables);
    }
    while let Some(frame) = best(&frames, groups, tables) {
        let (before, behind) = (frame.before, frame.behind);
        let keys: Vec<Key> = frame.keys.iter().cloned().collect();
        let first = keys.first().cloned().unwrap_or_default();
        for key in keys {
            for hash in places(&key, tables).map(|(from, to)| hash(&key, from, to)) {
                if let Some(frame) = frames.get_mut(&hash) {
                    frame.keys.remove(&key);
                }
            }
            let to = key.len() - behind;
            collapse(groups, &key, before, to, Element::Phrase);
        }
        let joined = [
            &first[..before],
            &[Element::Phrase],
            &first[first.len() - behind..],
        ]
        .concat();
        note(&mut frames, &joined, tables);
    }
}

fn hash(key: &[Element], from: usize, to: usize) -> u64 {
    let mut hasher = FxHasher::default();
    (&key[..from], &key[to..]).hash(&mut hasher);
    hasher.finish()
}

fn note(frames: &mut Frames, key: &Key, tables: &Tables) {
    for (from, to) in places(key, tables) {
        let frame = frames.entry(hash(key, from, to)).or_insert_with(|| Frame {
            before: from,
            behind: key.len() - to,
            keys: BTreeSet::new(),
        });
        if frame.before == from && frame.behind == key.len() - to {
            frame.keys.insert(key.clone());
        }
    }
}

/// The places where prose may stand in a key: from, to.
fn places<'a>(key: &'a [Element], tables: &'a Tables) -> impl Iterator<Item = (usize, usize)> + 'a {
    let ends: Vec<usize> = (2..key.len())
        .filter(|to| is_end(key, *to, tables))
        .chain([key.len()])
        .collect();
    let begins = (2..key.len()).filter(|from| is_begin(key, *from, tables));
    begins.flat_map(move |from| {
        let ends = ends.clone();
        let fits = move |to: &usize| *to > from && may_be_prose(key, from, *to, tables);
        ends.into_iter().filter(fits).map(move |to| (from, to))
    })
}

fn is_end(key: &[Element], to: usize, tables: &Tables) -> bool {
    const BEHIND: [&[u8]; 8] = [b"in", b"from", b"for", b"by", b"at", b"on", b"to", b"with"];
    match key[to] {
        Element::Sign(b',' | b'"' | b')') => true,
        Element::Blank => match key.get(to + 1) {
            Some(Element::Sign(b'[' | b'(')) => true,
            Some(element) => {
                let word = tables.words.word(*element);
                word.is_some_and(|word| BEHIND.contains(&&*word.text))
            }
            None => false,
        },
        _ => false,
    }
}

fn is_begin(key: &[Element], from: usize, tables: &Tables) -> bool {
    if is_detected(key, from, tables) {
        return false;
    }
    match (key[from - 2], key[from - 1]) {
        (Element::Sign(b':' | b'-'), Element::Blank) | (_, Element::Sign(b'"' | b'(' | b'=')) => {
            true
        }
        (_, Element::Blank) => tables.words.telling(&key[..from]) >= 5,
        _ => false,
    }
}

fn may_be_prose(key: &[Element], from: usize, to: usize, tables: &Tables) -> bool {
    let middle = &key[from..to];
    let words = || middle.iter().filter_map(|e| tables.words.word(*e));
    let value = key[from - 1] == Element::Sign(b'=');
    let named = tables.words.word(key[from - 2]);
    let telling = value && named.is_some_and(|word| word.telling);
    let enough = words().count() >= 2 || (value && words().next().is_some() && middle.len() >= 3);
    enough
        && !middle.contains(&Element::Phrase)
        && !has_pairs(middle)
        && !telling
        && !words().any(|word| word.shout)
}

/// The frame with the most kinds that is one of prose.
fn best<'a>(frames: &'a Frames, groups: &Groups, tables: &Tables) -> Option<&'a Frame> {
    let fits = frames
        .values()
        .filter(|frame| frame.keys.len() >= TEXTS && is_prose(frame, groups, tables));
    fits.max_by(|a, b| {
        let order = |frame: &Frame| (frame.keys.len(), frame.before + frame.behind);
        let text = |frame: &'a Frame| frame.keys.first();
        order(a)
            .cmp(&order(b))
            .then_with(|| (text(a), a.before).cmp(&(text(b), b.before)))
    })
}

fn is_prose(frame: &Frame, groups: &Groups, tables: &Tables) -> bool {
    let Some(key) = frame.keys.first() else {
        return false;
    };
    let (before, behind) = (&key[..frame.before], &key[key.len() - frame.behind..]);
    let telling = tables.words.telling(before);
    let around = telling + tables.words.telling(behind);
    let colon = matches!(before[before.len() - 2], Element::Sign(b':' | b'-'));
    let count = frame.keys.len();
    if (tables.words.told(before) < 2 && telling < 4)
        || around < 3
        || (count < 8 && around < 5 && !colon && before.last() == Some(&Element::Blank))
    {
        return false;
    }
    let lines = || {
        frame
            .keys
            .iter()
            .filter_map(|key| groups.get(key))
            .map(|group| group.count)
    };
    let (all, most) = (lines().sum::<u64>(), lines().max().unwrap_or_default());
    if all > 4 * count as u64 && (count < 12 || 10 * most > 4 * all) {
        return false;
    }
    !has_common_word(frame, tables)
}

/// Whether the same word is in most of the texts: then they are fields, not prose.
fn has_common_word(frame: &Frame, tables: &Tables) -> bool {
    let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
    for key in &frame.keys {
        let middle = &key[frame.before..key.len() - frame.behind];
        let word = |e: &&Element| tables.words.word(**e).is_some_and(|word| !word.small);
        let words: BTreeSet<&Element> = middle.iter().filter(word).collect();
        for word in words {
            *counts.entry(*word).or_default() += 1;
        }
    }
    counts
        .values()
        .max()
        .is_some_and(|most| 10 * most > 6 * frame.keys.len())
}
