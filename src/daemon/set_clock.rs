//! A clock that was set back: what the loop had put off to a time of the clock before must not wait until the clock has
//! come there again.
//!
//! A machine without a battery for its clock starts ahead of the time, or behind it, and is set right when the network
//! is there. What was put off while the clock was ahead has a time that is hours or years away then.

use chrono::TimeDelta;

use super::event_loop::Daemon;
use crate::clock::{EXACT, Time};

impl Daemon {
    /// To be called at each turn of the loop.
    pub(super) fn look_at_clock(&mut self, now: Time) {
        let before = std::mem::replace(&mut self.turned, now);
        if now < before {
            self.clock_was_set_back(now, before - now);
        }
    }

    /// Bounds each time at which the loop does something by the longest time that this may be put off.
    fn clock_was_set_back(&mut self, now: Time, by: TimeDelta) {
        let config = self.monitor.config().clone();
        self.next_check = self.next_check.min(now + config.sleep);
        self.bound_heartbeat(now);
        self.service_status.clock_was_set_back(now);
        self.commits.clock_was_set_back(now);
        self.requests.clock_was_set_back(now);
        self.shutdown.clock_was_set_back(now);
        self.outbox.clock_was_set(now);
        self.monitor.clock_was_set_back(now, by > EXACT);
        if let Some(site) = &mut self.site {
            site.clock_was_set_back(now);
        }
        if by > EXACT {
            log::info!("the clock was set back by {} s", by.num_seconds());
            // The times of reports and hosts are others now, and `tenshi status` judges by what is on disk.
            self.commits.soon(now);
        }
        self.plan();
    }
}
