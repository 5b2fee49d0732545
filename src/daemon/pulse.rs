//! The signs of life that `tenshi status` looks for.

use std::time::Duration;

use super::Daemon;
use crate::clock::Time;
use crate::input::Fault;

/// The loop shows that it moves at most this often. It wakes at least each 300 s.
const BEAT: Duration = Duration::from_secs(60);
/// A follower that has not looked at its files for this long hangs: it looks each 300 s.
const STILL: Duration = Duration::from_secs(900);
/// The name of the fault.
const NAME: &str = "log files";

impl Daemon {
    /// Shows that the loop moves, and looks whether the follower does.
    pub(super) fn beat(&mut self, now: Time) {
        if now < self.next_beat {
            return;
        }
        self.next_beat = now + BEAT;
        self.commits.beat();
        if self.ending.is_none() {
            self.hold_place(now);
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
