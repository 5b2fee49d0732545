//! Messages to the service manager (sd_notify(3)). There are none without `$NOTIFY_SOCKET`.

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(states: &[NotifyState<'_>]) {
    // A manager that does not listen changes nothing about our work.
    let _ = sd_notify::notify(states);
}

/// Whether there is a service manager that listens.
pub fn managed() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Tells that the daemon runs.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells that the configuration is being read again.
pub fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    tell(&states);
}

/// Tells that the daemon is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells in one line what the daemon does, for `systemctl status`.
pub fn status(text: &str) {
    // A line is an assignment to the manager, so ours must stay one.
    tell(&[NotifyState::Status(&text.replace(['\n', '\r'], " "))]);
}

/// The interval in which [`alive`] must be called, if at all (`WatchdogSec=`).
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Tells the watchdog that the daemon is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}
