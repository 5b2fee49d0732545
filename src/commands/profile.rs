//! The cost of each rule, for `-p -d`: the time that its pattern takes on the lines that come to it.
//!
//! Measured without the index in front of the rules, which keeps most lines from most patterns: a
//! pattern is to be judged by itself.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::diagnostic::shown;
use crate::config::{Config, Rule};
use crate::pattern::{Budget, Found, Spans};
use crate::record::{self, MessageText, Parsed};
use crate::rules;

/// The costs of all rules.
pub(super) struct Costs {
    config: Arc<Config>,
    rules: Vec<Cost>,
    spans: Spans,
    /// The time that all measuring took.
    spent: Duration,
}

/// The cost of a rule.
#[derive(Clone, Default)]
struct Cost {
    time: Duration,
    /// Number of lines that the rule was tried on.
    tried: u64,
    /// Number of lines that matched.
    matched: u64,
    /// Number of lines on which the match was given up.
    gave_up: u64,
}

impl Costs {
    /// No costs yet, for the rules of this configuration.
    pub(super) fn new(config: Arc<Config>) -> Self {
        Self {
            rules: vec![Cost::default(); config.rules.len()],
            config,
            spans: Spans::default(),
            spent: Duration::ZERO,
        }
    }

    /// The time that all measuring took.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// Measures the rules that these lines come to; `max` bytes of each line are taken.
    pub(super) fn take(&mut self, text: &[u8], max: usize) {
        let begun = Instant::now();
        let config = Arc::clone(&self.config);
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = &line[..line.len().min(max)];
            let parsed = record::parse(
                line,
                &config.lines,
                &mut self.spans,
                &mut Budget::new(line.len()),
            );
            if let Parsed::Record(record) = parsed {
                let mut room = Vec::new();
                let mut text = MessageText::new(&record.message, config.lines.hidepid, &mut room);
                self.record(&config.rules, record.host, text.message());
            }
        }
        self.spent += begun.elapsed();
    }

    /// Measures the rules that a message comes to.
    fn record(&mut self, rules: &[Rule], host: &[u8], message: &[u8]) {
        let Self {
            rules: costs,
            spans,
            ..
        } = self;
        let mut budget = Budget::new(message.len());
        rules::decide_with(rules, |at, rule| {
            let begun = Instant::now();
            let found = rules::match_rule(rule, host, message, spans, &mut budget);
            if let Some(cost) = costs.get_mut(at) {
                cost.time += begun.elapsed();
                cost.tried += 1;
                cost.matched += u64::from(found == Found::Yes);
                cost.gave_up += u64::from(found == Found::GaveUp);
            }
            found
        });
    }

    /// Writes a line for each rule that was tried, the rule with the highest cost first.
    pub(super) fn tell(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows: Vec<(&Cost, &Rule)> = self.rules.iter().zip(&self.config.rules).collect();
        rows.retain(|(cost, _)| cost.tried > 0);
        rows.sort_by_key(|(cost, _)| std::cmp::Reverse(cost.time));
        let unused = self.rules.len() - rows.len();
        let all: Duration = rows.iter().map(|(cost, _)| cost.time).sum();
        writeln!(
            out,
            "[PROFILE] each rule by itself, without the index: {:.3} s",
            all.as_secs_f64()
        )?;
        if !rows.is_empty() {
            writeln!(out, "   seconds  share  per try     lines   matched  rule")?;
        }
        for (cost, rule) in rows {
            tell_rule(cost, all, rule, out)?;
        }
        if unused > 0 {
            writeln!(out, "rules that no line came to: {unused}")?;
        }
        Ok(())
    }
}

/// Writes the line of a rule; `all` is the time of all rules.
fn tell_rule(cost: &Cost, all: Duration, rule: &Rule, out: &mut dyn Write) -> io::Result<()> {
    let seconds = cost.time.as_secs_f64();
    let share = 100.0 * seconds / all.as_secs_f64().max(1e-9);
    let each = 1e6 * seconds / cost.tried as f64;
    let (tried, matched) = (cost.tried, cost.matched);
    let pattern = shown(rule.pattern.source());
    write!(
        out,
        "{seconds:10.6} {share:5.1}% {each:6.2} us {tried:9} {matched:9}  {}: {pattern}",
        rule.place
    )?;
    if cost.gave_up > 0 {
        write!(out, " (given up: {})", cost.gave_up)?;
    }
    writeln!(out)
}
