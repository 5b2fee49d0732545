//! The kinds of loops that Perl has, by the body that is repeated. A loop of fixed width (CURLYM) keeps
//! and forgets its groups otherwise than a general one (CURLYX).

use super::ast::Node;

/// Whether Perl runs a loop over this body as one of fixed width: without groups in it, or with one
/// group around the body of another such loop.
pub(super) fn is_fixed(body: &Node) -> bool {
    fixed_width(body).is_some_and(|w| w > 0) && lone_groups(body).is_some_and(|n| n <= 1)
}

/// Whether a loop over this body keeps a group that a round set before it failed: Perl unsets
/// nothing there.
pub(super) fn leaks(body: &Node) -> bool {
    let inner = match body {
        Node::Capture { body, .. } => body,
        _ => body,
    };
    is_fixed(inner) && lone_groups(inner) == Some(1)
}

/// Number of groups that are each around the body of a loop of fixed width; `None` if there are others.
fn lone_groups(node: &Node) -> Option<usize> {
    match node {
        Node::Concat(items) => items.iter().map(lone_groups).sum(),
        Node::Atomic(body) => lone_groups(body),
        Node::Repeat { body, .. } => match body.as_ref() {
            Node::Capture { body, .. } => (is_fixed(body) && !body.captures()).then_some(1),
            body => lone_groups(body),
        },
        _ => (!node.captures()).then_some(0),
    }
}

/// The width of a part, if all texts that it matches have one width.
fn fixed_width(node: &Node) -> Option<u64> {
    match node {
        Node::Empty | Node::Anchor(_) | Node::Keep | Node::Look { .. } | Node::Define(_) => Some(0),
        Node::Set(_) => Some(1),
        Node::Concat(items) => items
            .iter()
            .try_fold(0u64, |sum, n| Some(sum.saturating_add(fixed_width(n)?))),
        Node::Alternate(branches) => {
            let mut widths = branches.iter().map(fixed_width);
            let first = widths.next().flatten()?;
            widths.all(|w| w == Some(first)).then_some(first)
        }
        Node::Capture { body, .. } | Node::Atomic(body) => fixed_width(body),
        Node::Repeat { body, min, max, .. } if *max == Some(*min) => {
            Some(fixed_width(body)?.saturating_mul(u64::from(*min)))
        }
        _ => None,
    }
}
