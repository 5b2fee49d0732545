//! The HTML form of a report (`set html`), made of its text: a table for each host, with a bar for each line.
//!
//! It is made of the text that is sent and not of the counts, so it holds nothing that the text does not, whatever
//! a filter took out or a part left to another mail. Mail programs show next to nothing of HTML: so there are
//! tables, `bgcolor` and `width` in them, and no style element, script, image or link. Log text is a stranger's:
//! each character that means something in HTML is written as an entity.

mod outline;

use crate::report::Body;
use crate::shown::thousands;
use outline::{Above, Host, Outline, Row};

const OPEN: [&str; 3] = [
    "<!DOCTYPE html>",
    "<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>tenshi</title></head>",
    "<body style=\"font-family:sans-serif;font-size:14px\">",
];
const CLOSE: &str = "</body></html>";
const TABLE: &str = "<table width=\"100%\" cellspacing=\"0\" cellpadding=\"3\" \
    style=\"font-family:monospace;word-break:break-word\">";
const ROWS: &str = "<pre style=\"white-space:pre-wrap\">";
/// The least count whose bar has the full length: a single line is to look like one.
const LONG_BAR: u64 = 10;
/// Room for what closes the page where it is cut, in the form in which it is sent, bytes.
const ENDING: usize = 600;

/// The HTML form of a report's text, one element a line; `size` gives what a line of it takes in a mail. It takes
/// `room` bytes at most: where it is cut, it says that the text has all. Nothing if the text is none of ours, as
/// what a filter may make of one.
pub fn html(text: &Body, room: usize, size: &dyn Fn(&str) -> usize) -> Option<String> {
    let outline = Outline::read(text, room)?;
    let mut page = Page {
        out: String::new(),
        room: room.checked_sub(ENDING)?,
        size,
    };
    let opened = OPEN.iter().all(|line| page.put(line));
    if !opened {
        return None;
    }
    let largest = outline.largest.max(LONG_BAR);
    let whole =
        page.above(&outline.above) && outline.hosts.iter().all(|host| page.host(host, largest));
    if !whole || outline.is_cut {
        let lines = thousands(outline.lines);
        let hosts = match outline.all_hosts {
            1 => "1 host".to_owned(),
            hosts => format!("{} hosts", thousands(hosts)),
        };
        let words = "It is cut here: the text part of this mail has all";
        page.close(&format!("<p><b>{words} {lines} lines of {hosts}.</b></p>"));
    }
    page.close(CLOSE);
    Some(page.out)
}

/// A page that is being written.
struct Page<'a> {
    out: String,
    /// What is left for more lines, bytes as they are sent.
    room: usize,
    size: &'a dyn Fn(&str) -> usize,
}

impl Page<'_> {
    /// Adds a line, if there is room for it.
    fn put(&mut self, line: &str) -> bool {
        let Some(room) = self.room.checked_sub((self.size)(line)) else {
            return false;
        };
        self.room = room;
        self.close(line);
        true
    }

    /// Adds a line that closes something: there is always room for it.
    fn close(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Adds what stands above the hosts. Whether there was room for all of it.
    fn above(&mut self, above: &[Above]) -> bool {
        let mut rows = above.iter().peekable();
        while let Some(next) = rows.next() {
            let whole = match next {
                Above::Remark(words) => self.put(&format!("<p><b>{}</b></p>", escaped(words))),
                Above::Row(row) => {
                    let mut whole = self.put(&format!("{ROWS}{}", escaped(row)));
                    if !whole {
                        return false;
                    }
                    while let Some(Above::Row(row)) = rows.peek() {
                        whole = whole && self.put(&escaped(row));
                        rows.next();
                    }
                    self.close("</pre>");
                    whole
                }
            };
            if !whole {
                return false;
            }
        }
        true
    }

    /// Adds the table of a host. Whether there was room for all of it.
    fn host(&mut self, host: &Host, largest: u64) -> bool {
        let name = escaped(&host.name);
        let head = format!(
            "{TABLE}<tr><td colspan=\"3\" bgcolor=\"lightsteelblue\"><font color=\"black\"><b>{name}</b></font></td></tr>"
        );
        if !self.put(&head) {
            return false;
        }
        let mut rows = host.rows.iter();
        let whole = rows.all(|row| self.put(&row_of(row, largest)));
        self.close("</table><br/>");
        whole
    }
}

fn row_of(row: &Row, largest: u64) -> String {
    match row {
        Row::Line(count, text) => format!(
            "<tr valign=\"top\"><td width=\"8%\" align=\"right\" nowrap=\"nowrap\">{}</td><td width=\"16%\">{}</td><td>{}</td></tr>",
            thousands(*count),
            bar(*count, largest),
            with_blanks(&escaped(text))
        ),
        Row::More(text) => format!(
            "<tr valign=\"top\"><td width=\"8%\"></td><td width=\"16%\"></td><td>{}</td></tr>",
            with_blanks(&escaped(text))
        ),
        Row::Note(words) => format!("<tr><td colspan=\"3\"><b>{}</b></td></tr>", escaped(words)),
    }
}

/// A bar as long as its share of the largest count of the report: a cell of a table of its own, of which Outlook too
/// draws the width.
fn bar(count: u64, largest: u64) -> String {
    let share = u128::from(count) * 100 / u128::from(largest.max(1));
    let share = share.clamp(1, 100);
    let rest = if share < 100 { "<td></td>" } else { "" };
    format!(
        "<table width=\"100%\" cellspacing=\"0\" cellpadding=\"0\"><tr>\
        <td width=\"{share}%\" bgcolor=\"steelblue\">&nbsp;</td>{rest}</tr></table>"
    )
}

/// A text as HTML has it, also within quotes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A text whose blanks all show: of several in a row, HTML shows one.
fn with_blanks(text: &str) -> String {
    let text = text.replace('\t', "    ");
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    for c in text.chars() {
        match (before, c) {
            (' ', ' ') => out.push_str("&nbsp;"),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

#[cfg(test)]
mod tests;
