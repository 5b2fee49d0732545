//! Random patterns, as rules have them, against the system's `perl`. The seed is printed;
//! `TENSHI_SEED` sets it. `TENSHI_TORTURE=1` compares a hundred thousand pairs.

use crate::support::patterns::{Case, Outcome, compare};
use crate::support::random::Random;
use crate::support::{seed, subjects, torture};
use tenshi::config::{Action, Rule};
use tenshi::pattern::{Budget, Found, Pattern, Spans};
use tenshi::record::MessageText;
use tenshi::rules::{Index, Query, decide};

/// Subjects for each pattern.
const SUBJECTS: usize = 5;

/// Each character is one byte of the pattern, so that bytes over 0x7F can be written.
const WORDS: &[&str] = &[
    "error", "failed", "sshd", "from", "user", "port ", ": ", " ", "a", "b", "0", "=", ",", "-",
    "/", "\\.", "\\[", "\\]", "\\(", "\\)", "\\/", "\\<", "\\>", "\\-", "\\:", "<", ">", "{", "}",
    "\\x20", "\\t", "#", "@", "\"", "'", "]",
];
/// Words that are seldom, and that each dialect has its own ideas about.
const ODD_WORDS: &[&str] = &[
    "\\Qa.b\\E",
    "\\Q",
    "a\\Eb",
    "\\Uab",
    "\\_",
    "\\@",
    "\\%",
    "\\#",
    "\\ ",
    "\\101",
    "\\056",
    "\\0",
    "\\x",
    "\\x41",
    "\\x2e",
    "\\x{3a}",
    "\\x{e9}",
    "\\o{72}",
    "\\cA",
    "\\e\\[",
    "\\i",
    "\\y",
    "\\O",
    "\\m",
    "a{",
    "{,",
    "{,}",
    "x{2",
    "%{x}",
    "a{,}",
    "{\"a\":",
    "$x",
    "(?#note)",
    "()",
    "\u{c3}\u{a9}",
    "\\\u{c3}\u{a9}",
    "\u{e9}",
    "\u{ff}",
    "\\\u{ff}",
    "\u{a0}",
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
const ODD_SETS: &[&str] = &[
    "\\H",
    "\\v",
    "\\V",
    "\\N",
    "\\R",
    "\\X",
    "[\\h]",
    "[\\v,]",
    "[^\\H]",
    "[[:upper:]_]",
    "[[:^digit:].]",
    "[[:punct:]]",
    "[[:xdigit:]]",
    "[[:word:]]",
    "[[:cntrl:]]",
    "[[:print:]]",
    "[[:graph:]]",
    "[[:blank:]]",
    "[[:ascii:]]",
    "[^[:alpha:]]",
    "[[:alpha:][:digit:]]",
    "[\\x41-\\x5a]",
    "[\\101-\\132]",
    "[\\x{61}-z]",
    "[\\0-\\37]",
    "[\u{c3}\u{a9}]",
    "[^\u{c3}\u{a9}]",
    "[\u{80}-\u{ff}]",
    "[\\x80-\\xff]",
    "[^\\x00-\\x7f]",
    "[+--]",
    "[!--/]",
    "[a~~b]",
    "[a-z&&[^b]]",
    "[0-9--4]",
    "[\\w-.]",
    "[a-\\d]",
    "[[ab]]",
    "[[a]",
    "[^]a]",
    "[\\]a]",
    "[\\[\\]]",
    "[]-a]",
    "[$@%]",
    "[a|b]",
    "[(.)]",
    "[\\b]",
    "[\\s\\S]",
    "[^\\W_]",
    "[^\\W\\d]",
    "[#]",
    "[ab ]",
    "[\\Q.\\E]",
    "[\\R]",
    "[\\<]",
    "[\\/]",
    "[.]",
    "[{}]",
    "[a-c-e]",
    "[\\e]",
    "[\\cA]",
];
const QUANTIFIERS: &[&str] = &[
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{2,}", "{0,2}?", "{1,15}", "++", "?+",
];
const ODD_QUANTIFIERS: &[&str] = &[
    "*+", "{1,3}+", "{2}+", "{1,}+", "{,3}", "{,2}?", "{ 1,2 }", "{1}", "{2}?", "{3,}?", "{0}",
    "{0,}", "{2,1}", " ",
];
const FLAGS: &[&str] = &[
    "(?i)", "(?x)", "(?s)", "(?n)", "(?xx)", "(?^)", "(?-i)", "(?a)",
];
const GROUPS: &[&str] = &[
    "(?:", "(?:", "(?i:", "(?i:", "(?-i:", "(?s:", "(?x:", "(?^:", "(?^i:", "(?|", "(?is-x:",
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
        if self.random.percent(3) {
            out.push_str(self.random.pick::<&str>(FLAGS));
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

    fn word(&mut self) -> &'static str {
        let from: &[&str] = if self.random.percent(12) {
            ODD_WORDS
        } else {
            WORDS
        };
        self.random.pick::<&str>(from)
    }

    fn set(&mut self) -> &'static str {
        let from: &[&str] = if self.random.percent(25) {
            ODD_SETS
        } else {
            SETS
        };
        self.random.pick::<&str>(from)
    }

    fn quantifier(&mut self) -> &'static str {
        let from: &[&str] = if self.random.percent(15) {
            ODD_QUANTIFIERS
        } else {
            QUANTIFIERS
        };
        self.random.pick::<&str>(from)
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
            0..35 => self.word().to_owned(),
            35..65 => {
                let often = self.random.percent(70);
                let often = if often { self.quantifier() } else { "" };
                format!("{}{often}", self.set())
            }
            65..69 => (*self.random.pick(&["\\b", "\\B", "^", "$"])).to_owned(),
            69..70 => (*self.random.pick(&["\\A", "\\Z", "\\z", "\\G", "\\K"])).to_owned(),
            70..73 if self.groups > 0 => self.reference(),
            _ if depth == 0 => "x".to_owned(),
            73..77 => {
                let open = *self.random.pick(&["(?=", "(?!", "(?>"]);
                // What may be empty right behind `(?=` makes Perl itself miss matches.
                let body = if self.random.percent(30) {
                    format!("{}{}", self.random.pick(WORDS), self.sequence(depth - 1))
                } else {
                    self.flat()
                };
                format!("{open}{body})")
            }
            77..79 => {
                let open = *self.random.pick(&["(?<=", "(?<!"]);
                let body = match self.random.below(3) {
                    0 => self.set().to_owned(),
                    1 => self.flat(),
                    _ => self.word().to_owned(),
                };
                format!("{open}{body})")
            }
            79..80 => (*self.random.pick(FLAGS)).to_owned(),
            _ => self.group(depth - 1),
        }
    }

    /// A reference to a group before this place, or to one around it.
    fn reference(&mut self) -> String {
        let number = 1 + self.random.below(self.groups);
        match self.random.below(10) {
            0 => format!("\\g{number}"),
            1 => format!("\\g{{{number}}}"),
            2 => "\\g{-1}".to_owned(),
            3 => format!("\\k<n{number}>"),
            4 => format!("(?({number}){}|{})", self.set(), self.word()),
            5 => format!("(?{number})"),
            _ => format!("\\{number}"),
        }
    }

    /// A group; one that repeats is mostly plain inside, so that Perl comes to an end.
    fn group(&mut self, depth: usize) -> String {
        let repeats = self.random.percent(35);
        let captures = self.random.percent(60);
        let named = self.random.percent(8);
        let open = match captures {
            true if named => format!("(?<n{}>", self.groups + 1),
            true => "(".to_owned(),
            false => (*self.random.pick(GROUPS)).to_owned(),
        };
        let body = if repeats && self.random.percent(75) {
            self.flat()
        } else {
            self.alternatives(depth)
        };
        self.groups += usize::from(captures);
        let often = if repeats { self.quantifier() } else { "" };
        // Perl cannot call some groups that are repeated no time.
        let often = if often == "{0}" { "" } else { often };
        format!("{open}{body}){often}")
    }

    /// Words and sets in alternatives, without groups.
    fn flat(&mut self) -> String {
        let count = 1 + self.random.below(2);
        let branches: Vec<String> = (0..count)
            .map(|_| match self.random.below(3) {
                0 => self.word().to_owned(),
                1 => self.set().to_owned(),
                _ => format!("{}{}", self.word(), self.set()),
            })
            .collect();
        branches.join("|")
    }
}

/// Each character as the byte of its number.
fn bytes(pattern: &str) -> Vec<u8> {
    pattern
        .chars()
        .map(|c| u8::try_from(u32::from(c)).expect("a byte"))
        .collect()
}

fn cases(count: usize, random: &mut Random) -> Vec<Case> {
    let one = |random: &mut Random| {
        let regex = bytes(&Grammar { random, groups: 0 }.pattern());
        Case::new(regex, |ours| {
            let subject = |_| {
                let mut subject = match ours {
                    Ok(pattern) => subjects::from(&pattern.tree(), random),
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
    let seed = seed(7);
    let count = if torture() { 20_000 } else { 1_000 };
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

/// Rules of random patterns: the index in front of them leaves out what cannot match, and no more.
#[test]
fn the_index_decides_as_a_loop_over_random_rules_does() {
    let seed = seed(7);
    let sets = if torture() { 1_000 } else { 40 };
    let mut random = Random::new(seed);
    let (mut compared, mut taken) = (0, 0);
    for _ in 0..sets {
        let config = rules(&mut random);
        let trees: Vec<_> = config.iter().map(|rule| rule.pattern.clone()).collect();
        let mut index = Index::new(&config);
        for pattern in &trees {
            let mut line = subjects::from(&pattern.tree(), &mut random);
            if random.percent(40) {
                subjects::damage(&mut line, &mut random);
            }
            line.retain(|byte| *byte != b'\n');
            let (mut one, mut other) = Default::default();
            let mut lost = Budget::new(line.len());
            let want = decide(&config, b"h", &line, &mut one, &mut lost);
            let mut text = line[..].into();
            let query = query(&mut text, &mut other, &mut lost);
            let got = index.decide(&config, query);
            let told = || format!("seed {seed}: {} {:?}", line.escape_ascii(), got);
            assert_eq!(got, want, "{}", told());
            if want.is_some_and(|id| config[id.index()].action != Action::Trash) {
                // The index leaves out the whole match where nobody wants it.
                assert!(
                    one.0.iter().skip(1).eq(other.0.iter().skip(1)),
                    "{}",
                    told()
                );
            }
            compared += 1;
            taken += usize::from(want.is_some());
        }
    }
    println!("{compared} lines, {taken} taken");
    assert!(
        compared > sets * 30 && taken > compared / 3,
        "{taken} of {compared}"
    );
}

fn query<'a, 't>(
    text: &'a mut MessageText<'t>,
    spans: &'a mut Spans,
    budget: &'a mut Budget,
) -> Query<'a, 't> {
    Query {
        host: b"h",
        text,
        newlines: false,
        spans,
        budget,
    }
}

/// About fifty rules, some of them in groups. Patterns that match nearly everything are left out:
/// no line would come to the rules behind them.
fn rules(random: &mut Random) -> Vec<Rule> {
    let mut text = b"set mailserver h\nset queue q f@x t@x [now]\n".to_vec();
    let mut open = 0;
    for _ in 0..50 {
        let pattern = bytes(&Grammar { random, groups: 0 }.pattern());
        let blank = pattern.first().is_none_or(u8::is_ascii_whitespace);
        let sound = Pattern::compile(&pattern).is_ok_and(|p| {
            ["", "error: a b", "sshd x"]
                .iter()
                .all(|s| p.is_match(s.as_bytes()) == Found::No)
        });
        if blank || !sound || pattern.contains(&b'\n') {
            continue;
        }
        let word: &[u8] = match random.below(10) {
            0 => b"group ",
            1..4 => b"trash ",
            _ => b"q ",
        };
        text.extend_from_slice(word);
        text.extend_from_slice(&pattern);
        text.push(b'\n');
        open += usize::from(word == b"group ");
        if open > 0 && random.percent(30) {
            text.extend_from_slice(b"group_end\n");
            open -= 1;
        }
    }
    text.extend_from_slice(&b"group_end\n".repeat(open));
    let loaded = tenshi::config::parse_bytes(&text);
    loaded.config.expect("good rules").rules
}
