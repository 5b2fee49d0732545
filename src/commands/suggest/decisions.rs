//! The review of proposed rules as a model: what is open, what was answered, what the answers reach, and the text
//! that they give. Whoever asks the questions, a screen or a line at a time, asks this.

use std::cmp::Reverse;
use std::rc::Rc;

use super::answers::{ASKED, Earlier};
use crate::suggest::shape::{Message, Shape};
use crate::suggest::{Block, Loudness, Rule};

/// The queue of rules whose lines are dropped.
pub(super) const TRASH: &str = "trash";

/// The names of the queues that are proposed.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    pub(super) critical: String,
    pub(super) report: String,
    pub(super) misc: String,
}

impl Queues {
    /// The queue for a level.
    pub(super) fn name(&self, loudness: Loudness) -> &str {
        match loudness {
            Loudness::Critical => &self.critical,
            Loudness::Report => &self.report,
            Loudness::Misc => &self.misc,
        }
    }
}

/// What was answered about a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// Nothing yet.
    Open,
    /// It is left out.
    Skipped,
    /// Its lines come to this queue.
    Accepted(String),
}

/// The number of hosts that wrote the lines of a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hosts {
    Exactly(usize),
    /// A part of the lines of another rule, or the lines of several: they were not counted apart.
    AtMost(usize),
}

/// A rule that was found, before anybody changed it.
#[derive(Debug)]
pub(super) struct Origin {
    pattern: Vec<u8>,
    loudness: Loudness,
}

/// A rule in question.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) pattern: Vec<u8>,
    pub(super) lines: u64,
    pub(super) hosts: Hosts,
    pub(super) loudness: Loudness,
    /// The word that says how loud it is.
    pub(super) why: Option<String>,
    /// Messages that it takes, with the program.
    pub(super) messages: Rc<[Message]>,
    /// One of these messages without the program and without names of users.
    pub(super) anonymous: Rc<[u8]>,
    pub(super) answer: Answer,
    /// The found rules that it was made of.
    pub(super) origins: Vec<Rc<Origin>>,
}

/// The rules of a program, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// Its name; empty for messages without one.
    pub(super) name: Vec<u8>,
    /// The pattern of the `group` around the rules.
    pub(super) group: Option<Vec<u8>>,
    pub(super) items: Vec<Item>,
}

/// A program as it was before an answer.
#[derive(Debug)]
struct Step {
    program: usize,
    items: Vec<Item>,
}

/// All programs, and what was answered.
#[derive(Debug)]
pub(super) struct Decisions {
    pub(super) programs: Vec<Program>,
    pub(super) queues: Queues,
    /// The number of lines of the logs.
    pub(super) lines: u64,
    /// The number of them that were taken before the first answer.
    taken: u64,
    past: Vec<Step>,
}

impl Item {
    fn new(rule: Rule, messages: Vec<Message>, lines: u64) -> Self {
        let hosts = match lines == rule.lines {
            true => Hosts::Exactly(rule.hosts),
            false => Hosts::AtMost(rule.hosts),
        };
        let origin = Origin {
            pattern: rule.pattern.clone(),
            loudness: rule.loudness,
        };
        Self {
            pattern: rule.pattern,
            lines,
            hosts,
            loudness: rule.loudness,
            why: rule.why,
            messages: messages.into(),
            anonymous: rule.anonymous.into(),
            answer: Answer::Open,
            origins: vec![Rc::new(origin)],
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.answer == Answer::Open
    }
}

impl Program {
    fn new(block: Block, earlier: &Earlier, least: u64) -> (Self, u64) {
        let group = block.group;
        let (mut items, mut taken) = (Vec::new(), 0);
        for mut rule in block.rules {
            let messages = std::mem::take(&mut rule.messages);
            let takes = |message: &Message| earlier.takes(group.as_deref(), &message.0);
            let (there, left): (Vec<_>, Vec<_>) = messages.into_iter().partition(takes);
            let sampled: u64 = there.iter().map(|(_, lines)| lines).sum();
            let lines = match left.is_empty() && !there.is_empty() {
                true => 0,
                false => rule.lines.saturating_sub(sampled),
            };
            taken += rule.lines - lines;
            if lines > 0 && rule.lines >= least && !earlier.was_asked(&rule.pattern) {
                items.push(Item::new(rule, left, lines));
            }
        }
        let name = block.program;
        (Self { name, group, items }, taken)
    }

    /// The number of lines of the rules.
    pub(super) fn lines(&self) -> u64 {
        self.items.iter().map(|item| item.lines).sum()
    }

    /// The rules that are not answered.
    pub(super) fn open(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.is_open())
    }

    /// The places of the rules as they are asked about: loud ones first.
    pub(super) fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|at| {
            let item = self.items.get(*at);
            item.map(|item| (item.loudness, Reverse(item.lines), *at))
        });
        order
    }

    /// The rule that is asked about next, from this one on.
    pub(super) fn next_open(&self, from: Option<usize>) -> Option<usize> {
        let order = self.order();
        let begin = from.and_then(|from| order.iter().position(|at| *at == from));
        let begin = begin.unwrap_or(0);
        let all = order.iter().skip(begin).chain(order.iter().take(begin));
        let open = |at: &&usize| self.items.get(**at).is_some_and(Item::is_open);
        all.copied().find(|at| open(&at))
    }

    pub(super) fn shape(&self, item: &Item) -> Shape {
        Shape::new(&item.pattern, self.group.is_some())
    }

    /// Writes the answers as they stand in a configuration.
    fn write(&self, queues: &Queues, out: &mut Vec<u8>) {
        let mut accepted = Vec::new();
        for item in &self.items {
            if let Answer::Accepted(queue) = &item.answer {
                accepted
                    .extend_from_slice(&[queue.as_bytes(), b" ", &item.pattern, b"\n"].concat());
            }
        }
        match &self.group {
            Some(group) if !accepted.is_empty() => {
                out.extend_from_slice(&[b"group ", &group[..], b"\n"].concat());
                out.extend_from_slice(&accepted);
                out.extend_from_slice(b"group_end\n");
            }
            _ => out.extend_from_slice(&accepted),
        }
        for origin in self.asked() {
            let queue = queues.name(origin.loudness).as_bytes();
            out.extend_from_slice(&[ASKED, queue, b" ", &origin.pattern, b"\n"].concat());
        }
    }

    /// The found rules that are answered, and not accepted as they were.
    fn asked(&self) -> Vec<&Rc<Origin>> {
        let mut asked: Vec<&Rc<Origin>> = Vec::new();
        for origin in self.items.iter().flat_map(|item| &item.origins) {
            let of = |item: &&Item| item.origins.iter().any(|one| Rc::ptr_eq(one, origin));
            let mut items = self.items.iter().filter(of);
            let as_it_was = |item: &Item| {
                matches!(item.answer, Answer::Accepted(_)) && item.pattern == origin.pattern
            };
            let is_asked = items.all(|item| !item.is_open() && !as_it_was(item));
            if is_asked && !asked.iter().any(|one| Rc::ptr_eq(one, origin)) {
                asked.push(origin);
            }
        }
        asked
    }
}

impl Decisions {
    /// Begins a review of the rules that were not answered earlier. `taken` of the `lines` of the logs are taken
    /// by rules; no rule for less than `least` lines is asked about.
    pub(super) fn new(
        blocks: Vec<Block>,
        queues: Queues,
        (taken, lines): (u64, u64),
        earlier: &Earlier,
        least: u64,
    ) -> Self {
        let (mut programs, mut reached) = (Vec::new(), taken);
        for block in blocks {
            let (program, taken) = Program::new(block, earlier, least);
            reached += taken;
            if !program.items.is_empty() {
                programs.push(program);
            }
        }
        programs.sort_by_key(|program| Reverse(program.lines()));
        Self {
            programs,
            queues,
            lines,
            taken: reached,
            past: Vec::new(),
        }
    }

    /// The number of lines that are reached with the answers so far.
    pub(super) fn reached(&self) -> u64 {
        let items = self.programs.iter().flat_map(|program| &program.items);
        let accepted = items.filter(|item| matches!(item.answer, Answer::Accepted(_)));
        self.taken + accepted.map(|item| item.lines).sum::<u64>()
    }

    /// The program that is asked about next, from this one on.
    pub(super) fn next_program(&self, from: usize) -> Option<usize> {
        let count = self.programs.len();
        let mut all = (from..count).chain(0..from.min(count));
        all.find(|at| {
            self.programs
                .get(*at)
                .is_some_and(|p| p.open().next().is_some())
        })
    }

    /// Makes a change of a program that can be taken back.
    pub(super) fn step(&mut self, program: usize, change: impl FnOnce(&mut Vec<Item>)) {
        if let Some(one) = self.programs.get_mut(program) {
            let items = one.items.clone();
            change(&mut one.items);
            self.past.push(Step { program, items });
        }
    }

    /// Answers the question about a rule.
    pub(super) fn answer(&mut self, program: usize, item: usize, answer: Answer) {
        self.step(program, |items| {
            if let Some(item) = items.get_mut(item) {
                item.answer = answer;
            }
        });
    }

    /// Answers all open questions of a program: `None` leaves one open.
    fn answer_all(&mut self, program: usize, answer: impl Fn(&Item) -> Option<Answer>) {
        self.step(program, |items| {
            for item in items.iter_mut().filter(|item| item.is_open()) {
                if let Some(answer) = answer(item) {
                    item.answer = answer;
                }
            }
        });
    }

    /// Accepts the open rules of a program as they are proposed.
    pub(super) fn accept_all(&mut self, program: usize) {
        let queues = self.queues.clone();
        self.answer_all(program, |item| {
            Some(Answer::Accepted(queues.name(item.loudness).to_owned()))
        });
    }

    /// Drops the lines of the rules of a program that no word says to be loud; the others stay open.
    pub(super) fn trash_quiet(&mut self, program: usize) {
        self.answer_all(program, |item| {
            let quiet = item.why.is_none();
            quiet.then(|| Answer::Accepted(TRASH.to_owned()))
        });
    }

    /// Leaves the open rules of a program out.
    pub(super) fn skip_all(&mut self, program: usize) {
        self.answer_all(program, |_| Some(Answer::Skipped));
    }

    /// Takes the last answer back, and gives the program and the rule that it was about.
    pub(super) fn undo(&mut self) -> Option<(usize, usize)> {
        let step = self.past.pop()?;
        let program = self.programs.get_mut(step.program)?;
        let now = std::mem::replace(&mut program.items, step.items);
        let same = |at: &usize| match (now.get(*at), program.items.get(*at)) {
            (Some(now), Some(then)) => now.answer == then.answer && now.pattern == then.pattern,
            _ => false,
        };
        let changed = program.order().into_iter().find(|at| !same(at));
        Some((step.program, changed.unwrap_or(0)))
    }

    /// The rule of a program.
    pub(super) fn item(&self, program: usize, item: usize) -> Option<(&Program, &Item)> {
        let program = self.programs.get(program)?;
        Some((program, program.items.get(item)?))
    }

    /// The answers as they stand in a configuration.
    pub(super) fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        for program in &self.programs {
            program.write(&self.queues, &mut text);
        }
        text
    }
}
