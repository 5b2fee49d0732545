//! What the service manager is told (sd_notify). Silent without `$NOTIFY_SOCKET`.

use std::time::Duration;

use sd_notify::NotifyState;

fn tell(states: &[NotifyState<'_>]) {
    // A manager that does not listen changes nothing about our work.
    let _ = sd_notify::notify(states);
}

/// The daemon runs.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read again.
pub fn reloading() {
    let mut states = vec![NotifyState::Reloading];
    states.extend(NotifyState::monotonic_usec_now().ok());
    tell(&states);
}

/// The daemon is about to end.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// One line about what we do, for `systemctl status`.
pub fn status(text: &str) {
    // A line is an assignment to the manager, so ours must stay one.
    tell(&[NotifyState::Status(&text.replace(['\n', '\r'], " "))]);
}

/// How often [`alive`] must be called, if at all (`WatchdogSec=`).
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// The daemon is alive.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}
