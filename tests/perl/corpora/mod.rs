//! The patterns that Debian ships for log monitors, against the system's `perl`, on lines made from
//! each pattern, on damaged ones, and on lines as programs write them.
//!
//! The packages are fetched into `tests/.cache` and never committed. The seed is printed;
//! `TENSHI_SEED` sets it. `TENSHI_TORTURE=1` tries each pattern on eight times as many lines.

mod extract;
mod fetch;
mod lines;
mod long;

use std::path::Path;

use crate::support::patterns::{Case, Outcome, Tally, compare};
use crate::support::random::Random;
use crate::support::{seed, subjects, torture};
use tenshi::config;
use tenshi::pattern::{Budget, Pattern, Spans};
use tenshi::record::{self, MessageText, Parsed};

/// A Debian package with patterns in it.
struct Corpus {
    package: &'static str,
    extract: fn(&Path) -> Vec<Vec<u8>>,
    /// The number of different patterns that are found, at least.
    least: usize,
}

const CORPORA: [Corpus; 5] = [
    Corpus {
        package: "logcheck-database",
        extract: extract::logcheck,
        least: 1_500,
    },
    Corpus {
        package: "logwatch",
        extract: extract::logwatch,
        least: 2_000,
    },
    Corpus {
        package: "fail2ban",
        extract: extract::fail2ban,
        least: 200,
    },
    Corpus {
        package: "spamassassin",
        extract: extract::spamassassin,
        least: 1_000,
    },
    Corpus {
        package: "tenshi",
        extract: extract::tenshi,
        least: 80,
    },
];

fn cases(regexes: Vec<Vec<u8>>, usual: &[Vec<u8>], times: usize, random: &mut Random) -> Vec<Case> {
    let mut case = |regex: Vec<u8>| {
        Case::new(regex, |ours| {
            let pick = |_| random.pick(usual).clone();
            let mut subjects: Vec<Vec<u8>> = (0..10 * times).map(pick).collect();
            let trees = ours.iter().map(Pattern::tree).cycle().take(6 * times);
            for (at, tree) in trees.enumerate() {
                let mut subject = subjects::from(&tree, random);
                if at % 2 == 1 {
                    subjects::damage(&mut subject, random);
                }
                subject.retain(|byte| *byte != b'\n');
                subjects.push(subject);
            }
            subjects
        })
    };
    regexes.into_iter().map(&mut case).collect()
}

fn row(name: &str, tally: &Tally) -> String {
    let refused: usize = tally.refused.values().sum();
    format!(
        "{name:<18} {:>6} patterns, {refused} refused; {:>7} pairs: {:>7} same ({} match), {} loop, \
         {} given up, {} too slow for perl, {} different",
        tally.patterns,
        tally.counts.values().sum::<usize>(),
        tally.count(Outcome::Same),
        tally.matched,
        tally.count(Outcome::Loop),
        tally.count(Outcome::GaveUp),
        tally.count(Outcome::Slow),
        tally.count(Outcome::Different),
    )
}

#[test]
fn the_patterns_that_debian_ships_match_what_they_match_in_perl() {
    let times = if torture() { 8 } else { 1 };
    let mut random = Random::new(seed(1));
    let usual = lines::usual(400, &mut random);
    let (mut faults, mut compared) = (Vec::new(), 0);
    for corpus in CORPORA {
        let mut regexes = (corpus.extract)(&fetch::package(corpus.package));
        regexes.sort_unstable();
        regexes.dedup();
        // An empty pattern is another thing in Perl: the one that matched last.
        regexes.retain(|regex| !regex.is_empty());
        let found = regexes.len();
        assert!(
            found >= corpus.least,
            "{}: only {found} patterns",
            corpus.package
        );
        let tally = compare(&cases(regexes, &usual, times, &mut random));
        println!("{}", row(corpus.package, &tally));
        for (why, count) in &tally.refused {
            println!("    {count} refused: {why}");
        }
        for told in &tally.told {
            println!("    {}", told.chars().take(400).collect::<String>());
        }
        let pairs: usize = tally.counts.values().sum();
        assert!(tally.patterns * 16 * times <= pairs + 10 * found * times);
        assert!(
            tally.matched * 10 > pairs,
            "{}: few pairs match",
            corpus.package
        );
        let refused: usize = tally.refused.values().sum();
        let told = tally.count(Outcome::Different) + tally.count(Outcome::Loop);
        let lost = tally.count(Outcome::GaveUp) + tally.count(Outcome::Slow);
        if told > 0 || lost * 1_000 > pairs || refused * 200 > found {
            faults.push(row(corpus.package, &tally));
        }
        compared += pairs;
    }
    assert!(compared > 80_000 * times, "only {compared} pairs");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The messages of a log, as rules see them.
fn messages(log: &Path) -> Vec<Vec<u8>> {
    let text = b"set mailserver h\nset hidepid on\n";
    let config = config::parse_bytes(text).config.unwrap();
    let text = std::fs::read(log).unwrap();
    let lines = text.split(|&byte| byte == b'\n');
    let messages = lines.filter_map(|line| {
        let (mut spans, mut budget) = (Spans::default(), Budget::new(line.len()));
        match record::parse(line, &config.lines, &mut spans, &mut budget) {
            Parsed::Record(record) => {
                let mut room = Vec::new();
                let mut text = MessageText::new(&record.message, true, &mut room);
                Some(text.message().to_vec())
            }
            Parsed::NoPrefix | Parsed::NoHost => None,
        }
    });
    messages.collect()
}

/// Each rule file of ours on its own sample lines, and on the sample lines of the file behind it.
#[test]
fn our_own_rules_take_in_perl_what_they_take_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(root.join("etc/includes-available")).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let samples = files.iter().map(|file| {
        let name = format!("{}.log", file.file_name().unwrap().to_str().unwrap());
        messages(&root.join("tests/rules").join(name))
    });
    let samples: Vec<_> = samples.collect();
    let mut cases = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let next = &samples[(at + 1) % samples.len()];
        let subjects = [&samples[at][..], next].concat();
        for regex in long::patterns(&std::fs::read(file).unwrap()) {
            cases.push(Case::new(regex, |_| subjects.clone()));
        }
    }
    let tally = compare(&cases);
    println!("{}", row("ours", &tally));
    assert!(tally.patterns > 600, "{} patterns", tally.patterns);
    assert!(tally.refused.is_empty(), "{:?}", tally.refused);
    let pairs: usize = tally.counts.values().sum();
    assert_eq!(tally.count(Outcome::Same), pairs, "{:?}", tally.told);
}
