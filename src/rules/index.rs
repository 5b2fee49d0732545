//! The index in front of the rules: which of them can match a line at all.
//!
//! Most rules name the program and the words behind it: `^sshd\[\d+\]: Failed password`. So the name
//! at a line's head and what stands behind its first two blanks give the few rules that are left.
//! The list for such a kind of line is made when the first of its kind comes. Of the rules that
//! stand in it whatever the words are, most hold some literal that every match must contain: it is
//! looked for first. The index may only leave out what cannot match: what it decides is what a loop
//! over all rules would decide.

mod candidate;
mod facts;
mod heads;
mod kind;
mod line;
mod scan;

use std::cell::OnceCell;

use super::id;
use crate::config::{Action, Rule, RuleId};
use crate::hash::FxHashMap;
use crate::pattern::{Budget, Spans};
use crate::record::{Shape, Text};
use candidate::{Candidate, Literals, Quick};
use facts::{Begin, Facts, facts};
use heads::{Heads, Possible};
use kind::{Look, Memory};
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
    keys: FxHashMap<u32, u32>,
    /// The lists that were made, by the kind of line.
    kinds: FxHashMap<u64, ListId>,
    lists: Vec<List>,
    /// The rules of all lists, one behind the other.
    candidates: Vec<Candidate>,
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

/// The rules that a kind of line may match, in their order: so many from there on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct List {
    start: u32,
    length: u32,
}

impl List {
    /// Its rules, of those of all lists.
    #[inline(always)]
    fn of(self, all: &[Candidate]) -> &[Candidate] {
        let all = all.get(self.start as usize..).unwrap_or_default();
        all.get(..self.length as usize).unwrap_or_default()
    }
}

/// The number of a list.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct ListId(u32);

/// A line to be decided, and where to put what is found on the way.
#[derive(Debug)]
pub struct Asked<'a, 't> {
    /// The host.
    pub host: &'a [u8],
    /// The message.
    pub text: &'a mut Text<'t>,
    /// Whether it holds newlines, as an element of a Redis list may.
    pub newlines: bool,
    /// The groups of the match; the first, that of the whole, may be missing.
    pub spans: &'a mut Spans,
    /// What the line may still cost.
    pub budget: &'a mut Budget,
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
        let mut keys = FxHashMap::default();
        let facts = facts(rules, &mut keys);
        Self {
            heads: Heads::new(&facts),
            facts,
            memory: Memory::new(&keys),
            keys,
            kinds: FxHashMap::default(),
            lists: Vec::new(),
            candidates: Vec::new(),
            scan: OnceCell::new(),
            room: Room {
                groups: vec![(0, false); rules.len()],
                ..Room::default()
            },
        }
    }

    /// Which rule takes a line: the rule that a loop over all rules finds ([`super::decide`]), but that
    /// patterns which would be given up may not be tried.
    #[inline]
    pub fn decide(&mut self, rules: &[Rule], asked: Asked<'_, '_>) -> Option<RuleId> {
        self.bound();
        let (written, shape) = (asked.text.written(), asked.text.shape());
        let look = Look::at(written, shape);
        let list = self.list(rules, written, shape, &look);
        self.room.stamp += 1;
        let candidates = self.lists.get(list.0 as usize)?.of(&self.candidates);
        let mut line = Line {
            facts: &self.facts,
            rules,
            host: asked.host,
            text: asked.text,
            newlines: asked.newlines,
            begin: look.begin.filter(|_| !asked.newlines),
            begins: look.begins,
            spans: asked.spans,
            budget: asked.budget,
            literals: Literals {
                facts: &self.facts,
                scan: &self.scan,
                wanted: &mut self.room.wanted,
                scanned: None,
            },
            groups: &mut self.room.groups,
            stamp: self.room.stamp,
        };
        let taker = candidates.iter().find(|candidate| line.takes(candidate));
        taker.map(|candidate| candidate.rule)
    }

    /// The list of rules for such a line.
    #[inline(always)]
    fn list(&mut self, rules: &[Rule], written: &[u8], shape: Shape, look: &Look<'_>) -> ListId {
        let mark = self.memory.mark(look);
        match mark.and_then(|mark| self.memory.list(&mark)) {
            Some(list) => list,
            None => self.learn(rules, written, shape),
        }
    }

    #[cold]
    #[inline(never)]
    fn learn(&mut self, rules: &[Rule], written: &[u8], shape: Shape) -> ListId {
        let look = Look::at(written, shape);
        let list = self.list_of_kind(rules, &look);
        if let Some(mark) = self.memory.mark(&look) {
            self.memory.remember(mark, list);
        }
        list
    }

    /// Forgets all lists, if there are too many.
    fn bound(&mut self) {
        if self.candidates.len() + self.lists.len() >= MOST_CANDIDATES {
            self.candidates.clear();
            self.kinds.clear();
            self.lists.clear();
            self.memory.clear();
        }
    }

    /// The list of rules for a line whose kind did not come of late.
    fn list_of_kind(&mut self, rules: &[Rule], look: &Look<'_>) -> ListId {
        let key = |begin: Begin| self.keys.get(&begin.key()).copied().unwrap_or(0);
        let head = look.head();
        let kind = Kind {
            keys: look.begins.map(key),
            stamped: look.stamped,
            numbered: look.numbered,
            head: self.heads.number(&head, &self.facts),
        };
        match self.kinds.get(&kind.packed()) {
            Some(&list) => list,
            None => self.make(rules, kind, &head, look),
        }
    }

    /// Makes the list for a kind of line.
    fn make(&mut self, rules: &[Rule], kind: Kind, head: &[u8], look: &Look<'_>) -> ListId {
        let possible = self.heads.rules(kind.head).iter();
        let candidates = possible.filter_map(|one| self.candidate(rules, kind, head, look, *one));
        let mut candidates: Vec<Candidate> = candidates.collect();
        let literals = candidates
            .iter_mut()
            .filter(|candidate| matches!(candidate.quick, Quick::Literal));
        let literals: Vec<_> = literals.collect();
        if literals.len() > FEW && self.scan.get_or_init(|| Scan::new(&self.facts)).is_some() {
            for candidate in literals {
                candidate.quick = Quick::Scan;
            }
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let list = List {
            start: number(self.candidates.len()),
            length: number(candidates.len()),
        };
        let id = ListId(number(self.lists.len()));
        self.candidates.append(&mut candidates);
        self.lists.push(list);
        self.kinds.insert(kind.packed(), id);
        id
    }

    /// A rule that may match lines of this kind, as a line of the kind tells.
    fn candidate(
        &self,
        rules: &[Rule],
        kind: Kind,
        head: &[u8],
        look: &Look<'_>,
        possible: Possible,
    ) -> Option<Candidate> {
        let Possible { rule, group, .. } = possible;
        let facts = self.facts.get(rule)?;
        let Rule {
            pattern, action, ..
        } = rules.get(rule)?;
        if !facts.fits(kind.stamped, kind.keys) {
            return None;
        }
        let spans = !matches!(action, Action::Trash);
        let all = possible.surely || pattern.properties().matches_everything;
        let all = all && (!spans || pattern.groups() == 0);
        // Lines whose heads are not told from each other are of one kind.
        let told = self.heads.tells(kind.head);
        let entry = || told.then(|| look.entry(head, pattern, spans)).flatten();
        let quick = match group {
            _ if !facts.inside.is_empty() => Quick::Literal,
            None if all => Quick::All,
            None => entry().map_or(Quick::Whole, Quick::Continuation),
            Some(_) => Quick::Whole,
        };
        Some(Candidate {
            quick,
            gate: facts.gate(kind.stamped),
            pattern: pattern.clone(),
            rule: id(rule)?,
            group: group.and_then(|group| u32::try_from(group).ok()),
            spans,
        })
    }
}

#[cfg(test)]
mod tests;
