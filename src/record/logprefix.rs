//! Prefixes that patterns describe (`set logprefix`).

use std::borrow::Cow;

use super::parsed::{JsonForm, Parsed, Record};
use crate::pattern::{Budget, Found, Pattern, Spans};

/// Takes the first of these prefixes that matches out of a line; nothing if none matches.
pub(super) fn by_patterns<'a>(
    line: &'a [u8],
    prefixes: &[Pattern],
    spans: &mut Spans,
    budget: &mut Budget,
) -> Option<Parsed<'a>> {
    for prefix in prefixes {
        let newlines = memchr::memchr(b'\n', line).is_some();
        match prefix.captures_within(line, newlines, spans, budget) {
            Found::No => {}
            Found::GaveUp => budget.give_up(prefix),
            Found::Yes => {
                let whole = spans.0.first().copied().flatten()?;
                let host = spans.0.get(1).copied().flatten();
                return Some(host.map_or(Parsed::NoHost, |(start, end)| {
                    Parsed::Record(Record {
                        host: &line[start..end],
                        message: without(line, whole),
                        json: JsonForm::No,
                    })
                }));
            }
        }
    }
    None
}

/// `line` without the bytes from `start` to `end`, wherever they stand.
fn without(line: &[u8], (start, end): (usize, usize)) -> Cow<'_, [u8]> {
    if start == 0 {
        return Cow::Borrowed(&line[end..]);
    }
    Cow::Owned([&line[..start], &line[end..]].concat())
}
