//! The engines behind a pattern: `regex` where it can, in linear time, else the backtracking
//! `fancy-regex`, behind a superset on `regex` that turns most lines away first.

use std::sync::Mutex;

use super::ast::Node;
use super::emit::{Emitted, Purpose, emit};
use super::{Found, PatternError, Spans};

/// Bytes that a compiled pattern may take.
const SIZE_LIMIT: usize = 32 << 20;
/// Steps until a match is given up; about 40 ms.
const BACKTRACK_LIMIT: usize = 1_000_000;

/// A compiled pattern.
#[derive(Debug)]
pub(super) struct Matcher {
    engine: Compiled,
    groups: Vec<Vec<usize>>,
    keeps: Vec<usize>,
}

#[derive(Debug)]
enum Compiled {
    Regular {
        regex: regex::bytes::Regex,
        /// Room for the groups, so that a match need not allocate.
        places: Mutex<regex::bytes::CaptureLocations>,
    },
    Backtracking {
        /// Matches wherever the pattern does.
        superset: Option<regex::bytes::Regex>,
        regex: Box<fancy_regex::Regex>,
    },
}

/// Compiles what was emitted from `root`.
///
/// # Errors
/// When it is larger than the engines allow.
pub(super) fn build(
    root: &Node,
    emitted: &Emitted,
    length: usize,
) -> Result<Matcher, PatternError> {
    let engine = if emitted.backtracks {
        let superset = emit(
            root,
            emitted.groups.len().saturating_sub(1),
            Purpose::Superset,
        )
        .ok()
        .and_then(|e| regular(&e.text).ok());
        Compiled::Backtracking {
            superset,
            regex: Box::new(
                fancy_regex::RegexBuilder::new(&emitted.text)
                    .bytes_mode(fancy_regex::BytesMode::Ascii)
                    .unicode_mode(false)
                    .optimize(false)
                    .backtrack_limit(BACKTRACK_LIMIT)
                    .delegate_size_limit(SIZE_LIMIT)
                    .build()
                    .map_err(|e| refused(&e.to_string(), length))?,
            ),
        }
    } else {
        let regex = regular(&emitted.text).map_err(|e| match e {
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

impl Matcher {
    pub(super) fn is_match(&self, subject: &[u8]) -> Found {
        let found = match &self.engine {
            Compiled::Regular { regex, .. } => regex.is_match(subject),
            Compiled::Backtracking { superset, regex } => {
                if superset.as_ref().is_some_and(|s| !s.is_match(subject)) {
                    return Found::No;
                }
                match regex.is_match(subject) {
                    Ok(found) => found,
                    Err(_) => return Found::GaveUp,
                }
            }
        };
        if found { Found::Yes } else { Found::No }
    }

    /// The groups of a match, and where it began: not where group 0 does if there is a `\K`.
    pub(super) fn captures(&self, subject: &[u8], spans: &mut Spans, start: &mut usize) -> Found {
        spans.0.clear();
        match &self.engine {
            Compiled::Regular { regex, .. } if self.groups.len() == 1 && self.keeps.is_empty() => {
                match regex.find(subject) {
                    Some(m) => {
                        *start = m.start();
                        spans.0.push(Some((m.start(), m.end())));
                    }
                    None => return Found::No,
                }
            }
            Compiled::Regular { regex, places } => {
                // Another thread may be at it.
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
            }
            Compiled::Backtracking { superset, regex } => {
                if superset.as_ref().is_some_and(|s| !s.is_match(subject)) {
                    return Found::No;
                }
                match regex.captures(subject) {
                    Ok(Some(caps)) => {
                        *start =
                            self.fill(spans, |group| caps.get(group).map(|m| (m.start(), m.end())));
                    }
                    Ok(None) => return Found::No,
                    Err(_) => return Found::GaveUp,
                }
            }
        }
        Found::Yes
    }

    /// From the engine's groups to Perl's. Returns where the match began.
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
