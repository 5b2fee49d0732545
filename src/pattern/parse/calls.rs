//! `(?1)` and `(?&name)`: a copy of the group's pattern that captures nothing, put where the call
//! stands. A call inside the group that it calls is recursion, which no engine here can do.

use std::collections::HashMap;

use super::parser::Result;
use crate::pattern::ast::Node;
use crate::pattern::diagnostic::PatternError;

/// The most nodes that are copied: calls within calls can grow a pattern without bound.
const MAX_NODES: usize = 50_000;
/// The depth of the tree below which no copy is made.
const MAX_LEVELS: usize = 250;

struct Calls {
    bodies: HashMap<usize, Node>,
    /// The groups around the node at hand.
    open: Vec<usize>,
    /// Nodes that may still be copied.
    budget: usize,
    /// The depth of the node at hand.
    depth: usize,
}

/// Replaces all calls by copies of the groups that they call.
pub(super) fn resolve(root: &mut Node) -> Result<()> {
    if !root.any(&|n| matches!(n, Node::Call { .. })) {
        return Ok(());
    }
    let mut calls = Calls {
        bodies: HashMap::new(),
        open: Vec::new(),
        budget: MAX_NODES,
        depth: 0,
    };
    collect(root, &mut calls.bodies);
    calls.expand(root)
}

fn collect(node: &Node, bodies: &mut HashMap<usize, Node>) {
    if let Node::Capture { number, body, .. } = node {
        bodies
            .entry(*number)
            .or_insert_with(|| body.as_ref().clone());
    }
    for child in node.children() {
        collect(child, bodies);
    }
}

impl Calls {
    fn expand(&mut self, node: &mut Node) -> Result<()> {
        if let Node::Call { group, span } = *node {
            *node = self.copy(group, span)?;
            return Ok(());
        }
        let number = match node {
            Node::Capture { number, .. } => Some(*number),
            _ => None,
        };
        self.open.extend(number);
        self.depth += 1;
        for child in node.children_mut() {
            self.expand(child)?;
        }
        self.depth -= 1;
        if number.is_some() {
            self.open.pop();
        }
        Ok(())
    }

    fn copy(&mut self, group: usize, span: (usize, usize)) -> Result<Node> {
        let body = self.bodies.get(&group).cloned();
        let Some(mut body) = body.filter(|_| !self.open.contains(&group)) else {
            return Err(PatternError::unsupported(
                span,
                "recursion",
                Some("write out as many levels as the lines can have"),
            ));
        };
        if body.any(&|n| matches!(n, Node::Backref { .. } | Node::Switch { .. })) {
            return Err(PatternError::unsupported(
                span,
                "a call of a group that holds backreferences",
                Some("write the group's pattern here again"),
            ));
        }
        self.budget = self.budget.saturating_sub(body.count(&|_| true));
        if self.budget == 0 || self.depth > MAX_LEVELS {
            return Err(PatternError::unsupported(
                span,
                "calls that make the pattern so long",
                Some("call fewer groups, or split the rule"),
            ));
        }
        self.open.push(group);
        self.expand(&mut body)?;
        self.open.pop();
        body.strip_captures();
        Ok(body)
    }
}
