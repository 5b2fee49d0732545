//! Reports: the text of a queue's counts for mail, pager and CSV.

mod body;
mod gathered;
mod html;
mod news;
mod notification;
mod trends;

use std::borrow::Cow;
use std::num::NonZeroU64;

use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

pub use body::{Body, BodyWriter};
pub use gathered::{Gathered, Page, pager_head};
pub use html::html;
pub use news::{News, pager_news};
pub use notification::Notification;
pub use trends::sparkline;

use crate::clock::Time;
use crate::config::Address;
use crate::queue::{Continued, HostLines};
use crate::shown::shown;

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
    /// When the report's lines began to be collected; a `[now]` queue has none, unless it is a bundle
    /// (`X-tenshi-report-start`).
    pub start: Option<Time>,
    /// When the report was made (`Date`).
    pub made: Time,
    /// The body: lines ended by `\n`, bytes as they were logged.
    pub body: Body,
    /// Whether this is the pager form.
    pub pager: bool,
    /// The program of `set notify` that the report is for, with its facts; nothing for a mail. It has a section of
    /// its own in the state.
    #[serde(skip)]
    pub notification: Option<Notification>,
}

/// What a report says about mails that nobody has taken yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unsent {
    /// The numbers of their mails.
    pub mails: Vec<u64>,
    /// The queue whose report need not say it: the mail is its own, and is tried again with it.
    pub not_in: Option<String>,
    /// The sentence.
    pub text: String,
}

/// Why a report is made outside its schedule, as its first line says.
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

/// How much of the lines is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// Number of lines a host, at most (`set limit`, `set pager_limit`); nothing means no limit.
    pub lines: Option<NonZeroU64>,
    /// Number of bytes a line, at most, in the form in which a mail shows them (`set max_shown`).
    pub shown: usize,
}

/// How the bytes of lines become text for a reader.
#[derive(Clone, Copy, Debug)]
pub struct Form<'a> {
    /// The mask, which stands in a line for the text that a group matched (`set mask`).
    pub mask: &'a [u8],
    /// How much of the lines is shown.
    pub extent: Extent,
}

impl Form<'_> {
    /// A line as text: in UTF-8 where that is possible.
    fn line<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        if std::str::from_utf8(line).is_ok() {
            return Cow::Borrowed(line);
        }
        whole_letters(line, self.mask).map_or(Cow::Borrowed(line), Cow::Owned)
    }

    /// Appends a line as text, cut at the limit of bytes.
    fn put(&self, out: &mut Vec<u8>, line: &[u8]) {
        put_cut(out, &self.line(line), self.extent.shown);
    }
}

/// Repairs a line that was UTF-8 until the mask replaced a part of a letter (patterns match bytes): the other
/// bytes of that letter become `\xNN`, so that all other letters stay letters. Nothing for any other line.
fn whole_letters(line: &[u8], mask: &[u8]) -> Option<Vec<u8>> {
    if mask.is_empty() {
        return None;
    }
    let last = line.find_iter(mask).count();
    let mut out = Vec::with_capacity(line.len() + 16);
    for (at, piece) in line.split_str(mask).enumerate() {
        if at > 0 {
            out.extend_from_slice(mask);
        }
        // The end of a letter behind a mask, and the begin of one in front of the next.
        let inside = piece.iter().take_while(|b| (0x80..0xc0).contains(*b));
        let (end, piece) = piece.split_at_checked(if at > 0 { inside.count() } else { 0 })?;
        let whole = match std::str::from_utf8(piece) {
            Ok(_) => piece.len(),
            Err(e) if e.error_len().is_none() && at < last => e.valid_up_to(),
            Err(_) => return None,
        };
        let (piece, begin) = piece.split_at_checked(whole)?;
        let escaped = |part: &[u8]| shown(part).to_string().into_bytes();
        out.extend_from_slice(&escaped(end));
        out.extend_from_slice(piece);
        out.extend_from_slice(&escaped(begin));
    }
    Some(out)
}

/// What stands above the hosts.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    /// Why the report is made outside its schedule.
    pub status: Option<Status>,
    /// Sentences.
    pub remarks: &'a [String],
    /// What a report without lines tells in their place.
    pub quiet: Option<&'a str>,
    /// What a bundled queue gathered.
    pub gathered: Option<Gathered>,
    /// Kinds of lines that were not seen before.
    pub news: Option<News<'a>>,
    /// Rules that took another share of the lines than usual.
    pub trends: Option<&'a crate::ledger::trends::Block>,
}

/// Writes the full text: the status line, the remarks, the news and the trends, then a block for each host.
///
/// `name` gives the full name of a host (`set resolve`), where it is known.
pub fn text(
    body: &mut BodyWriter,
    hosts: &[HostLines<'_>],
    form: Form<'_>,
    head: Head<'_>,
    name: &dyn Fn(&[u8]) -> Option<String>,
) {
    let out = body.text();
    if let Some(news) = &head.news {
        news.put_first(out);
    }
    if let Some(status) = head.status {
        put(out, format_args!("*** Status: {} ***\n", status.words()));
    }
    if let Some(gathered) = &head.gathered {
        put(out, format_args!("*** {} ***\n", gathered.words()));
    }
    if let Some(quiet) = head.quiet {
        put(out, format_args!("*** {quiet} ***\n"));
    }
    for remark in head.remarks {
        put(out, format_args!("*** {remark} ***\n"));
    }
    if let Some(news) = &head.news {
        news.put(out, form);
    }
    if let Some(block) = head.trends {
        trends::put_trends(out, block, form);
    }
    for host in hosts {
        let out = body.text();
        out.push(b'\n');
        form.put(out, host.host);
        if let Some(name) = name(host.host) {
            put(out, format_args!(" ({name})"));
        }
        out.extend_from_slice(b": \n");
        for (count, line) in within(&host.lines, form.extent.lines) {
            let out = body.text();
            put(out, format_args!("    {count}: "));
            form.put(out, line);
            out.push(b'\n');
            if let Some(continued) = host.continued_of(line) {
                put_continued(out, continued, form);
            }
            body.settle();
        }
        let out = body.text();
        let limit = form.extent.lines;
        if let Some(limit) = limit.filter(|&limit| over(&host.lines, limit)) {
            let words = format_args!("\n  *** Too many alerts (limit: {limit})  ***\n");
            put(out, words);
        }
        if host.others > 0 {
            let words = format_args!("\n  *** and {} other lines ***\n", host.others);
            put(out, words);
        }
    }
}

/// Whether a line behind an empty one begins a host's block, as [`text`] writes it. The line end may be there.
pub fn is_host(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.ends_with(b": ") && !line.starts_with(b" ") && !line.starts_with(b"*** ")
}

/// Writes the continuation lines of a line under it, indented further than any line that is counted.
fn put_continued(out: &mut Vec<u8>, continued: &Continued, form: Form<'_>) {
    for line in &continued.lines {
        out.extend_from_slice(b"        ");
        form.put(out, line);
        out.push(b'\n');
    }
    match continued.more {
        0 => {}
        1 => out.extend_from_slice(b"        [... 1 line more]\n"),
        more => put(out, format_args!("        [... {more} lines more]\n")),
    }
}

/// Writes the short text for pagers: `HOST,COUNT,TEXT` for each line. A comma in a host's name is written `\x2C`:
/// else a name that a stranger made up could be read as another host with another count.
pub fn pager(body: &mut BodyWriter, hosts: &[HostLines<'_>], form: Form<'_>) {
    for host in hosts {
        let mut name = Vec::new();
        form.put(&mut name, host.host);
        let name = name.replace(b",", b"\\x2C");
        for (count, line) in within(&host.lines, form.extent.lines) {
            let out = body.text();
            out.extend_from_slice(&name);
            put(out, format_args!(",{count},"));
            form.put(out, line);
            out.push(b'\n');
            body.settle();
        }
        if host.others > 0 {
            let out = body.text();
            out.extend_from_slice(&name);
            put(out, format_args!(",{},and other lines\n", host.others));
        }
    }
}

/// Writes `HOST,"LINE",COUNT` as RFC 4180 has it (`set csv`), the bytes as they were logged. With `safe`, a cell that
/// a spreadsheet would take for a formula has a `'` in front of it.
///
/// # Errors
/// Never in practice: it writes to memory.
pub fn csv(body: &mut BodyWriter, hosts: &[HostLines<'_>], safe: bool) -> Result<(), csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(body);
    for host in hosts {
        for (count, line) in &host.lines {
            let count = count.to_string();
            let (name, line) = (cell(host.host, safe), cell(line, safe));
            writer.write_record([&*name, &*line, count.as_bytes()])?;
        }
    }
    writer.flush()?;
    Ok(())
}

/// Appends a text. A text of more than `most` bytes is cut, and the number of missing bytes put behind it. Two
/// lines with one beginning stay two lines of the report, each with its own count.
fn put_cut(out: &mut Vec<u8>, text: &[u8], most: usize) {
    let end = beginning(text, most);
    if end == text.len() {
        return out.extend_from_slice(text);
    }
    match text.is_utf8() {
        true => out.extend_from_slice(&text[..end]),
        // Its beginning alone could be UTF-8 by chance.
        false => put(out, format_args!("{}", shown(text).part(0..end))),
    }
    let more = text.len() - end;
    put(out, format_args!(" [... {more} bytes more]"));
}

/// The length of the beginning of a text that a mail shows within `most` bytes. No character is cut.
fn beginning(text: &[u8], most: usize) -> usize {
    // Nothing takes more than four times its length.
    if text.len() <= most / 4 {
        return text.len();
    }
    let (mut room, mut end) = (most, 0);
    for piece in shown(text).pieces() {
        let Some(left) = room.checked_sub(piece.width()) else {
            return end;
        };
        (room, end) = (left, end + piece.length());
    }
    text.len()
}

/// A cell of the CSV text; with `safe`, a `'` stands in front of the first character of a formula, or of one
/// that a spreadsheet leaves out before a formula.
fn cell(text: &[u8], safe: bool) -> Cow<'_, [u8]> {
    let formula = matches!(
        text.first(),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')
    );
    match safe && formula {
        true => Cow::Owned([b"'", text].concat()),
        false => Cow::Borrowed(text),
    }
}

/// The lines within the limit.
fn within<T>(lines: &[T], limit: Option<NonZeroU64>) -> &[T] {
    match limit.map(|limit| usize::try_from(limit.get()).unwrap_or(usize::MAX)) {
        Some(limit) if limit < lines.len() => &lines[..limit],
        _ => lines,
    }
}

/// Whether there are more lines than the limit.
fn over<T>(lines: &[T], limit: NonZeroU64) -> bool {
    lines.len() as u64 > limit.get()
}

/// Appends formatted text.
fn put(out: &mut Vec<u8>, words: std::fmt::Arguments<'_>) {
    out.extend_from_slice(words.to_string().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SortOrder;
    use crate::hosts::HostTable;
    use crate::queue::Tally;

    fn written(write: impl FnOnce(&mut BodyWriter)) -> BString {
        let mut body = BodyWriter::default();
        write(&mut body);
        body.finish().whole().into_owned().into()
    }

    fn text(
        hosts: &[HostLines<'_>],
        form: Form<'_>,
        (status, remarks): (Option<Status>, &[String]),
        name: &dyn Fn(&[u8]) -> Option<String>,
    ) -> BString {
        let head = Head {
            status,
            remarks,
            quiet: None,
            gathered: None,
            news: None,
            trends: None,
        };
        written(|body| super::text(body, hosts, form, head, name))
    }

    fn pager(hosts: &[HostLines<'_>], form: Form<'_>) -> BString {
        written(|body| super::pager(body, hosts, form))
    }

    fn csv(hosts: &[HostLines<'_>], safe: bool) -> Result<BString, csv::Error> {
        let mut body = BodyWriter::default();
        super::csv(&mut body, hosts, safe)?;
        Ok(body.finish().whole().into_owned().into())
    }

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

    fn body(limit: u64, status: Option<Status>) -> String {
        let tally = tally();
        let hosts = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        text(&hosts, extent(limit), (status, &[]), &|_| None).to_string()
    }

    fn extent(limit: u64) -> Form<'static> {
        let lines = NonZeroU64::new(limit);
        Form {
            mask: b"",
            extent: Extent { lines, shown: 40 },
        }
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
            let shown = &line[..beginning(line, 40)];
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
        // The beginning of a line that is no UTF-8 is none either.
        let mut out = Vec::new();
        put_cut(&mut out, &[letters.as_bytes(), b"\xff"].concat(), 16);
        assert_eq!(out, br"\xC3\xA9\xC3\xA9 [... 37 bytes more]");
    }

    #[test]
    fn a_block_a_host() {
        let want = "*** Status: flushing ***\n\nh1: \n    5: five\n    3: three\n    1: one\n\nh2: \n    2: x\n";
        assert_eq!(body(0, Some(Status::Flushing)), want);
        assert!(body(0, None).starts_with("\nh1: \n"));
    }

    #[test]
    fn the_limit_cuts_and_says_so_only_where_it_cuts() {
        let text = body(2, None);
        assert!(
            text.contains("    3: three\n\n  *** Too many alerts (limit: 2)  ***\n\nh2: \n"),
            "{text}"
        );
        assert!(!body(3, None).contains("Too many"));
    }

    #[test]
    fn the_other_forms() {
        let tally = tally();
        let hosts = tally.lines(SortOrder::Ascending, &[], &mut Vec::new());
        assert_eq!(pager(&hosts, extent(1)), "h1,1,one\nh2,2,x\n");
        let mut quoted = Tally::default();
        quoted.add(HostTable::default().host(b"h"), b"say \"hi\", he", 2, 9);
        let out = csv(
            &quoted.lines(SortOrder::Ascending, &[], &mut Vec::new()),
            false,
        )
        .unwrap();
        assert_eq!(out, "h,\"say \"\"hi\"\", he\",2\n");
    }

    fn lines_of(host: &[u8], lines: &[&[u8]], test: &dyn Fn(&[HostLines<'_>])) {
        let (mut tally, mut table) = (Tally::default(), HostTable::default());
        for line in lines {
            tally.add(table.host(host), line, 1, 100);
        }
        test(&tally.lines(SortOrder::Ascending, &[], &mut Vec::new()));
    }

    #[test]
    fn a_hosts_name_is_one_field_of_the_pager_form() {
        lines_of(b"a,b,c", &[b"x,y"], &|hosts| {
            assert_eq!(pager(hosts, extent(0)), "a\\x2Cb\\x2Cc,1,x,y\n");
            assert_eq!(csv(hosts, false).unwrap(), "\"a,b,c\",\"x,y\",1\n");
        });
    }

    #[test]
    fn no_cell_is_a_formula_where_that_is_wanted() {
        let cells: [&[u8]; 7] = [
            b"=cmd|' /C calc'!A0",
            b"+1",
            b"-1",
            b"@x",
            b"\t=1",
            b"\r=1",
            b"x=1",
        ];
        for line in cells {
            lines_of(b"=h", &[line], &|hosts| {
                let row = |safe| csv(hosts, safe).unwrap().to_string();
                let cell = |text: &[u8]| {
                    let mut out = csv::WriterBuilder::new().from_writer(Vec::new());
                    out.write_field(text).unwrap();
                    out.write_record(None::<&[u8]>).unwrap();
                    String::from_utf8(out.into_inner().unwrap())
                        .unwrap()
                        .trim_end_matches('\n')
                        .to_owned()
                };
                assert_eq!(row(false), format!("=h,{},1\n", cell(line)));
                let mark: &[u8] = if line[0] == b'x' { b"" } else { b"'" };
                assert_eq!(
                    row(true),
                    format!("'=h,{},1\n", cell(&[mark, line].concat()))
                );
            });
        }
    }

    #[test]
    fn a_mask_that_took_a_part_of_a_letter_leaves_the_others_as_they_are() {
        let form = Form {
            mask: b"__",
            ..extent(0)
        };
        let read = |line: &[u8]| shown(&form.line(line)).to_string();
        assert_eq!(
            read(b"\xe5\xa4\xb1\xe6__\x97 \xe5\xa4\xb1"),
            r"失\xE6__\x97 失"
        );
        assert_eq!(
            read(b"\xe5\xa4\xb1 __\xa4\xb1__\xe5\xa4"),
            r"\xE5\xA4\xB1 __\xA4\xB1__\xE5\xA4"
        );
        assert_eq!(read(b"\xbc\xba __ \xc7\xd4"), r"\xBC\xBA __ \xC7\xD4");
    }
}
