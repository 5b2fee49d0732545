//! Messages to the service manager (sd_notify(3)). There are none without `$NOTIFY_SOCKET`.

use std::ffi::OsString;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::portable;

/// How long a message that the manager waits for may wait for room in its socket.
const PATIENCE: Duration = Duration::from_secs(2);

/// What becomes of a message while the manager's socket is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    /// It is left out: a later one says more.
    LeftOut,
    /// It waits for [`PATIENCE`].
    Waits,
}

/// The address of the manager's socket.
fn manager() -> Option<OsString> {
    std::env::var_os("NOTIFY_SOCKET")
}

/// Sends a message. `sd_notify::notify` waits without an end for a manager that hangs, and lines with it.
fn tell(states: &[NotifyState<'_>], full: Full) {
    let Some(manager) = manager() else {
        return;
    };
    let send = || -> io::Result<usize> {
        let socket = UnixDatagram::unbound()?;
        match full {
            Full::LeftOut => socket.set_nonblocking(true)?,
            Full::Waits => socket.set_write_timeout(Some(PATIENCE))?,
        }
        let text: String = states.iter().map(|state| format!("{state}\n")).collect();
        socket.send_to_addr(text.as_bytes(), &portable::socket_address(&manager)?)
    };
    // A manager that does not listen changes nothing about our work.
    let _ = send();
}

/// Whether there is a service manager that listens.
pub fn managed() -> bool {
    manager().is_some()
}

/// Tells that the daemon runs.
pub fn ready() {
    tell(&[NotifyState::Ready], Full::Waits);
}

/// Tells that the configuration is being read again.
pub fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    tell(&states, Full::Waits);
}

/// Tells that the daemon is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping], Full::Waits);
}

/// Tells in one line what the daemon does, for `systemctl status`.
pub fn status(text: &str) {
    // A line is an assignment to the manager, so ours must stay one.
    let text = text.replace(['\n', '\r'], " ");
    tell(&[NotifyState::Status(&text)], Full::LeftOut);
}

/// The interval in which [`alive`] must be called, if at all (`WatchdogSec=`).
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Tells the watchdog that the daemon is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog], Full::LeftOut);
}
