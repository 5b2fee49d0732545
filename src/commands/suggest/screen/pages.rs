//! Texts that fill the screen and are scrolled.

use crate::commands::terminal::{Key, Line, Style, safe};

/// A text that fills the screen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Page {
    text: Vec<String>,
    /// The first row that is shown.
    top: usize,
    /// The question at its end is answered by `y`.
    pub(crate) asks: bool,
    question: String,
}

/// The keys, as `?` shows them.
const KEYS: &str = "\
The programs                         The rules of a program
  Enter   look at its rules            a Enter  accept for the proposed queue
  a       accept all open rules        c r m    critical, report, misc
  t       trash the quiet ones         t        trash
  s       skip: leave them out         s        skip: leave it out
  l       link the rule files          A        accept all that are open
  / n     find a program, the next     Tab      choose the next mask of it
                                       arrows   choose the next word or mask
Everywhere                             < >      make that narrower, wider
  u       take the last answer back    k        let reports show its value
  w       compare, check, reload       x        split the rule by its values
  ?       these keys                   j        join with another: j on both
  q ^C    leave; no answer is lost     e        edit the pattern
  arrows  move                         y        why this queue, what it takes
                                       Esc      back to the programs

Each answer is in the file at once. The daemon reads nothing of it before you
say so by w, or reload it yourself. What was asked is not asked again by the
next run. Where a change of a rule takes all lines of another rule, the two
become one.";

impl Page {
    /// A page of this text, whose lines may hold anything.
    pub(crate) fn new(text: &[u8]) -> Self {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        Self {
            text: text.split(|b| *b == b'\n').map(safe).collect(),
            ..Self::default()
        }
    }

    /// The keys.
    pub(crate) fn help() -> Self {
        Self::new(KEYS.as_bytes())
    }

    /// The page with a question below it that `y` answers.
    pub(crate) fn asking(mut self, question: String) -> Self {
        (self.asks, self.question) = (true, question);
        self
    }

    /// The rows of the text.
    fn rows(&self, columns: usize) -> Vec<Line> {
        let wrapped = |text: &String| {
            let indent = text.chars().take_while(|c| *c == ' ').count() + 2;
            Line::new(Style::Plain, text.clone()).wrapped(columns.max(2), indent)
        };
        self.text.iter().flat_map(wrapped).collect()
    }

    /// The rows that are shown.
    pub(crate) fn lines(&self, room: usize, columns: usize) -> Vec<Line> {
        let rows = self.rows(columns);
        let top = self.top.min(rows.len().saturating_sub(room));
        rows.into_iter().skip(top).take(room).collect()
    }

    /// The line of the keys.
    pub(crate) fn keys(&self) -> Vec<Line> {
        vec![match self.asks {
            true => Line::new(Style::Bold, format!("{} y, or Esc", self.question)),
            false => Line::new(
                Style::Plain,
                "arrows and PgDn scroll, any other key goes back",
            ),
        }]
    }

    /// Takes a key. Whether the page stays.
    pub(crate) fn key(&mut self, key: Key, room: usize, columns: usize) -> bool {
        let most = self.rows(columns).len().saturating_sub(room);
        let page = room.saturating_sub(1).max(1);
        self.top = match key {
            Key::Up => self.top.saturating_sub(1),
            Key::Down | Key::Enter if self.asks || self.top < most => self.top + 1,
            Key::PageUp => self.top.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => self.top + page,
            Key::Home => 0,
            Key::End => most,
            // A key that was meant for something else does not answer a question.
            _ if self.asks && !matches!(key, Key::Escape | Key::Char('n' | 'N' | 'q')) => self.top,
            _ => return false,
        }
        .min(most);
        true
    }
}
