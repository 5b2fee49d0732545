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
mod program;
mod steps;
mod straight;
mod text;

use std::cell::RefCell;
use std::sync::Arc;

use memchr::memmem::Finder;

use super::Spans;
use super::ast::Node;
use attempt::{Attempt, Choice, Choices, Patience};
use program::{Act, Op, Stretch, Ways};
use steps::Step;
use straight::{Groups, Noted, Span, Turn, Unasked, walk};
use text::Text;

/// A pattern made ready.
#[derive(Debug)]
pub(super) struct Direct {
    /// Whether a match can only begin at the start of the subject.
    anchored: bool,
    /// Whether it turns most subjects away at their first bytes.
    quick: bool,
    ops: Arc<[Op]>,
    /// Finds the literal that the pattern begins with, where it is not anchored.
    finder: Option<Box<Finder<'static>>>,
    groups: usize,
}

/// A step of a pattern, and where in the subject it comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Start {
    step: usize,
    at: usize,
}

/// What is left of a pattern behind a head that it matches in one way.
#[derive(Clone, Debug)]
pub struct Entry {
    ops: Arc<[Op]>,
    step: u32,
    groups: u32,
}

impl Entry {
    /// Whether the match goes on to its end from `at` on; `None` if only a match of the whole subject
    /// can tell. What stands before is not looked at. The subject holds no newline. With `spans`, the
    /// groups of the match are noted there, but that of the whole is not told.
    #[inline(always)]
    pub fn matches(&self, subject: &[u8], at: usize, spans: Option<&mut Spans>) -> Option<bool> {
        match spans {
            Some(spans) => self.program().captures(subject, self.start(at), spans),
            None => self.program().is_match(subject, self.start(at)),
        }
    }

    fn program(&self) -> Program<'_> {
        Program {
            ops: &self.ops,
            finder: None,
            groups: self.groups as usize,
        }
    }

    fn start(&self, at: usize) -> Start {
        Start {
            step: self.step as usize,
            at,
        }
    }
}

thread_local! {
    /// Memory that is used again for each match.
    static CHOICES: RefCell<Choices> = const { RefCell::new(Vec::new()) };
}

impl Direct {
    /// The program of a pattern with this many groups, if it is one that pays.
    pub(super) fn new(root: &Node, groups: usize) -> Option<Self> {
        let (steps, mut anchored) = compile::steps(root)?;
        let begin = steps.iter().find(|step| !matches!(step, Step::Open(_)));
        let mut finder = None;
        if !anchored {
            match begin {
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
        let begins_anyhow = matches!(begin, Some(Step::Repeat(_) | Step::Chain(_)));
        Some(Self {
            anchored,
            quick: anchored && !begins_anyhow,
            ops: Op::link(steps)?.into(),
            finder,
            groups,
        })
    }

    /// Whether it turns most subjects away at their first bytes.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// Whether it matches; `None` if the engine has to decide. The subject holds no newline.
    pub(super) fn is_match(&self, subject: &[u8]) -> Option<bool> {
        self.program().is_match(subject, Start::default())
    }

    /// What is left of it where a subject begins with `head`, if that is the same whatever comes behind
    /// it. A `1` at `number` stands for any number. With `spans`, no group may begin before.
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
            let op = self.ops.get(step)?;
            let here = number == Some(at);
            let mut next = op.next;
            let text = Text::new(head, at);
            at += match &op.act {
                Act::Short(word, length) if word.may_be(text.word()) => {
                    apart(at, usize::from(*length))?
                }
                Act::Medium(medium) => {
                    let length = usize::from(medium.length);
                    let same = medium.is(text.rest.get(..length)?);
                    apart(at, length).filter(|_| same)?
                }
                Act::Long(bytes) if head[at..].starts_with(bytes) => apart(at, bytes.len())?,
                Act::One(class) if class.contains(head[at]) => apart(at, 1)?,
                Act::RunOne(run) | Act::RunFew(run) | Act::Run(run) => {
                    let length = run_in(run, head, at, here)?;
                    if !here {
                        apart(at, length + usize::from(run.back))?;
                    }
                    length
                }
                Act::Fork(fork) if !here => {
                    let open = fork.open_for(head.get(at));
                    if open == Ways::BOTH || open == Ways::NEITHER {
                        return None;
                    }
                    next = fork.way(open);
                    0
                }
                Act::Nothing => 0,
                Act::Open(_) | Act::Close(_) if !spans => 0,
                _ => return None,
            };
            step = usize::from(next[usize::from(spans)]);
        }
        // A literal may go on behind the head with zeros, for which there is no byte yet.
        if at != head.len() {
            return None;
        }
        Some(Entry {
            ops: Arc::clone(&self.ops),
            step: u32::try_from(step).ok()?,
            groups: u32::try_from(self.groups).ok()?,
        })
    }

    /// The leftmost match and its groups; `None` if the engine has to decide. The subject holds no
    /// newline.
    pub(super) fn captures(&self, subject: &[u8], spans: &mut Spans) -> Option<bool> {
        self.program().captures(subject, Start::default(), spans)
    }

    fn program(&self) -> Program<'_> {
        Program {
            ops: &self.ops,
            finder: self.finder.as_deref(),
            groups: self.groups,
        }
    }
}

/// What it takes to match.
#[derive(Clone, Copy)]
struct Program<'a> {
    ops: &'a [Op],
    finder: Option<&'a Finder<'static>>,
    groups: usize,
}

impl Program<'_> {
    #[inline(never)]
    fn is_match(self, subject: &[u8], start: Start) -> Option<bool> {
        self.run(subject, start, &mut Unasked, |found| found.is_some())
    }

    #[inline(never)]
    fn captures(self, subject: &[u8], start: Start, spans: &mut Spans) -> Option<bool> {
        spans.0.clear();
        spans.0.resize(self.groups + 1, None);
        let found = self.run(subject, start, &mut Noted(&mut spans.0), |found| found);
        match found {
            Some(Some(whole)) => spans.0[0] = Some(whole),
            _ => spans.0.clear(),
        }
        found.map(|found| found.is_some())
    }

    /// What is made of where the leftmost match is; nothing if the engine has to decide.
    #[inline(always)]
    fn run<T>(
        self,
        subject: &[u8],
        start: Start,
        groups: &mut impl Groups,
        found: impl Fn(Span) -> T,
    ) -> Option<T> {
        let mut patience = Patience::new(subject.len());
        let mut ways = [None; 2];
        // As a rule there is one way only.
        if self.finder.is_none() {
            let reached = walk(self.ops, subject, start, groups, &mut patience);
            match reached.turn {
                Turn::Match => return Some(found(Some((0, reached.start.at)))),
                Turn::Fail => return Some(found(None)),
                Turn::Choice => ways = [reached.other, Some(reached.start)],
            }
        }
        let whole = self.choose(subject, ways, groups.spans(), patience)?;
        Some(found(whole))
    }

    /// The same where there are choices: the way to go on is behind the one to come back to.
    #[inline(never)]
    fn choose(
        self,
        subject: &[u8],
        [other, start]: [Option<Start>; 2],
        spans: Option<&mut [Span]>,
        patience: Patience,
    ) -> Option<Span> {
        CHOICES.with_borrow_mut(|choices| {
            choices.clear();
            choices.extend(other.map(Choice::Branch));
            let mut attempt = Attempt {
                ops: self.ops,
                subject,
                choices,
                spans,
                patience,
            };
            let (start, end) = match (self.finder, start) {
                (Some(finder), _) => attempt.search(finder)?,
                (None, start) => (0, attempt.at(start.unwrap_or_default())?),
            };
            Some(end.map(|end| (start, end)))
        })
    }
}

/// How many bytes a run takes at `at`, if that is known from `head` alone; `number` tells whether a
/// number is there.
fn run_in(run: &Stretch, head: &[u8], at: usize, number: bool) -> Option<usize> {
    if number {
        let digits = (b'0'..=b'9').all(|digit| run.class.contains(digit));
        let ends = head.get(at + 1).is_some_and(|&b| !run.class.contains(b));
        let whole = run.min <= 1 && run.max == u32::MAX && run.back == 0;
        return (digits && ends && whole).then_some(1);
    }
    let length = run.class.run(head, at, run.max as usize);
    let inside = at + length < head.len() && length >= usize::from(run.min);
    inside.then(|| length - usize::from(run.back))
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
        let a = b"a".repeat(64 * 1024);
        let cases: [(&str, &[u8]); 12] = [
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
            // 80 ms
            ("a(?:(b)|(a)|(c))*z", &a),
            ("a(?:(b)|(a)|(c))*z", &abab),
            (r"a(?:\w|\s|\d)*z", &half),
            ("a(?:[ab] ?)*z", &a),
        ];
        for (pattern, line) in cases {
            let parsed = parse::parse(pattern.as_bytes()).unwrap();
            let direct = Direct::new(&parsed.root, parsed.groups).unwrap();
            let found = direct.is_match(line);
            assert_eq!(found, None, "{pattern}");
            let mut spans = Spans::default();
            assert_eq!(direct.captures(line, &mut spans), None);
        }
    }

    /// Short lines, and the same with many bytes in front, between and behind.
    fn lines() -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for length in 0..=4_u32 {
            for number in 0..4_usize.pow(length) {
                let letter = |at: u32| b"ab x"[number / 4_usize.pow(at) % 4];
                let short: Vec<u8> = (0..length).map(letter).collect();
                let (one, other) = short.split_at(short.len() / 2);
                let many = |byte: u8| vec![byte; number % 23];
                lines.push(match number % 5 {
                    0 | 1 => short,
                    2 => [&many(b'a'), &short[..]].concat(),
                    3 => [one, &many(b'b'), other].concat(),
                    _ => [&short, &many(b'a')[..]].concat(),
                });
            }
        }
        lines.push(b"\0 a\x80\xffb".to_vec());
        lines
    }

    /// Patterns of three parts, against the `regex` crate: alternatives that begin alike, repeats that
    /// can end in one place and in many, lazy ones, and literals of every size.
    #[test]
    fn patterns_match_as_an_engine_does() {
        let parts = [
            "a",
            " ",
            "(a|ab|b)",
            "(?:ab)?",
            "(?:a| a|(x))",
            "([ab]*)",
            "[^ ]+",
            "([^b]+?)",
            "[ab]{1,3}",
            r"([\x00-\x1f])",
            "aaaaaaaaaa",
            "b aaaaaaaaaaaaaaaaaab",
            "(?:a|b)*",
            "$",
        ];
        let lines = lines();
        let (mut compared, mut matched, mut left) = (0, 0, 0);
        for number in 0..parts.len().pow(3) {
            let part = |at: u32| parts[number / parts.len().pow(at) % parts.len()];
            for start in ["^", "^x?", "a"] {
                let text = format!("{start}{}{}{}", part(0), part(1), part(2));
                let parsed = parse::parse(text.as_bytes()).unwrap();
                let Some(direct) = Direct::new(&parsed.root, parsed.groups) else {
                    left += 1;
                    continue;
                };
                let mut regex = regex::bytes::RegexBuilder::new(&text);
                let regex = regex.unicode(false).build().unwrap();
                for line in lines.iter().skip(number % 7).step_by(7) {
                    let mut spans = Spans::default();
                    let found = direct.captures(line, &mut spans);
                    let is_match = direct.is_match(line);
                    compared += 1;
                    left += usize::from(is_match.is_none());
                    let wanted = regex.captures(line);
                    for known in [found, is_match].into_iter().flatten() {
                        assert_eq!(known, wanted.is_some(), "{text} {line:?}");
                    }
                    if found.is_none() {
                        continue;
                    }
                    let groups = wanted.iter().flat_map(|wanted| wanted.iter());
                    let groups =
                        groups.map(|group| group.map(|group| (group.start(), group.end())));
                    assert!(
                        spans.0.iter().copied().eq(groups),
                        "{text} {line:?}: {spans:?}"
                    );
                    matched += usize::from(is_match == Some(true));
                }
            }
        }
        assert!(left < 1_500, "{left} are left to the engine");
        assert!(compared > 300_000, "only {compared} pairs");
        assert!(matched > 50_000, "only {matched} matches");
    }

    /// A match that goes on behind a head is the one from the start.
    #[test]
    fn what_is_behind_a_head_decides_as_the_whole_does() {
        let patterns = [
            r"^x\[\d+\]: a(b|c)",
            "^x[^ ]+b y",
            "^x[^ ]{3,}]: y",
            "^x[1b]+1]: y",
            r"^(?:x|xb)\S*: y",
            "^xb+ y$",
            r"^[xb ]*: \x00",
        ];
        let heads = ["x[1]: ", "x ", "xb ", "xbbb]: ", "x", "xb1]: ", "xb: "];
        let rests = ["", "y", "ab", "ac", "b", "xb y", "\0y"];
        let (mut asked, mut known) = (0, 0);
        for pattern in patterns {
            let parsed = parse::parse(pattern.as_bytes()).unwrap();
            let direct = Direct::new(&parsed.root, parsed.groups).unwrap();
            for (head, spans) in heads.iter().flat_map(|head| [(head, false), (head, true)]) {
                let numbers = head.find('1').into_iter().map(Some).chain([None]);
                for number in numbers {
                    asked += 1;
                    let Some(entry) = direct.behind(head.as_bytes(), number, spans) else {
                        continue;
                    };
                    known += 1;
                    for (rest, digits) in rests.iter().flat_map(|rest| [(rest, "1"), (rest, "23")])
                    {
                        let before = match number {
                            Some(_) => head.replace('1', digits),
                            None => (*head).to_string(),
                        };
                        let line = format!("{before}{rest}");
                        let whole = direct.is_match(line.as_bytes());
                        let got = entry.matches(line.as_bytes(), before.len(), None);
                        assert_eq!(got, whole, "{pattern} {line:?} {entry:?}");
                    }
                }
            }
        }
        assert_eq!(asked, patterns.len() * 2 * (heads.len() + 2));
        assert!(known > 15, "only {known} of {asked} are known");
    }
}
