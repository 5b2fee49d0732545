//! Rotation by hand: the commands of scripts and administrators, in a shell, on real files. Every
//! line has a number, and each must come exactly once.

use std::process::Command;
use std::thread;

use super::*;

/// A way of rotating, and what it does to the lines that nobody has read yet.
struct Way {
    name: &'static str,
    /// The commands, one after the other; the log is `log`.
    steps: &'static [&'static str],
    kind: Kind,
    /// Whether hours pass after each rotation, so that its writer has let go of what was renamed.
    hours: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Every line is somewhere.
    Keeps,
    /// Lines that were not read are gone without a trace: they are read before.
    Destroys,
    /// Old lines are changed, which were read before.
    Edits,
}

const fn way(name: &'static str, steps: &'static [&'static str]) -> Way {
    Way {
        name,
        steps,
        kind: Kind::Keeps,
        hours: false,
    }
}

const fn destroying(name: &'static str, steps: &'static [&'static str]) -> Way {
    let kind = Kind::Destroys;
    Way {
        kind,
        ..way(name, steps)
    }
}

const fn editing(name: &'static str, steps: &'static [&'static str]) -> Way {
    let kind = Kind::Edits;
    Way {
        kind,
        ..way(name, steps)
    }
}

const WAYS: &[Way] = &[
    way(
        "renamed",
        &["[ ! -f log.1 ] || mv log.1 log.2; mv log log.1", ": > log"],
    ),
    way("renamed over the one before", &["mv log log.1", ": > log"]),
    way("copied over the one before", &["cp log log.1", ": > log"]),
    way(
        "copied by two names",
        &[
            "[ ! -f log.1 ] || cp log.1 log.2",
            "cp log log.1",
            ": > log",
        ],
    ),
    way("added to one file", &["cat log >> log.old", ": > log"]),
    way(
        "added in two parts",
        &[
            "head -c 70 log >> log.old",
            "tail -c +71 log >> log.old",
            ": > log",
        ],
    ),
    way(
        "added to one of the month",
        &["cat log >> log-20261$((ROUND / 3))", ": > log"],
    ),
    Way {
        hours: true,
        ..way(
            "renamed, and added from then on",
            &[
                "if [ -f log.old ]; then cat log >> log.old; else mv log log.old; fi",
                ": > log",
            ],
        )
    },
    way(
        "added to one that was there, renamed in turn",
        &[
            "[ ! -f log.2 ] || cat log.2 >> log.3",
            "[ ! -f log.1 ] || mv log.1 log.2",
            "cat log >> log.1",
            ": > log",
        ],
    ),
    way(
        "its beginning copied",
        &["head -c 1000000 log > log.1", ": > log"],
    ),
    way(
        "copied with its time",
        &["cp -p log log.bak", "truncate -s0 log"],
    ),
    way(
        "copied by dd",
        &["dd if=log of=log.save status=none", "cp /dev/null log"],
    ),
    way("packed aside", &["gzip -c log > log.1.gz", ": > log"]),
    way(
        "packed under its name",
        &["gzip -c log > log.gz", ": > log"],
    ),
    way("packed and added", &["gzip -c log >> log.1.gz", ": > log"]),
    way(
        "renamed and packed",
        &["mv log log.1; : > log", "gzip -f log.1"],
    ),
    way("packed aside by xz", &["xz -c log > log.1.xz", ": > log"]),
    way(
        "packed aside by zstd under the name of gzip",
        &["zstd -qc log > log.1.gz", ": > log"],
    ),
    way(
        "packed under its name by bzip2",
        &["bzip2 -c log > log.bz2", ": > log"],
    ),
    way(
        "packed by xz and added",
        &["xz -c log >> log.1.xz", ": > log"],
    ),
    way(
        "packed by zstd and added",
        &["zstd -qc log >> log.1.zst", ": > log"],
    ),
    way(
        "packed by bzip2 and added",
        &["bzip2 -c log >> log.1.bz2", ": > log"],
    ),
    way(
        "renamed and packed by zstd",
        &["mv log log.1; : > log", "zstd -q --rm -f log.1"],
    ),
    way(
        "moved away",
        &[
            "mkdir -p old; [ ! -f old/log.1 ] || mv old/log.1 old/log.2; mv log old/log.1",
            ": > log",
        ],
    ),
    way(
        "copied away",
        &["mkdir -p old; cp log old/log.1", ": > log"],
    ),
    way(
        "added away",
        &["mkdir -p old; cat log >> old/log.old", ": > log"],
    ),
    way(
        "moved away and packed",
        &[
            "mkdir -p old; mv log old/log.1; : > log",
            "gzip -f old/log.1",
        ],
    ),
    way(
        "packed away and added",
        &["mkdir -p old; zstd -qc log >> old/log.1.zst", ": > log"],
    ),
    way(
        "dated away",
        &["mkdir -p old; mv log old/log-20261124-$ROUND", ": > log"],
    ),
    way("linked", &["ln -f log log.1", "rm log; : > log"]),
    way("copied and removed", &["cp log log.1", "rm log", ": > log"]),
    way("dated copies", &["cp log log-20261124-$ROUND", ": > log"]),
    way("dated", &["mv log log-20261124-$ROUND", ": > log"]),
    way(
        "renamed and added",
        &["mv log log.1; : > log", "cat log.1 >> log.old; rm log.1"],
    ),
    way(
        "renamed, copied back, emptied",
        &["mv log log.1; cp log.1 log; : > log"],
    ),
    way("replaced", &["cp log .log.X; mv .log.X log"]),
    way(
        "replaced and added",
        &["cp -p log .log.X; seq -f new-$ROUND-%g 3 >> .log.X; mv .log.X log"],
    ),
    destroying("emptied", &[": > log"]),
    destroying("removed", &["rm log", ": > log"]),
    editing(
        "its first lines cut in place",
        &["tail -n 4 log > tmp; cat tmp > log"],
    ),
    editing(
        "its first lines cut by another",
        &["tail -n 4 log > tmp; mv tmp log"],
    ),
    editing("its first lines deleted by sed", &["sed -i 1,2d log"]),
    editing("a line edited by sed", &["sed -i '2s/line/lime/' log"]),
    editing("replaced in place", &["cp log tmp; cat tmp > log"]),
];

/// When the follower looks, and when it does not live.
#[derive(Clone, Copy, PartialEq, Debug)]
enum When {
    /// Before the rotation and after all of it.
    Around,
    /// After each command of it.
    Between,
    /// After it alone: some of the lines were not read before.
    After,
    /// After it, and hours after the rotation before: what was rotated was let go.
    Rarely,
    /// After a restart: it was down meanwhile.
    Down,
    /// Before, and again after a restart.
    AroundDown,
    /// After each command, and after a restart after it.
    BetweenDown,
    /// After each command. After this number of commands the follower is killed, and goes on from what it kept before
    /// the rotation.
    Killed(usize),
}

const WHEN: [When; 10] = [
    When::Around,
    When::Between,
    When::After,
    When::Rarely,
    When::Down,
    When::AroundDown,
    When::BetweenDown,
    When::Killed(1),
    When::Killed(2),
    When::Killed(3),
];

fn shell(w: &World, round: usize, command: &str) {
    let done = Command::new("sh")
        .args(["-ec", command])
        .current_dir(w.log.parent().unwrap())
        .env("ROUND", round.to_string())
        .status();
    assert!(done.unwrap().success(), "{command}");
}

/// Rotates once.
fn rotate(w: &mut World, way: &Way, when: When, round: usize) {
    let kept = (w.lines.len(), w.checkpoints.clone());
    for (n, step) in way.steps.iter().enumerate() {
        shell(w, round, step);
        match when {
            When::Between | When::Killed(_) => w.scan(),
            When::BetweenDown => {
                w.scan();
                w.start();
            }
            _ => {}
        }
        if when == When::Killed(n + 1) {
            w.lines.truncate(kept.0);
            w.checkpoints.clone_from(&kept.1);
            w.start();
        }
    }
}

/// Rotates five times in this way, and gives the lines that came too often or not at all. `before` are the
/// rotated files that are there before the first start.
fn faults(way: &Way, when: When, long: usize, before: &[&str]) -> Option<String> {
    let mut w = World::new();
    w.olddirs = vec!["old".into()];
    for suffix in before {
        let text = "x".repeat(long);
        w.append(
            &w.rotated(suffix),
            &format!("an old line {text} of {suffix}\n"),
        );
    }
    w.append(&w.log, "line 0 was there before\n");
    w.start();
    let (mut want, mut hours) = (Vec::new(), 0);
    for round in 1..=5 {
        let lines = |part| {
            let lines = (0..3).map(|n| {
                let text = "x".repeat(n * 9 + long);
                format!("line {round} {part} {n} {text} {}", round * 10 + n)
            });
            lines.collect::<Vec<_>>()
        };
        let mut add = |w: &World, lines: Vec<String>| {
            w.append(&w.log, &format!("{}\n", lines.join("\n")));
            want.extend(lines);
        };
        add(&w, lines("a"));
        if way.kind != Kind::Keeps || !matches!(when, When::After | When::Down) || round % 2 == 0 {
            w.scan();
        }
        if way.kind != Kind::Destroys && matches!(when, When::After | When::Down | When::Rarely) {
            add(&w, lines("b"));
        }
        if matches!(when, When::Down | When::AroundDown) {
            w.follower = None;
        }
        rotate(&mut w, way, when, round);
        if way.name == "replaced and added" {
            want.extend((1..=3).map(|n| format!("new-{round}-{n}")));
        }
        match when {
            When::Down | When::AroundDown => w.start(),
            When::Rarely => {
                w.scan();
                hours += 2;
                w.scan_at(hours);
            }
            _ => w.scan(),
        }
        if way.hours {
            hours += 2;
            w.scan_at(hours);
        }
    }
    let fault = fault_of(&w, want, way.kind == Kind::Destroys);
    fault.map(|fault| format!("{} {when:?} {long} {before:?}: {fault}", way.name))
}

/// The lines that came too often or not at all, of those that were wanted; `destroys` says that a loss
/// may be told.
fn fault_of(w: &World, mut want: Vec<String>, destroys: bool) -> Option<String> {
    want.sort();
    let mut lines = w.lines.clone();
    lines.sort();
    let twice: Vec<_> = lines
        .windows(2)
        .filter(|w| w[0] == w[1])
        .map(|w| &w[0])
        .collect();
    let lost: Vec<_> = want.iter().filter(|line| !lines.contains(line)).collect();
    let told: Vec<_> = w.notices.iter().filter(|n| n.contains("lost")).collect();
    let right = lines == want && (told.is_empty() || destroys);
    (!right).then(|| {
        format!(
            "{} of {}, lost {lost:?}, twice {twice:?}, other {:?}, told {:?}",
            lines.len(),
            want.len(),
            lines
                .iter()
                .filter(|line| !want.contains(line))
                .collect::<Vec<_>>(),
            w.notices
        )
    })
}

#[test]
fn every_way_by_hand_counts_each_line_once() {
    let all: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = WAYS
            .iter()
            .map(|way| {
                // A log that is killed has to read again what the commands destroy.
                let played = |when: &When| !matches!(when, When::Killed(n) if way.kind != Kind::Keeps || *n > way.steps.len());
                scope.spawn(move || {
                    let when = WHEN.into_iter().filter(played);
                    // Shorter and longer than what is remembered of a file.
                    let both = |when| [0, 600].map(|long| faults(way, when, long, &[]));
                    when.map(both).collect::<Vec<_>>()
                })
            })
            .collect();
        let ended = running.into_iter().flat_map(|way| way.join().unwrap());
        ended.flatten().flatten().collect()
    });
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Nobody knows of a file that was there before the first start whether its writer may still add to it.
#[test]
fn rotated_files_of_before_are_added_to() {
    let adds = |way: &&Way| way.steps.iter().any(|step| step.contains(">>"));
    let all: Vec<String> = thread::scope(|scope| {
        let running: Vec<_> = WAYS
            .iter()
            .filter(adds)
            .map(|way| {
                let before = [".old", ".1", ".2", ".3", "-202610", "-202611"];
                let played = move |when| faults(way, when, 600, &before);
                scope.spawn(move || WHEN.map(played))
            })
            .collect();
        let ended = running.into_iter().flat_map(|way| way.join().unwrap());
        ended.flatten().collect()
    });
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// Half a line does not prove that a file is a copy: other files begin alike.
#[test]
fn i10_files_that_begin_with_the_same_words_are_not_copies() {
    let mut w = World::new();
    w.append(&w.log, "Log opened\n");
    w.start();
    // Of a generation with a short beginning, continued from its packed copy.
    w.append(&w.log, "1\n");
    w.scan();
    w.follower = None;
    w.append(&w.log, "2\n");
    pack(&w.log, &w.rotated(".1.gz"));
    w.append(&w.log, "Log opened\n3\n");
    w.start();
    let banner = "the same words in the head of each file\n".repeat(40);
    w.append(&w.log, &format!("4\n{banner}"));
    w.scan();
    // Born, rotated and followed by another one while nobody looked.
    fs::rename(&w.log, w.rotated(".4")).unwrap();
    for (name, line) in [(".3", "5"), (".2", "6"), ("", "7")] {
        w.append(
            &w.rotated(name),
            &format!("Log opened\n3\n4\n{banner}{line}\n"),
        );
    }
    w.scan();
    let numbers = w.lines.iter().filter(|line| line.len() == 1);
    let numbers: Vec<&str> = numbers.map(String::as_str).collect();
    let expected = [
        "1", "2", "3", "4", "3", "4", "5", "3", "4", "6", "3", "4", "7",
    ];
    assert_eq!(numbers, expected, "{:?}", w.notices);
}
