//! Notes for the writer of a pattern, and what else the tree tells of it: groups in groups, groups in loops,
//! and whether it matches everything.

use std::collections::BTreeSet;

use super::ast::{Anchor, Mode, Node};
use super::diagnostic::{Note, NoteKind};
use super::perl_loops::leaks;
use super::set::ByteSet;

/// Notes on the groups of a pattern.
pub(super) fn on_groups(root: &Node) -> Vec<Note> {
    let mut notes = Vec::new();
    nested(root, false, &mut notes);
    loops(root, &mut notes);
    notes.dedup();
    notes
}

fn nested(node: &Node, inside: bool, notes: &mut Vec<Note>) {
    let capture = matches!(node, Node::Capture { .. });
    if let (true, Node::Capture { number, span, .. }) = (inside, node) {
        notes.push(Note {
            kind: NoteKind::NestedCaptures,
            span: *span,
            message: format!("group {number} is inside another group: only the outer one counts"),
            hint: Some("write `(?:...)` for a group that need not capture".into()),
        });
    }
    for child in node.children() {
        nested(child, inside || capture, notes);
    }
}

/// By group the group directly around it.
pub(super) fn parents(root: &Node, groups: usize) -> Vec<Option<usize>> {
    let mut found: Vec<Option<Option<usize>>> = vec![None; groups + 1];
    note_parents(root, None, &mut found);
    found.into_iter().map(Option::flatten).collect()
}

fn note_parents(node: &Node, around: Option<usize>, found: &mut [Option<Option<usize>>]) {
    let mut inside = around;
    if let Node::Capture { number, .. } = node {
        if let Some(slot) = found.get_mut(*number) {
            *slot = match *slot {
                Some(other) if other != around => Some(None),
                _ => Some(around),
            };
        }
        inside = Some(*number);
    }
    for child in node.children() {
        note_parents(child, inside, found);
    }
}

/// The note on a pattern that `regex` cannot run, with the reasons.
pub(super) fn slow_engine(root: &Node, length: usize) -> Note {
    let has = |is: &dyn Fn(&Node) -> bool| root.any(is);
    let is_look =
        |behind: bool| move |n: &Node| matches!(n, Node::Look { behind: b, .. } if *b == behind);
    let possessive = |n: &Node| {
        matches!(
            n,
            Node::Repeat {
                mode: Mode::Possessive,
                ..
            }
        )
    };
    let latin1 = |n: &Node| matches!(n, Node::Anchor(Anchor::Word { latin1: true, .. }));
    let reasons: Vec<&str> = [
        (has(&is_look(false)), "look-ahead"),
        (has(&is_look(true)), "look-behind"),
        (
            has(&|n| matches!(n, Node::Backref { .. })),
            "a backreference",
        ),
        (has(&|n| matches!(n, Node::Atomic(_))), "an atomic group"),
        (has(&possessive), "a possessive quantifier"),
        (has(&|n| matches!(n, Node::Switch { .. })), "a conditional"),
        (has(&latin1), "a word boundary under Unicode rules"),
    ]
    .into_iter()
    .filter_map(|(there, name)| there.then_some(name))
    .collect();
    Note {
        kind: NoteKind::SlowEngine,
        span: (0, length),
        message: format!(
            "this pattern needs the slower engine, for {}",
            reasons.join(", ")
        ),
        hint: Some("it works; a plainer pattern is faster and has no limit".into()),
    }
}

/// Finds the loops in which Perl's value of a capture is an accident of its optimizer: the body can
/// match empty, a capture in it is not set in every round, or one that a failed round set is kept. So
/// too captures in `(?!...)`.
fn loops(node: &Node, notes: &mut Vec<Note>) {
    // Perl unsets nothing of what was set in a part to which there is no way back.
    let sealed = match node {
        Node::Atomic(_) | Node::Look { negated: false, .. } => true,
        Node::Repeat { mode, .. } => *mode == Mode::Possessive,
        _ => false,
    };
    if sealed && captures(node).len() > always(node).len() {
        let why = "may keep what was set on a way that failed";
        note_captures(node, node, &always(node), why, notes);
    }
    match node {
        Node::Repeat { body, max, .. } if max.is_none_or(|m| m > 1) => {
            let choice = body.any(&|n| matches!(n, Node::Alternate(_)));
            let set = always(body);
            if body.nullable() && (body.captures() || choice) {
                let why = "is in a loop whose rounds may take nothing";
                note_captures(body, node, &BTreeSet::new(), why, notes);
            } else if captures(body).len() > set.len() {
                let why = "is not set in each round of its loop";
                note_captures(body, node, &set, why, notes);
            } else if leaks(body) {
                let around = match **body {
                    Node::Capture { number, .. } => BTreeSet::from([number]),
                    _ => BTreeSet::new(),
                };
                let why = "may keep what was set in a round that failed";
                note_captures(body, node, &around, why, notes);
            }
        }
        Node::Look {
            negated: true,
            body,
            ..
        } if body.captures() => {
            let why = "is inside of what must not match";
            note_captures(body, node, &BTreeSet::new(), why, notes);
        }
        _ => {}
    }
    for child in node.children() {
        loops(child, notes);
    }
}

/// Notes the groups of a loop's body, except those that are `sure`.
fn note_captures(
    body: &Node,
    around: &Node,
    sure: &BTreeSet<usize>,
    why: &str,
    notes: &mut Vec<Note>,
) {
    let mut spans = Vec::new();
    capture_spans(body, &mut spans);
    if let (true, Node::Repeat { span, .. }) = (spans.is_empty(), around) {
        spans.push((0, *span));
    }
    for (number, span) in spans {
        if sure.contains(&number) {
            continue;
        }
        if notes
            .iter()
            .any(|n| n.kind == NoteKind::LoopCapture && n.span == span)
        {
            continue;
        }
        notes.push(Note {
            kind: NoteKind::LoopCapture,
            span,
            message: match number {
                0 => "what repeats can match nothing at all: how much it takes depends on the Perl version".into(),
                _ => format!("group {number} {why}: its value depends on the Perl version"),
            },
            hint: Some("write `(?:...)` for a group that need not capture".into()),
        });
    }
}

fn capture_spans(node: &Node, spans: &mut Vec<(usize, (usize, usize))>) {
    if let Node::Capture { number, span, .. } = node {
        spans.push((*number, *span));
    }
    for child in node.children() {
        capture_spans(child, spans);
    }
}

fn captures(node: &Node) -> BTreeSet<usize> {
    let mut spans = Vec::new();
    capture_spans(node, &mut spans);
    spans.into_iter().map(|(number, _)| number).collect()
}

/// The groups that are set on every way through a part.
fn always(node: &Node) -> BTreeSet<usize> {
    match node {
        Node::Capture { number, body, .. } => {
            let mut set = always(body);
            set.insert(*number);
            set
        }
        Node::Concat(items) => items.iter().flat_map(always).collect(),
        Node::Alternate(items) => {
            let mut sets = items.iter().map(always);
            let first = sets.next().unwrap_or_default();
            sets.fold(first, |all, set| &all & &set)
        }
        Node::Atomic(body) => always(body),
        Node::Look {
            negated: false,
            body,
            ..
        } => always(body),
        Node::Repeat { body, min: 1.., .. } => always(body),
        _ => BTreeSet::new(),
    }
}

/// Whether the pattern surely matches every subject without a newline. May say no where it does.
pub(super) fn matches_everything(root: &Node) -> bool {
    free(root, false).is_some()
}

/// Whether a part can always be passed; `rest` says that what is left of the subject can be taken
/// before it. Returns whether it can be after it.
fn free(node: &Node, rest: bool) -> Option<bool> {
    match node {
        Node::Empty | Node::Keep | Node::Define(_) => Some(rest),
        Node::Anchor(Anchor::Start | Anchor::LineStart) => (!rest).then_some(false),
        Node::Anchor(Anchor::End | Anchor::EndOrNewline | Anchor::LineEnd) => rest.then_some(true),
        Node::Concat(items) => items.iter().try_fold(rest, |rest, n| free(n, rest)),
        Node::Alternate(items) => items.iter().find_map(|n| free(n, rest)),
        Node::Capture { body, .. } => free(body, rest),
        Node::Repeat {
            body,
            min: 0,
            max,
            mode,
            ..
        } if *mode != Mode::Possessive => {
            let every = ByteSet::range(b'\n', b'\n').negate();
            let any = matches!(**body, Node::Set(set) if set.union(every) == set);
            Some(rest || (any && max.is_none()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::{NoteKind, Pattern};

    #[test]
    fn only_patterns_that_match_all_are_said_to() {
        let mut checked = 0;
        for (pattern, all) in [
            ("", true),
            (".*", true),
            ("^", true),
            ("^.*$", true),
            ("^(.*)$", true),
            ("a*", true),
            ("a|", true),
            ("^a*$", false),
            ("a", false),
            (".+", false),
            ("a*+", false),
            (".*^", false),
            ("$", false),
            ("(?=a)", false),
        ] {
            let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
            assert_eq!(compiled.properties().matches_everything, all, "{pattern}");
            checked += 1;
        }
        assert_eq!(checked, 14);
    }

    #[test]
    fn groups_that_depend_on_the_perl_version_are_noted() {
        let mut checked = 0;
        for (pattern, noted) in [
            ("(a*)*", true),
            ("(a(b)?)+", true),
            ("(?:(a)x|(a)y)*", true),
            ("(?!(a)b)a", true),
            ("(?:a+|a*|b)*b", true),
            ("((-){2}port )+", true),
            ("(?:(ab){2}port )+", true),
            ("(?:(-){2}port(b){3})+", false),
            ("(a|bc)*+c", true),
            ("(?>(a)|b)c", true),
            ("(?=(a)?)b", true),
            ("(?>(a)b)c", false),
            ("(?=(a))b", false),
            ("(ab)+", false),
            ("(?:a(b)c)*", false),
            ("(a|b)?", false),
            ("(?:(a)|b){1}", false),
        ] {
            let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
            let has = compiled
                .notes()
                .iter()
                .any(|n| n.kind == NoteKind::LoopCapture);
            assert_eq!(has, noted, "{pattern}");
            checked += 1;
        }
        assert_eq!(checked, 17);
        let meant = |pattern: &str| -> Vec<(usize, usize)> {
            let compiled = Pattern::compile(pattern.as_bytes()).unwrap();
            let notes = compiled.notes().iter();
            let looped = notes.filter(|n| n.kind == NoteKind::LoopCapture);
            looped.map(|n| n.span).collect()
        };
        assert_eq!(meant("(a(b)?)+"), [(2, 5)], "the outer one is always set");
        assert_eq!(meant("((-){2}port )+"), [(1, 4)]);
        assert_eq!(meant("(?:(a)x|(a)y)*"), [(3, 6), (8, 11)]);
        assert_eq!(meant("(a*)*"), [(0, 4)]);
    }
}
