//! A compiled pattern, the budget of a line, and which matcher is asked when.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::ast::Node;
use super::authority::Authority;
use super::backtracker::{Backtracker, Continuation};
use super::budget::StepBudget;
use super::diagnostic::{Note, NoteKind, PatternError};
use super::emit::{self, Purpose};
use super::engine::{self, Matcher, Search};
use super::literals;
use super::matches::{Found, Spans};
use super::notes;
use super::parse::{self, Parsed};
use super::perl_vm::{EngineMatch, PerlVm};
use super::tag_analysis::{self, TagAnalysis};

/// A compiled pattern. Cloning it is cheap.
#[derive(Clone)]
pub struct Pattern(Arc<Inner>);

struct Inner {
    source: Vec<u8>,
    properties: Properties,
    groups: usize,
    notes: Vec<Note>,
    engine: Engine,
    /// Matches most patterns without an engine.
    backtracker: Option<Backtracker>,
    /// The engines for subjects without newlines. Where the backtracker does nearly all, they are made
    /// when they are needed; `None` if they cannot be made.
    line: OnceLock<Option<Box<Matcher>>>,
    /// The engines for subjects with newlines.
    newlines: OnceLock<Option<Box<Matcher>>>,
    /// Finds the captures in loops, if there are any for which the engines will not do.
    perl_vm: Option<Box<PerlVm>>,
    /// When the answer of the Perl VM counts, and not the answer of the engines.
    authority: Authority,
    /// By group the group directly around it, if all places where the group stands have one and the same group around
    /// them.
    parents: Vec<Option<usize>>,
}

/// What can be said of the subjects that a pattern matches, without trying it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Properties {
    /// Whether most subjects fail at their first bytes.
    pub quick: bool,
    /// What the first words of the subject must be.
    pub tags: TagAnalysis,
    /// Whether it surely matches every subject without a newline, like `.*`. If this is false, it may match every such
    /// subject nevertheless.
    pub matches_everything: bool,
}

/// What runs a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// `regex`: time linear in the length of the subject.
    Regular,
    /// A backtracking engine, within the step budget of the line.
    Backtracking,
}

/// The step budget of a line over all patterns that are tried on it, and the patterns that it did not
/// suffice for.
#[derive(Debug)]
pub struct Budget {
    steps: StepBudget,
    gave_up: Vec<Pattern>,
}

impl Default for Budget {
    /// The budget of an empty line.
    fn default() -> Self {
        Self::new(0)
    }
}

impl Budget {
    /// The budget of a line of `length` bytes.
    pub fn new(length: usize) -> Self {
        Self {
            steps: StepBudget::for_line(length),
            gave_up: Vec::new(),
        }
    }

    /// Begins anew with a line of `length` bytes; the patterns that were given up stay.
    pub fn begin(&mut self, length: usize) {
        self.steps = StepBudget::for_line(length);
    }

    /// Leaves no step: from now on only what reads each byte once is asked.
    pub fn exhaust(&mut self) {
        self.steps = StepBudget::new(0);
    }

    /// Steps that were taken.
    pub fn spent(&self) -> u64 {
        self.steps.spent()
    }

    /// Steps that are left.
    pub fn left(&self) -> u64 {
        self.steps.left()
    }

    /// Notes a pattern that was given up.
    pub fn give_up(&mut self, pattern: &Pattern) {
        self.gave_up.push(pattern.clone());
    }

    /// The patterns that were given up, once for each time; the caller takes them out.
    pub fn gave_up(&mut self) -> &mut Vec<Pattern> {
        &mut self.gave_up
    }
}

impl Pattern {
    /// Compiles the bytes of a Perl pattern as `qr/$string/` of Perl 5.36 would.
    ///
    /// # Errors
    /// When Perl refuses it, or when it needs what no engine here can do.
    pub fn compile(source: &[u8]) -> Result<Self, PatternError> {
        let Parsed {
            root,
            groups,
            mut notes,
        } = parse::parse(source)?;
        notes.extend(notes::on_groups(&root));
        let looped = notes.iter().any(|n| n.kind == NoteKind::LoopCapture);
        let backtracker = match Authority::of(&root, looped, false) {
            Authority::Engine => Backtracker::new(&root, groups),
            _ => None,
        };
        let line = OnceLock::new();
        let mut engine = Engine::Regular;
        if backtracker.is_none() {
            let emitted = emit::emit(&root, groups, Purpose::Line)?;
            if emitted.backtracks {
                notes.push(notes::slow_engine(&root, source.len()));
                engine = Engine::Backtracking;
            }
            let matcher = engine::build(&root, &emitted, source.len(), Purpose::Line)?;
            line.get_or_init(|| Some(Box::new(matcher)));
        }
        let authority = Authority::of(&root, looped, engine == Engine::Backtracking);
        let perl_vm = (looped || authority != Authority::Engine)
            .then(|| Box::new(PerlVm::new(&root, groups)));
        let quick = backtracker.as_ref().is_some_and(Backtracker::is_quick);
        Ok(Self(Arc::new(Inner {
            properties: Properties {
                quick,
                tags: tag_analysis::analyse(&root),
                matches_everything: notes::matches_everything(&root),
            },
            source: source.to_vec(),
            groups,
            notes,
            engine,
            backtracker,
            line,
            newlines: OnceLock::new(),
            perl_vm,
            authority,
            parents: notes::parents(&root, groups),
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

    /// Number of capture groups, group 0 not counted.
    pub fn groups(&self) -> usize {
        self.0.groups
    }

    /// The group directly around a group; `None` for an outermost one. After a branch reset a number
    /// may stand in several places: then it has a parent only if all these places have the same parent.
    pub fn parent(&self, group: usize) -> Option<usize> {
        self.0.parents.get(group).copied().flatten()
    }

    /// What the writer of the pattern should know.
    pub fn notes(&self) -> &[Note] {
        &self.0.notes
    }

    /// What can be said of the subjects that the pattern matches.
    pub fn properties(&self) -> &Properties {
        &self.0.properties
    }

    /// What runs the pattern where the backtracker does not.
    pub fn engine(&self) -> Engine {
        self.0.engine
    }

    /// The pattern as a tree. It is read anew each time: a tree is large, and hardly ever wanted.
    pub fn tree(&self) -> Node {
        parse::parse(&self.0.source).map_or(Node::Empty, |parsed| parsed.root)
    }

    /// Sets of literals in small letters: every match holds one literal of each set, when its own ASCII
    /// letters are made small. The pattern is read anew each time.
    pub fn literals(&self) -> Vec<Vec<Vec<u8>>> {
        literals::required(&self.tree())
    }

    /// The pattern as `regex` gets it, for subjects without newlines.
    pub fn canonical(&self) -> String {
        let emitted = emit::emit(&self.tree(), self.0.groups, Purpose::Line);
        emitted.map(|emitted| emitted.text).unwrap_or_default()
    }

    /// What is left to match of the pattern in subjects that begin with `head`, if that does not depend on what follows
    /// the head: `head` itself need not be matched again then. A `1` at `number` in the head stands for any decimal
    /// number. `spans` tells whether the groups will be asked for.
    pub fn continuation(
        &self,
        head: &[u8],
        number: Option<usize>,
        spans: bool,
    ) -> Option<Continuation> {
        let backtracker = self.0.backtracker.as_ref()?;
        let known = !spans || self.0.perl_vm.is_none();
        known
            .then(|| backtracker.continuation(head, number, spans))
            .flatten()
    }

    /// Whether the pattern matches anywhere in `subject`, within the budget of a line of its own.
    pub fn is_match(&self, subject: &[u8]) -> Found {
        let mut budget = Budget::new(subject.len());
        self.is_match_within(subject, has_newline(subject), &mut budget)
    }

    /// Whether the pattern matches anywhere in a part of a line, within what is left of the line's
    /// budget. `newlines` tells whether the part holds a newline.
    pub fn is_match_within(&self, subject: &[u8], newlines: bool, budget: &mut Budget) -> Found {
        if let Some(backtracker) = &self.0.backtracker
            && !newlines
            && let Some(matches) = backtracker.is_match(subject)
        {
            return Found::from(matches);
        }
        self.is_match_by_engine(subject, newlines, &mut budget.steps)
    }

    #[inline(never)]
    fn is_match_by_engine(&self, subject: &[u8], newlines: bool, budget: &mut StepBudget) -> Found {
        if self.vm_instead(subject).is_some() || self.0.authority == Authority::VmOnMatch {
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

    /// The leftmost match in `subject` and its groups, as Perl's `@-` and `@+`, within the budget of a
    /// line of its own.
    pub fn captures(&self, subject: &[u8], spans: &mut Spans) -> Found {
        let mut budget = Budget::new(subject.len());
        self.captures_within(subject, has_newline(subject), spans, &mut budget)
    }

    /// The leftmost match in a part of a line and its groups, within what is left of the line's budget.
    /// `newlines` tells whether the part holds a newline.
    pub fn captures_within(
        &self,
        subject: &[u8],
        newlines: bool,
        spans: &mut Spans,
        budget: &mut Budget,
    ) -> Found {
        if let Some(backtracker) = &self.0.backtracker
            && !newlines
            && self.0.perl_vm.is_none()
            && let Some(matches) = backtracker.captures(subject, spans)
        {
            return Found::from(matches);
        }
        self.captures_by_engine(subject, newlines, spans, &mut budget.steps)
    }

    #[inline(never)]
    fn captures_by_engine(
        &self,
        subject: &[u8],
        newlines: bool,
        spans: &mut Spans,
        budget: &mut StepBudget,
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
        if let Some(vm) = self.vm_instead(subject) {
            return match matcher.may_match(&mut search) {
                true => vm.captures(subject, EngineMatch::Unknown, spans, search.budget),
                false => Found::No,
            };
        }
        let mut start = 0;
        let found = matcher.captures(&mut search, spans, &mut start);
        if let (Found::Yes, Some(vm)) = (found, &self.0.perl_vm) {
            let engine = match self.0.authority {
                Authority::VmOnMatch => EngineMatch::Doubted(start),
                _ => EngineMatch::Certain(start),
            };
            return vm.captures(subject, engine, spans, search.budget);
        }
        found
    }

    /// The Perl VM, if it matches this subject instead of the engines.
    fn vm_instead(&self, subject: &[u8]) -> Option<&PerlVm> {
        let asked = match self.0.authority {
            Authority::Engine | Authority::VmOnMatch => false,
            Authority::VmOffAscii => !subject.is_ascii(),
            Authority::Vm => true,
        };
        self.0.perl_vm.as_deref().filter(|_| asked)
    }

    /// The engines for subjects with or without newlines.
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
