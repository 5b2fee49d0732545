//! The rules of the configuration as trends know them: by numbers while lines come, by keys over months.

use std::collections::{BTreeMap, HashMap};

use chrono::{Local, NaiveDate, NaiveTime, TimeZone};

use crate::clock::Time;
use crate::config::{Action, Config, Queue, RuleId};
use crate::ledger::Day;
use crate::ledger::trends::{Home, rule_key};
use crate::schedule::CronSpec;
use crate::shown::{shown, shown_path, whole_characters};

/// The bytes of a pattern that are shown, at most.
const PATTERN: usize = 60;
/// The days of a calendar from which on the next time of a queue is looked for, to see how long its periods are.
const LOOKED: u16 = 35;

/// What is counted: a rule, or the lines that none sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// The lines that a rule takes.
    Rule(RuleId),
    /// The lines without a known prefix.
    NoPrefix,
    /// The lines that no rule takes.
    Unmatched,
}

/// A rule, or lines that none sees, with the queue that tells of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrendRule {
    /// What is counted.
    pub counted: Counted,
    /// The index of the queue that tells of it, in the configuration.
    pub queue: usize,
    /// The key by which it is known over months.
    pub key: u64,
}

/// What is counted under a configuration.
#[derive(Debug, Default)]
pub struct TrendRules {
    rules: Vec<TrendRule>,
    by_key: HashMap<u64, Counted>,
    /// The queues that tell trends, by their indices.
    homes: BTreeMap<usize, Home>,
}

impl TrendRules {
    /// What is counted under this configuration; nothing if no queue tells trends.
    pub fn new(config: &Config) -> Self {
        let mut rules = Self::default();
        let digests = config.queues.iter().map(Queue::digest);
        let units: Vec<Option<u16>> = digests.map(|spec| spec.map(period)).collect();
        let home = |queue: usize| units.get(queue).is_some_and(Option::is_some);
        let Some(first) = (0..units.len()).find(|queue| home(*queue)) else {
            return rules;
        };
        let mut twins = HashMap::new();
        for (rule, id) in config.rules.iter().zip(0..) {
            let queue = match &rule.action {
                Action::Trash => first,
                Action::Expect(message) => message.queue.index(),
                Action::Queues(targets) => {
                    let mut queues = targets.iter().map(|target| target.queue.index());
                    queues.find(|queue| home(*queue)).unwrap_or(first)
                }
                Action::Repeat
                | Action::Continue
                | Action::Group { .. }
                | Action::GroupHost { .. } => continue,
            };
            let pattern = rule.pattern.source().escape_ascii();
            let text = format!("{} {pattern}", config.target(&rule.action));
            // A rule may be written twice.
            let twin: &mut u32 = twins.entry(text.clone()).or_default();
            *twin += 1;
            let counted = Counted::Rule(RuleId(id));
            rules.add(
                config,
                counted,
                (queue, first),
                &units,
                &format!("{twin} {text}"),
            );
        }
        let noprefix = config.noprefix.map_or(first, |queue| queue.index());
        rules.add(
            config,
            Counted::NoPrefix,
            (noprefix, first),
            &units,
            "noprefix",
        );
        rules.add(
            config,
            Counted::Unmatched,
            (first, first),
            &units,
            "no rule",
        );
        for home in rules.homes.values_mut() {
            home.keys.sort_unstable();
        }
        rules
    }

    /// Adds something that is counted, with the queue that is to tell of it; another one if that tells no trends.
    fn add(
        &mut self,
        config: &Config,
        counted: Counted,
        (wanted, first): (usize, usize),
        units: &[Option<u16>],
        text: &str,
    ) {
        let unit = |queue: usize| Some((queue, units.get(queue).copied().flatten()?));
        let Some((queue, unit)) = unit(wanted).or_else(|| unit(first)) else {
            return;
        };
        let name = config.queues.get(queue).map_or("", |queue| &queue.name);
        let key = rule_key(text, name, unit);
        let home = self.homes.entry(queue).or_insert_with(|| Home {
            queue: name.to_owned(),
            unit,
            keys: Vec::new(),
        });
        home.keys.push(key);
        self.by_key.insert(key, counted);
        self.rules.push(TrendRule {
            counted,
            queue,
            key,
        });
    }

    /// All that is counted, in the order of the configuration.
    pub fn rules(&self) -> &[TrendRule] {
        &self.rules
    }

    /// The queues that tell trends, by their indices in the configuration.
    pub fn homes(&self) -> &BTreeMap<usize, Home> {
        &self.homes
    }

    /// What is counted under this key, for a reader.
    pub(super) fn label(&self, config: &Config, key: u64) -> Option<String> {
        self.by_key.get(&key).map(|counted| counted.label(config))
    }
}

impl Counted {
    /// The place, the target and the pattern of a rule, for a reader.
    pub fn label(self, config: &Config) -> String {
        let rule = match self {
            Self::Rule(id) => config.rules.get(id.index()),
            Self::NoPrefix => return "lines without a known prefix".into(),
            Self::Unmatched => return "lines that no rule takes".into(),
        };
        let Some(rule) = rule else {
            return "?".into();
        };
        let file = rule.place.file.strip_prefix(&config.directory);
        let file = file.unwrap_or(&rule.place.file);
        let source = rule.pattern.source();
        let end = whole_characters(source, PATTERN).min(source.len());
        let cut = if end < source.len() { "..." } else { "" };
        format!(
            "{}:{} {} {}{cut}",
            shown_path(&file),
            rule.place.line,
            config.target(&rule.action),
            shown(source.get(..end).unwrap_or(source))
        )
    }
}

/// The longest time between two days on which a queue is mailed, in days: 1 if that is each day, 7 for once a week.
fn period(spec: &CronSpec) -> u16 {
    // Each start looks at the same days, so that it finds the same length.
    let first = Day::on(NaiveDate::from_ymd_opt(2024, 1, 1).unwrap_or_default());
    let midnight = |day: Day| -> Option<Time> {
        let begin = day.date().and_time(NaiveTime::MIN);
        let begin = Local.from_local_datetime(&begin).earliest();
        begin.map(|begin| begin.to_utc() - chrono::TimeDelta::minutes(1))
    };
    let (mut after, mut last, mut longest) = (first, None, 0);
    while after.since(first) < LOOKED {
        let next = midnight(after).and_then(|after| spec.next(after, &Local));
        let Some(day) = next.map(Day::of).filter(|day| *day >= after) else {
            break;
        };
        let gap = last.map_or(0, |last: Day| day.since(last));
        longest = longest.max(gap);
        (last, after) = (Some(day), day.after(1));
    }
    match longest {
        0 => LOOKED,
        days => days,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_day_or_the_time_between_two_reports() {
        let days = |spec: &str| period(&CronSpec::parse(spec).expect(spec));
        for (spec, want) in [
            ("0 12 * * *", 1),
            ("*/5 * * * *", 1),
            ("0 9-17/4 * * *", 1),
            ("0 12 * * 1-5", 3),
            ("0 9,17 * * 1-5", 3),
            ("0 6 * * mon", 7),
            ("0 6 1 * *", 31),
            ("0 6 31 * *", 60),
            ("0 0 1 1 *", 366),
        ] {
            assert_eq!(days(spec), want, "{spec}");
        }
    }
}
