//! From the tree of a pattern to the machine's instructions.

use super::analyse::{begins_at_start, first_bytes, look_forward, note_asked, number_rows};
use super::program::{First, Look, Op, Program, Run, RunMode};
use crate::pattern::ast::{Mode, Node, Test};
use crate::pattern::emit::{self, Purpose};
use crate::pattern::lazy_dfa::Oracle;
use crate::pattern::perl_classes::vertical;
use crate::pattern::set::ByteSet;

/// The most instructions of a program.
const MOST: usize = 1 << 17;

/// The program of a pattern; `None` if it is too large, or captures in a look-behind.
pub(super) fn program(root: &Node, groups: usize, newlines: bool) -> Option<Program> {
    let mut compiler = Compiler {
        out: Program {
            groups,
            slots: 2 * (groups + 1) + 1,
            anchored: begins_at_start(root),
            refers: root.any(&|node| !node.refers_to().is_empty()),
            ..Program::default()
        },
        newlines,
    };
    compiler.node(root)?;
    compiler.push(Op::End)?;
    let mut program = compiler.out;
    program.asked = vec![false; groups + 1];
    note_asked(root, &mut program.asked);
    let (first, empty) = first_bytes(root);
    program.first = (!empty).then(|| First::of(first));
    look_forward(&mut program);
    number_rows(&mut program);
    Some(program)
}

struct Compiler {
    out: Program,
    newlines: bool,
}

impl Compiler {
    fn here(&self) -> usize {
        self.out.code.len()
    }

    fn push(&mut self, op: Op) -> Option<usize> {
        self.out.code.push(op);
        (self.here() <= MOST).then(|| self.here() - 1)
    }

    /// Reserves the place of an instruction whose targets are not known yet.
    fn reserve(&mut self) -> Option<usize> {
        self.push(Op::Never)
    }

    fn put(&mut self, at: usize, op: Op) {
        if let Some(place) = self.out.code.get_mut(at) {
            *place = op;
        }
    }

    fn node(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Empty | Node::Define(_) => {}
            Node::Set(set) => {
                self.push(Op::Byte(set.bits()))?;
            }
            Node::Anchor(anchor) => {
                self.push(Op::Anchor(*anchor))?;
            }
            Node::Keep => {
                self.out.keeps = true;
                self.push(Op::Save(2 * self.out.groups + 2))?;
            }
            Node::Newline => {
                self.push(Op::Newline(vertical().bits()))?;
            }
            Node::Cluster => {
                self.push(Op::Newline(ByteSet::default().negate().bits()))?;
            }
            Node::Concat(items) => items.iter().try_for_each(|item| self.node(item))?,
            Node::Alternate(branches) => self.alternate(branches)?,
            Node::Capture { number, body, .. } => {
                self.push(Op::Save(2 * number))?;
                self.node(body)?;
                self.push(Op::Save(2 * number + 1))?;
            }
            Node::Atomic(body) => self.atomic(body)?,
            Node::Look {
                behind,
                negated,
                body,
            } => self.look(*behind, *negated, body)?,
            Node::Repeat {
                body,
                min,
                max,
                mode,
                ..
            } => self.repeat(body, *min, *max, *mode)?,
            Node::Backref { groups, fold, .. } => {
                let groups = groups.clone();
                self.push(Op::Backref {
                    groups,
                    fold: *fold,
                })?;
            }
            Node::Switch { test, yes, no, .. } => self.switch(test, yes, no)?,
            Node::Call { .. } => return None,
        }
        Some(())
    }

    fn alternate(&mut self, branches: &[Node]) -> Option<()> {
        let at = self.reserve()?;
        let (mut starts, mut ends) = (Vec::new(), Vec::new());
        for branch in branches {
            starts.push(self.here());
            self.node(branch)?;
            ends.push(self.reserve()?);
        }
        let after = self.here();
        for end in ends {
            self.put(end, Op::Jump(after));
        }
        self.put(at, Op::Branch(starts));
        Some(())
    }

    fn atomic(&mut self, body: &Node) -> Option<()> {
        // There is only one way through these.
        if matches!(body, Node::Set(_) | Node::Empty | Node::Anchor(_)) {
            return self.node(body);
        }
        if let Node::Repeat {
            body,
            min,
            max,
            mode: Mode::Greedy | Mode::Possessive,
            ..
        } = body
            && let Node::Set(set) = **body
            && *max != Some(0)
        {
            return self.run(set, *min, *max, Mode::Possessive);
        }
        let at = self.reserve()?;
        self.inside(body)?;
        let after = self.here();
        self.put(at, Op::Atomic { after });
        Some(())
    }

    /// Compiles the body of a look-around or an atomic group.
    fn inside(&mut self, body: &Node) -> Option<()> {
        self.node(body)?;
        self.push(Op::Done)?;
        Some(())
    }

    fn look(&mut self, behind: bool, negated: bool, body: &Node) -> Option<()> {
        let captures = body.captures();
        if behind && captures && !negated {
            return None;
        }
        let width = |width: Option<u64>| width.and_then(|width| usize::try_from(width).ok());
        let least = width(Some(body.min_width())).unwrap_or(0);
        let most = width(body.max_width()).unwrap_or(255);
        let oracle = self.oracle(behind, body);
        let plain = oracle.is_some() && (negated || !captures);
        let depends = body.any(&|node| !node.refers_to().is_empty());
        let known = (!depends && (negated || !captures)).then_some(self.out.looks);
        self.out.looks += usize::from(known.is_some());
        let at = self.reserve()?;
        self.inside(body)?;
        let look = Look {
            behind: behind.then_some((least, most)),
            negated,
            oracle,
            plain,
            known,
            after: self.here(),
        };
        self.put(at, Op::Look(Box::new(look)));
        Some(())
    }

    /// The number of an oracle for the body of a look-around, if an automaton can match it.
    fn oracle(&mut self, behind: bool, body: &Node) -> Option<usize> {
        let purpose = match self.newlines {
            false => Purpose::Line,
            true => Purpose::Newlines,
        };
        let written = emit::emit(body, self.out.groups, purpose).ok()?;
        if written.backtracks {
            return None;
        }
        self.out.oracles.push(Oracle::new(&written.text, behind)?);
        Some(self.out.oracles.len() - 1)
    }

    fn repeat(&mut self, body: &Node, min: u32, max: Option<u32>, mode: Mode) -> Option<()> {
        if max == Some(0) {
            return Some(());
        }
        if let Node::Set(set) = body {
            return self.run(*set, min, max, mode);
        }
        if mode == Mode::Possessive {
            let at = self.reserve()?;
            self.rounds(body, min, max, false)?;
            self.push(Op::Done)?;
            let after = self.here();
            self.put(at, Op::Atomic { after });
            return Some(());
        }
        self.rounds(body, min, max, mode == Mode::Lazy)
    }

    fn run(&mut self, set: ByteSet, min: u32, max: Option<u32>, mode: Mode) -> Option<()> {
        let min = usize::try_from(min).ok()?;
        let max = max.and_then(|max| usize::try_from(max).ok());
        let run = |min, max, mode| {
            Op::Run(Box::new(Run {
                set: set.bits(),
                min,
                max,
                mode,
                next: None,
            }))
        };
        match (mode, max) {
            (_, Some(1)) if min == 1 => self.push(Op::Byte(set.bits()))?,
            (Mode::Possessive, max) => {
                self.push(run(min, max.unwrap_or(usize::MAX), RunMode::Possessive))?
            }
            (_, Some(max)) if min == max => self.push(run(min, max, RunMode::Possessive))?,
            (Mode::Lazy, Some(max)) => self.push(run(min, max, RunMode::Lazy))?,
            (Mode::Greedy, Some(max)) => self.push(run(min, max, RunMode::Greedy))?,
            // What is behind the least number does not depend on where the run began: a place in it is
            // one for all begins.
            (mode, None) => {
                match min {
                    0 => 0,
                    1 => self.push(Op::Byte(set.bits()))?,
                    _ => self.push(run(min, min, RunMode::Possessive))?,
                };
                let mode = match mode {
                    Mode::Lazy => RunMode::Lazy,
                    _ => RunMode::Greedy,
                };
                self.push(run(0, usize::MAX, mode))?
            }
        };
        Some(())
    }

    /// Compiles the rounds of a part that is no single byte.
    fn rounds(&mut self, body: &Node, min: u32, max: Option<u32>, lazy: bool) -> Option<()> {
        // What takes no bytes is tried once at most.
        if body.max_width() == Some(0) {
            return match min {
                0 => self.optional(body, lazy),
                _ => self.node(body),
            };
        }
        let Some(max) = max else {
            for _ in 1..min {
                self.node(body)?;
            }
            return match (min, body.nullable()) {
                (0, false) => self.star(body, lazy),
                (0, true) => {
                    let at = self.reserve()?;
                    self.plus(body, lazy)?;
                    let ways = ways(at + 1, self.here(), lazy);
                    self.put(at, Op::Split(ways));
                    Some(())
                }
                _ => self.plus(body, lazy),
            };
        };
        for _ in 0..min {
            self.node(body)?;
        }
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.reserve()?);
            self.node(body)?;
        }
        let out = self.here();
        for at in splits {
            self.put(at, Op::Split(ways(at + 1, out, lazy)));
        }
        Some(())
    }

    fn optional(&mut self, body: &Node, lazy: bool) -> Option<()> {
        let at = self.reserve()?;
        self.node(body)?;
        let ways = ways(at + 1, self.here(), lazy);
        self.put(at, Op::Split(ways));
        Some(())
    }

    fn star(&mut self, body: &Node, lazy: bool) -> Option<()> {
        let at = self.reserve()?;
        self.node(body)?;
        self.push(Op::Jump(at))?;
        let ways = ways(at + 1, self.here(), lazy);
        self.put(at, Op::Split(ways));
        Some(())
    }

    /// Compiles one round or more.
    fn plus(&mut self, body: &Node, lazy: bool) -> Option<()> {
        let nullable = body.nullable();
        let slot = self.out.slots;
        let start = self.here();
        if nullable {
            self.out.slots += 1;
            self.push(Op::Save(slot))?;
        }
        self.node(body)?;
        let stuck = match nullable {
            true => Some(self.reserve()?),
            false => None,
        };
        let at = self.reserve()?;
        let out = self.here();
        self.put(at, Op::Split(ways(start, out, lazy)));
        if let Some(stuck) = stuck {
            self.put(stuck, Op::Stuck { slot, out });
        }
        Some(())
    }

    fn switch(&mut self, test: &Test, yes: &Node, no: &Node) -> Option<()> {
        match test {
            Test::Set(groups) => {
                let at = self.reserve()?;
                self.node(yes)?;
                let end = self.reserve()?;
                let groups = groups.clone();
                let other = self.here();
                self.put(at, Op::Test { groups, no: other });
                self.node(no)?;
                let after = self.here();
                self.put(end, Op::Jump(after));
                Some(())
            }
            Test::Look(look) => self.alternate(&Node::look_branches(look, yes, no)),
        }
    }
}

/// The order of the two ways of a loop: the body first, unless it is lazy.
fn ways(body: usize, out: usize, lazy: bool) -> [usize; 2] {
    match lazy {
        false => [body, out],
        true => [out, body],
    }
}
