//! From the tree of a pattern to the machine's instructions.

use super::program::{First, Look, Op, Program, Row, Run, RunMode};
use crate::pattern::ast::{Anchor, Mode, Node, Test};
use crate::pattern::automaton::Oracle;
use crate::pattern::emit::{self, Purpose};
use crate::pattern::parse::{strip_captures, vertical};
use crate::pattern::set::ByteSet;

/// More instructions than these are not made.
const MOST: usize = 1 << 17;

/// The instructions of a pattern; `None` if it is too large, or captures while it looks behind.
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

    /// Room for an instruction whose targets are not known yet.
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

    /// What a look-around or an atomic group holds.
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

    /// What tells of all places at once where this is found, if an automaton can.
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
            // Where the rest begins counts not: so a place in it is one place for all of them.
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

    /// Rounds of what is no single byte.
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

    /// One round or more.
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
            Test::Look(look) => {
                let mut opposite = look.as_ref().clone();
                strip_captures(&mut opposite);
                match &mut opposite {
                    Node::Look { negated, .. } => *negated = !*negated,
                    _ => opposite = Node::Empty,
                }
                let yes = Node::Concat(vec![look.as_ref().clone(), yes.clone()]);
                let no = Node::Concat(vec![opposite, no.clone()]);
                self.alternate(&[yes, no])
            }
        }
    }
}

/// The body first, unless it is lazy.
fn ways(body: usize, out: usize, lazy: bool) -> [usize; 2] {
    match lazy {
        false => [body, out],
        true => [out, body],
    }
}

/// Notes the groups that somebody asks for.
fn note_asked(node: &Node, asked: &mut [bool]) {
    for &group in node.refers_to() {
        if let Some(asked) = asked.get_mut(group) {
            *asked = true;
        }
    }
    node.children()
        .into_iter()
        .for_each(|child| note_asked(child, asked));
}

/// Whether a match can only begin at the start of the subject.
fn begins_at_start(node: &Node) -> bool {
    match node {
        Node::Anchor(Anchor::Start) => true,
        Node::Concat(items) => items.first().is_some_and(begins_at_start),
        Node::Alternate(branches) => !branches.is_empty() && branches.iter().all(begins_at_start),
        Node::Capture { body, .. } | Node::Atomic(body) => begins_at_start(body),
        Node::Repeat { body, min, .. } => *min > 0 && begins_at_start(body),
        _ => false,
    }
}

/// The bytes that a match can begin with, and whether it may have none.
fn first_bytes(node: &Node) -> (ByteSet, bool) {
    let any = (ByteSet::default().negate(), true);
    match node {
        Node::Set(set) => (*set, false),
        Node::Newline => (vertical(), false),
        Node::Cluster => (ByteSet::default().negate(), false),
        Node::Concat(items) => {
            let mut first = ByteSet::default();
            for item in items {
                let (set, empty) = first_bytes(item);
                first = first.union(set);
                if !empty {
                    return (first, false);
                }
            }
            (first, true)
        }
        Node::Alternate(branches) => branches.iter().map(first_bytes).fold(
            (ByteSet::default(), false),
            |(first, some), (set, empty)| (first.union(set), some || empty),
        ),
        Node::Capture { body, .. } | Node::Atomic(body) => first_bytes(body),
        Node::Repeat { max: Some(0), .. } => (ByteSet::default(), true),
        Node::Repeat { body, min, .. } => {
            let (set, empty) = first_bytes(body);
            (set, empty || *min == 0)
        }
        Node::Switch { .. } | Node::Backref { .. } | Node::Call { .. } => any,
        Node::Empty | Node::Anchor(_) | Node::Keep | Node::Look { .. } | Node::Define(_) => {
            (ByteSet::default(), true)
        }
    }
}

/// Tells each run what must come behind it, where that is a byte.
fn look_forward(program: &mut Program) {
    for at in 0..program.code.len() {
        if !matches!(program.code[at], Op::Run(_)) {
            continue;
        }
        let mut behind = at + 1;
        let next = loop {
            match program.code.get(behind) {
                Some(Op::Save(_)) => behind += 1,
                Some(Op::Jump(to)) if *to > behind => behind = *to,
                Some(Op::Byte(set)) => break Some(*set),
                Some(Op::Run(run)) if run.min > 0 => break Some(run.set),
                _ => break None,
            }
        };
        if let Op::Run(run) = &mut program.code[at] {
            run.next = next;
        }
    }
}

/// Gives a row to each instruction with a choice whose outcome depends on the place alone.
fn number_rows(program: &mut Program) {
    let free = free_of_groups(program);
    program.rows = vec![Row::None; program.code.len()];
    // What stands inside of look-around and atomic groups may have succeeded, and what follows failed.
    let mut inside_until = 0;
    for (at, (op, &free)) in program.code.iter().zip(&free).enumerate() {
        let choice = match op {
            Op::Run(run) => run.mode != RunMode::Possessive,
            Op::Split(_) | Op::Branch(_) | Op::Look(_) | Op::Atomic { .. } => true,
            _ => false,
        };
        if choice && at >= inside_until {
            let (count, kind): (_, fn(u32) -> Row) = match free {
                true => (&mut program.row_count, Row::Bits),
                false => (&mut program.stamp_rows, Row::Stamps),
            };
            program.rows[at] = u32::try_from(*count).map_or(Row::None, kind);
            *count += 1;
        }
        let after = match op {
            Op::Look(look) => look.after,
            Op::Atomic { after } => *after,
            _ => 0,
        };
        inside_until = inside_until.max(after);
    }
}

/// By instruction whether what follows never asks what a group holds.
fn free_of_groups(program: &Program) -> Vec<bool> {
    let mut free = vec![true; program.code.len()];
    if !program.refers {
        return free;
    }
    // Loops lead back: until nothing changes.
    let mut changed = true;
    while std::mem::take(&mut changed) {
        for at in (0..program.code.len()).rev() {
            let is = |to: usize| free.get(to).copied().unwrap_or(false);
            let now = match &program.code[at] {
                Op::Backref { .. } | Op::Test { .. } => false,
                Op::Split(ways) => ways.iter().all(|&to| is(to)),
                Op::Branch(ways) => ways.iter().all(|&to| is(to)),
                Op::Jump(to) => is(*to),
                Op::Stuck { out, .. } => is(*out) && is(at + 1),
                // A group may be asked for inside as well as behind.
                Op::Look(look) => is(at + 1) && is(look.after),
                Op::Atomic { after } => is(at + 1) && is(*after),
                Op::End | Op::Done | Op::Never => true,
                _ => is(at + 1),
            };
            if free[at] && !now {
                free[at] = false;
                changed = true;
            }
        }
    }
    free
}
