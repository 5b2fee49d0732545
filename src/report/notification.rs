//! What a program of `set notify` is told of a report beside its text.

use std::collections::BTreeMap;

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use crate::queue::HostLines;

/// The program that a report is for, and the facts that it gets in its environment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Notification {
    /// The name that `set notify` gives the program.
    pub program: String,
    /// The number of lines of each host in the report.
    hosts: BTreeMap<BString, u64>,
}

impl Notification {
    /// The notification of a program about these lines.
    pub fn new(program: &str, lines: &[HostLines<'_>]) -> Self {
        let mut hosts = BTreeMap::new();
        for host in lines {
            let named = host.lines.iter().map(|(count, _)| count);
            let all = named.fold(host.others, |sum, count| sum.saturating_add(*count));
            let total: &mut u64 = hosts.entry(host.host.to_owned()).or_default();
            *total = total.saturating_add(all);
        }
        Self {
            program: program.to_owned(),
            hosts,
        }
    }

    /// The number of hosts that wrote the lines.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// The number of lines.
    pub fn lines(&self) -> u64 {
        let counts = self.hosts.values();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The host that wrote the most lines, of several the first by name; nothing for a report without lines.
    pub fn worst_host(&self) -> Option<&BStr> {
        let hosts = self.hosts.iter().rev();
        let worst = hosts.max_by_key(|(_, count)| **count);
        worst.map(|(host, _)| host.as_ref())
    }

    /// Takes in the facts of a later report, whose text is appended to this one.
    pub fn append(&mut self, later: Self) {
        for (host, count) in later.hosts {
            let total = self.hosts.entry(host).or_default();
            *total = total.saturating_add(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines<'a>(host: &'a str, counts: &[u64], others: u64) -> HostLines<'a> {
        HostLines {
            host: host.into(),
            lines: counts.iter().map(|n| (*n, BStr::new("x"))).collect(),
            others,
            continued: Vec::new(),
        }
    }

    #[test]
    fn the_facts_of_two_reports_in_one_are_those_of_all_their_lines() {
        let first = [lines("b", &[1, 2], 4), lines("c", &[7], 0)];
        let mut facts = Notification::new("chat", &first);
        assert_eq!((facts.hosts(), facts.lines()), (2, 14));
        assert_eq!(
            facts.worst_host(),
            Some("b".into()),
            "of two, the first by name"
        );
        facts.append(Notification::new(
            "chat",
            &[lines("c", &[1], 0), lines("a", &[3], 0)],
        ));
        assert_eq!((facts.hosts(), facts.lines()), (3, 18));
        assert_eq!(facts.worst_host(), Some("c".into()));
        assert_eq!(Notification::default().worst_host(), None);
    }
}
