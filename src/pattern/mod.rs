//! Perl's regular expressions over bytes: the only module that knows matching engines.
//!
//! No engine gets the string as written: `regex` reads `\\<` as a word boundary and `[[` as a nested
//! set, without a word. So Perl's syntax is read here into a tree ([`ast`]), and from the tree goes
//! out a plain pattern whose meaning does not depend on a dialect.

pub mod ast;
mod automaton;
mod budget;
mod counted;
mod direct;
mod emit;
mod engine;
pub mod fields;
mod imitate;
pub mod literals;
mod notes;
mod parse;
pub mod set;
pub mod tag;

use std::fmt;
use std::sync::{Arc, OnceLock};

pub use budget::Budget;
use direct::Direct;
pub use direct::Entry;
use emit::Purpose;
use engine::{Matcher, Search};
use imitate::Imitator;

/// A compiled pattern. Cloning it is cheap.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Vec<u8>,
    outline: Outline,
    groups: usize,
    notes: Vec<Note>,
    engine: Engine,
    /// Matches most patterns without an engine.
    direct: Option<Direct>,
    /// The matcher for subjects without newlines. Where `direct` does nearly all, it is made when it
    /// is needed; `None` if it cannot be made.
    line: OnceLock<Option<Box<Matcher>>>,
    /// The one for subjects with newlines.
    newlines: OnceLock<Option<Box<Matcher>>>,
    /// Finds the captures in loops, if there are any for which the engine will not do.
    imitator: Option<Box<Imitator>>,
    /// When the imitator's answer counts, and not the engine's.
    alone: Alone,
    /// By group the group directly around it, if there is one wherever the group stands.
    parents: Vec<Option<usize>>,
}

/// For which subjects the engines are not asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Alone {
    /// None.
    Never,
    /// Those with other bytes than ASCII: the engine compares backreferences under `i` in ASCII only.
    OffAscii,
    /// Those that the engine says match: Perl may not find a way that there is.
    Doubt,
    /// All: what a group holds that depends on Perl's way decides over the match.
    Always,
}

impl Alone {
    fn of(root: &ast::Node, looped: bool, engine: Engine) -> Self {
        let refers = |n: &ast::Node| !n.refers_to().is_empty();
        let folds = |n: &ast::Node| matches!(n, ast::Node::Backref { fold: true, .. });
        let doubt = notes::may_stop_early(root);
        let unsure = doubt && engine == Engine::Backtracking;
        if (looped && root.any(&refers)) || notes::refers_to_itself(root) || unsure {
            Self::Always
        } else if doubt {
            Self::Doubt
        } else if root.any(&folds) {
            Self::OffAscii
        } else {
            Self::Never
        }
    }
}

/// What can be said of the subjects that a pattern matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outline {
    /// It holds one of these somewhere; nothing is known if there are none, or if the pattern is
    /// quicker than a look for them.
    pub inside: Vec<Vec<u8>>,
    /// What its first words must be.
    pub fields: fields::Fields,
    /// It surely matches every subject without a newline, like `.*`. Where this says no, it may all
    /// the same.
    pub everything: bool,
}

/// What runs a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// `regex`: time linear in the length of the line.
    Regular,
    /// One that backtracks, up to the budget of a line.
    Backtracking,
}

/// Why a pattern was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PatternError {
    /// Bytes of the pattern that are at fault: start and end.
    pub span: (usize, usize),
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Something about a pattern that its writer should know; it works all the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Which class of note this is.
    pub kind: NoteKind,
    /// Bytes of the pattern that are meant: start and end.
    pub span: (usize, usize),
    /// One sentence without a full stop.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The classes of notes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoteKind {
    /// `\\d`: a literal backslash where a class was probably meant.
    DoubledBackslash,
    /// A capture group inside another: only the outermost is masked.
    NestedCaptures,
    /// A capture inside a repeated group: Perl's value for it depends on its version.
    LoopCapture,
    /// The slow engine is needed.
    SlowEngine,
    /// An escape that means just its letter.
    UnknownEscape,
    /// Something that Perl reads differently in other versions.
    PerlVersion,
}

/// The outcome of a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// It matches.
    Yes,
    /// It does not match.
    No,
    /// The budget of the line is at its end; to be counted, and taken for no match.
    GaveUp,
}

/// The spans of a match: group 0 first, `None` for a group that took no part. Reused from line to
/// line so that matching need not allocate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Spans(pub Vec<Option<(usize, usize)>>);

impl Pattern {
    /// Compiles the bytes of a Perl pattern as `qr/$string/` of Perl 5.36 would.
    ///
    /// # Errors
    /// When Perl refuses it, or when it needs what no engine here can do.
    pub fn compile(source: &[u8]) -> Result<Self, PatternError> {
        let parsed = parse::parse(source)?;
        let mut notes = parsed.notes;
        notes.extend(notes::on_groups(&parsed.root));
        let parents = notes::parents(&parsed.root, parsed.groups);
        let looped = notes.iter().any(|n| n.kind == NoteKind::LoopCapture);
        let alone = |engine| Alone::of(&parsed.root, looped, engine);
        let direct = match alone(Engine::Regular) {
            Alone::Never => Direct::new(&parsed.root, parsed.groups),
            _ => None,
        };
        let line = OnceLock::new();
        let mut engine = Engine::Regular;
        if direct.is_none() {
            let emitted = emit::emit(&parsed.root, parsed.groups, Purpose::Line)?;
            if emitted.backtracks {
                notes.push(notes::slow_engine(&parsed.root, source.len()));
                engine = Engine::Backtracking;
            }
            let matcher = engine::build(&parsed.root, &emitted, source.len(), Purpose::Line)?;
            line.get_or_init(|| Some(Box::new(matcher)));
        }
        let alone = alone(engine);
        let imitator = (looped || alone != Alone::Never)
            .then(|| Box::new(Imitator::new(&parsed.root, parsed.groups)));
        let quick = direct.as_ref().is_some_and(Direct::is_quick);
        Ok(Self(Arc::new(Inner {
            outline: Outline {
                inside: match quick {
                    true => Vec::new(),
                    false => literals::inside(&parsed.root).unwrap_or_default(),
                },
                fields: fields::fields(&parsed.root),
                everything: notes::matches_everything(&parsed.root),
            },
            source: source.to_vec(),
            groups: parsed.groups,
            notes,
            engine,
            direct,
            line,
            newlines: OnceLock::new(),
            imitator,
            alone,
            parents,
        })))
    }

    /// The pattern as written.
    pub fn source(&self) -> &[u8] {
        &self.0.source
    }

    /// Whether `other` is a clone of this very pattern.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How many capture groups it has, group 0 not counted.
    pub fn groups(&self) -> usize {
        self.0.groups
    }

    /// The group directly around a group; `None` for an outermost one. After a branch reset a number
    /// may stand in several places: then it has a parent only if it is the same in all of them.
    pub fn parent(&self, group: usize) -> Option<usize> {
        self.0.parents.get(group).copied().flatten()
    }

    /// What its writer should know.
    pub fn notes(&self) -> &[Note] {
        &self.0.notes
    }

    /// What can be said of the subjects that it matches.
    pub fn outline(&self) -> &Outline {
        &self.0.outline
    }

    /// What runs it.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// The pattern as a tree. It is read anew each time: a tree is large, and hardly ever wanted.
    pub fn tree(&self) -> ast::Node {
        parse::parse(&self.0.source).map_or(ast::Node::Empty, |parsed| parsed.root)
    }

    /// The pattern as an engine gets it, for subjects without newlines.
    pub fn canonical(&self) -> String {
        let emitted = emit::emit(&self.tree(), self.0.groups, Purpose::Line);
        emitted.map(|emitted| emitted.text).unwrap_or_default()
    }

    /// Whether it matches anywhere in `subject`, at the price of a line of its own.
    pub fn is_match(&self, subject: &[u8]) -> Found {
        let mut budget = Budget::new(subject.len());
        self.is_match_within(subject, has_newline(subject), &mut budget)
    }

    /// What is left of it in subjects that begin with `head`, if that is the same for all of them: that
    /// `head` matches need not be looked at then. A `1` at `number` stands for any number. `spans` tells
    /// whether those will be asked for.
    pub fn behind(&self, head: &[u8], number: Option<usize>, spans: bool) -> Option<Entry> {
        let direct = self.0.direct.as_ref()?;
        let known = !spans || self.0.imitator.is_none();
        known.then(|| direct.behind(head, number, spans)).flatten()
    }

    /// Whether it matches anywhere in a part of a line, with what is left of the line's budget; it is
    /// known whether the part holds a newline.
    pub fn is_match_within(&self, subject: &[u8], newlines: bool, budget: &mut Budget) -> Found {
        if let Some(direct) = &self.0.direct
            && !newlines
            && let Some(found) = direct.is_match(subject)
        {
            return if found { Found::Yes } else { Found::No };
        }
        self.is_match_by_engine(subject, newlines, budget)
    }

    #[inline(never)]
    fn is_match_by_engine(&self, subject: &[u8], newlines: bool, budget: &mut Budget) -> Found {
        if self.alone(subject).is_some() || self.0.alone == Alone::Doubt {
            return self.captures_by_engine(subject, newlines, &mut Spans::default(), budget);
        }
        match self.matcher(newlines) {
            Some(matcher) => matcher.is_match(&mut Search {
                subject,
                budget,
                tree: &|| self.tree(),
            }),
            None => Found::GaveUp,
        }
    }

    /// The leftmost match in `subject` and its groups, as Perl's `@-` and `@+`, at the price of a
    /// line of its own.
    pub fn captures(&self, subject: &[u8], spans: &mut Spans) -> Found {
        let mut budget = Budget::new(subject.len());
        self.captures_within(subject, has_newline(subject), spans, &mut budget)
    }

    /// The same of a part of a line, with what is left of the line's budget; it is known whether the
    /// part holds a newline.
    pub fn captures_within(
        &self,
        subject: &[u8],
        newlines: bool,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Found {
        if let Some(direct) = &self.0.direct
            && !newlines
            && self.0.imitator.is_none()
            && let Some(found) = direct.captures(subject, spans)
        {
            return if found { Found::Yes } else { Found::No };
        }
        self.captures_by_engine(subject, newlines, spans, budget)
    }

    #[inline(never)]
    fn captures_by_engine(
        &self,
        subject: &[u8],
        newlines: bool,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Found {
        spans.0.clear();
        let Some(matcher) = self.matcher(newlines) else {
            return Found::GaveUp;
        };
        let mut search = Search {
            subject,
            budget,
            tree: &|| self.tree(),
        };
        if let Some(imitator) = self.alone(subject) {
            return match matcher.may_match(&mut search) {
                true => imitator.search(subject, spans, search.budget),
                false => Found::No,
            };
        }
        let mut start = 0;
        let found = matcher.captures(&mut search, spans, &mut start);
        if let (Found::Yes, Some(imitator)) = (found, &self.0.imitator) {
            let sure = self.0.alone != Alone::Doubt;
            return imitator.refine(subject, start, sure, spans, search.budget);
        }
        found
    }

    /// What matches this subject instead of an engine.
    fn alone(&self, subject: &[u8]) -> Option<&Imitator> {
        let asked = match self.0.alone {
            Alone::Never | Alone::Doubt => false,
            Alone::OffAscii => !subject.is_ascii(),
            Alone::Always => true,
        };
        self.0.imitator.as_deref().filter(|_| asked)
    }

    /// The matcher for subjects with or without newlines.
    fn matcher(&self, newlines: bool) -> Option<&Matcher> {
        let inner = &*self.0;
        let (place, purpose) = match newlines {
            false => (&inner.line, Purpose::Line),
            true => (&inner.newlines, Purpose::Newlines),
        };
        let make = || {
            let root = self.tree();
            let emitted = emit::emit(&root, inner.groups, purpose).ok()?;
            let matcher = engine::build(&root, &emitted, inner.source.len(), purpose);
            matcher.ok().map(Box::new)
        };
        place.get_or_init(make).as_deref()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", bstr::BStr::new(self.source()))
    }
}

fn has_newline(subject: &[u8]) -> bool {
    memchr::memchr(b'\n', subject).is_some()
}

#[cfg(test)]
mod tests;
