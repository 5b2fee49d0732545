//! `set queue`, `set csv`, `set threshold` and `set filter`: the table of the queues.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use bstr::BString;

use super::diagnostic::{Place, shown};
use super::grammar::Fragment;
use super::model::*;
use super::queue_values::{address, queue_name, recipients, schedule, shell_command};
use super::reporter::{Located, Location, Reporter, SourceLine};
use super::suggest::did_you_mean;
use crate::pattern::Pattern;
use crate::schedule::Schedule;

/// The most queues with `set quiet`: a host is kept with a bit for each.
const MOST_QUIET: usize = 64;

/// The queues as defined so far.
#[derive(Debug, Default)]
pub(super) struct QueueTable {
    list: Vec<Queue>,
    by_name: HashMap<String, QueueId>,
    locations: Vec<Location>,
    used: Vec<bool>,
    filters: HashMap<String, Filter>,
    /// The programs among the recipients of each queue, by the queue's name, with the locations of their words.
    notified: BTreeMap<String, Vec<(String, Location)>>,
}

#[derive(Debug)]
struct Filter {
    command: ShellCommand,
    location: Location,
}

impl QueueTable {
    /// The queue of that name.
    pub(super) fn id(&self, name: &str) -> Option<QueueId> {
        self.by_name.get(name).copied()
    }

    /// The place of the definition of a queue.
    pub(super) fn location(&self, name: &str) -> Option<&Location> {
        self.locations.get(self.id(name)?.index())
    }

    /// Whether a queue may tell trends.
    pub(super) fn have_digest(&self) -> bool {
        self.list.iter().any(|queue| queue.digest().is_some())
    }

    /// Whether a queue is mailed at a time of the day.
    pub(super) fn have_schedule(&self) -> bool {
        let mut queues = self.list.iter();
        queues.any(|queue| queue.schedule != Schedule::Now)
    }

    /// The name of a queue, and when it is mailed.
    pub(super) fn schedule(&self, id: QueueId) -> Option<(&str, &Schedule)> {
        let queue = self.list.get(id.index())?;
        Some((&queue.name, &queue.schedule))
    }

    /// All names, in the order of definition.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|queue| queue.name.as_str())
    }

    /// Notes that a rule names the queue.
    pub(super) fn mark_used(&mut self, id: QueueId) {
        if let Some(used) = self.used.get_mut(id.index()) {
            *used = true;
        }
    }

    /// The queues that no rule names, and where they were defined.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&Queue, &Location)> {
        let unused = self
            .list
            .iter()
            .zip(&self.locations)
            .zip(&self.used)
            .filter(|(_, used)| !**used);
        unused.map(|(queue, _)| queue)
    }

    /// Each queue's program (a filter, or the CSV program), and where it was named.
    pub(super) fn programs(&self) -> Vec<(&ShellCommand, &Location)> {
        let filters = self
            .filters
            .values()
            .map(|filter| (&filter.command, &filter.location));
        let csv = self
            .list
            .iter()
            .zip(&self.locations)
            .filter(|(queue, _)| queue.output.mail().is_none())
            .filter_map(|(queue, location)| Some((queue.output.program()?, location)));
        filters.chain(csv).collect()
    }

    /// `set queue NAME FROM TO [WHEN] SUBJECT`
    pub(super) fn define<'a>(
        &mut self,
        line: &SourceLine<'_>,
        setting: Fragment<'a>,
        value: Fragment<'a>,
        reporter: &mut Reporter,
    ) -> Result<(), Located<'a>> {
        let defined = self.try_define(line, setting, value, reporter);
        let name = value.word().0;
        if let (Err(_), Ok(text)) = (&defined, queue_name(name))
            && self.id(text).is_none()
            && !text.is_empty()
        {
            // The configuration is refused anyway; the rules that name the queue are not at fault.
            let output = Output::Mail(MailQueue {
                from: BString::default(),
                sender: Address::default(),
                recipients: Vec::new(),
                programs: Vec::new(),
                subject: None,
                filter: None,
            });
            self.insert(line, name, text, Schedule::Now, output, reporter)?;
            self.used
                .last_mut()
                .into_iter()
                .for_each(|used| *used = true);
        }
        defined
    }

    fn try_define<'a>(
        &mut self,
        line: &SourceLine<'_>,
        setting: Fragment<'a>,
        value: Fragment<'a>,
        reporter: &mut Reporter,
    ) -> Result<(), Located<'a>> {
        const FORM: &str = "write `set queue NAME FROM TO [MINUTE HOUR DAY MONTH WEEKDAY] SUBJECT`, \
                            or `[now]`";
        let (name, rest) = value.word();
        let (from, rest) = rest.word();
        let (to, rest) = rest.word();
        for (part, what) in [(name, "name"), (from, "sender"), (to, "recipient")] {
            if part.is_empty() || (what != "name" && part.text.starts_with(b"[")) {
                let part = if part.is_empty() { setting } else { part };
                return Err(Located::new(part, format!("the queue has no {what}"), FORM));
            }
        }
        let text = queue_name(name)?;
        let when = rest.trim_start();
        if !when.text.starts_with(b"[") {
            let blank = to.text.ends_with(b",");
            let hint = if blank {
                "write the recipients without blanks between them"
            } else {
                FORM
            };
            let part = if when.is_empty() {
                setting
            } else {
                when.word().0
            };
            return Err(Located::new(
                part,
                "a schedule in brackets must follow the recipients",
                hint,
            ));
        }
        let (schedule, subject) = schedule(when, setting)?;
        let subject = subject.trim_start().trim_end();
        if text.contains([',', ':']) {
            let message = format!("no rule can name the queue `{text}`");
            reporter.warn(
                line.at(name),
                message,
                Some("leave `,` and `:` out of its name".into()),
            );
        }
        let sender = address(from)?;
        let to = recipients(to)?;
        let programs = to.programs.iter();
        let named = programs.map(|(program, word)| (program.name.clone(), line.at(*word)));
        self.notified.insert(text.to_owned(), named.collect());
        let mail = MailQueue {
            from: BString::from(from.text),
            sender,
            recipients: to.mails,
            programs: to
                .programs
                .into_iter()
                .map(|(program, _)| program)
                .collect(),
            subject: (!subject.is_empty()).then(|| BString::from(subject.text)),
            filter: None,
        };
        self.insert(line, name, text, schedule, Output::Mail(mail), reporter)
    }

    /// `set csv [WHEN] PROGRAM ARGUMENTS`
    pub(super) fn define_csv<'a>(
        &mut self,
        line: &SourceLine<'_>,
        setting: Fragment<'a>,
        value: Fragment<'a>,
        reporter: &mut Reporter,
    ) -> Result<(), Located<'a>> {
        const FORM: &str = "write `set csv [MINUTE HOUR DAY MONTH WEEKDAY] PROGRAM ARGUMENTS`";
        let when = value.trim_start();
        if !when.text.starts_with(b"[") {
            let part = if when.is_empty() {
                setting
            } else {
                when.word().0
            };
            return Err(Located::new(
                part,
                "a schedule in brackets must come first",
                FORM,
            ));
        }
        let (schedule, command) = schedule(when, setting)?;
        if command.trim_start().is_empty() {
            return Err(Located::new(setting, "the program is missing", FORM));
        }
        let command = shell_command(command)?;
        self.insert(
            line,
            setting,
            "csv",
            schedule,
            Output::Csv(command),
            reporter,
        )
    }

    fn insert<'a>(
        &mut self,
        line: &SourceLine<'_>,
        at: Fragment<'a>,
        name: &str,
        schedule: Schedule,
        output: Output,
        reporter: &mut Reporter,
    ) -> Result<(), Located<'a>> {
        let place = line.place(at.start);
        if let Some(id) = self.id(name) {
            let old: Place = self.list[id.index()].place.clone();
            let message =
                format!("the queue `{name}` is defined again; this definition replaces {old}");
            reporter.warn(line.at(at), message, Some("keep one of the two".into()));
            // Its thresholds and `set quiet` stay: they are directives of their own.
            let thresholds = std::mem::take(&mut self.list[id.index()].thresholds);
            let quiet = self.list[id.index()].quiet && schedule != Schedule::Now;
            self.list[id.index()] = Queue {
                name: name.to_owned(),
                schedule,
                output,
                thresholds,
                quiet,
                place,
            };
            self.locations[id.index()] = line.at(at);
            return Ok(());
        }
        let Ok(number) = u16::try_from(self.list.len()) else {
            return Err(Located::new(at, "there are more than 65536 queues", ""));
        };
        self.by_name.insert(name.to_owned(), QueueId(number));
        self.list.push(Queue {
            name: name.to_owned(),
            schedule,
            output,
            thresholds: Vec::new(),
            quiet: false,
            place,
        });
        self.locations.push(line.at(at));
        // Lines without a prefix need no rule to come to theirs.
        self.used.push(name == "noprefix");
        Ok(())
    }

    /// `set threshold QUEUE COUNT REGEXP`; the pattern comes compiled.
    pub(super) fn threshold<'a>(
        &mut self,
        queue: Fragment<'a>,
        count: Fragment<'a>,
        pattern: Pattern,
    ) -> Result<(), Located<'a>> {
        let id = self.known(queue, &[])?;
        let number = count
            .utf8()
            .and_then(|text| text.parse::<NonZeroU64>().ok());
        let Some(number) = number else {
            let message = format!("`{}` is no count", shown(count.text));
            return Err(Located::new(count, message, "write a number from 1 on"));
        };
        self.list[id.index()].thresholds.push(Threshold {
            count: number,
            pattern,
        });
        Ok(())
    }

    /// `set quiet QUEUE`
    pub(super) fn quiet<'a>(&mut self, word: Fragment<'a>) -> Result<(), Located<'a>> {
        let id = self.known(word, &[])?;
        let quiet = self.list.iter().filter(|queue| queue.quiet).count();
        let queue = &mut self.list[id.index()];
        let (message, hint) = match (&queue.schedule, &queue.output) {
            (_, Output::Csv(_)) => ("the reports of `csv` are for a program", "leave it out"),
            (Schedule::Now, _) => (
                "a `[now]` queue has no time at which nothing could be told",
                "name a queue with a schedule",
            ),
            _ if quiet >= MOST_QUIET && !queue.quiet => (
                "there are more than 64 queues with `set quiet`",
                "leave some out",
            ),
            _ => {
                queue.quiet = true;
                return Ok(());
            }
        };
        Err(Located::new(word, message, hint))
    }

    /// The queue that a word names. The hint of the error suggests a queue or one of the `others`.
    pub(super) fn known<'a>(
        &self,
        word: Fragment<'a>,
        others: &[&str],
    ) -> Result<QueueId, Located<'a>> {
        if let Some(id) = word.utf8().and_then(|name| self.id(name)) {
            return Ok(id);
        }
        let hint = did_you_mean(word.text, self.names().chain(others.iter().copied()))
            .unwrap_or_else(|| "define it by `set queue` above this line".into());
        let message = format!("there is no queue `{}` up to here", shown(word.text));
        Err(Located::new(word, message, &hint))
    }

    /// `set filter QUEUE PROGRAM ARGUMENTS`: the queue may come later.
    pub(super) fn filter<'a>(
        &mut self,
        location: Location,
        queue: Fragment<'a>,
        command: Fragment<'a>,
    ) -> Result<(), Located<'a>> {
        let Some(name) = queue.utf8() else {
            return Err(Located::new(queue, "a queue's name is UTF-8", ""));
        };
        let command = shell_command(command)?;
        self.filters
            .insert(name.to_owned(), Filter { command, location });
        Ok(())
    }

    /// Gives the filters to their queues.
    pub(super) fn attach_filters(&mut self, reporter: &mut Reporter) {
        let mut lost = Vec::new();
        for (name, filter) in &self.filters {
            let queue = self
                .by_name
                .get(name)
                .and_then(|id| self.list.get_mut(id.index()));
            match queue.map(|queue| &mut queue.output) {
                Some(Output::Mail(mail)) => mail.filter = Some(filter.command.clone()),
                Some(_) => lost.push((filter, "the CSV queue has no mail to filter".to_owned())),
                None => lost.push((filter, format!("there is no queue `{name}` to filter"))),
            }
        }
        lost.sort_by_key(|(filter, _)| filter.location.place.line);
        for (filter, message) in lost {
            reporter.warn(filter.location.clone(), message, None);
        }
    }

    /// Reports the recipients that are programs which no `set notify` defines, and the programs that no queue
    /// has.
    pub(super) fn check_notified(
        &self,
        programs: &BTreeMap<String, (ShellCommand, Location)>,
        reporter: &mut Reporter,
    ) {
        let named = self.notified.values().flatten();
        for (name, location) in named
            .clone()
            .filter(|(name, _)| !programs.contains_key(name))
        {
            let known = programs.keys().map(String::as_str);
            let hint = did_you_mean(name.as_bytes(), known)
                .unwrap_or_else(|| format!("define it by `set notify {name} PROGRAM ARGUMENTS`"));
            let message = format!("there is no program `{name}` to notify");
            reporter.error(location.clone(), message, Some(hint));
        }
        for (name, (_, location)) in programs {
            if named.clone().all(|(known, _)| known != name) {
                let message = format!("no queue has the recipient `notify:{name}`");
                reporter.warn(location.clone(), message, None);
            }
        }
    }

    /// The queues.
    pub(super) fn into_queues(self) -> Vec<Queue> {
        self.list
    }
}
