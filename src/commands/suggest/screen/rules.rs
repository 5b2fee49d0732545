//! The second view: the rules of a program, loud ones first, and all that is known of the chosen one.

use super::editor::Edited;
use super::{Editor, Effect, Over, Page, Screen, View, moved, top_of};
use crate::commands::suggest::changes::{Changed, Width};
use crate::commands::suggest::decisions::{Answer, Item, Program, TRASH};
use crate::commands::suggest::plain::{hosts, program_name};
use crate::commands::terminal::{Key, Line, Style, safe};
use crate::shown::{shown, thousands};
use crate::suggest::Loudness;
use crate::suggest::print::{number, percent};
use crate::suggest::shape::{Kind, Shape};

/// The rows below the list that are kept for the chosen rule.
const DETAILS: usize = 10;
/// The rows of a pattern that are shown, at most.
const PATTERN: usize = 4;
/// Values of a piece that are named.
const VALUES: usize = 6;

impl Screen {
    /// Takes a key of the rules of a program.
    pub(super) fn rules_key(&mut self, key: Key) -> Effect {
        let Some(program) = self.decisions.programs.get(self.program) else {
            self.view = View::Programs;
            return Effect::None;
        };
        let order = program.order();
        let place = order.iter().position(|at| *at == self.item).unwrap_or(0);
        if let Some(to) = moved(key, place, order.len(), self.size.rows / 3) {
            self.item = order.get(to).copied().unwrap_or(0);
            self.piece = None;
            return Effect::None;
        }
        let queue = |level| self.decisions.queues.name(level).to_owned();
        let Some(item) = program.items.get(self.item) else {
            return Effect::None;
        };
        let to = match key {
            Key::Char('a') | Key::Enter => queue(item.loudness),
            Key::Char('c') => queue(Loudness::Critical),
            Key::Char('r') => queue(Loudness::Report),
            Key::Char('m') => queue(Loudness::Misc),
            Key::Char('s') => return self.answered(Answer::Skipped),
            Key::Char('A') => {
                self.decisions.accept_all(self.program);
                self.go_on();
                return Effect::Save;
            }
            Key::Char('t') if item.why.is_some() => {
                self.over = Some(Over::Drop);
                return Effect::None;
            }
            Key::Char('t') => TRASH.to_owned(),
            _ => return self.change_key(key),
        };
        self.answered(Answer::Accepted(to))
    }

    /// Takes an answer, and goes to the next question.
    fn answered(&mut self, answer: Answer) -> Effect {
        self.decisions.answer(self.program, self.item, answer);
        self.piece = None;
        let program = self.decisions.programs.get(self.program);
        match program.and_then(|program| program.next_open(Some(self.item))) {
            Some(next) => self.item = next,
            None => self.go_on(),
        }
        Effect::Save
    }

    /// Takes a key that changes a rule, or leads elsewhere.
    fn change_key(&mut self, key: Key) -> Effect {
        let Some((program, item)) = self.decisions.item(self.program, self.item) else {
            return Effect::None;
        };
        let shape = program.shape(item);
        let at = self.chosen(&shape);
        let piece = shape.stops().get(at).copied().unwrap_or(usize::MAX);
        let (one, rule) = (self.program, self.item);
        let changed = match key {
            Key::Tab | Key::BackTab | Key::Right | Key::Left => {
                self.piece = Some(next_piece(&shape, at, key));
                return Effect::None;
            }
            Key::Char('<') => self.decisions.resize(one, rule, piece, Width::Narrower),
            Key::Char('>') => self.decisions.resize(one, rule, piece, Width::Wider),
            Key::Char('k') => self.decisions.keep(one, rule, piece),
            Key::Char('x') => self.decisions.split(one, rule, piece),
            Key::Char('j') => match self.marked.take() {
                Some(first) => self.decisions.join(one, first, rule),
                None => {
                    self.marked = Some(rule);
                    self.tell("choose the rule to join it with, and press j there");
                    return Effect::None;
                }
            },
            _ => {
                self.page_of_rule(key);
                return Effect::None;
            }
        };
        self.changed(changed)
    }

    /// The number of the chosen piece among those that can be changed.
    fn chosen(&self, shape: &Shape) -> usize {
        let last = shape.stops().len().saturating_sub(1);
        let first = || next_piece(shape, last, Key::Tab);
        self.piece.unwrap_or_else(first).min(last)
    }

    /// Takes a key that leads elsewhere.
    fn page_of_rule(&mut self, key: Key) {
        match key {
            Key::Char('?') => self.show(Page::help()),
            Key::Char('y') => {
                let why = self.why();
                self.show(Page::new(why.as_bytes()));
            }
            Key::Char('e') => {
                let pattern = self.decisions.item(self.program, self.item);
                let pattern = pattern.map(|(_, item)| item.pattern.clone());
                match String::from_utf8(pattern.unwrap_or_default()) {
                    Ok(pattern) => self.over = Some(Over::Pattern(Editor::new(&pattern))),
                    Err(_) => self.tell("this pattern is no UTF-8: edit the file after the review"),
                }
            }
            Key::Escape if self.marked.is_some() => self.marked = None,
            Key::Escape | Key::Backspace => self.view = View::Programs,
            _ => {}
        }
    }

    /// Tells what became of a rule.
    fn changed(&mut self, changed: Changed) -> Effect {
        self.marked = None;
        match changed {
            Ok((at, told)) => {
                self.item = at;
                self.tell(told);
                Effect::Save
            }
            Err(told) => {
                self.tell(told);
                Effect::None
            }
        }
    }

    /// Takes a key while a pattern is edited.
    pub(super) fn pattern_key(&mut self, mut editor: Editor, key: Key) -> Effect {
        match editor.key(key) {
            Edited::On => self.over = Some(Over::Pattern(editor)),
            Edited::Left => {}
            Edited::Done => {
                let pattern = editor.text();
                let pattern = pattern.trim().as_bytes();
                let changed = self.decisions.change(self.program, self.item, pattern);
                if changed.is_err() {
                    self.over = Some(Over::Pattern(editor));
                }
                return self.changed(changed);
            }
        }
        Effect::None
    }

    /// Asks before lines that speak of a failure are dropped.
    pub(super) fn drop_question(&self) -> String {
        let word = self.decisions.item(self.program, self.item);
        let word = word
            .and_then(|(_, item)| item.why.clone())
            .unwrap_or_default();
        let word = shown(word.as_bytes()).to_string();
        format!("these lines say `{word}`: drop them all the same?")
    }

    pub(super) fn drop_key(&mut self, key: Key) -> Effect {
        match key {
            Key::Char('y' | 'Y') => self.answered(Answer::Accepted(TRASH.to_owned())),
            _ => Effect::None,
        }
    }

    /// The reasons for a rule, and what it takes.
    fn why(&self) -> String {
        let Some((program, item)) = self.decisions.item(self.program, self.item) else {
            return String::new();
        };
        let queue = self.decisions.queues.name(item.loudness);
        let mut text = match &item.why {
            Some(word) => format!("{queue}: its text says `{}`\n", shown(word.as_bytes())),
            None => format!("{queue}: no word of its text speaks of a failure\n"),
        };
        text += "trash is never proposed\n\n";
        let (lines, from) = (number(item.lines, "line"), hosts(item.hosts));
        text += &format!("It takes {lines} of {from}, tried on these messages:\n");
        let samples = item.messages.iter().take(20);
        for (message, lines) in samples {
            text += &format!("{:>9}  {}\n", thousands(*lines), safe(message));
        }
        if item.messages.len() > 20 {
            text += &format!(
                "           and {} others\n",
                thousands(item.messages.len() as u64 - 20)
            );
        }
        let shape = program.shape(item);
        text += "\nIts pieces, with their values in these messages:\n";
        for stop in shape.stops() {
            let source = shape.pieces().get(stop).map(|p| safe(&p.source));
            let values = shape.values(stop, &item.messages);
            let named = values.iter().take(VALUES).map(|(value, _)| safe(value));
            let named = named.collect::<Vec<_>>().join(", ");
            let count = number(values.len() as u64, "value");
            text += &format!("  {}  {count}: {named}\n", source.unwrap_or_default());
        }
        text
    }

    /// The lines between header and message, and the keys.
    pub(super) fn rules_lines(&self) -> (Vec<Line>, Vec<Line>) {
        let keys = vec![
            Line::new(
                Style::Plain,
                "a accept  A all  c r m t queue  s skip  u undo  e edit  Tab piece  < > width",
            ),
            Line::new(
                Style::Plain,
                "k keep  x split  j join  y why  ? keys  Esc programs  w write  q leave",
            ),
        ];
        let Some(program) = self.decisions.programs.get(self.program) else {
            return (Vec::new(), keys);
        };
        let (open, all) = (program.open().count(), program.items.len());
        let (rules, lines) = (number(all as u64, "rule"), number(program.lines(), "line"));
        let name = program_name(&program.name);
        let title = format!(" {name}: {rules}, {lines}; {open} open");
        let mut shown = vec![Line::new(Style::Bold, title)];
        let room = self
            .size
            .rows
            .saturating_sub(5 + DETAILS)
            .clamp(1, all.max(1));
        let order = program.order();
        let place = order.iter().position(|at| *at == self.item).unwrap_or(0);
        let top = top_of(place, all, room);
        for at in order.into_iter().skip(top).take(room) {
            if let Some(item) = program.items.get(at) {
                let line = self.rule_line(program, item, at == self.item);
                let line = match self.marked == Some(at) {
                    true => line.marked(),
                    false => line,
                };
                shown.push(line);
            }
        }
        shown.push(Line::new(Style::Dim, "-".repeat(self.size.columns)));
        if let Some(item) = program.items.get(self.item) {
            shown.extend(self.details(program, item));
        }
        (shown, keys)
    }

    /// A rule on one line: its lines, its queue, its pattern without the program.
    pub(super) fn rule_line(&self, program: &Program, item: &Item, chosen: bool) -> Line {
        let queue = match &item.answer {
            Answer::Open => format!("{}?", self.decisions.queues.name(item.loudness)),
            Answer::Skipped => "skipped".to_owned(),
            Answer::Accepted(queue) => queue.clone(),
        };
        let style = match &item.answer {
            _ if chosen => Style::Chosen,
            Answer::Open => self.style_of(self.decisions.queues.name(item.loudness)),
            _ => Style::Dim,
        };
        let shape = program.shape(item);
        let body = shape.body().iter();
        let body: Vec<u8> = body.flat_map(|piece| piece.source.clone()).collect();
        let mark = if chosen { ">" } else { " " };
        let text = format!(
            "{mark} {:>7}  {queue:<9}  {}",
            thousands(item.lines),
            safe(&body)
        );
        Line::new(style, text)
    }

    /// All that is known of a rule.
    fn details(&self, program: &Program, item: &Item) -> Vec<Line> {
        let columns = self.size.columns.max(2);
        let queue = self.decisions.queues.name(item.loudness);
        let why = match &item.why {
            Some(word) => format!(", it says `{}`", shown(word.as_bytes())),
            None => String::new(),
        };
        let share = percent(item.lines, self.decisions.lines.max(1));
        let (lines, from) = (number(item.lines, "line"), hosts(item.hosts));
        let facts = Line::new(self.style_of(queue), format!(" {queue}{why}"))
            .with(Style::Plain, format!(": {lines}, {share} %, {from}"));
        let shape = program.shape(item);
        let chosen = shape.stops().get(self.chosen(&shape)).copied();
        let mut pattern = Line::new(Style::Plain, " ");
        for (at, piece) in shape.pieces().iter().enumerate() {
            let style = match chosen == Some(at) {
                true => Style::Chosen,
                false => Style::Plain,
            };
            pattern = pattern.with(style, safe(&piece.source));
        }
        let mut pattern = pattern.wrapped(columns, 3);
        pattern.truncate(PATTERN);
        let mut details = vec![facts];
        details.extend(pattern);
        if let Some(at) = chosen {
            let values = shape.values(at, &item.messages);
            let source = shape.pieces().get(at).map(|p| safe(&p.source));
            let named = values.iter().take(VALUES).map(|(value, _)| safe(value));
            let named = named.collect::<Vec<_>>().join(", ");
            let count = number(values.len() as u64, "value");
            let text = format!(" piece {}  {count}: {named}", source.unwrap_or_default());
            details.push(Line::new(Style::Dim, text));
        }
        let middle = item.messages.len() / 2;
        for at in [middle, 0, item.messages.len().saturating_sub(1)] {
            let sample = item
                .messages
                .get(at)
                .filter(|_| at == middle || item.messages.len() > 2);
            if let Some((message, _)) = sample {
                let mut sample =
                    Line::new(Style::Plain, format!(" {}", safe(message))).wrapped(columns, 3);
                sample.truncate(2);
                details.extend(sample);
            }
        }
        details
    }
}

/// The number of the piece that a key leads to: arrows stop at each, `Tab` at masks if there are any.
fn next_piece(shape: &Shape, at: usize, key: Key) -> usize {
    let stops = shape.stops();
    let is_mask = |number: &usize| {
        let piece = stops
            .get(*number)
            .and_then(|stop| shape.pieces().get(*stop));
        piece.is_some_and(|piece| piece.kind != Kind::Word)
    };
    let behind = (at + 1..stops.len()).chain(0..at.min(stops.len()));
    let mut order: Vec<usize> = behind.collect();
    if matches!(key, Key::BackTab | Key::Left) {
        order.reverse();
    }
    order.push(at);
    let all = order.first().copied();
    let found = match key {
        Key::Tab | Key::BackTab => order.into_iter().find(is_mask).or(all),
        _ => all,
    };
    found.unwrap_or(at)
}
