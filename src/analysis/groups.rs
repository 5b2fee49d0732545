//! The groups around each rule.

use crate::config::{Action, Rule};

/// For each rule the groups that a line must have entered to come to it, outermost first. A group that is never
/// closed holds nothing.
pub(super) fn groups_around(rules: &[Rule]) -> Vec<Vec<usize>> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let around = rules.iter().enumerate().map(|(at, rule)| {
        open.retain(|(_, end)| *end > at);
        let groups = open.iter().map(|(group, _)| *group).collect();
        if let Action::Group { end } | Action::GroupHost { end } = rule.action {
            open.push((at, end));
        }
        groups
    });
    around.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    #[test]
    fn each_rule_knows_its_groups() {
        let text = "set mailserver h\nset queue a f@x t@x [now]\na 0\ngroup 1\na 2\ngroup 3\na 4\n\
                    group_end\na 6\ngroup_end\na 7\ngroup 8\na 9\n";
        let config = parse_bytes(text.as_bytes()).config.unwrap();
        let around = groups_around(&config.rules);
        let want: [&[usize]; 9] = [&[], &[], &[1], &[1], &[1, 3], &[1], &[], &[], &[]];
        assert_eq!(around, want);
    }
}
