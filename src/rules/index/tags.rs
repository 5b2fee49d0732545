//! The tags of messages (the name of the program, the byte behind it, and a blank), and the rules that a
//! message with such a tag may match.
//!
//! The rules of a tag are found out when the first message with it comes: each pattern is asked whether it
//! can match behind this tag. All tags that no rule names have the same rules. Whoever sends lines can invent
//! others: so the tags and rules that are kept are bounded.

use super::rule_info::RuleInfo;
use crate::hash::{FxHashMap, Map};
use crate::pattern::tag::ends_tag;
use crate::pattern::tag_analysis::{Fit, Tag};

/// Tags that are kept, at most.
const MOST: usize = 4_096;
/// Rules in the lists of all tags together, at most.
const MOST_POSSIBLE: usize = 400_000;
/// The length to which a tag is cut, bytes.
pub(super) const LONGEST: usize = 64;
/// The number of all tags that no rule names.
const UNNAMED: u32 = 0;
/// The number of all tags beyond [`MOST`] and [`MOST_POSSIBLE`].
const OTHERS: u32 = 1;
/// Length of the beginnings of words by which named tags are looked up, bytes.
const START: usize = 4;

/// The tags that have come so far, with their rules.
#[derive(Debug)]
pub(super) struct Tags {
    known: Map<Vec<u8>, u32>,
    /// The rules of each tag, by the number of the tag.
    rules: Vec<Vec<PossibleRule>>,
    /// How many rules stand in `rules`.
    possible: usize,
    /// The beginnings of the words that rules name.
    starts: FxHashMap<[u8; START], ()>,
    /// The words that rules name and that are shorter than [`START`].
    short: Vec<Tag>,
}

/// A rule that messages with a tag may match.
#[derive(Clone, Copy, Debug)]
pub(super) struct PossibleRule {
    pub rule: usize,
    /// The group that the message must enter, where the tag does not tell that it does.
    pub group: Option<usize>,
    /// Whether the tag tells that the pattern matches.
    pub surely: bool,
}

impl Tags {
    /// No tags yet, for these rules.
    pub(super) fn new(infos: &[RuleInfo]) -> Self {
        let mut starts = FxHashMap::default();
        let mut short = Vec::new();
        for word in infos
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
        let unnamed = |info: &RuleInfo| info.words.is_none();
        Self {
            known: Map::default(),
            possible: 0,
            rules: vec![all(infos, &unnamed), all(infos, &|_| true)],
            starts,
            short,
        }
    }

    /// The number of a tag; the rules of a new one are found out.
    pub(super) fn number(&mut self, tag: &[u8], infos: &[RuleInfo]) -> u32 {
        let tag = &tag[..tag.len().min(LONGEST)];
        match self.known.get(tag) {
            Some(&number) => number,
            None if !self.may_be_named(tag) => UNNAMED,
            None => self.learn(tag, infos),
        }
    }

    /// The rules that messages with the tag of this number may match, in their order.
    pub(super) fn rules(&self, number: u32) -> &[PossibleRule] {
        self.rules.get(number as usize).map_or(&[], |rules| rules)
    }

    /// Whether this is the number of one tag alone.
    pub(super) fn is_single(&self, number: u32) -> bool {
        number > OTHERS
    }

    /// Whether a rule may name this tag.
    fn may_be_named(&self, tag: &[u8]) -> bool {
        let start = tag.first_chunk::<START>();
        let word = word_of(tag);
        let begins = |known: &Tag| match known.whole {
            true => *word == *known.bytes,
            false => word.starts_with(&known.bytes),
        };
        start.is_some_and(|start| self.starts.contains_key(start)) || self.short.iter().any(begins)
    }

    #[cold]
    fn learn(&mut self, tag: &[u8], infos: &[RuleInfo]) -> u32 {
        if self.known.len() >= MOST || self.possible >= MOST_POSSIBLE {
            return OTHERS;
        }
        let word = word_of(tag);
        let begins = |known: &Tag| match known.whole && tag.len() < LONGEST {
            true => *word == *known.bytes,
            false => word.starts_with(&known.bytes) || known.bytes.starts_with(word),
        };
        let may = |info: &RuleInfo| {
            let known = info.words.as_ref();
            known.is_none_or(|known| known.iter().any(begins))
        };
        let fit = |info: &RuleInfo| match may(info) {
            true => info.fit(tag),
            false => Fit::No,
        };
        // A group comes before what is in it.
        let mut groups: Vec<Option<Fit>> = vec![None; infos.len()];
        let mut rules = Vec::new();
        for (at, one) in infos.iter().enumerate() {
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
                rules.push(PossibleRule {
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
        self.known.insert(tag.to_vec(), number);
        number
    }
}

/// The name of the program in a tag.
fn word_of(tag: &[u8]) -> &[u8] {
    tag.split(|&b| ends_tag(b)).next().unwrap_or_default()
}

/// The rules for which `may` holds, and holds for all groups around them.
fn all(infos: &[RuleInfo], may: &dyn Fn(&RuleInfo) -> bool) -> Vec<PossibleRule> {
    let rules = infos.iter().enumerate().filter(|(_, info)| !info.is_group);
    let rules = rules.filter(|&(_, one)| {
        let around = |one: &&RuleInfo| one.group.and_then(|group| infos.get(group));
        std::iter::successors(Some(one), around).all(may)
    });
    let possible = rules.map(|(rule, info)| PossibleRule {
        rule,
        group: info.group,
        surely: false,
    });
    possible.collect()
}

#[cfg(test)]
mod tests {
    use super::super::line_class::LineStart;
    use super::super::rule_info::rule_infos;
    use super::*;
    use crate::config::parse_bytes;
    use crate::record::MessageText;

    fn tag(message: &str) -> Vec<u8> {
        let text = MessageText::from(message.as_bytes());
        LineStart::at(text.written(), text.shape()).tag()
    }

    #[test]
    fn programs_that_no_rule_names_are_not_learnt() {
        let text = b"set mailserver h\nset queue q f@x t@x [now]\n\
                     q ^\\(pam\nq ^su: x\nq ^sshd: y\nq .*\n";
        let rules = parse_bytes(text).config.unwrap().rules;
        let infos = rule_infos(&rules, &mut FxHashMap::default());
        let mut tags = Tags::new(&infos);
        for n in 0..100 {
            let message = format!("prog{n}: text");
            assert_eq!(tags.number(&tag(&message), &infos), UNNAMED);
        }
        assert!(tags.known.is_empty(), "{:?}", tags.known);
        for (message, rules) in [
            ("(pam_unix) x", 2),
            ("su: x", 2),
            ("sshd: y", 2),
            ("sshdx: y", 1),
        ] {
            let number = tags.number(&tag(message), &infos);
            assert!(number > OTHERS, "{message}");
            assert_eq!(tags.rules(number).len(), rules, "{message}");
        }
    }

    #[test]
    fn invented_programs_take_bounded_memory() {
        let rules: String = (0..300).map(|n| format!("q word{n}\n")).collect();
        let text = format!("set mailserver h\nset queue q f@x t@x [now]\nq ^sshd: x\n{rules}");
        let rules = parse_bytes(text.as_bytes()).config.unwrap().rules;
        let infos = rule_infos(&rules, &mut FxHashMap::default());
        let mut tags = Tags::new(&infos);
        let mut numbers = Vec::new();
        for n in 0..2_000 {
            let message = format!("sshd{n}: text");
            numbers.push(tags.number(&tag(&message), &infos));
        }
        assert!(numbers[0] > OTHERS);
        assert_eq!(numbers[1_999], OTHERS);
        assert!(tags.possible < MOST_POSSIBLE + rules.len());
        assert_eq!(tags.rules(OTHERS).len(), rules.len());
    }
}
