//! The scan of a line for the literals of many rules at once.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, packed};

use super::rule_info::RuleInfo;

/// The automaton that finds the literals of all rules in a line.
#[derive(Debug)]
pub(super) struct LiteralScan {
    /// Tells quickly whether there is any literal; most lines have none.
    any: Option<packed::Searcher>,
    automaton: AhoCorasick,
    /// The rules of each literal, by the number of the literal.
    owners: Vec<Vec<u32>>,
    /// The number of all rules.
    rules: usize,
}

impl LiteralScan {
    /// The automaton for the literals of these rules; nothing if it cannot be made.
    pub(super) fn new(infos: &[RuleInfo]) -> Option<Self> {
        let mut owners: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for (rule, info) in infos.iter().enumerate() {
            for literal in &info.inside {
                let owners = owners.entry(literal.needle()).or_default();
                owners.push(u32::try_from(rule).ok()?);
            }
        }
        let (literals, owners): (Vec<&[u8]>, Vec<Vec<u32>>) = owners.into_iter().unzip();
        // A DFA takes one step a byte; where it would be too large, the library chooses.
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
            rules: infos.len(),
        })
    }

    /// Sets the bits of the rules whose literals are in this message. Returns whether there are any.
    pub(super) fn find_rules(&self, message: &[u8], rules: &mut Vec<u64>) -> bool {
        if self
            .any
            .as_ref()
            .is_some_and(|any| any.find(message).is_none())
        {
            return false;
        }
        rules.clear();
        rules.resize(self.rules.div_ceil(64), 0);
        let mut some = false;
        for found in self.automaton.find_overlapping_iter(message) {
            some = true;
            for &rule in &self.owners[found.pattern().as_usize()] {
                rules[rule as usize / 64] |= 1 << (rule % 64);
            }
        }
        some
    }
}
