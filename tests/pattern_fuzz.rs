//! Random patterns, as rules have them, against the system's `perl`. The seed is printed;
//! `TENSHI_SEED` sets it. `TENSHI_TORTURE=1` compares a hundred thousand pairs.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::patterns::{Case, Outcome, compare};
use support::random::Random;
use support::subjects;

/// Subjects for each pattern.
const SUBJECTS: usize = 5;

const WORDS: &[&str] = &[
    "error", "failed", "sshd", "from", "user", "port ", ": ", " ", "a", "b", "0", "=", ",", "-",
    "/", "\\.", "\\[", "\\]", "\\(", "\\)", "\\/", "\\<", "\\>", "\\-", "\\:", "<", ">", "{", "}",
    "\\x20", "\\t", "#", "@", "\"", "'", "]",
];
const SETS: &[&str] = &[
    "\\d",
    "\\w",
    "\\s",
    "\\S",
    "\\D",
    "\\W",
    ".",
    "[0-9]",
    "[a-z]",
    "[^ ]",
    "[^:]",
    "[^][]",
    "[[:alnum:]]",
    "[[:digit:].:]",
    "[\\w.-]",
    "[-_a-z0-9]",
    "[^\\s,]",
    "[a-f0-9]",
    "[[:^space:]]",
    "[]a]",
    "[\\d-]",
    "\\h",
    "[A-Z&&b]",
];
const QUANTIFIERS: &[&str] = &[
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{0,2}?", "{1,15}", "++", "?+",
];

struct Grammar<'a> {
    random: &'a mut Random,
    groups: usize,
}

impl Grammar<'_> {
    fn pattern(&mut self) -> String {
        let mut out = String::new();
        if self.random.percent(5) {
            out.push_str("(?i)");
        }
        if self.random.percent(40) {
            out.push('^');
        }
        out.push_str(&self.alternatives(3));
        if self.random.percent(40) {
            out.push('$');
        }
        out
    }

    fn alternatives(&mut self, depth: usize) -> String {
        let count = if self.random.percent(15) { 2 } else { 1 };
        let branches: Vec<String> = (0..count).map(|_| self.sequence(depth)).collect();
        branches.join("|")
    }

    fn sequence(&mut self, depth: usize) -> String {
        (0..=self.random.below(4))
            .map(|_| self.piece(depth))
            .collect()
    }

    fn piece(&mut self, depth: usize) -> String {
        match self.random.below(100) {
            0..35 => (*self.random.pick(WORDS)).to_owned(),
            35..65 => {
                let set = *self.random.pick(SETS);
                let often = self.random.percent(70);
                format!(
                    "{set}{}",
                    if often {
                        *self.random.pick(QUANTIFIERS)
                    } else {
                        ""
                    }
                )
            }
            65..70 => (*self.random.pick(&["\\b", "\\B", "^", "$"])).to_owned(),
            70..73 if self.groups > 0 => format!("\\{}", 1 + self.random.below(self.groups)),
            _ if depth == 0 => "x".to_owned(),
            73..77 => {
                let open = *self.random.pick(&["(?=", "(?!", "(?>"]);
                format!("{open}{})", self.flat())
            }
            77..79 => format!(
                "{}{})",
                self.random.pick(&["(?<=", "(?<!"]),
                self.random.pick(WORDS)
            ),
            _ => self.group(depth - 1),
        }
    }

    /// A group; one that repeats is plain inside, so that Perl comes to an end.
    fn group(&mut self, depth: usize) -> String {
        let repeats = self.random.percent(35);
        let captures = self.random.percent(60);
        let open = match captures {
            true => "(",
            false => *self.random.pick(&["(?:", "(?:", "(?i:"]),
        };
        let body = if repeats {
            self.flat()
        } else {
            self.alternatives(depth)
        };
        self.groups += usize::from(captures);
        let often = if repeats {
            *self.random.pick(QUANTIFIERS)
        } else {
            ""
        };
        format!("{open}{body}){often}")
    }

    /// Words and sets in alternatives, without groups.
    fn flat(&mut self) -> String {
        let branch = |random: &mut Random| {
            let set = *random.pick(SETS);
            let word = *random.pick(WORDS);
            match random.below(3) {
                0 => word.to_owned(),
                1 => set.to_owned(),
                _ => format!("{word}{set}"),
            }
        };
        let count = 1 + self.random.below(2);
        let branches: Vec<String> = (0..count).map(|_| branch(self.random)).collect();
        branches.join("|")
    }
}

fn cases(count: usize, random: &mut Random) -> Vec<Case> {
    let one = |random: &mut Random| {
        let regex = Grammar { random, groups: 0 }.pattern().into_bytes();
        Case::new(regex, |ours| {
            let subject = |_| {
                let mut subject = match ours {
                    Ok(pattern) => subjects::from(pattern.tree(), random),
                    Err(_) => b"error: a b 1.2.3.4".to_vec(),
                };
                if random.percent(60) {
                    subjects::damage(&mut subject, random);
                }
                // A log line holds none.
                subject.retain(|byte| *byte != b'\n');
                subject
            };
            (0..SUBJECTS).map(subject).collect()
        })
    };
    (0..count).map(|_| one(random)).collect()
}

#[test]
fn random_patterns_match_what_they_match_in_perl() {
    let seed = std::env::var("TENSHI_SEED").map_or(7, |seed| seed.parse().expect("a number"));
    let torture = std::env::var_os("TENSHI_TORTURE").is_some();
    let count = if torture { 20_000 } else { 1_000 };
    println!("TENSHI_SEED={seed}");
    let tally = compare(&cases(count, &mut Random::new(seed)));
    let told = tally.told.join("\n");
    println!("{:?}, {} match\n{told}", tally.counts, tally.matched);
    assert_eq!(tally.counts.values().sum::<usize>(), count * SUBJECTS);
    assert_eq!(tally.count(Outcome::Different), 0, "{told}");
    assert!(
        tally.count(Outcome::Same) > count * SUBJECTS * 98 / 100,
        "{told}"
    );
    assert!(tally.matched > count, "only {} matched", tally.matched);
}
