//! What a queue's counts look like to their reader.

use std::num::NonZeroU64;

use bstr::BString;
use serde::{Deserialize, Serialize};

use crate::clock::Time;
use crate::config::Address;
use crate::queue::HostLines;

/// A rendered report, ready for a filter and an envelope.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The queue's name.
    pub queue: String,
    /// The text of the `From:` header, as configured.
    pub from: BString,
    /// The envelope sender.
    pub sender: Address,
    /// The text of the `To:` header: all the queue's recipients as configured, comma-separated.
    pub to: BString,
    /// The envelope recipients of this report (a queue with pagers makes two reports).
    pub recipients: Vec<Address>,
    /// The subject with the queue's name: `tenshi report [misc]`.
    pub subject: BString,
    /// When the report's lines began to be collected; a `[now]` queue has none
    /// (`X-tenshi-report-start`).
    pub start: Option<Time>,
    /// When the report was made (`Date`).
    pub made: Time,
    /// The body: lines ended by `\n`, bytes as they were logged.
    pub body: BString,
    /// Whether this is the pager form.
    pub pager: bool,
}

/// Why a report is made outside its schedule: its first line says so.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// `SIGUSR1`.
    QueueCheck,
    /// `SIGUSR2`.
    Flushing,
    /// `SIGHUP`.
    Reloading,
    /// `SIGTERM`, `SIGINT`.
    Terminating,
}

impl Status {
    /// The words of the status line.
    pub fn words(self) -> &'static str {
        match self {
            Self::QueueCheck => "queue check",
            Self::Flushing => "flushing",
            Self::Reloading => "reloading",
            Self::Terminating => "terminating",
        }
    }
}

/// The full text: the status line and what else there is to tell, then a block a host.
///
/// `name` gives the resolved name of a host (`set resolve`), where there is one.
pub fn text(
    hosts: &[HostLines<'_>],
    limit: Option<NonZeroU64>,
    (status, remarks): (Option<Status>, &[String]),
    name: &dyn Fn(&[u8]) -> Option<String>,
) -> BString {
    let mut out = Vec::new();
    if let Some(status) = status {
        put(
            &mut out,
            format_args!("*** Status: {} ***\n", status.words()),
        );
    }
    for remark in remarks {
        put(&mut out, format_args!("*** {remark} ***\n"));
    }
    for host in hosts {
        out.push(b'\n');
        out.extend_from_slice(host.host);
        if let Some(name) = name(host.host) {
            put(&mut out, format_args!(" ({name})"));
        }
        out.extend_from_slice(b": \n");
        for (count, line) in within(&host.lines, limit) {
            put(&mut out, format_args!("    {count}: "));
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        if let Some(limit) = limit.filter(|&limit| over(&host.lines, limit)) {
            let words = format_args!("\n  *** Too many alerts (limit: {limit})  ***\n");
            put(&mut out, words);
        }
        if host.others > 0 {
            put(
                &mut out,
                format_args!("\n  *** and {} other lines ***\n", host.others),
            );
        }
    }
    out.into()
}

/// The short text for pagers: a line each, `HOST,COUNT,TEXT`.
pub fn pager(hosts: &[HostLines<'_>], limit: Option<NonZeroU64>) -> BString {
    let mut out = Vec::new();
    for host in hosts {
        for (count, line) in within(&host.lines, limit) {
            out.extend_from_slice(host.host);
            put(&mut out, format_args!(",{count},"));
            out.extend_from_slice(line);
            out.push(b'\n');
        }
        if host.others > 0 {
            out.extend_from_slice(host.host);
            put(&mut out, format_args!(",{},and other lines\n", host.others));
        }
    }
    out.into()
}

/// `HOST,"LINE",COUNT` as RFC 4180 has it (`set csv`).
///
/// # Errors
/// Never in practice: it writes to memory.
pub fn csv(hosts: &[HostLines<'_>]) -> Result<BString, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for host in hosts {
        for (count, line) in &host.lines {
            let count = count.to_string();
            writer.write_record([&**host.host, &***line, count.as_bytes()])?;
        }
    }
    let out = writer
        .into_inner()
        .map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(out.into())
}

fn within<T>(lines: &[T], limit: Option<NonZeroU64>) -> &[T] {
    match limit.map(|limit| usize::try_from(limit.get()).unwrap_or(usize::MAX)) {
        Some(limit) if limit < lines.len() => &lines[..limit],
        _ => lines,
    }
}

fn over<T>(lines: &[T], limit: NonZeroU64) -> bool {
    lines.len() as u64 > limit.get()
}

fn put(out: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    out.extend_from_slice(words.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SortOrder;
    use crate::hosts::HostTable;
    use crate::queue::Tally;

    fn tally() -> Tally {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for (host, line, n) in [
            ("h1", "five", 5),
            ("h1", "three", 3),
            ("h1", "one", 1),
            ("h2", "x", 2),
        ] {
            tally.add(table.host(host.as_bytes()), line.as_bytes(), n, 100);
        }
        tally
    }

    fn shown(limit: u64, status: Option<Status>) -> String {
        let tally = tally();
        let hosts = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        text(&hosts, NonZeroU64::new(limit), (status, &[]), &|_| None).to_string()
    }

    #[test]
    fn a_block_a_host() {
        let want = "*** Status: flushing ***\n\nh1: \n    5: five\n    3: three\n    1: one\n\nh2: \n    2: x\n";
        assert_eq!(shown(0, Some(Status::Flushing)), want);
        assert!(shown(0, None).starts_with("\nh1: \n"));
    }

    #[test]
    fn the_limit_cuts_and_says_so_only_where_it_cuts() {
        let text = shown(2, None);
        assert!(
            text.contains("    3: three\n\n  *** Too many alerts (limit: 2)  ***\n\nh2: \n"),
            "{text}"
        );
        assert!(!shown(3, None).contains("Too many"));
    }

    #[test]
    fn the_other_forms() {
        let tally = tally();
        let hosts = tally.lines(SortOrder::Ascending, &[], &mut Vec::new());
        assert_eq!(pager(&hosts, NonZeroU64::new(1)), "h1,1,one\nh2,2,x\n");
        let mut quoted = Tally::default();
        quoted.add(HostTable::default().host(b"h"), b"say \"hi\", he", 2, 9);
        let out = csv(&quoted.lines(SortOrder::Ascending, &[], &mut Vec::new())).unwrap();
        assert_eq!(out, "h,\"say \"\"hi\"\", he\",2\n");
    }
}
