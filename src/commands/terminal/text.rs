//! Lines of the screen: text in styles, cut and wrapped by the columns that it takes.

use unicode_width::UnicodeWidthChar;

use crate::shown::shown;

/// How a text looks. No style alone tells anything: a terminal may have none of them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Style {
    #[default]
    Plain,
    Bold,
    Dim,
    /// The line or the piece that the keys are for.
    Chosen,
    /// What goes to the loudest queue.
    Critical,
    /// What is to be read.
    Report,
}

/// A line of the screen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Line(pub(crate) Vec<(Style, String)>);

/// The size of the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Size {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
}

/// What is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) lines: Vec<Line>,
    /// The row and the column of the cursor, while text is edited.
    pub(crate) cursor: Option<(usize, usize)>,
}

/// The columns that a character takes.
fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// A stranger's text as it is shown on a line.
pub(crate) fn safe(bytes: &[u8]) -> String {
    shown(bytes).to_string().replace('\t', " ")
}

impl Line {
    /// A line of text in one style.
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        Self(vec![(style, text.into())])
    }

    /// Adds text.
    pub(crate) fn with(mut self, style: Style, text: impl Into<String>) -> Self {
        self.0.push((style, text.into()));
        self
    }

    /// The number of columns that the line takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// The line cut to this number of `columns`; a mark stands where it was cut.
    pub(crate) fn cut(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut room = columns.saturating_sub(1);
        let mut line = Self::default();
        for (style, text) in self.0 {
            let mut kept = String::new();
            for c in text.chars() {
                if width_of(c) > room {
                    room = 0;
                    break;
                }
                room -= width_of(c);
                kept.push(c);
            }
            line.0.push((style, kept));
            if room == 0 {
                break;
            }
        }
        line.with(Style::Dim, if columns > 0 { "\u{2026}" } else { "" })
    }

    /// The line wrapped into lines of this number of `columns` at most, the later ones indented.
    pub(crate) fn wrapped(self, columns: usize, indent: usize) -> Vec<Self> {
        let indent = if indent + 8 > columns { 0 } else { indent };
        let mut lines = vec![Self::default()];
        let mut used = 0;
        for (style, text) in self.0 {
            let mut part = String::new();
            for c in text.chars() {
                if used + width_of(c) > columns && used > indent {
                    if let Some(line) = lines.last_mut() {
                        line.0.push((style, std::mem::take(&mut part)));
                    }
                    lines.push(Self::new(Style::Plain, " ".repeat(indent)));
                    used = indent;
                }
                used += width_of(c);
                part.push(c);
            }
            if let Some(line) = lines.last_mut() {
                line.0.push((style, part));
            }
        }
        lines
    }

    /// The line with one style for all of its text.
    pub(crate) fn all(self, style: Style) -> Self {
        Self(self.0.into_iter().map(|(_, text)| (style, text)).collect())
    }

    /// The line with a mark in its first column.
    pub(crate) fn marked(mut self) -> Self {
        if let Some((_, text)) = self.0.first_mut() {
            let rest: String = text.chars().skip(1).collect();
            *text = format!("j{rest}");
        }
        self
    }

    /// The text alone.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.0.iter().map(|(_, text)| text.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_within_their_columns() {
        let text = "ログイン失敗: e\u{301}x \u{1f600}";
        let line = Line::new(Style::Plain, "user ").with(Style::Bold, text);
        for columns in 0..40 {
            assert!(line.clone().cut(columns).width() <= columns);
            if columns > 1 {
                let lines = line.clone().wrapped(columns, 2);
                assert!(
                    lines.iter().all(|line| line.width() <= columns),
                    "{columns}"
                );
                let all: String = lines.iter().map(Line::text).collect();
                assert_eq!(all.replace(' ', ""), line.text().replace(' ', ""));
            }
        }
        assert_eq!(line.clone().cut(11).text(), "user ログ\u{2026}");
        assert_eq!(line.clone().cut(99), line);
        assert_eq!(safe(b"a\t\x1b[2J\xff"), r"a \x1B[2J\xFF");
    }
}
