//! Rotated files in another directory (`set olddir`). The ways of rotation by hand have some of them too.

use std::io::BufRead;

use super::*;

/// A log with a directory `old` beside it, which the configuration names as this.
fn world(olddir: impl Fn(&World) -> PathBuf) -> World {
    let mut w = World::new();
    w.olddirs = vec![olddir(&w)];
    w.append(&w.log, "0\n");
    w.start();
    fs::create_dir(w.log.with_file_name("old")).unwrap();
    w
}

fn old(w: &World, name: &str) -> PathBuf {
    w.log.with_file_name("old").join(name)
}

#[test]
fn a_relative_directory_is_below_that_of_the_log() {
    let names: [fn(&World) -> PathBuf; 4] = [
        |_| "old".into(),
        |_| "./old/".into(),
        |w| w.log.with_file_name("old"),
        |w| {
            let own = w.log.parent().unwrap().file_name().unwrap();
            Path::new("..").join(own).join("old")
        },
    ];
    for name in names {
        let mut w = world(name);
        w.append(&w.log, "1\n");
        w.scan();
        w.follower = None;
        w.append(&w.log, "2\n");
        fs::rename(&w.log, old(&w, "log.2")).unwrap();
        w.append(&w.log, "3\n");
        pack(&w.log, &old(&w, "log.1.gz"));
        w.append(&w.log, "4\n");
        w.start();
        w.expect(&["1", "2", "3", "4"]);
        assert!(w.notices.is_empty(), "{:?}", w.notices);
    }
}

#[test]
fn without_the_directive_the_loss_is_told() {
    let mut w = world(|_| "elsewhere".into());
    w.append(&w.log, "1\n");
    w.scan();
    w.follower = None;
    w.append(&w.log, "2\n");
    fs::rename(&w.log, old(&w, "log.1")).unwrap();
    w.append(&w.log, "3\n");
    w.start();
    w.expect(&["1", "3"]);
    assert!(w.notices.iter().any(|told| told.contains("is gone")));
}

#[test]
fn what_was_born_and_moved_away_unseen_is_found_while_it_runs() {
    let mut w = world(|_| "old".into());
    for n in [1, 2] {
        w.append(&w.log, &format!("{n}\n"));
        fs::rename(&w.log, old(&w, &format!("log-2026112{n}"))).unwrap();
    }
    // Copied there, and cut off.
    w.append(&w.log, "3\n");
    w.scan();
    w.append(&w.log, "4\n");
    fs::copy(&w.log, old(&w, "log-20261123")).unwrap();
    fs::write(&w.log, "5 and longer than all that was there before\n").unwrap();
    w.scan();
    // Late lines of a file that was moved.
    let mut late = OpenOptions::new().append(true).open(&w.log).unwrap();
    fs::rename(&w.log, old(&w, "log-20261124")).unwrap();
    w.append(&w.log, "");
    w.scan();
    late.write_all(b"6\n").unwrap();
    w.append(&w.log, "7\n");
    w.scan();
    let five = "5 and longer than all that was there before";
    w.expect(&["1", "2", "3", "4", five, "6", "7"]);
    assert!(w.notices.is_empty(), "{:?}", w.notices);
}

fn add(path: &Path, text: &str) {
    let mut file = OpenOptions::new();
    let mut file = file.append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// Two logs of the same name, whose rotated files lie in one directory.
#[test]
fn nobody_takes_the_rotated_files_of_another_log_for_new() {
    let dir = tempfile::tempdir().unwrap();
    let log = |host: &str| dir.path().join(host).join("log");
    let archive = dir.path().join("archive");
    for path in [&log("a"), &log("b"), &archive.join("x")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
    }
    let settings = || Settings {
        olddirs: vec![archive.clone()],
        ..settings()
    };
    let pattern = [dir.path().join("*/log")];
    let mut checkpoints = std::collections::BTreeMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut scan = |follower: &mut Follower<RealFs>,
                    checkpoints: &mut std::collections::BTreeMap<_, _>| {
        follower.rescan();
        for _ in 0..400 {
            let turn = follower.turn(SystemClock.now(), &mut |event| {
                if let Event::Batch(batch) = event {
                    lines.extend(batch.text.lines().map(Result::unwrap));
                    if let Checkpoint::File(at) = batch.checkpoint {
                        checkpoints.insert(at.path.clone(), at);
                    }
                }
            });
            if !turn.more && !turn.waiting {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    add(&log("a"), "0\n");
    add(&log("b"), "0\n");
    let mut follower = Follower::new(RealFs, settings(), &pattern, Vec::new());
    scan(&mut follower, &mut checkpoints);
    for round in 1..4 {
        for host in ["a", "b"] {
            add(&log(host), &format!("{host} {round} first\n"));
            scan(&mut follower, &mut checkpoints);
            add(&log(host), &format!("{host} {round} second\n"));
            let name = format!("log-2026112{round}{}", u32::from(host == "b"));
            fs::rename(log(host), archive.join(name)).unwrap();
            add(&log(host), &format!("{host} {round} third\n"));
            if round == 2 {
                // As after a crash.
                let resume = checkpoints.values().cloned().collect();
                follower = Follower::new(RealFs, settings(), &pattern, resume);
            }
            scan(&mut follower, &mut checkpoints);
        }
    }
    let hosts = ["a", "b"].into_iter();
    let want = hosts.flat_map(|host| {
        (1..4).flat_map(move |n| ["first", "second", "third"].map(|p| format!("{host} {n} {p}")))
    });
    let mut want: Vec<String> = want.collect();
    want.sort();
    lines.sort();
    assert_eq!(lines, want);
}

/// A pattern that finds what was moved as well, by a date before the extension.
#[test]
fn what_a_pattern_finds_in_the_directory_is_no_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("app/aold")).unwrap();
    let settings = Settings {
        olddirs: vec!["aold".into()],
        ..settings()
    };
    fs::write(path("app/web.log"), "0\n").unwrap();
    fs::write(path("app/aold/web-20261122.log"), "old\n").unwrap();
    let mut follower = Follower::new(RealFs, settings, &[path("**/*.log")], Vec::new());
    let mut lines: Vec<String> = Vec::new();
    let mut scan = |follower: &mut Follower<RealFs>| {
        follower.rescan();
        for _ in 0..400 {
            let turn = follower.turn(SystemClock.now(), &mut |event| {
                if let Event::Batch(batch) = event {
                    lines.extend(batch.text.lines().map(Result::unwrap));
                }
            });
            if !turn.more && !turn.waiting {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    scan(&mut follower);
    let mut log = OpenOptions::new()
        .append(true)
        .open(path("app/web.log"))
        .unwrap();
    log.write_all(b"1\n").unwrap();
    fs::rename(path("app/web.log"), path("app/aold/web-20261123.log")).unwrap();
    fs::write(path("app/web.log"), "2\n").unwrap();
    scan(&mut follower);
    let followed: Vec<&Path> = follower.paths().collect();
    assert_eq!(followed, [path("app/web.log")]);
    assert_eq!(lines, ["1", "2"]);
}

/// A world with a log of which a line was read, and a link `old` that leads to itself: nobody can look behind it.
fn hidden() -> World {
    let mut w = World::new();
    std::os::unix::fs::symlink("old", w.log.with_file_name("old")).unwrap();
    w.olddirs = vec!["old".into()];
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    w
}

fn losses(w: &World) -> Vec<&str> {
    let notices = w.notices.iter().map(String::as_str);
    notices.filter(|text| text.contains("lost")).collect()
}

/// `old` is a directory now, with what was moved to it meanwhile.
fn show(w: &World) {
    let old = w.log.with_file_name("old");
    fs::remove_file(&old).unwrap();
    fs::create_dir(&old).unwrap();
    for file in ["log.1", "log.2"] {
        let away = w.log.with_file_name(format!("away-{file}"));
        if away.exists() {
            fs::rename(away, old.join(file)).unwrap();
        }
    }
}

#[test]
fn one_that_cannot_be_looked_at_hides_no_file_beside_the_log() {
    let mut w = hidden();
    assert_eq!(w.faults.len(), 1, "{:?}", w.faults);
    let fault = w.faults.values().next().unwrap();
    assert!(fault.starts_with("olddir cannot be listed: "), "{fault}");
    w.follower = None;
    w.append(&w.log, "2\n");
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "3\n");
    w.start();
    w.expect(&["1", "2", "3"]);
    // Copied and cut off while it runs.
    w.append(&w.log, "4\n");
    fs::copy(&w.log, w.rotated(".0")).unwrap();
    fs::write(&w.log, "5 and longer than all that was there before\n").unwrap();
    w.scan();
    w.append(&w.log, "6\n");
    w.scan();
    let five = "5 and longer than all that was there before";
    w.expect(&["1", "2", "3", "4", five, "6"]);
    let of_olddir = |text: &&String| text.contains("olddir cannot be listed");
    // At each start once.
    assert_eq!(w.notices.iter().filter(of_olddir).count(), 2);
    assert_eq!(w.notices.len(), 2, "{:?}", w.notices);
}

#[test]
fn what_was_moved_to_one_that_cannot_be_looked_at_is_read_once_it_can_be() {
    let mut w = hidden();
    w.append(&w.log, "unfinished");
    w.scan();
    w.follower = None;
    w.append(&w.log, " 2\n");
    fs::rename(&w.log, w.log.with_file_name("away-log.2")).unwrap();
    w.append(&w.log, "3\n");
    fs::rename(&w.log, w.log.with_file_name("away-log.1")).unwrap();
    w.append(&w.log, "4\n");
    w.start();
    w.append(&w.log, "5\n");
    w.scan();
    w.expect(&["1", "4", "5"]);
    // A restart does not forget it.
    w.start();
    assert!(losses(&w).is_empty(), "{:?}", w.notices);
    show(&w);
    w.scan();
    w.expect(&["1", "4", "5", "unfinished 2", "3"]);
    assert!(losses(&w).is_empty(), "{:?}", w.notices);
    assert!(w.faults.is_empty(), "{:?}", w.faults);
}

#[test]
fn what_is_not_there_either_once_it_can_be_looked_at_is_told_as_lost() {
    let mut w = hidden();
    w.append(&w.log, "2\nhalf");
    w.scan();
    w.follower = None;
    fs::remove_file(&w.log).unwrap();
    w.append(&w.log, "3\n");
    w.start();
    assert!(losses(&w).is_empty(), "{:?}", w.notices);
    show(&w);
    w.scan();
    w.scan();
    w.expect(&["1", "2", "3"]);
    let told = losses(&w);
    assert_eq!(told.len(), 1, "{:?}", w.notices);
    assert!(told[0].contains("at least 4 bytes"), "{told:?}");
}

/// A file system in which one directory may be looked at and not listed.
struct Barred(PathBuf);

impl FileSystem for Barred {
    type File = File;

    fn open(&self, path: &Path) -> std::io::Result<File> {
        RealFs.open(path)
    }

    fn meta(&self, path: &Path) -> std::io::Result<Meta> {
        FileSystem::meta(&RealFs, path)
    }

    fn list(&self, dir: &Path) -> std::io::Result<Vec<std::ffi::OsString>> {
        if *dir == self.0 {
            return Err(std::io::ErrorKind::PermissionDenied.into());
        }
        FileSystem::list(&RealFs, dir)
    }
}

#[test]
fn one_that_may_not_be_listed_is_told() {
    let w = World::new();
    let old = w.log.with_file_name("old");
    fs::create_dir(&old).unwrap();
    w.append(&w.log, "0\n");
    let settings = Settings {
        olddirs: vec!["old".into()],
        ..settings()
    };
    let paths = std::slice::from_ref(&w.log);
    let mut follower = Follower::new(Barred(old.clone()), settings, paths, Vec::new());
    let mut told = Vec::new();
    for _ in 0..3 {
        follower.rescan();
        follower.turn(SystemClock.now(), &mut |event| {
            if let Event::Health { input, fault } = event {
                told.push((input, fault.map(|fault| (fault.text, fault.blind))));
            }
        });
    }
    let fault = "olddir cannot be listed: permission denied".to_owned();
    assert_eq!(
        told,
        [(old.display().to_string(), Some((fault, true)))],
        "once"
    );
}
