//! The index in front of the rules: which of them can match a line at all.
//!
//! Most rules name the program and the words behind it: `^sshd\[\d+\]: Failed password`. So the name
//! at a line's head and what stands behind its first two blanks give the few rules that are left.
//! The list for such a kind of line is made when the first of its kind comes. Of the rules that
//! stand in it whatever the words are, most hold some literal that every match must contain: it is
//! looked for first. The index may only leave out what cannot match: what it decides is what a loop
//! over all rules would decide.

mod facts;
mod heads;
mod kind;
mod line;
mod scan;

use std::cell::OnceCell;

use super::id;
use crate::config::{Action, Rule, RuleId};
use crate::fast::OwnMap;
use crate::pattern::fields::KEY;
use crate::pattern::{Entry, Pattern, Spans};
use crate::record::Text;
use facts::{Begin, Facts, Gate, facts};
use heads::{Heads, Possible};
use kind::{Look, Memory, number};
use line::Line;
use scan::Scan;

/// With fewer such rules in a list, each literal is looked for by itself.
const FEW: usize = 8;
/// With more rules in all lists together they are made anew: a log may be made to have many kinds of
/// lines.
const MOST_CANDIDATES: usize = 100_000;
/// More keys than these get no number: what they would say of their rules is not used.
const MOST_NAMES: usize = (1 << 20) - 1;

/// The index of a list of rules. It learns from the lines that come.
#[derive(Debug)]
pub struct Index {
    /// What is known of each rule.
    facts: Vec<Facts>,
    heads: Heads,
    /// The keys that rules name, as the numbers of their bytes, from 1.
    keys: OwnMap<u32, u32>,
    /// The lists that were made, by the kind of line.
    lists: OwnMap<u64, usize>,
    made: Vec<List>,
    /// How many rules stand in all lists, and lists.
    candidates: usize,
    memory: Memory,
    /// For lists with many literals; made when the first of them is.
    scan: OnceCell<Option<Scan>>,
    room: Room,
}

/// A kind of line.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// The number of its head.
    head: u32,
    /// Whether a kernel's time stamp stands behind the first blank; the keys are behind it then.
    stamped: bool,
    /// Whether a process id stands behind the first word.
    numbered: bool,
    /// The numbers of its keys, 0 for one that no rule names.
    keys: [u32; 2],
}

impl Kind {
    /// The kind as a key of its own.
    fn packed(self) -> u64 {
        let [first, second] = self.keys.map(u64::from);
        let bits = u64::from(self.stamped) | u64::from(self.numbered) << 1;
        (u64::from(self.head) << 2 | bits) << 40 | first << 20 | second
    }
}

/// The rules that a kind of line may match, in their order.
#[derive(Debug, Default)]
struct List {
    rules: Vec<Candidate>,
    /// The literals of its rules are looked for all at once.
    scans: bool,
}

#[derive(Clone, Debug)]
struct Candidate {
    rule: usize,
    /// The group that must be entered, where the kind of line does not tell that it is.
    group: Option<usize>,
    gate: Gate,
    /// Its literal is to be looked for first.
    literal: bool,
    pattern: Pattern,
    /// Whether the spans of its groups are wanted.
    spans: bool,
    /// How its pattern goes on behind the first blank.
    entry: Option<Entry>,
    /// It takes every line without a newline, and has no groups that are wanted.
    all: bool,
}

/// A scan for literals, done when it is asked for.
enum Scanning<'a> {
    Not(&'a Scan),
    Done { some: bool },
}

impl Scanning<'_> {
    /// Whether a literal of this rule is in the message.
    fn wants(&mut self, rule: usize, message: &[u8], wanted: &mut Vec<u64>) -> bool {
        if let Self::Not(scan) = self {
            let some = scan.want(message, wanted);
            *self = Self::Done { some };
        }
        let bits = wanted.get(rule / 64);
        matches!(self, Self::Done { some: true })
            && bits.is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
    }
}

/// Memory that is used again for each line.
#[derive(Debug, Default)]
struct Room {
    /// The rules whose literals are there, a bit each.
    wanted: Vec<u64>,
    /// Whether each group was entered by this line; known if its stamp is this line's.
    groups: Vec<(u64, bool)>,
    stamp: u64,
}

impl Index {
    /// Makes the index of these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let mut keys = OwnMap::default();
        let facts = facts(rules, &mut keys);
        Self {
            heads: Heads::new(&facts),
            facts,
            memory: Memory::new(&keys),
            keys,
            lists: OwnMap::default(),
            made: Vec::new(),
            candidates: 0,
            scan: OnceCell::new(),
            room: Room {
                groups: vec![(0, false); rules.len()],
                ..Room::default()
            },
        }
    }

    /// Which rule takes a line: see [`super::decide`], which this never differs from. `newlines` tells
    /// whether the line holds some. Of the `spans`, the first, that of the whole match, may be missing.
    pub fn decide(
        &mut self,
        rules: &[Rule],
        host: &[u8],
        text: Text<'_>,
        newlines: bool,
        spans: &mut Spans,
        gave_up: &mut Vec<Pattern>,
    ) -> Option<RuleId> {
        let Text { message, .. } = text;
        let look = Look::at(&text);
        let place = self.place(rules, message, &look);
        let list = self.made.get(place)?;
        let Room {
            wanted,
            groups,
            stamp,
        } = &mut self.room;
        *stamp += 1;
        let mut line = Line {
            facts: &self.facts,
            rules,
            host,
            message,
            begin: look.begin,
            newlines,
            spans,
            gave_up,
            groups,
            stamp: *stamp,
        };
        let begins = look.rests.map(Begin::of);
        let scan = self.scan.get().and_then(Option::as_ref);
        let mut scan = scan.filter(|_| list.scans).map(Scanning::Not);
        for candidate in &list.rules {
            if !candidate.gate.lets(begins) {
                continue;
            }
            if candidate.literal {
                let there = match &mut scan {
                    None => line.holds(candidate.rule),
                    Some(scan) => scan.wants(candidate.rule, message, wanted),
                };
                if !there {
                    continue;
                }
            }
            if line.takes(candidate) {
                return id(candidate.rule);
            }
        }
        None
    }

    /// Where the list for such a line is.
    #[inline]
    fn place(&mut self, rules: &[Rule], message: &[u8], look: &Look<'_>) -> usize {
        let mark = self.memory.mark(look);
        if let Some(list) = mark.and_then(|mark| self.memory.list(&mark)) {
            return list;
        }
        let key = |text: &[u8]| {
            let key = text.first_chunk::<KEY>().map(number);
            let key = key.and_then(|key| self.keys.get(&key).copied());
            key.unwrap_or(0)
        };
        let kind = Kind {
            keys: look.rests.map(key),
            stamped: look.stamped,
            numbered: look.numbered,
            head: self
                .heads
                .number(&message[..look.head_length()], &self.facts),
        };
        let list = match self.lists.get(&kind.packed()) {
            Some(&list) => list,
            None => self.make(rules, kind, message, look),
        };
        if let Some(mark) = mark {
            self.memory.remember(mark, list);
        }
        list
    }

    /// Makes the list for a kind of line.
    #[cold]
    fn make(&mut self, rules: &[Rule], kind: Kind, message: &[u8], look: &Look<'_>) -> usize {
        if self.candidates >= MOST_CANDIDATES {
            self.candidates = 0;
            self.made.clear();
            self.lists.clear();
            self.memory.clear();
        }
        let mut candidates = Vec::new();
        // Lines whose heads are not told from each other are of one kind.
        let told = self.heads.tells(kind.head);
        for &Possible { rule, group } in self.heads.rules(kind.head) {
            let facts = self.facts.get(rule);
            let Some(facts) = facts.filter(|facts| facts.fits(kind.stamped, kind.keys)) else {
                continue;
            };
            let Some(Rule {
                pattern, action, ..
            }) = rules.get(rule)
            else {
                continue;
            };
            let spans = !matches!(action, Action::Trash);
            candidates.push(Candidate {
                rule,
                group,
                gate: facts.gate(kind.stamped),
                literal: !facts.inside.is_empty(),
                spans,
                entry: told.then(|| look.entry(message, pattern, spans)).flatten(),
                all: pattern.outline().everything && (!spans || pattern.groups() == 0),
                pattern: pattern.clone(),
            });
        }
        let literals = candidates.iter().filter(|c| c.literal).count();
        let scans = literals > FEW && self.scan.get_or_init(|| Scan::new(&self.facts)).is_some();
        self.candidates += 1 + candidates.len();
        candidates.shrink_to_fit();
        self.made.push(List {
            rules: candidates,
            scans,
        });
        self.lists.insert(kind.packed(), self.made.len() - 1);
        self.made.len() - 1
    }
}

#[cfg(test)]
mod tests;
