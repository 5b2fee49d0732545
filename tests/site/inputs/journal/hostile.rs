//! Files that were damaged by chance or on purpose: nothing panics, and each reading has an end.

use std::time::{Duration, Instant};

use tenshi::input::journal::{Entries, Fields, Scratch, Wanted};

use super::made::{Export, FIELDS, LAYOUTS, without_table};
use crate::support::random::Random;
use crate::support::{seed, torture};

/// Reads a file; gives the number of good entries.
fn read(bytes: &[u8]) -> u64 {
    let wanted = Wanted::new(FIELDS.iter().map(|name| name.as_bytes()));
    let mut scratch = Scratch::new(Fields::new(wanted, 65_537));
    let Ok(Some(mut entries)) = Entries::open(bytes, 0) else {
        return 0;
    };
    let (mut good, mut bad) = (0, 0);
    while let Some(entry) = entries.read(&mut scratch) {
        match entry {
            Ok(_) => good += 1,
            Err(_) if entries.is_broken() => break,
            Err(_) => bad += 1,
        }
        if bad > 1000 {
            break;
        }
    }
    good
}

/// A number in a file becomes another one: a small one, a large one, or one that is near.
fn damage(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(8) {
        // Where the numbers stand that lead to others: the header, or the head of an object.
        let at = match random.below(3) {
            0 => 8 * random.below(26),
            _ => 8 * random.below(bytes.len() / 8 - 1),
        };
        let old = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        let new = match random.below(6) {
            0 => random.bits(),
            1 => u64::MAX - random.below(64) as u64,
            2 => random.below(bytes.len()) as u64 & !7,
            3 => old.wrapping_add(8),
            4 => old ^ (1 << random.below(64)),
            _ => random.below(300) as u64,
        };
        bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    }
}

#[test]
fn damaged_files_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed(20_261_129));
    let files: Vec<Vec<u8>> = LAYOUTS
        .iter()
        .enumerate()
        .map(|(i, layout)| {
            let path = dir.path().join(format!("{i}.journal"));
            Export::new(i as u64).write(&path, *layout, 200);
            without_table(&std::fs::read(path).unwrap())
        })
        .collect();
    let whole: Vec<u64> = files.iter().map(|file| read(file)).collect();
    assert_eq!(whole, [200; 6]);
    let limit = Duration::from_secs(if torture() { 600 } else { 3 });
    let (began, mut tried, mut good) = (Instant::now(), 0u64, 0);
    while tried < 100 || began.elapsed() < limit {
        let mut bytes = files[random.below(files.len())].clone();
        damage(&mut bytes, &mut random);
        if random.percent(10) {
            bytes.truncate(random.below(bytes.len()));
        }
        good += read(&bytes);
        tried += 1;
    }
    println!("{tried} files, {good} good entries");
    assert!(good > tried, "most of a file can be read");
}
