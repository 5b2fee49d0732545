//! The tree of a Perl pattern. Each single-character part is a set of bytes already, with the flags
//! in force where it stands worked in, so that nothing below needs to know of flags.

use super::perl_classes::word;
use super::set::ByteSet;

/// A part of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// Matches the empty string.
    Empty,
    /// One byte of a set. The empty set never matches.
    Set(ByteSet),
    /// A place in the subject.
    Anchor(Anchor),
    /// `\K`: the match counts from here.
    Keep,
    /// `\R`: CR LF, or one vertical blank.
    Newline,
    /// `\X`: CR LF, or one byte.
    Cluster,
    /// One after the other.
    Concat(Vec<Node>),
    /// The first that fits.
    Alternate(Vec<Node>),
    /// A group that captures.
    Capture {
        /// Its number in Perl.
        number: usize,
        /// Where it stands in the pattern.
        span: (usize, usize),
        /// What it holds.
        body: Box<Node>,
    },
    /// `(?>...)`: no way back into it.
    Atomic(Box<Node>),
    /// Look-ahead and look-behind.
    Look {
        /// Whether it looks backwards.
        behind: bool,
        /// Whether its body must not match.
        negated: bool,
        /// What it looks for.
        body: Box<Node>,
    },
    /// A quantifier and what it repeats.
    Repeat {
        /// What is repeated.
        body: Box<Node>,
        /// The least number of rounds.
        min: u32,
        /// The most rounds; no limit if `None`.
        max: Option<u32>,
        /// Which number of rounds is tried first.
        mode: Mode,
        /// Where it stands in the pattern.
        span: (usize, usize),
    },
    /// A backreference: the first of these groups that is set.
    Backref {
        /// Groups by number in Perl.
        groups: Vec<usize>,
        /// Whether the case of ASCII letters is ignored.
        fold: bool,
        /// Where it stands in the pattern.
        span: (usize, usize),
    },
    /// `(?(test)yes|no)`.
    Switch {
        /// What decides.
        test: Test,
        /// If it holds.
        yes: Box<Node>,
        /// If not.
        no: Box<Node>,
        /// Where it stands in the pattern.
        span: (usize, usize),
    },
    /// `(?1)`, `(?&name)`: the pattern of a group, run here. Gone once calls are resolved.
    Call {
        /// The group by number in Perl.
        group: usize,
        /// Where it stands in the pattern.
        span: (usize, usize),
    },
    /// `(?(DEFINE)...)`: there to be called, never matched.
    Define(Box<Node>),
}

/// Places in the subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    /// `^`, `\A`, `\G`.
    Start,
    /// `^` under `m`.
    LineStart,
    /// `\z`.
    End,
    /// `$`, `\Z`: the end, or before a newline that ends the subject.
    EndOrNewline,
    /// `$` under `m`.
    LineEnd,
    /// `\b` and, negated, `\B`.
    Word {
        /// Whether it is `\B`.
        negated: bool,
        /// Whether Latin-1 letters are word characters too.
        latin1: bool,
    },
}

impl Anchor {
    /// Whether the anchor holds at byte `at` of a subject.
    pub fn holds(self, subject: &[u8], at: usize) -> bool {
        let end = subject.len();
        let newline = |at: usize| subject.get(at) == Some(&b'\n');
        match self {
            Self::Start => at == 0,
            Self::LineStart => at == 0 || (newline(at - 1) && at < end),
            Self::End => at == end,
            Self::EndOrNewline => at == end || (newline(at) && at + 1 == end),
            Self::LineEnd => at == end || newline(at),
            Self::Word { negated, latin1 } => {
                let set = word(latin1);
                let is = |at: Option<usize>| {
                    at.and_then(|at| subject.get(at))
                        .is_some_and(|&b| set.contains(b))
                };
                (is(at.checked_sub(1)) != is(Some(at))) != negated
            }
        }
    }
}

/// The order in which a quantifier tries numbers of rounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// As often as possible first.
    Greedy,
    /// As seldom as possible first.
    Lazy,
    /// As often as possible, and never less.
    Possessive,
}

/// What decides a conditional.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// Whether one of these groups is set.
    Set(Vec<usize>),
    /// A look-around.
    Look(Box<Node>),
}

impl Node {
    /// The node that never matches.
    pub fn never() -> Self {
        Self::Set(ByteSet::default())
    }

    /// One after the other, without a level where there is nothing to join.
    pub fn concat(mut items: Vec<Node>) -> Self {
        match items.len() {
            0 => Self::Empty,
            1 => items.remove(0),
            _ => Self::Concat(items),
        }
    }

    /// The first that fits, without a level where there is no choice.
    pub fn alternate(mut branches: Vec<Node>) -> Self {
        if branches.len() == 1 {
            branches.remove(0)
        } else {
            Self::Alternate(branches)
        }
    }

    /// The branches of a conditional on a look-around: `(?(?=a)yes|no)` is `(?:(?=a)yes|(?!a)no)`. Captures in
    /// the test count in its first copy.
    pub fn look_branches(look: &Node, yes: &Node, no: &Node) -> [Node; 2] {
        let mut opposite = look.clone();
        opposite.strip_captures();
        match &mut opposite {
            Self::Look { negated, .. } => *negated = !*negated,
            // `(*FAIL)` or `(?!)`.
            _ => opposite = Self::Empty,
        }
        [(look.clone(), yes), (opposite, no)]
            .map(|(test, branch)| Self::Concat(vec![test, branch.clone()]))
    }

    /// The parts directly below.
    pub fn children(&self) -> Vec<&Node> {
        match self {
            Self::Concat(items) | Self::Alternate(items) => items.iter().collect(),
            Self::Capture { body, .. }
            | Self::Atomic(body)
            | Self::Look { body, .. }
            | Self::Repeat { body, .. }
            | Self::Define(body) => vec![body],
            Self::Switch { test, yes, no, .. } => match test {
                Test::Look(look) => vec![look, yes, no],
                Test::Set(_) => vec![yes, no],
            },
            _ => Vec::new(),
        }
    }

    /// The parts directly below, to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Node> {
        match self {
            Self::Concat(items) | Self::Alternate(items) => items.iter_mut().collect(),
            Self::Capture { body, .. }
            | Self::Atomic(body)
            | Self::Look { body, .. }
            | Self::Repeat { body, .. }
            | Self::Define(body) => vec![body],
            Self::Switch { test, yes, no, .. } => match test {
                Test::Look(look) => vec![look, yes, no],
                Test::Set(_) => vec![yes, no],
            },
            _ => Vec::new(),
        }
    }

    /// Whether `is` holds for this part or one below it.
    pub fn any(&self, is: &dyn Fn(&Node) -> bool) -> bool {
        is(self) || self.children().into_iter().any(|c| c.any(is))
    }

    /// Number of parts, this one and those below, for which `is` holds.
    pub fn count(&self, is: &dyn Fn(&Node) -> bool) -> usize {
        let below: usize = self.children().into_iter().map(|c| c.count(is)).sum();
        below + usize::from(is(self))
    }

    /// Replaces each capture group by what it holds.
    pub fn strip_captures(&mut self) {
        while let Self::Capture { body, .. } = self {
            let inner = std::mem::replace(body.as_mut(), Self::Empty);
            *self = inner;
        }
        for child in self.children_mut() {
            child.strip_captures();
        }
    }

    /// The groups that this part itself, not one below, looks at.
    pub fn refers_to(&self) -> &[usize] {
        match self {
            Self::Backref { groups, .. } => groups,
            Self::Switch {
                test: Test::Set(groups),
                ..
            } => groups,
            _ => &[],
        }
    }

    /// Whether there is a capture here or below.
    pub fn captures(&self) -> bool {
        self.any(&|n| matches!(n, Self::Capture { .. }))
    }

    /// The most bytes that it takes; `None` if there is no limit.
    pub fn max_width(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Anchor(_) | Self::Keep | Self::Look { .. } | Self::Define(_) => {
                Some(0)
            }
            Self::Set(_) => Some(1),
            Self::Newline => Some(2),
            // Perl knows no limit for these two either.
            Self::Cluster | Self::Backref { .. } | Self::Call { .. } => None,
            Self::Concat(items) => items
                .iter()
                .try_fold(0u64, |sum, n| Some(sum.saturating_add(n.max_width()?))),
            Self::Alternate(items) => items
                .iter()
                .try_fold(0u64, |most, n| Some(most.max(n.max_width()?))),
            Self::Capture { body, .. } | Self::Atomic(body) => body.max_width(),
            Self::Repeat { body, max, .. } => match (body.max_width(), max) {
                (_, Some(0)) | (Some(0), _) => Some(0),
                (Some(width), Some(max)) => Some(width.saturating_mul(u64::from(*max))),
                _ => None,
            },
            Self::Switch { yes, no, .. } => Some(yes.max_width()?.max(no.max_width()?)),
        }
    }

    /// Whether it can match the empty string.
    pub fn nullable(&self) -> bool {
        match self {
            Self::Set(_) | Self::Newline | Self::Cluster => false,
            Self::Concat(items) => items.iter().all(Node::nullable),
            Self::Alternate(items) => items.iter().any(Node::nullable),
            Self::Capture { body, .. } | Self::Atomic(body) => body.nullable(),
            Self::Repeat { body, min, .. } => *min == 0 || body.nullable(),
            Self::Switch { yes, no, .. } => yes.nullable() || no.nullable(),
            _ => true,
        }
    }

    /// The least bytes that it takes.
    pub fn min_width(&self) -> u64 {
        match self {
            Self::Set(_) | Self::Newline | Self::Cluster => 1,
            Self::Concat(items) => items
                .iter()
                .fold(0, |sum, n| n.min_width().saturating_add(sum)),
            Self::Alternate(items) => items.iter().map(Node::min_width).min().unwrap_or(0),
            Self::Capture { body, .. } | Self::Atomic(body) => body.min_width(),
            Self::Repeat { body, min, .. } => body.min_width().saturating_mul(u64::from(*min)),
            Self::Switch { yes, no, .. } => yes.min_width().min(no.min_width()),
            _ => 0,
        }
    }

    /// The states of an automaton for it, about: the number of its parts, repeated ones as often as they
    /// may be.
    pub fn states(&self) -> u64 {
        let below = self.children().into_iter();
        let sum = below.fold(1u64, |sum, n| sum.saturating_add(n.states()));
        match self {
            Self::Repeat { min, max, .. } => {
                let times = u64::from(max.unwrap_or(*min).max(1));
                sum.saturating_mul(times)
            }
            _ => sum,
        }
    }

    /// Whether it can match the empty string at any place, whatever is around.
    pub fn matches_empty_anywhere(&self) -> bool {
        match self {
            Self::Empty | Self::Define(_) => true,
            Self::Concat(items) => items.iter().all(Node::matches_empty_anywhere),
            Self::Alternate(items) => items.iter().any(Node::matches_empty_anywhere),
            Self::Capture { body, .. } => body.matches_empty_anywhere(),
            Self::Repeat {
                body, min, mode, ..
            } if *mode != Mode::Possessive => *min == 0 || body.matches_empty_anywhere(),
            _ => false,
        }
    }
}
