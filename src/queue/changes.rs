//! The changes of a tally since the last commit: a commit costs what is new, not what is held.
//!
//! Hosts and lines have numbers in the order in which they came, and a snapshot holds them in that order. So a change
//! names a line that a commit holds already by its number, and has the text of new lines only.

use bstr::{BStr, BString};
use serde::{Deserialize, Serialize};

use super::Tally;
use super::lines::Key;
use super::noted::{Changes, MOST};
use super::saved::UNBOUNDED;

/// The changes of a tally since the last commit.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum TallyChange<T = Tally, B = BString> {
    /// The tally of before is gone: this one stands in its place.
    Whole(T),
    /// The changes of its hosts and lines.
    Lines(LinesChange<B>),
}

/// The changes of the hosts and lines of a tally.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinesChange<B = BString> {
    /// The numbers of hosts and of lines before.
    before: (usize, usize),
    /// The names of the hosts that are new, in the order of their places.
    hosts: Vec<B>,
    /// The places of hosts, and the numbers of their other lines now.
    others: Vec<(u32, u64)>,
    /// The numbers of lines that were known, and their counts now.
    counted: Vec<(u32, u64)>,
    /// New lines, in the order of their numbers: the place of the host, the line, its count.
    added: Vec<(u32, B, u64)>,
}

impl Tally {
    /// What changed since the last commit; nothing if it holds this tally as it is.
    pub fn changes(&self) -> Option<TallyChange<&Self, &BStr>> {
        let changes = &self.changes;
        if changes.whole {
            return Some(TallyChange::Whole(self));
        }
        let names = self.hosts.iter().skip(changes.hosts);
        let others = |&place: &u32| Some((place, self.hosts.get(place as usize)?.others));
        let counted = |&at: &u32| Some((at, self.lines.numbered(at)?.1));
        let added = (changes.lines..self.lines.len()).filter_map(|at| {
            let (key, count) = self.lines.numbered(u32::try_from(at).ok()?)?;
            Some((key.host, BStr::new(key.line), count))
        });
        let change = LinesChange {
            before: (changes.hosts, changes.lines),
            hosts: names.map(|host| host.name.as_ref()).collect(),
            others: changes.others.iter().filter_map(others).collect(),
            counted: changes.counted.iter().filter_map(counted).collect(),
            added: added.collect(),
        };
        let none = change.hosts.is_empty()
            && change.others.is_empty()
            && change.counted.is_empty()
            && change.added.is_empty();
        (!none).then_some(TallyChange::Lines(change))
    }

    /// To be called when a commit was made of the tally as it is.
    pub fn committed(&mut self) {
        let Changes {
            whole,
            lines,
            mut counted,
            mut others,
            ..
        } = std::mem::take(&mut self.changes);
        if whole {
            self.hosts
                .iter_mut()
                .for_each(|host| host.others_changed = false);
        }
        for place in others.drain(..) {
            if let Some(host) = self.hosts.get_mut(place as usize) {
                host.others_changed = false;
            }
        }
        self.lines.all_committed(if whole { 0 } else { lines });
        for at in counted.drain(..) {
            self.lines.committed(at);
        }
        self.continued_committed();
        // What one burst needed is not kept for ever.
        counted.shrink_to(MOST >> 8);
        others.shrink_to(MOST >> 8);
        self.changes = Changes {
            whole: false,
            hosts: self.hosts.len(),
            lines: self.lines.len(),
            counted,
            others,
        };
    }

    /// Makes the changes of a commit to the tally of the commit before.
    ///
    /// # Errors
    /// The changes do not fit this tally; the text says how that was seen.
    pub fn apply(&mut self, change: TallyChange) -> Result<(), String> {
        let change = match change {
            TallyChange::Whole(tally) => {
                *self = tally;
                return Ok(());
            }
            TallyChange::Lines(change) => change,
        };
        let now = (self.hosts.len(), self.lines.len());
        if change.before != now {
            return Err(format!(
                "changes of {} hosts and {} lines, where there are {} and {}",
                change.before.0, change.before.1, now.0, now.1
            ));
        }
        for name in change.hosts {
            if self.known(name.as_ref()).is_some() {
                return Err(format!("host {} is not the next one", self.hosts.len()));
            }
            self.push(name, 0);
        }
        for (place, others) in change.others {
            let host = self.hosts.get_mut(place as usize);
            host.ok_or_else(|| format!("there is no host {place}"))?
                .others = others;
        }
        for (at, count) in change.counted {
            if at as usize >= self.lines.len() {
                return Err(format!("there is no line {at}"));
            }
            self.lines.update(at, |_| count);
        }
        for (host, line, count) in change.added {
            self.append(host, &line, count)?;
        }
        Ok(())
    }

    /// Appends a line as a commit has it.
    pub(super) fn append(&mut self, host: u32, line: &[u8], count: u64) -> Result<(), String> {
        if host as usize >= self.hosts.len() {
            return Err(format!("there is no host {host}"));
        }
        let key = Key { host, line };
        let lines = self.lines.len();
        self.change(key, key.hash(), UNBOUNDED, 1, |_| count);
        match self.lines.len() > lines {
            true => Ok(()),
            false => Err(format!("line {lines} is there already")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hosts::HostTable;

    /// What a disk would hold after commits of every kind.
    #[derive(Default)]
    struct Committed {
        tally: Tally,
        /// The bytes of the last commit.
        bytes: usize,
    }

    impl Committed {
        fn commit(&mut self, live: &mut Tally) {
            if let Some(changes) = live.changes() {
                let bytes = postcard::to_stdvec(&changes).unwrap();
                self.bytes = bytes.len();
                self.tally
                    .apply(postcard::from_bytes(&bytes).unwrap())
                    .unwrap();
            }
            live.committed();
            assert_eq!(self.tally, *live);
            assert_eq!(self.tally.distinct(), live.distinct());
            assert!(live.changes().is_none());
        }
    }

    #[test]
    fn commits_lead_to_the_same_counts() {
        let (mut live, mut table) = (Tally::default(), HostTable::default());
        let mut disk = Committed::default();
        let mut n: u64 = 7;
        let mut below = |most: u64| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (n >> 33) % most
        };
        for round in 0..400 {
            for _ in 0..below(40) {
                let host = format!("h{}", below(20));
                let line = format!("line {}", below(60));
                let host = table.host(host.as_bytes());
                match below(10) {
                    0 => live.set(host, line.as_bytes(), u64::from(u32::MAX) + below(9), 800),
                    n => live.add(host, line.as_bytes(), n, 800),
                };
            }
            match round % 60 {
                // A report.
                59 => live = Tally::default(),
                // A snapshot is read again: it has the lines in their order.
                40 => {
                    let bytes = postcard::to_stdvec(&live).unwrap();
                    disk.tally = postcard::from_bytes(&bytes).unwrap();
                    live.committed();
                    table = HostTable::default();
                    live.forget_numbers();
                }
                20 => {
                    live.forget_numbers();
                    table = HostTable::default();
                }
                _ => {}
            }
            disk.commit(&mut live);
        }
    }

    /// A line that is known costs its number and its count, however many there are beside it.
    #[test]
    fn a_commit_costs_what_changed() {
        let (mut live, mut table) = (Tally::default(), HostTable::default());
        let mut disk = Committed::default();
        let line = |n: usize| format!("{n} {}", "long ".repeat(20));
        for n in 0..20_000 {
            live.add(table.host(b"h"), line(n).as_bytes(), 1, usize::MAX);
        }
        disk.commit(&mut live);
        assert!(disk.bytes > 2_000_000, "{}", disk.bytes);
        for n in 0..100 {
            for _ in 0..10 {
                live.add(table.host(b"h"), line(n * 199).as_bytes(), 1, usize::MAX);
            }
        }
        disk.commit(&mut live);
        assert!(disk.bytes < 500, "{}", disk.bytes);
        live.add(table.host(b"h"), b"new", 1, usize::MAX);
        disk.commit(&mut live);
        assert!(disk.bytes < 20, "{}", disk.bytes);
    }

    #[test]
    fn beyond_the_bound_of_notes_the_tally_is_written_whole() {
        let (mut live, mut table) = (Tally::default(), HostTable::default());
        let mut disk = Committed::default();
        live.add(table.host(b"h"), b"x", 1, 1);
        disk.commit(&mut live);
        for _ in 0..=MOST {
            live.changes.line(0);
        }
        assert!(matches!(live.changes(), Some(TallyChange::Whole(_))));
        live.add(table.host(b"h"), b"x", 1, 1);
        disk.commit(&mut live);
        live.add(table.host(b"h"), b"x", 1, 1);
        assert!(matches!(live.changes(), Some(TallyChange::Lines(_))));
        disk.commit(&mut live);
    }

    #[test]
    fn changes_of_another_tally_are_refused() {
        let (mut live, mut table) = (Tally::default(), HostTable::default());
        live.add(table.host(b"h"), b"x", 1, 9);
        live.committed();
        live.add(table.host(b"h"), b"y", 1, 9);
        live.add(table.host(b"i"), b"z", 1, 9);
        let bytes = postcard::to_stdvec(&live.changes().unwrap()).unwrap();
        let change = || postcard::from_bytes(&bytes).unwrap();
        assert!(Tally::default().apply(change()).is_err());
        assert!(live.apply(change()).is_err());
    }
}
