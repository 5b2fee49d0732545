//! Which prefix a line has, in words: for people who ask how a line is read.

use super::built_in::{rfc3339, traditional};
use super::forms;
use super::json;
use crate::config::LineSettings;
use crate::pattern::{Found, Spans};

/// The kind of a line's prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrefixKind {
    /// `Nov 23 21:44:00 HOST `
    Traditional,
    /// `2026-11-23T21:44:00+09:00 HOST `
    Rfc3339,
    /// The head of a device that `set logprefix NAME` names.
    Named,
    /// A pattern of `set logprefix`: its place among them, from 0.
    Pattern(usize),
    /// None: the line is an object of JSON (`set json on`).
    Json,
}

/// The kind of prefix that [`super::parse()`] takes off a line; nothing if it finds none.
pub fn prefix_kind(line: &[u8], settings: &LineSettings) -> Option<PrefixKind> {
    let traditional_host = |line| traditional(line).map(|(host, _)| host);
    let by_pattern = || {
        let mut spans = Spans::default();
        let mut prefixes = settings.prefixes.iter();
        let at = prefixes.position(|prefix| prefix.captures(line, &mut spans) == Found::Yes);
        at.map(PrefixKind::Pattern)
    };
    let internet = |line| rfc3339(line).filter(|_| settings.rfc3339);
    let object = || json::is_object(line, settings).then_some(PrefixKind::Json);
    if settings.names.is_empty() {
        return traditional_host(line)
            .map(|_| PrefixKind::Traditional)
            .or_else(by_pattern)
            .or_else(|| internet(line).map(|_| PrefixKind::Rfc3339))
            .or_else(object);
    }
    let bare = forms::without_priority(line);
    let host = traditional_host(bare);
    let sure = host.filter(|host| !forms::is_year(host) && !forms::is_tag(host));
    sure.map(|_| PrefixKind::Traditional)
        .or_else(|| forms::named(bare, &settings.names).map(|_| PrefixKind::Named))
        .or_else(|| host.map(|_| PrefixKind::Traditional))
        .or_else(by_pattern)
        .or_else(|| internet(bare).map(|_| PrefixKind::Rfc3339))
        .or_else(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_bytes;
    use crate::pattern::Budget;
    use crate::record::{Parsed, parse};

    #[test]
    fn a_line_has_the_prefix_that_is_taken_off() {
        let configured = |text: &str| {
            let text = format!("set mailserver h\nset queue a f@x t@x [now]\n{text}\na .*\n");
            parse_bytes(text.as_bytes()).config.unwrap().lines
        };
        let plain = configured("");
        let patterns = configured("set logprefix ^<(\\w+)> \nset logprefix ^(\\w+)# ");
        let named = configured("set logprefix cisco\nset logprefix ^(\\w+)# ");
        let mut checked = 0;
        for (settings, line, want) in [
            (
                &plain,
                "Nov 23 21:44:00 h1 x: y",
                Some(PrefixKind::Traditional),
            ),
            (
                &plain,
                "2026-11-23T21:44:00Z h1 x: y",
                Some(PrefixKind::Rfc3339),
            ),
            (&plain, "h1# y", None),
            (&patterns, "h1# y", Some(PrefixKind::Pattern(1))),
            (
                &patterns,
                "Nov 23 21:44:00 h1 x: y",
                Some(PrefixKind::Traditional),
            ),
            (
                &named,
                "000123: Nov 23 21:44:00 UTC: %SYS-5-X: y",
                Some(PrefixKind::Named),
            ),
            (
                &named,
                "Nov 23 21:44:00 h1 x: y",
                Some(PrefixKind::Traditional),
            ),
            (&named, "h1# y", Some(PrefixKind::Pattern(0))),
            (
                &named,
                "2026-11-23T21:44:00Z h1 x: y",
                Some(PrefixKind::Named),
            ),
            (&named, "nothing", None),
        ] {
            assert_eq!(prefix_kind(line.as_bytes(), settings), want, "{line}");
            let mut spans = Spans::default();
            let parsed = parse(line.as_bytes(), settings, &mut spans, &mut Budget::new(99));
            assert_eq!(parsed == Parsed::NoPrefix, want.is_none(), "{line}");
            checked += 1;
        }
        assert_eq!(checked, 10);
    }
}
