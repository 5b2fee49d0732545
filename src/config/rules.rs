//! Rules and groups: `QUEUES REGEXP`, `group REGEXP` … `group_end`.

use std::collections::HashMap;

use super::diagnostic::Place;
use super::grammar::Fragment;
use super::model::*;
use super::patterns::{compile, warn_notes};
use super::queues::QueueTable;
use super::reporter::{Location, Reporter, SourceLine};
use super::rule_head::{Head, expect, head};
use crate::pattern::Pattern;

/// The greatest depth of groups. Each line is matched against all groups around a rule, and the checks
/// of a rule look at all levels that a line passes on its way to it.
const MAX_OPEN: usize = 500;

/// The rules so far.
#[derive(Debug)]
pub(super) struct RuleList {
    rules: Vec<Rule>,
    open: Vec<OpenGroup>,
    /// The number of groups that are open beyond [`MAX_OPEN`].
    too_deep: usize,
    /// Whether the error about them was reported.
    told_deep: bool,
    /// The levels that a line has passed when it comes to the next rule: the top level, and one for each
    /// open group.
    levels: Vec<Level>,
}

/// A group without its `group_end` so far.
#[derive(Debug)]
struct OpenGroup {
    /// The index of the group's rule; nothing if that rule had an error.
    rule: Option<usize>,
    on_host: bool,
    location: Location,
}

/// The patterns of the rules at one level that take a line for good.
#[derive(Debug, Default)]
struct Level {
    patterns: HashMap<Vec<u8>, Place>,
    everything: Option<Place>,
}

impl RuleList {
    pub(super) fn new() -> Self {
        Self {
            rules: Vec::new(),
            open: Vec::new(),
            too_deep: 0,
            told_deep: false,
            levels: vec![Level::default()],
        }
    }

    /// `QUEUES REGEXP`. Both parts are checked even when one is wrong.
    pub(super) fn add(
        &mut self,
        line: &SourceLine<'_>,
        queues: Fragment<'_>,
        pattern: Fragment<'_>,
        table: &mut QueueTable,
        reporter: &mut Reporter,
    ) {
        let expects = queues.text == b"expect" && table.id("expect").is_none();
        if expects {
            if let Some((head, pattern)) = expect(line, queues, pattern, table, reporter)
                && let Some(compiled) = compile(line, pattern, reporter)
            {
                self.push(line, head, pattern, compiled, reporter);
            }
            return;
        }
        let group = match queues.text {
            b"group" => Some(false),
            b"group_host" => Some(true),
            _ => None,
        };
        if group.is_some() && self.open.len() >= MAX_OPEN {
            return self.refuse_group(line, queues, reporter);
        }
        let head = match group {
            Some(on_host) => Some(Head::Group { on_host }),
            None => head(line, queues, table, reporter),
        };
        let compiled = compile(line, pattern, reporter);
        if let (Some(head), Some(compiled)) = (head, compiled) {
            self.push(line, head, pattern, compiled, reporter);
        } else if let Some(on_host) = group {
            // A group with a fault is opened too: its group_end must find it.
            self.open.push(OpenGroup {
                rule: None,
                on_host,
                location: line.at(queues),
            });
            self.levels.push(Level::default());
        }
    }

    /// Refuses a group inside of too many. The error is reported once: all groups inside are refused too.
    fn refuse_group(&mut self, line: &SourceLine<'_>, word: Fragment<'_>, reporter: &mut Reporter) {
        self.too_deep += 1;
        if !std::mem::replace(&mut self.told_deep, true) {
            reporter.error(
                line.at(word),
                format!("more than {MAX_OPEN} groups inside each other"),
                Some("close groups with `group_end`, or put two patterns into one".into()),
            );
        }
    }

    fn push(
        &mut self,
        line: &SourceLine<'_>,
        head: Head,
        part: Fragment<'_>,
        pattern: Pattern,
        reporter: &mut Reporter,
    ) {
        if u32::try_from(self.rules.len() + 1).is_err() {
            reporter.error(
                line.at(part),
                "there are more than four billion rules",
                None,
            );
            return;
        }
        self.warn_of(line, &head, part, &pattern, reporter);
        let on_host = matches!(head, Head::Group { on_host: true });
        let place = line.place(part.start);
        let index = self.rules.len();
        let action = match head {
            Head::Trash => Action::Trash,
            Head::Repeat => Action::Repeat,
            Head::Continue => Action::Continue,
            Head::Expect(expected) => Action::Expect(expected.into()),
            Head::Queues(targets) => Action::Queues(targets.into()),
            // `close` or `finish` puts the right end in.
            Head::Group { on_host: false } => Action::Group { end: index + 1 },
            Head::Group { on_host: true } => Action::GroupHost { end: index + 1 },
        };
        if matches!(action, Action::Group { .. } | Action::GroupHost { .. }) {
            self.open.push(OpenGroup {
                rule: Some(index),
                on_host,
                location: line.at(part),
            });
            self.levels.push(Level::default());
        } else {
            self.note_taken(pattern.source(), &place);
        }
        self.rules.push(Rule {
            pattern,
            action,
            place,
        });
    }

    /// Warns of a rule that probably does not do what is meant.
    fn warn_of(
        &self,
        line: &SourceLine<'_>,
        head: &Head,
        part: Fragment<'_>,
        pattern: &Pattern,
        reporter: &mut Reporter,
    ) {
        let masks = matches!(head, Head::Queues(_));
        warn_notes(line, part, pattern, masks, reporter);
        if part.ends_blank() {
            let end = part.text.len();
            let blanks = part.from(part.trim_end().text.len()).slice(0, end);
            let message = "the blanks at the end are a part of the pattern";
            let hint = "remove them, or write `\\s` or `[ ]` if they are meant";
            reporter.warn(line.at(blanks), message, Some(hint.into()));
        }
        let on_host = matches!(head, Head::Group { on_host: true });
        if let Some((before, all)) = self.taken_before(pattern.source(), on_host) {
            let what = if matches!(head, Head::Group { .. }) {
                "group"
            } else {
                "rule"
            };
            let why = if all {
                "takes every line"
            } else {
                "has the same pattern"
            };
            let message = format!("no line comes to this {what}: the rule at {before} {why}");
            reporter.warn(
                line.at(part),
                message,
                Some("put it before that rule, or remove it".into()),
            );
        }
        if matches!(head, Head::Repeat) && pattern.groups() == 0 {
            let message = "a repeat rule counts by its first group, and this has none";
            let hint = "write `last message repeated (\\d+) times`".into();
            reporter.warn(line.at(part), message, Some(hint));
        }
    }

    /// The place of the rule before that takes all lines of this pattern, and whether it takes every line.
    fn taken_before(&self, source: &[u8], on_host: bool) -> Option<(Place, bool)> {
        if let Some(place) = self.everything() {
            return Some((place.clone(), true));
        }
        if on_host {
            // The patterns before it look at the message.
            return None;
        }
        let same = self
            .levels
            .iter()
            .find_map(|level| level.patterns.get(source).cloned());
        same.map(|place| (place, false))
    }

    /// The place of the rule that takes every line that would come to the next rule, if there is one.
    pub(super) fn everything(&self) -> Option<&Place> {
        let mut levels = self.levels.iter();
        levels.find_map(|level| level.everything.as_ref())
    }

    fn note_taken(&mut self, source: &[u8], place: &Place) {
        if let Some(level) = self.levels.last_mut() {
            level
                .patterns
                .entry(source.to_vec())
                .or_insert_with(|| place.clone());
            if level.everything.is_none() && is_catch_all(source) {
                level.everything = Some(place.clone());
            }
        }
    }

    /// `group_end`
    pub(super) fn close(&mut self, line: &SourceLine<'_>, reporter: &mut Reporter) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        let Some(group) = self.open.pop() else {
            let hint =
                Some("remove it, or write `group REGEXP` before the rules of the group".into());
            let word = Fragment::new(line.text).word().0;
            reporter.error(line.at(word), "no group is open here", hint);
            return;
        };
        self.end_group(&group);
    }

    fn end_group(&mut self, group: &OpenGroup) {
        let level = self.levels.pop();
        let end = self.rules.len();
        let Some(rule) = group.rule.and_then(|index| self.rules.get_mut(index)) else {
            return;
        };
        match &mut rule.action {
            Action::Group { end: at } | Action::GroupHost { end: at } => *at = end,
            _ => {}
        }
        let (source, place) = (rule.pattern.source().to_vec(), rule.place.clone());
        // A group that ends in a catch-all takes all that gets into it.
        let takes_all = level.is_some_and(|level| level.everything.is_some());
        if takes_all && (!group.on_host || is_catch_all(&source)) {
            self.note_taken(&source, &place);
        }
    }

    /// Closes what is still open. A `group` without its end never had an effect: lines that do not
    /// match it go on with the next rule. A `group_host` ends with the configuration.
    pub(super) fn finish(&mut self, reporter: &mut Reporter) {
        while let Some(group) = self.open.pop() {
            self.end_group(&group);
            let rule = group
                .rule
                .and_then(|at| Some((at, self.rules.get_mut(at)?)));
            if let Some((at, rule)) = rule
                && let Action::Group { end } = &mut rule.action
            {
                *end = at + 1;
            }
            let message = match group.on_host {
                true => "this group is never closed: it ends with the configuration",
                false => "this group is never closed: it has no effect, every line goes through it",
            };
            reporter.warn(
                group.location,
                message,
                Some("write `group_end` after its last rule".into()),
            );
        }
    }

    /// The rules.
    pub(super) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }
}

/// Whether the pattern matches every line whatever it holds.
fn is_catch_all(source: &[u8]) -> bool {
    let source = source.strip_prefix(b"^").unwrap_or(source);
    let source = source.strip_suffix(b"$").unwrap_or(source);
    matches!(source, b"" | b".*" | b"(.*)" | b".*?" | b"(?:.*)")
}
