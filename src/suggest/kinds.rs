//! From the kinds as they were read to groups: words in places where values stand are values, too.

use std::collections::{BTreeMap, BTreeSet};

use super::element::{Element, Key, Words, decode, words_of};
use super::group::{Column, Group, Row};
use super::head::Head;
use super::lexicon::{Lexicon, is_no_user, is_user_key};
use super::miner::{Miner, RawKind, RawKinds, is_kept, text, user_columns};
use super::numbers::is_hash;
use super::token::{Kind, Token, is_letters};
use super::tokens::tokens;
use crate::hash::{FxHashMap, Map};

/// The kinds of a program.
pub type Groups = BTreeMap<Key, Group>;

/// What the kinds of all programs share.
#[derive(Debug)]
pub struct Tables {
    /// The words of text.
    pub words: Words,
    /// The pieces that are optional.
    pub pieces: Vec<Key>,
    /// Names of users and hosts, in lower case.
    pub names: Map<Box<[u8]>, ()>,
    /// The words that programs write.
    pub lexicon: Lexicon,
}

impl Tables {
    /// Whether a text is the name of a user or of a host.
    pub fn is_name(&self, lower: &[u8]) -> bool {
        self.names.contains_key(lower)
    }

    /// The number of an optional piece.
    pub fn piece(&mut self, piece: &[Element]) -> u32 {
        let found = self.pieces.iter().position(|one| *one == *piece);
        let number = found.unwrap_or_else(|| {
            self.pieces.push(piece.into());
            self.pieces.len() - 1
        });
        u32::try_from(number).unwrap_or(u32::MAX)
    }
}

/// The kinds of a program with its name, in the order of the names.
pub type Programs = Vec<(Head, Groups)>;

/// Makes groups of all that was read.
pub fn groups(miner: Miner) -> (Programs, Tables) {
    let mut words = Words::default();
    let all = miner.programs.values().flat_map(|kinds| kinds.keys());
    let sorted: BTreeSet<Vec<u8>> = all
        .flat_map(|key| words_of(key).collect::<Vec<_>>())
        .collect();
    for word in &sorted {
        words.number(word);
    }
    let mut tables = Tables {
        words,
        pieces: Vec::new(),
        names: miner.names,
        lexicon: miner.lexicon,
    };
    let programs = numbered(miner.programs.into_iter().collect());
    let programs = programs
        .into_iter()
        .map(|(head, kinds)| (head, program(kinds, &mut tables)))
        .collect();
    (programs, tables)
}

/// Makes programs one that differ in a short number alone, if they are three or more.
fn numbered(programs: BTreeMap<Head, RawKinds>) -> BTreeMap<Head, RawKinds> {
    let mut stems: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for stem in programs.keys().filter_map(Head::stem) {
        *stems.entry(stem.into()).or_default() += 1;
    }
    let mut joined: BTreeMap<Head, RawKinds> = BTreeMap::new();
    for (head, kinds) in programs {
        let stem = head
            .stem()
            .filter(|stem| stems.get(*stem).is_some_and(|n| *n >= 3));
        let head = stem.map(Head::numbered).unwrap_or(head);
        let into = joined.entry(head).or_default();
        for (key, kind) in kinds {
            into.entry(key).or_default().join(kind);
        }
    }
    joined
}

/// A kind as it was read, with its rows.
struct Read {
    key: Key,
    group: Group,
    /// The kinds of tokens of each row.
    kinds: Vec<Vec<Kind>>,
}

fn read(key: &[u8], raw: RawKind, tables: &mut Tables) -> Read {
    let key = decode(key, &mut tables.words);
    let mut group = Group::new(key.len());
    (group.count, group.hosts, group.trailing) = (raw.count, raw.hosts, raw.trailing);
    let mut kept = raw.columns.into_iter();
    let mut kinds = Vec::new();
    let rows: Vec<_> = raw.sample.into_rows().collect();
    for (number, (hash, body, count)) in rows.into_iter().enumerate() {
        let tokens = tokens(&body, &mut tables.lexicon);
        if number == 0 {
            for (column, token) in group.columns.iter_mut().zip(&tokens) {
                let text = text(&body, token);
                *column = match is_kept(token.kind, text) {
                    true => kept.next().unwrap_or_default(),
                    false => Column::of(text),
                };
            }
        }
        group.users.extend(user_columns(&body, &tokens));
        let addresses = tokens.iter().enumerate();
        let addresses = addresses.filter(|(_, token)| token.kind == Kind::Address);
        group.addresses.extend(addresses.map(|(at, _)| at));
        let end = |token: &Token| u32::try_from(token.range.end).unwrap_or(u32::MAX);
        group.rows.push(Row {
            hash,
            ends: tokens.iter().map(end).collect(),
            text: body.into(),
            count,
        });
        kinds.push(tokens.iter().map(|token| token.kind).collect());
    }
    Read { key, group, kinds }
}

/// The groups of a program.
fn program(kinds: RawKinds, tables: &mut Tables) -> Groups {
    let sorted: BTreeMap<Vec<u8>, RawKind> = kinds.into_iter().collect();
    let mut read: Vec<Read> = sorted
        .into_iter()
        .map(|(key, raw)| read(&key, raw, tables))
        .collect();
    let seen = Neighbours::new(&read, tables);
    for kind in &mut read {
        let mut values = seen.values_in(kind, tables);
        values.extend(names_in(kind, tables));
        for at in values {
            kind.key[at] = Element::Slot;
            kind.group.users.insert(at);
        }
        let more = seen.slots_among_values(kind, tables);
        kind.group.users.extend(more);
    }
    let mut groups = Groups::new();
    for Read { key, group, .. } in read {
        let columns = key.len();
        groups
            .entry(key)
            .or_insert_with(|| Group::new(columns))
            .join(group);
    }
    groups
}

/// The words of a key that are names, though not words of the language.
fn names_in(kind: &Read, tables: &Tables) -> Vec<usize> {
    let is_name = |(at, element): (usize, &Element)| {
        let word = tables.words.word(*element)?;
        let name = tables.is_name(&word.lower) && !tables.lexicon.has(&word.lower);
        let key = kind.key.get(at + 1) == Some(&Element::Sign(b'='));
        (name && !key).then_some(at)
    };
    kind.key.iter().enumerate().filter_map(is_name).collect()
}

/// Three elements before a place and two behind it.
type Context = ([Option<Element>; 3], [Option<Element>; 2]);

/// The different texts in each context, as far as they tell anything.
struct Neighbours {
    values: FxHashMap<Context, BTreeSet<Vec<u8>>>,
    words: FxHashMap<Context, BTreeSet<Element>>,
}

/// How many different texts make a place one of values.
const ENOUGH: usize = 3;

/// The elements of a row, with words that are values as words.
fn full(kind: &Read, row: usize, words: &mut Words) -> Key {
    let (cells, kinds) = (&kind.group.rows[row], &kind.kinds[row]);
    let element = |(at, element): (usize, &Element)| match element {
        Element::Slot if kinds.get(at) == Some(&Kind::Word) && is_letters(cells.cell(at)) => {
            Element::Word(words.number(cells.cell(at)))
        }
        element => *element,
    };
    kind.key.iter().enumerate().map(element).collect()
}

fn context(full: &[Element], at: usize) -> Context {
    let before = |back: usize| at.checked_sub(back).and_then(|at| full.get(at)).copied();
    let behind = |on: usize| full.get(at + on).copied();
    ([before(3), before(2), before(1)], [behind(1), behind(2)])
}

/// Whether a place can be judged by its context: words must be near.
fn is_telling(key: &[Element], at: usize, context: &Context) -> bool {
    let (before, behind) = context;
    let word = |e: &Option<Element>| e.is_some_and(Element::is_word);
    let enclosed = before[2].and_then(Element::closing).map(Element::Sign);
    let enclosed = enclosed.is_some_and(|close| key.get(at + 1) == Some(&close));
    let alone = enclosed && before[0].is_some();
    if !alone && !before.iter().chain(behind).any(word) {
        return false;
    }
    behind[0].is_some() || before[1..].iter().any(word)
}

/// Whether a text with letters is no number in any form.
fn is_named(text: &[u8]) -> bool {
    let digits = text
        .iter()
        .take_while(|b| b.is_ascii_digit() || **b == b'.')
        .count();
    let unit = text.len() - digits <= 5 && text[digits..].iter().all(u8::is_ascii_alphabetic);
    text.iter().any(|b| b.is_ascii_alphabetic() || *b >= 0x80)
        && !text.starts_with(b"0x")
        && !(digits > 0 && unit)
}

impl Neighbours {
    fn new(read: &[Read], tables: &mut Tables) -> Self {
        let mut seen = Self {
            values: FxHashMap::default(),
            words: FxHashMap::default(),
        };
        for kind in read {
            for row in 0..kind.group.rows.len() {
                let full = full(kind, row, &mut tables.words);
                seen.take(kind, row, &full, tables);
            }
        }
        seen
    }

    fn take(&mut self, kind: &Read, row: usize, full: &[Element], tables: &Tables) {
        for (at, element) in kind.key.iter().enumerate() {
            let slot = *element == Element::Slot;
            if !slot && !may_be_value(&kind.key, at, tables) {
                continue;
            }
            let context = context(full, at);
            if !is_telling(&kind.key, at, &context) {
                continue;
            }
            if !slot {
                if is_between_bars(&context) {
                    self.words.entry(context).or_default().insert(*element);
                }
                continue;
            }
            let text = kind.group.rows[row].cell(at);
            if is_named(text) {
                let values = self.values.entry(context).or_default();
                if values.len() < ENOUGH {
                    values.insert(text.into());
                }
            }
        }
    }

    fn is_enough(&self, context: &Context) -> bool {
        self.values
            .get(context)
            .is_some_and(|values| values.len() >= ENOUGH)
            || self
                .words
                .get(context)
                .is_some_and(|words| words.len() >= ENOUGH)
    }

    /// The words of a key that stand where values stand elsewhere.
    fn values_in(&self, kind: &Read, tables: &mut Tables) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for row in 0..kind.group.rows.len() {
            let full = full(kind, row, &mut tables.words);
            for at in 0..kind.key.len() {
                if found.contains(&at) || !may_be_value(&kind.key, at, tables) {
                    continue;
                }
                let context = context(&full, at);
                if is_telling(&kind.key, at, &context) && self.is_enough(&context) {
                    found.insert(at);
                }
            }
        }
        found
    }

    /// The slots of a key in whose place there are several values.
    fn slots_among_values(&self, kind: &Read, tables: &mut Tables) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for row in 0..kind.group.rows.len() {
            let full = full(kind, row, &mut tables.words);
            for (at, element) in kind.key.iter().enumerate() {
                if *element == Element::Slot
                    && !found.contains(&at)
                    && self
                        .values
                        .get(&context(&full, at))
                        .is_some_and(|v| v.len() >= ENOUGH)
                {
                    found.insert(at);
                }
            }
        }
        found
    }
}

/// Whether an element is a word that may be a value.
fn may_be_value(key: &[Element], at: usize, tables: &Tables) -> bool {
    let Some(word) = key.get(at).and_then(|e| tables.words.word(*e)) else {
        return false;
    };
    // `user unknown` names nobody.
    let before = at.checked_sub(2).and_then(|at| tables.words.word(key[at]));
    let nobody = before.is_some_and(|word| is_user_key(&word.lower)) && is_no_user(&word.lower);
    !word.state && !nobody && key.get(at + 1) != Some(&Element::Sign(b'='))
}

/// Whether a place stands between two semicolons or two bars.
fn is_between_bars(context: &Context) -> bool {
    let bar = context.0[2];
    matches!(bar, Some(Element::Sign(b';' | b'|'))) && context.1[0] == bar
}

/// Whether a text may be literal though it stands in the place of a value: it occurred alone there.
pub fn is_constant(tables: &Tables, key: &[Element], at: usize, text: &[u8], count: u64) -> bool {
    let letters = text.iter().any(u8::is_ascii_alphabetic);
    let before = |back: usize| at.checked_sub(back).and_then(|at| key.get(at));
    let valued = at >= 2 && before(1) == Some(&Element::Sign(b'='));
    let quoted = matches!(before(1), Some(Element::Sign(b'<' | b'"' | b'\'' | b'`')));
    if !letters || valued || quoted || tables.is_name(&text.to_ascii_lowercase()) {
        return false;
    }
    if text.iter().any(|b| b"@/:=.".contains(b)) || text.starts_with(b"0x") || is_hash(text) {
        return false;
    }
    if !text.iter().any(u8::is_ascii_digit) {
        return true;
    }
    // `eth0` is a value, `smtp2` of a single machine is text.
    const DEVICES: [&[u8]; 13] = [
        b"eth", b"en", b"sd", b"hd", b"tty", b"pts", b"web", b"mail", b"db", b"host", b"srv",
        b"node", b"cpu",
    ];
    let name = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let digits = &text[name..];
    count >= 2
        && text.len() <= 12
        && name > 0
        && digits.len() <= 2
        && digits.iter().all(u8::is_ascii_digit)
        && !DEVICES.iter().any(|device| text.starts_with(device))
}
