//! Any bytes are a pattern and lines: the parser refuses or compiles it, and what it compiles finds the
//! matches and groups that the `regex` crate finds, where that crate reads the same pattern. The first
//! line is the pattern, the others are subjects.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenshi::pattern::{Budget, Engine, Found, NoteKind, Pattern, Spans};

/// Longer patterns and subjects only make the fuzzer slow.
const MOST_BYTES: usize = 4096;

/// What `regex` makes of a pattern of equal meaning: the pattern as it is written for `regex`
/// from our own tree, and, where the text holds none of the syntax that the two read differently, the
/// pattern as it stands.
fn references(source: &[u8], pattern: &Pattern) -> Vec<regex::bytes::Regex> {
    let plain = std::str::from_utf8(source)
        .ok()
        .filter(|text| is_common(text));
    let canonical = pattern.canonical();
    let build = |text: &str| {
        regex::bytes::RegexBuilder::new(text)
            .unicode(false)
            .size_limit(1 << 20)
            .build()
            .ok()
    };
    let texts = plain.into_iter().chain([canonical.as_str()]);
    texts.filter_map(build).collect()
}

/// Whether Perl and `regex` read this text alike: letters, blanks, groups, alternatives, `.`, `^`, and the
/// quantifiers `*`, `+`, `?`.
fn is_common(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " _-:,;@%=~.^()|*+?".contains(c);
    let special = ["(?", "(*", "*+", "++", "?+", "**", "+*", "?*", "??+"];
    text.chars().all(plain) && !special.iter().any(|text_part| text.contains(text_part))
}

/// Whether `regex` can be held against this pattern: its groups must not depend on Perl's way through
/// loops, and it must not need a backtracking engine.
fn is_comparable(pattern: &Pattern) -> bool {
    let looped = |kind| kind == NoteKind::LoopCapture;
    pattern.engine() == Engine::Regular && !pattern.notes().iter().any(|note| looped(note.kind))
}

fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let source = lines.next().unwrap_or_default();
    let pattern = match Pattern::compile(source) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(error.span.0 <= error.span.1 && error.span.1 <= source.len());
            return;
        }
    };
    let references = match is_comparable(&pattern) {
        true => references(source, &pattern),
        false => Vec::new(),
    };
    let literals = pattern.literals();
    for subject in lines {
        let mut spans = Spans::default();
        let found = pattern.captures(subject, &mut spans);
        let is_match = pattern.is_match(subject);
        let gave_up = [found, is_match].contains(&Found::GaveUp);
        assert!(gave_up || found == is_match);
        let whole = spans.0.first().copied().flatten();
        assert!(found != Found::Yes || whole.is_some_and(|(start, end)| start <= end));

        // What the index leaves rules out by.
        let small = subject.to_ascii_lowercase();
        let held = |literal: &Vec<u8>| small.windows(literal.len()).any(|at| at == literal);
        let held = literals.iter().all(|set| set.iter().any(held));
        assert!(found != Found::Yes || held, "{literals:?} {subject:?}");

        // What a spent budget may change is whether there is an answer, and not which.
        let mut spent = Budget::new(subject.len());
        spent.exhaust();
        let hurried = pattern.is_match_within(subject, false, &mut spent);
        assert!(gave_up || hurried == Found::GaveUp || hurried == found);

        for reference in references.iter().filter(|_| found != Found::GaveUp) {
            let wanted = reference.captures(subject);
            assert_eq!(
                found == Found::Yes,
                wanted.is_some(),
                "{reference} {subject:?}"
            );
            let groups = wanted.iter().flat_map(|wanted| wanted.iter());
            let groups = groups.map(|group| group.map(|group| (group.start(), group.end())));
            // The text that is written for `regex` may have further groups, for `\K` and branch resets.
            if reference.captures_len() == spans.0.len() {
                assert!(
                    spans.0.iter().copied().eq(groups),
                    "{reference} {subject:?} {spans:?}"
                );
            }
        }
    }
});
