//! Letters over power cuts, on a disk in memory; names, modes and ages on a real one.

use super::*;
use crate::archive::Reader;
use crate::disk::SimulatedDisk;
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

/// A letter of the test: its time, and the number in its Message-ID.
fn letter(minute: i64, number: u32) -> (Time, String, Vec<u8>) {
    let base: Time = "2026-11-27T11:30:00Z".parse().unwrap();
    let id = format!("{number}.tenshi@console");
    let text = format!(
        "To: a@x\r\nDate: Fri, 27 Nov 2026 11:30:00 +0000\r\nSubject: report {number}\r\nMessage-ID: <{id}>\r\n\r\n\
         \r\nh{number}: \r\n    3: line\r\n"
    );
    (base + TimeDelta::minutes(minute), id, text.into_bytes())
}

/// Keeps a letter for 400 days.
fn keep(archive: &Archive, queue: &str, minute: i64, number: u32) -> Result<(), ArchiveFault> {
    let (made, id, text) = letter(minute, number);
    let subject = format!("report {number}");
    let to_keep = ToKeep {
        made,
        queue,
        id: &id,
        subject: subject.as_bytes(),
        summary: Summary {
            lines: 3,
            hosts: vec![format!("h{number}")],
            more_hosts: 0,
        },
        content: &|out| out.write_all(&text),
    };
    archive.keep(&to_keep, 400)
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    io::Read::read_to_end(&mut GzDecoder::new(packed), &mut text).unwrap();
    text
}

/// The letters of a disk, each with how often it is there.
fn found(disk: &SimulatedDisk) -> BTreeMap<Vec<u8>, usize> {
    let mut found = BTreeMap::new();
    for path in disk.names() {
        if path.to_string_lossy().ends_with(".txt.gz") {
            *found
                .entry(unpacked(&disk.read(&path).unwrap()))
                .or_default() += 1;
        }
    }
    found
}

#[test]
fn each_letter_is_there_once_whenever_the_power_is_cut() {
    let seeds = match std::env::var_os("TENSHI_TORTURE") {
        Some(_) => 20_000,
        None => 400,
    };
    let (mut cuts, mut tries) = (0, 0);
    for seed in 0..seeds {
        let disk = SimulatedDisk::new(seed);
        let mut archive = Archive::on(Arc::new(disk.clone()), Path::new("/none/state"));
        for number in 0..12 {
            // Its queue has some letters in a minute.
            let minute = i64::from(number / 4);
            disk.cut_in((seed as u32).wrapping_mul(7).wrapping_add(number * 5) % 23);
            while keep(&archive, "report", minute, number).is_err() {
                tries += 1;
                if disk.is_off() {
                    cuts += 1;
                    disk.restart();
                    archive = Archive::on(Arc::new(disk.clone()), Path::new("/none/state"));
                }
            }
        }
        // What was kept needs no further word.
        disk.restart();
        let want: BTreeMap<Vec<u8>, usize> = (0..12).map(|n| (letter(0, n).2, 1)).collect();
        assert_eq!(found(&disk), want, "seed {seed}");
        let index = disk
            .read(Path::new("/none/state/archive/2026/11/index"))
            .unwrap();
        let lines = index
            .lines()
            .filter_map(|line| Entry::of_line(2026, 11, line));
        let ids: BTreeMap<String, String> = lines.map(|e| (e.id, e.name.to_string())).collect();
        assert_eq!(ids.len(), 12, "seed {seed}: {}", index.as_bstr());
    }
    println!("{seeds} seeds, {cuts} power cuts, {tries} calls that failed");
    assert!(cuts > seeds, "{cuts}");
}

#[test]
fn letters_of_a_minute_have_names_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path());
    for (queue, minute, number) in [
        ("a", 0, 1),
        ("a", 0, 2),
        ("a-2", 0, 3),
        ("a", 0, 4),
        ("a", 1, 5),
    ] {
        keep(&archive, queue, minute, number).unwrap();
        // As a run after a crash.
        keep(&Archive::new(dir.path()), queue, minute, number).unwrap();
    }
    let reader = Reader::open(dir.path()).unwrap();
    let months = reader.months().unwrap();
    let letters = reader.letters(months[0]).unwrap();
    let names: Vec<&str> = letters.iter().map(|entry| entry.name.queue()).collect();
    assert_eq!(names, ["a", "a-2", "a-2-2", "a-3", "a"]);
    let subjects: Vec<&str> = letters.iter().map(|entry| entry.subject.as_str()).collect();
    let want = [1, 2, 3, 4, 5].map(|number| format!("report {number}"));
    assert_eq!(subjects, want);
    let index = fs::read_to_string(dir.path().join("archive/2026/11/index")).unwrap();
    assert_eq!(index.matches("@console").count(), 5, "{index}");
}

#[test]
fn the_group_may_read_and_others_may_not() {
    let dir = tempfile::tempdir().unwrap();
    keep(&Archive::new(dir.path()), "a", 0, 1).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    let mut checked = 0;
    let mut paths = vec![dir.path().join("archive")];
    while let Some(path) = paths.pop() {
        let want = if path.is_dir() { 0o750 } else { 0o640 };
        assert_eq!(mode(&path), want, "{}", path.display());
        checked += 1;
        if path.is_dir() {
            paths.extend(
                fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    assert_eq!(checked, 5);
}

#[test]
fn old_letters_go_when_a_new_one_comes() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path());
    keep(&archive, "a", -401 * 24 * 60, 1).unwrap();
    keep(&archive, "a", -400 * 24 * 60, 2).unwrap();
    keep(&archive, "a", -24 * 60, 3).unwrap();
    keep(&archive, "a", 0, 4).unwrap();
    assert_eq!(
        subjects(dir.path()),
        ["report 2", "report 3", "report 4"],
        "not yet on the day after a long pause"
    );
}

/// The subjects of the letters in the archive of a state directory.
fn subjects(state: &std::path::Path) -> Vec<String> {
    let reader = Reader::open(state).unwrap();
    let months = reader.months().unwrap();
    let letters = months
        .iter()
        .flat_map(|month| reader.letters(*month).unwrap());
    letters.map(|entry| entry.subject).collect()
}

#[test]
fn a_clock_that_is_years_ahead_for_a_moment_removes_no_letter() {
    const DAY: i64 = 24 * 60;
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path());
    for (number, day) in [(1, -400), (2, -399), (0, -2), (3, -1), (4, 3652), (5, 3652)] {
        keep(&archive, "a", day * DAY, number).unwrap();
    }
    assert_eq!(subjects(dir.path()).len(), 6);
    // The clock is right again, and what is old goes.
    keep(&archive, "a", DAY, 6).unwrap();
    let want = [2, 0, 3, 6, 4, 5].map(|number| format!("report {number}"));
    assert_eq!(subjects(dir.path()), want);
    // Letters of a season only go in the second one.
    keep(&archive, "a", 500 * DAY, 7).unwrap();
    assert_eq!(subjects(dir.path()).len(), 7, "one pause is doubted");
    keep(&archive, "a", 1000 * DAY, 8).unwrap();
    let want = [8, 4, 5].map(|number| format!("report {number}"));
    assert_eq!(subjects(dir.path()), want);
}

#[test]
fn what_is_not_in_the_index_is_listed_by_its_text_and_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let archive = Archive::new(dir.path());
    keep(&archive, "a", 0, 1).unwrap();
    keep(&archive, "a", 0, 2).unwrap();
    let month = dir.path().join("archive/2026/11");
    let read = || {
        let reader = Reader::open(dir.path()).unwrap();
        let months = reader.months().unwrap();
        months
            .iter()
            .map(|month| reader.letters(*month))
            .collect::<Vec<_>>()
    };
    let indexed = read();
    let indexed = indexed[0].as_ref().unwrap();
    fs::remove_file(month.join("index")).unwrap();
    let listed = read();
    let listed = listed[0].as_ref().unwrap();
    assert_eq!(listed.len(), 2);
    for (listed, indexed) in listed.iter().zip(indexed) {
        assert_eq!((&listed.name, &listed.id), (&indexed.name, &indexed.id));
        assert_eq!(
            (&listed.subject, &listed.summary),
            (&indexed.subject, &indexed.summary)
        );
    }
    // A link in the place of a letter, of an index, of a month, of the archive.
    symlink("/etc/passwd", month.join("index")).unwrap();
    symlink("27-1130-a.txt.gz", month.join("28-1130-a.txt.gz")).unwrap();
    nix::unistd::mkfifo(
        &month.join("29-1130-a.txt.gz"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    let listed = read();
    let subjects: Vec<&str> = listed[0]
        .as_ref()
        .unwrap()
        .iter()
        .map(|e| e.subject.as_str())
        .collect();
    assert_eq!(subjects, ["report 1", "report 2", "?", "?"]);
    symlink("11", dir.path().join("archive/2026/12")).unwrap();
    assert!(read()[1].is_err());
    fs::rename(dir.path().join("archive"), dir.path().join("elsewhere")).unwrap();
    symlink("elsewhere", dir.path().join("archive")).unwrap();
    assert!(Reader::open(dir.path()).is_err());
}
