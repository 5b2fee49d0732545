//! Signals to the daemon, as messages to its loop.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::threads::{self, End};

/// A signal that the daemon obeys (tenshi(8), SIGNALS).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Flush all queues and exit.
    Term,
    /// Flush all queues and exit.
    Int,
    /// Flush all queues and read the configuration again.
    Hup,
    /// Mail what is due.
    Usr1,
    /// Flush all queues.
    Usr2,
}

/// Calls `receive` for each signal, in a thread of its own.
///
/// # Errors
/// When the handlers or the thread cannot be made.
pub fn spawn(receive: impl Fn(Signal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
    let watch = move || {
        for signal in signals.forever() {
            if threads::fault_point() {
                break;
            }
            match signal {
                SIGTERM => receive(Signal::Term),
                SIGINT => receive(Signal::Int),
                SIGHUP => receive(Signal::Hup),
                SIGUSR1 => receive(Signal::Usr1),
                SIGUSR2 => receive(Signal::Usr2),
                _ => {}
            }
        }
        End::Unasked
    };
    threads::standing("signals", watch).map(drop)
}
