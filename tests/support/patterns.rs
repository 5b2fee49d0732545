//! Patterns held against the system's `perl`: both are asked, and the answers compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tenshi::pattern::{Found, NoteKind, Pattern, PatternError, Spans};

use super::Dir;

/// What came of a pair, or of a pattern that was refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// The match and its groups are equal, or both refuse the pattern.
    Same,
    /// We say that we do not take the pattern, and Perl does.
    Refused,
    /// A capture in a loop that was noted as such, and only an inner group differs.
    Loop,
    /// We gave up at the backtrack limit.
    GaveUp,
    /// Perl took longer than a second.
    Slow,
    /// Anything else.
    Different,
}

/// A pattern and its subjects.
pub struct Case {
    regex: Vec<u8>,
    ours: Result<Pattern, PatternError>,
    subjects: Vec<Vec<u8>>,
}

impl Case {
    /// A pattern, compiled once; `subjects` makes what it is matched against.
    pub fn new(
        regex: Vec<u8>,
        subjects: impl FnOnce(&Result<Pattern, PatternError>) -> Vec<Vec<u8>>,
    ) -> Self {
        let ours = Pattern::compile(&regex);
        Self {
            subjects: subjects(&ours),
            regex,
            ours,
        }
    }
}

/// What came of many cases.
#[derive(Default)]
pub struct Tally {
    /// How many pairs came out so.
    pub counts: BTreeMap<Outcome, usize>,
    /// How many patterns there were that Perl takes.
    pub patterns: usize,
    /// Those that we refuse, by our words.
    pub refused: BTreeMap<String, usize>,
    /// How many pairs match in Perl.
    pub matched: usize,
    /// The pairs whose answers differ, a line each.
    pub told: Vec<String>,
}

impl Tally {
    /// How many pairs came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    fn note(&mut self, outcome: Outcome, regex: &[u8], subject: &[u8], perl: &str, ours: &str) {
        *self.counts.entry(outcome).or_default() += 1;
        self.matched += usize::from(perl.contains('-'));
        if !matches!(outcome, Outcome::Same | Outcome::Slow) {
            let (regex, subject) = (regex.escape_ascii(), subject.escape_ascii());
            self.told.push(format!(
                "{outcome:?}\t{regex}\t{subject}\tperl {perl}\tours {ours}"
            ));
        }
    }
}

/// Asks Perl and us about all cases.
pub fn compare(cases: &[Case]) -> Tally {
    let answers = ask(cases);
    let mut answers = answers.lines();
    let mut next = || answers.next().expect("perl answers every row");
    let mut tally = Tally::default();
    let mut spans = Spans::default();
    for case in cases {
        let taken = next() == "ok";
        tally.patterns += usize::from(taken);
        if let (true, Err(e)) = (taken, &case.ours) {
            *tally.refused.entry(e.message.clone()).or_default() += 1;
        }
        for subject in &case.subjects {
            let perl = next();
            let (outcome, ours) = match &case.ours {
                Ok(pattern) => {
                    let answer = answer(pattern, subject, &mut spans);
                    (outcome(pattern, perl, &answer), answer)
                }
                Err(e) if !taken => (Outcome::Same, e.message.clone()),
                Err(e) if e.message.starts_with("not supported: ") => {
                    (Outcome::Refused, e.message.clone())
                }
                Err(e) => (Outcome::Different, e.message.clone()),
            };
            tally.note(outcome, &case.regex, subject, perl, &ours);
        }
    }
    tally
}

fn answer(pattern: &Pattern, subject: &[u8], spans: &mut Spans) -> String {
    match pattern.captures(subject, spans) {
        Found::No => "nomatch".into(),
        Found::GaveUp => "gave up".into(),
        Found::Yes => {
            let each = spans.0.iter().map(|span| match span {
                Some((start, end)) => format!("{start}-{end}"),
                None => "-".into(),
            });
            each.collect::<Vec<_>>().join(",")
        }
    }
}

fn outcome(pattern: &Pattern, perl: &str, ours: &str) -> Outcome {
    let whole = |answer: &str| answer.split(',').next().map(str::to_owned);
    let looped = || {
        pattern
            .notes()
            .iter()
            .any(|note| note.kind == NoteKind::LoopCapture)
    };
    if ours == perl {
        Outcome::Same
    } else if perl == "slow" {
        Outcome::Slow
    } else if ours == "gave up" {
        Outcome::GaveUp
    } else if whole(perl) == whole(ours) && looped() {
        Outcome::Loop
    } else {
        Outcome::Different
    }
}

/// One perl answers all; a line each.
fn ask(cases: &[Case]) -> String {
    let mut rows = String::new();
    for case in cases {
        row(&mut rows, 'R', &case.regex);
        for subject in &case.subjects {
            row(&mut rows, 'S', subject);
        }
    }
    let dir = Dir::new();
    let input = std::fs::File::open(dir.write("rows", rows)).expect("the rows are there");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/answers.pl");
    let done = Command::new("perl")
        .arg(script)
        .env("PERL_SIGNALS", "unsafe")
        .env_remove("PERL_UNICODE")
        .stdin(Stdio::from(input))
        .stderr(Stdio::inherit())
        .output()
        .expect("perl runs: install Debian's package `perl`");
    assert!(done.status.success(), "perl ended with {}", done.status);
    String::from_utf8(done.stdout).expect("the answers are ASCII")
}

fn row(rows: &mut String, kind: char, bytes: &[u8]) {
    rows.push(kind);
    rows.push(' ');
    for byte in bytes {
        let _ = write!(rows, "{byte:02x}");
    }
    rows.push('\n');
}
