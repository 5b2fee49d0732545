//! Rules to which no line can come, proven on the languages of their patterns, and pairs of rules that match nearly the
//! same lines.

use bstr::BString;
use rustc_hash::FxHashSet;

use super::groups::groups_around;
use crate::config::{Action, Config, Rule, RuleId};
use crate::hash::FxHashMap;
use crate::pattern::{Inclusion, Language};

/// What the languages of the rules tell of each other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shadows {
    /// Rules to which no line can come, in order.
    pub shadowed: Vec<Shadowed>,
    /// Rules that match no line at all, or none that gets into their groups, in order.
    pub impossible: Vec<RuleId>,
    /// Pairs of rules of which each can take lines, and that differ only in the form of what varies.
    pub near: Vec<Near>,
    /// Rules that could not be compared: they need the slower engine, or their automata are too large.
    pub unchecked: Vec<RuleId>,
}

/// A rule to which no line can come: a rule before it takes all that it matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shadowed {
    /// The rule.
    pub rule: RuleId,
    /// The rule that takes its lines: one that matches the very same lines if there is any, else the first.
    pub by: RuleId,
    /// Whether both match the very same lines.
    pub equal: bool,
}

/// Two rules in the same groups whose patterns have the same shape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Near {
    /// The rule that stands first.
    pub first: RuleId,
    /// The other one.
    pub second: RuleId,
    /// A line that only the first matches; nothing if there is none, or if it could not be found.
    pub only_first: Option<BString>,
    /// A line that only the second matches; nothing if it could not be found.
    pub only_second: Option<BString>,
}

/// A rule as the comparison sees it.
struct Subject {
    /// The language of its pattern; nothing if that is too large, or if the pattern is for the host.
    language: Option<usize>,
    /// The groups around it that look at the message, and those that look at the host.
    groups: Vec<usize>,
    host_groups: Vec<usize>,
}

/// The comparison: the rules, and each language once.
struct Comparison<'a> {
    rules: &'a [Rule],
    subjects: Vec<Subject>,
    languages: Vec<Language>,
}

/// Compares all rules of a configuration.
pub fn shadows(config: &Config) -> Shadows {
    let comparison = Comparison::new(&config.rules);
    let mut found = Shadows::default();
    for at in 0..config.rules.len() {
        comparison.rule(at, &mut found);
    }
    comparison.near(&mut found);
    found
}

impl<'a> Comparison<'a> {
    fn new(rules: &'a [Rule]) -> Self {
        let mut known: FxHashMap<&[u8], Option<usize>> = FxHashMap::default();
        let mut languages = Vec::new();
        let mut subjects = Vec::new();
        for (rule, around) in rules.iter().zip(groups_around(rules)) {
            let mut make = || {
                let language = Language::new(&rule.pattern)?;
                languages.push(language);
                Some(languages.len() - 1)
            };
            let on_host = |group: &usize| {
                let action = rules.get(*group).map(|rule| &rule.action);
                matches!(action, Some(Action::GroupHost { .. }))
            };
            let (host_groups, groups) = around.into_iter().partition(on_host);
            subjects.push(Subject {
                language: match rule.action {
                    Action::GroupHost { .. } => None,
                    _ => *known.entry(rule.pattern.source()).or_insert_with(&mut make),
                },
                groups,
                host_groups,
            });
        }
        Self {
            rules,
            subjects,
            languages,
        }
    }

    fn language(&self, rule: usize) -> Option<&Language> {
        self.languages.get(self.subjects.get(rule)?.language?)
    }

    /// The languages that a line must be in to be matched by a rule in its groups. Groups that cannot be compared
    /// are left out: more lines come to the rule then.
    fn needed(&self, rule: usize) -> Option<Vec<&Language>> {
        let own = self.language(rule)?;
        let groups = self.subjects.get(rule)?.groups.iter();
        let groups = groups.filter_map(|&group| self.language(group));
        Some(std::iter::once(own).chain(groups).collect())
    }

    /// The languages of which a line that comes by must be in all for `rule` to take it on its way to `later`;
    /// nothing if that cannot be told.
    fn sufficient(&self, rule: usize, later: usize) -> Option<Vec<&Language>> {
        let (own, other) = (self.subjects.get(rule)?, self.subjects.get(later)?);
        if own
            .host_groups
            .iter()
            .any(|group| !other.host_groups.contains(group))
        {
            return None;
        }
        let groups = own
            .groups
            .iter()
            .filter(|group| !other.groups.contains(group));
        let all = std::iter::once(&rule)
            .chain(groups)
            .map(|&rule| self.language(rule));
        all.map(|language| language.filter(|language| language.is_exact()))
            .collect()
    }

    /// Finds what is to be said of one rule.
    fn rule(&self, at: usize, found: &mut Shadows) {
        let (Some(id), Some(rule)) = (number(at), self.rules.get(at)) else {
            return;
        };
        if matches!(rule.action, Action::GroupHost { .. }) {
            return;
        }
        let Some(needed) = self.needed(at) else {
            found.unchecked.push(id);
            return;
        };
        let sample = match Language::common(&needed) {
            Inclusion::Proven => {
                found.impossible.push(id);
                return;
            }
            Inclusion::Witness(line) => Some(line),
            Inclusion::Undecided => None,
        };
        match self.shadowed(at, &needed, sample.as_deref()) {
            Some((by, equal)) => found.shadowed.extend(number(by).map(|by| Shadowed {
                rule: id,
                by,
                equal,
            })),
            None if !needed.iter().all(|one| one.is_exact()) => found.unchecked.push(id),
            None => {}
        }
    }

    /// The rule before `at` that takes all lines of all of these languages, of which `sample` is one, and
    /// whether it matches the same lines.
    fn shadowed(
        &self,
        at: usize,
        needed: &[&Language],
        sample: Option<&[u8]>,
    ) -> Option<(usize, bool)> {
        let mut first = None;
        for (before, rule) in self.rules.iter().enumerate().take(at) {
            if matches!(rule.action, Action::Group { .. } | Action::GroupHost { .. }) {
                continue;
            }
            let Some(sufficient) = self.sufficient(before, at) else {
                continue;
            };
            let may = |line: &[u8]| sufficient.iter().all(|one| one.contains(line));
            if !sample.is_none_or(may) {
                continue;
            }
            if Language::included(needed, &sufficient) == Inclusion::Proven {
                let equal = self.takes_no_more(before, at, needed)?;
                if equal {
                    return Some((before, true));
                }
                first = first.or(Some((before, false)));
            }
        }
        first
    }

    /// Whether a rule that takes all lines of `at` takes no others; `needed` are the languages of `at`.
    fn takes_no_more(&self, before: usize, at: usize, needed: &[&Language]) -> Option<bool> {
        let (own, other) = (self.subjects.get(before)?, self.subjects.get(at)?);
        let exact = needed.iter().all(|one| one.is_exact());
        // A group that both are in is no difference, even one that cannot be compared.
        let known = |&group: &usize| own.groups.contains(&group) || self.language(group).is_some();
        Some(
            exact
                && own.host_groups == other.host_groups
                && other.groups.iter().all(known)
                && Language::included(&self.needed(before)?, needed) == Inclusion::Proven,
        )
    }

    /// Finds the rules of which both take lines, and that have the same shape.
    fn near(&self, found: &mut Shadows) {
        let mut shapes: FxHashMap<(String, &[usize], &[usize]), usize> = FxHashMap::default();
        let shadowed = found.shadowed.iter().map(|one| one.rule);
        let idle: FxHashSet<RuleId> = shadowed.chain(found.impossible.iter().copied()).collect();
        for (at, (rule, subject)) in self.rules.iter().zip(&self.subjects).enumerate() {
            let Some(id) = number(at) else {
                return;
            };
            let group = matches!(rule.action, Action::Group { .. } | Action::GroupHost { .. });
            if group || idle.contains(&id) {
                continue;
            }
            let key = (
                rule.pattern.shape(),
                &*subject.groups,
                &*subject.host_groups,
            );
            let first = *shapes.entry(key).or_insert(at);
            if first != at {
                found.near.extend(self.pair(first, at));
            }
        }
    }

    fn pair(&self, first: usize, second: usize) -> Option<Near> {
        let only = |one: usize, other: usize| {
            let (one, other) = (self.language(one)?, self.language(other)?);
            match Language::included(&[one], &[other]) {
                Inclusion::Witness(line) => Some(BString::from(line)),
                Inclusion::Proven | Inclusion::Undecided => None,
            }
        };
        Some(Near {
            first: number(first)?,
            second: number(second)?,
            only_first: only(first, second),
            only_second: only(second, first),
        })
    }
}

fn number(at: usize) -> Option<RuleId> {
    u32::try_from(at).ok().map(RuleId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn found(rules: &str) -> Shadows {
        let head = "set mailserver h\nset queue a f@x t@x [now]\nset queue b f@x t@x [now]\n";
        shadows(
            &parse_bytes(format!("{head}{rules}").as_bytes())
                .config
                .unwrap(),
        )
    }

    /// The shadowed rules, each with the rule that takes its lines and whether they are equal.
    fn shadowed(rules: &str) -> Vec<(u32, u32, bool)> {
        let found = found(rules);
        let each = found.shadowed.iter();
        each.map(|one| (one.rule.0, one.by.0, one.equal)).collect()
    }

    #[test]
    fn a_rule_behind_one_that_takes_its_lines_is_shadowed() {
        for (rules, want) in [
            ("a ^x: \\w+$\nb ^x: (\\d+)$\n", &[(1, 0, false)][..]),
            ("a ^x: \\d+$\nb ^x: \\w+$\n", &[]),
            ("a ^x: (\\d+)\nb ^x: [0-9]\n", &[(1, 0, true)]),
            (
                "a x\nb ^x: y\ntrash ^x: \n",
                &[(1, 0, false), (2, 0, false)],
            ),
            // The equal one is named, not the first.
            ("a .\nb x\na [x]\n", &[(1, 0, false), (2, 1, true)]),
            // The same group may be begun twice, and a pattern may say what a group says.
            (
                "group ^x:\na ^x: 1\ngroup_end\ngroup ^x:\nb ^x: 1\ngroup_end\n",
                &[(3, 1, true)],
            ),
            ("group ^x:\na ^x: 1\ngroup_end\na ^x: 1\n", &[(2, 1, true)]),
            ("a ^x: 1\ngroup ^x:\nb ^x: 1\ngroup_end\n", &[(2, 0, true)]),
            (
                "a ^x: 1\ngroup ^x: 12\nb ^x: 1\ngroup_end\n",
                &[(1, 0, false), (2, 0, false)],
            ),
            ("group_host h\na ^x: 1\ngroup_end\na ^x: 1\n", &[]),
            // A repeat takes lines, a group takes none.
            (
                "repeat ^x (\\d+)\na ^x 1\ngroup ^y\na ^z\ngroup_end\na ^y\n",
                &[(1, 0, false)],
            ),
            // Two rules together take what none takes alone: that is not looked for.
            ("a ^x\na ^y\nb ^[xy]\n", &[]),
        ] {
            assert_eq!(shadowed(rules), want, "{rules}");
        }
    }

    #[test]
    fn groups_are_a_part_of_what_comes_to_a_rule() {
        for (rules, want) in [
            // Out of a group before, and from outside into a group.
            ("group ^x:\na y\ngroup_end\nb ^x:y\n", &[(2, 1, false)][..]),
            ("group ^x:\na y\ngroup_end\nb y\n", &[]),
            ("a y\ngroup ^x:\nb y$\ngroup_end\n", &[(2, 0, false)]),
            ("group ^x:\na .*\ngroup_end\nb ^x: z\n", &[(2, 1, false)]),
            // Two groups of one pattern.
            (
                "group ^x:\na y\ngroup_end\ngroup ^x:\nb y\ngroup_end\n",
                &[(3, 1, true)],
            ),
            // The group makes the rule narrower than the one before it.
            ("a ^x: y\ngroup ^x: \nb [ ]?y$\ngroup_end\n", &[]),
            ("a ^x:.*y\ngroup ^x: \nb y$\ngroup_end\n", &[(2, 0, false)]),
            // Hosts are unknown.
            ("group_host h\na y\ngroup_end\nb y\n", &[]),
            ("a y\ngroup_host h\nb y\ngroup_end\n", &[(2, 0, false)]),
            ("group_host h\na y\nb yy\ngroup_end\n", &[(2, 1, false)]),
            // A group with all that is in it.
            (
                "a ^x\ngroup ^xx\nb y\ngroup_end\n",
                &[(1, 0, false), (2, 0, false)],
            ),
            // A group that is never closed holds nothing.
            ("group ^x:\na y\nb y\n", &[(2, 1, true)]),
        ] {
            assert_eq!(shadowed(rules), want, "{rules}");
        }
    }

    #[test]
    fn a_rule_that_can_match_nothing_is_told() {
        let ids = |found: Shadows| -> Vec<u32> { found.impossible.iter().map(|id| id.0).collect() };
        assert_eq!(
            ids(found("group ^x:\na ^y:\na z\ngroup_end\na a^\n")),
            [1, 3]
        );
    }

    #[test]
    fn what_needs_the_slower_engine_is_compared_as_far_as_that_is_sound() {
        let found = found("a ^x(?!y)\nb ^xz\na ^z: \nb ^z: (?=a)\nb ^w(?=a)\n");
        let each: Vec<_> = found
            .shadowed
            .iter()
            .map(|one| (one.rule.0, one.by.0))
            .collect();
        assert_eq!(each, [(3, 2)]);
        let unchecked: Vec<u32> = found.unchecked.iter().map(|id| id.0).collect();
        assert_eq!(unchecked, [0, 4]);
    }

    #[test]
    fn rules_of_one_shape_have_a_witness() {
        let found = found("a ^x: (\\d+)$\nb ^x: ([0-9.]+)$\nb ^y: \\d\n");
        let [near] = &found.near[..] else {
            panic!("{found:?}");
        };
        assert_eq!((near.first.0, near.second.0), (0, 1));
        assert_eq!(near.only_first, None);
        assert_eq!(near.only_second, Some("x: .".into()));
    }
}
