//! The follower's thread.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bstr::BString;

use super::Follower;
use super::checkpoint::PathCheckpoints;
use super::fs::FileSystem;
use super::watch::{Hint, Watch};
use crate::clock::Clock;
use crate::counters::Counters;
use crate::input::{Drain, Event, EventSender, Notice};
use crate::logpath::LogPath;
use crate::threads::{self, End};

/// Several writes within this time are one wake-up.
const GATHER: Duration = Duration::from_millis(2);
/// How often is scanned where nothing wakes us.
const POLL: Duration = Duration::from_secs(1);

/// What the loop or the kernel tells the follower.
enum Command {
    Wake,
    SetPaths(Vec<LogPath>),
    Drain(Drain),
    Stop,
}

#[derive(Default)]
struct Pending {
    any: AtomicBool,
    names: AtomicBool,
}

/// The running follower.
#[derive(Debug)]
pub struct FollowerThread {
    control: Sender<Command>,
    begun: Begun,
    pulse: Arc<Pulse>,
    thread: Option<JoinHandle<()>>,
}

/// Where the files stood that are followed for the first time, before a line of them was read.
#[derive(Clone, Debug, Default)]
pub struct Begun {
    /// The positions.
    pub files: Vec<PathCheckpoints>,
    /// The patterns, and since when each is followed, ns since the epoch.
    pub patterns: HashMap<BString, i64>,
}

/// The time of the last look at the files.
#[derive(Debug)]
struct Pulse {
    began: Instant,
    /// Seconds from `began` to the last look.
    last: AtomicU64,
}

impl Pulse {
    fn beat(&self) {
        let now = self.began.elapsed().as_secs();
        self.last.store(now, Ordering::SeqCst);
    }

    fn still(&self) -> Duration {
        let last = Duration::from_secs(self.last.load(Ordering::SeqCst));
        self.began.elapsed().saturating_sub(last)
    }
}

impl FollowerThread {
    /// Where the files were begun.
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// How long it has not looked at its files; it does at least each 300 s.
    pub fn still(&self) -> Duration {
        self.pulse.still()
    }

    /// Follows this list from now on; what stays is followed on.
    pub fn set_paths(&self, paths: Vec<LogPath>) {
        let _ = self.control.send(Command::SetPaths(paths));
    }

    /// Asks for [`Event::Drained`] once all that is there now was handed over; with
    /// [`Drain::Last`], unterminated last bytes of files that were rotated away come too.
    pub fn drain(&self, drain: Drain) {
        let _ = self.control.send(Command::Drain(drain));
    }

    /// Ends the thread and waits for it. Nobody may hold on to the receiver of its events without
    /// reading: drop it first.
    pub fn stop(mut self) {
        let _ = self.control.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Runs `follower` in a thread of its own that hands over to `events`. What is written after this
/// returned is new.
///
/// # Errors
/// When no thread can be made.
pub fn spawn<F: FileSystem>(
    follower: Follower<F>,
    clock: Arc<dyn Clock>,
    events: EventSender,
) -> io::Result<FollowerThread> {
    spawn_woken(follower, clock, events, true)
}

/// As [`spawn`], with the kernel's hints or without.
pub(super) fn spawn_woken<F: FileSystem>(
    mut follower: Follower<F>,
    clock: Arc<dyn Clock>,
    events: EventSender,
    hints: bool,
) -> io::Result<FollowerThread> {
    let (control, commands) = channel();
    let pending = Arc::new(Pending::default());
    let (waker, flags) = (control.clone(), pending.clone());
    let wake = move |hint| {
        if hint == Hint::Names {
            flags.names.store(true, Ordering::SeqCst);
        }
        if !flags.any.swap(true, Ordering::SeqCst) {
            let _ = waker.send(Command::Wake);
        }
    };
    let watch = if hints {
        Watch::new(wake)
    } else {
        Watch::none()
    };
    let mut first = Vec::new();
    follower.begin(clock.now(), &mut |event| first.push(event));
    let begun = Begun {
        files: follower.begun(),
        patterns: follower.patterns(),
    };
    let pulse = Arc::new(Pulse {
        began: Instant::now(),
        last: AtomicU64::new(0),
    });
    let run = FollowerLoop {
        pulse: pulse.clone(),
        follower,
        clock,
        events,
        commands,
        watch,
        pending,
        first,
        drain: None,
    };
    let thread = threads::standing("follow", move || run.run())?;
    Ok(FollowerThread {
        control,
        begun,
        pulse,
        thread: Some(thread),
    })
}

struct FollowerLoop<F: FileSystem> {
    pulse: Arc<Pulse>,
    follower: Follower<F>,
    clock: Arc<dyn Clock>,
    events: EventSender,
    commands: Receiver<Command>,
    watch: Watch,
    pending: Arc<Pending>,
    /// What the opening of the files told.
    first: Vec<Event>,
    /// The drain that is asked for.
    drain: Option<Drain>,
}

/// What ended a pause.
enum Woken {
    /// A command or a hint; whether names are to be looked at again.
    By(bool),
    /// The time of the pause is over.
    Timeout,
    /// Nobody is left to hand over to.
    Ended,
}

impl<F: FileSystem> FollowerLoop<F> {
    fn run(mut self) -> End {
        let mut names = true;
        // Names changed, and were not looked at since.
        let mut owed = false;
        // Somebody told that there is something to see; else it was only time to look.
        let mut told = true;
        loop {
            if threads::fault_point() {
                return End::Unasked;
            }
            let began = Instant::now();
            self.pulse.beat();
            self.follower.set_woken(!self.watch.polling());
            self.follower.set_told(told);
            let events = &self.events;
            let mut open = true;
            let mut emit = |event| open &= events.send(event, &|| false);
            self.first.drain(..).for_each(&mut emit);
            if let Some((level, text)) = self.watch.news() {
                // All is read as before, only with more looks: no fault of the input.
                emit(Event::Notice(Notice {
                    level,
                    text,
                    report: false,
                    counters: Counters::default(),
                }));
            }
            let turn = self.follower.turn(self.clock.now(), &mut emit);
            if turn.drained
                && let Some(drain) = self.drain.take()
            {
                if drain == Drain::Last {
                    self.follower.finish(self.clock.now(), &mut emit);
                }
                emit(Event::Drained);
            }
            if !open {
                return End::Unasked;
            }
            // A watch is made before the scan that it is to make needless.
            if names && self.watch.update(&self.follower.directories()) {
                // Directories that came while it was made are watched in the next round.
                self.follower.rescan();
                continue;
            }
            let mut pause = if turn.more { Duration::ZERO } else { turn.next };
            if self.watch.polling() {
                pause = pause.min(POLL);
            }
            // Not more than a third of the time goes into looking.
            let gather = GATHER
                .max(began.elapsed() * 2)
                .min(Duration::from_millis(100));
            match self.wait(pause, gather) {
                Woken::By(commands) => (told, names) = (true, commands),
                // A pause in the middle of something is no look of its own.
                Woken::Timeout if pause < POLL => names = false,
                Woken::Timeout => (told, names) = (false, true),
                Woken::Ended => return End::Asked,
            }
            owed |= names;
            // Waiting for a quiet directory is no reason to list it again and again.
            if owed && !turn.more && !turn.waiting {
                owed = false;
                self.follower.rescan_names();
            }
        }
    }

    /// Waits for a command, a hint or the time of the next scan.
    fn wait(&mut self, pause: Duration, gather: Duration) -> Woken {
        let mut names = false;
        let mut next = match self.commands.recv_timeout(pause) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => return Woken::Timeout,
            Err(RecvTimeoutError::Disconnected) => return Woken::Ended,
        };
        while let Some(command) = next {
            match command {
                Command::Wake => {
                    std::thread::sleep(gather);
                    self.pending.any.store(false, Ordering::SeqCst);
                    names |= self.pending.names.swap(false, Ordering::SeqCst);
                }
                Command::SetPaths(paths) => {
                    self.follower.set_paths(&paths);
                    names = true;
                }
                Command::Drain(drain) => {
                    let before = self.drain.filter(|before| *before == Drain::Last);
                    self.drain = before.or(Some(drain));
                    self.follower.ask_drain();
                    names = true;
                }
                Command::Stop => return Woken::Ended,
            }
            next = self.commands.try_recv().ok();
        }
        Woken::By(names)
    }
}
