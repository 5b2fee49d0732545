//! The review of proposed rules, one question a line, as `git add -p` has it: for serial consoles, for screen
//! readers, for scripts. What is accepted is in the file at once; what was asked is not asked again.

use std::io::{self, BufRead, Write};

use super::answers::Answers;
use super::changes::{Changed, Width};
use super::decisions::{Answer, Decisions, Hosts, Item, TRASH};
use crate::shown::{shown, shown_path};
use crate::suggest::Loudness;
use crate::suggest::print::{number, percent, sample_line};

/// What comes after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    Quit,
}

/// A review on its way.
pub(super) struct Plain<'a> {
    pub(super) decisions: Decisions,
    pub(super) answers: Answers,
    /// Whether samples show names of users.
    pub(super) samples: bool,
    pub(super) input: &'a mut dyn BufRead,
    pub(super) out: &'a mut dyn Write,
    /// The rule that is asked about; one that changes may get another place.
    pub(super) at: Option<usize>,
}

/// The number of hosts in words.
pub(super) fn hosts(hosts: Hosts) -> String {
    match hosts {
        Hosts::Exactly(count) => number(count as u64, "host"),
        Hosts::AtMost(count) => format!("at most {}", number(count as u64, "host")),
    }
}

/// The name of a program in words.
pub(super) fn program_name(name: &[u8]) -> String {
    match name.is_empty() {
        true => "messages without a program".to_owned(),
        false => shown(name).to_string(),
    }
}

/// What is said at the end of a review.
pub(super) fn farewell(decisions: &Decisions, answers: &Answers) -> String {
    let path = shown_path(answers.path());
    match answers.is_changed() {
        false if decisions.programs.is_empty() => "No rule is left to ask about.".to_owned(),
        false => format!("Nothing was added to {path}."),
        true => {
            format!("Written to {path}. Look at it, run `tenshi -C`, then `kill -HUP` the daemon.")
        }
    }
}

impl Plain<'_> {
    /// Asks about all programs.
    ///
    /// # Errors
    /// When the file or the terminal cannot be written.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut at = 0;
        while let Some(program) = self.decisions.next_program(at) {
            if self.program(program)? == Next::Quit {
                break;
            }
            // Taking an answer back may lead to a program before it.
            at = 0;
        }
        writeln!(self.out, "{}", farewell(&self.decisions, &self.answers))
    }

    /// Asks a question and gives the answer's first letter; the end of the input is `q`.
    fn ask(&mut self, question: &str) -> io::Result<u8> {
        write!(self.out, "{question} ")?;
        self.out.flush()?;
        let mut line = Vec::new();
        if self.input.read_until(b'\n', &mut line)? == 0 {
            writeln!(self.out)?;
            return Ok(b'q');
        }
        Ok(line.trim_ascii().first().copied().unwrap_or(b'?'))
    }

    /// Writes the answers.
    fn save(&mut self) -> io::Result<()> {
        self.answers.write(&self.decisions.text())
    }

    /// Shows a program and its open rules, loud ones first.
    fn show(&mut self, at: usize) -> io::Result<()> {
        let Some(program) = self.decisions.programs.get(at) else {
            return Ok(());
        };
        let open: u64 = program.open().map(|item| item.lines).sum();
        let share = percent(self.decisions.reached() + open, self.decisions.lines);
        let rules = number(program.open().count() as u64, "rule");
        writeln!(
            self.out,
            "\n[{}/{}] {}: {}, {rules}; {share} % reached with it",
            at + 1,
            self.decisions.programs.len(),
            program_name(&program.name),
            number(open, "line"),
        )?;
        let items = program
            .order()
            .into_iter()
            .filter_map(|at| program.items.get(at));
        for item in items.filter(|item| item.is_open()) {
            let queue = self.decisions.queues.name(item.loudness);
            writeln!(
                self.out,
                "{:>9}  {queue} {}",
                item.lines,
                shown(&item.pattern)
            )?;
        }
        Ok(())
    }

    /// Asks about a program: all of its rules together, or one by one.
    fn program(&mut self, at: usize) -> io::Result<Next> {
        self.show(at)?;
        loop {
            let question = "accept all [a], look at each [l], skip [s], undo [u], quit [q]?";
            match self.ask(question)? {
                b'a' => self.decisions.accept_all(at),
                b'l' => return self.rules(at),
                b's' => self.decisions.skip_all(at),
                b'u' => return self.undo(),
                b'q' => return Ok(Next::Quit),
                _ => {
                    writeln!(
                        self.out,
                        "a writes these rules to the file, l asks about each of them, s leaves them out and does not \
                         ask again,\nu takes the last answer back, q ends: what was accepted is kept"
                    )?;
                    continue;
                }
            }
            self.save()?;
            return Ok(Next::On);
        }
    }

    /// Takes the last answer back, and asks about its rules again.
    fn undo(&mut self) -> io::Result<Next> {
        let Some((program, _)) = self.decisions.undo() else {
            writeln!(self.out, "there is no answer to take back")?;
            return Ok(Next::On);
        };
        self.save()?;
        let open = self.decisions.programs.get(program);
        match open.is_some_and(|one| one.open().count() < one.items.len()) {
            true => self.rules(program),
            false => Ok(Next::On),
        }
    }

    /// Asks about the rules of a program, one by one, loud ones first.
    fn rules(&mut self, program: usize) -> io::Result<Next> {
        self.at = None;
        loop {
            let open = self.decisions.programs.get(program);
            let Some(item) = open.and_then(|one| one.next_open(self.at)) else {
                return Ok(Next::On);
            };
            self.at = Some(item);
            let Some((_, rule)) = self.decisions.item(program, item) else {
                return Ok(Next::On);
            };
            let rule = rule.clone();
            match self.rule(program, item, &rule)? {
                b'q' => return Ok(Next::Quit),
                b'u' => match self.decisions.undo() {
                    Some((other, item)) if other == program => self.at = Some(item),
                    Some(_) => {
                        self.save()?;
                        return Ok(Next::On);
                    }
                    None => writeln!(self.out, "there is no answer to take back")?,
                },
                _ => {}
            }
            self.save()?;
        }
    }

    /// Asks one question about a rule, and gives the key.
    fn rule(&mut self, program: usize, at: usize, rule: &Item) -> io::Result<u8> {
        self.show_rule(program, rule)?;
        let question = "accept [a], critical [c], report [r], misc [m], trash [t], edit [e], skip [s], undo [u], \
                        more [?], quit [q]?";
        let key = self.ask(question)?;
        let name = |loudness| self.decisions.queues.name(loudness).to_owned();
        let queue = match key {
            b'a' => name(rule.loudness),
            b'c' => name(Loudness::Critical),
            b'r' => name(Loudness::Report),
            b'm' => name(Loudness::Misc),
            b't' if self.may_be_dropped(rule)? => TRASH.to_owned(),
            b's' => {
                self.decisions.answer(program, at, Answer::Skipped);
                return Ok(key);
            }
            b'e' => {
                let pattern = self.line("pattern:")?;
                let changed = self.decisions.change(program, at, &pattern);
                self.tell(changed)?;
                return Ok(key);
            }
            b'<' | b'>' | b'k' | b'x' => {
                self.piece(program, at, rule, key)?;
                return Ok(key);
            }
            b'j' => {
                self.join(program, at)?;
                return Ok(key);
            }
            b'q' | b'u' | b't' => return Ok(key),
            _ => {
                writeln!(
                    self.out,
                    "c r m t accept it for that queue; < > make a piece narrower or wider, k lets reports show its \
                     value,\nx splits the rule by its values, j joins it with another rule"
                )?;
                return Ok(key);
            }
        };
        self.decisions.answer(program, at, Answer::Accepted(queue));
        Ok(key)
    }

    /// Shows a rule with a sample.
    fn show_rule(&mut self, program: usize, rule: &Item) -> io::Result<()> {
        let name = self.decisions.programs.get(program).map(|p| p.name.clone());
        let name = name.unwrap_or_default();
        let sample = match (self.samples, rule.messages.get(rule.messages.len() / 2)) {
            (true, Some((text, _))) => sample_line(b"", text),
            _ => sample_line(&name, &rule.anonymous),
        };
        let (lines, hosts) = (number(rule.lines, "line"), hosts(rule.hosts));
        let queue = self.decisions.queues.name(rule.loudness);
        writeln!(self.out, "\n{lines}, {hosts}: {sample}")?;
        writeln!(self.out, "{queue} {}", shown(&rule.pattern))
    }

    /// Tells what became of a rule.
    fn tell(&mut self, changed: Changed) -> io::Result<()> {
        let told = match changed {
            Ok((at, told)) => {
                self.at = Some(at);
                told
            }
            Err(told) => told,
        };
        writeln!(self.out, "{told}")
    }

    /// Reads a line that is no single key.
    fn line(&mut self, question: &str) -> io::Result<Vec<u8>> {
        write!(self.out, "{question} ")?;
        self.out.flush()?;
        let mut line = Vec::new();
        self.input.read_until(b'\n', &mut line)?;
        Ok(line.trim_ascii().to_vec())
    }

    /// Asks for the number of one of `count` things. Gives its index; nothing if there is no such thing.
    fn choose(&mut self, question: &str, count: usize) -> io::Result<Option<usize>> {
        let line = self.line(question)?;
        let number = std::str::from_utf8(&line).ok().and_then(|n| n.parse().ok());
        let at = number.and_then(|n: usize| n.checked_sub(1));
        let chosen = at.filter(|at| *at < count);
        if chosen.is_none() {
            writeln!(self.out, "this is none of them; the rule stays as it is")?;
        }
        Ok(chosen)
    }

    /// Changes a piece of a rule.
    fn piece(&mut self, program: usize, at: usize, rule: &Item, key: u8) -> io::Result<()> {
        let Some((one, _)) = self.decisions.item(program, at) else {
            return Ok(());
        };
        let shape = one.shape(rule);
        let stops = shape.stops();
        for (number, stop) in stops.iter().enumerate() {
            let piece = shape.pieces().get(*stop).map(|piece| &piece.source[..]);
            writeln!(
                self.out,
                "{:>4}  {}",
                number + 1,
                shown(piece.unwrap_or_default())
            )?;
        }
        let chosen = self.choose("which piece?", stops.len())?;
        let Some(piece) = chosen.and_then(|at| stops.get(at).copied()) else {
            return Ok(());
        };
        let changed = match key {
            b'<' => self.decisions.resize(program, at, piece, Width::Narrower),
            b'>' => self.decisions.resize(program, at, piece, Width::Wider),
            b'k' => self.decisions.keep(program, at, piece),
            _ => self.decisions.split(program, at, piece),
        };
        self.tell(changed)
    }

    /// Joins a rule with another one of its program.
    fn join(&mut self, program: usize, at: usize) -> io::Result<()> {
        let Some(one) = self.decisions.programs.get(program) else {
            return Ok(());
        };
        let others = one.order().into_iter().filter(|other| *other != at);
        let open = |other: &usize| one.items.get(*other).is_some_and(Item::is_open);
        let others: Vec<usize> = others.filter(open).collect();
        for (number, other) in others.iter().enumerate() {
            let pattern = one.items.get(*other).map(|item| &item.pattern[..]);
            writeln!(
                self.out,
                "{:>4}  {}",
                number + 1,
                shown(pattern.unwrap_or_default())
            )?;
        }
        let chosen = self.choose("with which rule?", others.len())?;
        let Some(other) = chosen.and_then(|at| others.get(at).copied()) else {
            return Ok(());
        };
        let changed = self.decisions.join(program, at, other);
        self.tell(changed)
    }

    /// Asks whether lines that speak of a failure are to be dropped nevertheless.
    fn may_be_dropped(&mut self, rule: &Item) -> io::Result<bool> {
        let Some(word) = &rule.why else {
            return Ok(true);
        };
        let question = format!(
            "these lines say `{}`: drop them all the same [y/n]?",
            shown(word.as_bytes())
        );
        Ok(self.ask(&question)? == b'y')
    }
}
