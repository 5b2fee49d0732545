//! The rule files of a directory, and which of them fit the lines of a log.
//!
//! A rule file fits if it takes lines that no rule takes yet, or only a rule that takes everything. Each file
//! is asked by itself, by the same index that decides for the daemon: what it would take once it is linked.

mod count;
mod file;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::{Config, RuleId};
use crate::pattern::{Budget, Spans};
use crate::record::MessageText;
use crate::rules::is_catch_all;

pub use count::{Counts, Share, program};
pub use file::{Fault, Pack};

/// The rule files of a directory, in the order of their names, and what each would take of the lines so far.
#[derive(Debug)]
pub struct Packs {
    packs: Vec<Pack>,
    lines: u64,
    together: u64,
    /// The lines by the files that would take them, by their places in `packs`.
    takers: BTreeMap<Vec<usize>, u64>,
    spans: Spans,
}

/// A rule file that would take lines.
#[derive(Clone, Copy, Debug)]
pub struct Fit<'a> {
    /// The file.
    pub pack: &'a Pack,
    /// Number of its lines that none of the files before it would take.
    pub added: u64,
}

impl Packs {
    /// Reads the rule files of `directory` for a site with this configuration. Files that begin with a dot
    /// are left out; what is wrong with those that cannot be used comes second.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn read(directory: &Path, config: &Config) -> io::Result<(Self, Vec<Fault>)> {
        let mut names: Vec<OsString> = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            let file = fs::metadata(directory.join(&name)).is_ok_and(|meta| meta.is_file());
            if file && !name.as_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        names.sort_unstable();
        let (mut packs, mut faults) = (Vec::new(), Vec::new());
        for name in names {
            match Pack::read(directory, name, config) {
                Ok(pack) => packs.push(pack),
                Err(fault) => faults.push(fault),
            }
        }
        let packs = Self {
            packs,
            lines: 0,
            together: 0,
            takers: BTreeMap::new(),
            spans: Spans::default(),
        };
        Ok((packs, faults))
    }

    /// Keeps the files that `keep` wants, before any line is counted.
    pub fn retain(&mut self, keep: impl FnMut(&Pack) -> bool) {
        self.packs.retain(keep);
    }

    /// Counts a line that is open ([`is_open`]) for each file that would take it.
    pub fn count(&mut self, host: &[u8], text: &mut MessageText<'_>) {
        self.lines += 1;
        let mut budget = Budget::new(text.written().len());
        let mut takers = Vec::new();
        for (at, pack) in self.packs.iter_mut().enumerate() {
            if pack.count(host, text, &mut self.spans, &mut budget) {
                takers.push(at);
            }
        }
        if !takers.is_empty() {
            self.together += 1;
            *self.takers.entry(takers).or_default() += 1;
        }
    }

    /// The files, in the order of their names.
    pub fn all(&self) -> &[Pack] {
        &self.packs
    }

    /// The files that would take lines, the one that would take most first.
    pub fn fitting(&self) -> Vec<Fit<'_>> {
        let mut order: Vec<usize> = (0..self.packs.len()).collect();
        let taken = |at: &usize| self.packs.get(*at).map(|pack| pack.counts().taken);
        order.sort_by_key(|at| Reverse(taken(at)));
        let rank = |at: &usize| order.iter().position(|one| one == at);
        let mut added = vec![0; self.packs.len()];
        for (takers, lines) in &self.takers {
            let first = takers.iter().min_by_key(|at| rank(at));
            if let Some(count) = first.and_then(|at| added.get_mut(*at)) {
                *count += lines;
            }
        }
        let fits = order.iter().filter_map(|at| {
            let (pack, added) = (self.packs.get(*at)?, *added.get(*at)?);
            pack.fits().then_some(Fit { pack, added })
        });
        fits.collect()
    }

    /// The number of lines that were counted.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// The number of lines that at least one of the files would take.
    pub fn together(&self) -> u64 {
        self.together
    }
}

/// Whether a line is open for a rule file: no rule takes it, or only one that takes everything.
pub fn is_open(config: &Config, taker: Option<RuleId>) -> bool {
    let rule = taker.and_then(|id| config.rules.get(id.index()));
    rule.is_none_or(is_catch_all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    fn counts(file: &str, lines: &[(&str, &str)]) -> (Counts, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("own"), file).unwrap();
        fs::write(dir.path().join("wrong"), "nowhere ^x\n").unwrap();
        fs::write(dir.path().join(".hidden"), "nowhere ^x\n").unwrap();
        let site = "set mailserver h\nset queue report f t [now]\nset hidepid on\n";
        let config = parse_bytes(site.as_bytes()).config.unwrap();
        let (mut packs, faults) = Packs::read(dir.path(), &config).unwrap();
        let names: Vec<_> = faults.iter().map(|fault| fault.name.clone()).collect();
        assert_eq!(names, ["wrong"]);
        for (host, message) in lines {
            let mut room = Vec::new();
            let mut text = MessageText::new(message.as_bytes(), true, &mut room);
            packs.count(host.as_bytes(), &mut text);
        }
        assert_eq!(packs.lines(), lines.len() as u64);
        let [pack] = packs.all() else {
            panic!("one file, that is");
        };
        assert_eq!(packs.together(), pack.counts().taken);
        (pack.counts().clone(), pack.missing_queues().to_vec())
    }

    #[test]
    fn the_lines_of_its_programs_are_those_that_get_into_the_file() {
        let file = "group ^app:\nreport ^app: bad\ngroup ^app: in\ntrash well\ngroup_end\ngroup_end\n\
                    group_host ^db\nreport,critical ^other: \ngroup_end\nmisc ^alone: \n";
        let lines = [
            ("web", "app[1]: bad"),
            ("web", "app[2]: in well"),
            ("web", "app[3]: unknown"),
            ("web", "other: x"),
            ("db1", "other: x"),
            ("db1", "third: x"),
            ("web", "alone: x"),
        ];
        let (counts, missing) = counts(file, &lines);
        assert_eq!((counts.taken, counts.lines), (4, 6));
        let queues: Vec<_> = counts
            .queues
            .iter()
            .map(|(name, n)| (name.as_str(), *n))
            .collect();
        assert_eq!(queues, [("misc", 1), ("report", 2), ("trash", 1)]);
        let app = counts.programs[bstr::BStr::new("app")];
        assert_eq!((app.taken, app.lines), (2, 3));
        assert_eq!(missing, ["critical", "misc"]);
    }

    #[test]
    fn a_file_whose_lines_others_take_adds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for (name, rules) in [
            ("a", "misc ^app: x\n"),
            ("b", "misc ^app: \n"),
            ("c", "misc ^other: \nmisc ^app: x\n"),
        ] {
            fs::write(dir.path().join(name), rules).unwrap();
        }
        let config = parse_bytes(b"set mailserver h\nset queue misc f t [now]\n")
            .config
            .unwrap();
        let (mut packs, _) = Packs::read(dir.path(), &config).unwrap();
        for message in ["app: x", "app: y", "app: z", "other: x", "none: x"] {
            let mut room = Vec::new();
            let mut text = MessageText::new(message.as_bytes(), true, &mut room);
            packs.count(b"h", &mut text);
        }
        let fitting = packs.fitting();
        let fits = fitting
            .iter()
            .map(|fit| (fit.pack.name().to_str().unwrap(), fit.added));
        assert_eq!(fits.collect::<Vec<_>>(), [("b", 3), ("c", 1), ("a", 0)]);
        assert_eq!(packs.together(), 4);
    }

    #[test]
    fn a_program_is_named_by_what_stands_before_its_text() {
        for (message, want) in [
            ("sshd: x", "sshd"),
            ("sshd[12]: x", "sshd"),
            ("postfix/smtpd: x", "postfix/smtpd"),
            ("%SYS-5-CONFIG_I: x", "%SYS-5-CONFIG_I"),
            ("no tag", "no"),
            ("", ""),
        ] {
            assert_eq!(program(message.as_bytes()), want.as_bytes(), "{message}");
        }
    }
}
