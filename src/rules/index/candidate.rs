//! The rules of a list, and how they are tried without an engine.

use std::cell::OnceCell;

use super::Place;
use super::facts::{Facts, Gate};
use super::scan::Scan;
use crate::config::{Action, Rule, RuleId};
use crate::pattern::{Entry, Pattern, Spans};
use crate::record::Text;

/// A rule of a list.
#[derive(Clone, Debug)]
pub(in crate::rules) struct Candidate {
    pub(super) quick: Quick,
    pub(super) gate: Gate,
    pub pattern: Pattern,
    pub rule: RuleId,
    /// The group that must be entered, where the kind of line does not tell that it is.
    pub(super) group: Option<u32>,
    /// Whether the spans of its groups are wanted; of a line that is thrown away they are not.
    pub(super) spans: bool,
}

impl Candidate {
    /// Whether it throws lines away.
    #[inline(always)]
    pub fn is_trash(&self) -> bool {
        !self.spans
    }

    /// Whether it can be tried before the turn of a line has come: with no more than its pattern. One
    /// whose literal is looked for first can be passed over, where that is missing.
    pub fn can_be_ahead(&self, rule: &Rule) -> bool {
        let action = matches!(rule.action, Action::Trash | Action::Queues(_));
        match self.quick {
            Quick::Literal | Quick::Scan => true,
            Quick::All | Quick::Entry(_) => action && self.group.is_none(),
            Quick::Whole => false,
        }
    }
}

/// How a candidate is tried.
#[derive(Clone, Debug)]
pub(super) enum Quick {
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
    pub fn order(&self) -> u8 {
        match self {
            Self::All => 0,
            Self::Entry(_) => 1,
            Self::Whole => 2,
            Self::Literal | Self::Scan => 3,
        }
    }
}

/// What is asked of the literals of a line.
pub(super) struct Literals<'a> {
    pub facts: &'a [Facts],
    pub scan: &'a OnceCell<Option<Scan>>,
    /// The rules whose literals are there, once that was looked for.
    pub wanted: &'a mut Vec<u64>,
    /// Whether there are any.
    pub scanned: Option<bool>,
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

/// The first rules of a list.
#[derive(Debug)]
pub(in crate::rules) struct FirstRules<'a> {
    pub(super) rules: &'a [Candidate],
    pub(super) facts: &'a [Facts],
    pub(super) scan: &'a OnceCell<Option<Scan>>,
    pub(super) wanted: &'a mut Vec<u64>,
}

impl<'a> FirstRules<'a> {
    /// Which of them takes a line without newlines. If that cannot be told, how many do not.
    #[inline(always)]
    pub fn taker(
        &mut self,
        place: Place,
        text: &mut Text<'_>,
        spans: &mut Spans,
    ) -> Result<&'a Candidate, u16> {
        let mut literals = Literals {
            facts: self.facts,
            scan: self.scan,
            wanted: self.wanted,
            scanned: None,
        };
        let found = first(self.rules, (place, 0), text, false, spans, &mut literals);
        found.map_err(|at| u16::try_from(at).unwrap_or(0))
    }
}

/// The first of these rules from a place on that takes a line; if none does, or an engine has to tell, the
/// place of that rule or the end.
#[inline(always)]
pub(super) fn first<'r>(
    all: &'r [Candidate],
    (place, from): (Place, usize),
    text: &mut Text<'_>,
    newlines: bool,
    spans: &mut Spans,
    literals: &mut Literals<'_>,
) -> Result<&'r Candidate, usize> {
    // What is known of patterns holds for lines without newlines.
    let (tail, begin) = (text.tail(), place.begin().filter(|_| !newlines));
    for (at, candidate) in all.iter().enumerate().skip(from) {
        if !candidate.gate.lets(place.begins) {
            continue;
        }
        let found = match (&candidate.quick, begin) {
            (Quick::All, _) if !newlines => {
                spans.0.clear();
                Some(true)
            }
            (Quick::Entry(entry), Some(place)) => {
                entry.matches(tail, place, candidate.spans.then_some(&mut *spans))
            }
            (Quick::Literal | Quick::Scan, _) if !literals.may_be(candidate, text) => Some(false),
            _ => None,
        };
        match found {
            Some(true) => return Ok(candidate),
            Some(false) => {}
            None => return Err(at),
        }
    }
    Err(all.len())
}
