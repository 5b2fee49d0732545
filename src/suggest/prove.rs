//! The proof of rules: each takes all of its own lines, and none of another kind comes to it.

use std::collections::{BTreeMap, BTreeSet};

use super::element::{Element, Key, decode, encode};
use super::group::{Column, Group, Row};
use super::head::Head;
use super::kinds::{Groups, Tables};
use super::miner::text;
use super::pattern::Keep;
use super::proven::{Proven, written};
use super::tokens::tokens;
use crate::pattern::Found;

/// How often lines are put back to where they came from.
const ROUNDS: usize = 3;
/// How many messages of a rule are tried on the others.
const TRIED: usize = 7;

/// Writes the patterns of groups, and puts messages back that the pattern of their group does not take.
pub(super) fn prove(
    head: &Head,
    mut groups: Groups,
    tables: &mut Tables,
    keep: Keep,
) -> Vec<Proven> {
    for round in 0..ROUNDS {
        let users = users(&groups);
        let mut proven = Vec::new();
        let mut refused: Vec<Row> = Vec::new();
        for (key, group) in std::mem::take(&mut groups) {
            let columns: Vec<bool> = (0..key.len())
                .map(|at| is_user(&key, &group, at, &users))
                .collect();
            let Some(mut one) = written(head, key, group, tables, keep, &columns) else {
                continue;
            };
            refused.extend(take_refused(head, &mut one));
            if !one.group.rows.is_empty() {
                proven.push(one);
            }
        }
        if refused.is_empty() || round + 1 == ROUNDS {
            return same_patterns(proven);
        }
        groups = proven.into_iter().map(|one| (one.key, one.group)).collect();
        for row in refused {
            put_back(&mut groups, row, tables);
        }
    }
    Vec::new()
}

/// The texts that stand in the places of users.
fn users(groups: &Groups) -> BTreeSet<Vec<u8>> {
    let of = |group: &Group| -> Vec<Vec<u8>> {
        let columns = group.users.iter();
        columns
            .flat_map(|at| group.values(*at, usize::MAX))
            .map(<[u8]>::to_vec)
            .collect()
    };
    groups.values().flat_map(of).collect()
}

/// Whether a column holds names of users, or a text that is one elsewhere.
fn is_user(key: &[Element], group: &Group, at: usize, users: &BTreeSet<Vec<u8>>) -> bool {
    key[at] == Element::Slot
        && (group.users.contains(&at)
            || group
                .values(at, 50)
                .iter()
                .any(|value| users.contains(*value)))
}

/// Takes the messages out of a group that its pattern does not take.
fn take_refused(head: &Head, proven: &mut Proven) -> Vec<Row> {
    let begin = head.example();
    let compiled = &proven.compiled;
    let rows = std::mem::take(&mut proven.group.rows);
    let (taken, refused): (Vec<Row>, Vec<Row>) = rows
        .into_iter()
        .partition(|row| compiled.is_match(&[&begin[..], &row.text].concat()) == Found::Yes);
    proven.group.rows = taken;
    let lines: u64 = refused.iter().map(|row| row.count).sum();
    proven.group.count = proven.group.count.saturating_sub(lines);
    refused
}

/// Makes a group of a single message, as it was read.
fn put_back(groups: &mut Groups, mut row: Row, tables: &mut Tables) {
    let tokens = tokens(&row.text, &mut tables.lexicon);
    let mut bytes = Vec::new();
    for token in &tokens {
        encode(token.kind, text(&row.text, token), &mut bytes);
    }
    let key: Key = decode(&bytes, &mut tables.words);
    let mut group = Group::new(key.len());
    group.count = row.count;
    group.columns = tokens
        .iter()
        .map(|token| Column::of(text(&row.text, token)))
        .collect();
    row.ends = tokens
        .iter()
        .map(|token| u32::try_from(token.range.end).unwrap_or(u32::MAX))
        .collect();
    group.rows.push(row);
    let columns = key.len();
    groups
        .entry(key)
        .or_insert_with(|| Group::new(columns))
        .join(group);
}

/// Equal patterns can come from different keys: they are one rule.
fn same_patterns(proven: Vec<Proven>) -> Vec<Proven> {
    let mut by_source: BTreeMap<Vec<u8>, Proven> = BTreeMap::new();
    for one in proven {
        match by_source.get_mut(&one.source) {
            None => {
                by_source.insert(one.source.clone(), one);
            }
            Some(there) => {
                there.group.count += one.group.count;
                there.group.hosts.join(&one.group.hosts);
                // Rows are cut in other ways: only their texts matter from here on.
                there.group.rows.extend(one.group.rows);
            }
        }
    }
    by_source.into_values().collect()
}

/// Puts rules in their order: most lines first, but a rule that takes lines of another stands behind it. A rule
/// that would get no line is left out.
pub(super) fn order(head: &Head, mut rules: Vec<Proven>) -> Vec<Proven> {
    rules.sort_by(|a, b| {
        b.group
            .count
            .cmp(&a.group.count)
            .then_with(|| a.source.cmp(&b.source))
    });
    let begin = head.example();
    let takes = |rule: &Proven, message: &[u8]| {
        let body = message.get(begin.len()..).unwrap_or_default();
        body.starts_with(&rule.written.begin) && rule.compiled.is_match(message) == Found::Yes
    };
    let behind: Vec<BTreeSet<usize>> = rules
        .iter()
        .enumerate()
        .map(|(j, rule)| {
            let tried = tried(rule, &begin);
            let others = rules.iter().enumerate().filter(|(i, _)| *i != j);
            let taker =
                others.filter(|(_, other)| tried.iter().any(|message| takes(other, message)));
            taker.map(|(i, _)| i).collect()
        })
        .collect();
    let order = sorted(&rules, &behind);
    let mut slots: Vec<Option<Proven>> = rules.into_iter().map(Some).collect();
    let rules = order
        .into_iter()
        .filter_map(|at| slots.get_mut(at).and_then(Option::take))
        .collect();
    without_dead(rules, &begin, takes)
}

/// Messages of a rule, short and long ones.
fn tried(rule: &Proven, begin: &[u8]) -> Vec<Vec<u8>> {
    let mut texts: Vec<&[u8]> = rule.group.rows.iter().map(|row| &*row.text).collect();
    texts.sort_by_key(|text| (text.len(), *text));
    let step = (texts.len() / (TRIED - 1)).max(1);
    let texts = texts.into_iter().step_by(step).take(TRIED);
    texts.map(|text| [begin, text].concat()).collect()
}

/// The numbers of the rules in their order: each rule stands before the rules that take lines of it, which are `behind`
/// it. Where two rules take lines of each other, the more literal one stands first.
fn sorted(rules: &[Proven], behind: &[BTreeSet<usize>]) -> Vec<usize> {
    let weight = |at: usize| (rules[at].written.literal, std::cmp::Reverse(at));
    let stands_before = |j: usize, i: usize| {
        let mutual = behind[i].contains(&j);
        !(mutual && weight(j) < weight(i))
    };
    let mut open = vec![0usize; rules.len()];
    for (j, others) in behind.iter().enumerate() {
        for &i in others {
            open[i] += usize::from(stands_before(j, i));
        }
    }
    let mut left: BTreeSet<usize> = (0..rules.len()).collect();
    let mut out = Vec::with_capacity(rules.len());
    while !left.is_empty() {
        let ready = left.iter().copied().find(|at| open[*at] == 0);
        let Some(next) = ready.or_else(|| left.iter().copied().max_by_key(|at| weight(*at))) else {
            break;
        };
        left.remove(&next);
        out.push(next);
        for &i in &behind[next] {
            if stands_before(next, i) {
                open[i] = open[i].saturating_sub(1);
            }
        }
    }
    out
}

/// Gives lines to the first rule that takes them, and leaves rules out that get none.
fn without_dead(
    rules: Vec<Proven>,
    begin: &[u8],
    takes: impl Fn(&Proven, &[u8]) -> bool,
) -> Vec<Proven> {
    let mut kept: Vec<Proven> = Vec::with_capacity(rules.len());
    for mut rule in rules {
        let rows = std::mem::take(&mut rule.group.rows);
        let sampled: u64 = rows.iter().map(|row| row.count).sum();
        let unseen = rule.group.count.saturating_sub(sampled);
        let mut last = None;
        for row in rows {
            let message = [begin, &row.text].concat();
            match kept.iter().position(|other| takes(other, &message)) {
                None => rule.group.rows.push(row),
                Some(taker) => {
                    rule.group.count -= row.count;
                    kept[taker].group.count += row.count;
                    last = Some(taker);
                }
            }
        }
        match last {
            Some(taker) if rule.group.rows.is_empty() => kept[taker].group.count += unseen,
            _ => kept.push(rule),
        }
    }
    kept
}
