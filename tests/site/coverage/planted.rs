//! Made configurations with planted rules that are of no use: each is named, and no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenshi::analysis::{Coverage, shadows};
use tenshi::config::parse_bytes;

use crate::support::random::Random;
use crate::support::{seed, torture};

/// What a planted rule is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// An honest one that takes lines of the log.
    Used,
    /// An honest one that no line of the log is for.
    Dead,
    /// The rule of this number takes all its lines; both may match the same lines.
    Shadowed { by: usize, equal: bool },
    /// Nothing that it matches gets into its group.
    Impossible,
    /// `group` or `group_end`.
    Group,
}

/// A part of a pattern: its forms that match the same texts, a form that matches fewer, and a text for it.
struct Part {
    same: &'static [&'static str],
    narrower: &'static str,
    text: &'static str,
}

const PARTS: [Part; 8] = [
    Part {
        same: &[r"\d+", "[0-9]+", "([[:digit:]]+)", r"(\d+)", r"\d\d*"],
        narrower: "[1-4]+",
        text: "42",
    },
    Part {
        same: &[r"\S+", r"(\S+)", r"[^\s]+", r"(?:\S)+"],
        narrower: r"(\w+)",
        text: "bob",
    },
    Part {
        same: &["(?:tcp|udp)", "(udp|tcp)", "(?:tc|ud)p"],
        narrower: "tcp",
        text: "tcp",
    },
    Part {
        same: &["x?", "(|x)", "(?:x|)"],
        narrower: "x",
        text: "x",
    },
    Part {
        same: &["[a-f]{2,4}", "([abcdef]{2,4})", "[a-f][a-f][a-f]?[a-f]?"],
        narrower: "[ab]{3}",
        text: "aab",
    },
    Part {
        same: &["(?i)up(?-i)", "[uU][pP]", "(?:up|uP|Up|UP)"],
        narrower: "up",
        text: "up",
    },
    Part {
        same: &[r"\w+-\d", r"([A-Za-z0-9_]+)-[0-9]"],
        narrower: r"eth-\d",
        text: "eth-1",
    },
    Part {
        same: &["a.c", "a(.)c", r"a[^\n]c"],
        narrower: r"a\.c",
        text: "a.c",
    },
];

/// A configuration that grows rule by rule.
#[derive(Default)]
struct Made {
    text: String,
    kinds: Vec<Kind>,
    log: String,
    words: usize,
}

/// An honest rule, from which others are made.
struct Base {
    number: usize,
    program: usize,
    word: String,
    parts: Vec<usize>,
    open: bool,
}

impl Base {
    /// The pattern of the rule, each part in the form that `form` gives, with this end.
    fn pattern(&self, form: &mut dyn FnMut(usize) -> &'static str, end: &str) -> String {
        let parts: Vec<&str> = self.parts.iter().map(|&part| form(part)).collect();
        format!("^p{}: {} {}{end}", self.program, self.word, parts.join(" "))
    }
}

fn same(random: &mut Random, part: usize) -> &'static str {
    let forms = PARTS[part].same;
    forms[random.below(forms.len())]
}

impl Made {
    fn rule(&mut self, random: &mut Random, pattern: &str, kind: Kind) -> usize {
        let target = random.pick(&["trash", "misc", "report", "misc,report:5", "report"]);
        self.text.push_str(&format!("{target} {pattern}\n"));
        self.kinds.push(kind);
        self.kinds.len() - 1
    }

    /// A rule with a word that no other has.
    fn base(&mut self, random: &mut Random, program: usize) -> Base {
        self.words += 1;
        let mut base = Base {
            number: self.kinds.len(),
            program,
            word: format!("word{}x", self.words),
            parts: (0..1 + random.below(3))
                .map(|_| random.below(PARTS.len()))
                .collect(),
            open: random.percent(50),
        };
        let end = if base.open { "" } else { "$" };
        let pattern = base.pattern(&mut |part| same(random, part), end);
        let kind = match random.percent(60) {
            true => Kind::Used,
            false => Kind::Dead,
        };
        base.number = self.rule(random, &pattern, kind);
        if kind == Kind::Used {
            let texts: Vec<&str> = base.parts.iter().map(|&part| PARTS[part].text).collect();
            for _ in 0..=random.below(3) {
                let (word, texts) = (&base.word, texts.join(" "));
                self.log
                    .push_str(&format!("Nov 23 21:44:00 h1 p{program}: {word} {texts}\n"));
            }
        }
        base
    }

    /// A rule to which no line can come, made from one before it.
    fn shadowed(&mut self, random: &mut Random, base: &Base, same_group: bool) {
        let end = if base.open { "" } else { "$" };
        let (pattern, equal) = match random.below(3) {
            0 => (base.pattern(&mut |part| same(random, part), end), true),
            1 if base.open => (
                base.pattern(&mut |part| same(random, part), " .*more"),
                false,
            ),
            _ => {
                let mut first = true;
                let mut form = |part: usize| match std::mem::take(&mut first) {
                    true => PARTS[part].narrower,
                    false => same(random, part),
                };
                (base.pattern(&mut form, end), false)
            }
        };
        let by = base.number;
        self.rule(
            random,
            &pattern,
            Kind::Shadowed {
                by,
                equal: equal && same_group,
            },
        );
    }

    fn group(&mut self, line: &str) {
        self.text.push_str(&format!("{line}\n"));
        if line.starts_with("group ") {
            self.kinds.push(Kind::Group);
        }
    }
}

/// Makes a configuration and its log.
fn make(random: &mut Random) -> Made {
    let mut made = Made::default();
    let mut left = Vec::new();
    for program in 0..2 + random.below(5) {
        let grouped = random.percent(60);
        if grouped {
            made.group(&format!("group ^p{program}:"));
        }
        let mut bases = Vec::new();
        for _ in 0..1 + random.below(5) {
            bases.push(made.base(random, program));
            while random.percent(30) {
                let at = random.below(bases.len());
                made.shadowed(random, &bases[at], true);
            }
            if grouped && random.percent(15) {
                let pattern = format!("^p{}: never", program + 1);
                made.rule(random, &pattern, Kind::Impossible);
            }
        }
        if grouped {
            made.group("group_end");
        }
        left.extend(bases.into_iter().map(|base| (base, !grouped)));
    }
    // Rules far behind, out of the groups of those that take their lines.
    while random.percent(60) {
        let at = random.below(left.len());
        let (base, same_group) = &left[at];
        made.shadowed(random, base, *same_group);
    }
    made
}

fn check(seed: u64) {
    let made = make(&mut Random::new(seed));
    let head = "set mailserver h\nset queue misc f@x t@x [now]\nset queue report f@x t@x [now]\n";
    let loaded = parse_bytes(format!("{head}{}", made.text).as_bytes());
    let config = Arc::new(
        loaded
            .config
            .unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)),
    );
    assert_eq!(config.rules.len(), made.kinds.len());
    let found = shadows(&config);
    let told = |text: &str| format!("seed {seed}: {text}\n{}", made.text);
    assert!(found.unchecked.is_empty(), "{}", told("unchecked"));
    assert!(
        found.near.is_empty(),
        "{}",
        told(&format!("{:?}", found.near))
    );
    let numbers = |is: &dyn Fn(&Kind) -> bool| -> BTreeSet<usize> {
        let kinds = made.kinds.iter().enumerate();
        kinds
            .filter(|(_, kind)| is(kind))
            .map(|(at, _)| at)
            .collect()
    };
    let impossible: BTreeSet<usize> = found.impossible.iter().map(|id| id.index()).collect();
    assert_eq!(
        impossible,
        numbers(&|kind| *kind == Kind::Impossible),
        "{}",
        told("impossible")
    );
    let shadowed: BTreeSet<usize> = found.shadowed.iter().map(|one| one.rule.index()).collect();
    let planted = numbers(&|kind| matches!(kind, Kind::Shadowed { .. }));
    assert_eq!(shadowed, planted, "{}", told("shadowed"));
    for one in &found.shadowed {
        let Kind::Shadowed { by, equal } = made.kinds[one.rule.index()] else {
            unreachable!();
        };
        // Another one in front may do as well: one that is made from the same rule.
        let other = made.kinds[one.by.index()];
        let related =
            one.by.index() == by || matches!(other, Kind::Shadowed { by: of, .. } if of == by);
        assert!(related, "{}", told(&format!("{one:?}")));
        assert!(
            one.equal || !equal,
            "{}",
            told(&format!("{one:?} is equal"))
        );
    }
    let now = chrono::NaiveDateTime::default();
    let mut coverage = Coverage::new(config, now);
    made.log
        .lines()
        .for_each(|line| coverage.take(line.as_bytes()));
    let rules = coverage.rules();
    let idle: BTreeSet<usize> = rules
        .filter(|(_, _, used)| used.lines == 0)
        .map(|(id, ..)| id.index())
        .collect();
    let want = numbers(&|kind| !matches!(kind, Kind::Used | Kind::Group));
    assert_eq!(idle, want, "{}", told("dead"));
    assert_eq!(coverage.unmatched(), 0, "{}", told("unmatched"));
}

#[test]
fn what_is_planted_is_named_and_nothing_else() {
    let first = seed(1);
    let runs = if torture() { 20_000 } else { 200 };
    for seed in first..first + runs {
        check(seed);
    }
}
