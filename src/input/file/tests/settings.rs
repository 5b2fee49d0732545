//! What the settings ask for, and what is told when it cannot be had.

use std::ffi::OsString;
use std::io::{self, BufRead};

use super::super::fs::{FileSystem, Meta};
use super::*;
use crate::input::Fault;

fn start_with(w: &mut World, settings: Settings, paths: &[PathBuf]) {
    let resume = w.checkpoints.clone().into_iter().collect();
    w.follower = Some(Follower::new(RealFs, settings, paths, resume));
    w.scan();
}

fn touch(path: &Path, hours_ago: u64) {
    let then = std::time::SystemTime::now() - Duration::from_secs(3600 * hours_ago);
    let file = OpenOptions::new().append(true).open(path).unwrap();
    file.set_modified(then).unwrap();
}

#[test]
fn catchup_passes_over_what_is_older_and_says_so() {
    let mut w = World::ended();
    // While the daemon was down: the rest of the old file, a whole old one, and a young one.
    w.append(&w.log, "old rest\n");
    fs::rename(&w.log, w.rotated(".3")).unwrap();
    touch(&w.rotated(".3"), 30);
    w.append(&w.rotated(".2"), "old whole\n");
    touch(&w.rotated(".2"), 26);
    w.append(&w.rotated(".1"), "2\n");
    w.append(&w.log, "3\n");
    if let Some(checkpoints) = &mut w.checkpoints {
        checkpoints.seen -= 40 * 3_600_000_000_000;
    }
    let limited = Settings {
        catchup: Some(Duration::from_secs(24 * 3600)),
        containers: false,
        ..settings()
    };
    let log = w.log.clone();
    start_with(&mut w, limited, &[log]);
    w.expect(&["1", "2", "3"]);
    assert_eq!(w.notices.len(), 2, "{:?}", w.notices);
    assert!(w.notices.iter().all(|told| told.contains("catchup")));
}

#[test]
fn tail_missing_off_skips_what_is_not_there_until_the_configuration_is_read_again() {
    let mut w = World::new();
    let strict = Settings {
        wait_for_missing: false,
        ..settings()
    };
    let paths = [w.log.clone(), w.rotated("-other")];
    w.append(&paths[1], "0\n");
    start_with(&mut w, strict, &paths);
    assert_eq!(w.notices.len(), 1, "{:?}", w.notices);
    w.append(&w.log, "unseen\n");
    w.append(&paths[1], "1\n");
    w.scan();
    w.scan();
    w.expect(&["1"]);
    assert_eq!(w.notices.len(), 1, "told once: {:?}", w.notices);
    // What vanishes later is waited for.
    fs::remove_file(&paths[1]).unwrap();
    w.scan();
    w.append(&paths[1], "2\n");
    w.scan();
    w.expect(&["1", "2"]);
    w.follower.as_mut().unwrap().set_paths(&paths);
    w.scan();
    w.append(&w.log, "3\n");
    w.scan();
    assert!(w.lines.contains(&"3".to_owned()), "{:?}", w.lines);
}

#[test]
fn another_list_of_paths_keeps_the_places_of_those_that_stay() {
    let mut w = World::new();
    let other = w.rotated("-other");
    w.append(&w.log, "0\n");
    w.append(&other, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.append(&other, "before\n");
    let both = [other.clone(), w.log.clone()];
    w.follower.as_mut().unwrap().set_paths(&both);
    w.scan();
    w.append(&other, "2\n");
    w.scan();
    w.append(&w.log, "3\n");
    w.scan();
    w.expect(&["1", "2", "3"]);
    w.follower
        .as_mut()
        .unwrap()
        .set_paths(std::slice::from_ref(&other));
    w.append(&w.log, "not followed\n");
    w.append(&other, "4\n");
    w.scan();
    w.expect(&["1", "2", "3", "4"]);
    assert_eq!(w.follower.as_ref().unwrap().paths().count(), 1);
    assert_eq!(w.open_files(), 1);
}

#[test]
fn the_end_hands_out_the_last_bytes_of_rotated_files_only() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\nrotated half");
    w.scan();
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "2\nlive half");
    w.scan();
    w.expect(&["1", "2"]);
    let mut last = Vec::new();
    let now = SystemClock.now();
    w.follower.as_mut().unwrap().finish(now, &mut |event| {
        if let Event::Batch(batch) = event {
            last.extend(batch.text);
        }
    });
    assert_eq!(String::from_utf8(last).unwrap(), "rotated half\n");
}

#[test]
fn i9_a_rotation_that_goes_on_is_waited_for() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    // However slow the machine is, what follows is of this moment.
    let now = SystemClock.now();
    w.append(&w.log, "1\n");
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "2\n");
    let turn = |w: &mut World| {
        let follower = w.follower.as_mut().unwrap();
        follower.rescan();
        let lines = &mut w.lines;
        follower.turn(now, &mut |event| {
            if let Event::Batch(batch) = event {
                lines.extend(batch.text.lines().map(Result::unwrap));
            }
        })
    };
    while turn(&mut w).more {}
    assert!(turn(&mut w).waiting, "the directory changed just now");
    // Between two looks the rotator goes on: nothing of the new file was taken yet.
    w.expect(&["1"]);
    fs::rename(w.rotated(".1"), w.rotated(".2")).unwrap();
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "3\n");
    w.scan();
    w.expect(&["1", "2", "3"]);
}

#[test]
fn i12_each_file_packed_in_a_format_that_is_not_read_is_announced() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.append(&w.rotated(".9.lz4"), "old");
    touch(&w.rotated(".9.lz4"), 30);
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    w.follower = None;
    // While the daemon was down, a file that it knew and two that it never saw were packed.
    fs::remove_file(&w.log).unwrap();
    for (hours, name) in [(3, ".3.lzma"), (2, ".2.lz4"), (1, ".1.Z")] {
        w.append(&w.rotated(name), "packed");
        touch(&w.rotated(name), hours);
    }
    w.append(&w.log, "5\n");
    if let Some(checkpoints) = &mut w.checkpoints {
        checkpoints.seen -= 20 * 3_600_000_000_000;
    }
    w.start();
    w.expect(&["1", "5"]);
    let told = |name: &str| w.notices.iter().filter(|told| told.contains(name)).count();
    let known = "what was being read is gone, or was packed in a format that is not read";
    assert_eq!(told(known), 1, "{:?}", w.notices);
    assert_eq!(told("log.2.lz4 was packed"), 1, "{:?}", w.notices);
    assert_eq!(told("log.1.Z was packed"), 1, "{:?}", w.notices);
    assert_eq!(w.notices.len(), 3, "{:?}", w.notices);
}

/// A file system on which some files cannot be opened, whoever we are.
#[derive(Clone, Default)]
struct Shut(std::sync::Arc<std::sync::Mutex<Vec<PathBuf>>>);

impl FileSystem for Shut {
    type File = fs::File;
    fn open(&self, path: &Path) -> io::Result<fs::File> {
        if self.0.lock().unwrap().iter().any(|shut| shut == path) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        RealFs.open(path)
    }
    fn meta(&self, path: &Path) -> io::Result<Meta> {
        RealFs.meta(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        if self.0.lock().unwrap().iter().any(|shut| shut == dir) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        RealFs.list(dir)
    }
}

#[test]
fn a_directory_that_may_not_be_listed_is_told_once_and_looked_into_when_it_may() {
    let w = World::new();
    w.append(&w.log, "0\n");
    let dir = w.log.parent().unwrap().to_path_buf();
    let shut = Shut(std::sync::Arc::new(vec![dir.clone()].into()));
    let pattern = dir.join("*");
    let paths = std::slice::from_ref(&pattern);
    let mut follower = Follower::new(shut.clone(), settings(), paths, Vec::new());
    let (mut text, mut told, mut health) = (String::new(), Vec::new(), Vec::new());
    for round in 0..4 {
        if round == 2 {
            shut.0.lock().unwrap().clear();
            w.append(&w.log, "1\n");
        }
        follower.rescan();
        for _ in 0..50 {
            let turn = follower.turn(SystemClock.now(), &mut |event| match event {
                Event::Batch(batch) => text += &String::from_utf8(batch.text).unwrap(),
                Event::Notice(notice) => told.push(notice.text),
                Event::Health { fault, .. } => health.push(fault),
                Event::Drained | Event::Patterns(_) => {}
            });
            if !turn.more && !turn.waiting {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert_eq!(text, "0\n1\n");
    let fault = format!("cannot list {}: permission denied", dir.display());
    assert_eq!(told, [format!("{}: {fault}", pattern.display())]);
    assert_eq!(health, [Some(Fault::blind(fault)), None]);
}

#[test]
fn i13_a_rotated_file_that_cannot_be_opened_is_told_and_read_once_it_can_be() {
    let w = World::new();
    w.append(&w.log, "0\n");
    let shut = Shut::default();
    let log = std::slice::from_ref(&w.log);
    let mut follower = Follower::new(shut.clone(), settings(), log, Vec::new());
    let (mut text, mut told, mut checkpoints) = (String::new(), Vec::new(), None);
    let mut scan = |follower: &mut Follower<Shut>, days: i64| {
        follower.rescan();
        let now = SystemClock.now() + chrono::TimeDelta::days(days);
        for _ in 0..50 {
            let turn = follower.turn(now, &mut |event| match event {
                Event::Batch(batch) => {
                    text += &String::from_utf8(batch.text).unwrap();
                    if let Checkpoint::File(at) = batch.checkpoint {
                        checkpoints = Some(at);
                    }
                }
                Event::Notice(notice) => told.push(notice.text),
                Event::Drained | Event::Patterns(_) | Event::Health { .. } => {}
            });
            if !turn.more && !turn.waiting {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        (text.clone(), told.clone(), checkpoints.clone())
    };
    scan(&mut follower, 0);
    w.append(&w.log, "1\n");
    scan(&mut follower, 0);
    // While nobody looks: the rest of this file, and a whole one. Then neither can be opened.
    w.append(&w.log, "2\n");
    fs::rename(&w.log, w.rotated(".2")).unwrap();
    w.append(&w.rotated(".1"), "3\n");
    w.append(&w.log, "4\n");
    *shut.0.lock().unwrap() = vec![w.rotated(".1"), w.rotated(".2")];
    let resume = scan(&mut follower, 0).2.into_iter().collect();
    drop(follower);
    let mut follower = Follower::new(shut.clone(), settings(), log, resume);
    let (text, told, _) = scan(&mut follower, 0);
    // The descriptor that was open read the rest of its file.
    assert_eq!(text, "1\n2\n4\n", "{told:?}");
    let of_it = |told: &[String]| {
        told.iter()
            .filter(|t| t.contains("log.1: cannot be"))
            .count()
    };
    assert!(of_it(&told) >= 1, "{told:?}");
    let before = of_it(&told);
    w.append(&w.log, "5\n");
    scan(&mut follower, 1);
    let (_, told, _) = scan(&mut follower, 2);
    assert_eq!(of_it(&told), before, "told once: {told:?}");
    shut.0.lock().unwrap().clear();
    let (text, told, _) = scan(&mut follower, 3);
    assert_eq!(text, "1\n2\n4\n5\n3\n", "{told:?}");
    assert!(
        told.iter().any(|t| t.contains("can be read again")),
        "{told:?}"
    );
}

#[test]
fn where_the_kernel_tells_nothing_it_looks_each_second() {
    let w = World::new();
    w.append(&w.log, "0\n");
    let (send, events) = std::sync::mpsc::sync_channel(16);
    let follower = Follower::new(RealFs, settings(), std::slice::from_ref(&w.log), Vec::new());
    let clock = std::sync::Arc::new(SystemClock);
    let handle = super::super::thread::spawn_woken(follower, clock, send.into(), false).unwrap();
    for n in 1..=2 {
        w.append(&w.log, &format!("{n}\n"));
        fs::rename(&w.log, w.rotated(&format!(".{n}"))).unwrap();
        let text = next_lines(&events, Duration::from_secs(10));
        assert_eq!(text, Some(format!("{n}\n")));
    }
    drop(events);
    handle.stop();
}

#[test]
fn a_new_host_is_picked_up_at_once_while_the_follower_sleeps() {
    let w = World::new();
    let dir = w.log.parent().unwrap().join("hosts");
    fs::create_dir(&dir).unwrap();
    let (send, events) = std::sync::mpsc::sync_channel(16);
    let follower = Follower::new(RealFs, settings(), &[dir.join("*/app.log")], Vec::new());
    let handle = spawn(follower, std::sync::Arc::new(SystemClock), send.into()).unwrap();
    fall_asleep();
    for host in ["a", "b"] {
        fs::create_dir(dir.join(host)).unwrap();
        w.append(&dir.join(host).join("app.log"), &format!("{host}\n"));
        let text = next_lines(&events, SOONER);
        assert_eq!(text, Some(format!("{host}\n")));
    }
    drop(events);
    handle.stop();
}

#[test]
fn a_link_to_another_directory_is_followed_at_once_while_the_follower_sleeps() {
    let w = World::new();
    let home = w.log.parent().unwrap().to_path_buf();
    for release in ["one", "two"] {
        fs::create_dir_all(home.join(release).join("log")).unwrap();
        w.append(&home.join(release).join("log/app.log"), "");
    }
    let current = home.join("current");
    std::os::unix::fs::symlink("one", &current).unwrap();
    let log = current.join("log/app.log");
    let (send, events) = std::sync::mpsc::sync_channel(16);
    let follower = Follower::new(RealFs, settings(), std::slice::from_ref(&log), Vec::new());
    let handle = spawn(follower, std::sync::Arc::new(SystemClock), send.into()).unwrap();
    w.append(&log, "1\n");
    let limit = Duration::from_secs(20);
    assert_eq!(next_lines(&events, limit), Some("1\n".into()));
    // By then it sleeps, for a minute.
    std::thread::sleep(Duration::from_secs(1));
    // As a deployment does it: in one step.
    std::os::unix::fs::symlink("two", home.join("next")).unwrap();
    fs::rename(home.join("next"), &current).unwrap();
    w.append(&log, "2\n");
    assert_eq!(next_lines(&events, limit), Some("2\n".into()));
    w.append(&log, "3\n");
    assert_eq!(next_lines(&events, limit), Some("3\n".into()));
    drop(events);
    handle.stop();
}
