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
use crate::pattern::{Entry, Pattern, Spans};
use crate::record::Text;
use facts::{Begin, Facts, Gate, facts};
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
    keys: OwnMap<u32, u32>,
    /// The lists that were made, by the kind of line.
    lists: OwnMap<u64, List>,
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
    /// No rule.
    const NONE: Self = Self {
        start: 0,
        length: 0,
    };

    /// Its rules, of those of all lists.
    #[inline(always)]
    fn of(self, all: &[Candidate]) -> impl Iterator<Item = &Candidate> {
        let all = all.get(self.start as usize..).unwrap_or_default();
        all.iter().take(self.length as usize)
    }
}

#[derive(Clone, Debug)]
struct Candidate {
    quick: Quick,
    gate: Gate,
    pattern: Pattern,
    rule: RuleId,
    /// The group that must be entered, where the kind of line does not tell that it is.
    group: Option<u32>,
    /// Whether the spans of its groups are wanted; of a line that is thrown away they are not.
    spans: bool,
}

/// How a candidate is tried.
#[derive(Clone, Debug)]
enum Quick {
    /// It takes every such line without newlines, and has no groups that are wanted.
    All,
    /// On lines without newlines its pattern goes on behind the first blank.
    Entry(Entry),
    Whole,
    /// Its literal is looked for first.
    Literal,
    /// The same, along with all others.
    Scan,
}

impl Quick {
    /// The quickest first.
    fn order(&self) -> u8 {
        match self {
            Self::All => 0,
            Self::Entry(_) => 1,
            Self::Whole => 2,
            Self::Literal | Self::Scan => 3,
        }
    }
}

/// What is asked of the literals of a line.
struct Literals<'a> {
    facts: &'a [Facts],
    scan: &'a OnceCell<Option<Scan>>,
    /// The rules whose literals are there, once that was looked for.
    wanted: &'a mut Vec<u64>,
    /// Whether there are any.
    scanned: Option<bool>,
}

impl Literals<'_> {
    /// Whether one of the rule's literals is in the message.
    fn may_be(&mut self, candidate: &Candidate, text: &mut Text<'_>) -> bool {
        let rule = candidate.rule.index();
        let scan = self.scan.get().and_then(Option::as_ref);
        let Some(scan) = scan.filter(|_| matches!(candidate.quick, Quick::Scan)) else {
            let mut literals = self.facts.get(rule).into_iter().flat_map(|f| &f.inside);
            return literals.any(|literal| literal.find(text.message()).is_some());
        };
        let wanted = &mut *self.wanted;
        let some = self
            .scanned
            .get_or_insert_with(|| scan.want(text.message(), wanted));
        let bits = || self.wanted.get(rule / 64);
        *some && bits().is_some_and(|bits| bits >> (rule % 64) & 1 == 1)
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
            candidates: Vec::new(),
            scan: OnceCell::new(),
            room: Room {
                groups: vec![(0, false); rules.len()],
                ..Room::default()
            },
        }
    }

    /// Which rule takes a line: see [`super::decide`], which this never differs from, but that of two
    /// `trash` rules side by side either may take it (and patterns that would be given up may not be
    /// tried). `newlines` tells whether the line holds some. Of the `spans`, the first, that of the
    /// whole match, may be missing.
    pub fn decide(
        &mut self,
        rules: &[Rule],
        host: &[u8],
        text: &mut Text<'_>,
        newlines: bool,
        spans: &mut Spans,
        gave_up: &mut Vec<Pattern>,
    ) -> Option<RuleId> {
        self.room.stamp += 1;
        let look = Look::at(text);
        let list = self.place(rules, text, &look);
        // What is known of patterns holds for lines without newlines.
        let (tail, begin) = (text.tail(), look.begin.filter(|_| !newlines));
        let mut literals = Literals {
            facts: &self.facts,
            scan: &self.scan,
            wanted: &mut self.room.wanted,
            scanned: None,
        };
        for candidate in list.of(&self.candidates) {
            if !candidate.gate.lets(look.begins) {
                continue;
            }
            match (&candidate.quick, begin) {
                (Quick::All, _) if !newlines => {
                    spans.0.clear();
                    return Some(candidate.rule);
                }
                (Quick::Entry(entry), Some(place)) => {
                    let found = match candidate.spans {
                        true => entry.captures(tail, place, spans),
                        false => entry.is_match(tail, place),
                    };
                    match found {
                        Some(true) => return Some(candidate.rule),
                        Some(false) => continue,
                        None => {}
                    }
                }
                (Quick::Literal | Quick::Scan, _) if !literals.may_be(candidate, text) => continue,
                _ => {}
            }
            let mut line = Line {
                facts: &self.facts,
                rules,
                host,
                message: text.message(),
                newlines,
                spans,
                gave_up,
                groups: &mut self.room.groups,
                stamp: self.room.stamp,
            };
            if line.takes(candidate) {
                return Some(candidate.rule);
            }
        }
        None
    }

    /// Where the list for such a line is.
    #[inline]
    fn place(&mut self, rules: &[Rule], text: &Text<'_>, look: &Look<'_>) -> List {
        let mark = self.memory.mark(look);
        if let Some(list) = mark.and_then(|mark| self.memory.list(&mark)) {
            return list;
        }
        let list = self.list(rules, text);
        if let Some(mark) = mark {
            self.memory.remember(mark, list);
        }
        list
    }

    /// The same for lines that did not come of late.
    #[cold]
    #[inline(never)]
    fn list(&mut self, rules: &[Rule], text: &Text<'_>) -> List {
        let look = Look::at(text);
        let key = |begin: Begin| self.keys.get(&begin.key()).copied().unwrap_or(0);
        let head = look.head();
        let kind = Kind {
            keys: look.begins.map(key),
            stamped: look.stamped,
            numbered: look.numbered,
            head: self.heads.number(&head, &self.facts),
        };
        match self.lists.get(&kind.packed()) {
            Some(&list) => list,
            None => self.make(rules, kind, &head, &look),
        }
    }

    /// Makes the list for a kind of line.
    fn make(&mut self, rules: &[Rule], kind: Kind, head: &[u8], look: &Look<'_>) -> List {
        if self.candidates.len() + self.lists.len() >= MOST_CANDIDATES {
            self.candidates.clear();
            self.lists.clear();
            self.memory.clear();
        }
        let possible = self.heads.rules(kind.head).iter();
        let candidates = possible.filter_map(|one| self.candidate(rules, kind, head, look, *one));
        let mut candidates: Vec<Candidate> = candidates.collect();
        // Of rules that throw away it does not matter which one does.
        for equal in candidates.chunk_by_mut(|one, next| !one.spans && !next.spans) {
            equal.sort_by_key(|candidate| candidate.quick.order());
        }
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
        self.candidates.append(&mut candidates);
        self.lists.insert(kind.packed(), list);
        list
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
        let all = possible.surely || pattern.outline().everything;
        let all = all && (!spans || pattern.groups() == 0);
        // Lines whose heads are not told from each other are of one kind.
        let told = self.heads.tells(kind.head);
        let entry = || told.then(|| look.entry(head, pattern, spans)).flatten();
        let quick = match group {
            _ if !facts.inside.is_empty() => Quick::Literal,
            None if all => Quick::All,
            None => entry().map_or(Quick::Whole, Quick::Entry),
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
