//! The follower's thread.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bstr::BString;

use super::Follower;
use super::checkpoint::PathCheckpoints;
use super::follower::{Hints, Turn};
use super::fs::FileSystem;
use crate::clock::Clock;
use crate::counters::Counters;
use crate::input::journal::PositionsChange;
use crate::input::watch::{Hint, Watch};
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

/// What the kernel told and the follower has not taken up yet.
type Pending = Mutex<Hints>;

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
    /// The positions in the journal's files.
    pub journal: PositionsChange,
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
    /// Where the files were begun, for whoever asks first.
    pub fn begun(&mut self) -> Begun {
        std::mem::take(&mut self.begun)
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
        let mut hints = flags.lock().unwrap_or_else(PoisonError::into_inner);
        let first = hints.is_empty();
        match hint {
            Hint::Data(path) => hints.written(path),
            Hint::Names(path) => hints.named(path),
            Hint::All => hints.lost(),
        }
        if first {
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
        ..Begun::default()
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

/// The files that are looked at in a turn.
enum Look {
    /// All of them, and all names.
    All,
    /// The files of which the kernel told, or that wanted another turn.
    Some(Hints),
}

/// What ended a pause.
enum Woken {
    /// Somebody told that there is something to see.
    By(Look),
    /// The time of the pause is over.
    Timeout,
    /// Nobody is left to hand over to.
    Ended,
}

impl<F: FileSystem> FollowerLoop<F> {
    fn run(mut self) -> End {
        let mut look = Look::All;
        // Since when the next look at all files is waited for.
        let mut looked = Instant::now();
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
            let Some(turn) = self.turn(&look) else {
                return End::Unasked;
            };
            if turn.all {
                looked = began;
            }
            // A watch is made before the scan that it is to make needless.
            if let Some(next) = self.watch_anew(&turn) {
                look = next;
                continue;
            }
            let mut all = turn.next;
            if self.watch.polling() {
                all = all.min(POLL);
            }
            let all = (looked + all).saturating_duration_since(Instant::now());
            let pause = match turn.more {
                true => Duration::ZERO,
                false => turn.soon.map_or(all, |soon| soon.min(all)),
            };
            // Not more than a third of the time goes into looking.
            let gather = GATHER
                .max(began.elapsed() * 2)
                .min(Duration::from_millis(100));
            look = match self.wait(pause, gather) {
                Woken::By(next) => {
                    told = true;
                    next
                }
                // A pause in the middle of something is no look of its own.
                Woken::Timeout if pause < all => Look::Some(Hints::default()),
                Woken::Timeout => {
                    told = false;
                    Look::All
                }
                Woken::Ended => return End::Asked,
            };
        }
    }

    /// One turn, and what it leads to. None if nobody is left to hand over to.
    fn turn(&mut self, look: &Look) -> Option<Turn> {
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
        let now = self.clock.now();
        let turn = match look {
            Look::All => {
                self.follower.rescan_names();
                self.follower.turn(now, &mut emit)
            }
            Look::Some(hints) => self.follower.turn_for(now, hints, &mut emit),
        };
        if turn.drained
            && let Some(drain) = self.drain.take()
        {
            if drain == Drain::Last {
                self.follower.finish(self.clock.now(), &mut emit);
            }
            emit(Event::Drained);
        }
        open.then_some(turn)
    }

    /// Watches the directories that are of interest now. What is to be looked at again because of it: what
    /// came while a watch was made is found then.
    fn watch_anew(&mut self, turn: &Turn) -> Option<Look> {
        let added = match turn.all {
            true => self.watch.update(&self.follower.directories()),
            false => {
                let new = self.follower.take_new_directories();
                self.watch.add(&new)
            }
        };
        if added.is_empty() {
            return None;
        }
        if turn.all {
            self.follower.rescan();
            return Some(Look::All);
        }
        Some(Look::Some(Hints {
            directories: added.into_iter().collect(),
            ..Hints::default()
        }))
    }

    /// Waits for a command, a hint or the time of the next scan.
    fn wait(&mut self, pause: Duration, gather: Duration) -> Woken {
        let mut all = false;
        let mut hints = Hints::default();
        let mut next = match self.commands.recv_timeout(pause) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => return Woken::Timeout,
            Err(RecvTimeoutError::Disconnected) => return Woken::Ended,
        };
        while let Some(command) = next {
            match command {
                Command::Wake => {
                    std::thread::sleep(gather);
                    let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    hints.extend(std::mem::take(&mut *pending));
                }
                Command::SetPaths(paths) => {
                    self.follower.set_paths(&paths);
                    all = true;
                }
                Command::Drain(drain) => {
                    let before = self.drain.filter(|before| *before == Drain::Last);
                    self.drain = before.or(Some(drain));
                    self.follower.ask_drain();
                    all = true;
                }
                Command::Stop => return Woken::Ended,
            }
            next = self.commands.try_recv().ok();
        }
        Woken::By(match all || hints.all {
            true => Look::All,
            false => Look::Some(hints),
        })
    }
}
