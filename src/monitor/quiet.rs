//! The text of a report without lines (`set quiet`).

use chrono::Local;

use super::heard::Heard;
use super::monitor::Monitor;
use crate::clock::Time;
use crate::counters::Counter;

impl Monitor {
    /// What was heard since the last reports, for a snapshot.
    pub fn saved_heard(&self) -> &Heard {
        &self.heard
    }

    /// Notes that a queue has a report. Gives what a report without lines tells, if it is to be mailed too.
    pub(super) fn heard_until(&mut self, queue: &str, start: Time) -> Option<String> {
        let read = self.counters.get(Counter::Lines);
        let heard = self.heard.reported(queue, read)?;
        Some(all_quiet(start, &heard))
    }
}

/// `All quiet since Mon 30 Nov 12:00: 12 hosts, 1,234 lines read, nothing for this queue`
pub(super) fn all_quiet(start: Time, heard: &str) -> String {
    let start = start.with_timezone(&Local).format("%a %e %b %H:%M");
    let start = start.to_string().replace("  ", " ");
    format!("All quiet since {start}: {heard}")
}
