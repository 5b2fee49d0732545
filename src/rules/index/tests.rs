//! The index against the loop over all rules.

use super::super::decide;
use super::Index;
use crate::config::{Action, Rule, parse_bytes};
use crate::pattern::Spans;
use crate::record::Text;

/// A small generator: the same seed gives the same rules and lines.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PARTS: &[&str] = &[
    "^sshd: ",
    "^su",
    "^cron: (\\S+) ",
    "^",
    "fail",
    "(\\d+)",
    "(.+) ",
    "err(?:or)?",
    "a|b",
    "[xy]z",
    "(?i)Root",
    "login$",
    "\\bx\\b",
    "(?=fail)",
    "(?!y)",
    "for (\\S+) from",
    "^(?:sshd|su): ",
    ".*",
    "x{2}",
    "(a+)?b",
    "^sshd: fail",
    "^kernel:(?: \\[ *\\d+\\.\\d+\\])? (?:usb|fail) ",
    "^kernel: \\[[ 0-9.]+\\] usb x",
    "^\\S+ (?:fail|login) x",
    "^sshd(?:-x)?: ",
    "^(?:su|k\\S+): \\[",
    "usb (\\S*) ",
    "(?: x)*",
];
/// Beginnings with a process id, and others that more rules should have.
const BEGINNINGS: &[&str] = &[
    "^sshd\\[\\d+\\]: ",
    "^sshd\\[\\d{1,2}\\]: fail",
    "^sshd\\[[0-9a-f]+\\]: (fail|x) ",
    "^su(\\[\\d+\\])?: ",
    "^(?:sshd|su)\\[\\d+\\]: fail ",
    "^(sshd|su)(?:\\[\\d+\\])?: ",
    "^sshd\\[1\\]: ",
    "^sshd\\[.+\\]: ",
    "^\\S+\\[\\d+\\]: error ",
    "^sshd(?:-x)?(?:\\[\\d+\\])?: f",
    "^kernel: ",
    "^su:  ",
    "^su: (.+) ",
];
const WORDS: &[&str] = &[
    "sshd: ",
    "su: ",
    "cron: ",
    "fail ",
    "error ",
    "login",
    "root ",
    "12 ",
    "x ",
    "y",
    "xx",
    "for ",
    "from ",
    "a",
    "b",
    "sshd",
    "kernel: ",
    "[ 12.3] ",
    "[1.2] ",
    "[] ",
    "usb ",
    "sshd-x: ",
    "-",
    " ",
    "sshd[1]: ",
    "sshd[12345678]: ",
    "su[12]: ",
    "sshd-x[1]: ",
    "sshd[",
    "]: ",
    "su:",
];

fn rules(random: &mut Random, count: usize) -> Vec<Rule> {
    let mut text = String::from("set mailserver h\nset queue q f@x t@x [now]\n");
    let mut open = 0;
    for _ in 0..count {
        let begin = match random.below(2) {
            0 => random.pick(BEGINNINGS),
            _ => "",
        };
        let rest = (0..1 + random.below(3)).map(|_| random.pick(PARTS));
        let pattern = begin.to_owned() + &rest.collect::<String>();
        let word = match random.below(12) {
            0 => "group",
            1 => "group_host",
            2..5 => "trash",
            _ => "q",
        };
        let pattern = if word == "group_host" {
            "h[12]".to_owned()
        } else {
            pattern
        };
        text += &format!("{word} {pattern}\n");
        open += usize::from(word.starts_with("group"));
        if open > 0 && random.below(4) == 0 {
            text += "group_end\n";
            open -= 1;
        }
    }
    let config = parse_bytes(text.as_bytes()).config;
    config.map(|c| c.rules).unwrap_or_default()
}

#[test]
fn it_decides_as_a_loop_over_all_rules_does() {
    let (mut compared, mut taken, mut hidden) = (0, 0, 0);
    for seed in 1..=600_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let rules = match random.below(2) {
            0 => rules(&mut random, 8),
            _ => rules(&mut random, 60),
        };
        let mut index = Index::new(&rules);
        for _ in 0..60 {
            let mut line: String = (0..random.below(7)).map(|_| random.pick(WORDS)).collect();
            if random.below(2) == 0 {
                line = line.replacen(": ", random.pick(&["[1]: ", "[12345678]: ", "[x]: "]), 1);
            }
            let host = random.pick(&["h1", "h2", "h3"]);
            let (mut one, mut other) = (Spans::default(), Spans::default());
            let mut gave_up = Vec::new();
            let host = host.as_bytes();
            let mut room = Vec::new();
            let text = Text::hidden(line.as_bytes(), &mut room);
            hidden += usize::from(text.message.len() < line.len());
            let line = text.message;
            let want = decide(&rules, host, line, &mut one, &mut gave_up);
            let got = index.decide(&rules, host, text, false, &mut other, &mut gave_up);
            assert_eq!(got, want, "seed {seed}: {:?}", bstr::BStr::new(line));
            let kept = want.and_then(|id| rules.get(id.index()));
            if kept.is_some_and(|rule| rule.action != Action::Trash) {
                // The whole match is of no use to anybody.
                let groups = |spans: &Spans| spans.0.iter().skip(1).copied().collect::<Vec<_>>();
                assert_eq!(groups(&one), groups(&other), "seed {seed}");
            }
            compared += 1;
            taken += usize::from(want.is_some());
        }
    }
    assert_eq!(compared, 36_000);
    assert!(taken > 6_000, "only {taken} lines were taken by a rule");
    assert!(hidden > 2_000, "only {hidden} lines had a process id");
}
