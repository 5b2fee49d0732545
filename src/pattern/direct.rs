//! Matching without an engine.
//!
//! Most rules look like `^prog: text (.+) more (?:a|b) (\S+)`: literals, repeated sets, and a few
//! alternatives. Such a pattern is matched from left to right with the choices that Perl makes, in
//! Perl's order; where a literal follows a repeat, its last place is looked for instead of trying
//! each. What would take more than a bounded number of steps is left to the engine, which is linear.

mod attempt;
mod chain;
mod class;
mod compile;
mod steps;

use std::cell::RefCell;

use memchr::memmem::Finder;

use super::Spans;
use super::ast::Node;
use attempt::{Attempt, Patience, Room};
use steps::Step;

/// A group that took no part.
const UNSET: usize = usize::MAX;

/// A pattern made ready.
#[derive(Debug)]
pub(super) struct Direct {
    /// Whether a match can only begin at the start of the subject.
    anchored: bool,
    steps: Box<[Step]>,
    /// Finds the literal that the pattern begins with, where it is not anchored.
    finder: Option<Box<Finder<'static>>>,
    groups: usize,
}

/// Where a match begins, or goes on if what is before is known to match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Start {
    /// The step that is next.
    step: usize,
    /// Its place in the subject.
    at: usize,
}

/// A step of a pattern that is reached in one way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry(usize);

impl Entry {
    /// It is reached at this place of the subject.
    pub fn at(self, place: usize) -> Start {
        Start {
            step: self.0,
            at: place,
        }
    }
}

thread_local! {
    static ROOM: RefCell<Room> = const { RefCell::new(Room::new()) };
}

impl Direct {
    /// The program of a pattern with this many groups, if it is one that pays.
    pub(super) fn new(root: &Node, groups: usize) -> Option<Self> {
        let (steps, mut anchored) = compile::steps(root)?;
        let begin = steps.iter().find(|step| !matches!(step, Step::Open(_)));
        let mut finder = None;
        if !anchored {
            match begin {
                Some(Step::Short(short)) => {
                    let bytes = short.word.to_le_bytes();
                    let finder_of = Finder::new(&bytes[..short.length.into()]).into_owned();
                    finder = Some(Box::new(finder_of));
                }
                Some(Step::Literal(bytes)) => {
                    finder = Some(Box::new(Finder::new(bytes).into_owned()));
                }
                // It takes whatever is before a match: if there is one, there is one at the start.
                Some(Step::Repeat(repeat)) if repeat.run.takes_all() => anchored = true,
                Some(Step::Chain(_)) => anchored = true,
                Some(Step::Run(run)) if run.takes_all() => anchored = true,
                Some(Step::AtStart) | None => anchored = true,
                // Without a literal to jump to, each place would have to be tried.
                Some(_) => return None,
            }
        }
        Some(Self {
            anchored,
            steps: steps.into(),
            finder,
            groups,
        })
    }

    /// Whether it turns most subjects away at their first bytes.
    pub(super) fn is_quick(&self) -> bool {
        let mut steps = self
            .steps
            .iter()
            .filter(|step| !matches!(step, Step::Open(_)));
        self.anchored && !matches!(steps.next(), Some(Step::Repeat(_) | Step::Chain(_)))
    }

    /// Whether it matches; `None` if the engine has to decide. The subject holds no newline.
    pub(super) fn is_match(&self, subject: &[u8], start: Start) -> Option<bool> {
        self.run(subject, start, None)
    }

    /// The step that is reached where a subject begins with `head`, if that is the same whatever comes
    /// behind it. A `1` at `number` stands for any number. With `spans`, no group may begin before.
    pub(super) fn behind(&self, head: &[u8], number: Option<usize>, spans: bool) -> Option<Entry> {
        if !self.anchored {
            return None;
        }
        // Bytes that are not the number.
        let apart = |at: usize, length: usize| {
            let apart = number.is_none_or(|number| number < at || at + length <= number);
            apart.then_some(length)
        };
        let (mut step, mut at) = (0, 0);
        while at < head.len() {
            let one = self.steps.get(step)?;
            let here = number == Some(at);
            step += 1;
            at += match one {
                Step::Short(short) if short.is_at(head, at) => apart(at, short.length.into())?,
                Step::Literal(bytes) if head[at..].starts_with(bytes) => apart(at, bytes.len())?,
                Step::One(class) if class.contains(head[at]) => apart(at, 1)?,
                Step::Run(run) if here => {
                    let digits = (b'0'..=b'9').all(|digit| run.class.contains(digit));
                    let ends = head.get(at + 1).is_some_and(|&b| !run.class.contains(b));
                    (digits && ends && run.min <= 1 && run.max == u32::MAX).then_some(1)?
                }
                Step::Run(run) => {
                    let length = run.length(head, at);
                    let inside = at + length < head.len() && length >= run.min as usize;
                    apart(at, length).filter(|_| inside)?
                }
                Step::Split(split) if !here => {
                    step = split.only(head[at])?;
                    0
                }
                &Step::Jump(other) => {
                    step = other;
                    0
                }
                Step::Open(_) | Step::Close(_) if !spans => 0,
                _ => return None,
            };
        }
        (at == head.len()).then_some(Entry(step))
    }

    /// The leftmost match and its groups; `None` if the engine has to decide. The subject holds no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], start: Start, spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        self.run(subject, start, Some(spans))
    }

    fn run(&self, subject: &[u8], start: Start, spans: Option<&mut Spans>) -> Option<bool> {
        ROOM.with_borrow_mut(|room| self.run_in(room, subject, start, spans))
    }

    fn run_in(
        &self,
        room: &mut Room,
        subject: &[u8],
        begin: Start,
        spans: Option<&mut Spans>,
    ) -> Option<bool> {
        room.slots.clear();
        if spans.is_some() {
            room.slots.resize(2 * (self.groups + 1), UNSET);
        }
        let mut attempt = Attempt {
            steps: &self.steps,
            subject,
            room,
            step: 0,
            patience: Patience::new(subject.len()),
        };
        let (start, end) = match &self.finder {
            None => (0, attempt.at(begin)?),
            Some(finder) => attempt.search(finder)?,
        };
        if let (Some(end), Some(spans)) = (end, spans) {
            spans.0.push(Some((start, end)));
            let pairs = room.slots.chunks_exact(2).skip(1);
            spans.0.extend(pairs.map(|pair| {
                let set = pair[0] != UNSET && pair[1] != UNSET;
                set.then_some((pair[0], pair[1]))
            }));
        }
        Some(end.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::parse;

    /// Lines on which a step may read far, again and again: they are left to the engine, which is
    /// linear. Timing is not asserted; what each of these took before it was bounded is told.
    #[test]
    fn what_would_take_long_is_left_to_the_engine() {
        let abab = b"ab".repeat(32 * 1024);
        let half = [b"a ".repeat(16 * 1024), b"x".repeat(32 * 1024)].concat();
        let abc = b" a b c".repeat(11_000);
        let others = b"a..b".repeat(16 * 1024);
        let cases: [(&str, &[u8]); 8] = [
            // 26 s
            ("^(.+?)(.+?)a(.+)baaaa(.+)", &abab),
            ("^(?:.+?){4}a(.+)baaaa(.+)baaaa(.+)", &abab),
            ("a.*?a(.+)baaaaaaaaaaaaaaaaaaaaaa(.+)", &abab),
            // 3 s
            ("^(.+?)a(.+)baaaa(.+)", &abab),
            // 1 s
            (r"a[^\x41\x43\x45\x47\x49\x4b\x4d\x4f\xe0]*?\xe0", &others),
            ("^(?:a.*)+z", &half),
            ("^(?:a.*?)+z", &half),
            ("^(.+?) (.+)a a a a a b(.+)", &abc),
        ];
        for (pattern, line) in cases {
            let parsed = parse::parse(pattern.as_bytes()).unwrap();
            let direct = Direct::new(&parsed.root, parsed.groups).unwrap();
            let found = direct.is_match(line, Start::default());
            assert_eq!(found, None, "{pattern}");
            let mut spans = Spans::default();
            assert_eq!(direct.captures(line, Start::default(), &mut spans), None);
        }
    }
}
