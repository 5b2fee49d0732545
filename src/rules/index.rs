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
use std::num::NonZeroU32;

use super::id;
use crate::config::{Action, Rule, RuleId};
use crate::fast::{Glance, OwnMap};
use crate::pattern::{Pattern, Spans};
use crate::record::{Shape, Text};
use candidate::{Candidate, FirstRules, Literals, Quick, first};
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
    keys: OwnMap<u32, u32>,
    /// The lists that were made, by the kind of line.
    kinds: OwnMap<u64, ListId>,
    lists: Vec<List>,
    /// The rules of all lists, one behind the other.
    candidates: Vec<Candidate>,
    memory: Memory,
    /// For lists with many literals; made when the first of them is.
    scan: OnceCell<Option<Scan>>,
    room: Room,
    generation: Generation,
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
    /// So many of the first can be tried before the turn of a line comes.
    ahead: u16,
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

/// Where the rules for a line are, until there are too many lists: see [`Index::bound`].
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Place {
    list: ListId,
    /// [`Look::begin`], which is behind a first word or the byte that ends it.
    begin: Option<NonZeroU32>,
    begins: [Begin; 2],
}

impl Place {
    #[inline(always)]
    fn new(list: ListId, look: &Look<'_>) -> Self {
        let begin = look.begin.and_then(|begin| u32::try_from(begin).ok());
        Self {
            list,
            begin: begin.and_then(NonZeroU32::new),
            begins: look.begins,
        }
    }

    #[inline(always)]
    fn begin(&self) -> Option<usize> {
        self.begin.map(|begin| begin.get() as usize)
    }

    /// The number of the list.
    #[inline(always)]
    pub(super) fn list(&self) -> usize {
        self.list.0 as usize
    }
}

/// Rules that are tried already.
#[derive(Clone, Copy, Debug)]
pub struct Tried {
    /// Where the rules are.
    pub(super) place: Place,
    /// So many of them do not take the line.
    pub(super) rules: usize,
    /// When that was found.
    pub(super) generation: Generation,
}

/// The lists of rules since the index has forgotten all lists the last time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Generation(u64);

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
    /// Patterns that were given up.
    pub gave_up: &'a mut Vec<Pattern>,
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
            kinds: OwnMap::default(),
            lists: Vec::new(),
            candidates: Vec::new(),
            scan: OnceCell::new(),
            room: Room {
                groups: vec![(0, false); rules.len()],
                ..Room::default()
            },
            generation: Generation::default(),
        }
    }

    /// Which rule takes a line: see [`super::decide`], which this never differs from, but that of two
    /// `trash` rules side by side either may take it (and patterns that would be given up may not be
    /// tried).
    pub fn decide(&mut self, rules: &[Rule], asked: Asked<'_, '_>) -> Option<RuleId> {
        self.bound();
        let text = &*asked.text;
        let place = self.place(rules, text.written(), text.shape(), Glance::default());
        let tried = Tried {
            place,
            rules: 0,
            generation: self.generation,
        };
        self.decide_from(rules, asked, tried)
    }

    /// The same, where some of its rules were tried already.
    #[inline]
    pub fn decide_from(
        &mut self,
        rules: &[Rule],
        asked: Asked<'_, '_>,
        tried: Tried,
    ) -> Option<RuleId> {
        if tried.generation != self.generation {
            return self.decide(rules, asked);
        }
        let Asked {
            host,
            text,
            newlines,
            spans,
            gave_up,
        } = asked;
        self.room.stamp += 1;
        let list = self.lists.get(tried.place.list())?.of(&self.candidates);
        let mut literals = Literals {
            facts: &self.facts,
            scan: &self.scan,
            wanted: &mut self.room.wanted,
            scanned: None,
        };
        let mut from = tried.rules;
        loop {
            let begun = (tried.place, from);
            let at = match first(list, begun, text, newlines, spans, &mut literals) {
                Ok(candidate) => return Some(candidate.rule),
                Err(at) => at,
            };
            let candidate = list.get(at)?;
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
            from = at + 1;
        }
    }

    /// Whether some rules of a list can be tried before the turn of its lines comes.
    #[inline(always)]
    pub(super) fn looks_ahead(&self, list: usize) -> bool {
        self.lists.get(list).is_some_and(|list| list.ahead > 0)
    }

    /// The rules of a list that can be tried before.
    pub(super) fn first_rules(&mut self, list: usize) -> Option<FirstRules<'_>> {
        let list = self.lists.get(list)?;
        let all = list.of(&self.candidates);
        Some(FirstRules {
            rules: all.get(..usize::from(list.ahead))?,
            facts: &self.facts,
            scan: &self.scan,
            wanted: &mut self.room.wanted,
        })
    }

    /// Where the rules for such a line are.
    #[inline(always)]
    pub(super) fn place(
        &mut self,
        rules: &[Rule],
        written: &[u8],
        shape: Shape,
        glance: Glance,
    ) -> Place {
        let look = Look::at(written, shape, glance);
        let mark = self.memory.mark(&look);
        let list = match mark.and_then(|mark| self.memory.list(&mark)) {
            Some(list) => list,
            None => self.learn(rules, written, shape),
        };
        Place::new(list, &look)
    }

    #[cold]
    #[inline(never)]
    fn learn(&mut self, rules: &[Rule], written: &[u8], shape: Shape) -> ListId {
        let look = Look::at(written, shape, Glance::default());
        let list = self.list(rules, &look);
        if let Some(mark) = self.memory.mark(&look) {
            self.memory.remember(mark, list);
        }
        list
    }

    /// Forgets all lists, if there are too many.
    pub(super) fn bound(&mut self) {
        if self.is_full() {
            self.candidates.clear();
            self.kinds.clear();
            self.lists.clear();
            self.memory.clear();
            self.generation.0 += 1;
        }
    }

    /// Which lists there are.
    pub(super) fn generation(&self) -> Generation {
        self.generation
    }

    /// Whether there is no room for more lists.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.candidates.len() + self.lists.len() >= MOST_CANDIDATES
    }

    /// The same for lines that did not come of late.
    fn list(&mut self, rules: &[Rule], look: &Look<'_>) -> ListId {
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
        let ahead = candidates.iter().take_while(|one| {
            let rule = rules.get(one.rule.index());
            rule.is_some_and(|rule| one.can_be_ahead(rule))
        });
        let list = List {
            start: number(self.candidates.len()),
            length: number(candidates.len()),
            ahead: u16::try_from(ahead.count()).unwrap_or(u16::MAX),
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
