//! The first view: the rule files that fit, and the programs with what their rules would bring.

use super::editor::Edited;
use super::{Editor, Effect, Over, Page, Screen, View, moved, top_of};
use crate::commands::suggest::decisions::{Answer, Program, TRASH};
use crate::commands::suggest::plain::program_name;
use crate::commands::terminal::{Key, Line, Style, safe, width};
use crate::shown::thousands;
use crate::suggest::Loudness;
use crate::suggest::print::{number, percent};

/// The rules of the chosen program that are shown below the list, at most.
const PREVIEW: usize = 5;
/// The columns of the text about what is proposed.
const PROPOSED: usize = 30;

impl Screen {
    /// Takes a key of the programs.
    pub(super) fn programs_key(&mut self, key: Key) -> Effect {
        let count = self.decisions.programs.len();
        let page = self.size.rows / 2;
        if let Some(at) = moved(key, self.program, count, page) {
            self.program = at;
            return Effect::None;
        }
        match key {
            Key::Char('l') => return self.link(),
            Key::Char('?') => self.show(Page::help()),
            Key::Char('/') => self.over = Some(Over::Find(Editor::default())),
            Key::Char('n') => {
                if let Some(at) = self.decisions.next_program(self.program + 1) {
                    self.program = at;
                }
            }
            Key::Enter | Key::Right => self.open(),
            Key::Char('a' | 's' | 't') => return self.answer_program(key),
            _ => {}
        }
        Effect::None
    }

    /// Goes to the rules of the chosen program.
    pub(super) fn open(&mut self) {
        let Some(program) = self.decisions.programs.get(self.program) else {
            return;
        };
        let first = program.order().first().copied().unwrap_or(0);
        (self.item, self.piece) = (program.next_open(None).unwrap_or(first), None);
        (self.view, self.marked) = (View::Rules, None);
    }

    fn link(&mut self) -> Effect {
        match &self.offer.hindrance {
            _ if self.offer.files.is_empty() => self.tell("no other rule file fits"),
            Some(why) => self.message.clone_from(why),
            None => return Effect::Link,
        }
        Effect::None
    }

    /// Answers for all open rules of the chosen program.
    fn answer_program(&mut self, key: Key) -> Effect {
        let Some(program) = self.decisions.programs.get(self.program) else {
            return Effect::None;
        };
        if program.open().next().is_none() {
            self.tell("no rule of this program is open: Enter shows them, u takes an answer back");
            return Effect::None;
        }
        let quiet = program.open().filter(|item| item.why.is_none()).count();
        let loud = program.open().count() - quiet;
        match key {
            Key::Char('a') => self.decisions.accept_all(self.program),
            Key::Char('s') => self.decisions.skip_all(self.program),
            _ if quiet == 0 => {
                self.tell("each of these rules has a word of failure: look at them");
                self.open();
                return Effect::None;
            }
            _ => self.decisions.trash_quiet(self.program),
        }
        if key == Key::Char('t') && loud > 0 {
            self.open();
            self.tell(format!(
                "{} dropped; {} with a word of failure left to you",
                number(quiet as u64, "rule"),
                number(loud as u64, "rule"),
            ));
        } else {
            self.go_on();
        }
        Effect::Save
    }

    /// Goes to the next program that has open rules.
    pub(super) fn go_on(&mut self) {
        self.view = View::Programs;
        match self.decisions.next_program(self.program) {
            Some(next) => self.program = next,
            None => self.tell("all is answered: w shows what it changes, q leaves"),
        }
    }

    /// Takes a key while a program is looked for.
    pub(super) fn find_key(&mut self, mut editor: Editor, key: Key) -> Effect {
        match editor.key(key) {
            Edited::On => self.over = Some(Over::Find(editor)),
            Edited::Left => {}
            Edited::Done => {
                let text = editor.text().to_lowercase();
                let count = self.decisions.programs.len();
                let mut order = (self.program + 1..count).chain(0..=self.program);
                let has = |at: &usize| {
                    let program = self.decisions.programs.get(*at);
                    program.is_some_and(|p| safe(&p.name).to_lowercase().contains(&text))
                };
                match order.find(has) {
                    Some(at) => self.program = at,
                    None => self.tell(format!("no program has `{text}` in its name")),
                }
            }
        }
        Effect::None
    }

    /// The lines between header and message, and the keys.
    pub(super) fn programs_lines(&self) -> (Vec<Line>, Vec<Line>) {
        let keys = vec![
            Line::new(
                Style::Plain,
                "a accept  Enter look  t trash  s skip  u undo  / find",
            )
            .with(Style::Plain, "  w write  ? keys  q leave"),
        ];
        let mut lines = self.offer_lines();
        if self.decisions.programs.is_empty() {
            lines.push(Line::default());
            lines.push(Line::new(Style::Plain, " No rule is left to ask about."));
            return (lines, keys);
        }
        let head = "    lines    brings  rules  proposed";
        let gap = " ".repeat((27 + PROPOSED).saturating_sub(width(head)));
        lines.push(Line::new(Style::Dim, format!("{head}{gap}program")));
        let preview = self.preview();
        let around = 3 + keys.len() + lines.len() + preview.len();
        let room = self.size.rows.saturating_sub(around).max(1);
        let count = self.decisions.programs.len();
        let top = top_of(self.program, count, room);
        let shown = self.decisions.programs.iter().enumerate();
        let shown = shown.skip(top).take(room);
        lines.extend(shown.map(|(at, program)| self.program_line(at, program)));
        let end = self
            .size
            .rows
            .saturating_sub(2 + keys.len() + preview.len());
        lines.resize(lines.len().max(end.saturating_sub(1)), Line::default());
        lines.extend(preview);
        (lines, keys)
    }

    /// The rule files that fit.
    fn offer_lines(&self) -> Vec<Line> {
        let offer = &self.offer;
        if offer.files.is_empty() {
            return Vec::new();
        }
        let share = percent(offer.lines, self.decisions.lines);
        let fit = match offer.files.len() {
            1 => "1 rule file fits and takes".to_owned(),
            count => format!("{count} rule files fit and take"),
        };
        let text = format!(" {fit} {} ({share} %): ", number(offer.lines, "line"));
        let first = match offer.hindrance {
            None => Line::new(Style::Bold, text)
                .with(Style::Chosen, " l ")
                .with(Style::Bold, " links them"),
            Some(_) => Line::new(Style::Bold, text + "see l"),
        };
        let names = offer.files.iter();
        let names: Vec<String> = names
            .map(|(name, lines)| format!("{name} {}", thousands(*lines)))
            .collect();
        let mut list = vec![String::new()];
        for name in names {
            let room = self.size.columns.saturating_sub(name.len() + 2);
            match list.last_mut() {
                Some(line) if width(line) < room => *line += &format!("  {name}"),
                _ => list.push(format!("  {name}")),
            }
        }
        let list = list.into_iter().take(3);
        let list = list.map(|line| Line::new(Style::Plain, line));
        let mut lines = vec![first];
        lines.extend(list);
        lines
    }

    fn program_line(&self, at: usize, program: &Program) -> Line {
        let chosen = at == self.program;
        let lines = program.lines();
        let brings = format!("{} %", percent(lines, self.decisions.lines.max(1)));
        let open = program.open().next().is_some();
        let proposed = match open {
            true => self.proposed(program),
            false => answered(program),
        };
        let gap = PROPOSED.saturating_sub(width(&proposed));
        let text = format!(
            "{} {:>7}  {brings:>8}  {:>5}  {proposed}{}{}",
            if chosen { ">" } else { " " },
            thousands(lines),
            program.items.len(),
            " ".repeat(gap + 1),
            program_name(&program.name),
        );
        let style = match (chosen, open) {
            (true, _) => Style::Chosen,
            (false, true) => Style::Plain,
            (false, false) => Style::Dim,
        };
        Line::new(style, text)
    }

    /// What is proposed for the open rules of a program: loud queues first.
    fn proposed(&self, program: &Program) -> String {
        let levels = [Loudness::Critical, Loudness::Report, Loudness::Misc];
        let count = |level| program.open().filter(|item| item.loudness == level).count();
        let parts = levels.into_iter().filter(|level| count(*level) > 0);
        let name = |level| self.decisions.queues.name(level).to_owned();
        let parts: Vec<String> = parts
            .map(|level| format!("{} {}", name(level), count(level)))
            .collect();
        parts.join("  ")
    }

    /// The first rules of the chosen program: what a single key accepts.
    fn preview(&self) -> Vec<Line> {
        let Some(program) = self.decisions.programs.get(self.program) else {
            return Vec::new();
        };
        if self.size.rows < 20 {
            return Vec::new();
        }
        let order = program.order();
        let items = order.iter().filter_map(|at| program.items.get(*at));
        let mut lines: Vec<Line> = vec![Line::new(Style::Dim, "-".repeat(self.size.columns))];
        lines.extend(
            items
                .take(PREVIEW)
                .map(|item| self.rule_line(program, item, false)),
        );
        if order.len() > PREVIEW {
            let rest = number((order.len() - PREVIEW + 1) as u64, "more rule");
            lines.pop();
            lines.push(Line::new(Style::Dim, format!("           and {rest}")));
        }
        lines
    }
}

/// What was answered for a program, in words.
fn answered(program: &Program) -> String {
    let count = |answer: &dyn Fn(&Answer) -> bool| {
        let items = program.items.iter().filter(|item| answer(&item.answer));
        items.count()
    };
    let parts = [
        (
            count(&|a| matches!(a, Answer::Accepted(queue) if queue != TRASH)),
            "accepted",
        ),
        (
            count(&|a| matches!(a, Answer::Accepted(queue) if queue == TRASH)),
            TRASH,
        ),
        (count(&|a| *a == Answer::Skipped), "skipped"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts
        .map(|(count, what)| format!("{what} {count}"))
        .collect();
    parts.join("  ")
}
