//! Two configurations on the same lines: which lines change their rule, their queues, or the text that is
//! counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use bstr::BString;

use super::classifier::{Classifier, Outcome, Taken};
use crate::config::{Config, RuleId};

/// Samples that are kept of each change.
const SAMPLES: usize = 3;

/// The lines so far that an old and a new configuration treat differently.
#[derive(Debug)]
pub struct Difference {
    old: Side,
    new: Side,
    lines: u64,
    changes: BTreeMap<Key, Change>,
}

/// A configuration, and what it does with lines.
#[derive(Debug)]
struct Side {
    classifier: Classifier,
    meaning: Meaning,
}

/// What the outcomes of a configuration mean.
#[derive(Debug)]
struct Meaning {
    config: Arc<Config>,
    /// The target of each rule, as the configuration writes it.
    targets: Vec<String>,
    /// The queue of lines without a known prefix.
    noprefix: String,
}

/// What tells two changes apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    effect: Effect,
    old: Outcome,
    new: Outcome,
}

/// What a change does to lines, the gravest first: each line is named by the first that fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Effect {
    /// They are counted in other queues.
    Queues,
    /// They are counted in the same queues, but as another text, or for another host.
    Text,
    /// Another rule takes them; they are counted in the same queues, as the same text and for the same host.
    Rule,
}

/// Lines that change in the same way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// What changes.
    pub effect: Effect,
    /// What the old configuration does with them.
    pub old: Outcome,
    /// What the new configuration does with them.
    pub new: Outcome,
    /// Number of lines.
    pub lines: u64,
    /// The first of these lines that differ from each other.
    pub samples: Vec<Sample>,
}

/// A line that changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// The host, as the new configuration reads the line.
    pub host: BString,
    /// The message, as the new configuration reads it.
    pub message: BString,
    /// The text that the old configuration counts; empty if it counts none.
    pub old: BString,
    /// The text that the new configuration counts; empty if it counts none.
    pub new: BString,
}

impl Side {
    fn new(config: Arc<Config>) -> Self {
        let targets = config.rules.iter().map(|rule| config.target(&rule.action));
        let noprefix = config.noprefix.and_then(|id| config.queues.get(id.index()));
        Self {
            meaning: Meaning {
                targets: targets.collect(),
                noprefix: noprefix.map_or_else(String::new, |queue| queue.name.clone()),
                config: Arc::clone(&config),
            },
            classifier: Classifier::new(config),
        }
    }
}

impl Meaning {
    /// The queues of an outcome, as the configuration writes them; empty for a line that is dropped.
    fn target(&self, outcome: Outcome) -> &str {
        match outcome {
            Outcome::Rule(id) => self.targets.get(id.index()).map_or("", String::as_str),
            Outcome::NoPrefix => &self.noprefix,
            Outcome::Unmatched | Outcome::NoHost => "",
        }
    }

    fn pattern(&self, id: RuleId) -> Option<&[u8]> {
        let rule = self.config.rules.get(id.index())?;
        Some(rule.pattern.source())
    }
}

/// What changes for a line of these outcomes; `same_text` says that both count the same text.
fn effect(
    (old_meaning, old): (&Meaning, Outcome),
    (new_meaning, new): (&Meaning, Outcome),
    same_text: bool,
) -> Option<Effect> {
    let same_rule = match (old, new) {
        (Outcome::Rule(old), Outcome::Rule(new)) => {
            old_meaning.pattern(old) == new_meaning.pattern(new)
        }
        _ => old == new,
    };
    if old_meaning.target(old) != new_meaning.target(new) {
        Some(Effect::Queues)
    } else if !same_text {
        Some(Effect::Text)
    } else if !same_rule {
        Some(Effect::Rule)
    } else {
        None
    }
}

impl Difference {
    /// No line yet, for these two configurations.
    pub fn new(old: Arc<Config>, new: Arc<Config>) -> Self {
        Self {
            old: Side::new(old),
            new: Side::new(new),
            lines: 0,
            changes: BTreeMap::new(),
        }
    }

    /// Compares what both do with a line (without its newline).
    pub fn take(&mut self, line: &[u8]) {
        self.lines += 1;
        let old = self.old.classifier.take(line);
        let new = self.new.classifier.take(line);
        let same_text = (old.masked, old.host) == (new.masked, new.host);
        let old_side = (&self.old.meaning, old.outcome);
        let Some(effect) = effect(old_side, (&self.new.meaning, new.outcome), same_text) else {
            return;
        };
        let key = Key {
            effect,
            old: old.outcome,
            new: new.outcome,
        };
        let change = self.changes.entry(key).or_insert_with(|| Change {
            effect,
            old: old.outcome,
            new: new.outcome,
            lines: 0,
            samples: Vec::new(),
        });
        change.add(&old, &new);
    }

    /// Number of lines that were compared.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Number of lines that change.
    pub fn changed(&self) -> u64 {
        self.changes.values().map(|change| change.lines).sum()
    }

    /// The changes: the gravest kind first, and of each kind the one with most lines.
    pub fn changes(&self) -> Vec<&Change> {
        let mut all: Vec<&Change> = self.changes.values().collect();
        all.sort_by_key(|change| (change.effect, std::cmp::Reverse(change.lines)));
        all
    }

    /// The target of an outcome in the old configuration; empty for a line that is dropped.
    pub fn old_target(&self, outcome: Outcome) -> &str {
        self.old.meaning.target(outcome)
    }

    /// The target of an outcome in the new configuration; empty for a line that is dropped.
    pub fn new_target(&self, outcome: Outcome) -> &str {
        self.new.meaning.target(outcome)
    }

    /// The old configuration.
    pub fn old(&self) -> &Arc<Config> {
        &self.old.meaning.config
    }

    /// The new configuration.
    pub fn new_config(&self) -> &Arc<Config> {
        &self.new.meaning.config
    }
}

impl Change {
    /// Adds a line that changes.
    fn add(&mut self, old: &Taken<'_>, new: &Taken<'_>) {
        self.lines += 1;
        let counted = !old.masked.is_empty() || !new.masked.is_empty();
        let same = |one: &Sample| match counted {
            true => one.old == old.masked && one.new == new.masked,
            false => one.message == new.message,
        };
        if self.samples.len() < SAMPLES && !self.samples.iter().any(same) {
            self.samples.push(Sample {
                host: new.host.into(),
                message: new.message.into(),
                old: old.masked.into(),
                new: new.masked.into(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;

    const HEAD: &str = "set mailserver h\nset hidepid on\nset queue a f@x t@x [now]\n\
                        set queue b f@x t@x [now]\n";

    fn compared(old: &str, new: &str, lines: &[&str]) -> Vec<(Effect, u64, usize)> {
        let config = |rules: &str| {
            let loaded = parse_bytes(format!("{HEAD}{rules}").as_bytes());
            Arc::new(loaded.config.unwrap())
        };
        let mut difference = Difference::new(config(old), config(new));
        for line in lines {
            difference.take(format!("Nov 23 21:44:00 h1 {line}").as_bytes());
        }
        assert_eq!(difference.lines(), lines.len() as u64);
        let changes = difference.changes();
        let all = changes
            .iter()
            .map(|one| (one.effect, one.lines, one.samples.len()));
        all.collect()
    }

    #[test]
    fn changes_are_grouped_by_what_they_do() {
        let old = "a ^x: (\\d+)\na ^y: .\na ^z: \na .*\n";
        let new = "# another line\na ^x: \\d+\nb ^y: .\na ^(?:z: )\na .*\n";
        let lines = [
            "x: 1", "x: 2", "y: 1", "y: 2", "y: 2", "y: 3", "y: 4", "z: ", "w",
        ];
        assert_eq!(
            compared(old, new, &lines),
            [
                (Effect::Queues, 5, 3),
                (Effect::Text, 2, 2),
                (Effect::Rule, 1, 1)
            ]
        );
        assert_eq!(compared(old, old, &lines), []);
        let trash = old.replace("a ^y: .", "trash ^y: .");
        assert_eq!(compared(old, &trash, &lines), [(Effect::Queues, 5, 3)]);
        let none = old.replace("a .*", "");
        assert_eq!(compared(old, &none, &lines), [(Effect::Queues, 1, 1)]);
    }

    #[test]
    fn another_prefix_or_mask_is_a_change() {
        let rules = "a ^x: (\\d+)\n";
        let lines = ["x: 1", "x: 1"];
        let mask = format!("set mask *\n{rules}");
        assert_eq!(compared(rules, &mask, &lines), [(Effect::Text, 2, 1)]);
        let prefix = format!("set logprefix cisco\nset hidepid off\n{rules}");
        assert_eq!(compared(rules, &prefix, &lines), []);
    }
}
