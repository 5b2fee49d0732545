//! Power cuts on a disk that forgets all that it may: what is read afterwards is what some commit wrote, and
//! at least the last one of which it was said that it is on the disk.

use std::path::Path;
use std::sync::Arc;

use super::file::{StateFile, Written};
use super::store::load;
use super::{ChangesRef, MapChange, Sections, Snapshot, SnapshotRef, encode, encode_changes};
use crate::disk::{Disk, SimulatedDisk};
use crate::hosts::HostTable;
use crate::monitor::{SavedCounter, SavedQueue};
use crate::queue::Tally;
use crate::random::Random;

/// The state of a program that commits now and then.
struct Program {
    live: Snapshot,
    hosts: HostTable,
    /// The mails that the last commit had settlements of.
    committed: Vec<u64>,
    /// Whether changes can be written behind what is on the disk.
    begun: bool,
}

impl Program {
    fn new(snapshot: Snapshot) -> Self {
        let mut live = snapshot;
        if live.queues.is_empty() {
            live.queues.push(SavedQueue::default());
        }
        Self {
            live,
            hosts: HostTable::default(),
            committed: Vec::new(),
            begun: false,
        }
    }

    /// Something happens.
    fn work(&mut self, random: &mut Random, number: u64) {
        self.live.remarks = vec![number.to_string()];
        for _ in 0..random.below(4) {
            let host = self.hosts.host([b"a", b"b", b"c"][random.below(3)]);
            let line = format!("line {}", random.below(30));
            let tally = &mut self.live.queues[0].tally;
            tally.add(host, line.as_bytes(), 1, 1000);
        }
        let mail = random.below(6) as u64;
        match random.below(8) {
            0 => self.live.queues[0].tally = Tally::default(),
            1..4 => {
                self.live.settlements.remove(&mail);
            }
            4 if !self.committed.contains(&mail) => {
                let counter = SavedCounter {
                    count: number,
                    ..SavedCounter::default()
                };
                self.live.settlements.insert(mail, vec![counter]);
            }
            _ => {}
        }
    }

    fn changes(&self) -> ChangesRef<'_> {
        let settlements = &self.live.settlements;
        let new = settlements
            .iter()
            .filter(|(id, _)| !self.committed.contains(id));
        let counter = |saved: &SavedCounter| SavedCounter {
            rule: "",
            host: Default::default(),
            count: saved.count,
        };
        let queue = self.live.queues[0].clone().split();
        ChangesRef {
            remarks: Some(&self.live.remarks),
            queues: Some(vec![queue.0.with(self.live.queues[0].tally.changes())]),
            settlements: Some(MapChange {
                put: new
                    .map(|(id, saved)| (*id, saved.iter().map(counter).collect()))
                    .collect(),
                gone: self
                    .committed
                    .iter()
                    .filter(|id| !settlements.contains_key(id))
                    .copied()
                    .collect(),
            }),
            ..ChangesRef::default()
        }
    }

    /// Makes a commit. Gives whether it is on the disk, as far as the program knows.
    fn commit(&mut self, file: &mut StateFile, whole: bool) -> bool {
        let written = match self.begun && !whole {
            true => file.append(&encode_changes(&self.changes()).unwrap()),
            false => file.replace(&encode(&self.live).unwrap()),
        };
        self.live.queues[0].tally.committed();
        self.committed = self.live.settlements.keys().copied().collect();
        self.begun = matches!(written, Written::Done);
        self.begun
    }
}

/// The chances of a run, and how many power cuts it has.
fn chance(ordinary: u64, torture: u64) -> (Random, u64) {
    let seed = std::env::var("TENSHI_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_129);
    println!("TENSHI_SEED={seed}");
    let cuts = match std::env::var_os("TENSHI_TORTURE") {
        Some(_) => torture,
        None => ordinary,
    };
    (Random::new(seed), cuts)
}

#[test]
fn after_a_power_cut_the_state_is_that_of_a_commit() {
    let dir = Path::new("/state");
    // Each follows on what the one before left.
    let (mut random, cuts) = chance(20_000, 200_000);
    let (mut kept, mut later, mut torn) = (0, 0, 0);
    // What may be found: the last commit that is surely on the disk, and those tried since.
    let mut possible: Vec<Snapshot> = Vec::new();
    let mut number = 0;
    let mut disk = SimulatedDisk::new(random.bits());
    for cut in 0..cuts {
        if cut % 50 == 0 {
            disk = SimulatedDisk::new(random.bits());
            possible.clear();
        }
        disk.fail([0, 0, 30][random.below(3)]);
        let mut file = StateFile::new(Arc::new(disk.clone()), dir);
        let found = match file.remove_new() {
            Ok(()) => load(&disk, dir),
            Err(e) => Err(e.to_string()),
        };
        let Ok(found) = found else {
            disk.restart();
            continue;
        };
        assert_eq!(found.warning, None, "cut {cut}");
        match (&found.snapshot, possible.first()) {
            (None, None) => {}
            // The first one of all may not be there yet.
            (None, Some(first)) => assert!(first.remarks.is_empty(), "cut {cut}: all is gone"),
            (Some(found), _) => {
                let place = possible.iter().position(|state| state == found);
                let place =
                    place.unwrap_or_else(|| panic!("cut {cut}: never committed: {found:?}"));
                kept += u64::from(place == 0);
                later += u64::from(place > 0);
            }
        }
        let begin = found.snapshot.unwrap_or_default();
        possible = vec![begin.clone()];
        let mut program = Program::new(begin);
        disk.cut_in(random.below(24) as u32);
        while !disk.is_off() {
            number += 1;
            program.work(&mut random, number);
            let whole = random.percent(15);
            if program.commit(&mut file, whole) {
                possible.clear();
            }
            possible.push(program.live.clone());
            if random.percent(2) {
                // Killed, with the power on.
                break;
            }
        }
        torn += u64::from(disk.is_off());
        disk.restart();
    }
    assert!(kept > cuts / 4 && later > cuts / 20, "{kept} {later}");
    // `make torture` reads this line.
    println!("power cuts: {cuts} {torn}");
    assert!(torn > cuts * 3 / 4, "{torn}");
}

/// A record that does not fit, and one that is damaged before others: told, kept, and what is before counts.
#[test]
fn damage_that_no_power_cut_makes_is_told_and_kept() {
    let (dir, state) = (Path::new("/state"), Path::new("/state/tenshi.state"));
    let disk = SimulatedDisk::new(1);
    let mut file = StateFile::new(Arc::new(disk.clone()), dir);
    let (mut program, mut random) = (Program::new(Snapshot::default()), Random::new(5));
    let mut states = Vec::new();
    let mut lengths = Vec::new();
    for number in 0..5 {
        program.work(&mut random, number);
        assert!(program.commit(&mut file, false));
        states.push(program.live.clone());
        lengths.push(disk.read(state).unwrap().len());
    }
    let whole = disk.read(state).unwrap();
    assert_eq!(load(&disk, dir).unwrap().snapshot.as_ref(), states.last());
    // In the body of the second record.
    let mut bytes = whole.clone();
    bytes[lengths[1] + 20] ^= 1;
    disk.overwrite(state, &bytes);
    let loaded = load(&disk, dir).unwrap();
    assert_eq!(loaded.snapshot.as_ref(), Some(&states[1]));
    let warning = loaded.warning.unwrap();
    assert!(
        warning.contains("kept as /state/tenshi.state.bad-0"),
        "{warning}"
    );
    assert_eq!(
        disk.read(Path::new("/state/tenshi.state.bad-0")).unwrap(),
        bytes
    );
    assert_eq!(disk.read(state).unwrap(), bytes, "until there is a new one");
    // A good checksum, but the changes of something else: none of it counts.
    let strange = ChangesRef {
        remarks: Some(&["made".to_owned()]),
        queues: None,
        ..ChangesRef::default()
    };
    let mut strange = encode_changes(&strange).unwrap();
    strange.extend_from_slice(b"\x05queue");
    disk.overwrite(state, &whole);
    let mut file = StateFile::new(Arc::new(disk.clone()), dir);
    assert!(program.commit(&mut file, true));
    assert!(matches!(file.append(&strange), Written::Done));
    let loaded = load(&disk, dir).unwrap();
    assert_eq!(loaded.snapshot.as_ref(), states.last());
    assert!(loaded.warning.unwrap().contains("tenshi.state.bad-1"));
}

/// Who removes the file, or puts another one in its place, does not make us write into nothing.
#[test]
fn a_state_that_somebody_replaced_is_not_appended_to() {
    let (dir, state) = (Path::new("/state"), Path::new("/state/tenshi.state"));
    let disk = SimulatedDisk::new(1);
    let mut file = StateFile::new(Arc::new(disk.clone()), dir);
    let mut program = Program::new(Snapshot::default());
    for _ in 0..3 {
        assert!(program.commit(&mut file, true) && program.commit(&mut file, false));
        disk.remove(state).unwrap();
        assert!(!program.commit(&mut file, false));
        assert!(program.commit(&mut file, false), "whole again");
        let mut other = disk.create(Path::new("/state/other")).unwrap();
        other.append(b"x").unwrap();
        disk.rename(Path::new("/state/other"), state).unwrap();
        assert!(!program.commit(&mut file, false));
    }
}

/// A snapshot without changes has the same bytes, however it is held.
#[test]
fn owned_and_borrowed_are_the_same_bytes() {
    let snapshot = Snapshot::default();
    let borrowed = SnapshotRef {
        made: snapshot.made,
        started: snapshot.started,
        looked: snapshot.looked,
        files: Vec::new(),
        patterns: &snapshot.patterns,
        queues: Vec::new(),
        escalations: Vec::new(),
        last: Vec::new(),
        outbox: &snapshot.outbox,
        settlements: Default::default(),
        remarks: &[],
        counters: &snapshot.counters,
        faults: &snapshot.faults,
        blind: &snapshot.blind,
        redis: &snapshot.redis,
        sources: Vec::new(),
        continued: Default::default(),
        continuing: Default::default(),
        news: &snapshot.news,
        trends: &snapshot.trends,
        bundles: snapshot.bundles.clone(),
        silence: snapshot.silence.clone(),
        expected: &snapshot.expected,
        heard: &snapshot.heard,
        notified: Default::default(),
        journal: &snapshot.journal,
        site: std::borrow::Cow::Borrowed(&snapshot.site),
        site_view: snapshot.site_view.clone(),
    };
    assert_eq!(borrowed.write(Vec::new()), snapshot.write(Vec::new()));
}
