//! A line of text that is edited.

use crate::commands::terminal::{Key, Line, Style, safe, width};

/// A line of text that is edited.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Editor {
    text: Vec<char>,
    /// The place of the cursor, characters.
    at: usize,
}

/// What a key made of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Edited {
    /// It goes on.
    On,
    /// It is done.
    Done,
    /// It is given up.
    Left,
}

impl Editor {
    /// Edits a text, the cursor at its end.
    pub(crate) fn new(text: &str) -> Self {
        let text: Vec<char> = text.chars().collect();
        let at = text.len();
        Self { text, at }
    }

    /// The text.
    pub(crate) fn text(&self) -> String {
        self.text.iter().collect()
    }

    /// Takes a key.
    pub(crate) fn key(&mut self, key: Key) -> Edited {
        match key {
            Key::Enter => return Edited::Done,
            Key::Escape | Key::Control('g') => return Edited::Left,
            Key::Char(c) if !c.is_control() => {
                self.text.insert(self.at, c);
                self.at += 1;
            }
            Key::Backspace if self.at > 0 => {
                self.at -= 1;
                self.text.remove(self.at);
            }
            Key::Delete | Key::Control('d') if self.at < self.text.len() => {
                self.text.remove(self.at);
            }
            Key::Left | Key::Control('b') => self.at = self.at.saturating_sub(1),
            Key::Right | Key::Control('f') => self.at = (self.at + 1).min(self.text.len()),
            Key::Home | Key::Control('a') => self.at = 0,
            Key::End | Key::Control('e') => self.at = self.text.len(),
            Key::Control('k') => self.text.truncate(self.at),
            Key::Control('u') => {
                self.text.drain(..self.at);
                self.at = 0;
            }
            Key::Control('w') => {
                let word = |c: &char| c.is_alphanumeric();
                let before = self.text.iter().take(self.at).rev();
                let signs = before.clone().take_while(|c| !word(c)).count();
                let from = self.at - signs - before.skip(signs).take_while(|c| word(c)).count();
                self.text.drain(from..self.at);
                self.at = from;
            }
            _ => {}
        }
        Edited::On
    }

    /// The line with what stands before it, and the column of the cursor. Of a text that is too long, the part
    /// around the cursor is shown.
    pub(crate) fn line(&self, before: &str, columns: usize) -> (Line, usize) {
        let shown = |chars: &[char]| safe(chars.iter().collect::<String>().as_bytes());
        let left = self.text.get(..self.at).unwrap_or_default();
        let right = self.text.get(self.at..).unwrap_or_default();
        let room = columns.saturating_sub(width(before) + 1).max(1);
        let mut from = 0;
        while width(&shown(left.get(from..).unwrap_or_default())) > room && from < left.len() {
            from += 1;
        }
        let left = shown(left.get(from..).unwrap_or_default());
        let column = width(before) + width(&left);
        let line = Line::new(Style::Bold, before).with(Style::Plain, left + &shown(right));
        (line, column.min(columns.saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_edited() {
        let mut editor = Editor::new("^sshd: ログ");
        for key in [
            Key::Backspace,
            Key::Char('x'),
            Key::Home,
            Key::Delete,
            Key::Char('a'),
            Key::Left,
            Key::Left,
            Key::Backspace,
            Key::End,
            Key::Right,
            Key::Char('$'),
            Key::Char('\u{7}'),
        ] {
            assert_eq!(editor.key(key), Edited::On);
        }
        assert_eq!(editor.text(), "asshd: ログx$".replace("ログ", "ロ"));
        let (line, column) = editor.line("p: ", 80);
        assert_eq!(line.text(), "p: asshd: ロx$");
        assert_eq!(column, width("p: asshd: ロx$"));
        editor.key(Key::Control('w'));
        assert_eq!(editor.text(), "asshd: ");
        editor.key(Key::Left);
        editor.key(Key::Control('k'));
        editor.key(Key::Control('u'));
        assert_eq!(editor.text(), "");
        assert_eq!(editor.key(Key::Enter), Edited::Done);
        assert_eq!(editor.key(Key::Escape), Edited::Left);
    }

    #[test]
    fn the_cursor_is_always_on_the_line() {
        let mut editor = Editor::new(&"日x".repeat(90));
        for columns in [1, 5, 20, 80] {
            for _ in 0..200 {
                let (_, column) = editor.line("pattern: ", columns);
                assert!(column < columns);
                editor.key(Key::Left);
            }
            editor.key(Key::End);
        }
    }
}
