//! Lines as long as they may be (`set max_line`, 64 KiB), made to take long, against every pattern
//! that backtracks. Patterns for mails, which `spamassassin` has, are left out.

use std::path::Path;
use std::time::Duration;

use super::{CORPORA, fetch};
use crate::support::random::Random;
use crate::support::{seed, subjects, torture};
use tenshi::pattern::{Budget, Engine, Found, Pattern, Spans};

/// As long as a line may be; a build without optimization gets shorter ones, since it takes minutes.
const LENGTH: usize = if cfg!(debug_assertions) {
    4 << 10
} else {
    64 << 10
};
/// The number of patterns that need look-around and the like, at least.
const LEAST: usize = 25;

/// What is put between, before and behind, to the length of a line.
const FILLERS: [&[u8]; 3] = [b"a", b" ", b"x; "];

/// The patterns of a rule file.
pub fn patterns(text: &[u8]) -> Vec<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n');
    let rules = lines.filter(|line| !line.starts_with(b"#") && *line != b"group_end");
    let patterns = rules.filter_map(|line| {
        let blank = line.iter().position(|&byte| byte == b' ')?;
        Some(line[blank + 1..].trim_ascii_start().to_vec())
    });
    patterns.collect()
}

/// The patterns of our own rule files.
fn ours() -> Vec<Vec<u8>> {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("etc/includes-available");
    let files = std::fs::read_dir(files).unwrap();
    let texts = files.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let found: Vec<_> = texts.flat_map(|text| patterns(&text)).collect();
    assert!(found.len() > 600, "only {} rules", found.len());
    found
}

/// `piece` as often as it fits into `length` bytes.
fn many(piece: &[u8], length: usize) -> Vec<u8> {
    piece.iter().copied().cycle().take(length).collect()
}

/// A subject made as long as a line may be: the whole or a half of it again and again, and each
/// filler before it, behind it, and in it.
fn stretched(subject: &[u8], random: &mut Random) -> Vec<Vec<u8>> {
    let subject = &subject[..subject.len().min(1_000)];
    let mut lines = Vec::new();
    let (head, tail) = subject.split_at(random.below(subject.len() + 1));
    for again in [subject, head, tail, &[subject, b" "].concat()] {
        if !again.is_empty() {
            lines.push(many(again, LENGTH));
        }
    }
    let last = head.last().copied().unwrap_or(b'.');
    for filler in FILLERS.into_iter().chain([&[last][..]]) {
        let filler = many(filler, LENGTH - subject.len());
        lines.push([subject, &filler].concat());
        lines.push([&filler, subject].concat());
        lines.push([head, &filler, tail].concat());
    }
    lines
        .iter_mut()
        .for_each(|line| line.retain(|&b| b != b'\n'));
    lines
}

/// The time that this thread has had of a processor: others may be at work.
fn cpu() -> Duration {
    let clock = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
    nix::time::clock_gettime(clock).unwrap().into()
}

/// What the patterns of a source cost.
#[derive(Default)]
struct Costs {
    patterns: usize,
    pairs: usize,
    matched: usize,
    gave_up: Vec<String>,
    most: (u64, String),
    longest: (Duration, String),
}

impl Costs {
    fn take(&mut self, pattern: &Pattern, lines: &[Vec<u8>]) {
        self.patterns += 1;
        let name = || String::from_utf8_lossy(pattern.source()).into_owned();
        let mut given_up = 0;
        for line in lines {
            let (mut budget, begun) = (Budget::new(line.len()), cpu());
            let found = pattern.captures_within(line, false, &mut Spans::default(), &mut budget);
            let (steps, took) = (budget.spent(), cpu() - begun);
            self.pairs += 1;
            self.matched += usize::from(found == Found::Yes);
            given_up += usize::from(found == Found::GaveUp);
            if steps > self.most.0 {
                self.most = (steps, name());
            }
            if took > self.longest.0 {
                self.longest = (took, name());
            }
        }
        if given_up > 0 {
            self.gave_up.push(format!("{given_up} times: {}", name()));
        }
    }
}

#[test]
fn patterns_that_backtrack_decide_on_the_longest_lines() {
    let mut random = Random::new(seed(1));
    // Subjects that are stretched for each pattern.
    let times = if torture() { 4 } else { 1 };
    let corpora = CORPORA
        .iter()
        .filter(|corpus| corpus.package != "spamassassin");
    let sources = corpora.map(|corpus| {
        let regexes = (corpus.extract)(&fetch::package(corpus.package));
        (corpus.package, regexes)
    });
    let sources: Vec<_> = sources.chain([("ours", ours())]).collect();
    let (mut patterns, mut pairs, mut gave_up) = (0, 0, 0);
    for (name, mut regexes) in sources {
        regexes.sort_unstable();
        regexes.dedup();
        let mut costs = Costs::default();
        for regex in regexes {
            let Ok(pattern) = Pattern::compile(&regex) else {
                continue;
            };
            if pattern.engine() != Engine::Backtracking {
                continue;
            }
            let tree = pattern.tree();
            for _ in 0..times {
                let subject = subjects::from(&tree, &mut random);
                costs.take(&pattern, &stretched(&subject, &mut random));
            }
        }
        println!(
            "{name:<18} {} patterns, {} pairs ({} match), {} patterns given up; at most {} steps, {:?}",
            costs.patterns / times,
            costs.pairs,
            costs.matched,
            costs.gave_up.len(),
            costs.most.0,
            costs.longest.0,
        );
        println!("    most steps: {}", costs.most.1);
        println!("    longest: {}", costs.longest.1);
        for told in &costs.gave_up {
            println!("    given up {told}");
        }
        patterns += costs.patterns / times;
        pairs += costs.pairs;
        gave_up += costs.gave_up.len();
    }
    assert!(
        patterns > LEAST && pairs > 10 * patterns,
        "{patterns} patterns, {pairs} pairs"
    );
    // One of OpenLDAP's with a loop over nothing in a loop, for several lines at once.
    assert!(
        gave_up <= 1,
        "{gave_up} of {patterns} patterns are given up"
    );
}
