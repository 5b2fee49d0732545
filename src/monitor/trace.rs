//! `-d`: the log of the way of each line through the rules.

use log::{Level, log_enabled};

use crate::config::{Config, Rule};
use crate::shown::shown;

/// Whether the way of lines is logged.
pub(super) fn on() -> bool {
    log_enabled!(Level::Debug)
}

/// Logs a line that never came to the rules.
pub(super) fn no_rules(line: &[u8], why: &str) {
    if on() {
        log::debug!("line {why}: {}", shown(line));
    }
}

/// Logs a line without a known prefix that belongs to the line before, and the rule that says so.
pub(super) fn continues(line: &[u8], rule: Option<&Rule>) {
    if on() {
        let place = rule.map_or("set join".to_owned(), |rule| rule.place.to_string());
        let line = shown(line);
        log::debug!("line that belongs to the line before ({place}): {line}");
    }
}

/// Logs a line and the rule that takes it, if one does.
pub(super) fn taken(host: &[u8], message: &[u8], rule: Option<&Rule>, config: &Config) {
    log::debug!("line of {}: {}", shown(host), shown(message));
    match rule {
        Some(rule) => log::debug!("  taken by {} {}", rule.place, config.target(&rule.action)),
        None => log::debug!("  taken by no rule"),
    }
}

/// Logs the masked line, as it is counted.
pub(super) fn masked(line: &[u8]) {
    if on() {
        log::debug!("  counted as: {}", shown(line));
    }
}
