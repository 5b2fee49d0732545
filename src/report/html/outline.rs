//! The outline of a report, read from its text: what stands above the hosts, and the lines of each.

use bstr::ByteSlice;

use crate::report::{Body, is_host};
use crate::shown::shown;

/// A report as its text has it, up to a number of bytes.
#[derive(Default, Debug)]
pub(super) struct Outline {
    /// What stands above the hosts.
    pub above: Vec<Above>,
    pub hosts: Vec<Host>,
    /// Whether there was more than was to be kept.
    pub is_cut: bool,
    /// The number of lines with a count in the whole text, their largest count, and the number of hosts.
    pub lines: u64,
    pub largest: u64,
    pub all_hosts: u64,
    /// The bytes that are kept.
    kept: usize,
    room: usize,
}

/// A line above the hosts.
#[derive(Debug)]
pub(super) enum Above {
    /// A sentence, without the stars around it.
    Remark(String),
    /// A row of what the sentence before it tells of, without its indent.
    Row(String),
}

/// The lines of a host.
#[derive(Debug)]
pub(super) struct Host {
    pub name: String,
    pub rows: Vec<Row>,
}

/// A line of a host.
#[derive(Debug)]
pub(super) enum Row {
    /// A line with its count.
    Line(u64, String),
    /// A line that belongs to the one before.
    More(String),
    /// A sentence, without the stars around it.
    Note(String),
}

impl Outline {
    /// Reads a text, and keeps `room` bytes of it. Nothing if it has no lines, or one that no report has.
    pub(super) fn read(text: &Body, room: usize) -> Option<Self> {
        let mut outline = Self {
            room,
            ..Self::default()
        };
        let (mut blank, mut any) = (false, false);
        let is_report = text.all_lines(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                blank = true;
                return true;
            }
            any = true;
            let behind_blank = std::mem::take(&mut blank);
            outline.line(line, behind_blank)
        });
        (is_report && any).then_some(outline)
    }

    /// Takes a line. Whether it is one of a report.
    fn line(&mut self, line: &[u8], behind_blank: bool) -> bool {
        let text = shown(line);
        if behind_blank && let Some(name) = is_host(line).then(|| text.to_string()) {
            self.host(name.strip_suffix(": ").unwrap_or(&name));
            return true;
        }
        let row = line.strip_prefix(b"    ").map(|_| text.to_string());
        let row = row.as_deref().and_then(|text| text.strip_prefix("    "));
        let remark = line
            .trim_start()
            .starts_with(b"*** ")
            .then(|| sentence(&text.to_string()));
        match (self.all_hosts > 0, row, remark) {
            (false, Some(row), _) => self.keep(row.len(), |o| o.above.push(Above::Row(row.into()))),
            (false, None, Some(words)) => {
                self.keep(words.len(), |o| o.above.push(Above::Remark(words)));
            }
            (true, Some(row), _) => self.row(row),
            (true, None, Some(words)) => self.add(Row::Note(words)),
            (_, None, None) => return false,
        }
        true
    }

    /// Calls `add` while there is room.
    fn keep(&mut self, size: usize, add: impl FnOnce(&mut Self)) {
        if self.is_cut || self.kept + size > self.room {
            self.is_cut = true;
            return;
        }
        self.kept += size;
        add(self);
    }

    fn host(&mut self, name: &str) {
        self.all_hosts += 1;
        let host = Host {
            name: name.to_owned(),
            rows: Vec::new(),
        };
        self.keep(name.len() + 1, |o| o.hosts.push(host));
    }

    /// Takes a row of a host: `12: TEXT`.
    fn row(&mut self, row: &str) {
        let counted = row.split_once(": ").and_then(|(count, text)| {
            let digits = count.bytes().all(|b| b.is_ascii_digit());
            Some((count.parse().ok().filter(|_| digits)?, text))
        });
        match counted {
            Some((count, text)) => {
                self.lines += 1;
                self.largest = self.largest.max(count);
                self.add(Row::Line(count, text.to_owned()));
            }
            None => self.add(Row::More(row.to_owned())),
        }
    }

    /// Adds a row to the last host, unless that was not kept.
    fn add(&mut self, row: Row) {
        let size = match &row {
            Row::Line(_, text) | Row::More(text) | Row::Note(text) => text.len() + 1,
        };
        self.keep(size, |outline| {
            if let Some(host) = outline.hosts.last_mut() {
                host.rows.push(row);
            }
        });
    }
}

/// A sentence without the stars around it.
fn sentence(text: &str) -> String {
    let text = text.trim();
    let text = text.strip_prefix("*** ").unwrap_or(text);
    text.strip_suffix(" ***").unwrap_or(text).trim().to_owned()
}
