//! From the tree of a pattern to the steps that match it.

use super::chain::{Chain, Needle};
use super::class::Class;
use super::steps::{Next, Repeat, Run, Split, Step};
use crate::pattern::ast::{Anchor, Mode, Node};
use crate::pattern::set::ByteSet;

/// Longer programs are left to the engine.
const MOST_STEPS: usize = 400;
/// A part is written out so often at most.
const MOST_COPIES: u32 = 32;
/// So far a choice looks ahead.
const DEPTH: usize = 24;

/// The steps of a pattern, and whether it begins at the start of the subject; nothing if it needs an
/// engine.
pub(super) fn steps(root: &Node) -> Option<(Vec<Step>, bool)> {
    let mut anchored = false;
    let mut steps = Vec::new();
    add(&without_start(root, &mut anchored), &mut steps)?;
    if steps.len() > MOST_STEPS {
        return None;
    }
    join(&mut steps, anchored);
    look_ahead(&mut steps);
    Chain::replace(&mut steps);
    Some((steps, anchored))
}

/// The pattern without the anchor that it begins with.
fn without_start(root: &Node, anchored: &mut bool) -> Node {
    match root {
        Node::Anchor(Anchor::Start) => {
            *anchored = true;
            Node::Empty
        }
        Node::Concat(items) => {
            let mut items = items.clone();
            if let Some(first) = items.first_mut() {
                *first = without_start(first, anchored);
            }
            Node::Concat(items)
        }
        other => other.clone(),
    }
}

/// Appends the steps of a part; nothing if it needs an engine.
fn add(node: &Node, steps: &mut Vec<Step>) -> Option<()> {
    match node {
        Node::Empty => {}
        Node::Anchor(Anchor::Start | Anchor::LineStart) => steps.push(Step::AtStart),
        Node::Anchor(Anchor::End | Anchor::EndOrNewline | Anchor::LineEnd) => {
            steps.push(Step::AtEnd);
        }
        Node::Set(set) => match set.single() {
            Some(byte) => steps.push(Step::Literal(Box::new([byte]))),
            None => steps.push(Step::One(Class::of(*set))),
        },
        Node::Concat(items) => items.iter().try_for_each(|item| add(item, steps))?,
        Node::Capture { number, body, .. } => {
            steps.push(Step::Open(*number));
            add(body, steps)?;
            steps.push(Step::Close(*number));
        }
        Node::Repeat {
            body,
            min,
            max,
            mode,
            ..
        } => match (&**body, min, max) {
            (_, 1, Some(1)) => add(body, steps)?,
            (Node::Set(set), _, _) if *mode != Mode::Possessive => {
                steps.push(Step::Repeat(Box::new(Repeat {
                    run: Run {
                        class: Class::of(*set),
                        min: *min,
                        max: max.unwrap_or(u32::MAX),
                    },
                    lazy: *mode == Mode::Lazy,
                    next: Next::Any,
                })))
            }
            (_, _, _) if *mode != Mode::Possessive && !body.nullable() => {
                rounds(body, *min, *max, *mode, steps)?;
            }
            _ => return None,
        },
        Node::Alternate(branches) => alternate(branches, steps)?,
        _ => return None,
    }
    (steps.len() <= MOST_STEPS).then_some(())
}

/// A part that is there several times.
fn rounds(
    body: &Node,
    min: u32,
    max: Option<u32>,
    mode: Mode,
    steps: &mut Vec<Step>,
) -> Option<()> {
    if min.max(max.unwrap_or(0)) > MOST_COPIES {
        return None;
    }
    for _ in 0..min {
        add(body, steps)?;
    }
    let mut splits = Vec::new();
    match max {
        Some(max) => {
            for _ in min..max {
                splits.push(steps.len());
                steps.push(Step::Jump(0));
                add(body, steps)?;
            }
        }
        None => {
            let again = steps.len();
            splits.push(again);
            steps.push(Step::Jump(0));
            add(body, steps)?;
            steps.push(Step::Jump(again));
        }
    }
    let end = steps.len();
    for split in splits {
        let ways = match mode {
            Mode::Lazy => [end, split + 1],
            _ => [split + 1, end],
        };
        steps[split] = Step::Split(Box::new(Split::new(ways)));
    }
    (steps.len() <= MOST_STEPS).then_some(())
}

fn alternate(branches: &[Node], steps: &mut Vec<Step>) -> Option<()> {
    let (last, others) = branches.split_last()?;
    let mut jumps = Vec::new();
    for branch in others {
        let split = steps.len();
        steps.push(Step::Jump(0));
        add(branch, steps)?;
        jumps.push(steps.len());
        steps.push(Step::Jump(0));
        steps[split] = Step::Split(Box::new(Split::new([split + 1, steps.len()])));
    }
    add(last, steps)?;
    for jump in jumps {
        steps[jump] = Step::Jump(steps.len());
    }
    Some(())
}

impl Split {
    fn new(ways: [usize; 2]) -> Self {
        Self {
            ways,
            first: [None, None],
        }
    }
}

/// Tells each step what must come behind it.
fn look_ahead(steps: &mut [Step]) {
    for at in 0..steps.len() {
        if let Some(Step::Split(split)) = steps.get(at) {
            let first = split
                .ways
                .map(|way| first(steps, way, DEPTH).map(ByteSet::bits));
            if let Some(Step::Split(split)) = steps.get_mut(at) {
                split.first = first;
            }
        }
    }
    for at in 0..steps.len() {
        let mut behind = at + 1;
        while let Some(step) = steps.get(behind) {
            behind = match step {
                Step::Open(_) | Step::Close(_) => behind + 1,
                &Step::Jump(to) => to,
                _ => break,
            };
        }
        let next = next(steps, behind);
        if let Some(Step::Repeat(repeat)) = steps.get_mut(at) {
            repeat.next = next;
        }
    }
    for at in 0..steps.len() {
        if let Some(Step::Repeat(repeat)) = steps.get(at)
            && repeat.has_one_end()
        {
            let Run { class, min, max } = &repeat.run;
            let (class, min, max) = (class.clone(), *min, *max);
            steps[at] = Step::Run(Run { class, min, max });
        }
    }
}

/// What must come at this step.
fn next(steps: &[Step], at: usize) -> Next {
    match (steps.get(at), first(steps, at, DEPTH)) {
        (None, _) => Next::Nothing,
        (Some(Step::AtEnd), _) => Next::End,
        (Some(Step::Literal(bytes)), _) => Next::Literal(Needle::new(bytes)),
        (_, None) => Next::Any,
        (_, Some(set)) => Next::Set(Box::new(set)),
    }
}

/// The bytes that a match of the steps from `at` on can begin with; `None` if it may be empty.
fn first(steps: &[Step], at: usize, depth: usize) -> Option<ByteSet> {
    let depth = depth.checked_sub(1)?;
    match steps.get(at)? {
        Step::Literal(bytes) => bytes.first().map(|&byte| ByteSet::range(byte, byte)),
        Step::One(class) => Some(class.set),
        Step::Run(run) => run_first(run, steps, at, depth),
        Step::Repeat(repeat) => run_first(&repeat.run, steps, at, depth),
        Step::Split(split) => {
            let [one, other] = split.ways;
            Some(first(steps, one, depth)?.union(first(steps, other, depth)?))
        }
        &Step::Jump(to) => first(steps, to, depth),
        Step::Open(_) | Step::Close(_) => first(steps, at + 1, depth),
        Step::AtStart | Step::AtEnd | Step::Chain(_) => None,
    }
}

fn run_first(run: &Run, steps: &[Step], at: usize, depth: usize) -> Option<ByteSet> {
    if run.min > 0 {
        return Some(run.class.set);
    }
    let behind = first(steps, at + 1, depth)?;
    Some(behind.union(run.class.set))
}

/// Makes one literal of several that stand side by side, and moves the targets of jumps accordingly.
/// Where the pattern begins at the start of the subject, the first blank ends a literal: what is before
/// it is often known to match.
fn join(steps: &mut Vec<Step>, anchored: bool) {
    let mut blank = !anchored;
    let mut targets = vec![false; steps.len() + 1];
    for step in steps.iter() {
        match step {
            Step::Split(split) => split.ways.iter().for_each(|&to| targets[to] = true),
            &Step::Jump(to) => targets[to] = true,
            _ => {}
        }
    }
    let mut moved = Vec::with_capacity(steps.len() + 1);
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for (at, step) in steps.drain(..).enumerate() {
        match (joined.last_mut(), step) {
            (Some(Step::Literal(bytes)), Step::Literal(more))
                if !targets[at] && (blank || !bytes.ends_with(b" ")) =>
            {
                let both = [&bytes[..], &more[..]].concat();
                *bytes = both.into();
                moved.push(joined.len() - 1);
            }
            (last, step) => {
                blank |= match (last, &step) {
                    (Some(Step::Literal(bytes)), _) if bytes.ends_with(b" ") => true,
                    // The blank may be in there.
                    (_, Step::Repeat(repeat)) => repeat.run.class.contains(b' '),
                    _ => false,
                };
                moved.push(joined.len());
                joined.push(step);
            }
        }
    }
    moved.push(joined.len());
    for step in &mut joined {
        match step {
            Step::Split(split) => split.ways = split.ways.map(|to| moved[to]),
            Step::Jump(to) => *to = moved[*to],
            _ => {}
        }
    }
    *steps = joined;
}
