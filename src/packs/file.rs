//! One rule file: its rules, and what they would take.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::count::{Counts, program};
use crate::config::{self, Action, Config, Diagnostic, Rule};
use crate::pattern::{Budget, Pattern, Spans};
use crate::record::MessageText;
use crate::rules::{Index, Query};

/// Queues that rule files name beside the queues of the site, so that a file that needs one can be counted.
const USUAL: [&str; 3] = ["critical", "report", "misc"];

/// A rule file that cannot be used.
#[derive(Debug)]
pub struct Fault {
    /// The file's name in its directory.
    pub name: OsString,
    /// What is wrong, with the place in the file.
    pub errors: Vec<Diagnostic>,
}

/// A rule file.
#[derive(Debug)]
pub struct Pack {
    name: OsString,
    path: PathBuf,
    rules: Matcher,
    /// The rules by which lines get into the file: what its programs write.
    entries: Matcher,
    /// The names of the queues, by their numbers.
    queues: Vec<String>,
    missing: Vec<String>,
    counts: Counts,
}

/// Rules and their index.
#[derive(Debug)]
struct Matcher {
    rules: Vec<Rule>,
    index: Index,
}

impl Matcher {
    fn new(rules: Vec<Rule>) -> Self {
        let index = Index::new(&rules);
        Self { rules, index }
    }

    /// The rule that takes a line.
    fn decide(
        &mut self,
        host: &[u8],
        text: &mut MessageText<'_>,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Option<&Rule> {
        budget.begin(text.written().len());
        let query = Query {
            host,
            newlines: memchr::memchr(b'\n', text.written()).is_some(),
            text,
            spans,
            budget,
        };
        let taker = self.index.decide(&self.rules, query)?;
        self.rules.get(taker.index())
    }
}

impl Pack {
    /// Reads the file `name` of `directory`, for a site with this configuration.
    ///
    /// # Errors
    /// When it cannot be read, or has an error.
    pub(super) fn read(directory: &Path, name: OsString, config: &Config) -> Result<Self, Fault> {
        let path = directory.join(&name);
        let site = config.queues.iter().filter(|q| q.output.mail().is_some());
        let site: BTreeSet<&str> = site.map(|queue| queue.name.as_str()).collect();
        let known: BTreeSet<&str> = site.iter().copied().chain(USUAL).collect();
        let loaded = config::load_rules(&path, known);
        let Some(own) = loaded.config else {
            let errors = loaded.diagnostics.into_iter();
            let errors = errors.filter(Diagnostic::is_error).collect();
            return Err(Fault { name, errors });
        };
        let queues: Vec<String> = own.queues.into_iter().map(|queue| queue.name).collect();
        let used = targets(&own.rules).filter_map(|id| queues.get(id));
        let used: BTreeSet<&String> = used.collect();
        let missing = used
            .into_iter()
            .filter(|name| !site.contains(name.as_str()));
        Ok(Self {
            name,
            path,
            missing: missing.cloned().collect(),
            queues,
            entries: Matcher::new(entries(&own.rules)),
            rules: Matcher::new(own.rules),
            counts: Counts::default(),
        })
    }

    /// Counts a line that is open. Whether the file would take it.
    pub(super) fn count(
        &mut self,
        host: &[u8],
        text: &mut MessageText<'_>,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> bool {
        if self.entries.decide(host, text, spans, budget).is_none() {
            return false;
        }
        let taker = self.rules.decide(host, text, spans, budget);
        let queue = taker.and_then(|rule| match &rule.action {
            Action::Trash | Action::Expect(_) => Some("trash"),
            Action::Queues(targets) => {
                let first = targets.first()?.queue.index();
                self.queues.get(first).map(String::as_str)
            }
            Action::Continue => Some("continue"),
            Action::Repeat | Action::Group { .. } | Action::GroupHost { .. } => Some("repeat"),
        });
        self.counts.add(program(text.message()), queue);
        queue.is_some()
    }

    /// The file's name in its directory.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The queues that its rules name and the site does not define, in the order of the alphabet.
    pub fn missing_queues(&self) -> &[String] {
        &self.missing
    }

    /// What it would take of the lines so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Whether it would take any line.
    pub fn fits(&self) -> bool {
        self.counts.taken > 0
    }
}

/// The numbers of the queues that rules name.
fn targets(rules: &[Rule]) -> impl Iterator<Item = usize> {
    let lists = rules.iter().map(|rule| match &rule.action {
        Action::Queues(targets) => &targets[..],
        _ => &[],
    });
    lists.flatten().map(|target| target.queue.index())
}

/// The patterns at the top level of a file, as rules: what a line must match to get into it.
fn entries(rules: &[Rule]) -> Vec<Rule> {
    let mut entries = Vec::new();
    let mut at = 0;
    while let Some(rule) = rules.get(at) {
        let entry = |pattern: Pattern, action| Rule {
            pattern,
            action,
            place: rule.place.clone(),
        };
        let pattern = rule.pattern.clone();
        at += 1;
        match (&rule.action, Pattern::compile(b"")) {
            (Action::GroupHost { end }, Ok(all)) => {
                let behind = entries.len() + 2;
                entries.push(entry(pattern, Action::GroupHost { end: behind }));
                entries.push(entry(all, Action::Trash));
                at = at.max(*end);
            }
            (Action::Group { end }, _) => {
                entries.push(entry(pattern, Action::Trash));
                at = at.max(*end);
            }
            _ => entries.push(entry(pattern, Action::Trash)),
        }
    }
    entries
}
