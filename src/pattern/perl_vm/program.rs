//! The program of a pattern for the machine, with loops of the kinds that Perl has.

use crate::pattern::ast::{Anchor, Mode, Node, Test};
use crate::pattern::perl_classes::vertical;
use crate::pattern::perl_loops::is_fixed;
use crate::pattern::set::ByteSet;

/// Instructions in a row; each goes on at the next unless it says otherwise.
#[derive(Debug)]
pub(super) struct Program {
    /// The instructions.
    pub code: Vec<Op>,
    /// Number of groups.
    pub groups: usize,
    /// The group that was closed last, as Perl counts where a loop's groups begin.
    last_closed: usize,
}

/// How often a loop goes round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub min: usize,
    pub max: usize,
    pub lazy: bool,
}

/// An instruction.
#[derive(Debug)]
pub(super) enum Op {
    /// A byte of the set.
    Byte(ByteSet),
    /// A place in the subject.
    Anchor(Anchor),
    /// `\K`.
    Keep,
    /// CR LF, or a byte of the set.
    Newline(ByteSet),
    /// The start of a group.
    Open(usize),
    /// The end of a group.
    Close(usize),
    /// Goes on at the first of these that leads to a match.
    Branch(Vec<usize>),
    /// Goes on elsewhere.
    Jump(usize),
    /// Single bytes (Perl's CURLY), perhaps with a group around each (CURLYN).
    Bytes {
        set: ByteSet,
        bounds: Bounds,
        group: Option<usize>,
        /// The character that must come next, if there is only one: Perl looks for it before it goes on.
        next: Option<ByteSet>,
    },
    /// A body of fixed width (CURLYM), perhaps with a group around it.
    Fixed {
        bounds: Bounds,
        group: Option<usize>,
        body: usize,
        after: usize,
        /// The character that must come next, as in `Bytes`.
        next: Option<ByteSet>,
    },
    /// Any other loop (CURLYX). `turn` is the `RoundEnd` where each round ends.
    Loop {
        bounds: Bounds,
        /// The last group before the loop: groups up to it are not of the loop.
        floor: usize,
        turn: usize,
        after: usize,
    },
    /// The end of a round (WHILEM).
    RoundEnd,
    /// A look-around, whose body follows up to `Done`.
    Look {
        /// The least and the most bytes that it looks back.
        behind: Option<(usize, usize)>,
        negated: bool,
        after: usize,
    },
    /// An atomic group, whose body follows up to `Done`.
    Atomic { after: usize },
    /// What the first of the groups holds that is set.
    Backref { groups: Vec<usize>, fold: bool },
    /// Goes on if one of the groups is set, else elsewhere.
    Test { groups: Vec<usize>, no: usize },
    /// Always fails.
    Never,
    /// The end of the body of `Look`, `Atomic` and `Fixed`.
    Done,
    /// The end of the pattern.
    End,
}

impl Program {
    pub(super) fn new(root: &Node, groups: usize) -> Self {
        let mut program = Self {
            code: Vec::new(),
            groups,
            last_closed: 0,
        };
        program.node(root);
        program.code.push(Op::End);
        program.look_forward();
        program
    }

    /// Notes in each simple loop the character that must follow it.
    fn look_forward(&mut self) {
        for at in 0..self.code.len() {
            let from = match &self.code[at] {
                Op::Bytes { .. } => at + 1,
                Op::Fixed { after, .. } => *after,
                _ => continue,
            };
            let found = self.literal_at(from);
            if let Op::Bytes { next, .. } | Op::Fixed { next, .. } = &mut self.code[at] {
                *next = found;
            }
        }
    }

    /// The character that must come at an instruction, if Perl would see it.
    fn literal_at(&self, mut at: usize) -> Option<ByteSet> {
        loop {
            match &self.code[at] {
                Op::Open(_) | Op::Close(_) | Op::Keep | Op::Atomic { .. } => at += 1,
                Op::Jump(to) => at = *to,
                Op::Byte(set) => return Some(*set).filter(is_character),
                Op::Bytes { set, bounds, .. } if bounds.min > 0 => {
                    return Some(*set).filter(is_character);
                }
                _ => return None,
            }
        }
    }

    fn here(&self) -> usize {
        self.code.len()
    }

    /// Reserves the place of an instruction whose targets are not known yet.
    fn reserve(&mut self) -> usize {
        self.code.push(Op::Never);
        self.here() - 1
    }

    fn node(&mut self, node: &Node) {
        match node {
            Node::Empty | Node::Define(_) => {}
            Node::Set(set) => self.code.push(Op::Byte(*set)),
            Node::Anchor(anchor) => self.code.push(Op::Anchor(*anchor)),
            Node::Keep => self.code.push(Op::Keep),
            Node::Newline => self.code.push(Op::Newline(vertical())),
            Node::Cluster => self.code.push(Op::Newline(ByteSet::default().negate())),
            Node::Concat(items) => items.iter().for_each(|n| self.node(n)),
            Node::Alternate(branches) => self.alternate(branches),
            Node::Capture { number, body, .. } => {
                self.code.push(Op::Open(*number));
                self.node(body);
                self.code.push(Op::Close(*number));
                self.last_closed = *number;
            }
            Node::Atomic(body) => self.atomic(body),
            Node::Look {
                behind,
                negated,
                body,
            } => self.look(*behind, *negated, body),
            Node::Repeat {
                body,
                min,
                max,
                mode,
                ..
            } => self.repeat(body, *min, *max, *mode),
            Node::Backref { groups, fold, .. } => self.code.push(Op::Backref {
                groups: groups.clone(),
                fold: *fold,
            }),
            Node::Switch { test, yes, no, .. } => self.switch(test, yes, no),
            Node::Call { .. } => self.code.push(Op::Never),
        }
    }

    fn alternate(&mut self, branches: &[Node]) {
        let at = self.reserve();
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        for branch in branches {
            starts.push(self.here());
            self.node(branch);
            ends.push(self.reserve());
        }
        let after = self.here();
        for end in ends {
            self.code[end] = Op::Jump(after);
        }
        self.code[at] = Op::Branch(starts);
    }

    fn atomic(&mut self, body: &Node) {
        let at = self.reserve();
        self.node(body);
        self.code.push(Op::Done);
        self.code[at] = Op::Atomic { after: self.here() };
    }

    fn look(&mut self, behind: bool, negated: bool, body: &Node) {
        let at = self.reserve();
        self.node(body);
        self.code.push(Op::Done);
        let least = usize::try_from(body.min_width()).ok();
        let most = body.max_width().and_then(|w| usize::try_from(w).ok());
        self.code[at] = Op::Look {
            behind: behind.then(|| (least.unwrap_or(0), most.unwrap_or(255))),
            negated,
            after: self.here(),
        };
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, mode: Mode) {
        if max == Some(0) {
            return;
        }
        if mode == Mode::Possessive {
            let at = self.reserve();
            self.repeat(body, min, max, Mode::Greedy);
            self.code.push(Op::Done);
            self.code[at] = Op::Atomic { after: self.here() };
            return;
        }
        let bounds = Bounds {
            min: usize::try_from(min).unwrap_or(usize::MAX),
            max: max.map_or(usize::MAX, |m| usize::try_from(m).unwrap_or(usize::MAX)),
            lazy: mode == Mode::Lazy,
        };
        let (inner, group) = match body {
            Node::Capture { number, body, .. } => (body.as_ref(), Some(*number)),
            _ => (body, None),
        };
        if let Node::Set(set) = inner {
            self.code.push(Op::Bytes {
                set: *set,
                bounds,
                group,
                next: None,
            });
        } else if is_fixed(inner) {
            self.fixed(inner, bounds, group);
        } else {
            self.general(body, bounds);
            return;
        }
        self.last_closed = group.unwrap_or(self.last_closed);
    }

    fn fixed(&mut self, inner: &Node, bounds: Bounds, group: Option<usize>) {
        let at = self.reserve();
        let body = self.here();
        self.node(inner);
        self.code.push(Op::Done);
        self.code[at] = Op::Fixed {
            bounds,
            group,
            body,
            after: self.here(),
            next: None,
        };
    }

    fn general(&mut self, body: &Node, bounds: Bounds) {
        let floor = self.last_closed;
        let at = self.reserve();
        self.node(body);
        self.code.push(Op::RoundEnd);
        self.code[at] = Op::Loop {
            bounds,
            floor,
            turn: self.here() - 1,
            after: self.here(),
        };
    }

    fn switch(&mut self, test: &Test, yes: &Node, no: &Node) {
        match test {
            Test::Set(groups) => {
                let at = self.reserve();
                self.node(yes);
                let end = self.reserve();
                self.code[at] = Op::Test {
                    groups: groups.clone(),
                    no: self.here(),
                };
                self.node(no);
                self.code[end] = Op::Jump(self.here());
            }
            Test::Look(look) => {
                self.alternate(&Node::look_branches(look, yes, no));
            }
        }
    }
}

/// Whether a set is one character, or both cases of one.
fn is_character(set: &ByteSet) -> bool {
    let mut members = (0..=255u8).filter(|&b| set.contains(b));
    match (members.next(), members.next(), members.next()) {
        (Some(_), None, None) => true,
        (Some(upper), Some(lower), None) => {
            upper.is_ascii_uppercase() && lower == upper.to_ascii_lowercase()
        }
        _ => false,
    }
}
