//! What the first words of a subject must be for a pattern to match.
//!
//! A line of a log begins with the name of its program, and the words behind it say what it is
//! about. Most rules name both: `^sshd\[\d+\]: Failed password`. Here the pattern is taken for a
//! nondeterministic automaton that matches wherever the pattern does, and in more places (it knows
//! no look-around and no backreference), and is asked which bytes can stand there.

mod heads;

use std::sync::Arc;

use super::ast::{Anchor, Mode, Node};
use super::set::ByteSet;
use crate::fast::ends_word;

/// So many bytes behind a blank are looked at.
pub const KEY: usize = 3;
/// More alternatives than these are as good as none.
const MOST: usize = 40;
/// More letters than these at one place are any.
const FEW: usize = 4;
/// Longer first words are not listed.
const LONGEST: usize = 40;
/// So many ways to go on are looked at for words: they multiply, and may all lead nowhere.
const MOST_VISITS: usize = 2_000;
/// A larger automaton is cut: beyond its end everything matches.
const MOST_STATES: usize = 1_500;
/// Quantified parts are written out so often at most.
const MOST_COPIES: u32 = 6;

/// The bytes right behind a blank.
pub type Key = [u8; KEY];

/// What stands right behind a first blank and right behind the next.
pub type Keys = [Behind; 2];

/// What stands right behind a blank.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Behind {
    /// It begins with one of these; `None`: nothing is known.
    pub keys: Option<Box<[Key]>>,
    /// It begins with these bytes; they may be none.
    pub literal: Box<[u8]>,
}

/// What is known of the subjects that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    /// The first word is one of these; `None`: nothing is known.
    pub words: Option<Arc<[Word]>>,
    /// Behind the first two blanks.
    pub keys: Keys,
    /// The same where a kernel's time stamp (`[  123.456] `) follows the first blank: behind it, and
    /// behind the blank after that.
    pub stamped: Keys,
    /// What it makes of the beginning of a subject.
    pub beginning: Beginning,
}

/// Tells from the head of a subject (its first word, the byte behind it, and a blank) whether the
/// pattern can match. Of what is behind that it tells nothing: the automaton is kept no further.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Beginning(Option<Automaton>);

/// What a beginning tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// No subject that begins so matches.
    No,
    /// One may match.
    Maybe,
    /// All that begin so match.
    Surely,
}

impl Beginning {
    /// What `begin` tells.
    pub fn fit(&self, begin: &[u8]) -> Fit {
        let Some(automaton) = &self.0 else {
            return Fit::Maybe;
        };
        let surely = |states: &[usize]| !automaton.loose && states.contains(&ACCEPT);
        let mut states = automaton.closure([automaton.start]);
        for &byte in begin {
            if surely(&states) {
                return Fit::Surely;
            }
            states = automaton.after(&states, byte);
            if states.is_empty() {
                return Fit::No;
            }
        }
        match surely(&states) {
            true => Fit::Surely,
            false => Fit::Maybe,
        }
    }
}

/// A first word, or what it begins with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Word {
    /// The bytes.
    pub bytes: Box<[u8]>,
    /// Whether they are the whole word.
    pub whole: bool,
}

/// The length of a kernel's time stamp with its blank, if `text` begins with one.
pub fn stamp_length(text: &[u8]) -> Option<usize> {
    let inside = text.strip_prefix(b"[")?;
    let end = inside.iter().position(|&b| !in_stamp(b))?;
    inside[end..].starts_with(b"] ").then_some(end + 3)
}

fn in_stamp(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b' ' | b'.')
}

/// What is known of the subjects of a pattern.
pub fn fields(root: &Node) -> Fields {
    if !anchored(root) {
        return Fields::default();
    }
    let automaton = Automaton::new(root);
    let start = automaton.closure([automaton.start]);
    let mut words = Vec::new();
    automaton.words(&start, (&mut Vec::new(), &mut 0), &mut words);
    let known = words
        .iter()
        .all(|word| word.whole || !word.bytes.is_empty());
    let words = (known && words.len() <= MOST).then(|| sorted(words).into());
    let behind = automaton.behind_blank(&start);
    let stamped = automaton.behind_stamp(&behind);
    Fields {
        words,
        keys: automaton.two_keys(behind),
        stamped: automaton.two_keys(stamped),
        beginning: Beginning(Some(automaton.of_heads())),
    }
}

/// How many parts are such.
fn count(node: &Node, is: &dyn Fn(&Node) -> bool) -> usize {
    let below: usize = node.children().into_iter().map(|c| count(c, is)).sum();
    below + usize::from(is(node))
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

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// This byte, then on.
    One(u8, u16),
    /// One byte of the set with this number, then on.
    Byte(u16, u16),
    /// Both.
    Both(u16, u16),
    /// The pattern is at its end, or not known from here on: any bytes.
    Anything,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Automaton {
    states: Vec<State>,
    sets: Vec<ByteSet>,
    start: usize,
    /// It matches more than the pattern does.
    loose: bool,
}

/// So many states are looked for one by one.
const FEW_STATES: usize = 32;
/// The state where nothing is known any more.
const UNKNOWN: usize = 0;
/// The state where the pattern is at its end.
const ACCEPT: usize = 1;

impl Automaton {
    /// What matches where the pattern does.
    fn new(root: &Node) -> Self {
        let mut automaton = Self::default();
        for _ in [UNKNOWN, ACCEPT] {
            automaton.push(State::Anything);
        }
        automaton.start = automaton.build(root, ACCEPT);
        let starts = |node: &Node| matches!(node, Node::Anchor(Anchor::Start));
        automaton.loose |= count(root, &starts) > 1;
        automaton
    }

    /// Adds a state, if there is a number left for it.
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

    /// What a state takes, and where it goes on.
    fn takes(&self, state: usize) -> Option<(ByteSet, usize)> {
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
            // What only looks is passed: it can but take matches away.
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
            // Without a limit, as far as this goes.
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

    /// What can be reached from these without a byte; sorted.
    fn closure(&self, from: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut open: Vec<usize> = from.into_iter().collect();
        let (mut all, mut passed) = (Vec::with_capacity(open.len()), Vec::new());
        // Most are so few that it takes longer to make room for marks on all states.
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

    /// Whether anything at all may follow.
    fn anything(&self, states: &[usize]) -> bool {
        states
            .iter()
            .any(|&at| matches!(self.states[at], State::Anything))
    }

    /// The bytes that may come next.
    fn next_bytes(&self, states: &[usize]) -> ByteSet {
        let taken = states.iter().filter_map(|&at| self.takes(at));
        taken.fold(ByteSet::default(), |all, (set, _)| all.union(set))
    }

    /// The states after a byte. After [`State::Anything`] there is anything still.
    fn after(&self, states: &[usize], byte: u8) -> Vec<usize> {
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

    /// Lists the first words behind `begun`. Where too many letters may follow, it is what the words
    /// begin with.
    fn words(
        &self,
        states: &[usize],
        (begun, visits): (&mut Vec<u8>, &mut usize),
        words: &mut Vec<Word>,
    ) {
        *visits += 1;
        if *visits > MOST_VISITS {
            // They may be any.
            return words.push(Word {
                bytes: Box::default(),
                whole: false,
            });
        }
        let bytes = self.next_bytes(states);
        let letters: Vec<u8> = bytes.bytes().filter(|&byte| !ends_word(byte)).collect();
        let ends = bytes.bytes().any(ends_word);
        if self.anything(states) || letters.len() > FEW || begun.len() > LONGEST {
            let bytes = begun[..].into();
            return words.push(Word {
                bytes,
                whole: false,
            });
        }
        if ends {
            let bytes = begun[..].into();
            words.push(Word { bytes, whole: true });
        }
        for byte in letters {
            if words.len() > MOST {
                return;
            }
            begun.push(byte);
            self.words(&self.after(states, byte), (begun, visits), words);
            begun.pop();
        }
    }

    fn two_keys(&self, first: Vec<usize>) -> Keys {
        let second = self.behind_blank(&first);
        [first, second].map(|states| {
            let mut keys = Vec::new();
            let known = self.keys(&states, &mut Vec::new(), &mut keys);
            Behind {
                keys: known.then(|| sorted(keys).into()),
                literal: self.literal(states),
            }
        })
    }

    /// The bytes that must follow.
    fn literal(&self, mut states: Vec<usize>) -> Box<[u8]> {
        let mut literal = Vec::new();
        while literal.len() < LONGEST && !self.anything(&states) {
            let Some(byte) = self.next_bytes(&states).single() else {
                break;
            };
            literal.push(byte);
            states = self.after(&states, byte);
        }
        literal.into()
    }

    /// The states behind a kernel's time stamp.
    fn behind_stamp(&self, states: &[usize]) -> Vec<usize> {
        let mut at = self.after(states, b'[');
        let mut inside = at.clone();
        while !at.is_empty() {
            let bytes = self.next_bytes(&at);
            let next = bytes.bytes().filter(|&byte| in_stamp(byte));
            let next: Vec<usize> = next.flat_map(|byte| self.after(&at, byte)).collect();
            at = sorted(next);
            at.retain(|state| !inside.contains(state));
            inside.extend(&at);
        }
        self.after(&self.after(&inside, b']'), b' ')
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
                State::Both(one, other) => open.extend([one as usize, other as usize]),
                State::Anything => behind.push(at),
                State::One(..) | State::Byte(..) => {
                    let Some((set, next)) = self.takes(at) else {
                        continue;
                    };
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
    use super::Fit;
    use crate::pattern::Pattern;

    fn shown(pattern: &str) -> String {
        let fields = Pattern::compile(pattern.as_bytes())
            .unwrap()
            .outline()
            .fields
            .clone();
        let list = |all: Option<Vec<Vec<u8>>>| match all {
            Some(all) => all
                .iter()
                .map(|one| String::from_utf8_lossy(one).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            None => "?".into(),
        };
        let word = |word: &crate::pattern::fields::Word| match word.whole {
            true => word.bytes.to_vec(),
            false => [&word.bytes[..], b"~"].concat(),
        };
        let keys = |keys: crate::pattern::fields::Keys| {
            let keys = keys.map(|behind| behind.keys);
            let keys =
                keys.map(|keys| keys.map(|all| all.iter().map(|key| key.to_vec()).collect()));
            keys.map(list).join("|")
        };
        let words = list(fields.words.map(|words| words.iter().map(word).collect()));
        let stamped = keys(fields.stamped);
        match stamped.as_str() {
            "?|?" | "|" => format!("{words}|{}", keys(fields.keys)),
            _ => format!("{words}|{}|{stamped}", keys(fields.keys)),
        }
    }

    #[test]
    fn what_a_pattern_says_of_the_first_words() {
        let cases = [
            ("sshd: Failed", "?|?|?"),
            ("^sshd: Failed password", "sshd|Fai|pas"),
            // 2 to the 18th ways that lead nowhere.
            (
                r"^[ab]{2}[ab]{2}[ab]{2}[ab]{2}[ab]{2}[ab]{2}[ab]{2}[ab]{2}[ab]{2}[^\s\S]",
                "?||",
            ),
            (
                r"^sshd\[\d+\]: Failed (?:none|password) for",
                "sshd|Fai|non pas",
            ),
            (r"^(?:sshd|su)(?:\[\d+\])?: Fail", "sshd su|Fai|?"),
            (
                r"^sshd(?:-session|-auth)?:",
                "sshd sshd-auth sshd-session|?|?",
            ),
            (r"^\S+ error: (\d+) x", "?|err|?"),
            (r"^\S+ (?:error: )?connect from", "?|con err|con fro"),
            (r"^a(.*) bcd", "a~|?|?"),
            (r"^x: (?i:ab)cd ef", "x|ABc Abc aBc abc|?"),
            ("^foo$", "foo~|?|?"),
            ("^a: b", "a|?|?"),
            (r"^(?=x)a: bcde(?! f)g", "a|bcd|?"),
            (r"^(a|b): \1cde fghi", "a b|?|?"),
            (r"^a-b_c\.d/e\[[0-9]{1,5}\]: xxxx", "a-b_c.d/e|xxx|?"),
            (r"^[a-z]+: xxxx", "?|xxx|?"),
            (r"^(?:openvpn|ovpn-\S+): xxxx", "openvpn ovpn-~|xxx|?"),
            (r"^dhcp[\d[]+\]: xxxx", "dhcp~|xxx|?"),
            (r"^kernel: \[ *\d+\.\d+\] usb 1-1", "kernel|?|?|usb|1-1"),
            (
                r"^kernel:(?: \[ *\d+\.\d+\])? usb 1-1",
                "kernel|?|?|usb|1-1",
            ),
        ];
        for (pattern, want) in cases {
            assert_eq!(shown(pattern), want, "{pattern}");
        }
    }

    #[test]
    fn what_must_follow_and_what_is_enough() {
        let of = |pattern: &str| {
            Pattern::compile(pattern.as_bytes())
                .unwrap()
                .outline()
                .fields
                .clone()
        };
        let literal = |pattern: &str| {
            of(pattern)
                .keys
                .map(|b| String::from_utf8(b.literal.into()).unwrap())
        };
        assert_eq!(literal(r"^\S+ Failed (?:none|null) x"), ["Failed n", "n"]);
        assert_eq!(literal(r"^a (?:b|c) de+f"), ["", "de"]);
        let cases = [
            (r"^sshd(?:-session|-auth)?:", "sshd:", Fit::Surely),
            (r"^sshd(?:-session|-auth)?:", "sshd-auth: x", Fit::Surely),
            (r"^sshd(?:-session|-auth)?:", "sshd-", Fit::Maybe),
            (r"^sshd(?:-session|-auth)?:", "ssh:", Fit::No),
            (r"^postfix\S*/(?:smtp|lmtp)\[", "postfix/smtp[", Fit::Surely),
            (r"^postfix\S*/(?:smtp|lmtp)\[", "postfix/smtpd[", Fit::Maybe),
            (r"^postfix/(?:smtp|lmtp)\[", "postfix/smtpd[", Fit::No),
            ("^", "x", Fit::Surely),
            ("sshd", "x", Fit::Maybe),
            (r"^sshd\b", "sshd:", Fit::Maybe),
            (r"^sshd(?=:)", "sshd:", Fit::Maybe),
            (r"^x$", "x:", Fit::Maybe),
            (r"^x{9}y", "xxxxxxy", Fit::Maybe),
            (r"^(?>x|xy)z", "xyz", Fit::Maybe),
            (r"^x^", "x", Fit::Maybe),
        ];
        for (pattern, begin, want) in cases {
            let fit = of(pattern).beginning.fit(begin.as_bytes());
            assert_eq!(fit, want, "{pattern} {begin}");
        }
    }
}
