//! A board on which somebody else writes, whose bytes are damaged, or whose consoles had a wrong clock.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::TimeDelta;

use super::super::board::Table;
use super::super::record::{Record, read, write};
use super::console::{SLOT, lines};
use super::fair::Fair;
use crate::random::Random;

/// The first slot after now.
fn next_slot(fair: &Fair) -> i64 {
    fair.now.timestamp() / SLOT * SLOT + SLOT
}

/// The number of lines in all letters, and whether any of them has a doubt.
fn mailed(fair: &Fair) -> (usize, bool) {
    let all = fair.letters();
    let letters = all.values().flatten();
    let doubt = letters
        .clone()
        .any(|letter| !letter.merged.doubts.is_empty());
    let number = letters.map(|letter| lines(&letter.merged).len()).sum();
    (number, doubt)
}

#[test]
fn a_share_whose_bytes_are_damaged_is_written_again_by_its_owner() {
    for seed in 0..12 {
        let mut fair = Fair::new(2, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        fair.count(2);
        let slot = next_slot(&fair);
        // The share of one console is on the board and waits for the other one.
        fair.consoles[1].crash();
        fair.until(super::super::id::time_of(slot + 120));
        for share in fair.board.entries(Table::Share).values_mut() {
            match seed % 3 {
                0 => share.clear(),
                1 => share.truncate(share.len() / 2),
                _ => share.iter_mut().for_each(|byte| *byte ^= 0x55),
            }
        }
        assert_eq!(fair.board.entries(Table::Share).len(), 1);
        fair.start(1);
        fair.until(fair.now + TimeDelta::seconds(600));
        assert_eq!(mailed(&fair), (4, false), "{seed}");
        for console in &fair.consoles {
            assert_eq!(console.disk.saved.waiting(), 0, "{seed}");
        }
    }
}

/// Any bytes may stand on the board: a visit to it ends, and so does what the console does with its answer.
#[test]
fn whatever_stands_on_the_board_ends_no_console() {
    let numbers = [
        0,
        1,
        59,
        1_800_000_300,
        i64::MAX,
        i64::MIN,
        8_210_266_876_799,
    ];
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let mut fair = Fair::new(2, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        for _ in 0..20 {
            fair.count(1);
            fair.until(fair.now + TimeDelta::seconds(1 + random.below(200) as i64));
            for table in Table::ALL {
                let entries = fair.board.entries(table);
                let any = *random.pick(&numbers);
                let owner = *random.pick(&["a", "b", "z", ""]);
                let mut bytes: Vec<u8> = (0..random.below(40))
                    .map(|_| random.below(256) as u8)
                    .collect();
                for value in entries.values_mut() {
                    match random.below(8) {
                        0 if !value.is_empty() => {
                            let at = random.below(value.len());
                            value[at] ^= 1 << random.below(8);
                        }
                        1 => bytes.clone_from(value),
                        _ => {}
                    }
                    if let Some(mut record) = read::<Record>(value)
                        && random.below(4) == 0
                        && table == Table::Member
                    {
                        (record.handed, record.taught) = (any, any as u64);
                        record.open_from = any as u64;
                        record.reported.insert("report".into(), any);
                        *value = write(&record);
                    }
                }
                let name = match table {
                    Table::Member => owner.to_owned(),
                    Table::Taken => format!("{owner}/1"),
                    Table::Known => format!("{owner}/1/{}", any as u64),
                    _ => format!("1/{owner}/1/{}/{any}/report", any.unsigned_abs()),
                };
                if random.below(3) == 0 {
                    entries.insert(name, bytes);
                }
            }
        }
        fair.board.wipe();
        fair.until(fair.now + TimeDelta::hours(1));
    }
}

/// A console whose clock was ahead for half a minute hands in for a time that is still to come.
#[test]
fn a_console_whose_clock_was_ahead_is_waited_for_again() {
    for seed in 0..12 {
        let mut fair = Fair::new(2, seed);
        // So that no clock shows the next slot before the letter is looked at.
        (fair.consoles.iter_mut()).for_each(|console| console.skew = console.skew / 4);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        fair.count(2);
        let before = fair.consoles[1].skew;
        fair.consoles[1].skew += TimeDelta::days(1);
        fair.until(fair.now + TimeDelta::seconds(30));
        fair.consoles[1].skew = before;
        fair.until(fair.now + TimeDelta::seconds(70));
        let found = fair.letters();
        let (ahead, letters) = found.iter().next().unwrap();
        assert!(
            *ahead > fair.now.timestamp() + 80_000 && letters.len() == 1,
            "{seed}: {ahead} {letters:?}"
        );
        let merged = &letters[0].merged;
        assert_eq!((lines(merged).len(), merged.missing.len()), (2, 0));
        let remark = "the clock of b was ahead: these counts are of an earlier time";
        assert_eq!(merged.remarks, [remark]);
        fair.count(3);
        let slot = next_slot(&fair);
        // The other console dies: its part is waited for, and it is told that it is missing.
        let dies = seed % 2 == 1;
        if dies {
            fair.consoles[1].crash();
        }
        fair.until(super::super::id::time_of(slot + 600 + 130));
        let all = fair.letters();
        let letters = &all[&slot];
        assert_eq!(letters.len(), 1, "{seed}");
        let merged = &letters[0].merged;
        assert!(!merged.late, "{seed}");
        let missing: Vec<&str> = (merged.missing.iter())
            .map(|missing| missing.console.as_str())
            .collect();
        match dies {
            true => assert_eq!((lines(merged).len(), missing), (5, vec!["b"]), "{seed}"),
            false => assert_eq!((lines(merged).len(), missing), (8, vec![]), "{seed}"),
        }
    }
}

#[test]
fn a_console_that_was_taken_out_of_service_is_forgotten_once() {
    let mut fair = Fair::new(2, 5);
    fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
    fair.consoles[1].crash();
    fair.until(fair.now + TimeDelta::seconds(SLOT));
    let (member, _) = fair.consoles[0].life.as_mut().unwrap();
    let seen = member.seen.get_mut("b").unwrap();
    seen.silent = Duration::from_secs(14 * 24 * 3600 - 100);
    fair.until(fair.now + TimeDelta::seconds(600));
    assert!(fair.consoles[0].disk.saved.members.is_empty());
    let words: Vec<&String> = fair.board.entries(Table::Member).keys().collect();
    assert_eq!(words, ["a"]);
    // Its part is not waited for.
    fair.count(1);
    let slot = next_slot(&fair);
    fair.until(super::super::id::time_of(slot + 130));
    assert!(fair.letters()[&slot][0].merged.missing.is_empty());
    // If it comes back, it is met anew.
    fair.start(1);
    fair.until(fair.now + TimeDelta::seconds(200));
    let members: BTreeMap<_, _> = fair.consoles[0].disk.saved.members.clone();
    assert_eq!(members.keys().collect::<Vec<_>>(), ["b"]);
}

/// A machine is copied while its console runs: both have one name, one run, and give their shares equal numbers.
#[test]
fn consoles_with_a_copied_state_become_two() {
    for seed in 0..6 {
        let mut fair = Fair::new(2, seed);
        fair.until(fair.now + TimeDelta::seconds(SLOT / 2));
        fair.consoles[1].crash();
        let disk = fair.consoles[0].disk.clone();
        let copy = &mut fair.consoles[1];
        (copy.name, copy.disk) = ("a".into(), disk);
        copy.disk.read = 1_000;
        fair.start(1);
        fair.until(fair.now + TimeDelta::seconds(1_000));
        let runs = [0, 1].map(|at: usize| fair.consoles[at].disk.saved.me.run);
        assert_ne!(runs[0], runs[1], "{seed}");
        fair.count(2);
        fair.until(fair.now + TimeDelta::seconds(SLOT + 800));
        assert_eq!(mailed(&fair), (4, false), "{seed}");
    }
}
