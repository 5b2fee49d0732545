//! What the first words of a subject must be for a pattern to match.
//!
//! A line of a log begins with the name of its program, and the words behind it say what it is
//! about. Most rules name both: `^sshd\[\d+\]: Failed password`. Here the pattern is taken for a
//! nondeterministic automaton that matches wherever the pattern does, and in more places (it knows
//! no look-around and no backreference), and is asked which bytes can stand there.

use super::ast::{Anchor, Node};
use super::set::ByteSet;

/// So many bytes behind a blank are looked at.
pub const KEY: usize = 4;
/// More alternatives than these are as good as none.
const MOST: usize = 40;
/// Longer first words are not listed.
const LONGEST: usize = 40;
/// A larger automaton is cut: beyond its end everything matches.
const MOST_STATES: usize = 1_500;
/// Quantified parts are written out so often at most.
const MOST_COPIES: u32 = 6;

/// The bytes right behind a blank.
pub type Key = [u8; KEY];

/// What is known of the subjects that a pattern matches. `None`: nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    /// The first word is one of these.
    pub words: Option<Vec<Vec<u8>>>,
    /// What stands right behind the first blank and right behind the second is one of these.
    pub keys: [Option<Vec<Key>>; 2],
}

/// Whether a byte ends the first word of a message.
pub fn ends_word(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// What is known of the subjects of a pattern.
pub fn fields(root: &Node) -> Fields {
    if !anchored(root) {
        return Fields::default();
    }
    let mut automaton = Automaton::default();
    let accept = automaton.push(State::Anything);
    let start = automaton.build(root, accept);
    let start = automaton.closure([start]);
    let mut words = Vec::new();
    let known = automaton.words(&start, &mut Vec::new(), &mut words);
    let words = known.then(|| sorted(words));
    let first = automaton.behind_blank(&start);
    let second = automaton.behind_blank(&first);
    let keys = [first, second].map(|states| {
        let mut keys = Vec::new();
        let known = automaton.keys(&states, &mut Vec::new(), &mut keys);
        known.then(|| sorted(keys))
    });
    Fields { words, keys }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether every match begins at the start of the subject.
fn anchored(node: &Node) -> bool {
    match node {
        Node::Anchor(Anchor::Start) => true,
        Node::Concat(items) => {
            let nothing = |item: &&Node| matches!(item, Node::Empty);
            items
                .iter()
                .find(|item| !nothing(item))
                .is_some_and(anchored)
        }
        Node::Alternate(branches) => !branches.is_empty() && branches.iter().all(anchored),
        Node::Capture { body, .. } | Node::Atomic(body) => anchored(body),
        _ => false,
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// One byte of the set, then on.
    Byte(ByteSet, usize),
    /// Both.
    Both(usize, usize),
    /// The pattern is at its end, or not known from here on: any bytes.
    Anything,
}

#[derive(Default)]
struct Automaton {
    states: Vec<State>,
}

impl Automaton {
    fn push(&mut self, state: State) -> usize {
        self.states.push(state);
        self.states.len() - 1
    }

    /// The state that matches `node` and then goes on at `next`. State 0 is [`State::Anything`].
    fn build(&mut self, node: &Node, next: usize) -> usize {
        if self.states.len() > MOST_STATES {
            return 0;
        }
        match node {
            // What only looks is passed: it can but take matches away.
            Node::Empty | Node::Keep | Node::Anchor(_) | Node::Look { .. } | Node::Define(_) => {
                next
            }
            Node::Set(set) => self.push(State::Byte(*set, next)),
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
                    .fold(first, |one, other| self.push(State::Both(one, other)))
            }
            Node::Capture { body, .. } | Node::Atomic(body) => self.build(body, next),
            Node::Repeat { body, min, max, .. } => self.repeat(body, *min, *max, next),
            Node::Switch { yes, no, .. } => {
                let (yes, no) = (self.build(yes, next), self.build(no, next));
                self.push(State::Both(yes, no))
            }
            Node::Newline | Node::Cluster | Node::Backref { .. } | Node::Call { .. } => 0,
        }
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, next: usize) -> usize {
        let copies = min.min(MOST_COPIES);
        let optional = max.map(|max| max.saturating_sub(copies));
        let mut at = match optional {
            Some(more) if more <= MOST_COPIES => (0..more).fold(next, |at, _| {
                let round = self.build(body, at);
                self.push(State::Both(round, next))
            }),
            // Without a limit, as far as this goes.
            _ => {
                let choice = self.push(State::Anything);
                let round = self.build(body, choice);
                self.states[choice] = State::Both(round, next);
                choice
            }
        };
        for _ in 0..copies {
            at = self.build(body, at);
        }
        at
    }

    /// What can be reached from these without a byte; sorted.
    fn closure(&self, from: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut seen = vec![false; self.states.len()];
        let mut open: Vec<usize> = from.into_iter().collect();
        let mut all = Vec::new();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.states[at] {
                State::Both(one, other) => open.extend([one, other]),
                State::Byte(..) | State::Anything => all.push(at),
            }
        }
        all.sort_unstable();
        all
    }

    /// Whether anything at all may follow.
    fn anything(&self, states: &[usize]) -> bool {
        states
            .iter()
            .any(|&at| matches!(self.states[at], State::Anything))
    }

    /// The bytes that may come next.
    fn next_bytes(&self, states: &[usize]) -> ByteSet {
        states
            .iter()
            .fold(ByteSet::default(), |all, &at| match self.states[at] {
                State::Byte(set, _) => all.union(set),
                State::Both(..) | State::Anything => all,
            })
    }

    /// The states after a byte.
    fn after(&self, states: &[usize], byte: u8) -> Vec<usize> {
        let next = states.iter().filter_map(|&at| match self.states[at] {
            State::Byte(set, next) if set.contains(byte) => Some(next),
            _ => None,
        });
        self.closure(next.collect::<Vec<_>>())
    }

    /// Lists the first words behind `begun`; whether they are known.
    fn words(&self, states: &[usize], begun: &mut Vec<u8>, words: &mut Vec<Vec<u8>>) -> bool {
        if self.anything(states) || begun.len() > LONGEST {
            return false;
        }
        let bytes = self.next_bytes(states);
        let mut ends = false;
        let mut letters = Vec::new();
        for byte in bytes.bytes() {
            match ends_word(byte) {
                true => ends = true,
                false => letters.push(byte),
            }
        }
        if ends {
            words.push(begun.clone());
        }
        letters.len() + words.len() <= MOST
            && letters.into_iter().all(|byte| {
                begun.push(byte);
                let known = self.words(&self.after(states, byte), begun, words);
                begun.pop();
                known && words.len() <= MOST
            })
    }

    /// The states right behind the next blank.
    fn behind_blank(&self, states: &[usize]) -> Vec<usize> {
        let blank = ByteSet::range(b' ', b' ');
        let others = blank.negate();
        let mut seen = vec![false; self.states.len()];
        let mut open = states.to_vec();
        let mut behind = Vec::new();
        while let Some(at) = open.pop() {
            if std::mem::replace(&mut seen[at], true) {
                continue;
            }
            match self.states[at] {
                State::Both(one, other) => open.extend([one, other]),
                State::Anything => behind.push(at),
                State::Byte(set, next) => {
                    if set.contains(b' ') {
                        behind.push(next);
                    }
                    if set.intersects(others) {
                        open.push(next);
                    }
                }
            }
        }
        self.closure(behind)
    }

    /// Lists the keys that begin with `begun`; whether they are known.
    fn keys(&self, states: &[usize], begun: &mut Vec<u8>, keys: &mut Vec<Key>) -> bool {
        if let Ok(key) = Key::try_from(&begun[..]) {
            keys.push(key);
            return keys.len() <= MOST;
        }
        if self.anything(states) {
            return false;
        }
        let bytes: Vec<u8> = self.next_bytes(states).bytes().take(MOST + 1).collect();
        bytes.len() <= MOST
            && bytes.into_iter().all(|byte| {
                begun.push(byte);
                let known = self.keys(&self.after(states, byte), begun, keys);
                begun.pop();
                known
            })
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::Pattern;

    fn shown(pattern: &str) -> String {
        let fields = Pattern::compile(pattern.as_bytes()).unwrap().fields();
        let list = |all: Option<Vec<Vec<u8>>>| match all {
            Some(all) => all
                .iter()
                .map(|one| String::from_utf8_lossy(one).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            None => "?".into(),
        };
        let keys = fields
            .keys
            .map(|keys| list(keys.map(|keys| keys.iter().map(|key| key.to_vec()).collect())));
        format!("{}|{}|{}", list(fields.words), keys[0], keys[1])
    }

    #[test]
    fn what_a_pattern_says_of_the_first_words() {
        let cases = [
            ("sshd: Failed", "?|?|?"),
            ("^sshd: Failed password", "sshd|Fail|pass"),
            (
                r"^sshd\[\d+\]: Failed (?:none|password) for",
                "sshd|Fail|none pass",
            ),
            (r"^(?:sshd|su)(?:\[\d+\])?: Fail", "sshd su|Fail|?"),
            (
                r"^sshd(?:-session|-auth)?:",
                "sshd sshd-auth sshd-session|?|?",
            ),
            (r"^\S+ error: (\d+) x", "?|erro|?"),
            (r"^\S+ (?:error: )?connect from", "?|conn erro|conn from"),
            (r"^a(.*) bcde", "?|?|?"),
            (r"^x: (?i:ab)cd ef", "x|ABcd Abcd aBcd abcd|?"),
            ("^foo$", "?|?|?"),
            ("^a: b", "a|?|?"),
            (r"^(?=x)a: bcde(?! f)g", "a|bcde|?"),
            (r"^(a|b): \1cde fghi", "a b|?|?"),
            (r"^a-b_c\.d/e\[[0-9]{1,5}\]: xxxx", "a-b_c.d|xxxx|?"),
            (r"^[a-z]+: xxxx", "?|xxxx|?"),
            (r"^kernel: \[ *\d+\.\d+\] usb 1", "kernel|?|?"),
        ];
        for (pattern, want) in cases {
            assert_eq!(shown(pattern), want, "{pattern}");
        }
    }
}
