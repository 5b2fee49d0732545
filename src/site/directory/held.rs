//! Files of a directory board that a console holds for a time: who leads, and who mails an alarm.
//!
//! All consoles come to the board at the full minute, so several of them see at one moment that the time of such a file
//! is over. The one that takes it over is the one that makes a mark of this very file, which has in its name when the
//! file was written: the mark is a link, which the file's server makes for one of all who ask.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bstr::ByteSlice;

use super::DirectoryBoard;
use crate::site::board::{ALARM, LEASE};

/// What is in the name of a mark, between the name of its file and the time at which that was written.
const MARK: &str = ".over-";
/// How often it is looked whether another console has taken a file over by now, and the pause between two looks.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(20);
/// The pause between two looks for what was held long ago.
const SWEEP: Duration = Duration::from_secs(60);
/// The most bytes of the name of a console and its run.
const LONGEST: u64 = 1 << 16;

/// A file that is held.
struct Held {
    who: String,
    written: SystemTime,
}

impl Held {
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let written = file.metadata()?.modified()?;
            let mut who = Vec::new();
            file.take(LONGEST).read_to_end(&mut who)?;
            let who = String::from_utf8_lossy(&who).into_owned();
            Ok(Self { who, written })
        };
        match open() {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            held => held.map(Some),
        }
    }

    /// The name of the mark of whoever takes it over.
    fn mark(&self, path: &Path) -> PathBuf {
        let at = self.written.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut name = path.as_os_str().to_owned();
        name.push(format!("{MARK}{:x}", at.as_nanos()));
        name.into()
    }
}

/// Whether what was written then is older than this. What was written long after now is of a clock that was ahead.
fn is_over(written: SystemTime, now: SystemTime, time: Duration) -> bool {
    let age = now.duration_since(written);
    age.unwrap_or_else(|ahead| ahead.duration()) >= time
}

/// Whose a file is once this console has asked for it.
enum Holder {
    /// It is this console's from now on.
    Me,
    /// It is another one's.
    Other(String),
    /// Its time is over, and another console is about to take it over.
    Unclear,
}

impl DirectoryBoard {
    /// Whether this console holds the file `lead` from now on.
    pub(super) fn holds_lead(&mut self, path: &Path, me: &str) -> io::Result<bool> {
        let holder = self.hold(path, me, LEASE)?;
        self.sweep_at_times(path, LEASE)?;
        Ok(matches!(holder, Holder::Me))
    }

    /// Which console holds the file of an alarm, if it is another one than this.
    pub(super) fn holds_alarm(&mut self, path: &Path, me: &str) -> io::Result<Option<String>> {
        self.sweep_at_times(path, ALARM)?;
        for _ in 0..LOOKS {
            match self.hold(path, me, ALARM)? {
                Holder::Me => return Ok(None),
                Holder::Other(who) => return Ok(Some(who)),
                Holder::Unclear => std::thread::sleep(PAUSE),
            }
        }
        // Whoever was about to take it over may be dead: better two mails than none.
        Ok(None)
    }

    /// Holds a file for a time, as long as no other console does. Where this one holds it, its time begins anew.
    fn hold(&mut self, path: &Path, me: &str, time: Duration) -> io::Result<Holder> {
        if self.link(path, me.as_bytes())? {
            return Ok(Holder::Me);
        }
        let Some(held) = Held::read(path)? else {
            return Ok(Holder::Unclear);
        };
        let now = self.server_time()?;
        let mine = held.who == me;
        if mine && !is_over(held.written, now, time / 10) {
            return Ok(Holder::Me);
        }
        if !mine && !is_over(held.written, now, time) {
            return Ok(Holder::Other(held.who));
        }
        // Another console may find that the time is over at the moment at which this one goes on with it.
        if !self.takes_over(path, &held, (now, time))? {
            return Ok(Holder::Unclear);
        }
        self.replace(path, me.as_bytes())?;
        Ok(Holder::Me)
    }

    /// Whether it is this console that takes over a file whose time is over.
    fn takes_over(
        &mut self,
        path: &Path,
        held: &Held,
        (now, time): (SystemTime, Duration),
    ) -> io::Result<bool> {
        let mark = held.mark(path);
        if self.link(&mark, b"")? {
            return Ok(true);
        }
        // Whoever made it died before it had the file: another one may do so next time.
        if fs::metadata(&mark).is_ok_and(|meta| is_old(&meta, now, time)) {
            super::remove(&mark)?;
        }
        Ok(false)
    }

    /// Sweeps the directory of a file, if this console has not done so of late.
    fn sweep_at_times(&mut self, path: &Path, time: Duration) -> io::Result<()> {
        let Some(directory) = path.parent() else {
            return Ok(());
        };
        let swept = self.swept.get(directory);
        if swept.is_some_and(|at| at.elapsed() < SWEEP) {
            return Ok(());
        }
        let now = self.server_time()?;
        // A board that was wiped has other directories.
        self.swept.retain(|_, at| at.elapsed() < SWEEP);
        self.swept.insert(directory.to_owned(), Instant::now());
        self.sweep(directory, (now, time))
    }

    /// Removes files of a directory that were held long ago, and what is left of taking them over.
    fn sweep(&mut self, directory: &Path, (now, time): (SystemTime, Duration)) -> io::Result<()> {
        for entry in fs::read_dir(directory)?.flatten() {
            let name = entry.file_name();
            let name = name.as_bytes();
            let old = |meta: &Metadata| meta.is_file() && is_old(meta, now, 2 * time);
            if !entry.metadata().is_ok_and(|meta| old(&meta)) {
                continue;
            }
            let path = entry.path();
            let is_held = !name.starts_with(b".") && !name.contains_str(MARK);
            if is_held {
                // It may be taken over at this moment.
                let Ok(Some(held)) = Held::read(&path) else {
                    continue;
                };
                let old = is_over(held.written, now, 2 * time);
                if !old || !self.takes_over(&path, &held, (now, time)).unwrap_or(false) {
                    continue;
                }
            }
            let _ = fs::remove_file(path);
        }
        Ok(())
    }
}

fn is_old(meta: &Metadata, now: SystemTime, time: Duration) -> bool {
    meta.modified()
        .is_ok_and(|written| is_over(written, now, time))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::site::{Board, BoardNumber};

    /// Has `ask` be called by eight consoles at one moment. Gives the number of those that got it.
    fn at_once(root: &Path, ask: impl Fn(&mut DirectoryBoard, &str) -> bool + Sync) -> usize {
        let barrier = Barrier::new(8);
        let one = |number: usize| {
            let mut board = DirectoryBoard::new(root, "s");
            barrier.wait();
            ask(&mut board, &format!("c{number}/1"))
        };
        let (one, ask) = (&one, 0..8);
        std::thread::scope(|scope| {
            let threads: Vec<_> = ask.map(|n| scope.spawn(move || one(n))).collect();
            let got = threads.into_iter().map(|thread| thread.join().unwrap());
            got.filter(|got| *got).count()
        })
    }

    /// Sets the time of each file of a directory back.
    fn age(directory: &Path, by: Duration) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let file = File::options().write(true).open(path).unwrap();
                let written = file.metadata().unwrap().modified().unwrap();
                file.set_modified(written - by).unwrap();
            }
        }
    }

    fn board(root: &Path) -> (DirectoryBoard, BoardNumber) {
        let mut board = DirectoryBoard::new(root, "s");
        let number = board.number(BoardNumber(7)).unwrap();
        (board, number)
    }

    #[test]
    fn of_consoles_that_come_at_one_moment_one_leads_once_the_lease_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let (_, number) = board(dir.path());
        let own = dir.path().join("s").join(number.to_string());
        for round in 0..50 {
            let leads = at_once(dir.path(), |board, me| board.lead(number, me).unwrap());
            assert_eq!(leads, 1, "round {round}");
            age(&own, LEASE * 3);
        }
        let files = fs::read_dir(&own).unwrap().flatten();
        let files = files.filter(|entry| entry.path().is_file()).count();
        assert!(files <= 3, "marks are removed: {files}");
    }

    #[test]
    fn of_consoles_that_come_at_one_moment_one_mails_an_alarm_of_which_an_old_one_is_known() {
        let dir = tempfile::tempdir().unwrap();
        board(dir.path());
        for round in 0..50 {
            let asks = |board: &mut DirectoryBoard, me: &str| {
                // Each sweeps away what is old, while another one may ask for that.
                board.alarm(8, me).unwrap();
                board.alarm(7, me).unwrap().is_none()
            };
            assert_eq!(at_once(dir.path(), asks), 1, "round {round}");
            let by = if round % 2 == 0 { ALARM } else { ALARM * 3 };
            age(&dir.path().join("s").join("alert"), by);
        }
    }

    #[test]
    fn who_leads_goes_on_leading_and_a_time_ahead_holds_nobody_off() {
        let dir = tempfile::tempdir().unwrap();
        let (mut board, number) = board(dir.path());
        assert!(board.lead(number, "a/1").unwrap());
        assert!(board.lead(number, "a/1").unwrap());
        assert!(!board.lead(number, "b/1").unwrap());
        let lead = dir.path().join("s").join(number.to_string()).join("lead");
        let file = File::options().write(true).open(lead).unwrap();
        file.set_modified(SystemTime::now() + LEASE * 2).unwrap();
        assert!(board.lead(number, "b/1").unwrap());
    }

    /// A console that died between its mark and the file holds nobody off for long.
    #[test]
    fn a_mark_without_a_new_file_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let (mut board, number) = board(dir.path());
        assert!(board.lead(number, "a/1").unwrap());
        let own = dir.path().join("s").join(number.to_string());
        age(&own, LEASE * 3);
        let held = Held::read(&own.join("lead")).unwrap().unwrap();
        fs::write(held.mark(&own.join("lead")), "").unwrap();
        assert!(!board.lead(number, "b/1").unwrap());
        let mark = held.mark(&own.join("lead"));
        let file = File::options().write(true).open(mark).unwrap();
        file.set_modified(SystemTime::now() - LEASE).unwrap();
        assert!(!board.lead(number, "b/1").unwrap());
        assert!(board.lead(number, "b/1").unwrap());
    }
}
