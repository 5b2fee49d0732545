//! The thread of an input and the two ends of its control: the loop's [`InputThread`], and the
//! thread's own [`Control`]. A thread waits for its source and for what the loop asks, and hands
//! events over without getting stuck on a loop that has ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::{Batch, Event, Fault, Notice};
use crate::counters::{Counter, Counters};
use crate::threads::{self, End};

/// How long [`InputThread::stop`] waits for a thread that hangs in the system, such as in a connect.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a batch waits between two attempts while the channel is full.
const FULL_PAUSE: Duration = Duration::from_millis(2);

/// The value of `Shared::drain` while no drain is asked for.
const NO_DRAIN: u8 = 0;

/// What the loop asks an input to hand over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Drain {
    /// All complete lines that are there.
    All = 1,
    /// All lines, for the end of the run: a last one without newline comes too.
    Last = 2,
}

/// The way to the daemon's loop: a bounded channel.
#[derive(Clone)]
pub struct EventSender(Arc<HandOver>);

/// Hands an event over, and waits for room until the second argument gives true. Gives whether the
/// event was taken.
type HandOver = dyn Fn(Event, &dyn Fn() -> bool) -> bool + Send + Sync;

impl EventSender {
    /// A way over a channel whose messages are made of events by `wrap`.
    pub fn new<T: Send + 'static>(channel: SyncSender<T>, wrap: fn(Event) -> T) -> Self {
        Self(Arc::new(move |event, ended| {
            let mut message = wrap(event);
            loop {
                match channel.try_send(message) {
                    Ok(()) => return true,
                    Err(TrySendError::Disconnected(_)) => return false,
                    Err(TrySendError::Full(back)) => message = back,
                }
                if ended() {
                    return false;
                }
                std::thread::sleep(FULL_PAUSE);
            }
        }))
    }

    /// Hands an event over, waiting for room until `ended` gives true. Gives whether the event was
    /// taken: not by a loop that has ended.
    pub(super) fn send(&self, event: Event, ended: &dyn Fn() -> bool) -> bool {
        (self.0)(event, ended)
    }
}

impl From<SyncSender<Event>> for EventSender {
    fn from(channel: SyncSender<Event>) -> Self {
        Self::new(channel, std::convert::identity)
    }
}

impl std::fmt::Debug for EventSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("EventSender")
    }
}

/// What the loop asks of a thread.
#[derive(Debug)]
struct Shared {
    /// Whether the thread shall end.
    ending: AtomicBool,
    /// The [`Drain`] that is asked for, or [`NO_DRAIN`].
    drain: AtomicU8,
    /// Wakes the thread where it waits for its source.
    wake: EventFd,
}

/// The running thread of an input, as the loop holds it. Dropping it tells the thread to end.
#[derive(Debug)]
pub struct InputThread {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl InputThread {
    /// Asks for all that is there now, and for one [`Event::Drained`] once it was handed over.
    pub fn drain(&self, drain: Drain) {
        self.shared.drain.fetch_max(drain as u8, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the thread, within a second. What it has not handed over is not read.
    pub fn stop(self) {
        self.stop_by(Instant::now() + PATIENCE);
    }

    /// Ends them all within a second.
    pub fn stop_all(handles: Vec<Self>) {
        handles.iter().for_each(Self::end);
        let deadline = Instant::now() + PATIENCE;
        for handle in handles {
            handle.stop_by(deadline);
        }
    }

    fn stop_by(mut self, deadline: Instant) {
        self.end();
        let Some(thread) = self.thread.take() else {
            return;
        };
        while !thread.is_finished() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(2));
        }
        if thread.is_finished() {
            // A panic in it was told, and is the end of the process.
            let _ = thread.join();
        }
    }

    fn end(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn wake(&self) {
        // It fails only when the counter is full: then it is awake.
        let _ = self.shared.wake.write(1);
    }
}

impl Drop for InputThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// The thread's own side of its [`InputThread`].
#[derive(Debug)]
pub(super) struct Control {
    shared: Arc<Shared>,
    events: EventSender,
}

/// Runs `input` in a thread of its own, which must not end before it is asked to.
pub(super) fn spawn(
    name: &str,
    events: EventSender,
    input: impl FnOnce(Control) + Send + 'static,
) -> io::Result<InputThread> {
    let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
    let shared = Arc::new(Shared {
        ending: AtomicBool::new(false),
        drain: AtomicU8::new(NO_DRAIN),
        wake: EventFd::from_value_and_flags(0, flags)?,
    });
    let (own, ending) = (shared.clone(), shared.clone());
    let control = Control {
        shared: own,
        events,
    };
    let thread = threads::standing(name, move || {
        input(control);
        match ending.ending.load(Ordering::SeqCst) {
            true => End::Asked,
            false => End::Unasked,
        }
    })?;
    Ok(InputThread {
        shared,
        thread: Some(thread),
    })
}

impl Control {
    /// Whether the thread shall end.
    pub fn ended(&self) -> bool {
        self.shared.ending.load(Ordering::SeqCst) || threads::fault_point()
    }

    /// What was asked for since the last call. Ask before reading, answer when nothing is left.
    pub fn asked(&self) -> Option<Drain> {
        match self.shared.drain.swap(NO_DRAIN, Ordering::SeqCst) {
            NO_DRAIN => None,
            asked if asked == Drain::All as u8 => Some(Drain::All),
            _ => Some(Drain::Last),
        }
    }

    /// Has [`Self::wait`] of another thread return.
    pub fn rouse(&self) {
        let _ = self.shared.wake.write(1);
    }

    /// Forgets what woke or would wake [`Self::wait`]: what was asked for is looked at next.
    pub fn heard(&self) {
        let _ = self.shared.wake.read();
    }

    /// Hands an event over, waiting for room; false when the thread shall end.
    pub fn send(&self, event: Event) -> bool {
        self.events.send(event, &|| self.ended())
    }

    /// Hands over the lines that have come together, if any; false when the thread shall end.
    pub fn send_batch(&self, batch: Option<Batch>) -> bool {
        batch.is_none_or(|batch| self.send(Event::Batch(batch)))
    }

    /// Tells of a change that is no fault.
    pub fn tell(&self, level: log::Level, text: String) -> bool {
        self.notice(level, text, false, Counters::default())
    }

    /// Tells of a fault of the input, and counts it.
    pub fn fault(&self, text: String) -> bool {
        let mut counters = Counters::default();
        counters.add(Counter::InputFaults, 1);
        self.notice(log::Level::Warn, text, false, counters)
    }

    /// Tells of lines that are lost, here and in the next report.
    pub fn loss(&self, text: String) -> bool {
        let mut counters = Counters::default();
        counters.add(Counter::InputFaults, 1);
        self.notice(log::Level::Warn, text, true, counters)
    }

    /// Tells what is wrong with the input from now on, or that it is well again.
    pub fn health(&self, input: String, fault: Option<String>) -> bool {
        let fault = fault.map(Fault::blind);
        self.send(Event::Health { input, fault })
    }

    fn notice(&self, level: log::Level, text: String, report: bool, counters: Counters) -> bool {
        self.send(Event::Notice(Notice {
            level,
            text,
            report,
            counters,
        }))
    }

    /// Sleeps until one of `sources` can be read, the loop has a word, or `limit` is over. Tells
    /// which sources can be read or are at their end.
    pub fn wait(&self, sources: &[BorrowedFd<'_>], limit: Option<Duration>) -> Vec<bool> {
        let fds = std::iter::once(self.shared.wake.as_fd()).chain(sources.iter().copied());
        let mut fds: Vec<PollFd<'_>> = fds.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        let timeout = limit.map_or(PollTimeout::NONE, |limit| {
            // Rounded up: a zero would be a spin.
            PollTimeout::try_from(limit + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
        });
        if poll(&mut fds, timeout).is_err() {
            // Interrupted by a signal: look at everything.
            return vec![true; sources.len()];
        }
        // What it counted is of no interest.
        let _ = self.shared.wake.read();
        fds[1..].iter().map(|fd| fd.any().unwrap_or(true)).collect()
    }
}

/// A limit for a message that would come again and again: it is due at once, then once a minute.
#[derive(Debug, Default)]
pub(super) struct RateLimit {
    last: Option<Instant>,
    /// Number of messages held back since.
    held: u64,
}

impl RateLimit {
    /// The words to add when the message is due now, nothing when it is to be held back.
    pub fn due(&mut self) -> Option<String> {
        if self
            .last
            .is_some_and(|last| last.elapsed() < Duration::from_secs(60))
        {
            self.held += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(match std::mem::take(&mut self.held) {
            0 => String::new(),
            held => format!(" ({held} more of this kind before)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::sync_channel;

    #[test]
    fn a_thread_stuck_on_a_full_channel_ends() {
        let (events, received) = sync_channel(1);
        let handle = spawn(
            "test",
            events.into(),
            |control| {
                while control.send(Event::Drained) {}
            },
        )
        .unwrap();
        let began = Instant::now();
        handle.stop();
        assert!(began.elapsed() < PATIENCE);
        assert!(matches!(received.recv(), Ok(Event::Drained)));
    }

    #[test]
    fn drains_are_answered_together_and_the_last_one_wins() {
        let (events, _received) = sync_channel(1);
        let (told, seen) = std::sync::mpsc::channel();
        let handle = spawn("test", events.into(), move |control| {
            while !control.ended() {
                control.wait(&[], None);
                if let Some(drain) = control.asked() {
                    told.send(drain).unwrap();
                }
            }
        })
        .unwrap();
        handle.drain(Drain::All);
        assert_eq!(seen.recv().unwrap(), Drain::All);
        handle.drain(Drain::Last);
        assert_eq!(seen.recv().unwrap(), Drain::Last);
        handle.stop();
        assert!(seen.recv().is_err());
    }
}
