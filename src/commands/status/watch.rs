//! `--watch`: the status on the whole terminal, drawn anew each two seconds.
//!
//! The state is read when its file has changed, and never for more than a small part of the time, however large it
//! is. The logs, the lock and the clock are looked at each time.

mod screen;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::super::state_directory::StateDirectory;
use super::super::terminal::{Event, Key, Signals, Terminal, has_screen};
use super::view::{Marks, View};
use crate::clock::{Clock, SystemClock, Time};
use crate::counters::Counter;
use crate::shown::shown_lines;
use crate::state::{self, ReadError, Stamp};

/// The time from one drawing to the next.
const EACH: Duration = Duration::from_secs(2);
/// After a reading of the state that took some time, no other one is begun for this many times as long.
const REST: u32 = 20;

/// Shows the status until somebody ends it; the exit status.
pub(super) fn run(directory: &StateDirectory, err: &mut dyn Write) -> i32 {
    let fault = match watch(directory) {
        Ok(()) => return 0,
        Err(fault) => fault,
    };
    // Nobody listens to a message that cannot be written.
    let _ = writeln!(err, "tenshi: {}", shown_lines(&fault));
    1
}

fn watch(directory: &StateDirectory) -> Result<(), String> {
    if !io::stdout().is_terminal() || !has_screen() {
        return Err(
            "--watch needs a terminal with a full screen; `tenshi status` shows the status once"
                .into(),
        );
    }
    let mut watched = Watched::new(directory).map_err(|fault| directory.explain(&fault))?;
    let told = |e: io::Error| e.to_string();
    let signals = Signals::new().map_err(told)?;
    let mut terminal = Terminal::open(&signals).map_err(told)?;
    loop {
        let (rate, fault) = (watched.rate.known(watched.view.now), &watched.fault);
        let frame = screen::frame(&watched.view, rate, fault.as_deref(), terminal.size());
        terminal.draw(&frame).map_err(told)?;
        let next = Instant::now() + EACH;
        loop {
            match terminal.event(Some(next)).map_err(told)? {
                Event::Key(Key::Char('q') | Key::Control('c') | Key::Escape) | Event::Ended => {
                    return Ok(());
                }
                Event::Key(_) => {}
                Event::Changed(_) => break,
                Event::Waited => {
                    watched.look();
                    break;
                }
            }
        }
    }
}

/// What is watched.
struct Watched<'a> {
    directory: &'a StateDirectory,
    view: View,
    /// The positions of the state that was read.
    marks: Marks,
    /// By what a change of the state's file is seen; as it was before it was read.
    stamp: Option<Stamp>,
    /// The earliest time of the next reading.
    rested: Instant,
    rate: Rate,
    /// Why the state cannot be read any more.
    fault: Option<String>,
}

impl<'a> Watched<'a> {
    fn new(directory: &'a StateDirectory) -> Result<Self, ReadError> {
        let begun = Instant::now();
        let stamp = state::stamp(&directory.path).ok();
        let (view, marks) = read(directory)?;
        Ok(Self {
            directory,
            marks,
            stamp,
            rested: begun + begun.elapsed() * REST,
            rate: Rate::new(&view),
            view,
            fault: None,
        })
    }

    /// Looks again.
    fn look(&mut self) {
        let (path, begun) = (&self.directory.path, Instant::now());
        let stamp = state::stamp(path).ok();
        if begun >= self.rested && (stamp.is_none() || stamp != self.stamp) {
            match read(self.directory) {
                Ok((view, marks)) => {
                    self.rate.take(&view);
                    (self.view, self.marks) = (view, marks);
                    (self.stamp, self.fault) = (stamp, None);
                }
                Err(fault) => self.fault = Some(self.directory.explain(&fault)),
            }
            self.rested = begun + begun.elapsed() * REST;
        }
        let holder = state::lock_status(path).map_err(|e| e.to_string());
        self.view.look(path, &self.marks, holder, SystemClock.now());
    }
}

/// Reads the state.
///
/// # Errors
/// It is not there, or cannot be read.
fn read(directory: &StateDirectory) -> Result<(View, Marks), ReadError> {
    let path = &directory.path;
    let snapshot = state::read(path)?;
    let marks = Marks::of(&snapshot);
    let holder = state::lock_status(path).map_err(|e| e.to_string());
    Ok((View::new(path, snapshot, holder, SystemClock.now()), marks))
}

/// The lines that are read in a second, from one commit to the next.
struct Rate {
    started: Time,
    made: Time,
    lines: u64,
    per_second: Option<u64>,
}

/// While lines are read a commit is made at least each 30 s: after this time without one, none are.
const QUIET: i64 = 40;

impl Rate {
    fn new(view: &View) -> Self {
        Self {
            started: view.started,
            made: view.made,
            lines: view.counters.get(Counter::Lines),
            per_second: None,
        }
    }

    /// Takes the numbers of a later state.
    fn take(&mut self, view: &View) {
        let new = Self::new(view);
        let milliseconds = u64::try_from((new.made - self.made).num_milliseconds());
        let milliseconds = milliseconds.ok().filter(|time| *time > 0);
        let lines = new.lines.checked_sub(self.lines);
        let per_second = match (milliseconds, lines) {
            (Some(time), Some(lines)) if new.started == self.started => {
                Some(lines.saturating_mul(1000) / time)
            }
            (None, Some(0)) => self.per_second,
            _ => None,
        };
        *self = Self { per_second, ..new };
    }

    /// The rate at this time; nothing while two commits were not seen yet.
    fn known(&self, now: Time) -> Option<u64> {
        match (now - self.made).num_seconds() > QUIET {
            true => Some(0),
            false => self.per_second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Snapshot;
    use chrono::TimeDelta;
    use std::path::Path;

    #[test]
    fn the_rate_is_that_from_one_commit_to_the_next() {
        let at = |seconds| Time::UNIX_EPOCH + TimeDelta::seconds(seconds);
        let view = |started, made, lines| {
            let mut snapshot = Snapshot {
                started: at(started),
                made: at(made),
                ..Snapshot::default()
            };
            snapshot.counters.add(Counter::Lines, lines);
            View::new(Path::new("/d"), snapshot, Err("-".into()), at(made))
        };
        let mut rate = Rate::new(&view(0, 100, 1_000));
        assert_eq!(rate.known(at(100)), None);
        rate.take(&view(0, 130, 4_000));
        assert_eq!(rate.known(at(131)), Some(100));
        // A commit without a line, and a time without a commit.
        rate.take(&view(0, 131, 4_000));
        assert_eq!(rate.known(at(132)), Some(0));
        rate.take(&view(0, 133, 4_500));
        assert_eq!(rate.known(at(173)), Some(250));
        assert_eq!(rate.known(at(174)), Some(0));
        // Another daemon, a state that was begun anew, a clock that was set back.
        rate.take(&view(140, 143, 5_000));
        assert_eq!(rate.known(at(144)), None);
        rate.take(&view(140, 150, 1));
        assert_eq!(rate.known(at(151)), None);
        rate.take(&view(140, 149, 2));
        assert_eq!(rate.known(at(150)), None);
    }
}
