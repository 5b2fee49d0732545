//! The review on a full screen, as a model: a state and a key give a state, what is to be done, and the lines of
//! the screen. It knows no terminal.

mod editor;
mod pages;
mod programs;
mod rules;

use super::decisions::Decisions;
pub(super) use editor::Editor;
pub(super) use pages::Page;

use crate::commands::terminal::{Frame, Key, Line, Size, Style, width};
use crate::suggest::print::{number, percent};

/// What is to be done after a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// Nothing but drawing.
    None,
    /// The answers changed: they are to be written.
    Save,
    /// The rule files that fit are to be linked.
    Link,
    /// What the answers change is to be shown.
    Compare,
    /// The daemon is to read its configuration.
    Reload,
    /// The end.
    Leave,
}

/// The rule files that come with tenshi and take lines that are open.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Offer {
    /// Their names, and the lines that each takes of those that the ones before leave.
    pub(super) files: Vec<(String, u64)>,
    /// The lines that all together take.
    pub(super) lines: u64,
    /// Why they cannot be linked by a key.
    pub(super) hindrance: Option<String>,
}

/// What fills the screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum View {
    Programs,
    Rules,
}

/// What stands over it and takes the keys.
#[derive(Debug)]
enum Over {
    /// A text that is scrolled.
    Page(Page),
    /// A pattern that is edited.
    Pattern(Editor),
    /// The name of a program that is looked for.
    Find(Editor),
    /// Whether lines that speak of a failure are to be dropped.
    Drop,
}

/// The state of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) decisions: Decisions,
    offer: Offer,
    /// The file of the answers, as it is shown.
    file: String,
    size: Size,
    view: View,
    over: Option<Over>,
    program: usize,
    item: usize,
    /// The piece of the rule that keys make narrower and wider, by its number among those that can be changed;
    /// the first mask before any is chosen.
    piece: Option<usize>,
    /// A rule that is to be joined with the one that is chosen next.
    marked: Option<usize>,
    message: String,
}

impl Screen {
    /// A screen on its first view.
    pub(super) fn new(decisions: Decisions, offer: Offer, file: String, size: Size) -> Self {
        let program = decisions.next_program(0).unwrap_or(0);
        Self {
            decisions,
            offer,
            file,
            size,
            view: View::Programs,
            over: None,
            program,
            item: 0,
            piece: None,
            marked: None,
            message: String::new(),
        }
    }

    /// Takes another size.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
    }

    /// Tells something in the line above the keys.
    pub(super) fn tell(&mut self, message: impl Into<String>) {
        self.message = message.into();
    }

    /// Shows a page.
    pub(super) fn show(&mut self, page: Page) {
        self.over = Some(Over::Page(page));
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: Key) -> Effect {
        self.message.clear();
        if key == Key::Control('c') {
            return Effect::Leave;
        }
        match self.over.take() {
            Some(Over::Page(page)) => self.page_key(page, key),
            Some(Over::Pattern(editor)) => self.pattern_key(editor, key),
            Some(Over::Find(editor)) => self.find_key(editor, key),
            Some(Over::Drop) => self.drop_key(key),
            None => match (key, self.view) {
                (Key::Char('q'), _) => Effect::Leave,
                (Key::Char('w'), _) => Effect::Compare,
                (Key::Char('u'), _) => self.undo(),
                (_, View::Programs) => self.programs_key(key),
                (_, View::Rules) => self.rules_key(key),
            },
        }
    }

    fn undo(&mut self) -> Effect {
        let Some((program, item)) = self.decisions.undo() else {
            self.tell("there is no answer to take back");
            return Effect::None;
        };
        (self.program, self.item, self.marked) = (program, item, None);
        self.piece = None;
        self.tell("taken back");
        Effect::Save
    }

    fn page_key(&mut self, mut page: Page, key: Key) -> Effect {
        let room = self.size.rows.saturating_sub(PAGE_CHROME).max(1);
        if page.asks && matches!(key, Key::Char('y' | 'Y')) {
            return Effect::Reload;
        }
        if page.key(key, room, self.size.columns) {
            self.over = Some(Over::Page(page));
        }
        Effect::None
    }

    /// What is drawn.
    pub(super) fn frame(&self) -> Frame {
        let Size { columns, rows } = self.size;
        let mut cursor = None;
        let (mut middle, mut keys) = match &self.over {
            Some(Over::Page(page)) => {
                let room = rows.saturating_sub(PAGE_CHROME).max(1);
                (page.lines(room, columns), page.keys())
            }
            _ => match self.view {
                View::Programs => self.programs_lines(),
                View::Rules => self.rules_lines(),
            },
        };
        let told = vec![Line::new(Style::Bold, self.message.clone())];
        let mut message = wrapped_message(told, columns);
        let mut edit = |editor: &Editor, before: &str, enter: &str| {
            let (line, column) = editor.line(before, columns);
            if self.message.is_empty() {
                message.clear();
            }
            message.push(line);
            cursor = Some(column);
            keys = vec![Line::new(
                Style::Plain,
                format!("Enter {enter}, Esc leaves it"),
            )];
        };
        match &self.over {
            Some(Over::Pattern(editor)) => edit(editor, "pattern: ", "proves and takes it"),
            Some(Over::Find(editor)) => edit(editor, "find program: ", "goes there"),
            Some(Over::Drop) => {
                keys = vec![Line::new(
                    Style::Bold,
                    "y drops them, any other key does not",
                )];
                message = vec![Line::new(Style::Critical, self.drop_question())];
            }
            _ => {}
        }
        let bottom = message.len() + keys.len();
        middle.truncate(rows.saturating_sub(1 + bottom));
        middle.resize(rows.saturating_sub(1 + bottom), Line::default());
        let row = middle.len() + message.len();
        let mut lines = vec![self.header()];
        lines.extend(middle);
        lines.extend(message);
        lines.extend(keys);
        lines.truncate(rows);
        let lines = lines.into_iter().map(|line| line.cut(columns)).collect();
        let cursor = cursor.map(|column| (row.min(rows.saturating_sub(1)), column));
        Frame { lines, cursor }
    }

    /// The first line: what is reached, always.
    fn header(&self) -> Line {
        let (reached, lines) = (self.decisions.reached(), self.decisions.lines);
        let share = format!(
            "{} % of {} reached",
            percent(reached, lines),
            number(lines, "line")
        );
        let open = self.decisions.programs.iter().map(|p| p.open().count());
        let open = number(open.sum::<usize>() as u64, "rule");
        let left = format!(" {share}, {open} open");
        let room = self.size.columns.saturating_sub(width(&left) + 4);
        let name = self.file.rsplit('/').next().unwrap_or_default();
        let file = match width(&self.file) <= room {
            true => &self.file,
            false => name,
        };
        let right = format!("{file} ");
        let gap = self
            .size
            .columns
            .saturating_sub(width(&left) + width(&right));
        let line = match gap {
            0 => Line::new(Style::Plain, format!("{left}   {right}")),
            gap => Line::new(Style::Plain, left + &" ".repeat(gap) + &right),
        };
        line.cut(self.size.columns).all(Style::Chosen)
    }

    /// The queue's style.
    fn style_of(&self, queue: &str) -> Style {
        let queues = &self.decisions.queues;
        match queue {
            _ if queue == queues.critical && queues.critical != queues.misc => Style::Critical,
            _ if queue == queues.report && queues.report != queues.misc => Style::Report,
            _ => Style::Plain,
        }
    }
}

/// The rows around a page: the header, the message and the keys.
const PAGE_CHROME: usize = 3;

/// A message in no more than two lines.
fn wrapped_message(message: Vec<Line>, columns: usize) -> Vec<Line> {
    let lines = message
        .into_iter()
        .flat_map(|line| line.wrapped(columns.max(2), 0));
    let mut lines: Vec<Line> = lines.collect();
    if lines.len() > 2 {
        lines.truncate(2);
        let last = lines.pop().unwrap_or_default();
        lines.push(last.with(Style::Dim, "\u{2026}\u{2026}"));
    }
    lines
}

/// The rows of a list that are shown, so that the chosen one is among them: the first of them.
fn top_of(chosen: usize, count: usize, room: usize) -> usize {
    let half = room / 2;
    chosen.saturating_sub(half).min(count.saturating_sub(room))
}

/// The place that a key of movement leads to in a list; nothing for another key.
fn moved(key: Key, at: usize, count: usize, page: usize) -> Option<usize> {
    let last = count.saturating_sub(1);
    Some(match key {
        Key::Up => at.saturating_sub(1),
        Key::Down => (at + 1).min(last),
        Key::PageUp => at.saturating_sub(page.max(1)),
        Key::PageDown => (at + page.max(1)).min(last),
        Key::Home => 0,
        Key::End => last,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
