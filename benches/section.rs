//! The section of docs/performance.md that `make bench-files` writes; `make bench`, which writes the others,
//! keeps it.

#![allow(dead_code, reason = "each benchmark takes what it needs")]

use std::fs;
use std::path::{Path, PathBuf};

/// The head of the table.
pub const TABLE: &str = "| What | Goal | Measured | Met |\n| --- | ---: | ---: | --- |";
const HEADING: &str = "\n## Ten thousand logs, a million lines\n";
/// The section that stands behind it.
const NEXT: &str = "\n## Measure it yourself\n";
const NOTES: &str = "
- The logs hold one line each; one pattern names them all. *Processor* is user and system time of all threads,
  of a start until nothing has been done for five seconds, else as a share of one core for a minute. A wake-up is
  a voluntary context switch of any thread.
- *Line to DATA*: a line for a `[now]` queue is appended to one of the logs, and the time taken until the mail
  server is asked to take the mail; the next one comes 130 ms after the mail.
- The report is sent whole, in one mail, to a server that takes it. Its memory is that of the process while it is
  made and sent, that of the lines what the process holds before, both without what it holds with no line.
  The loop, which counts lines, waits while the report is made, and not while it is sent.
- Bytes written are what the kernel counts as sent to the disk (`write_bytes` of proc(5)) by a daemon that follows
  one log, while lines that it holds come again; measured for some minutes. A commit comes every 30 s.
- The backlog is read by a daemon with a state directory, from the place where it ended before; `-p` reads the same
  lines from its standard input. Both with our rules, without their starts; the median of five runs in turn.
";

/// The page.
fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md")
}

/// The section in a page: from its heading to the next one.
fn of(page: &str) -> Option<&str> {
    let from = page.find(HEADING)?;
    let section = &page[from..];
    let length = section[HEADING.len()..].find("\n## ");
    Some(length.map_or(section, |length| &section[..HEADING.len() + length]))
}

/// The page with this section in the place of its own.
fn with(page: &str, section: &str) -> String {
    let rest = match of(page) {
        Some(old) => page.replace(old, ""),
        None => page.to_owned(),
    };
    let at = rest.find(NEXT).unwrap_or(rest.len());
    format!("{}{section}{}", &rest[..at], &rest[at..])
}

/// Writes a page with the section that the one before it had. Returns its path.
pub fn write_around(page: &str) -> PathBuf {
    let before = fs::read_to_string(path()).unwrap_or_default();
    let page = match of(&before) {
        Some(section) => with(page, section),
        None => page.to_owned(),
    };
    fs::write(path(), page).expect("docs/performance.md");
    path()
}

/// Writes the section with these rows.
pub fn write(rows: &str) {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let section = format!(
        "{HEADING}\n`make bench-files` measures the running daemon, and writes this section. Measured on {cores} cores, \
         Linux {}, tenshi {}.\n\n{TABLE}\n{rows}{NOTES}",
        kernel.trim(),
        env!("CARGO_PKG_VERSION")
    );
    let page = fs::read_to_string(path()).expect("docs/performance.md");
    fs::write(path(), with(&page, &section)).expect("docs/performance.md");
}
