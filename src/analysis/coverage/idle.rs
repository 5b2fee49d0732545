//! Rules that took no line, though lines came that they match: a rule before each took them.

use super::{RuleUse, is_taker};
use crate::analysis::groups::groups_around;
use crate::config::{Action, Rule, RuleId};
use crate::pattern::{Budget, Found, Spans};
use crate::rules;

/// A rule that took no line, and the rule before it that took what it matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenBefore {
    /// The rule that took none.
    pub rule: RuleId,
    /// The rule that took most of the kinds of line that it matches.
    pub by: RuleId,
    /// Number of kept kinds of line of the rule `by` that the rule `rule` matches.
    pub kinds: usize,
    /// Whether `rule` matches all kinds of line that were kept of `by`: these logs do not tell the two rules apart.
    pub all: bool,
}

/// Finds the rules that took no line, and match kept lines of rules before them.
pub(super) fn taken_before(rules: &[Rule], uses: &[RuleUse]) -> Vec<TakenBefore> {
    let around = groups_around(rules);
    let idle = rules.iter().zip(uses).zip(&around).enumerate();
    let idle = idle.filter(|(_, ((rule, used), _))| is_taker(rule) && used.lines == 0);
    // Whatever comes, a catch-all matches it: that says nothing.
    let catch_all = |rule: &Rule| rule.pattern.properties().matches_everything;
    let idle = idle.filter(|(_, ((rule, _), _))| !catch_all(rule));
    idle.filter_map(|(at, ((rule, _), groups))| {
        let comes = |host: &[u8], message: &[u8]| {
            let groups = groups.iter().filter_map(|group| rules.get(*group));
            matches(rule, host, message)
                && groups.into_iter().all(|one| matches(one, host, message))
        };
        let before = uses.iter().enumerate().take(at);
        let counted = before.filter_map(|(by, used)| {
            let kinds = used
                .samples
                .iter()
                .filter(|(host, message)| comes(host, message));
            let kinds = kinds.count();
            (kinds > 0).then_some((kinds, by, used.samples.len()))
        });
        // Of several, the first that took most.
        let (kinds, by, of) =
            counted.max_by_key(|(kinds, by, _)| (*kinds, std::cmp::Reverse(*by)))?;
        Some(TakenBefore {
            rule: number(at)?,
            by: number(by)?,
            kinds,
            all: kinds == of,
        })
    })
    .collect()
}

fn matches(rule: &Rule, host: &[u8], message: &[u8]) -> bool {
    // The groups of the match are not wanted, and finding them would take longer.
    let spans = &mut Spans::default();
    let budget = &mut Budget::new(message.len());
    match rule.action {
        Action::GroupHost { .. } => {
            rules::match_rule(rule, host, message, spans, budget) == Found::Yes
        }
        _ => rule.pattern.is_match(message) == Found::Yes,
    }
}

fn number(at: usize) -> Option<RuleId> {
    u32::try_from(at).ok().map(RuleId)
}
