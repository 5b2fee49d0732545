//! Columns of text, as wide as their cells; on a terminal the last one is cut at its edge.

use std::io::{self, IsTerminal, Write};

use chrono::Local;
use unicode_width::UnicodeWidthChar;

use crate::clock::Time;

/// The blanks between two columns.
const BETWEEN: &str = "  ";

/// A cell, in the safe form of its text.
pub(super) enum Cell {
    /// Text.
    Left(String),
    /// A number: it stands at the right edge of its column.
    Right(String),
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Self::Left(text) | Self::Right(text) => text,
        }
    }
}

/// A table of five columns.
pub(super) struct Columns {
    heads: [&'static str; 5],
    rows: Vec<[Cell; 5]>,
}

impl Columns {
    pub(super) fn new(heads: [&'static str; 5]) -> Self {
        let rows = Vec::new();
        Self { heads, rows }
    }

    pub(super) fn row(&mut self, cells: [Cell; 5]) {
        self.rows.push(cells);
    }

    /// Writes the table; nothing if it has no row.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let edge = io::stdout().is_terminal().then(edge);
        self.write_within(edge, out)
    }

    fn write_within(&self, edge: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
        let Some(first) = self.rows.first() else {
            return Ok(());
        };
        let mut widths = self.heads.map(width);
        for cells in &self.rows {
            for (known, cell) in widths.iter_mut().zip(cells) {
                *known = width(cell.text()).max(*known);
            }
        }
        let heads = self.heads.into_iter().zip(first);
        let heads = heads.map(|(head, cell)| (head, matches!(cell, Cell::Right(_))));
        put(heads, widths, edge, out)?;
        for cells in &self.rows {
            let cells = cells.iter();
            let cells = cells.map(|cell| (cell.text(), matches!(cell, Cell::Right(_))));
            put(cells, widths, edge, out)?;
        }
        Ok(())
    }
}

/// Writes a row of cells, each with whether it stands at the right edge of its column.
fn put<'a>(
    cells: impl Iterator<Item = (&'a str, bool)>,
    widths: [usize; 5],
    edge: Option<usize>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = String::new();
    for (at, ((text, is_right), column)) in cells.zip(widths).enumerate() {
        if at > 0 {
            line += BETWEEN;
        }
        let blanks = " ".repeat(column.saturating_sub(width(text)));
        match is_right {
            true => line += &(blanks + text),
            false => line += &(text.to_owned() + &blanks),
        }
    }
    writeln!(out, "{}", cut(line.trim_end(), edge))
}

/// The columns of the terminal.
fn edge() -> usize {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map_or(80, |(columns, _)| usize::from(columns.0))
        .max(20)
}

/// A text cut to `edge` columns, if there is an edge; a mark stands where it was cut.
pub(super) fn cut(text: &str, edge: Option<usize>) -> String {
    let Some(edge) = edge.filter(|edge| width(text) > *edge) else {
        return text.to_owned();
    };
    let (mut kept, mut room) = (String::new(), edge.saturating_sub(1));
    for c in text.chars() {
        let Some(left) = room.checked_sub(c.width().unwrap_or(0)) else {
            break;
        };
        room = left;
        kept.push(c);
    }
    kept + "\u{2026}"
}

fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// A minute, in the time zone of whoever asks.
pub(super) fn minute(time: Time) -> String {
    time.with_timezone(&Local)
        .format("%Y-%m-%d %H:%M")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_cells_and_end_at_the_edge() {
        let mut columns = Columns::new(["DATE", "QUEUE", "LINES", "HOSTS", "SUBJECT"]);
        for (queue, lines, subject) in [("report", "17", "障害のまとめ"), ("misc", "1,234,567", "")]
        {
            columns.row([
                Cell::Left("2026".into()),
                Cell::Left(queue.into()),
                Cell::Right(lines.into()),
                Cell::Right("3".into()),
                Cell::Left(subject.into()),
            ]);
        }
        let written = |edge| {
            let mut out = Vec::new();
            columns.write_within(edge, &mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let want = "DATE  QUEUE       LINES  HOSTS  SUBJECT\n2026  report         17      3  障害のまとめ\n\
                    2026  misc    1,234,567      3\n";
        assert_eq!(written(None), want);
        let narrow = written(Some(39));
        assert!(narrow.lines().all(|line| width(line) <= 39), "{narrow}");
        assert!(narrow.contains("  3  障害の\u{2026}\n"), "{narrow}");
    }
}
