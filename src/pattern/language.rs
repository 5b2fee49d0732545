//! The language of a pattern: the lines without a newline in which it is found. As automata, two languages can
//! be compared: whether all lines of one are in the other, and if not, with a line that is not.

mod shape;
mod walk;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::authority::Authority;
use super::compiled::{Engine, Pattern};
use super::emit::{Purpose, emit};

pub use walk::Inclusion;

/// Bytes that an automaton may take.
const DFA_LIMIT: usize = 4 << 20;
/// Bytes that making it may take.
const MAKING_LIMIT: usize = 16 << 20;
/// Bytes that the pattern of an automaton may take.
const NFA_LIMIT: usize = 2 << 20;

/// The language of a pattern, as an automaton.
#[derive(Debug)]
pub struct Language {
    dfa: dense::DFA<Vec<u32>>,
    start: StateID,
    exact: bool,
}

impl Language {
    /// The language of a pattern; nothing if its automaton would be too large. Of a pattern with look-around,
    /// references and the like it is a superset ([`Language::is_exact`]).
    pub fn new(pattern: &Pattern) -> Option<Self> {
        let tree = pattern.tree();
        let regular = pattern.engine() == Engine::Regular;
        let exact = regular && Authority::of(&tree, false, false) == Authority::Engine;
        let purpose = match regular {
            true => Purpose::Line,
            false => Purpose::Superset,
        };
        let emitted = emit(&tree, pattern.groups(), purpose).ok()?;
        let dfa = build(&emitted.text)?;
        let start = dfa.start_state_forward(&Input::new("")).ok()?;
        Some(Self { dfa, start, exact })
    }

    /// Whether this is the very language of the pattern, and no superset.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// Bytes that the automaton takes.
    pub fn memory(&self) -> usize {
        self.dfa.memory_usage()
    }

    /// Whether a line is in the language.
    pub fn contains(&self, line: &[u8]) -> bool {
        let mut state = self.start;
        for &byte in line {
            state = self.dfa.next_state(state, byte);
            if self.dfa.is_match_state(state) {
                return true;
            }
            if self.dfa.is_dead_state(state) {
                return false;
            }
        }
        self.dfa.is_match_state(self.dfa.next_eoi_state(state))
    }

    /// A shortest line that is in all of these languages; see [`Inclusion`].
    pub fn common(all: &[&Self]) -> Inclusion {
        walk::search(all, None)
    }

    /// Whether each line that is in all of the languages `all` is in all of the languages `of` as well.
    pub fn included(all: &[&Self], of: &[&Self]) -> Inclusion {
        walk::search(all, Some(of))
    }
}

fn build(text: &str) -> Option<dense::DFA<Vec<u32>>> {
    let config = dense::Config::new()
        .match_kind(MatchKind::LeftmostFirst)
        .start_kind(StartKind::Unanchored)
        .accelerate(false)
        .dfa_size_limit(Some(DFA_LIMIT))
        .determinize_size_limit(Some(MAKING_LIMIT));
    let nfa = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(NFA_LIMIT));
    let dialect = syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(2000);
    dense::Builder::new()
        .configure(config)
        .thompson(nfa)
        .syntax(dialect)
        .build(text)
        .ok()
}

impl Pattern {
    /// The shape of the pattern: its fixed text, with one mark for each stretch that may vary. Two patterns of the same
    /// shape match nearly the same lines.
    pub fn shape(&self) -> String {
        shape::of(&self.tree())
    }
}

#[cfg(test)]
mod tests;
