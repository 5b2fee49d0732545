//! The engines behind a pattern: `regex` where it can, in linear time; else the memoized backtracker, which
//! counts its steps, behind a superset on `regex` that excludes most subjects first.
//!
//! `regex` is linear in the line, but by a factor that may be as long as the pattern. Where the
//! product is large a lazy DFA is asked first, and then the memoized backtracker. What that one does not
//! compile goes to `fancy-regex`, with a limit for each length of line.

use std::sync::{Mutex, OnceLock};

use super::ast::Node;
use super::budget::{StepBudget, line_limit, price};
use super::counted::Counted;
use super::diagnostic::PatternError;
use super::emit::{Emitted, Purpose, emit};
use super::lazy_dfa::Scanner;
use super::matches::{Found, Spans};

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 32 << 20;
/// The largest product of the states of a pattern and the bytes of a subject for which `regex` is asked:
/// its slowest engine takes some 10 ms for it.
const PRODUCT: u64 = 1 << 20;
/// The part of the product that costs one step.
const STEPS: u64 = 32;

/// The engines of a pattern, for subjects with or without newlines.
#[derive(Debug)]
pub(super) struct Matcher {
    engine: Compiled,
    groups: Vec<Vec<usize>>,
    keeps: Vec<usize>,
    /// The pattern as written for `regex`, or its superset.
    text: String,
    /// The states of the pattern, about.
    states: u64,
    newlines: bool,
    /// The lazy DFA for long subjects, made when the first comes; `None` if it cannot be made.
    scanner: OnceLock<Option<Box<Scanner>>>,
    counted: OnceLock<Option<Box<Counted>>>,
}

#[derive(Debug)]
enum Compiled {
    Regular {
        regex: regex::bytes::Regex,
        /// Memory for the groups, so that a match need not allocate.
        places: Mutex<regex::bytes::CaptureLocations>,
    },
    Backtracking {
        /// Matches wherever the pattern does.
        superset: Option<regex::bytes::Regex>,
        /// For what the memoized backtracker does not compile.
        fancy: Option<Box<Fancy>>,
    },
}

/// Builds the engines for the text that was written from `root`, a pattern of `length` bytes.
///
/// # Errors
/// When the pattern is larger than the engines allow.
pub(super) fn build(
    root: &Node,
    emitted: &Emitted,
    length: usize,
    purpose: Purpose,
) -> Result<Matcher, PatternError> {
    let mut text = emitted.text.clone();
    let newlines = purpose == Purpose::Newlines;
    let counted = OnceLock::new();
    let groups = emitted.groups.len().saturating_sub(1);
    let engine = if emitted.backtracks {
        text = emit(root, groups, Purpose::Superset).map_or_else(|_| String::new(), |e| e.text);
        let fancy = Fancy::new(&emitted.text, length)?;
        let known = Counted::new(root, groups, newlines).map(Box::new);
        let known = counted.get_or_init(|| known).is_some();
        Compiled::Backtracking {
            superset: regular(&text).ok(),
            fancy: (!known).then(|| Box::new(fancy)),
        }
    } else {
        let regex = regular(&text).map_err(|e| match e {
            regex::Error::CompiledTooBig(limit) => PatternError {
                span: (0, length),
                message: format!(
                    "not supported: a pattern that takes more than {} MB",
                    limit >> 20
                ),
                hint: Some("make the numbers in its quantifiers smaller".into()),
            },
            e => refused(&e.to_string(), length),
        })?;
        let places = Mutex::new(regex.capture_locations());
        Compiled::Regular { regex, places }
    };
    Ok(Matcher {
        engine,
        groups: emitted.groups.clone(),
        keeps: emitted.keeps.clone(),
        text,
        states: root.states(),
        newlines,
        scanner: OnceLock::new(),
        counted,
    })
}

fn regular(text: &str) -> Result<regex::bytes::Regex, regex::Error> {
    regex::bytes::RegexBuilder::new(text)
        .unicode(false)
        .size_limit(SIZE_LIMIT)
        .nest_limit(2000)
        .build()
}

fn refused(why: &str, length: usize) -> PatternError {
    PatternError {
        span: (0, length),
        message: format!(
            "not supported: {}",
            why.lines().last().unwrap_or_default().trim()
        ),
        hint: None,
    }
}

/// A subject, the budget of its line, and the tree of the pattern for engines that are made late.
pub(super) struct Search<'a> {
    pub subject: &'a [u8],
    pub budget: &'a mut StepBudget,
    pub tree: &'a dyn Fn() -> Node,
}

impl Matcher {
    /// Whether the pattern matches.
    pub(super) fn is_match(&self, search: &mut Search<'_>) -> Found {
        match &self.engine {
            Compiled::Regular { regex, .. } if self.is_short(search) => {
                Found::from(regex.is_match(search.subject))
            }
            Compiled::Regular { regex, .. } => match self.scan(search) {
                Some(answer) => Found::from(answer),
                None => match self.counted(search.tree) {
                    Some(counted) => counted.is_match(search.subject, search.budget),
                    None if search.budget.pay(self.product(search.subject)) => {
                        Found::from(regex.is_match(search.subject))
                    }
                    None => Found::GaveUp,
                },
            },
            Compiled::Backtracking { fancy, .. } => {
                if !self.may_match(search) {
                    return Found::No;
                }
                match (self.counted(search.tree), fancy) {
                    (Some(counted), _) => counted.is_match(search.subject, search.budget),
                    (None, Some(fancy)) => fancy
                        .run(search, |regex, subject| regex.is_match(subject).ok())
                        .map_or(Found::GaveUp, Found::from),
                    (None, None) => Found::GaveUp,
                }
            }
        }
    }

    /// The groups of a match, and where it began: not where group 0 does if there is a `\K`.
    pub(super) fn captures(
        &self,
        search: &mut Search<'_>,
        spans: &mut Spans,
        start: &mut usize,
    ) -> Found {
        spans.0.clear();
        match &self.engine {
            Compiled::Regular { regex, places } if self.is_short(search) => {
                self.regular_captures(regex, places, search.subject, spans, start)
            }
            Compiled::Regular { regex, places } => {
                let subject = search.subject;
                let mut own = StepBudget::for_line(subject.len());
                let surely = match self.scan(search) {
                    Some(false) => return Found::No,
                    Some(true) => true,
                    None => false,
                };
                // The match is certain, so no other pattern is tried on the line: its groups have a budget of
                // their own.
                if surely && self.product(subject) <= PRODUCT {
                    return self.regular_captures(regex, places, subject, spans, start);
                }
                let budget = match surely {
                    true => &mut own,
                    false => &mut *search.budget,
                };
                match self.counted(search.tree) {
                    Some(counted) => counted.captures(subject, spans, start, budget),
                    None if budget.pay(self.product(subject)) => {
                        self.regular_captures(regex, places, subject, spans, start)
                    }
                    None => Found::GaveUp,
                }
            }
            Compiled::Backtracking { fancy, .. } => {
                if !self.may_match(search) {
                    return Found::No;
                }
                match (self.counted(search.tree), fancy) {
                    (Some(counted), _) => {
                        counted.captures(search.subject, spans, start, search.budget)
                    }
                    (None, Some(fancy)) => self.fancy_captures(fancy, search, spans, start),
                    (None, None) => Found::GaveUp,
                }
            }
        }
    }

    /// Whether the pattern may match at all, as far as its superset tells.
    pub(super) fn may_match(&self, search: &mut Search<'_>) -> bool {
        match &self.engine {
            Compiled::Backtracking {
                superset: Some(superset),
                ..
            } => match self.is_short(search) {
                true => superset.is_match(search.subject),
                false => self.scan(search) != Some(false),
            },
            _ => true,
        }
    }

    /// Whether the subject is short enough for `regex`; if so, pays for it.
    fn is_short(&self, search: &mut Search<'_>) -> bool {
        let product = self.product(search.subject);
        product <= PRODUCT && search.budget.pay(product / STEPS)
    }

    fn product(&self, subject: &[u8]) -> u64 {
        let length = u64::try_from(subject.len()).unwrap_or(u64::MAX);
        self.states.saturating_mul(length.saturating_add(1))
    }

    /// Whether the pattern, or its superset, matches; `None` if the lazy DFA gave up. Each byte is read once
    /// at most, so it is asked even if the budget is spent.
    fn scan(&self, search: &mut Search<'_>) -> Option<bool> {
        let make = || Scanner::new(&self.text).map(Box::new);
        let scanner = self.scanner.get_or_init(make).as_deref()?;
        search.budget.pay(price(search.subject.len()) / 4);
        scanner.is_match(search.subject, search.budget)
    }

    /// The memoized backtracker, made when it is asked for first.
    fn counted(&self, tree: &dyn Fn() -> Node) -> Option<&Counted> {
        let groups = self.groups.len().saturating_sub(1);
        let make = || Counted::new(&tree(), groups, self.newlines).map(Box::new);
        self.counted.get_or_init(make).as_deref()
    }

    fn regular_captures(
        &self,
        regex: &regex::bytes::Regex,
        places: &Mutex<regex::bytes::CaptureLocations>,
        subject: &[u8],
        spans: &mut Spans,
        start: &mut usize,
    ) -> Found {
        if self.groups.len() == 1 && self.keeps.is_empty() {
            let Some(m) = regex.find(subject) else {
                return Found::No;
            };
            *start = m.start();
            spans.0.push(Some((m.start(), m.end())));
            return Found::Yes;
        }
        // Another thread may be using them.
        let mut shared = places.try_lock().ok();
        let mut own = None;
        let places = match &mut shared {
            Some(shared) => &mut **shared,
            None => own.insert(regex.capture_locations()),
        };
        if regex.captures_read(places, subject).is_none() {
            return Found::No;
        }
        *start = self.fill(spans, |group| places.get(group));
        Found::Yes
    }

    fn fancy_captures(
        &self,
        fancy: &Fancy,
        search: &mut Search<'_>,
        spans: &mut Spans,
        start: &mut usize,
    ) -> Found {
        match fancy.run(search, |regex, subject| regex.captures(subject).ok()) {
            Some(Some(caps)) => {
                let get = |group| caps.get(group).map(|m| (m.start(), m.end()));
                *start = self.fill(spans, get);
                Found::Yes
            }
            Some(None) => Found::No,
            None => Found::GaveUp,
        }
    }

    /// Fills the spans of Perl's groups from the spans of the engine's groups. Returns where the match began.
    fn fill(&self, spans: &mut Spans, get: impl Fn(usize) -> Option<(usize, usize)>) -> usize {
        let kept = self.keeps.iter().filter_map(|&k| get(k)).map(|k| k.0).max();
        let whole = get(0).map(|(start, end)| (kept.unwrap_or(start), end));
        spans.0.push(whole);
        for numbers in self.groups.iter().skip(1) {
            let set = numbers.iter().filter_map(|&n| get(n));
            spans.0.push(set.max_by_key(|span| span.0));
        }
        get(0).map_or(0, |span| span.0)
    }
}

/// `fancy-regex`, which counts the places it goes back to, and not what it reads there: so it may go
/// back less often in a longer line.
#[derive(Debug)]
pub(super) struct Fancy {
    text: String,
    /// The engine for each of [`LENGTHS`], made when the first such subject comes.
    engines: [OnceLock<Option<fancy_regex::Regex>>; LENGTHS.len()],
}

/// The lengths of subjects up to which there is an engine with a limit of its own; longer ones are given up.
const LENGTHS: [usize; 5] = [1 << 8, 1 << 12, 1 << 16, 1 << 20, 1 << 24];
/// The part of a line's budget that a match is charged, 1/8: how much it took is not known.
const SHARE: u64 = 8;

impl Fancy {
    fn new(text: &str, length: usize) -> Result<Self, PatternError> {
        let first = build_fancy(text, LENGTHS[0]).map_err(|e| refused(&e.to_string(), length))?;
        let fancy = Self {
            text: text.to_owned(),
            engines: Default::default(),
        };
        if let Some(place) = fancy.engines.first() {
            place.get_or_init(|| Some(first));
        }
        Ok(fancy)
    }

    /// The answer of the engine for a subject; `None` if it gave up.
    fn run<'s, T>(
        &self,
        search: &mut Search<'s>,
        ask: impl FnOnce(&fancy_regex::Regex, &'s [u8]) -> Option<T>,
    ) -> Option<T> {
        let subject = search.subject;
        let class = LENGTHS.iter().position(|&most| subject.len() <= most)?;
        let place = self.engines.get(class)?;
        let engine = place.get_or_init(|| build_fancy(&self.text, LENGTHS[class]).ok());
        if !search.budget.pay(line_limit(subject.len()) / SHARE) {
            return None;
        }
        ask(engine.as_ref()?, subject)
    }
}

/// The engine for subjects up to this length. Each place that it goes back to may cost the price of reading
/// the whole subject.
fn build_fancy(text: &str, length: usize) -> Result<fancy_regex::Regex, fancy_regex::Error> {
    let limit = line_limit(length) / SHARE / (1 + price(length));
    fancy_regex::RegexBuilder::new(text)
        .bytes_mode(fancy_regex::BytesMode::Ascii)
        .unicode_mode(false)
        .optimize(false)
        .backtrack_limit(usize::try_from(limit).unwrap_or(usize::MAX))
        .delegate_size_limit(SIZE_LIMIT)
        .build()
}
