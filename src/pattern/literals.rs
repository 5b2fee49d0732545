//! Literals that a subject must hold for a pattern to match: where they are missing, the pattern need not be
//! tried.

use super::ast::Node;
use super::set::ByteSet;

/// The most alternatives: more are not worth a search.
const MOST: usize = 64;
/// The length of a literal from which on it is not made longer, bytes.
const LONG: usize = 32;

/// Literals of which every match holds one; `None` if there are none or too many.
pub fn required(node: &Node) -> Option<Vec<Vec<u8>>> {
    match node {
        Node::Concat(items) => best(runs(items)),
        Node::Set(set) => few(set),
        Node::Alternate(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(required(branch)?);
                if all.len() > MOST {
                    return None;
                }
            }
            Some(all)
        }
        Node::Capture { body, .. } | Node::Atomic(body) => required(body),
        Node::Repeat { body, min, .. } if *min > 0 => required(body),
        _ => None,
    }
}

/// The bytes of a small set, each a literal.
fn few(set: &ByteSet) -> Option<Vec<Vec<u8>>> {
    let bytes: Vec<Vec<u8>> = (0..=255)
        .filter(|&byte| set.contains(byte))
        .map(|byte| vec![byte])
        .take(5)
        .collect();
    (1..5).contains(&bytes.len()).then_some(bytes)
}

/// The literals of each part of a sequence: those that stand side by side are joined.
fn runs(items: &[Node]) -> Vec<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    let mut flat = Vec::new();
    flatten(items, &mut flat);
    for item in flat {
        let exact = match item {
            Part::Node(Node::Set(set)) => few(set),
            Part::Node(_) | Part::Gap => None,
        };
        match exact {
            Some(bytes) if run.len() * bytes.len() <= 8 && run[0].len() < LONG => {
                run = product(&run, &bytes);
            }
            exact => {
                found.push(std::mem::replace(&mut run, vec![Vec::new()]));
                match (exact, item) {
                    (Some(bytes), _) => run = bytes,
                    (None, Part::Node(node)) => found.extend(required(node)),
                    (None, Part::Gap) => {}
                }
            }
        }
    }
    found.push(run);
    found
}

/// A piece of a sequence.
#[derive(Clone, Copy)]
enum Part<'a> {
    Node(&'a Node),
    /// A place where anything may stand between.
    Gap,
}

/// Lists the pieces of a sequence, with groups replaced by what they hold.
fn flatten<'a>(items: &'a [Node], flat: &mut Vec<Part<'a>>) {
    for item in items {
        match item {
            Node::Empty | Node::Keep | Node::Anchor(_) | Node::Look { .. } => {}
            Node::Concat(items) => flatten(items, flat),
            Node::Capture { body, .. } | Node::Atomic(body) => {
                flatten(std::slice::from_ref(&**body), flat);
            }
            Node::Repeat {
                body,
                min: 1,
                max: Some(1),
                ..
            } => {
                flatten(std::slice::from_ref(&**body), flat);
            }
            Node::Repeat { body, min, max, .. } if *min > 0 => {
                // One round stands at the front, joined to what is before it.
                flatten(std::slice::from_ref(&**body), flat);
                if *max != Some(1) {
                    flat.push(Part::Gap);
                }
            }
            other => flat.push(Part::Node(other)),
        }
    }
}

fn product(run: &[Vec<u8>], bytes: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let join = |head: &Vec<u8>| {
        bytes
            .iter()
            .map(|tail| [&head[..], tail].concat())
            .collect::<Vec<_>>()
    };
    run.iter().flat_map(join).collect()
}

/// The alternatives that exclude most subjects: long ones, and few.
fn best(found: Vec<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let worth = |set: &Vec<Vec<u8>>| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(0);
        (shortest.min(12), usize::MAX - set.len(), shortest)
    };
    let useful = |set: &Vec<Vec<u8>>| !set.is_empty() && set.iter().all(|bytes| !bytes.is_empty());
    found.into_iter().filter(useful).max_by_key(worth)
}
