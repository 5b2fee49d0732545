//! Lazy DFAs for long subjects: they read each byte once, and say so when they grow too large.
//!
//! `regex` takes to a slower engine where its automaton grows too large, in time that is the product
//! of the lengths of pattern and line. On a long line that may be minutes, so there the automaton is
//! asked alone; where it gives up, a matcher that counts its steps goes on.

use std::sync::Mutex;

use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::budget::StepBudget;

/// Bytes that the states of an automaton may take.
const ROOM: usize = 1 << 20;
/// How often the states may be thrown away while a subject is read.
const CLEARED: usize = 1;
/// The least bytes that must be read for each new state.
const BYTES_A_STATE: usize = 32;
/// The bytes of new states that take as long to make as one step.
const MADE: usize = 2;
/// Bytes that the pattern of an automaton may take.
const SIZE_LIMIT: usize = 8 << 20;

/// The direction in which a subject is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Forward,
    Backward,
}

fn build(text: &str, way: Way, kind: MatchKind) -> Option<DFA> {
    let config = Config::new()
        .match_kind(kind)
        .cache_capacity(ROOM)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(CLEARED))
        .minimum_bytes_per_state(Some(BYTES_A_STATE));
    let nfa = thompson::Config::new()
        .utf8(false)
        .reverse(way == Way::Backward)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(SIZE_LIMIT));
    let dialect = syntax::Config::new()
        .unicode(false)
        .utf8(false)
        .nest_limit(2000);
    DFA::builder()
        .configure(config)
        .thompson(nfa)
        .syntax(dialect)
        .build(text)
        .ok()
}

/// The DFA of a text that `emit` wrote, to be walked by hand from any place; nothing if it is too large.
pub(super) fn anchored(text: &str) -> Option<DFA> {
    build(text, Way::Forward, MatchKind::All)
}

/// Pays for the states that were made since a cache held `before` bytes and had been cleared `cleared`
/// times: a state that is there already costs next to nothing, and a new one some microseconds.
fn pay(cache: &Cache, (before, cleared): (usize, usize), budget: &mut StepBudget) {
    let made = match cache.clear_count() - cleared {
        0 => cache.memory_usage().saturating_sub(before),
        times => times * ROOM + cache.memory_usage(),
    };
    budget.pay((made / MADE) as u64);
}

/// What a cache holds, bytes, and how often it was cleared.
fn held(cache: &Cache) -> (usize, usize) {
    (cache.memory_usage(), cache.clear_count())
}

/// Tells whether a pattern without look-around and references matches somewhere.
#[derive(Debug)]
pub(super) struct Scanner {
    dfa: DFA,
    /// The states made so far, for one thread at a time; another makes its own.
    cache: Mutex<Cache>,
}

impl Scanner {
    /// The DFA of a text that `emit` wrote; `None` if it is too large.
    pub(super) fn new(text: &str) -> Option<Self> {
        let dfa = build(text, Way::Forward, MatchKind::LeftmostFirst)?;
        let cache = Mutex::new(dfa.create_cache());
        Some(Self { dfa, cache })
    }

    /// Whether the pattern matches; `None` if the DFA gave up. New states are paid for.
    pub(super) fn is_match(&self, subject: &[u8], budget: &mut StepBudget) -> Option<bool> {
        let input = Input::new(subject).earliest(true);
        let mut shared = self.cache.try_lock().ok();
        let mut own = None;
        let cache = match &mut shared {
            Some(shared) => &mut **shared,
            None => own.insert(self.dfa.create_cache()),
        };
        let before = held(cache);
        let found = self.dfa.try_search_fwd(cache, &input);
        pay(cache, before, budget);
        found.ok().map(|end| end.is_some())
    }
}

/// Finds all places of a subject where the body of a look-around matches, in one pass.
#[derive(Debug)]
pub(super) struct Oracle {
    dfa: DFA,
    way: Way,
}

/// A set of places in a subject, a bit each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Places(Vec<u64>);

impl Places {
    /// The empty set for a subject of this length.
    pub(super) fn none(length: usize) -> Self {
        Self(vec![0; length / 64 + 1])
    }

    /// Adds a place.
    pub(super) fn set(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    /// Whether the place is in the set.
    pub(super) fn has(&self, place: usize) -> bool {
        self.0
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

impl Oracle {
    /// The oracle of a look-`behind` or look-ahead for a text that `emit` wrote; `None` if it is too large.
    pub(super) fn new(text: &str, behind: bool) -> Option<Self> {
        let way = match behind {
            true => Way::Forward,
            false => Way::Backward,
        };
        let dfa = build(text, way, MatchKind::All)?;
        Some(Self { dfa, way })
    }

    /// The places where the body matches; `None` if the DFA gave up. The states are paid for.
    pub(super) fn places(&self, subject: &[u8], budget: &mut StepBudget) -> Option<Places> {
        let mut cache = self.dfa.create_cache();
        let before = held(&cache);
        let found = self.places_with(&mut cache, subject);
        pay(&cache, before, budget);
        found
    }

    fn places_with(&self, cache: &mut Cache, subject: &[u8]) -> Option<Places> {
        let mut found = Places::none(subject.len());
        let input = Input::new(subject);
        let dfa = &self.dfa;
        let mut state = match self.way {
            Way::Forward => dfa.start_state_forward(cache, &input),
            Way::Backward => dfa.start_state_reverse(cache, &input),
        }
        .ok()?;
        for step in 0..subject.len() {
            let (place, byte) = match self.way {
                Way::Forward => (step, subject[step]),
                Way::Backward => (subject.len() - step, subject[subject.len() - step - 1]),
            };
            state = dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                // A state tells of the place before the byte that leads to it.
                if state.is_match() {
                    found.set(place);
                } else if state.is_quit() {
                    return None;
                } else if state.is_dead() {
                    return Some(found);
                }
            }
        }
        let state = dfa.next_eoi_state(cache, state).ok()?;
        if state.is_match() {
            found.set(match self.way {
                Way::Forward => subject.len(),
                Way::Backward => 0,
            });
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, behind: bool, subject: &str) -> Vec<usize> {
        let oracle = Oracle::new(text, behind).unwrap();
        let places = oracle
            .places(subject.as_bytes(), &mut StepBudget::for_line(0))
            .unwrap();
        (0..=subject.len()).filter(|&at| places.has(at)).collect()
    }

    #[test]
    fn an_oracle_tells_of_each_place() {
        assert_eq!(places("[^\\x0A]*x", false, "axbxc"), [0, 1, 2, 3]);
        assert_eq!(places("b", false, "abcb"), [1, 3]);
        assert_eq!(places("b\\z", false, "abcb"), [3]);
        assert_eq!(places("\\Ab", false, "bcb"), [0]);
        assert_eq!(places("\\bc", false, "ab cd c"), [3, 6]);
        assert_eq!(places("", false, "ab"), [0, 1, 2]);
        assert_eq!(places("[^\\x00-\\xFF]", false, "ab"), [0; 0]);
        assert_eq!(places("ab|c", true, "abcab"), [2, 3, 5]);
        assert_eq!(places("\\Aab", true, "abab"), [2]);
        assert_eq!(places("a\\b", true, "a ab a"), [1, 6]);
        assert_eq!(places("x", true, ""), [0; 0]);
        assert_eq!(places("\\z", false, ""), [0]);
    }

    #[test]
    fn a_scanner_gives_up_where_its_states_grow_too_many() {
        let scanner = Scanner::new("[ab]*a[ab]{200}x").unwrap();
        let mut budget = StepBudget::for_line(200_000);
        assert_eq!(scanner.is_match(b"abc", &mut budget), Some(false));
        let before = budget.spent();
        assert!(before < 10_000, "{before}");
        assert_eq!(scanner.is_match(b"abc", &mut budget), Some(false));
        assert_eq!(budget.spent(), before, "no state is new");
        let mut state = 1u32;
        let line: Vec<u8> = (0..200_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"ab"[(state >> 31) as usize]
            })
            .collect();
        assert_eq!(scanner.is_match(&line, &mut budget), None);
        // They filled the room twice, and that was paid.
        let most = (3 * ROOM / MADE) as u64;
        assert!((most / 2..most).contains(&budget.spent()), "{budget:?}");
    }
}
