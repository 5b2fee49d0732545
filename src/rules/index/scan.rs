//! Which literals of many are in a line.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, packed};

use super::facts::Facts;

/// Finds the rules whose literals are in a line.
#[derive(Debug)]
pub(super) struct Scan {
    /// Tells quickly whether any is there; most lines have none.
    any: Option<packed::Searcher>,
    automaton: AhoCorasick,
    /// The rules that each literal stands for.
    owners: Vec<Vec<u32>>,
    rules: usize,
}

impl Scan {
    pub(super) fn new(facts: &[Facts]) -> Option<Self> {
        let mut owners: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for (rule, facts) in facts.iter().enumerate() {
            for literal in &facts.inside {
                let owners = owners.entry(literal.needle()).or_default();
                owners.push(u32::try_from(rule).ok()?);
            }
        }
        let (literals, owners): (Vec<&[u8]>, Vec<Vec<u32>>) = owners.into_iter().unzip();
        // A dense automaton takes a step a byte; where it would be too large, the library's choice.
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(kind)
                .build(&literals)
        };
        let total: usize = literals.iter().map(|bytes| bytes.len()).sum();
        let kind = (total < 5_000).then_some(AhoCorasickKind::DFA);
        let automaton = build(kind).or_else(|_| build(None)).ok()?;
        Some(Self {
            any: packed::Searcher::new(&literals),
            automaton,
            owners,
            rules: facts.len(),
        })
    }

    /// Sets the bits of the rules whose literals are in this line. Whether there are any.
    pub(super) fn want(&self, message: &[u8], wanted: &mut Vec<u64>) -> bool {
        if self
            .any
            .as_ref()
            .is_some_and(|any| any.find(message).is_none())
        {
            return false;
        }
        wanted.clear();
        wanted.resize(self.rules.div_ceil(64), 0);
        let mut some = false;
        for found in self.automaton.find_overlapping_iter(message) {
            some = true;
            for &rule in &self.owners[found.pattern().as_usize()] {
                wanted[rule as usize / 64] |= 1 << (rule % 64);
            }
        }
        some
    }
}
