//! The heartbeat: signs of life that `tenshi status` looks for, and the look at what may hang.

use std::time::Duration;

use super::event_loop::Daemon;
use crate::clock::Time;
use crate::input::Fault;

/// The time between two heartbeats, if the loop is awake: it wakes at least each 300 s.
const HEARTBEAT: Duration = Duration::from_secs(60);
/// A follower that has not looked at its files for this long hangs: it looks each 300 s.
const STILL: Duration = Duration::from_secs(900);
/// The name under which the fault is kept.
const NAME: &str = "log files";

impl Daemon {
    /// To be called when the clock was set back: the last heartbeat stands ahead of the clock, so that nobody can see
    /// by it whether the loop hangs. The next one is due at once.
    pub(super) fn bound_heartbeat(&mut self, now: Time) {
        self.next_heartbeat = self.next_heartbeat.min(now);
    }

    /// Shows that the loop moves, and looks whether the follower does.
    pub(super) fn heartbeat(&mut self, now: Time) {
        if now < self.next_heartbeat {
            return;
        }
        self.next_heartbeat = now + HEARTBEAT;
        self.commits.beat();
        if self.shutdown.ending.is_none() {
            self.verify_directory(now);
        }
        let still = self.inputs.still().filter(|still| *still >= STILL);
        if still.is_some() != self.faults.contains_key(NAME) {
            let fault = still.map(|still| {
                let minutes = still.as_secs() / 60;
                let text = format!(
                    "not looked at for {minutes} min: the thread that reads them hangs, perhaps \
                     in a file system that does not answer"
                );
                log::error!("{NAME}: {text}");
                Fault::blind(text)
            });
            self.health(NAME.to_owned(), fault);
        }
    }
}
