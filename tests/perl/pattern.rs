//! Patterns against what Perl 5.36.0 answered: thousands of pairs of a pattern and a subject.
//! `TENSHI_PATTERN_CASES` names another file of the same form, whose numbers are then printed only.

use std::collections::BTreeMap;

use tenshi::pattern::{Found, NoteKind, Pattern, Spans};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/perl/pattern/cases.tsv");

/// What came of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Outcome {
    Same,
    /// Perl takes it, and we say that we do not.
    Unsupported,
    /// A capture in a loop, as its note says.
    Loop,
    /// The backtrack limit was hit.
    GaveUp,
    Different,
}

fn bytes_of(regex: &str) -> Vec<u8> {
    let Some(hex) = regex.strip_prefix("hex:") else {
        return regex.as_bytes().to_vec();
    };
    (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (byte, length) = match tail {
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), 3)
            }
            [b't', ..] => (b'\t', 1),
            [b'n', ..] => (b'\n', 1),
            [other, ..] => (*other, 1),
            [] => panic!("a backslash ends {text}"),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

fn written(spans: &Spans) -> String {
    let each: Vec<String> = spans
        .0
        .iter()
        .map(|span| match span {
            Some((start, end)) => format!("{start}-{end}"),
            None => "-".into(),
        })
        .collect();
    each.join(",")
}

/// What we answer, and whether the pattern is noted for captures in loops.
fn answer(regex: &[u8], subject: &[u8]) -> (String, bool) {
    let pattern = match Pattern::compile(regex) {
        Ok(pattern) => pattern,
        Err(e) => {
            assert!(e.span.0 <= e.span.1 && e.span.1 <= regex.len(), "{e:?}");
            let kind = if e.message.starts_with("not supported: ") {
                "unsupported"
            } else {
                "refuse"
            };
            return (format!("{kind} {}", e.message), false);
        }
    };
    let looped = pattern
        .notes()
        .iter()
        .any(|n| n.kind == NoteKind::LoopCapture);
    let mut spans = Spans::default();
    let found = pattern.captures(subject, &mut spans);
    assert_eq!(found, pattern.is_match(subject), "{}", pattern.canonical());
    let text = match found {
        Found::Yes => {
            assert_eq!(spans.0.len(), pattern.groups() + 1);
            written(&spans)
        }
        Found::No => "nomatch".into(),
        Found::GaveUp => "gave up".into(),
    };
    (text, looped)
}

fn outcome(perl: &str, ours: &str, looped: bool) -> Outcome {
    let refused = ours.starts_with("refuse ") || ours.starts_with("unsupported ");
    if ours == perl || (perl == "refuse" && refused) {
        Outcome::Same
    } else if ours.starts_with("unsupported ") {
        Outcome::Unsupported
    } else if ours == "gave up" {
        Outcome::GaveUp
    } else if looped && perl != "refuse" && !refused {
        Outcome::Loop
    } else {
        Outcome::Different
    }
}

#[test]
fn patterns_match_what_they_match_in_perl() {
    let other = std::env::var_os("TENSHI_PATTERN_CASES");
    let path = other.clone().unwrap_or_else(|| CASES.into());
    let text = std::fs::read_to_string(path).unwrap();
    let mut counts: BTreeMap<Outcome, usize> = BTreeMap::new();
    let mut told = Vec::new();
    for row in text.lines().filter(|r| !r.starts_with("# regex\t")) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [regex, subject, perl, class, ..] = columns[..] else {
            panic!("too few columns: {row}");
        };
        let (ours, looped) = answer(&bytes_of(regex), &unescape(subject));
        let outcome = outcome(perl, &ours, looped);
        *counts.entry(outcome).or_default() += 1;
        if outcome != Outcome::Same {
            told.push(format!(
                "{outcome:?}\t{class}\t{regex}\t{subject}\tperl {perl}\tours {ours}"
            ));
        }
    }
    let count = |o: Outcome| counts.get(&o).copied().unwrap_or(0);
    let told = told.join("\n");
    println!("{counts:?}\n{told}");
    assert_eq!(count(Outcome::Different), 0, "{told}");
    if other.is_none() {
        assert_eq!(
            [
                Outcome::Same,
                Outcome::Unsupported,
                Outcome::Loop,
                Outcome::GaveUp
            ]
            .map(count),
            [2469, 53, 0, 0],
            "{told}"
        );
        for page in ["docs/compatibility.md", "tests/README.md"] {
            let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
            let text = std::fs::read_to_string(page).unwrap();
            assert!(text.contains("2,522 pairs") && text.contains("2,469"));
        }
    }
}

/// The index leaves rules out by this.
#[test]
fn a_match_holds_a_literal_of_each_set() {
    let text = std::fs::read_to_string(CASES).unwrap();
    let (mut matches, mut sets) = (0, 0);
    for row in text.lines().skip(1) {
        let mut columns = row.split('\t');
        let (Some(regex), Some(subject)) = (columns.next(), columns.next()) else {
            panic!("too few columns: {row}");
        };
        let Ok(pattern) = Pattern::compile(&bytes_of(regex)) else {
            continue;
        };
        let subject = unescape(subject);
        if pattern.is_match(&subject) != Found::Yes {
            continue;
        }
        matches += 1;
        let small = subject.to_ascii_lowercase();
        for set in pattern.literals() {
            sets += 1;
            let held = |literal: &Vec<u8>| small.windows(literal.len()).any(|at| at == literal);
            assert!(set.iter().any(held), "{row}: {set:?}");
        }
    }
    assert!(matches > 1_000, "{matches} matches");
    assert!(sets > 800, "{sets} sets of literals");
}
