//! For which subjects the engines do not know what Perl would find.

use super::ast::{Mode, Node};

/// When the answer of the Perl VM counts instead of the answer of the engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Authority {
    /// Never: the engines find what Perl finds.
    Engine,
    /// On subjects with other bytes than ASCII: the engines compare backreferences under `i` in ASCII
    /// only.
    VmOffAscii,
    /// On subjects that the engines say match: Perl may not find a way that there is.
    VmOnMatch,
    /// Always: what a group holds, which depends on Perl's way, decides over the match.
    Vm,
}

impl Authority {
    /// The authority over a pattern. `looped`: it has captures in loops whose values depend on Perl's way;
    /// `backtracks`: `regex` cannot match it.
    pub(super) fn of(root: &Node, looped: bool, backtracks: bool) -> Self {
        let refers = |n: &Node| !n.refers_to().is_empty();
        let folds = |n: &Node| matches!(n, Node::Backref { fold: true, .. });
        let stops_early = may_stop_early(root);
        let unsure = stops_early && backtracks;
        if (looped && root.any(&refers)) || refers_to_itself(root) || unsure {
            Self::Vm
        } else if stops_early {
            Self::VmOnMatch
        } else if root.any(&folds) {
            Self::VmOffAscii
        } else {
            Self::Engine
        }
    }
}

/// Whether there is a loop that Perl leaves at a round that took nothing, where another choice would
/// have taken something.
fn may_stop_early(root: &Node) -> bool {
    let chooses = |n: &Node| {
        matches!(
            n,
            Node::Alternate(_)
                | Node::Switch { .. }
                | Node::Repeat {
                    mode: Mode::Lazy,
                    ..
                }
        )
    };
    root.any(&|n| match n {
        Node::Repeat { body, max, .. } => {
            max.is_none_or(|m| m > 1) && body.nullable() && body.any(&chooses)
        }
        _ => false,
    })
}

/// Whether a group looks at itself, which Perl answers by how it came there.
fn refers_to_itself(node: &Node) -> bool {
    let itself = match node {
        Node::Capture { number, body, .. } => body.any(&|n| n.refers_to().contains(number)),
        _ => false,
    };
    itself || node.children().into_iter().any(refers_to_itself)
}
