//! `-d`: which way each line takes.

use std::fmt;

use log::{Level, log_enabled};

use crate::config::{Action, Config, Rule, Target};

/// Text of a log, safe on a terminal.
struct Safe<'a>(&'a [u8]);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    c if c.is_control() => write!(f, "\\x{:02X}", u32::from(c))?,
                    c => write!(f, "{c}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// Whether anybody wants to know.
pub(super) fn on() -> bool {
    log_enabled!(Level::Debug)
}

/// A line that never came to the rules.
pub(super) fn no_rules(line: &[u8], why: &str) {
    if on() {
        log::debug!("line {why}: {}", Safe(line));
    }
}

/// A line and the rule that takes it, if one does.
pub(super) fn taken(host: &[u8], message: &[u8], rule: Option<&Rule>, config: &Config) {
    log::debug!("line of {}: {}", Safe(host), Safe(message));
    match rule {
        Some(rule) => log::debug!("  taken by {} {}", rule.place, target(&rule.action, config)),
        None => log::debug!("  taken by no rule"),
    }
}

/// What is counted of a line.
pub(super) fn masked(line: &[u8]) {
    if on() {
        log::debug!("  counted as: {}", Safe(line));
    }
}

fn target(action: &Action, config: &Config) -> String {
    let name = |target: &Target| match config.queues.get(target.queue.index()) {
        Some(queue) => match target.escalation {
            Some(number) => format!("{}:{number}", queue.name),
            None => queue.name.clone(),
        },
        None => "?".into(),
    };
    match action {
        Action::Trash => "trash".into(),
        Action::Repeat => "repeat".into(),
        Action::Queues(targets) => targets.iter().map(name).collect::<Vec<_>>().join(","),
        // A group takes no line.
        Action::Group { .. } | Action::GroupHost { .. } => "group".into(),
    }
}
