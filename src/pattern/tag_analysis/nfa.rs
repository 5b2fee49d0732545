//! A nondeterministic automaton that matches wherever a pattern does, and in more places.

use crate::pattern::ast::{Anchor, Mode, Node};
use crate::pattern::set::ByteSet;

/// The most states that are built: behind them everything matches.
const MOST_STATES: usize = 1_500;
/// The most copies of a repeated part that are written out.
const MOST_COPIES: u32 = 6;

/// A state, with the numbers of those that follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Takes this byte, then goes on.
    One(u8, u16),
    /// Takes one byte of the set with this number, then goes on.
    Byte(u16, u16),
    /// Goes on at both states.
    Both(u16, u16),
    /// Takes any bytes: the pattern is at its end, or not known from here on.
    Anything,
}

/// The states of the automaton, and the sets that they share.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Nfa {
    pub states: Vec<State>,
    pub sets: Vec<ByteSet>,
    pub start: usize,
    /// Whether it matches more than the pattern does.
    pub loose: bool,
}

/// The most states for which a linear search is used instead of a mark for each state.
const FEW_STATES: usize = 32;
/// The state where nothing is known any more.
pub(super) const UNKNOWN: usize = 0;
/// The state where the pattern is at its end.
pub(super) const ACCEPT: usize = 1;

impl Nfa {
    /// The automaton of a pattern.
    pub(super) fn new(root: &Node) -> Self {
        let mut nfa = Self::default();
        for _ in [UNKNOWN, ACCEPT] {
            nfa.push(State::Anything);
        }
        nfa.start = nfa.build(root, ACCEPT);
        let starts = |node: &Node| matches!(node, Node::Anchor(Anchor::Start));
        nfa.loose |= root.count(&starts) > 1;
        nfa
    }

    /// Adds a state; [`UNKNOWN`] if no number is left for it.
    fn push(&mut self, state: State) -> usize {
        if self.states.len() > usize::from(u16::MAX) {
            self.loose = true;
            return UNKNOWN;
        }
        self.states.push(state);
        self.states.len() - 1
    }

    fn byte(&mut self, set: ByteSet, next: usize) -> usize {
        if let Some(byte) = set.single() {
            return self.push(State::One(byte, next as u16));
        }
        let known = self.sets.iter().position(|&known| known == set);
        let number = known.unwrap_or_else(|| {
            self.sets.push(set);
            self.sets.len() - 1
        });
        self.push(State::Byte(number as u16, next as u16))
    }

    fn both(&mut self, one: usize, other: usize) -> usize {
        self.push(State::Both(one as u16, other as u16))
    }

    /// The bytes that a state takes, and the state behind it.
    pub(super) fn takes(&self, state: usize) -> Option<(ByteSet, usize)> {
        match self.states[state] {
            State::One(byte, next) => Some((ByteSet::range(byte, byte), next as usize)),
            State::Byte(set, next) => Some((self.sets[set as usize], next as usize)),
            State::Both(..) | State::Anything => None,
        }
    }

    /// The state that matches `node` and then goes on at `next`.
    fn build(&mut self, node: &Node, next: usize) -> usize {
        if self.states.len() > MOST_STATES {
            self.loose = true;
            return UNKNOWN;
        }
        self.loose |= match node {
            Node::Empty
            | Node::Anchor(Anchor::Start)
            | Node::Set(_)
            | Node::Concat(_)
            | Node::Alternate(_)
            | Node::Capture { .. } => false,
            Node::Repeat { mode, .. } => *mode == Mode::Possessive,
            _ => true,
        };
        match node {
            // What takes no byte is skipped: it can only take matches away.
            Node::Empty | Node::Keep | Node::Anchor(_) | Node::Look { .. } | Node::Define(_) => {
                next
            }
            Node::Set(set) => self.byte(*set, next),
            Node::Concat(items) => {
                let build = |next, item| self.build(item, next);
                items.iter().rev().fold(next, build)
            }
            Node::Alternate(branches) => {
                let mut all = branches
                    .iter()
                    .rev()
                    .map(|b| self.build(b, next))
                    .collect::<Vec<_>>();
                let first = all.pop().unwrap_or(next);
                all.into_iter()
                    .fold(first, |one, other| self.both(one, other))
            }
            Node::Capture { body, .. } | Node::Atomic(body) => self.build(body, next),
            Node::Repeat { body, min, max, .. } => self.repeat(body, *min, *max, next),
            Node::Switch { yes, no, .. } => {
                let (yes, no) = (self.build(yes, next), self.build(no, next));
                self.both(yes, no)
            }
            Node::Newline | Node::Cluster | Node::Backref { .. } | Node::Call { .. } => UNKNOWN,
        }
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, next: usize) -> usize {
        let copies = min.min(MOST_COPIES);
        let optional = max.map(|max| max.saturating_sub(copies));
        self.loose |= min > copies || optional.is_some_and(|more| more > MOST_COPIES);
        let mut at = match optional {
            Some(more) if more <= MOST_COPIES => (0..more).fold(next, |at, _| {
                let round = self.build(body, at);
                self.both(round, next)
            }),
            // More than are written out: without a limit.
            _ => {
                let choice = self.push(State::Anything);
                let round = self.build(body, choice);
                if choice == UNKNOWN {
                    return UNKNOWN;
                }
                self.states[choice] = State::Both(round as u16, next as u16);
                choice
            }
        };
        for _ in 0..copies {
            at = self.build(body, at);
        }
        at
    }

    /// The states that are reachable from these without a byte, sorted.
    pub(super) fn closure(&self, from: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut open: Vec<usize> = from.into_iter().collect();
        let (mut all, mut passed) = (Vec::with_capacity(open.len()), Vec::new());
        // Most closures are so small that allocating a mark for each state would take longer.
        while all.len() + passed.len() < FEW_STATES {
            let Some(at) = open.pop() else {
                all.sort_unstable();
                return all;
            };
            match self.states[at] {
                State::Both(one, other) => {
                    if !passed.contains(&at) {
                        passed.push(at);
                        open.extend([one as usize, other as usize]);
                    }
                }
                State::One(..) | State::Byte(..) | State::Anything => {
                    if !all.contains(&at) {
                        all.push(at);
                    }
                }
            }
        }
        let mut seen = vec![false; self.states.len()];
        all.iter().chain(&passed).for_each(|&at| seen[at] = true);
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.states[at] {
                State::Both(one, other) => open.extend([one as usize, other as usize]),
                State::One(..) | State::Byte(..) | State::Anything => all.push(at),
            }
        }
        all.sort_unstable();
        all
    }

    /// Whether any bytes may follow.
    pub(super) fn anything(&self, states: &[usize]) -> bool {
        states
            .iter()
            .any(|&at| matches!(self.states[at], State::Anything))
    }

    /// The bytes that may come next.
    pub(super) fn next_bytes(&self, states: &[usize]) -> ByteSet {
        let taken = states.iter().filter_map(|&at| self.takes(at));
        taken.fold(ByteSet::default(), |all, (set, _)| all.union(set))
    }

    /// The states after a byte. After [`State::Anything`] there is anything still.
    pub(super) fn after(&self, states: &[usize], byte: u8) -> Vec<usize> {
        let next = states.iter().filter_map(|&at| match self.states[at] {
            State::One(one, next) => (one == byte).then_some(next as usize),
            State::Byte(set, next) => {
                let set = &self.sets[set as usize];
                set.contains(byte).then_some(next as usize)
            }
            State::Both(..) | State::Anything => Some(at),
        });
        let next: Vec<usize> = next.collect();
        match next.is_empty() {
            true => next,
            false => self.closure(next),
        }
    }
}
