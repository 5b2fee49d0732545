//! I7: the file changes between any two calls of one read. A file system that counts the calls and
//! does the change before the one that is asked for.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex};

use super::*;

/// What is done before the n-th call from now; nothing when there is none.
type Change = Arc<Mutex<Option<(usize, Box<dyn FnOnce() + Send>)>>>;

#[derive(Clone, Default)]
struct Changing(Change);

struct ChangingFile(File, Changing);

impl Changing {
    fn call(&self) {
        let mut change = self.0.lock().unwrap();
        match change.take() {
            Some((0, act)) => act(),
            Some((n, act)) => *change = Some((n - 1, act)),
            None => {}
        }
    }
}

impl LogFile for ChangingFile {
    fn meta(&self) -> io::Result<Meta> {
        self.1.call();
        self.0.meta()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.1.call();
        // Half of it before a change, half after it: a read is not one step.
        let (first, second) = buf.split_at_mut(buf.len() / 2);
        let n = LogFile::read_at(&self.0, offset, first)?;
        if n < first.len() {
            return Ok(n);
        }
        self.1.call();
        Ok(n + LogFile::read_at(&self.0, offset + n as u64, second)?)
    }
}

impl FileSystem for Changing {
    type File = ChangingFile;

    fn open(&self, path: &Path) -> io::Result<ChangingFile> {
        self.call();
        Ok(ChangingFile(RealFs.open(path)?, self.clone()))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.call();
        RealFs.meta(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.call();
        RealFs.list(dir)
    }
}

/// A log of some lines, of which the first was read; then `change` before call `n` of the reading.
/// The lines and what was told, and whether the change came to pass.
fn play(n: usize, first: &str, then: &str, change: fn(&Path)) -> (Vec<String>, Vec<String>, bool) {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    fs::write(&log, "").unwrap();
    let changing = Changing::default();
    let paths = std::slice::from_ref(&log);
    let mut follower = Follower::new(changing.clone(), settings(), paths, Vec::new());
    let (mut lines, mut told) = (Vec::new(), Vec::new());
    let mut scan = |follower: &mut Follower<Changing>| {
        follower.rescan();
        for _ in 0..200 {
            let turn = follower.turn(SystemClock.now(), &mut |event| match event {
                Event::Batch(batch) => {
                    let text = String::from_utf8_lossy(&batch.text).into_owned();
                    lines.extend(text.lines().map(str::to_owned));
                }
                Event::Notice(notice) => told.push(notice.text),
                Event::Health { .. } | Event::Patterns(_) | Event::Drained => {}
            });
            if !turn.more && !turn.waiting {
                return;
            }
            std::thread::sleep(Duration::from_millis(if turn.waiting { 10 } else { 0 }));
        }
        panic!("never dry");
    };
    scan(&mut follower);
    if !first.is_empty() {
        fs::write(&log, first).unwrap();
        scan(&mut follower);
    }
    let mut file = OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all(then.as_bytes()).unwrap();
    let target = log.clone();
    *changing.0.lock().unwrap() = Some((n, Box::new(move || change(&target))));
    follower.rescan();
    scan(&mut follower);
    let done = changing.0.lock().unwrap().is_none();
    *changing.0.lock().unwrap() = None;
    scan(&mut follower);
    (lines, told, done)
}

/// Every call of a read, until the change comes after all of them.
fn all_calls(first: &str, then: &str, want: &[String], change: fn(&Path)) {
    let mut played = 0;
    loop {
        let (lines, told, done) = play(played, first, then, change);
        if !done {
            break;
        }
        assert_eq!(lines, want, "change before call {played}");
        assert_eq!(
            told, [""; 0],
            "nothing is lost: change before call {played}"
        );
        played += 1;
    }
    assert!(played >= 10, "only {played} calls");
}

fn numbered(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("Nov 24 line {n}\n")).collect()
}

fn expected(to: usize) -> Vec<String> {
    numbered(0, to).lines().map(str::to_owned).collect()
}

#[test]
fn i7_copied_truncated_and_regrown_inside_a_read() {
    let change = |log: &Path| {
        fs::copy(log, log.with_extension("1")).unwrap();
        fs::write(log, numbered(60, 200)).unwrap();
    };
    all_calls(&numbered(0, 20), &numbered(20, 60), &expected(200), change);
}

#[test]
fn i7_a_file_that_nothing_was_read_of_is_copied_and_truncated_inside_a_read() {
    let change = |log: &Path| {
        fs::copy(log, log.with_extension("1")).unwrap();
        fs::write(log, numbered(60, 200)).unwrap();
    };
    all_calls("", &numbered(0, 60), &expected(200), change);
}

#[test]
fn i7_renamed_and_made_anew_inside_a_read() {
    let change = |log: &Path| {
        fs::rename(log, log.with_extension("1")).unwrap();
        fs::write(log, numbered(60, 80)).unwrap();
    };
    all_calls(&numbered(0, 20), &numbered(20, 60), &expected(80), change);
}

/// Of the file, half a line was seen before: it is lost only if no copy has it.
#[test]
fn i7_a_file_of_which_half_a_line_was_seen_is_copied_and_truncated_inside_a_read() {
    let change = |log: &Path| {
        fs::copy(log, log.with_extension("1")).unwrap();
        fs::write(log, numbered(60, 200)).unwrap();
    };
    let text = numbered(0, 60);
    all_calls(&text[..9], &text[9..], &expected(200), change);
}

#[test]
fn i7_a_file_of_which_half_a_line_was_seen_is_truncated_inside_a_read() {
    let change = |log: &Path| fs::write(log, numbered(60, 200)).unwrap();
    let text = numbered(0, 60);
    let (mut played, mut lost) = (0, 0);
    loop {
        let (lines, told, done) = play(played, &text[..9], &text[9..], change);
        if !done {
            break;
        }
        let all = lines.len() == 200;
        assert!(all || lines == expected(200)[60..], "{lines:?}");
        assert!(told.len() <= usize::from(!all), "{all} {told:?}");
        lost += told.len();
        played += 1;
    }
    assert!(
        played >= 10 && lost > 0,
        "{played} calls, {lost} losses told"
    );
}

/// A log of which some lines were read before a restart; then `change` before call `n` of the start.
fn play_start(n: usize, change: fn(&Path)) -> (Vec<String>, Vec<String>, bool) {
    let mut w = World::new();
    w.append(&w.log, "Nov 24 old\n");
    w.start();
    w.append(&w.log, &numbered(0, 20));
    w.scan();
    w.append(&w.log, &numbered(20, 60));
    w.follower = None;
    let changing = Changing::default();
    let target = w.log.clone();
    *changing.0.lock().unwrap() = Some((n, Box::new(move || change(&target))));
    let resume = w.checkpoints.clone().into_iter().collect();
    let paths = std::slice::from_ref(&w.log);
    let mut follower = Follower::new(changing.clone(), settings(), paths, resume);
    let (mut looks, mut done) = (2, false);
    while looks > 0 {
        follower.rescan();
        let turn = follower.turn(SystemClock.now(), &mut |event| match event {
            Event::Batch(batch) => {
                let text = String::from_utf8_lossy(&batch.text).into_owned();
                w.lines.extend(text.lines().map(str::to_owned));
            }
            Event::Notice(notice) => w.notices.push(notice.text),
            Event::Health { .. } | Event::Patterns(_) | Event::Drained => {}
        });
        looks -= usize::from(!turn.more && !turn.waiting);
        if !done && changing.0.lock().unwrap().is_none() {
            (looks, done) = (2, true);
        }
        std::thread::sleep(Duration::from_millis(if turn.waiting { 10 } else { 0 }));
    }
    (w.lines, w.notices, done)
}

#[test]
fn i9_rotated_while_a_start_finds_its_place_again() {
    let changes: [fn(&Path); 2] = [
        |log| {
            fs::copy(log, log.with_extension("1")).unwrap();
            fs::write(log, numbered(60, 70)).unwrap();
        },
        |log| {
            fs::rename(log, log.with_extension("1")).unwrap();
            fs::write(log, numbered(60, 70)).unwrap();
        },
    ];
    for change in changes {
        let mut played = 0;
        loop {
            let (lines, told, done) = play_start(played, change);
            if !done {
                break;
            }
            assert_eq!(lines, expected(70), "change before call {played}");
            assert_eq!(told, [""; 0], "change before call {played}");
            played += 1;
        }
        assert!(played >= 10, "only {played} calls");
    }
}
