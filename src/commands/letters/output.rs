//! What the forms of `tenshi letters` have in common: exit statuses, messages, JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::archive::Entry;
use crate::clock::Time;
use crate::commands::json_text;
use crate::shown::shown_lines;

/// Something was found.
pub(super) const FOUND: i32 = 0;
/// Nothing was found.
pub(super) const NONE: i32 = 1;
/// Something could not be read.
pub(super) const FAULT: i32 = 2;

/// Nobody listens to a message that cannot be written.
pub(super) fn say(err: &mut dyn Write, text: &str) {
    let _ = writeln!(err, "tenshi: {}", shown_lines(text));
}

/// A letter for programs.
#[derive(Serialize)]
pub(super) struct View<'a> {
    name: String,
    made: Time,
    queue: &'a str,
    lines: u64,
    hosts: &'a [String],
    more_hosts: u64,
    subject: &'a str,
    id: &'a str,
}

impl<'a> View<'a> {
    pub(super) fn of(entry: &'a Entry) -> Self {
        Self {
            name: entry.name.to_string(),
            made: entry.made,
            queue: &entry.queue,
            lines: entry.summary.lines,
            hosts: &entry.summary.hosts,
            more_hosts: entry.summary.more_hosts,
            subject: &entry.subject,
            id: &entry.id,
        }
    }
}

/// Writes a list as JSON, each element on a line.
pub(super) fn json<T: Serialize>(
    views: impl Iterator<Item = T>,
    out: &mut dyn Write,
) -> io::Result<()> {
    out.write_all(b"[")?;
    for (at, view) in views.enumerate() {
        let text = json_text::ascii(&serde_json::to_string(&view)?);
        write!(out, "{}\n  {text}", if at > 0 { "," } else { "" })?;
    }
    out.write_all(b"\n]\n")
}
