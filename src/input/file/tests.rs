//! The follower on real files, stepped by hand.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use std::time::Duration;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::input::{Checkpoint, Drain, Event};
use crate::unpack::Packer;

mod beside;
mod byhand;
mod copied;
mod departed;
mod errors;
mod generations;
mod interleave;
mod names;
mod olddir;
mod open_files;
mod packed;
mod pauses;
mod settings;
mod utf16;

use packed::pack;

struct World {
    _dir: tempfile::TempDir,
    log: PathBuf,
    /// `set olddir`.
    olddirs: Vec<PathBuf>,
    follower: Option<Follower<RealFs>>,
    lines: Vec<String>,
    notices: Vec<String>,
    /// What `tenshi status` shows to be wrong now, by its input.
    faults: BTreeMap<String, String>,
    checkpoints: Option<PathCheckpoints>,
    /// Whether the last turn left something to read.
    more: bool,
}

fn settings() -> Settings {
    Settings {
        start: TailStart::End,
        wait_for_missing: true,
        max_line: 65536,
        catchup: None,
        containers: false,
        olddirs: Vec::new(),
        charsets: SharedCharsets::default(),
    }
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        World {
            _dir: dir,
            log,
            olddirs: Vec::new(),
            follower: None,
            lines: Vec::new(),
            notices: Vec::new(),
            faults: BTreeMap::new(),
            checkpoints: None,
            more: false,
        }
    }

    /// A log whose first line was there before the first start, and whose second one, `1`, was read before the end.
    fn ended() -> Self {
        let mut w = World::new();
        w.append(&w.log, "0\n");
        w.start();
        w.append(&w.log, "1\n");
        w.scan();
        w.follower = None;
        w
    }

    fn start(&mut self) {
        let resume = self.checkpoints.clone().into_iter().collect();
        self.follower = Some(Follower::new(
            RealFs,
            Settings {
                olddirs: self.olddirs.clone(),
                ..settings()
            },
            std::slice::from_ref(&self.log),
            resume,
        ));
        self.scan();
    }

    fn scan(&mut self) {
        self.turns(400);
        assert!(!self.more, "never dry");
    }

    /// Looks at the names, then reads until nothing is left, in `most` turns at most.
    fn turns(&mut self, most: usize) {
        let follower = self.follower.as_mut().unwrap();
        follower.rescan();
        for _ in 0..most {
            let turn = follower.turn(SystemClock.now(), &mut |event| match event {
                Event::Batch(batch) => {
                    let text = String::from_utf8(batch.text).unwrap();
                    self.lines.extend(text.lines().map(str::to_owned));
                    if let Checkpoint::File(checkpoints) = batch.checkpoint {
                        self.checkpoints = Some(checkpoints);
                    }
                }
                Event::Notice(notice) => self.notices.push(notice.text),
                Event::Health { input, fault } => {
                    self.faults.remove(&input);
                    let blind = fault.filter(|fault| fault.blind);
                    self.faults.extend(blind.map(|fault| (input, fault.text)));
                }
                Event::Patterns(_) | Event::Drained => {}
            });
            self.more = turn.more || turn.waiting;
            if !self.more {
                return;
            }
            if turn.waiting {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
    }

    fn append(&self, path: &Path, text: &str) {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    fn rotated(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}{suffix}", self.log.display()))
    }

    fn expect(&self, want: &[&str]) {
        assert_eq!(self.lines, want, "notices: {:?}", self.notices);
    }
}

#[test]
fn i1_starts_at_the_end_and_hands_out_whole_lines() {
    let mut w = World::new();
    w.append(&w.log, "old\nhal");
    w.start();
    w.append(&w.log, "f\nnew\nrest");
    w.scan();
    w.expect(&["half", "new"]);
    w.append(&w.log, " of it\n");
    w.scan();
    w.expect(&["half", "new", "rest of it"]);
}

#[test]
fn i5_rename_with_late_writes_then_the_new_file() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    let mut old = OpenOptions::new().append(true).open(&w.log).unwrap();
    w.append(&w.log, "1\n");
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    old.write_all(b"2\n").unwrap();
    w.scan();
    w.append(&w.log, "4\n");
    old.write_all(b"3\n").unwrap();
    w.scan();
    w.expect(&["1", "2", "3", "4"]);
    old.write_all(b"5\n").unwrap();
    w.scan();
    w.expect(&["1", "2", "3", "4", "5"]);
}

#[test]
fn i8_generations_born_and_rotated_unseen_are_found() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    fs::rename(&w.log, w.rotated(".2")).unwrap();
    w.append(&w.log, "2\n");
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "3\n");
    w.scan();
    w.expect(&["1", "2", "3"]);
}

#[test]
fn copytruncate_finishes_the_copy() {
    let mut w = World::new();
    w.append(&w.log, "0\n1\n");
    w.start();
    w.append(&w.log, "2\n");
    w.scan();
    w.append(&w.log, "3\n");
    fs::copy(&w.log, w.rotated(".1")).unwrap();
    File::create(&w.log).unwrap();
    w.append(&w.log, "4 and longer than all before\n");
    w.scan();
    w.expect(&["2", "3", "4 and longer than all before"]);
    w.scan();
    assert_eq!(w.lines.len(), 3);
}

#[test]
fn restart_reads_on_through_rotated_and_compressed_files() {
    for suffix in Packer::SUFFIXES {
        let mut w = World::ended();
        w.append(&w.log, "2\n");
        pack(&w.log, &w.rotated(&format!(".3{suffix}")));
        w.append(&w.log, "3\n");
        pack(&w.log, &w.rotated(&format!(".2{suffix}")));
        w.append(&w.rotated(".1"), "4\n");
        w.append(&w.log, "5\n");
        w.start();
        w.expect(&["1", "2", "3", "4", "5"]);
        w.start();
        w.expect(&["1", "2", "3", "4", "5"]);
        assert!(w.notices.is_empty(), "{suffix} {:?}", w.notices);
    }
}

#[test]
fn i3_a_reused_inode_is_not_the_same_file() {
    let mut w = World::ended();
    fs::write(&w.log, "another file that is longer\nthan the first\n").unwrap();
    w.start();
    w.expect(&["1", "another file that is longer", "than the first"]);
    assert_eq!(
        w.notices.len(),
        1,
        "I12: the loss is announced: {:?}",
        w.notices
    );
}

#[test]
fn i10_a_copy_is_no_new_generation() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    fs::copy(&w.log, w.rotated(".1")).unwrap();
    fs::rename(&w.log, w.rotated(".2")).unwrap();
    w.append(&w.log, "2\n");
    w.scan();
    w.expect(&["1", "2"]);
}

#[test]
fn i13_what_is_no_file_is_told_once_and_tried_again() {
    let mut w = World::new();
    fs::create_dir(&w.log).unwrap();
    w.start();
    w.scan();
    assert_eq!(w.notices.len(), 1, "{:?}", w.notices);
    fs::remove_dir(&w.log).unwrap();
    w.append(&w.log, "1\n");
    w.scan();
    w.expect(&["1"]);
}

#[test]
fn two_names_of_one_file_are_followed_once() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    let link = w.rotated("-link");
    fs::hard_link(&w.log, &link).unwrap();
    w.follower = Some(Follower::new(
        RealFs,
        settings(),
        &[w.log.clone(), link],
        Vec::new(),
    ));
    w.scan();
    w.append(&w.log, "1\n");
    w.scan();
    w.expect(&["1"]);
}

/// Less than the time between two scans of a follower to which nobody tells anything.
const SOONER: Duration = Duration::from_secs(3);

/// Waits until a follower's own scans are further apart than [`SOONER`].
fn fall_asleep() {
    std::thread::sleep(Duration::from_millis(3_200));
}

/// The text of the next lines that come within `limit`.
fn next_lines(events: &std::sync::mpsc::Receiver<Event>, limit: Duration) -> Option<String> {
    let end = std::time::Instant::now() + limit;
    while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
        if let Ok(Event::Batch(batch)) = events.recv_timeout(left)
            && !batch.text.is_empty()
        {
            return Some(String::from_utf8(batch.text).unwrap());
        }
    }
    None
}

#[test]
fn the_thread_is_prompt_and_drains() {
    let w = World::new();
    w.append(&w.log, "0\n");
    let (send, events) = std::sync::mpsc::sync_channel(16);
    let follower = Follower::new(RealFs, settings(), std::slice::from_ref(&w.log), Vec::new());
    let handle = spawn(follower, std::sync::Arc::new(SystemClock), send.into()).unwrap();
    handle.drain(Drain::All);
    while !matches!(events.recv().unwrap(), Event::Drained) {}
    fall_asleep();
    w.append(&w.log, "1\n");
    assert_eq!(next_lines(&events, SOONER), Some("1\n".into()));
    drop(events);
    handle.stop();
}

#[test]
fn marks_survive_the_snapshot_and_hold_only_with_content() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\nhalf");
    w.scan();
    let checkpoints = w.checkpoints.clone().unwrap();
    let checkpoint = checkpoints.files.last().unwrap();
    assert_eq!(checkpoint.end - checkpoint.offset, 4, "the half line waits");
    let bytes = postcard::to_stdvec(&checkpoints).unwrap();
    assert_eq!(
        postcard::from_bytes::<PathCheckpoints>(&bytes).unwrap(),
        checkpoints
    );
    assert!(
        checkpoints.files[0]
            .fits(&File::open(&w.log).unwrap())
            .unwrap()
    );
    assert!(
        !checkpoints.files[0]
            .fits(&File::open("/etc/passwd").unwrap())
            .unwrap()
    );
}

#[test]
fn set_tail_chooses_the_first_line() {
    let cases = [
        (TailStart::LastLines(2), vec!["b", "c"]),
        (TailStart::LastLines(9), vec!["a", "b", "c"]),
        (TailStart::FromLine(2), vec!["b", "c"]),
        (TailStart::FromLine(1), vec!["a", "b", "c"]),
        (TailStart::End, vec![]),
    ];
    for (start, want) in cases {
        let mut w = World::new();
        w.append(&w.log, "a\nb\nc\n");
        let settings = Settings {
            start,
            ..settings()
        };
        w.follower = Some(Follower::new(
            RealFs,
            settings,
            std::slice::from_ref(&w.log),
            Vec::new(),
        ));
        w.scan();
        w.expect(&want);
    }
}

#[test]
fn a_new_host_of_a_glob_is_read_from_its_beginning_and_its_rotation_only_once() {
    let mut w = World::new();
    let dir = w.log.parent().unwrap().to_path_buf();
    w.append(&dir.join("a.log"), "old\n");
    let pattern = dir.join("*.log*");
    w.follower = Some(Follower::new(RealFs, settings(), &[pattern], Vec::new()));
    w.scan();
    w.append(&dir.join("a.log"), "a1\n");
    w.append(&dir.join("b.log"), "b1\n");
    w.scan();
    fs::rename(dir.join("b.log"), dir.join("b.log.1")).unwrap();
    w.scan();
    w.append(&dir.join("b.log"), "b2\n");
    w.scan();
    w.expect(&["a1", "b1", "b2"]);
}

#[test]
fn a_new_host_of_a_glob_that_was_rotated_before_it_was_seen() {
    let mut w = World::new();
    let dir = w.log.parent().unwrap().to_path_buf();
    let pattern = dir.join("*.log");
    w.append(&dir.join("b.log.1"), "old\n");
    w.follower = Some(Follower::new(RealFs, settings(), &[pattern], Vec::new()));
    w.scan();
    std::thread::sleep(std::time::Duration::from_millis(20));
    w.append(&dir.join("b.log.2"), "b1\n");
    w.append(&dir.join("b.log"), "b2\n");
    w.scan();
    w.expect(&["b1", "b2"]);
}

/// More rotations than are remembered, and all of them recent: none is taken for new again.
#[test]
fn many_rotations_at_once_are_read_once() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    let mut want = Vec::new();
    for n in 1..80 {
        want.push(format!("{n}"));
        w.append(&w.log, &format!("{n}\n"));
        w.scan();
        fs::rename(&w.log, w.rotated(&format!("-20261124-{n}"))).unwrap();
    }
    w.append(&w.log, "80\n");
    want.push("80".into());
    w.scan();
    w.scan();
    w.expect(&want.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_half_line_that_was_truncated_is_found_in_its_copy() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    fs::rename(&w.log, w.rotated(".2")).unwrap();
    w.append(&w.log, "Nov 24 ");
    w.scan();
    w.append(&w.log, "03:00:00 one\n");
    fs::copy(&w.log, w.rotated(".1")).unwrap();
    fs::write(&w.log, "Nov 24 03:00:00 two, and it is longer\n").unwrap();
    w.scan();
    w.expect(&[
        "Nov 24 03:00:00 one",
        "Nov 24 03:00:00 two, and it is longer",
    ]);
}

/// A copy made by hand is older and shorter than the one that logrotate made.
#[test]
fn of_two_copies_the_newer_one_is_finished() {
    let mut w = World::new();
    w.append(&w.log, "0\n1\n");
    w.start();
    fs::copy(&w.log, w.rotated(".bak")).unwrap();
    w.append(&w.log, "2\n");
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::copy(&w.log, w.rotated(".1")).unwrap();
    fs::write(&w.log, "3\n").unwrap();
    w.scan();
    w.expect(&["2", "3"]);
}
