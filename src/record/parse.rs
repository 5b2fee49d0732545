//! From a line to its host and message.

use super::built_in::{common, rfc3339, traditional};
use super::json;
use super::logprefix::by_patterns;
use super::named;
use super::parsed::{Parsed, record};
use crate::config::LineSettings;
use crate::pattern::{Budget, Spans};

/// Takes the prefix off `line`: the one way from a line to its host and message. The process id is
/// left in the message; [`super::MessageText::new`] hides it. Patterns that are given up are noted in
/// `budget`.
#[inline]
pub fn parse<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    // An object ends with a brace: all other lines cost a look at one byte.
    if line.last() == Some(&b'}') && settings.json.on {
        let parsed = parse_text(line, settings, spans, budget);
        return json::convert(parsed, line, settings);
    }
    parse_text(line, settings, spans, budget)
}

/// Takes the prefix off `line`, and leaves the message as it is.
#[inline(always)]
pub(super) fn parse_text<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    match common(line, settings) {
        Some(found) => record(line, found),
        None => parse_other(line, settings, spans, budget),
    }
}

/// Takes the prefix off a line that has not the usual one.
#[cold]
#[inline(never)]
pub(super) fn parse_other<'a>(
    line: &'a [u8],
    settings: &LineSettings,
    spans: &mut Spans,
    budget: &mut Budget,
) -> Parsed<'a> {
    if !settings.names.is_empty() {
        return named::parse(line, settings, spans, budget);
    }
    let built_in = || rfc3339(line).filter(|_| settings.rfc3339);
    traditional(line)
        .map(|found| record(line, found))
        .or_else(|| by_patterns(line, &settings.prefixes, spans, budget))
        .or_else(|| built_in().map(|found| record(line, found)))
        .unwrap_or(Parsed::NoPrefix)
}
