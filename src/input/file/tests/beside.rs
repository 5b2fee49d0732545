//! Files that a glob names, and that look like rotated files of another one: logs of their own, true
//! rotations, and logs that were packed under their names.

use std::collections::BTreeMap;

use super::*;

/// A directory that a glob follows.
struct Globbed {
    dir: tempfile::TempDir,
    pattern: &'static str,
    follower: Option<Follower<RealFs>>,
    checkpoints: BTreeMap<PathBuf, PathCheckpoints>,
    lines: Vec<String>,
    want: Vec<String>,
    notices: Vec<String>,
    /// How far the clock was stepped.
    seconds: i64,
}

impl Globbed {
    fn new(pattern: &'static str) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            pattern,
            follower: None,
            checkpoints: BTreeMap::new(),
            lines: Vec::new(),
            want: Vec::new(),
            notices: Vec::new(),
            seconds: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Lines that are there before the first start.
    fn old(&self, name: &str) {
        self.add(name, &format!("{name} is old\n"));
    }

    fn add(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// Lines that must come once each.
    fn write(&mut self, name: &str, n: usize) {
        for _ in 0..n {
            let line = format!(
                "{} of {name} {}",
                self.want.len(),
                "x".repeat(self.want.len() % 50)
            );
            self.add(name, &format!("{line}\n"));
            self.want.push(line);
        }
    }

    fn start(&mut self) {
        let resume = self.checkpoints.values().cloned().collect();
        let paths = [self.path(self.pattern)];
        self.follower = Some(Follower::new(RealFs, settings(), &paths, resume));
        self.scan();
    }

    fn stop(&mut self) {
        self.scan();
        self.follower = None;
    }

    fn scan(&mut self) {
        self.look(true);
    }

    /// A look for which nobody told that names changed.
    fn look(&mut self, names: bool) {
        let follower = self.follower.as_mut().unwrap();
        if names {
            follower.rescan();
        }
        for _ in 0..400 {
            let now = SystemClock.now() + chrono::TimeDelta::seconds(self.seconds);
            let turn = follower.turn(now, &mut |event| match event {
                Event::Batch(batch) => {
                    let text = String::from_utf8(batch.text).unwrap();
                    self.lines.extend(text.lines().map(str::to_owned));
                    if let Checkpoint::File(checkpoints) = batch.checkpoint {
                        self.checkpoints
                            .insert(checkpoints.path.clone(), checkpoints);
                    }
                }
                Event::Notice(notice) => self.notices.push(notice.text),
                Event::Health { .. } | Event::Patterns(_) | Event::Drained => {}
            });
            if !turn.more && !turn.waiting {
                return;
            }
            if turn.waiting {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
        }
        panic!("never dry");
    }

    /// Time passes in which nothing is written.
    fn pause(&mut self, seconds: i64) {
        for _ in 0..3 {
            self.seconds += seconds / 3;
            self.scan();
        }
    }

    #[track_caller]
    fn expect(&self, case: &str) {
        let (mut lines, mut want) = (self.lines.clone(), self.want.clone());
        lines.sort();
        want.sort();
        assert_eq!(lines, want, "{case}: {:?}", self.notices);
        let lost = self.notices.iter().find(|told| told.contains("lost"));
        assert_eq!(lost, None, "{case}");
    }
}

/// A log, and one beside it that looks like a rotation of it.
const BESIDE: [(&str, &str); 13] = [
    ("web.log", "web-2026-11-27.log"),
    ("web.log", "web-20261127.log"),
    ("web.log", "web.20261127.log"),
    ("web.log", "web_20261127.log"),
    ("web.log", "web.log.2026-11-27"),
    ("web.log", "web.log-20261127"),
    ("fw", "fw.1"),
    ("fw", "fw.10"),
    ("x", "x.old"),
    ("x", "x.bak"),
    ("x", "x.prev"),
    ("x", "x.save"),
    ("db", "db-2026112712"),
];

#[test]
fn a_log_that_is_named_like_a_rotation_of_another_one_is_followed() {
    for (stem, name) in BESIDE {
        for stem_grows in [true, false] {
            let mut w = Globbed::new("*");
            w.old(stem);
            w.old(name);
            w.start();
            for _ in 0..3 {
                w.write(name, 2);
                w.look(false);
                if stem_grows {
                    w.write(stem, 2);
                }
                w.scan();
            }
            w.expect(name);
            // Silent for longer than a rotated file is held, and over a restart.
            w.pause(300);
            w.write(name, 2);
            w.look(false);
            w.expect(name);
            w.stop();
            w.write(name, 2);
            w.start();
            w.write(name, 2);
            w.scan();
            w.pause(300);
            w.write(name, 1);
            w.scan();
            w.expect(name);
        }
    }
}

#[test]
fn a_log_that_comes_with_the_name_of_a_rotation_is_read_from_its_beginning() {
    for (stem, name) in BESIDE {
        for up in [true, false] {
            let mut w = Globbed::new("*");
            w.old(stem);
            w.start();
            w.write(stem, 2);
            w.scan();
            if !up {
                w.stop();
            }
            w.write(name, 3);
            if up {
                w.scan();
                w.expect(name);
            } else {
                w.start();
            }
            w.write(name, 3);
            w.write(stem, 1);
            w.scan();
            w.expect(name);
            w.pause(300);
            w.write(name, 3);
            w.look(false);
            w.stop();
            w.write(name, 3);
            w.start();
            w.write(name, 3);
            w.scan();
            w.expect(name);
        }
    }
}

/// All of them at once, beside a log that is left over.
#[test]
fn many_logs_beside_one_that_is_left_over() {
    let names: Vec<String> = (1..=30).map(|n| format!("web-202611{n:02}.log")).collect();
    let mut w = Globbed::new("*.log");
    w.old("web.log");
    names[..10].iter().for_each(|name| w.old(name));
    w.start();
    for round in 0..4 {
        for name in &names {
            w.write(name, 1);
        }
        w.scan();
        match round {
            1 => w.pause(300),
            2 => {
                w.stop();
                w.start();
            }
            _ => {}
        }
    }
    w.expect("many");
}

type Rotate = fn(&Globbed, usize);

const ROTATIONS: [(&str, Rotate); 9] = [
    ("renamed", |w, _| {
        let _ = fs::rename(w.path("log.1"), w.path("log.2"));
        fs::rename(w.path("log"), w.path("log.1")).unwrap();
        fs::write(w.path("log"), "").unwrap();
    }),
    ("shifted far", |w, n| {
        for n in (1..n).rev() {
            let _ = fs::rename(
                w.path(&format!("log.{n}")),
                w.path(&format!("log.{}", n + 1)),
            );
        }
        fs::rename(w.path("log"), w.path("log.1")).unwrap();
    }),
    ("dated", |w, n| {
        fs::rename(w.path("log"), w.path(&format!("log-202611{n:02}"))).unwrap();
    }),
    ("copied", |w, _| {
        fs::copy(w.path("log"), w.path("log.1")).unwrap();
        fs::write(w.path("log"), "").unwrap();
    }),
    ("added", |w, _| {
        w.add("log.old", &fs::read_to_string(w.path("log")).unwrap());
        fs::write(w.path("log"), "").unwrap();
    }),
    ("packed", |w, n| {
        pack(&w.path("log"), &w.path(&format!("log.{n}.gz")));
    }),
    ("packed under its name", |w, _| {
        pack(&w.path("log"), &w.path("log.gz"));
    }),
    ("packed by zstd", |w, n| {
        pack(&w.path("log"), &w.path(&format!("log-202611{n:02}.zst")));
    }),
    ("packed under its name by xz", |w, _| {
        pack(&w.path("log"), &w.path("log.xz"));
    }),
];

#[test]
fn true_rotations_that_the_glob_names_too_are_counted_once() {
    for (case, rotate) in ROTATIONS {
        for when in ["up", "down", "rarely", "restart after"] {
            let mut w = Globbed::new("*");
            w.old("log");
            w.start();
            for n in 1..=6 {
                w.write("log", 3);
                if n % 2 == 0 {
                    w.scan();
                }
                match when {
                    "down" => {
                        w.stop();
                        w.write("log", 2);
                    }
                    "rarely" => w.pause(300),
                    _ => {}
                }
                rotate(&w, n);
                if when == "down" {
                    w.start();
                }
                w.write("log", 1);
                w.scan();
                if when == "restart after" {
                    w.stop();
                    w.start();
                    w.scan();
                }
            }
            w.expect(&format!("{case} {when}"));
        }
    }
}

/// HOST/YYYY/MM/DD.log, packed in place by cron.
#[test]
fn a_log_that_is_packed_under_its_name_is_read_on() {
    let suffixes = [(0, ".gz"), (4, ".gz"), (4, ".xz"), (4, ".zst"), (0, ".bz2")];
    for (unread, suffix) in suffixes {
        for up in [true, false] {
            let mut w = Globbed::new("*/*/*/*.log");
            let (old, day, next) = ("h/2026/11/25.log", "h/2026/11/26.log", "h/2026/11/27.log");
            w.old(old);
            w.start();
            w.write(day, 3);
            w.scan();
            if !up {
                w.stop();
            }
            w.write(day, unread);
            let gz = |w: &Globbed, name: &str| {
                pack(&w.path(name), &w.path(&format!("{name}{suffix}")));
            };
            gz(&w, old);
            gz(&w, day);
            // Came and was packed while nobody looked.
            w.write(next, 5);
            gz(&w, next);
            w.write("h/2026/11/28.log", 2);
            if up {
                w.scan();
            } else {
                w.start();
            }
            let case = format!("{unread} unread, {suffix}, up {up}");
            w.expect(&case);
            for _ in 0..2 {
                w.stop();
                w.start();
                w.pause(300);
                w.write("h/2026/11/28.log", 2);
                w.scan();
            }
            w.expect(&case);
            assert!(w.notices.is_empty(), "{case}: {:?}", w.notices);
        }
    }
}
