//! `--print` and `tenshi replay`: a mail on standard output, for a person to read.

use std::io::{self, Write};

use chrono::Local;

use super::Letter;
use super::message::{Identity, shown};

const RULE: &str = "────────────────────────────────────────────────────────────────────────";

/// Writes the mail as a mail program would show it.
///
/// # Errors
/// Those of `out`.
pub fn print(letter: &Letter, identity: &Identity, out: &mut dyn Write) -> io::Result<()> {
    let report = &letter.report;
    let local = |time: chrono::DateTime<chrono::Utc>| {
        time.with_timezone(&Local)
            .format("%a, %d %b %Y %H:%M:%S %z")
            .to_string()
    };
    writeln!(out, "{RULE}")?;
    writeln!(out, "From: {}", shown(&report.from))?;
    writeln!(out, "To: {}", shown(&report.to))?;
    writeln!(out, "Date: {}", local(report.made))?;
    if let Some(start) = report.start {
        writeln!(out, "X-tenshi-report-start: {}", local(start))?;
    }
    writeln!(out, "X-tenshi-hostname: {}", identity.hostname)?;
    writeln!(out, "Subject: {}", shown(&report.subject))?;
    writeln!(out)?;
    let body = letter.filtered.as_ref().unwrap_or(&report.body);
    for line in body
        .strip_suffix(b"\n")
        .unwrap_or(body)
        .split(|&b| b == b'\n')
    {
        writeln!(out, "{}", shown(line))?;
    }
    out.flush()
}
