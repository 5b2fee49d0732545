//! The index of the rules: the few candidates that can match a line at all.
//!
//! Most rules name the program and the words behind it: `^sshd\[\d+\]: Failed password`. So the tag of a
//! message and the words behind its first two blanks, its class, leave few candidate rules. Their list is
//! made when the first message of a class comes. Where the list is long, or a rule takes long to be tried, it
//! is first looked up whether the line has the grams of the rule's literals. The index may only leave out rules that cannot match: it decides what a loop over all rules decides.

mod candidate;
mod class_cache;
mod grams;
mod line_class;
mod line_match;
mod rule_info;
mod tags;

use super::in_order::id;
use crate::config::{Action, Rule, RuleId};
use crate::hash::FxHashMap;
use crate::pattern::{Budget, Spans};
use crate::record::{MessageShape, MessageText};
use candidate::{Candidate, Strategy};
use class_cache::{ClassCache, ListId};
use grams::LineGrams;
use line_class::{LineClass, LineStart};
use line_match::LineMatch;
use rule_info::{RuleInfo, WordStart, rule_infos};
use tags::{PossibleRule, Tags};

/// Rules in all lists together, at most, before all lists are made anew: whoever sends lines can invent
/// classes.
const MOST_CANDIDATES: usize = 100_000;

/// The index of a list of rules. It learns from the lines that come.
#[derive(Debug)]
pub struct Index {
    infos: Vec<RuleInfo>,
    tags: Tags,
    /// The numbers of the keys that rules name, from 1.
    keys: FxHashMap<u32, u32>,
    /// The list of each class that came, by [`LineClass::packed`].
    classes: FxHashMap<u64, ListId>,
    lists: Vec<List>,
    /// The candidates of all lists, one list behind the other.
    candidates: Vec<Candidate>,
    cache: ClassCache,
    scratch: Scratch,
}

/// The candidates of a class, in the order of the rules: a range of the candidates of all lists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct List {
    start: u32,
    length: u32,
}

impl List {
    /// The candidates of this list.
    #[inline(always)]
    fn of(self, all: &[Candidate]) -> &[Candidate] {
        let all = all.get(self.start as usize..).unwrap_or_default();
        all.get(..self.length as usize).unwrap_or_default()
    }
}

/// A line whose rule is asked for, and what its matching writes to.
#[derive(Debug)]
pub struct Query<'a, 't> {
    /// The host.
    pub host: &'a [u8],
    /// The message.
    pub text: &'a mut MessageText<'t>,
    /// Whether the message holds newlines, as an element of a Redis list may.
    pub newlines: bool,
    /// Receives the groups of the match; group 0, the whole match, may be missing.
    pub spans: &'a mut Spans,
    /// The steps that matching the line may still take.
    pub budget: &'a mut Budget,
}

/// Buffers that are used again for each line.
#[derive(Debug, Default)]
struct Scratch {
    grams: LineGrams,
    /// Whether a line entered each group, and the number of that line.
    groups: Vec<(u64, bool)>,
    /// The number of the line.
    line: u64,
}

impl Index {
    /// Makes the index of these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let mut keys = FxHashMap::default();
        let infos = rule_infos(rules, &mut keys);
        Self {
            tags: Tags::new(&infos),
            infos,
            cache: ClassCache::new(&keys),
            keys,
            classes: FxHashMap::default(),
            lists: Vec::new(),
            candidates: Vec::new(),
            scratch: Scratch {
                groups: vec![(0, false); rules.len()],
                ..Scratch::default()
            },
        }
    }

    /// The rule that takes a line: the one that a loop over all rules finds ([`super::decide`]), except that
    /// a pattern which would be given up may not be tried at all.
    #[inline]
    pub fn decide(&mut self, rules: &[Rule], query: Query<'_, '_>) -> Option<RuleId> {
        self.bound();
        let (written, shape) = (query.text.written(), query.text.shape());
        let start = LineStart::at(written, shape);
        let list = self.list(rules, written, shape, &start);
        self.scratch.line += 1;
        let candidates = self.lists.get(list.0 as usize)?.of(&self.candidates);
        let mut line = LineMatch {
            infos: &self.infos,
            rules,
            host: query.host,
            text: query.text,
            newlines: query.newlines,
            after_tag: start.after_tag.filter(|_| !query.newlines),
            words: start.words,
            spans: query.spans,
            budget: query.budget,
            grams: &mut self.scratch.grams,
            noted: false,
            tried: 0,
            groups: &mut self.scratch.groups,
            line: self.scratch.line,
        };
        let taker = candidates
            .iter()
            .find(|candidate| line.is_taken_by(candidate));
        taker.map(|candidate| candidate.rule)
    }

    /// The list of candidates of a message.
    #[inline(always)]
    fn list(
        &mut self,
        rules: &[Rule],
        written: &[u8],
        shape: MessageShape,
        start: &LineStart<'_>,
    ) -> ListId {
        let key = self.cache.key(start);
        match key.and_then(|key| self.cache.list(&key)) {
            Some(list) => list,
            None => self.learn(rules, written, shape),
        }
    }

    /// The list of candidates of a message that the cache does not hold; it is added to the cache.
    #[cold]
    #[inline(never)]
    fn learn(&mut self, rules: &[Rule], written: &[u8], shape: MessageShape) -> ListId {
        let start = LineStart::at(written, shape);
        let list = self.list_of_class(rules, &start);
        if let Some(key) = self.cache.key(&start) {
            self.cache.insert(key, list);
        }
        list
    }

    /// Forgets all lists if they hold too many candidates.
    fn bound(&mut self) {
        if self.candidates.len() + self.lists.len() >= MOST_CANDIDATES {
            self.candidates.clear();
            self.classes.clear();
            self.lists.clear();
            self.cache.clear();
        }
    }

    /// The list of candidates of a message's class; a new class gets one.
    fn list_of_class(&mut self, rules: &[Rule], start: &LineStart<'_>) -> ListId {
        let key = |word: WordStart| self.keys.get(&word.key()).copied().unwrap_or(0);
        let tag = start.tag();
        let class = LineClass {
            keys: start.words.map(key),
            stamped: start.stamped,
            numbered: start.numbered,
            tag: self.tags.number(&tag, &self.infos),
        };
        match self.classes.get(&class.packed()) {
            Some(&list) => list,
            None => self.make(rules, class, &tag, start),
        }
    }

    /// Makes the list of candidates of a class; `start` is the beginning of a message of the class.
    fn make(
        &mut self,
        rules: &[Rule],
        class: LineClass,
        tag: &[u8],
        start: &LineStart<'_>,
    ) -> ListId {
        let possible = self.tags.rules(class.tag).iter();
        let candidates = possible.filter_map(|one| self.candidate(rules, class, tag, start, *one));
        let mut candidates: Vec<Candidate> = candidates.collect();
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let list = List {
            start: number(self.candidates.len()),
            length: number(candidates.len()),
        };
        let id = ListId(number(self.lists.len()));
        self.candidates.append(&mut candidates);
        self.lists.push(list);
        self.classes.insert(class.packed(), id);
        id
    }

    /// The candidate that a rule is for messages of a class; nothing if the rule cannot match them.
    fn candidate(
        &self,
        rules: &[Rule],
        class: LineClass,
        tag: &[u8],
        start: &LineStart<'_>,
        possible: PossibleRule,
    ) -> Option<Candidate> {
        let PossibleRule { rule, group, .. } = possible;
        let info = self.infos.get(rule)?;
        let Rule {
            pattern, action, ..
        } = rules.get(rule)?;
        if !info.may_match(class.stamped, class.keys) {
            return None;
        }
        let spans = !matches!(action, Action::Trash | Action::Expect(_));
        let all = possible.surely || pattern.properties().matches_everything;
        let all = all && (!spans || pattern.groups() == 0);
        // Several tags may have one number, and so their messages one class.
        let single = self.tags.is_single(class.tag);
        let entry = || single.then(|| start.entry(tag, pattern, spans)).flatten();
        let strategy = match group {
            None if all => Strategy::All,
            None => entry().map_or(Strategy::Whole, Strategy::Continuation),
            Some(_) => Strategy::Whole,
        };
        let grams = info.grams();
        Some(Candidate {
            strategy,
            prefilter: info.prefilter(class.stamped),
            slow: info.slow && !grams.is_empty(),
            grams: grams.clone(),
            pattern: pattern.clone(),
            rule: id(rule)?,
            group: group.and_then(|group| u32::try_from(group).ok()),
            spans,
        })
    }
}

#[cfg(test)]
mod tests;
