//! Each call of the follower fails once, as on a disk or a network that has a fault for a moment, while
//! the log is rotated in several ways and the follower started again: no line is lost or comes twice.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex};

use super::*;

/// How many calls there are before the one that fails; none when there was one.
#[derive(Clone, Default)]
struct Failing(Arc<Mutex<Option<usize>>>);

struct FailingFile(File, Failing);

impl Failing {
    fn call(&self) -> io::Result<()> {
        let mut left = self.0.lock().unwrap();
        match *left {
            Some(0) => {
                *left = None;
                Err(io::Error::from_raw_os_error(nix::libc::EIO))
            }
            Some(n) => {
                *left = Some(n - 1);
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl LogFile for FailingFile {
    fn meta(&self) -> io::Result<Meta> {
        self.1.call()?;
        self.0.meta()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.1.call()?;
        LogFile::read_at(&self.0, offset, buf)
    }
}

impl FileSystem for Failing {
    type File = FailingFile;

    fn open(&self, path: &Path) -> io::Result<FailingFile> {
        self.call()?;
        Ok(FailingFile(RealFs.open(path)?, self.clone()))
    }

    fn meta(&self, path: &Path) -> io::Result<Meta> {
        self.call()?;
        RealFs.meta(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.call()?;
        RealFs.list(dir)
    }
}

/// A follower whose time passes by itself while it waits.
struct Stepped {
    w: World,
    fs: Failing,
    follower: Follower<Failing>,
    ahead: chrono::TimeDelta,
}

impl Stepped {
    fn new() -> Self {
        let w = World::new();
        w.append(&w.log, "Nov 24 old\n");
        let fs = Failing::default();
        let paths = std::slice::from_ref(&w.log);
        let follower = Follower::new(fs.clone(), settings(), paths, Vec::new());
        let ahead = chrono::TimeDelta::zero();
        Self {
            w,
            fs,
            follower,
            ahead,
        }
    }

    fn scan(&mut self) {
        self.follower.rescan();
        let w = &mut self.w;
        for _ in 0..400 {
            let now = SystemClock.now() + self.ahead;
            let turn = self.follower.turn(now, &mut |event| match event {
                Event::Batch(batch) => {
                    let text = String::from_utf8(batch.text).unwrap();
                    w.lines.extend(text.lines().map(str::to_owned));
                    if let Checkpoint::File(checkpoints) = batch.checkpoint {
                        w.checkpoints = Some(checkpoints);
                    }
                }
                Event::Notice(notice) => w.notices.push(notice.text),
                Event::Health { .. } | Event::Patterns(_) | Event::Drained => {}
            });
            if !turn.more && !turn.waiting {
                return;
            }
            self.ahead += chrono::TimeDelta::milliseconds(60);
        }
        panic!("never dry: {:?}", w.notices);
    }

    fn restart(&mut self) {
        let resume = self.w.checkpoints.clone().into_iter().collect();
        let paths = std::slice::from_ref(&self.w.log);
        self.follower = Follower::new(self.fs.clone(), settings(), paths, resume);
    }
}

fn numbered(from: usize, to: usize) -> String {
    (from..to).map(|n| format!("Nov 24 line {n}\n")).collect()
}

/// The story, in which call `n` fails. Tells whether there was such a call.
fn play(n: usize) -> (World, bool) {
    let mut s = Stepped::new();
    s.scan();
    *s.fs.0.lock().unwrap() = Some(n);
    let (log, first, second) = (s.w.log.clone(), s.w.rotated(".1"), s.w.rotated(".2"));
    s.w.append(&log, &numbered(0, 10));
    s.scan();
    fs::rename(&log, &first).unwrap();
    s.w.append(&first, &numbered(10, 12));
    s.w.append(&log, &numbered(12, 20));
    s.scan();
    pack(&first, &s.w.rotated(".1.gz"));
    s.w.append(&log, &numbered(20, 25));
    s.scan();
    fs::rename(s.w.rotated(".1.gz"), s.w.rotated(".2.gz")).unwrap();
    s.w.append(&log, &numbered(25, 27));
    fs::copy(&log, &first).unwrap();
    File::create(&log).unwrap();
    s.w.append(&log, &numbered(27, 30));
    s.scan();
    s.w.append(&log, &numbered(30, 32));
    fs::rename(&first, &second).unwrap();
    fs::rename(&log, &first).unwrap();
    s.w.append(&log, &numbered(32, 40));
    s.restart();
    s.scan();
    pack(&first, &s.w.rotated(".1.gz"));
    s.w.append(&log, &numbered(40, 42));
    s.scan();
    s.restart();
    s.w.append(&log, &numbered(42, 50));
    s.scan();
    s.scan();
    let done = s.fs.0.lock().unwrap().is_none();
    (s.w, done)
}

#[test]
fn i13_one_call_that_fails_loses_and_doubles_nothing() {
    let want: Vec<String> = numbered(0, 50).lines().map(str::to_owned).collect();
    let (mut played, mut wrong) = (0, Vec::new());
    loop {
        let (mut w, done) = play(played);
        w.lines
            .sort_by_key(|line| want.iter().position(|l| l == line));
        let lost = w.notices.iter().any(|text| text.contains("lost"));
        if w.lines != want || lost {
            let bad: Vec<_> = w
                .lines
                .chunk_by(|a, b| a == b)
                .filter(|c| c.len() > 1)
                .collect();
            wrong.push(format!(
                "{played}: {} {bad:?} {:?}",
                w.lines.len(),
                w.notices
            ));
        }
        if !done {
            break;
        }
        played += 1;
    }
    assert!(played > 100, "only {played} calls");
    assert!(wrong.is_empty(), "{} of {played}: {wrong:#?}", wrong.len());
}
