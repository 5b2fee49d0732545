//! The heads of lines (the name of the program, the byte behind it, and a blank), and the rules that a line
//! with such a head may match.
//!
//! The rules of a head are found out when the first line with it comes: each pattern is asked what
//! it makes of the head. Lines whose program begins as none that a rule names are all alike. As to the
//! others, whoever sends lines may invent many: so what is learnt is bounded.

use super::facts::Facts;
use crate::hash::{FxHashMap, Map};
use crate::pattern::tag::ends_tag;
use crate::pattern::tag_analysis::{Fit, Tag};

/// More heads than these are not told from each other.
const MOST: usize = 4_096;
/// Nor are others when so many rules stand in the lists of all heads.
const MOST_POSSIBLE: usize = 400_000;
/// A longer head is cut.
pub(super) const LONGEST: usize = 64;
/// The number of all heads that no rule names.
const UNNAMED: u32 = 0;
/// The number of all heads beyond [`MOST`] and [`MOST_POSSIBLE`].
const OTHERS: u32 = 1;
/// Words are told from each other by so many bytes.
const START: usize = 4;

/// The heads that have come so far.
#[derive(Debug)]
pub(super) struct Heads {
    known: Map<Vec<u8>, u32>,
    /// By number, the rules.
    rules: Vec<Vec<Possible>>,
    /// How many rules stand there.
    possible: usize,
    /// How the words that rules name begin, and the words that are shorter.
    starts: FxHashMap<[u8; START], ()>,
    short: Vec<Tag>,
}

/// A rule that a line may match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Possible {
    pub rule: usize,
    /// The group to be entered, where the head does not tell that it is.
    pub group: Option<usize>,
    /// The head tells that the pattern matches.
    pub surely: bool,
}

impl Heads {
    pub(super) fn new(facts: &[Facts]) -> Self {
        let mut starts = FxHashMap::default();
        let mut short = Vec::new();
        for word in facts
            .iter()
            .filter_map(|f| f.words.as_ref())
            .flat_map(|w| w.iter())
        {
            match word.bytes.first_chunk::<START>() {
                Some(start) => drop(starts.insert(*start, ())),
                None => short.push(word.clone()),
            }
        }
        short.sort_unstable();
        short.dedup();
        let rest = |facts: &Facts| facts.words.is_none();
        Self {
            known: Map::default(),
            possible: 0,
            rules: vec![all(facts, &rest), all(facts, &|_| true)],
            starts,
            short,
        }
    }

    /// The number of a head.
    pub(super) fn number(&mut self, head: &[u8], facts: &[Facts]) -> u32 {
        let head = &head[..head.len().min(LONGEST)];
        match self.known.get(head) {
            Some(&number) => number,
            None if !self.named(head) => UNNAMED,
            None => self.learn(head, facts),
        }
    }

    /// The rules that lines with this head may match, in their order.
    pub(super) fn rules(&self, number: u32) -> &[Possible] {
        self.rules.get(number as usize).map_or(&[], |rules| rules)
    }

    /// Whether all lines with this number have the same head.
    pub(super) fn tells(&self, number: u32) -> bool {
        number > OTHERS
    }

    /// Whether a rule may name this head.
    fn named(&self, head: &[u8]) -> bool {
        let start = head.first_chunk::<START>();
        let word = word_of(head);
        let begins = |known: &Tag| match known.whole {
            true => *word == *known.bytes,
            false => word.starts_with(&known.bytes),
        };
        start.is_some_and(|start| self.starts.contains_key(start)) || self.short.iter().any(begins)
    }

    #[cold]
    fn learn(&mut self, head: &[u8], facts: &[Facts]) -> u32 {
        if self.known.len() >= MOST || self.possible >= MOST_POSSIBLE {
            return OTHERS;
        }
        let word = word_of(head);
        let begins = |known: &Tag| match known.whole && head.len() < LONGEST {
            true => *word == *known.bytes,
            false => word.starts_with(&known.bytes) || known.bytes.starts_with(word),
        };
        let may = |facts: &Facts| {
            let known = facts.words.as_ref();
            known.is_none_or(|known| known.iter().any(begins))
        };
        let fit = |facts: &Facts| match may(facts) {
            true => facts.fit(head),
            false => Fit::No,
        };
        // A group comes before what is in it.
        let mut groups: Vec<Option<Fit>> = vec![None; facts.len()];
        let mut rules = Vec::new();
        for (at, one) in facts.iter().enumerate() {
            let around = one.group.and_then(|group| *groups.get(group)?);
            let around = around.unwrap_or(Fit::Surely);
            let own = match around {
                Fit::No => Fit::No,
                Fit::Maybe | Fit::Surely => fit(one),
            };
            if one.is_group {
                let both = match (around, own) {
                    (Fit::Surely, own) => own,
                    (_, Fit::No) => Fit::No,
                    (around, _) => around,
                };
                groups[at] = Some(both);
            } else if own != Fit::No {
                let group = one.group.filter(|_| around != Fit::Surely);
                rules.push(Possible {
                    rule: at,
                    group,
                    surely: own == Fit::Surely,
                });
            }
        }
        rules.shrink_to_fit();
        self.possible += rules.len();
        self.rules.push(rules);
        let number = u32::try_from(self.rules.len() - 1).unwrap_or(OTHERS);
        self.known.insert(head.to_vec(), number);
        number
    }
}

/// The first word of a head.
fn word_of(head: &[u8]) -> &[u8] {
    head.split(|&b| ends_tag(b)).next().unwrap_or_default()
}

/// All rules for which `may` holds, and for the groups around them.
fn all(facts: &[Facts], may: &dyn Fn(&Facts) -> bool) -> Vec<Possible> {
    let rules = facts
        .iter()
        .enumerate()
        .filter(|(_, facts)| !facts.is_group);
    let rules = rules.filter(|&(_, one)| {
        let around = |one: &&Facts| one.group.and_then(|group| facts.get(group));
        std::iter::successors(Some(one), around).all(may)
    });
    let possible = rules.map(|(rule, facts)| Possible {
        rule,
        group: facts.group,
        surely: false,
    });
    possible.collect()
}

#[cfg(test)]
mod tests {
    use super::super::facts::facts;
    use super::super::kind::Look;
    use super::*;
    use crate::config::parse_bytes;
    use crate::record::Text;

    fn head(message: &str) -> Vec<u8> {
        let text = Text::from(message.as_bytes());
        Look::at(text.written(), text.shape()).head()
    }

    #[test]
    fn programs_that_no_rule_names_are_not_learnt() {
        let text = b"set mailserver h\nset queue q f@x t@x [now]\n\
                     q ^\\(pam\nq ^su: x\nq ^sshd: y\nq .*\n";
        let rules = parse_bytes(text).config.unwrap().rules;
        let facts = facts(&rules, &mut FxHashMap::default());
        let mut heads = Heads::new(&facts);
        for n in 0..100 {
            let message = format!("prog{n}: text");
            assert_eq!(heads.number(&head(&message), &facts), UNNAMED);
        }
        assert!(heads.known.is_empty(), "{:?}", heads.known);
        for (message, rules) in [
            ("(pam_unix) x", 2),
            ("su: x", 2),
            ("sshd: y", 2),
            ("sshdx: y", 1),
        ] {
            let number = heads.number(&head(message), &facts);
            assert!(number > OTHERS, "{message}");
            assert_eq!(heads.rules(number).len(), rules, "{message}");
        }
    }

    #[test]
    fn invented_programs_take_bounded_memory() {
        let rules: String = (0..300).map(|n| format!("q word{n}\n")).collect();
        let text = format!("set mailserver h\nset queue q f@x t@x [now]\nq ^sshd: x\n{rules}");
        let rules = parse_bytes(text.as_bytes()).config.unwrap().rules;
        let facts = facts(&rules, &mut FxHashMap::default());
        let mut heads = Heads::new(&facts);
        let mut numbers = Vec::new();
        for n in 0..2_000 {
            let message = format!("sshd{n}: text");
            numbers.push(heads.number(&head(&message), &facts));
        }
        assert!(numbers[0] > OTHERS);
        assert_eq!(numbers[1_999], OTHERS);
        assert!(heads.possible < MOST_POSSIBLE + rules.len());
        assert_eq!(heads.rules(OTHERS).len(), rules.len());
    }
}
