//! `--prometheus`: the status as metrics, in Prometheus' text format (version 0.0.4).
//!
//! Each metric has its HELP and its TYPE, and none a time: node_exporter refuses files with times. A name that is a
//! label's value is in the form in which all messages show it, so it is UTF-8 whatever its bytes are.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::site::SiteStatus;
use super::view::View;
use crate::shown::shown;

/// Writes all metrics.
pub(super) fn write(view: &View, out: &mut dyn Write) -> io::Result<()> {
    if let Some(running) = view.running {
        up(running && view.hangs().is_none(), out)?;
    }
    let made = view.made.timestamp_millis();
    let made = format!("{}.{:03}", made.div_euclid(1000), made.rem_euclid(1000));
    let name = "snapshot_timestamp_seconds";
    gauge(out, name, "When the last commit was made.", made)?;
    let text = "Whether commits cannot be written (1) or can (0).";
    if let Some(fail) = view.snapshots_fail {
        gauge(out, "snapshots_failing", text, u8::from(fail))?;
    }
    for (counter, label, n) in view.counters.all() {
        let name = format!("{}_total", counter.name());
        metric(out, &name, &format!("Number of {label}."), "counter", n)?;
    }
    let text = "Bytes of the log that are not taken yet, rotated files included.";
    labelled(out, "lag_bytes", text, "file", view.lags())?;
    if view.journal.is_some() {
        let text = "Entries of the journal that are not taken yet.";
        let unread = view.unread();
        let unread = unread.map(|unread| (unread.directory.as_str(), unread.unread));
        labelled(out, "journal_unread_entries", text, "directory", unread)?;
    }
    let text = "Lines that the queue has collected for its next report.";
    let queues = view
        .queues
        .iter()
        .map(|queue| (queue.name.as_str(), queue.lines));
    labelled(out, "queue_lines", text, "queue", queues)?;
    let text = "Reports that no server or program has taken yet.";
    gauge(out, "outbox_letters", text, view.outbox.len())?;
    let age = view.oldest().map_or(0, |mail| view.ago(mail.since));
    let text = "How long the oldest of these reports has waited.";
    gauge(out, "outbox_age_seconds", text, age)?;
    let text = "Hosts and files whose silence was told and lasts.";
    gauge(out, "hosts_silent", text, view.silent.len())?;
    if let Some(site) = &view.site {
        of_site(site, view, out)?;
    }
    let text = "Inputs, queues and servers with a fault that lasts.";
    gauge(out, "faults", text, view.faults.len())
}

/// Writes what is known of a site of several consoles.
fn of_site(site: &SiteStatus, view: &View, out: &mut dyn Write) -> io::Result<()> {
    let text = "Whether the board of the site does not answer (1) or does (0).";
    gauge(out, "site_board_away", text, u8::from(site.away.is_some()))?;
    let text = "Other consoles of the site without a word.";
    gauge(out, "site_consoles_away", text, site.members_away())?;
    let text = "Other consoles of the site that are known.";
    gauge(out, "site_consoles", text, site.members.len())?;
    let text = "Shares of this console that wait for a report of the site.";
    gauge(out, "site_shares", text, site.shares)?;
    let age = site.oldest.map_or(0, |oldest| view.ago(oldest));
    let text = "How long the report is overdue to which the oldest of these shares belongs.";
    gauge(out, "site_share_age_seconds", text, age)
}

/// Writes whether a daemon runs: all that is known where there is no snapshot.
pub(super) fn up(up: bool, out: &mut dyn Write) -> io::Result<()> {
    let text = "Whether a daemon runs and moves (1) or not (0).";
    gauge(out, "up", text, u8::from(up))
}

fn gauge(
    out: &mut dyn Write,
    name: &str,
    help: &str,
    value: impl std::fmt::Display,
) -> io::Result<()> {
    metric(out, name, help, "gauge", value)
}

fn metric(
    out: &mut dyn Write,
    name: &str,
    help: &str,
    kind: &str,
    value: impl std::fmt::Display,
) -> io::Result<()> {
    head(out, name, help, kind)?;
    writeln!(out, "tenshi_{name} {value}")
}

fn head(out: &mut dyn Write, name: &str, help: &str, kind: &str) -> io::Result<()> {
    writeln!(out, "# HELP tenshi_{name} {help}")?;
    writeln!(out, "# TYPE tenshi_{name} {kind}")
}

/// Writes a gauge with a value for each of these names. Two names that are shown in one form have one value, their
/// sum: a metric that came twice with the same label would spoil the whole text.
fn labelled<'a>(
    out: &mut dyn Write,
    name: &str,
    help: &str,
    label: &str,
    values: impl Iterator<Item = (&'a str, u64)>,
) -> io::Result<()> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (of, value) in values {
        let sum = sums.entry(label_value(of)).or_default();
        *sum = sum.saturating_add(value);
    }
    if sums.is_empty() {
        return Ok(());
    }
    head(out, name, help, "gauge")?;
    sums.iter()
        .try_for_each(|(of, value)| writeln!(out, "tenshi_{name}{{{label}=\"{of}\"}} {value}"))
}

/// A text as the format has it between quotes.
fn label_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in shown(text.as_bytes()).to_string().chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_characters_are_one_value_each() {
        let values = [("/a\"b\\c\nd", 1), ("\u{202e}日", 2), ("/x", 3), ("/x", 4)];
        let mut out = Vec::new();
        labelled(&mut out, "m", "Help.", "file", values.into_iter()).unwrap();
        let want = "# HELP tenshi_m Help.\n# TYPE tenshi_m gauge\n\
            tenshi_m{file=\"/a\\\"b\\\\c\\\\x0Ad\"} 1\n\
            tenshi_m{file=\"/x\"} 7\n\
            tenshi_m{file=\"\\\\u{202E}日\"} 2\n";
        assert_eq!(String::from_utf8(out).unwrap(), want);
        let mut out = Vec::new();
        labelled(&mut out, "m", "Help.", "file", [].into_iter()).unwrap();
        assert!(out.is_empty(), "no head without a value");
    }
}
