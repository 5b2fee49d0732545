//! `-d`: the log of the way of each line through the rules.

use log::{Level, log_enabled};

use crate::charset::decode;
use crate::config::{Config, Rule};
use crate::shown::shown;

/// Whether the way of lines is logged.
pub(super) fn on() -> bool {
    log_enabled!(Level::Debug)
}

/// Logs a line that never came to the rules.
pub(super) fn no_rules(line: &[u8], why: &str, config: &Config) {
    if on() {
        log::debug!("line {why}: {}", readable(line, config));
    }
}

/// Logs a line without a known prefix that belongs to the line before, and the rule that says so.
pub(super) fn continues(line: &[u8], rule: Option<&Rule>, config: &Config) {
    if on() {
        let place = rule.map_or("set join".to_owned(), |rule| rule.place.to_string());
        let line = readable(line, config);
        log::debug!("line that belongs to the line before ({place}): {line}");
    }
}

/// Logs a line and the rule that takes it, if one does.
pub(super) fn taken(host: &[u8], message: &[u8], rule: Option<&Rule>, config: &Config) {
    let (host, message) = (readable(host, config), readable(message, config));
    log::debug!("line of {host}: {message}");
    match rule {
        Some(rule) => log::debug!("  taken by {} {}", rule.place, config.target(&rule.action)),
        None => log::debug!("  taken by no rule"),
    }
}

/// Logs the masked line, as it is counted.
pub(super) fn masked(line: &[u8], config: &Config) {
    if on() {
        log::debug!("  counted as: {}", readable(line, config));
    }
}

/// The text of a log as a report shows it.
fn readable(text: &[u8], config: &Config) -> String {
    shown(&decode(config.report.charset, text)).to_string()
}
