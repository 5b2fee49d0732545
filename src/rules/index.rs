//! The index in front of the rules: which of them can match a line at all.
//!
//! Most rules begin `^prog: `, and a line has one first word: a table of first words gives the few
//! rules that are left. Of those, most hold some literal that every match must contain; one pass of
//! an Aho–Corasick automaton over the line tells which are there. The index may only leave out what
//! cannot match: what it decides is what a loop over all rules would decide.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use memchr::memmem;

use super::{id, matches};
use crate::config::{Action, Rule, RuleId};
use crate::pattern::{Found, Pattern, Spans};

/// With fewer rules, each is looked at in turn.
const FEW: usize = 12;

/// The index of a list of rules.
#[derive(Debug)]
pub struct Index {
    /// The rules that may match a line with this first word.
    words: HashMap<Vec<u8>, Bucket>,
    /// The rules that may match any other line.
    others: Bucket,
    /// What is known of each rule.
    facts: Vec<Facts>,
}

#[derive(Debug)]
struct Facts {
    /// The subject begins with these bytes.
    start: Vec<u8>,
    /// The subject holds one of these somewhere, if there are any.
    inside: Vec<memmem::Finder<'static>>,
    /// The group that the rule stands in.
    group: Option<usize>,
}

/// Rules in their order.
#[derive(Debug, Default)]
struct Bucket {
    rules: Vec<usize>,
    scan: Option<Scan>,
}

/// Finds the rules of a large bucket whose literals are there.
#[derive(Debug)]
struct Scan {
    automaton: AhoCorasick,
    /// The places in the bucket of the rules that each literal stands for.
    owners: Vec<Vec<u32>>,
    /// Rules without a literal, a bit each.
    always: Vec<u64>,
}

/// Memory that is used again for each line.
#[derive(Debug, Default)]
pub struct Room {
    /// The rules of the bucket that are to be tried, a bit each.
    wanted: Vec<u64>,
    /// Whether each group was entered by this line; known if its stamp is this line's.
    groups: Vec<(u64, bool)>,
    stamp: u64,
}

impl Index {
    /// Makes the index of these rules.
    pub fn new(rules: &[Rule]) -> Self {
        let facts = facts(rules);
        let mut words: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            if is_group(rule) {
                continue;
            }
            match known_word(&facts, at) {
                Some(word) => words.entry(word.to_vec()).or_default().push(at),
                None => others.push(at),
            }
        }
        let mut buckets = HashMap::new();
        for (word, mut own) in words {
            own.extend_from_slice(&others);
            own.sort_unstable();
            buckets.insert(word, Bucket::new(own, &facts));
        }
        Self {
            words: buckets,
            others: Bucket::new(others, &facts),
            facts,
        }
    }

    /// Which rule takes a line: see [`super::decide`], which this never differs from.
    pub fn decide(
        &self,
        rules: &[Rule],
        host: &[u8],
        message: &[u8],
        spans: &mut Spans,
        room: &mut Room,
        gave_up: &mut Vec<Pattern>,
    ) -> Option<RuleId> {
        let bucket = self.words.get(first_word(message)).unwrap_or(&self.others);
        room.stamp += 1;
        room.groups.resize(rules.len(), (0, false));
        let mut line = Line {
            index: self,
            rules,
            host,
            message,
            spans,
            gave_up,
        };
        let Some(scan) = &bucket.scan else {
            let mut own = bucket.rules.iter();
            return own
                .find(|&&at| line.takes(at, false, room))
                .and_then(|&at| id(at));
        };
        scan.want(message, &mut room.wanted);
        for word in 0..room.wanted.len() {
            let mut bits = room.wanted[word];
            while bits != 0 {
                let place = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(&at) = bucket.rules.get(place) else {
                    break;
                };
                if line.takes(at, true, room) {
                    return id(at);
                }
            }
        }
        None
    }
}

/// A line on its way through the rules.
struct Line<'a> {
    index: &'a Index,
    rules: &'a [Rule],
    host: &'a [u8],
    message: &'a [u8],
    spans: &'a mut Spans,
    gave_up: &'a mut Vec<Pattern>,
}

impl Line<'_> {
    /// Whether this rule takes the line; `scanned` when its literal is known to be there.
    fn takes(&mut self, at: usize, scanned: bool, room: &mut Room) -> bool {
        let (Some(rule), Some(facts)) = (self.rules.get(at), self.index.facts.get(at)) else {
            return false;
        };
        let possible =
            self.message.starts_with(&facts.start) && (scanned || facts.may_hold(self.message));
        if !possible || !facts.group.is_none_or(|group| self.enters(group, room)) {
            return false;
        }
        match rule.action {
            Action::Trash => matches(&rule.pattern, self.message, self.gave_up),
            Action::Repeat | Action::Queues(_) => {
                match rule.pattern.captures(self.message, self.spans) {
                    Found::Yes => true,
                    Found::No => false,
                    Found::GaveUp => {
                        self.gave_up.push(rule.pattern.clone());
                        false
                    }
                }
            }
            Action::Group { .. } | Action::GroupHost { .. } => false,
        }
    }

    /// Whether the line gets into this group, and so into those around it.
    fn enters(&mut self, group: usize, room: &mut Room) -> bool {
        if let Some(&(stamp, entered)) = room.groups.get(group)
            && stamp == room.stamp
        {
            return entered;
        }
        let (Some(rule), Some(facts)) = (self.rules.get(group), self.index.facts.get(group)) else {
            return false;
        };
        let entered = facts.group.is_none_or(|outer| self.enters(outer, room)) && {
            let subject = match rule.action {
                Action::GroupHost { .. } => self.host,
                _ => self.message,
            };
            subject.starts_with(&facts.start)
                && facts.may_hold(subject)
                && matches(&rule.pattern, subject, self.gave_up)
        };
        if let Some(known) = room.groups.get_mut(group) {
            *known = (room.stamp, entered);
        }
        entered
    }
}

impl Facts {
    fn may_hold(&self, subject: &[u8]) -> bool {
        self.inside.is_empty()
            || self
                .inside
                .iter()
                .any(|bytes| bytes.find(subject).is_some())
    }
}

impl Bucket {
    fn new(rules: Vec<usize>, facts: &[Facts]) -> Self {
        let scan = (rules.len() > FEW)
            .then(|| Scan::new(&rules, facts))
            .flatten();
        Self { rules, scan }
    }
}

impl Scan {
    fn new(rules: &[usize], facts: &[Facts]) -> Option<Self> {
        let mut owners: HashMap<&[u8], Vec<u32>> = HashMap::new();
        let mut always = vec![0_u64; rules.len().div_ceil(64)];
        for (place, &at) in rules.iter().enumerate() {
            let inside = &facts.get(at)?.inside;
            if inside.is_empty() {
                always[place / 64] |= 1 << (place % 64);
            }
            for literal in inside {
                owners
                    .entry(literal.needle())
                    .or_default()
                    .push(u32::try_from(place).ok()?);
            }
        }
        let (literals, owners): (Vec<&[u8]>, Vec<Vec<u32>>) = owners.into_iter().unzip();
        // A dense automaton takes a step a byte; where it would be too large, the library's choice.
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(kind)
                .build(&literals)
        };
        let total: usize = literals.iter().map(|bytes| bytes.len()).sum();
        let kind = (total < 20_000).then_some(AhoCorasickKind::DFA);
        let automaton = build(kind).or_else(|_| build(None)).ok()?;
        Some(Self {
            automaton,
            owners,
            always,
        })
    }

    /// Sets the bits of the rules that are to be tried on this line.
    fn want(&self, message: &[u8], wanted: &mut Vec<u64>) {
        wanted.clear();
        wanted.extend_from_slice(&self.always);
        for found in self.automaton.find_overlapping_iter(message) {
            for &place in &self.owners[found.pattern().as_usize()] {
                wanted[place as usize / 64] |= 1 << (place % 64);
            }
        }
    }
}

fn facts(rules: &[Rule]) -> Vec<Facts> {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut facts = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        open.retain(|&(_, end)| at < end);
        let needs = rule.pattern.needs();
        let finder = |bytes: &Vec<u8>| memmem::Finder::new(bytes).into_owned();
        // What the start holds already needs no second look.
        let inside = match needs.inside.as_slice() {
            [only] if memmem::find(&needs.start, only).is_some() => Vec::new(),
            all => all.iter().map(finder).collect(),
        };
        facts.push(Facts {
            start: needs.start,
            inside,
            group: open.last().map(|&(group, _)| group),
        });
        if let Action::Group { end } | Action::GroupHost { end } = rule.action {
            open.push((at, end));
        }
    }
    facts
}

fn is_group(rule: &Rule) -> bool {
    matches!(rule.action, Action::Group { .. } | Action::GroupHost { .. })
}

/// What ends a first word.
fn ends_word(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The first word of a message.
fn first_word(message: &[u8]) -> &[u8] {
    let end = message
        .iter()
        .position(|&b| ends_word(b))
        .unwrap_or(message.len());
    &message[..end]
}

/// The first word of every line that the rule can match, if its own start has a whole word.
fn known_word(facts: &[Facts], at: usize) -> Option<&[u8]> {
    let start = &facts.get(at)?.start;
    let end = start.iter().position(|&b| ends_word(b))?;
    Some(&start[..end])
}

#[cfg(test)]
mod tests {
    use super::super::decide;
    use super::*;
    use crate::config::parse_bytes;

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
    ];
    const WORDS: &[&str] = &[
        "sshd: ", "su: ", "cron: ", "fail ", "error ", "login", "root ", "12 ", "x ", "y", "xx",
        "for ", "from ", "a", "b", "sshd",
    ];

    fn rules(random: &mut Random, count: usize) -> Vec<Rule> {
        let mut text = String::from("set mailserver h\nset queue q f@x t@x [now]\n");
        let mut open = 0;
        for _ in 0..count {
            let pattern: String = (0..1 + random.below(3))
                .map(|_| random.pick(PARTS))
                .collect();
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
        let (mut compared, mut taken) = (0, 0);
        for seed in 1..=100_u64 {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let rules = match random.below(2) {
                0 => rules(&mut random, 8),
                _ => rules(&mut random, 60),
            };
            let (index, mut room) = (Index::new(&rules), Room::default());
            for _ in 0..60 {
                let line: String = (0..random.below(7)).map(|_| random.pick(WORDS)).collect();
                let host = random.pick(&["h1", "h2", "h3"]);
                let (mut one, mut other) = (Spans::default(), Spans::default());
                let mut gave_up = Vec::new();
                let (host, line) = (host.as_bytes(), line.as_bytes());
                let want = decide(&rules, host, line, &mut one, &mut gave_up);
                let got = index.decide(&rules, host, line, &mut other, &mut room, &mut gave_up);
                assert_eq!(got, want, "seed {seed}: {:?}", bstr::BStr::new(line));
                let kept = want.and_then(|id| rules.get(id.index()));
                if kept.is_some_and(|rule| rule.action != Action::Trash) {
                    assert_eq!(one, other, "seed {seed}");
                }
                compared += 1;
                taken += usize::from(want.is_some());
            }
        }
        assert_eq!(compared, 6_000);
        assert!(taken > 1_000, "only {taken} lines were taken by a rule");
    }
}
