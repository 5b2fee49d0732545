//! What a queue's counts look like to their reader.

use std::num::NonZeroU64;

use bstr::{BString, ByteSlice};
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

/// What a report says of reports that nobody has taken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unsent {
    /// The numbers of their letters.
    pub letters: Vec<u64>,
    /// A queue whose report need not say it: the letter is its own, and is tried again with it.
    pub not_in: Option<String>,
    /// One sentence.
    pub text: String,
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

/// How much of what was counted is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Lines a host (`set limit`, `set pager_limit`); nothing is no limit.
    pub lines: Option<NonZeroU64>,
    /// Bytes a line, in the form in which a mail shows them (`set max_shown`).
    pub shown: usize,
}

/// The full text: the status line and what else there is to tell, then a block a host.
///
/// `name` gives the resolved name of a host (`set resolve`), where there is one.
pub fn text(
    hosts: &[HostLines<'_>],
    extent: Extent,
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
        put_cut(&mut out, host.host, extent.shown);
        if let Some(name) = name(host.host) {
            put(&mut out, format_args!(" ({name})"));
        }
        out.extend_from_slice(b": \n");
        for (count, line) in within(&host.lines, extent.lines) {
            put(&mut out, format_args!("    {count}: "));
            put_cut(&mut out, line, extent.shown);
            out.push(b'\n');
        }
        if let Some(limit) = extent.lines.filter(|&limit| over(&host.lines, limit)) {
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
pub fn pager(hosts: &[HostLines<'_>], extent: Extent) -> BString {
    let mut out = Vec::new();
    for host in hosts {
        for (count, line) in within(&host.lines, extent.lines) {
            put_cut(&mut out, host.host, extent.shown);
            put(&mut out, format_args!(",{count},"));
            put_cut(&mut out, line, extent.shown);
            out.push(b'\n');
        }
        if host.others > 0 {
            put_cut(&mut out, host.host, extent.shown);
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

/// Appends a text, or its beginning with a mark behind it that tells how much more there is. Two
/// lines with one beginning stay two lines of the report, each with its own count.
fn put_cut(out: &mut Vec<u8>, text: &[u8], most: usize) {
    let shown = beginning(text, most);
    out.extend_from_slice(shown);
    let more = text.len() - shown.len();
    if more > 0 {
        put(out, format_args!(" [... {more} bytes more]"));
    }
}

/// As much of a text as a mail shows within so many bytes: a byte that is not shown as it is takes
/// four (`\\xNN`). No character is cut.
fn beginning(text: &[u8], most: usize) -> &[u8] {
    const HEX: usize = 4;
    if text.len() <= most / HEX {
        return text;
    }
    let whole = text.is_utf8();
    let (mut room, mut end) = (most, 0);
    for (start, next, c) in text.char_indices() {
        let bytes = next - start;
        let plain = match c {
            '\t' => true,
            char::REPLACEMENT_CHARACTER if !whole => false,
            c => !c.is_control() && (whole || c.is_ascii()),
        };
        let size = if plain { bytes } else { bytes * HEX };
        let Some(left) = room.checked_sub(size) else {
            return text.get(..end).unwrap_or(text);
        };
        (room, end) = (left, next);
    }
    text
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
        text(&hosts, extent(limit), (status, &[]), &|_| None).to_string()
    }

    fn extent(limit: u64) -> Extent {
        let lines = NonZeroU64::new(limit);
        Extent { lines, shown: 40 }
    }

    #[test]
    fn a_long_line_shows_its_beginning_and_how_much_is_missing() {
        let (letters, mixed) = ("é".repeat(20), "xé".repeat(20));
        let cases: [(&[u8], usize, bool); 8] = [
            (&[b'x'; 40], 40, false),
            (&[b'x'; 41], 40, true),
            (&[1; 10], 10, false),
            (&[1; 11], 10, true),
            (&[0xff; 64_000], 10, true),
            (letters.as_bytes(), 40, false),
            (mixed.as_bytes(), 40, true),
            // Not UTF-8 as a whole: its letters may show as bytes.
            (&[b"\xff", letters.as_bytes()].concat(), 9, true),
        ];
        for (line, kept, cut) in cases {
            let shown = beginning(line, 40);
            assert_eq!(shown.len(), kept, "{}", line.as_bstr());
            assert_eq!(shown.len() < line.len(), cut);
            assert!(!line.is_utf8() || shown.is_utf8());
        }
        // Two lines with one beginning, of a host that is long itself.
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        let host = "h".repeat(50);
        for (line, count) in [("x".repeat(99) + "1", 2), ("x".repeat(99) + "2", 1)] {
            tally.add(table.host(host.as_bytes()), line.as_bytes(), count, 100);
        }
        let hosts = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        let (host, line) = (&host[..40], "x".repeat(40));
        let report = text(&hosts, extent(0), (None, &[]), &|_| None);
        let want = format!(
            "\n{host} [... 10 bytes more]: \n    2: {line} [... 60 bytes more]\n    1: {line} [... 60 bytes more]\n"
        );
        assert_eq!(report, want);
        let first = format!("{host} [... 10 bytes more],2,{line} [... 60 bytes more]\n");
        assert!(pager(&hosts, extent(0)).starts_with(first.as_bytes()));
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
        assert_eq!(pager(&hosts, extent(1)), "h1,1,one\nh2,2,x\n");
        let mut quoted = Tally::default();
        quoted.add(HostTable::default().host(b"h"), b"say \"hi\", he", 2, 9);
        let out = csv(&quoted.lines(SortOrder::Ascending, &[], &mut Vec::new())).unwrap();
        assert_eq!(out, "h,\"say \"\"hi\"\", he\",2\n");
    }
}
