//! Subjects for patterns: made from a pattern so that it may match, then damaged.

use std::collections::HashMap;

use tenshi::pattern::ast::{Mode, Node, Test};
use tenshi::pattern::set::ByteSet;

use super::random::Random;

/// No subject is longer, but for one last piece: Perl would take its time.
const LONGEST: usize = 160;

/// A subject that `tree` probably matches, as far as look-around lets it.
pub fn from(tree: &Node, random: &mut Random) -> Vec<u8> {
    let mut maker = Maker {
        random,
        out: Vec::new(),
        groups: HashMap::new(),
    };
    maker.node(tree);
    let mut out = maker.out;
    if random.percent(25) {
        out.extend_from_slice(random.pick::<&[u8]>(&[b" ", b" tail", b".", b"\xc3\xa9"]));
    }
    if random.percent(20) {
        let before = random
            .pick::<&[u8]>(&[b" ", b"sshd: ", b"x", b"1"])
            .to_vec();
        out = [before, out].concat();
    }
    out
}

/// Changes one to three places.
pub fn damage(subject: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(subject.len() + 1);
        let end = (at + 1 + random.below(4)).min(subject.len());
        match random.below(7) {
            0 if at < subject.len() => {
                subject.remove(at);
            }
            1 => {
                let piece: &[u8] = random.pick::<&[u8]>(&[
                    b" ",
                    b"0",
                    b"a",
                    b":",
                    b"[",
                    b"\xc3\xa9",
                    b"\xff",
                    b"\xa0",
                    b"\t",
                ]);
                subject.splice(at..at, piece.iter().copied());
            }
            2 if at < subject.len() => subject[at] ^= 1 << random.below(7),
            3 if at < end => {
                let piece = subject[at..end].to_vec();
                subject.splice(at..at, piece);
            }
            4 if at < end => {
                subject.drain(at..end);
            }
            5 if at < subject.len() => {
                subject[at] = if subject[at].is_ascii_lowercase() {
                    subject[at].to_ascii_uppercase()
                } else {
                    subject[at].to_ascii_lowercase()
                };
            }
            6 if random.percent(30) => subject.truncate(at),
            _ => {}
        }
    }
    // A log line holds none.
    subject.retain(|byte| *byte != b'\n');
}

struct Maker<'a> {
    random: &'a mut Random,
    out: Vec<u8>,
    groups: HashMap<usize, Vec<u8>>,
}

impl Maker<'_> {
    fn node(&mut self, node: &Node) {
        match node {
            Node::Set(set) => self.member(*set),
            Node::Newline => self.out.push(b'\r'),
            Node::Cluster => self.out.push(b'x'),
            Node::Concat(items) => items.iter().for_each(|item| self.node(item)),
            Node::Alternate(branches) => {
                let branch = self.random.below(branches.len());
                self.node(&branches[branch]);
            }
            Node::Capture { number, body, .. } => {
                let start = self.out.len();
                self.node(body);
                self.groups.insert(*number, self.out[start..].to_vec());
            }
            Node::Atomic(body) => self.node(body),
            // What is looked for must mostly stand there anyway.
            Node::Look {
                negated: false,
                body,
                ..
            } if self.random.percent(30) => {
                self.node(body);
            }
            Node::Repeat {
                body,
                min,
                max,
                mode,
                ..
            } => self.repeat(body, *min, *max, *mode),
            Node::Backref { groups, .. } => {
                let text = groups.iter().find_map(|group| self.groups.get(group));
                self.out
                    .extend_from_slice(&text.cloned().unwrap_or_default());
            }
            Node::Switch { test, yes, no, .. } => {
                if let Test::Look(look) = test {
                    self.node(look);
                }
                let branch = if self.random.percent(50) { yes } else { no };
                self.node(branch);
            }
            _ => {}
        }
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, mode: Mode) {
        let more = match mode {
            Mode::Lazy => self.random.below(2),
            _ => self.random.below(5),
        };
        let rounds = (min as usize + more).min(max.map_or(usize::MAX, |max| max as usize));
        for _ in 0..rounds {
            if self.out.len() > LONGEST {
                return;
            }
            self.node(body);
        }
    }

    /// A byte of a set; what a log line holds is preferred.
    fn member(&mut self, set: ByteSet) {
        let all: Vec<u8> = (0..=255).filter(|byte| set.contains(*byte)).collect();
        let usual: Vec<u8> = all
            .iter()
            .copied()
            .filter(|byte| byte.is_ascii_alphanumeric() || b" .:-[]()=/".contains(byte))
            .collect();
        let from = if usual.is_empty() || self.random.percent(3) {
            &all
        } else {
            &usual
        };
        if !from.is_empty() {
            self.out.push(*self.random.pick(from));
        }
    }
}
