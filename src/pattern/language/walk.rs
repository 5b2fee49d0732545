//! The walk through the product of automata, which finds a shortest line that some languages have and others
//! have not.

use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;
use rustc_hash::FxHashSet;

use super::Language;

/// States of a product that are looked at, at most.
const MOST_STATES: usize = 200_000;

/// What a comparison of languages found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Inclusion {
    /// There is no such line.
    Proven,
    /// A shortest line that there is.
    Witness(Vec<u8>),
    /// The automata are too large together.
    Undecided,
}

/// The bytes in the order in which a line is made of them, so that it can be read.
fn readable() -> impl Iterator<Item = u8> {
    let first = (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z');
    let printable = (b' '..=b'~').filter(|byte| !byte.is_ascii_alphanumeric());
    let others = (0..=u8::MAX).filter(|byte| !(b' '..=b'~').contains(byte) && *byte != b'\n');
    first.chain(printable).chain(others)
}

/// The state of a language on the way of a line: matched for good, or a state of its automaton.
const MATCHED: u32 = u32::MAX;

/// A product state that was reached, the one before it, and the byte between them.
struct Step {
    states: Box<[u32]>,
    before: usize,
    byte: u8,
}

struct Walk<'a> {
    languages: Vec<&'a Language>,
    /// Number of the languages that the line has to be in; it must not be in all of the others.
    within: usize,
    /// Whether there are others.
    outside: bool,
    steps: Vec<Step>,
    known: FxHashSet<Box<[u32]>>,
}

/// A shortest line that is in all languages of `within`, and not in all languages of `outside`, if any are given.
pub(super) fn search(within: &[&Language], outside: Option<&[&Language]>) -> Inclusion {
    let languages: Vec<&Language> = within
        .iter()
        .chain(outside.unwrap_or_default())
        .copied()
        .collect();
    let mut walk = Walk {
        within: within.len(),
        outside: outside.is_some(),
        steps: Vec::new(),
        known: FxHashSet::default(),
        languages,
    };
    walk.run()
}

impl Walk<'_> {
    fn run(&mut self) -> Inclusion {
        let alphabet = self.alphabet();
        let start = self.languages.iter().map(|one| one.start.as_u32());
        self.add(start.collect(), 0, 0);
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            let states = step.states.clone();
            if self.accepts(&states) {
                return Inclusion::Witness(self.line(at));
            }
            if self.steps.len() > MOST_STATES {
                return Inclusion::Undecided;
            }
            for &byte in &alphabet {
                if let Some(next) = self.next(&states, byte) {
                    self.add(next, at, byte);
                }
            }
            at += 1;
        }
        Inclusion::Proven
    }

    /// One byte for each set of bytes that no automaton tells apart.
    fn alphabet(&self) -> Vec<u8> {
        let mut known: FxHashSet<Vec<u8>> = FxHashSet::default();
        let new = |byte: &u8| {
            let classes = self.languages.iter();
            let key = classes.map(|one| one.dfa.byte_classes().get(*byte));
            known.insert(key.collect())
        };
        readable().filter(new).collect()
    }

    fn add(&mut self, states: Box<[u32]>, before: usize, byte: u8) {
        if self.known.insert(states.clone()) {
            self.steps.push(Step {
                states,
                before,
                byte,
            });
        }
    }

    /// The states after a byte; nothing if no line that goes on so can be looked for.
    fn next(&self, states: &[u32], byte: u8) -> Option<Box<[u32]>> {
        let mut next: Box<[u32]> = states.into();
        for ((at, state), language) in next.iter_mut().enumerate().zip(&self.languages) {
            if *state == MATCHED {
                continue;
            }
            let dfa = &language.dfa;
            let id = dfa.next_state(id(*state), byte);
            *state = match dfa.is_match_state(id) {
                true => MATCHED,
                false => id.as_u32(),
            };
            if at < self.within && dfa.is_dead_state(id) {
                return None;
            }
        }
        let others = next.get(self.within..).unwrap_or_default();
        let taken = self.outside && others.iter().all(|&state| state == MATCHED);
        (!taken).then_some(next)
    }

    /// Whether a line that ends here is one that is looked for.
    fn accepts(&self, states: &[u32]) -> bool {
        let mut matched = states.iter().zip(&self.languages).map(|(&state, one)| {
            state == MATCHED || one.dfa.is_match_state(one.dfa.next_eoi_state(id(state)))
        });
        let within = matched.by_ref().take(self.within).all(|matched| matched);
        within && (!self.outside || matched.any(|matched| !matched))
    }

    /// The line that leads to a step.
    fn line(&self, mut at: usize) -> Vec<u8> {
        let mut line = Vec::new();
        while at > 0
            && let Some(step) = self.steps.get(at)
        {
            line.push(step.byte);
            at = step.before;
        }
        line.reverse();
        line
    }
}

fn id(state: u32) -> StateID {
    StateID::new(state as usize).unwrap_or(StateID::ZERO)
}
