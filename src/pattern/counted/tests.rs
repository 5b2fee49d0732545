//! What the matcher makes of patterns, held to the engines of reference, and what it costs.

use super::*;
use crate::pattern::emit;
use crate::pattern::parse::parse;
use crate::random::Random;

fn counted(pattern: &[u8]) -> Option<Counted> {
    let parsed = parse(pattern).ok()?;
    Counted::new(&parsed.root, parsed.groups, false)
}

/// `fancy-regex` for a pattern, with its groups by number in Perl.
struct Reference {
    engine: fancy_regex::Regex,
    written: emit::Emitted,
}

impl Reference {
    fn new(pattern: &[u8]) -> Self {
        let parsed = parse(pattern).unwrap();
        let written = emit::emit(&parsed.root, parsed.groups, emit::Purpose::Line).unwrap();
        let engine = fancy_regex::RegexBuilder::new(&written.text)
            .bytes_mode(fancy_regex::BytesMode::Ascii)
            .unicode_mode(false)
            .optimize(false)
            .build()
            .unwrap();
        Self { engine, written }
    }

    fn find(&self, subject: &[u8]) -> Option<Vec<Option<(usize, usize)>>> {
        let caps = self.engine.captures(subject).unwrap()?;
        let get = |group| caps.get(group).map(|m| (m.start(), m.end()));
        let kept = self
            .written
            .keeps
            .iter()
            .filter_map(|&keep| get(keep))
            .max();
        let mut spans = vec![get(0).map(|(start, end)| (kept.map_or(start, |k| k.0), end))];
        for numbers in self.written.groups.iter().skip(1) {
            spans.push(numbers.iter().filter_map(|&n| get(n)).max_by_key(|s| s.0));
        }
        Some(spans)
    }
}

/// Patterns of each kind of instruction: choices, runs, rounds, look-around, references, atomic
/// groups, conditions.
const PATTERNS: &[&str] = &[
    r"(?=.*;)a",
    r"^(?=.*;)a",
    r"\S+ (?!.*;)x",
    r"(?<!x)a(?=.*;)",
    r"(\w)\1(?=.*;)",
    r"(?:(?=.*x)a)*b",
    r"\w+(?=.*;)",
    r"(a+)(?!.*b)x?",
    r"(a|ab)(?=(b|x)*;)(.)",
    r"(?=(a+))a*b\1",
    r"(?!.*(?<!x);)a(.*)b",
    r"(?<=a|bx)b(\w*?)(?=;|$)",
    r"(?<!ab)(?<=b)x",
    r"(?>a+|b)(?:ab|x)",
    r"(?>(a|ab)*)b",
    r"(a++|b*+)(x?+);",
    r"((?>a|ab)(?>x*))+;",
    r"(a)|b(?(1)x|;)",
    r"(a)?b(?(1)x|;)",
    r"(?(?=a)ab|b;)",
    r"(?(?!a)b|a(x))",
    r"(?|(a)b|x(b))\1",
    r"(a*)(b*)\2\1;",
    r"(?i:(A))\1(?i:\1)",
    r"a\Kb(?=x)",
    r"(?:a\Kb|b)(?!a)",
    r"\b(\w+)\b(?= )",
    r"(?=\ba|x\b)(\w{1,3}?)(?=\W|$)",
    r"(a{2,3}?|b{1,2})(?!a)",
    r"([ab]{1,2}){2}(?=x)",
    r"([ab]{0,3}?x){1,2}?(?![;a])",
    r"(?:(a)|b(?!x))*",
    r"(?:(?=a)|b)*x",
    r"(?:a(?=b)|b)+?;",
    r"(?!a|b)(.)",
    r"^(?!.*(ab|x)).*$",
    r"(a)(?!b)(x)?",
    r"(?=)a(?!)|b(?=$)",
    r"(?<=^a)b|(?<=\b)x",
    r"(\w+) (?:\1 )*(?!\1)",
];

/// Short lines of few characters, in which much matches.
fn subjects(seed: u64) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    let mut one = || {
        let length = random.below(12);
        let bytes = (0..length).map(|_| *random.pick(b"aaabbbxx;; A"));
        bytes.collect()
    };
    (0..400).map(|_| one()).collect()
}

#[test]
fn the_reference_finds_the_same() {
    let (mut compared, mut matched) = (0, 0);
    for pattern in PATTERNS {
        let counted = counted(pattern.as_bytes()).expect(pattern);
        let reference = Reference::new(pattern.as_bytes());
        for subject in subjects(1) {
            let mut budget = StepBudget::for_line(subject.len());
            let (mut spans, mut start) = (Spans::default(), 0);
            let found = counted.captures(&subject, &mut spans, &mut start, &mut budget);
            let got = (found == Found::Yes).then(|| spans.0.clone());
            let want = reference.find(&subject);
            let told = || format!("{pattern} on {}", subject.escape_ascii());
            assert_eq!(got, want, "{}", told());
            let alone = counted.is_match(&subject, &mut budget);
            assert_eq!(alone, found, "{}", told());
            compared += 1;
            matched += usize::from(found == Found::Yes);
        }
    }
    assert_eq!(compared, PATTERNS.len() * 400);
    assert!(matched > compared / 10, "{matched}");
}
