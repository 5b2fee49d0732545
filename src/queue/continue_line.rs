//! What a tally does with continuation lines.

use bstr::BStr;

use super::continued::{Continuation, Continued};
use super::lines::Key;
use super::{HostLines, Tally};
use crate::config::Bound;
use crate::hosts::Host;

impl Tally {
    /// Keeps a continuation line of a line that was counted: of the first `most` the text, of the others the
    /// number. `first` tells that it is the first one of this occurrence of the line, which counts if no
    /// occurrence before had any.
    pub fn continue_line(
        &mut self,
        (host, line): (Host<'_>, &[u8]),
        text: &[u8],
        (first, most): (bool, usize),
        bound: impl Into<Bound>,
    ) -> Continuation {
        let full = self.is_full(bound.into());
        let place = self.known_place(host).or_else(|| self.known(host.name()));
        let at = place.and_then(|host| self.lines.find(Key { host, line }));
        let Some(at) = at else {
            return Continuation::NotFirst;
        };
        let (kept, cost) = self.continued.add(at, text, (first, most), full);
        self.bytes = self.bytes.saturating_add(cost);
        kept
    }

    /// Puts back the continuation lines of a line, as a snapshot has them.
    pub fn restore_continued(&mut self, at: u32, continued: Continued) {
        if at as usize >= self.lines.len() {
            return;
        }
        let cost = self.continued.restore(at, continued);
        self.bytes = self.bytes.saturating_add(cost);
    }

    /// All continuation lines, each with the number of their line.
    pub fn continued(&self) -> impl Iterator<Item = (u32, &Continued)> {
        self.continued.iter()
    }

    /// The continuation lines that changed since the last commit, and whether they stand in the place of all that
    /// it holds.
    pub fn continued_changes(&self) -> (bool, Vec<(u32, &Continued)>) {
        match self.changes.whole {
            true => (true, self.continued.iter().collect()),
            false => (false, self.continued.changed().collect()),
        }
    }

    /// Notes that a commit holds the continuation lines as they are.
    pub(super) fn continued_committed(&mut self) {
        self.continued.committed();
    }

    /// Adds the continuation lines to the lines of the hosts.
    pub(super) fn put_continued<'a>(&'a self, hosts: &mut [HostLines<'a>]) {
        for (at, continued) in self.continued.iter() {
            let Some((key, _)) = self.lines.numbered(at) else {
                continue;
            };
            if let Some(host) = hosts.get_mut(key.host as usize) {
                host.continued.push((BStr::new(key.line), continued));
            }
        }
        for host in hosts {
            host.continued.sort_unstable_by_key(|(line, _)| *line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SortOrder;
    use crate::hosts::HostTable;

    /// The continuation lines of a line of the host `h`, with the number of the others.
    fn kept(tally: &Tally, line: &str) -> Option<(Vec<String>, u64)> {
        let hosts = tally.lines(SortOrder::Ascending, &[], &mut Vec::new());
        let continued = hosts.first()?.continued_of(BStr::new(line))?;
        let lines = continued.lines.iter().map(ToString::to_string).collect();
        Some((lines, continued.more))
    }

    #[test]
    fn the_first_lines_of_the_first_occurrence_are_kept() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        let host = |table: &mut HostTable| table.host(b"h").number();
        assert_eq!(host(&mut table), 0);
        for n in 0..100 {
            tally.add(table.host(b"h"), format!("line {n}").as_bytes(), 1, 1_000);
        }
        let mut add = |line: &str, text: &str, first| {
            let line = (table.host(b"h"), line.as_bytes());
            tally.continue_line(line, text.as_bytes(), (first, 2), 1_000)
        };
        assert_eq!(add("line 1", "a", true), Continuation::Kept);
        for text in ["b", "c", "d"] {
            assert_eq!(add("line 1", text, false), Continuation::Kept);
        }
        assert_eq!(add("line 1", "x", true), Continuation::NotFirst);
        assert_eq!(add("line 2", "x", false), Continuation::NotFirst);
        assert_eq!(add("line 100", "x", true), Continuation::NotFirst);
        assert_eq!(add("line 99", "z", true), Continuation::Kept);
        let want = (vec!["a".to_owned(), "b".to_owned()], 2);
        assert_eq!(kept(&tally, "line 1"), Some(want));
        assert_eq!(kept(&tally, "line 99"), Some((vec!["z".to_owned()], 0)));
        assert_eq!(kept(&tally, "line 2"), None);
    }

    #[test]
    fn a_full_queue_keeps_no_more_text() {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for line in ["a", "b"] {
            tally.add(table.host(b"h"), line.as_bytes(), 1, 9);
        }
        let bound = Bound {
            lines: 9,
            bytes: tally.bytes + 1_000,
        };
        let mut add = |line: &str, first| {
            let line = (table.host(b"h"), line.as_bytes());
            tally.continue_line(line, &[b'x'; 600], (first, 9), bound)
        };
        assert_eq!(add("a", true), Continuation::Kept);
        assert_eq!(add("a", false), Continuation::Kept);
        assert_eq!(add("a", false), Continuation::Over);
        assert_eq!(add("b", true), Continuation::Over);
        let (lines, more) = kept(&tally, "a").unwrap();
        assert_eq!((lines.len(), more), (2, 1));
        assert_eq!(kept(&tally, "b"), None);
    }
}
