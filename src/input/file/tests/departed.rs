//! Files that were rotated away or deleted: how long they are held.

use super::*;

/// What the follower does after hours, by a clock that is stepped.
impl World {
    pub(super) fn scan_at(&mut self, hours: i64) {
        self.scan_later(hours * 3600);
    }

    pub(super) fn scan_later(&mut self, seconds: i64) {
        let now = SystemClock.now() + chrono::TimeDelta::seconds(seconds);
        let follower = self.follower.as_mut().unwrap();
        follower.rescan();
        for _ in 0..50 {
            let turn = follower.turn(now, &mut |event| {
                if let Event::Batch(batch) = event {
                    let text = String::from_utf8(batch.text).unwrap();
                    self.lines.extend(text.lines().map(str::to_owned));
                }
            });
            if !turn.more && !turn.waiting {
                return;
            }
        }
    }

    pub(super) fn open_files(&self) -> usize {
        let dir = self._dir.path().canonicalize().unwrap();
        let fds = fs::read_dir("/proc/self/fd").unwrap().flatten();
        fds.filter_map(|fd| fs::read_link(fd.path()).ok())
            .filter(|target| target.starts_with(&dir))
            .count()
    }
}

#[test]
fn i4_i6_a_departed_file_is_held_until_it_is_silent_and_followed_by_another() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    fs::rename(&w.log, w.rotated(".1")).unwrap();
    w.append(&w.log, "");
    w.scan();
    assert_eq!(w.open_files(), 2);
    // Its successor is empty: its writer may still hold it.
    w.scan_at(0);
    assert_eq!(w.open_files(), 2);
    w.append(&w.rotated(".1"), "2\n");
    w.append(&w.log, "3\n");
    w.scan();
    assert_eq!(w.open_files(), 2, "not silent for long enough");
    w.scan_at(1);
    assert_eq!(w.open_files(), 1);
    w.expect(&["1", "2", "3"]);
}

#[test]
fn a_deleted_file_is_let_go_although_nothing_followed_it() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    fs::remove_file(&w.log).unwrap();
    w.scan();
    assert_eq!(w.open_files(), 1);
    w.scan_at(2);
    assert_eq!(w.open_files(), 0);
}

#[test]
fn a_file_that_gets_its_name_back_after_hours_is_not_read_again() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    let away = w.log.with_file_name("away");
    fs::rename(&w.log, &away).unwrap();
    w.scan();
    w.scan_at(2);
    assert_eq!(w.open_files(), 0);
    fs::rename(&away, &w.log).unwrap();
    w.append(&w.log, "2\n");
    w.scan_at(3);
    w.expect(&["1", "2"]);
}

/// A restart comes between a rotation and the writer's HUP: what it finds of the rotated file is
/// nothing yet, or half a line that all lines begin with.
#[test]
fn a_rotated_file_of_which_nothing_stood_there_at_the_restart_gets_its_late_lines() {
    for there in ["", "Nov 24 03"] {
        let mut w = World::new();
        w.append(&w.log, "Nov 24 03:00 0\n");
        w.start();
        w.append(&w.log, "Nov 24 03:00 1\n");
        w.scan();
        w.follower = None;
        fs::rename(&w.log, w.rotated(".2")).unwrap();
        w.append(&w.log, there);
        let mut late = OpenOptions::new().append(true).open(&w.log).unwrap();
        fs::rename(&w.log, w.rotated(".1")).unwrap();
        w.append(&w.log, "Nov 24 03:00 3\n");
        w.start();
        let rest = &"Nov 24 03:00 2\n"[there.len()..];
        late.write_all(rest.as_bytes()).unwrap();
        // The next rotation comes much later than these lines.
        for (seconds, line) in [(0, "4"), (10, "5"), (20, "6")] {
            w.append(&w.log, &format!("Nov 24 03:00 {line}\n"));
            w.scan_later(seconds);
        }
        fs::rename(&w.log, w.rotated(".0")).unwrap();
        w.append(&w.log, "Nov 24 03:00 7\n");
        w.scan_later(30);
        w.lines.sort();
        let want: Vec<String> = (1..=7).map(|n| format!("Nov 24 03:00 {n}")).collect();
        assert_eq!(w.lines, want, "{there:?}: {:?}", w.notices);
    }
}

impl World {
    /// Replaces the log by a copy of itself with this behind it.
    fn replace(&self, more: &str) {
        let copy = self.log.with_file_name("copy");
        fs::copy(&self.log, &copy).unwrap();
        self.append(&copy, more);
        fs::rename(&copy, &self.log).unwrap();
    }
}

/// The files before it are held open without a name, and each begins as the last one does.
#[test]
fn a_log_that_was_replaced_by_copies_of_itself_goes_on_after_a_restart_too() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    let mut want = Vec::new();
    for n in 1..20 {
        w.append(&w.log, &format!("{n}\n"));
        want.push(n.to_string());
        match n % 4 {
            0 => w.follower = None,
            1 => w.replace(""),
            _ => {}
        }
        match w.follower {
            Some(_) => w.scan(),
            None => w.start(),
        }
        if n % 3 == 0 {
            w.replace(&format!("{n} more\n"));
            want.push(format!("{n} more"));
            w.scan();
        }
    }
    assert_eq!(w.lines, want);
    assert!(w.notices.is_empty(), "{:?}", w.notices);
}

/// What was not read before comes from the file without a name, and after a crash from its copy.
#[test]
fn a_crash_while_the_rest_of_a_replaced_log_is_read_loses_nothing() {
    let mut w = World::new();
    w.append(&w.log, "0\n");
    w.start();
    w.append(&w.log, "1\n");
    w.scan();
    let want: Vec<String> = (1..200_000).map(|n| n.to_string()).collect();
    w.append(&w.log, &(want[1..].join("\n") + "\n"));
    w.replace("");
    let mut batches = 0;
    while batches < 2 {
        let follower = w.follower.as_mut().unwrap();
        follower.rescan();
        follower.turn(SystemClock.now(), &mut |event| {
            if let Event::Batch(batch) = event
                && batches < 2
            {
                batches += usize::from(!batch.text.is_empty());
                let text = String::from_utf8(batch.text).unwrap();
                w.lines.extend(text.lines().map(str::to_owned));
                if let Checkpoint::File(checkpoints) = batch.checkpoint {
                    w.checkpoints = Some(checkpoints);
                }
            }
        });
    }
    assert!(w.lines.len() < want.len(), "all is read already");
    w.start();
    assert!(w.lines == want, "{} lines", w.lines.len());
    assert!(w.notices.is_empty(), "{:?}", w.notices);
}
