//! News: the kinds of lines that were not seen before, above the lines of a report.

use bstr::ByteSlice;
use chrono::Local;

use super::{Form, put};
use crate::clock::Time;
use crate::ledger::Day;
use crate::ledger::news::{Block, NEW_HOSTS, Told, Why};

/// The column at which times stand behind lines, at most.
const COLUMN: usize = 96;

/// The news of a report, with what their text is made of besides.
#[derive(Clone, Copy, Debug)]
pub struct News<'a> {
    /// The news.
    pub block: &'a Block,
    /// When the lines of the report began to be collected.
    pub since: Time,
    /// When the report was made.
    pub made: Time,
    /// Whether the queue is mailed at once (`[now]`): its mail has few lines, and says so in its first one.
    pub at_once: bool,
}

/// Writes the first line of a pager's text, if the queue is mailed at once and there is news.
pub fn pager_news(body: &mut super::BodyWriter, news: Option<&News<'_>>) {
    if news.is_some_and(|news| news.at_once && news.block.has_news()) {
        body.text().extend_from_slice(b"new kind\n");
    }
}

impl News<'_> {
    /// Writes the first line of a mail that is sent at once.
    pub(super) fn put_first(&self, out: &mut Vec<u8>) {
        if self.at_once && self.block.has_news() {
            put(out, format_args!("*** New kind: {} ***\n", self.summary()));
        }
    }

    /// Writes the block above the hosts.
    pub(super) fn put(&self, out: &mut Vec<u8>, form: Form<'_>) {
        if !self.at_once && self.block.has_news() {
            let since = local(self.since, "%a %-d %b %H:%M");
            put(
                out,
                format_args!("*** New since {since}: {} ***\n", self.summary()),
            );
            let rows: Vec<(Vec<u8>, String)> =
                self.block.rows.iter().map(|r| self.row(r, form)).collect();
            let widths = rows.iter().filter(|(_, tail)| !tail.is_empty());
            let widths = widths.map(|(row, _)| row.chars().count());
            let column = widths.filter(|width| *width <= COLUMN).max().unwrap_or(0);
            for (row, tail) in &rows {
                out.extend_from_slice(b"    ");
                out.extend_from_slice(row);
                if !tail.is_empty() {
                    let blanks = column.saturating_sub(row.chars().count()) + 2;
                    put(out, format_args!("{:blanks$}{tail}", ""));
                }
                out.push(b'\n');
            }
            if self.block.more > 0 {
                put(
                    out,
                    format_args!("    and {} more: `tenshi news`\n", self.block.more),
                );
            }
        }
        for note in &self.block.notes {
            put(out, format_args!("*** {note} ***\n"));
        }
    }

    /// `2 kinds never seen at this site, 1 new to its host, 1 back after 143 days`
    fn summary(&self) -> String {
        let block = self.block;
        let mut parts = Vec::new();
        match block.never_seen {
            0 => {}
            1 => parts.push("1 kind never seen at this site".to_owned()),
            n => parts.push(format!("{n} kinds never seen at this site")),
        }
        match block.new_to_host {
            0 => {}
            1 => parts.push("1 new to its host".into()),
            n => parts.push(format!("{n} new to their hosts")),
        }
        let days = block.rows.iter().find_map(|row| match row.why {
            Why::Back { days, .. } => Some(days),
            _ => None,
        });
        match (block.back, days) {
            (0, _) => {}
            (1, Some(days)) => parts.push(format!("1 back after {days} days")),
            (n, _) => parts.push(format!("{n} back after a long time")),
        }
        match block.new_hosts {
            0 => {}
            1 => parts.push("1 new host".into()),
            n => parts.push(format!("{n} new hosts")),
        }
        parts.join(", ")
    }

    /// A row, and what stands behind it in a column of its own.
    fn row(&self, told: &Told, form: Form<'_>) -> (Vec<u8>, String) {
        let (mut out, today) = (Vec::new(), self.block.today);
        let mut tail = String::new();
        match &told.why {
            Why::NeverSeen => {
                put_hosts(&mut out, told, form);
                tail = format!("first {}", self.first(told.first));
            }
            Why::NewToHost { from, since } => {
                put_hosts(&mut out, told, form);
                out.extend_from_slice(b" (known ");
                if let Some(from) = from {
                    out.extend_from_slice(b"from ");
                    form.put(&mut out, from);
                    out.push(b' ');
                }
                put(&mut out, format_args!("since {})", since.shown(today)));
            }
            Why::Back { last, .. } => {
                out.extend_from_slice(b"back: ");
                put_hosts(&mut out, told, form);
                tail = format!("(last {})", last.shown(today));
            }
            Why::NewHost { kinds } => {
                put_new_host(&mut out, told, *kinds, form);
                return (out, tail);
            }
        }
        put(&mut out, format_args!(": {}: ", told.count));
        form.put(&mut out, &told.text);
        (out, tail)
    }

    /// When the first line came, with the day if it was another one.
    fn first(&self, first: Time) -> String {
        match Day::of(first) == Day::of(self.made) {
            true => local(first, "%H:%M"),
            false => local(first, "%a %-d %b %H:%M"),
        }
    }
}

fn local(time: Time, format: &str) -> String {
    time.with_timezone(&Local).format(format).to_string()
}

/// Writes the names of the hosts.
fn put_hosts(out: &mut Vec<u8>, told: &Told, form: Form<'_>) {
    for (host, number) in told.hosts.iter().zip(0..) {
        if number > 0 {
            out.push(b',');
        }
        form.put(out, host);
    }
    if told.more_hosts > 0 {
        out.extend_from_slice(b" and more");
    }
}

/// Writes the row of a new host, or of many.
fn put_new_host(out: &mut Vec<u8>, told: &Told, kinds: u64, form: Form<'_>) {
    let lines = counted(told.count, "line");
    if told.more_hosts == 0 {
        out.extend_from_slice(b"new host ");
        form.put(out, &told.text);
        return put(out, format_args!(": {}, {lines}", counted(kinds, "kind")));
    }
    let number = told.more_hosts + NEW_HOSTS;
    put(out, format_args!("{number} new hosts, {lines}: "));
    put_hosts(
        out,
        &Told {
            more_hosts: 0,
            ..told.clone()
        },
        form,
    );
    put(out, format_args!(" and {} more", told.more_hosts));
}

/// `1 line`, `2 lines`.
fn counted(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        n => format!("{n} {what}s"),
    }
}
