//! What a queue's counts look like to their reader.

use std::borrow::Cow;
use std::num::NonZeroU64;

use bstr::{BString, ByteSlice};
use serde::{Deserialize, Serialize};

use crate::charset::{Charset, decode};
use crate::clock::Time;
use crate::config::Address;
use crate::queue::HostLines;
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

/// How text becomes what its reader sees.
#[derive(Clone, Copy, Default, Debug)]
pub struct Form<'a> {
    /// What the lines are that are not UTF-8 (`set charset`).
    pub charset: Option<Charset>,
    /// What stands in a line for what a group matched (`set mask`).
    pub mask: &'a [u8],
    /// The most lines a host (`set limit`, `set pager_limit`).
    pub limit: Option<NonZeroU64>,
}

impl Form<'_> {
    /// A line as its reader gets it: UTF-8 wherever that can be had.
    fn line<'l>(&self, line: &'l [u8]) -> Cow<'l, [u8]> {
        if std::str::from_utf8(line).is_ok() {
            return decode(self.charset, line);
        }
        match self.charset {
            Some(charset) => charset.decode(line),
            None => whole_letters(line, self.mask).map_or(Cow::Borrowed(line), Cow::Owned),
        }
    }
}

/// A line that was UTF-8 until a mask took one byte of a letter (patterns match bytes): what is left of that
/// letter becomes `\xNN`, so that the others stay letters. Nothing for any other line.
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

/// The full text: the status line and what else there is to tell, then a block a host.
///
/// `name` gives the resolved name of a host (`set resolve`), where there is one.
pub fn text(
    hosts: &[HostLines<'_>],
    form: Form<'_>,
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
        out.extend_from_slice(&decode(form.charset, host.host));
        if let Some(name) = name(host.host) {
            put(&mut out, format_args!(" ({name})"));
        }
        out.extend_from_slice(b": \n");
        for (count, line) in within(&host.lines, form.limit) {
            put(&mut out, format_args!("    {count}: "));
            out.extend_from_slice(&form.line(line));
            out.push(b'\n');
        }
        if let Some(limit) = form.limit.filter(|&limit| over(&host.lines, limit)) {
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

/// The short text for pagers: a line each, `HOST,COUNT,TEXT`. A comma in a host's name is written `\x2C`:
/// else a name that a stranger made up could be read as another host with another count.
pub fn pager(hosts: &[HostLines<'_>], form: Form<'_>) -> BString {
    let mut out = Vec::new();
    for host in hosts {
        let name = decode(form.charset, host.host).replace(b",", b"\\x2C");
        for (count, line) in within(&host.lines, form.limit) {
            out.extend_from_slice(&name);
            put(&mut out, format_args!(",{count},"));
            out.extend_from_slice(&form.line(line));
            out.push(b'\n');
        }
        if host.others > 0 {
            out.extend_from_slice(&name);
            put(&mut out, format_args!(",{},and other lines\n", host.others));
        }
    }
    out.into()
}

/// `HOST,"LINE",COUNT` as RFC 4180 has it (`set csv`), the bytes as they were logged. With `safe`, a cell that
/// a spreadsheet would take for a formula has a `'` in front of it.
///
/// # Errors
/// Never in practice: it writes to memory.
pub fn csv(hosts: &[HostLines<'_>], safe: bool) -> Result<BString, csv::Error> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for host in hosts {
        for (count, line) in &host.lines {
            let count = count.to_string();
            let (name, line) = (cell(host.host, safe), cell(line, safe));
            writer.write_record([&*name, &*line, count.as_bytes()])?;
        }
    }
    let out = writer
        .into_inner()
        .map_err(|e| csv::Error::from(e.into_error()))?;
    Ok(out.into())
}

/// A cell of the CSV form. These are the first characters of a formula, or are left out before one.
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

    fn body(limit: u64, status: Option<Status>) -> String {
        let tally = tally();
        let hosts = tally.lines(SortOrder::Descending, &[], &mut Vec::new());
        let form = Form {
            limit: NonZeroU64::new(limit),
            ..Form::default()
        };
        text(&hosts, form, (status, &[]), &|_| None).to_string()
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
        let form = Form {
            limit: NonZeroU64::new(1),
            ..Form::default()
        };
        assert_eq!(pager(&hosts, form), "h1,1,one\nh2,2,x\n");
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
            assert_eq!(pager(hosts, Form::default()), "a\\x2Cb\\x2Cc,1,x,y\n");
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
            ..Form::default()
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

    #[test]
    fn lines_and_hosts_of_another_character_set_are_decoded() {
        let form = Form {
            charset: Charset::named("euc-jp"),
            ..Form::default()
        };
        lines_of(
            b"h\xbc\xba",
            &[b"\xc7\xd4 caf", "失敗".as_bytes()],
            &|hosts| {
                let whole = text(hosts, form, (None, &[]), &|_| None);
                assert_eq!(whole, "\nh失: \n    1: 敗 caf\n    1: 失敗\n");
                assert_eq!(pager(hosts, form), "h失,1,敗 caf\nh失,1,失敗\n");
                let bytes = csv(hosts, false).unwrap();
                assert!(bytes.starts_with(b"h\xbc\xba,"), "{bytes}");
            },
        );
    }
}
