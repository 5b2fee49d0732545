//! From the tree of a pattern to the steps that match it.

use super::chain::Chain;
use super::class::Class;
use super::literal::Needle;
use super::steps::{Ahead, Next, Repeat, SetRepeat, Split, Step};
use crate::pattern::ast::{Anchor, Mode, Node};
use crate::pattern::set::ByteSet;

/// The most steps of a program: a longer one is left to the engines.
const MOST_STEPS: usize = 400;
/// The most copies of a repeated part.
const MOST_COPIES: u32 = 32;

/// The steps of a pattern, and whether it begins at the start of the subject; `None` if it needs an
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

/// Appends the steps of a part; `None` if it needs an engine.
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
                    run: SetRepeat {
                        class: Class::of(*set),
                        min: *min,
                        max: max.unwrap_or(u32::MAX),
                        back: 0,
                    },
                    lazy: *mode == Mode::Lazy,
                    next: Next::Any,
                    ahead: Ahead::default(),
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

/// Appends the rounds of a repeated part.
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
            ahead: [Ahead::default(); 2],
            words: [Vec::new(), Vec::new()],
        }
    }
}

/// Notes in each repeat and split what must come behind it, and turns repeats with one end into runs.
fn look_ahead(steps: &mut [Step]) {
    let mut room = Vec::new();
    for at in 0..steps.len() {
        match &steps[at] {
            Step::Split(split) => {
                let ahead = split.ways.map(|way| ahead(steps, way, &mut room));
                let words = split.ways.map(|way| words(steps, way));
                if let Step::Split(split) = &mut steps[at] {
                    (split.ahead, split.words) = (ahead, words);
                }
            }
            Step::Repeat(_) => {
                let next = next(steps, at + 1, &mut room);
                if let Step::Repeat(repeat) = &mut steps[at] {
                    (repeat.next, repeat.ahead) = next;
                }
            }
            _ => {}
        }
    }
    for at in 0..steps.len() {
        if let Step::Repeat(repeat) = &steps[at] {
            let until = || last(steps, at + 1).and_then(|last| repeat.until(last));
            let run = repeat.with_one_end().map(Step::Run);
            if let Some(run) = run.or_else(|| until().map(Step::Until)) {
                steps[at] = run;
            }
        }
    }
}

/// The first step from `at` on that takes bytes or asks for something.
fn pass(steps: &[Step], mut at: usize) -> usize {
    loop {
        at = match steps.get(at) {
            Some(Step::Open(_) | Step::Close(_)) => at + 1,
            Some(&Step::Jump(to)) => to,
            _ => return at,
        };
    }
}

/// The length of the literal at this step, if the pattern ends with it and the end of the subject.
fn last(steps: &[Step], at: usize) -> Option<u32> {
    let at = pass(steps, at);
    let Some(Step::Literal(bytes)) = steps.get(at) else {
        return None;
    };
    match steps.get(pass(steps, at + 1)) {
        Some(Step::AtEnd) => u32::try_from(bytes.len()).ok(),
        _ => None,
    }
}

/// What must come at this step.
fn next(steps: &[Step], mut at: usize, room: &mut Vec<bool>) -> (Next, Ahead) {
    let ahead = ahead(steps, at, room);
    at = pass(steps, at);
    let next = match steps.get(at) {
        None => Next::Nothing,
        Some(Step::AtEnd) => Next::End,
        Some(Step::Literal(bytes)) => Next::Literal(Needle::new(bytes)),
        _ if ahead.at_end || ahead.anything => Next::Any,
        _ => Next::Set(ahead.bytes.bits()),
    };
    (next, ahead)
}

/// The literals that must come at this step, up to eight bytes of them.
fn words(steps: &[Step], mut at: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < 8 {
        at = pass(steps, at);
        let Some(Step::Literal(more)) = steps.get(at) else {
            break;
        };
        bytes.extend_from_slice(more);
        at += 1;
    }
    bytes.truncate(8);
    bytes
}

/// What can come where the step at `at` is taken. `seen` is reused memory for the steps visited.
fn ahead(steps: &[Step], at: usize, seen: &mut Vec<bool>) -> Ahead {
    let mut found = Ahead::default();
    seen.clear();
    seen.resize(steps.len() + 1, false);
    let mut ways = vec![at];
    while let Some(at) = ways.pop() {
        if std::mem::replace(&mut seen[at], true) {
            continue;
        }
        let (set, may_be_none) = match steps.get(at) {
            Some(Step::Literal(bytes)) => {
                let first = bytes.iter().take(1);
                let set = first.fold(ByteSet::default(), |_, &byte| ByteSet::range(byte, byte));
                (set, bytes.is_empty())
            }
            Some(Step::One(class)) => (class.set, false),
            Some(Step::Run(run) | Step::Until(run)) => (run.class.set, run.min == 0),
            Some(Step::Repeat(repeat)) => (repeat.run.class.set, repeat.run.min == 0),
            Some(Step::Split(split)) => {
                ways.extend(split.ways);
                continue;
            }
            Some(&Step::Jump(to)) => {
                ways.push(to);
                continue;
            }
            Some(Step::Open(_) | Step::Close(_)) => (ByteSet::default(), true),
            Some(Step::AtEnd) => {
                found.at_end = true;
                continue;
            }
            Some(Step::AtStart | Step::Chain(_)) | None => {
                found.anything = true;
                continue;
            }
        };
        found.bytes = found.bytes.union(set);
        if may_be_none {
            ways.push(at + 1);
        }
    }
    found
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
