//! The index against the loop over all rules.

use super::super::decide;
use super::{Index, MOST_CANDIDATES, Query};
use crate::config::{Action, Rule, RuleId, parse_bytes};
use crate::pattern::{Budget, Spans};
use crate::random::Random;
use crate::record::MessageText;

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
    "(?i)(?:fail|ERROR login)",
    "root 12 (?:x|y)",
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
    "ROOT ",
    "Fail",
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
            0 => *random.pick(BEGINNINGS),
            _ => "",
        };
        let rest = (0..1 + random.below(3)).map(|_| *random.pick(PARTS));
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

/// Which rule the index has for a line, and the groups.
fn decided(
    index: &mut Index,
    rules: &[Rule],
    host: &[u8],
    text: &mut MessageText<'_>,
) -> (Option<RuleId>, Spans) {
    let mut spans = Spans::default();
    let newlines = text.message().contains(&b'\n');
    let query = Query {
        host,
        text,
        newlines,
        spans: &mut spans,
        budget: &mut Budget::new(0),
    };
    (index.decide(rules, query), spans)
}

/// Which rule takes each line.
fn taken(rules: &str, lines: &[&[u8]]) -> Vec<Option<u32>> {
    let text = format!("set mailserver h\nset queue q f@x t@x [now]\n{rules}");
    let rules = parse_bytes(text.as_bytes()).config.unwrap().rules;
    let mut index = Index::new(&rules);
    let mut decide = |line: &&[u8]| {
        let id = decided(&mut index, &rules, b"h", &mut MessageText::from(*line));
        id.0.map(|id| id.0)
    };
    lines.iter().map(&mut decide).collect()
}

#[test]
fn a_key_of_zeros_is_a_key() {
    let lines: [&[u8]; 3] = [b"x: other", b"x: \0\0\0y", b"x: \0\0\0z"];
    let rules = "q ^x: \\x00\\x00\\x00y\n";
    assert_eq!(taken(rules, &lines), [None, Some(0), None]);
    assert_eq!(taken(rules, &[lines[1], lines[0]]), [Some(0), None]);
}

#[test]
fn a_line_with_newlines_gets_past_what_takes_all_others() {
    let lines: [&[u8]; 3] = [b"a\nc", b"b\nx", b"b"];
    let rules = "q ^.*$\nq ^b\nq c$\n";
    assert_eq!(taken(rules, &lines), [Some(2), Some(1), Some(0)]);
}

#[test]
fn kinds_of_lines_do_not_pile_up() {
    let rules: String = (0..300).map(|n| format!("q word{n}\n")).collect();
    let text = format!("set mailserver h\nset queue q f@x t@x [now]\nq ^sshd\\S*: foo\n{rules}");
    let rules = parse_bytes(text.as_bytes()).config.unwrap().rules;
    let mut index = Index::new(&rules);
    for number in 0..2_000 {
        let line = format!("sshd{number}: x");
        let mut text = MessageText::from(line.as_bytes());
        assert_eq!(decided(&mut index, &rules, b"h", &mut text).0, None);
        let all = index.candidates.len();
        assert!(all <= MOST_CANDIDATES + rules.len(), "{all}");
    }
    assert!(index.lists.len() < 400, "{}", index.lists.len());
}

#[test]
fn it_decides_as_a_loop_over_all_rules_does() {
    let (mut compared, mut taken, mut hidden) = (0, 0, 0);
    for seed in 1..=600_u64 {
        let mut random = Random::new(seed);
        let rules = match random.below(2) {
            0 => rules(&mut random, 8),
            _ => rules(&mut random, 60),
        };
        let mut index = Index::new(&rules);
        for _ in 0..60 {
            let mut line: String = (0..random.below(7)).map(|_| *random.pick(WORDS)).collect();
            if random.percent(50) {
                let id = *random.pick(&["[1]: ", "[12345678]: ", "[x]: "]);
                line = line.replacen(": ", id, 1);
            }
            // As an element of a Redis list may hold.
            if random.below(10) == 0 {
                line += *random.pick(&["\n", "\nx ", "\nfail"]);
            }
            let host = random.pick(&["h1", "h2", "h3"]);
            let mut one = Spans::default();
            let host = host.as_bytes();
            let mut room = Vec::new();
            let mut text = MessageText::new(line.as_bytes(), true, &mut room);
            let mut other_room = Vec::new();
            let mut whole = MessageText::new(line.as_bytes(), true, &mut other_room);
            hidden += usize::from(whole.message().len() < line.len());
            let line = whole.message();
            let want = decide(&rules, host, line, &mut one, &mut Budget::default());
            let (got, other) = decided(&mut index, &rules, host, &mut text);
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
