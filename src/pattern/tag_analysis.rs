//! Analysis of the tag and the words behind it that a subject must begin with for a pattern to match.
//!
//! A message begins with a tag, the name of its program, and the words behind it say what it is
//! about. Most patterns name both: `^sshd\[\d+\]: Failed password`. Here the pattern is taken for a
//! nondeterministic nfa that matches wherever the pattern does, and in more places (it knows
//! no look-around and no backreference), and is asked which bytes can stand there.

mod heads;
mod nfa;

use std::sync::Arc;

use super::ast::{Anchor, Node};
use super::set::ByteSet;
use super::tag::ends_tag;
use nfa::{ACCEPT, Nfa, State};

/// Bytes of a key.
pub const KEY: usize = 3;
/// The most alternatives: more are as good as none.
const MOST: usize = 40;
/// The most letters that may follow in a tag: more are taken for any.
const FEW: usize = 4;
/// The longest tag that is listed, bytes.
const LONGEST: usize = 40;
/// The most ways that are followed to list tags: they multiply, and may all lead nowhere.
const MOST_VISITS: usize = 2_000;

/// A key: the bytes right behind a blank.
pub type Key = [u8; KEY];

/// What stands right behind the first blank and right behind the next.
pub type Keys = [Behind; 2];

/// What stands right behind a blank.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Behind {
    /// Keys of which it begins with one; `None` if nothing is known.
    pub keys: Option<Box<[Key]>>,
    /// Bytes that it begins with; there may be none.
    pub literal: Box<[u8]>,
}

/// What is known of the begin of the subjects that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TagAnalysis {
    /// Tags of which the subject has one; `None` if nothing is known.
    pub names: Option<Arc<[Tag]>>,
    /// What stands behind the first two blanks.
    pub keys: Keys,
    /// What stands behind a kernel's time stamp (`[  123.456] `) that follows the first blank, and
    /// behind the blank after that.
    pub stamped: Keys,
    /// Decides by the head of a subject.
    pub beginning: Beginning,
}

/// Decides by the head of a subject (its tag, the byte behind it, and a blank) whether the pattern can
/// match. It holds the states of the NFA that are reachable within the head; about 1 % of all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Beginning(Option<Nfa>);

/// Whether subjects with a certain head match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fit {
    /// No subject that begins so matches.
    No,
    /// A subject that begins so may match.
    Maybe,
    /// All subjects that begin so match.
    Surely,
}

impl Beginning {
    /// Whether subjects that begin with `begin` match.
    pub fn fit(&self, begin: &[u8]) -> Fit {
        let Some(nfa) = &self.0 else {
            return Fit::Maybe;
        };
        let surely = |states: &[usize]| !nfa.loose && states.contains(&ACCEPT);
        let mut states = nfa.closure([nfa.start]);
        for &byte in begin {
            if surely(&states) {
                return Fit::Surely;
            }
            states = nfa.after(&states, byte);
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

/// A tag, or what it begins with.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Tag {
    /// The bytes of the tag.
    pub bytes: Box<[u8]>,
    /// Whether they are the whole tag.
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

/// Analyses a pattern.
pub fn analyse(root: &Node) -> TagAnalysis {
    if !anchored(root) {
        return TagAnalysis::default();
    }
    let nfa = Nfa::new(root);
    let start = nfa.closure([nfa.start]);
    let mut words = Vec::new();
    nfa.words(&start, (&mut Vec::new(), &mut 0), &mut words);
    let known = words
        .iter()
        .all(|word| word.whole || !word.bytes.is_empty());
    let words = (known && words.len() <= MOST).then(|| sorted(words).into());
    let behind = nfa.behind_blank(&start);
    let stamped = nfa.behind_stamp(&behind);
    TagAnalysis {
        names: words,
        keys: nfa.two_keys(behind),
        stamped: nfa.two_keys(stamped),
        beginning: Beginning(Some(nfa.of_heads())),
    }
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

impl Nfa {
    /// Lists the tags that begin with `begun`. Where too many letters may follow, what they begin with is
    /// listed instead.
    fn words(
        &self,
        states: &[usize],
        (begun, visits): (&mut Vec<u8>, &mut usize),
        words: &mut Vec<Tag>,
    ) {
        *visits += 1;
        if *visits > MOST_VISITS {
            // It may be any tag.
            return words.push(Tag {
                bytes: Box::default(),
                whole: false,
            });
        }
        let bytes = self.next_bytes(states);
        let letters: Vec<u8> = bytes.bytes().filter(|&byte| !ends_tag(byte)).collect();
        let ends = bytes.bytes().any(ends_tag);
        if self.anything(states) || letters.len() > FEW || begun.len() > LONGEST {
            let bytes = begun[..].into();
            return words.push(Tag {
                bytes,
                whole: false,
            });
        }
        if ends {
            let bytes = begun[..].into();
            words.push(Tag { bytes, whole: true });
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

    /// The bytes that must follow, up to the first choice.
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

    /// Lists the keys that begin with `begun`. Returns whether they are known.
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
            .properties()
            .tags
            .clone();
        let list = |all: Option<Vec<Vec<u8>>>| match all {
            Some(all) => all
                .iter()
                .map(|one| String::from_utf8_lossy(one).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            None => "?".into(),
        };
        let word = |word: &crate::pattern::tag_analysis::Tag| match word.whole {
            true => word.bytes.to_vec(),
            false => [&word.bytes[..], b"~"].concat(),
        };
        let keys = |keys: crate::pattern::tag_analysis::Keys| {
            let keys = keys.map(|behind| behind.keys);
            let keys =
                keys.map(|keys| keys.map(|all| all.iter().map(|key| key.to_vec()).collect()));
            keys.map(list).join("|")
        };
        let words = list(fields.names.map(|words| words.iter().map(word).collect()));
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
                .properties()
                .tags
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
