//! Literals that a subject must hold for a pattern to match: where they are missing, the pattern need not be
//! tried.
//!
//! They are in small letters, and looked for in a subject whose ASCII letters are made small: so `(?i)` makes
//! no alternative for each way of writing a word.

use super::ast::Node;
use super::set::ByteSet;

/// The most alternatives: more are not worth a search.
const MOST: usize = 64;
/// The length of a literal from which on it is not made longer, bytes.
const LONG: usize = 32;

/// Sets of literals in small letters: every match holds one literal of each set, when its own ASCII letters
/// are made small. The sets stand in the order of the pattern; none has an empty literal.
pub fn required(node: &Node) -> Vec<Vec<Vec<u8>>> {
    match node {
        Node::Concat(items) => runs(items),
        Node::Set(set) => few(set).into_iter().collect(),
        Node::Alternate(branches) => of_branches(branches).into_iter().collect(),
        Node::Capture { body, .. } | Node::Atomic(body) => required(body),
        Node::Repeat { body, min, .. } if *min > 0 => required(body),
        _ => Vec::new(),
    }
}

/// The literals of alternatives: the best set of each branch; `None` if a branch has none, or there are too
/// many.
fn of_branches(branches: &[Node]) -> Option<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for branch in branches {
        all.extend(best(required(branch))?);
        if all.len() > MOST {
            return None;
        }
    }
    Some(all)
}

/// The bytes of a small set, each a literal; letters of both cases are one.
fn few(set: &ByteSet) -> Option<Vec<Vec<u8>>> {
    if let Some(byte) = set.single() {
        return Some(vec![vec![byte.to_ascii_lowercase()]]);
    }
    let both = |byte: &u8| byte.is_ascii_uppercase() && set.contains(byte.to_ascii_lowercase());
    let bytes: Vec<Vec<u8>> = set
        .bytes()
        .filter(|byte| !both(byte))
        .map(|byte| vec![byte.to_ascii_lowercase()])
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
    found.retain(|set| !set.is_empty() && set.iter().all(|bytes| !bytes.is_empty()));
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

/// The set that excludes most subjects: of long literals, and few.
pub fn best(sets: Vec<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    let worth = |set: &Vec<Vec<u8>>| {
        let shortest = set.iter().map(Vec::len).min().unwrap_or(0);
        (shortest.min(12), usize::MAX - set.len(), shortest)
    };
    sets.into_iter().max_by_key(worth)
}
