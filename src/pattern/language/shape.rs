//! The shape of a pattern: its fixed text, with one mark for each stretch that may vary.

use crate::pattern::ast::{Anchor, Mode, Node};

/// The mark of what may vary: a byte that no line has.
const VARIES: char = '\n';

/// The shape of a tree.
pub(super) fn of(root: &Node) -> String {
    let mut out = String::new();
    write(root, &mut out);
    out
}

fn write(node: &Node, out: &mut String) {
    match node {
        Node::Empty | Node::Keep | Node::Define(_) => {}
        // Most lines end where a pattern does, whether it says so or not.
        Node::Anchor(Anchor::End | Anchor::EndOrNewline | Anchor::LineEnd) => {}
        Node::Set(set) => match set.single() {
            Some(byte) => out.push(char::from(byte)),
            None => varies(out),
        },
        Node::Concat(items) => items.iter().for_each(|item| write(item, out)),
        Node::Capture { body, .. } => write(body, out),
        Node::Repeat {
            body,
            min,
            max,
            mode,
            ..
        } => {
            let inner = of(body);
            if inner == VARIES.to_string() && *mode != Mode::Possessive {
                varies(out);
            } else {
                // Braces beside a newline: no fixed text looks like that.
                let most = max.map_or_else(String::new, |max| max.to_string());
                out.push_str(&format!("\n\n({inner}\n){{{min},{most}}}"));
            }
        }
        Node::Alternate(branches) => {
            out.push_str("\n\n(");
            for branch in branches {
                write(branch, out);
                out.push_str("\n|");
            }
            out.push_str("\n)");
        }
        other => out.push_str(&format!("\n\n{other:?}")),
    }
}

/// Adds the mark; several of them in a row are one.
fn varies(out: &mut String) {
    if !out.ends_with(VARIES) {
        out.push(VARIES);
    }
}
