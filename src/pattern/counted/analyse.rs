//! What the compiler finds out about a pattern and its instructions: how a match begins, what must follow
//! a run, and which failures can be remembered.

use super::program::{Op, Program, Row, RunMode};
use crate::pattern::ast::{Anchor, Node};
use crate::pattern::perl_classes::vertical;
use crate::pattern::set::ByteSet;

/// Notes the groups that backreferences and conditionals ask for.
pub(super) fn note_asked(node: &Node, asked: &mut [bool]) {
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
pub(super) fn begins_at_start(node: &Node) -> bool {
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
pub(super) fn first_bytes(node: &Node) -> (ByteSet, bool) {
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

/// Notes in each run the bytes that must follow it.
pub(super) fn look_forward(program: &mut Program) {
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
pub(super) fn number_rows(program: &mut Program) {
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

/// By instruction whether nothing that follows asks what a group holds.
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
